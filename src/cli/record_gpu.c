#include "cli/record_gpu.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/cli.h"

#define DRIVER_PATIENCE_NS (30 * NS_PER_S) /* without persistence a GPU wakes up for seconds */
#define HEAD_PATIENCE_NS (2 * NS_PER_S)

static bool has(const struct gpu_choice *choice, unsigned index)
{
    for (unsigned i = 0; i < choice->count; i++)
        if (choice->index[i] == index)
            return true;
    return false;
}

int gpu_choice_parse(const char *text, struct gpu_choice *ret)
{
    struct gpu_choice choice = {.none = strcmp(text, "none") == 0};
    struct text t = text_of(text, strlen(text));
    bool list = !choice.none && strcmp(text, "auto") != 0;
    for (bool more = list; more; more = t.at < t.end) {
        uint64_t index;
        if (!text_take_u64(&t, &index) || index >= GPUS_MAX ||
            (t.at < t.end && (!text_take_literal(&t, ",") || t.at == t.end)))
            return cli_usage("--gpu takes 'auto', 'none' or numbers below %d with commas between, "
                             "not '%s'",
                             GPUS_MAX, text);
        if (!has(&choice, (unsigned)index))
            choice.index[choice.count++] = (unsigned)index;
    }
    *ret = choice;
    return 0;
}

int record_gpu_begin(const struct gpu_choice *choice, const struct source_root *root,
                     uint64_t interval_ns, bool known_first, struct gpu_sampler **ret)
{
    const struct gpu_thread_config config = {.root = root,
                                             .chosen = choice->index,
                                             .chosen_count = choice->count,
                                             .interval_ns = interval_ns};
    struct gpu_thread *thread;
    const char *why;
    *ret = NULL;
    if (choice->none)
        return 0;
    int r = gpu_thread_new(&config, &thread);
    if (r != 0)
        return choice->count == 0 ? 0 : cli_failed("cannot record GPUs: %s", strerror(-r));
    if (choice->count > 0)
        r = gpu_thread_wait(thread, DRIVER_PATIENCE_NS, &why);
    else if (known_first)
        gpu_thread_wait(thread, HEAD_PATIENCE_NS, NULL);
    int status = 0;
    if (r == -EAGAIN)
        status = cli_failed("cannot record GPUs: their driver does not answer; leave --gpu out to "
                            "go on without");
    else if (r != 0)
        status = cli_failed("cannot record GPUs: %s", why);
    if (status != 0)
        gpu_thread_free(thread);
    else
        *ret = gpu_sampler_new(thread, interval_ns);
    return status;
}
