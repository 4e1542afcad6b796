#include "export/tree_live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "export/tree_pass.h"
#include "record/recording_sink.h"

struct tree_live {
    struct export export;
    struct recording *facts; /* a recording of facts alone, in memory: what writers ask for them */
    int facts_fd;
    struct tree_listener listener;
    struct tree_pass pass;
    bool begun, ending, timed;
    uint64_t tick_cpu_ns; /* this thread's, as the first tick began */
};

int tree_live_new(const struct tree_live_options *options, struct tree_live **ret)
{
    struct tree_live *live = calloc(1, sizeof *live);
    if (live == NULL)
        return -ENOMEM;
    live->export.options = (struct export_options){
        .format = options->format, .output = options->output, .overwrite = options->overwrite};
    live->export.drain.write = options->write;
    live->export.drain.context = options->context;
    live->facts_fd = memfd_create("tacho-facts", MFD_CLOEXEC);
    int r = live->facts_fd < 0 ? -errno : 0;
    int fd = r == 0 ? fcntl(live->facts_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (r == 0 && fd < 0)
        r = -errno;
    if (r == 0)
        r = recording_create(&(struct recording_options){.fd = fd, .interval_ns = NS_PER_S},
                             &live->facts);
    if (r == 0) {
        *ret = live;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    tree_live_free(live);
    return r;
}

void tree_live_free(struct tree_live *live)
{
    if (live == NULL)
        return;
    if (live->begun) {
        live->export.options.format->tree->close(live->listener.user);
        tree_pass_done(&live->pass);
    }
    tacho_recording_close(live->export.rec);
    recording_close(live->facts);
    if (live->facts_fd >= 0)
        close(live->facts_fd);
    buffer_done(&live->export.drain.buffer);
    free(live);
}

/* Those that are told now and then are of use at their last: until then they would only pile up. */
int tree_live_fact(struct tree_live *live, const struct record *fact)
{
    if (live->begun && !live->ending)
        return 0;
    struct sample_sink sink = recording_sink(live->facts);
    sink.record(sink.user, fact);
    return 0;
}

/* ---- ticks ---- */

/* Facts are read from here on. */
static int read_facts(struct tree_live *live)
{
    int r = recording_flush(live->facts);
    int fd = r == 0 ? fcntl(live->facts_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (r == 0)
        r = fd < 0 ? -errno : tacho_recording_open_fd(fd, &live->export.rec, NULL);
    if (r < 0 && fd >= 0)
        close(fd);
    return r;
}

/* The first of those that were launched or named. */
static int root_pid(const struct tacho_recording *rec)
{
    uint64_t pid;
    size_t n = 0;
    const char *pids = tacho_fact_text(rec, "root_pids", &n);
    struct text t = text_of(pids == NULL ? "" : pids, n);
    return text_take_u64(&t, &pid) && pid <= INT32_MAX ? (int)pid : 0;
}

static int begin(struct tree_live *live, uint64_t now_ns)
{
    struct export *export = &live->export;
    int r = read_facts(live);
    if (r < 0)
        return r;
    if (!tacho_fact_number(export->rec, "started_ns", &export->start_ns))
        export->start_ns = now_ns;
    live->begun = true;
    r = export->options.format->tree->open(export, root_pid(export->rec), &live->listener);
    return r == 0 ? tree_pass_open(&live->pass, export, &live->listener) : r;
}

int tree_live_tick(struct tree_live *live, uint64_t now_ns)
{
    live->export.live.mono_ns = clock_mono_ns();
    live->export.live.real_ns = clock_real_ns();
    int r = live->begun ? 0 : begin(live, now_ns);
    if (!live->timed)
        live->tick_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return r == 0 ? tree_pass_tick(&live->pass, now_ns) : r;
}

int tree_live_end_tick(struct tree_live *live)
{
    if (!live->timed)
        live->export.live.sample_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - live->tick_cpu_ns;
    live->timed = true;
    if (live->ending)
        return 0;
    int r = tree_pass_end_tick(&live->pass);
    return r == 0 ? live->export.options.format->tree->flush(live->listener.user) : r;
}

void tree_live_ending(struct tree_live *live)
{
    live->ending = true;
}

int tree_live_finish(struct tree_live *live)
{
    if (!live->begun)
        return 0;
    int r = recording_flush(live->facts);
    if (r == 0)
        r = tacho_recording_refresh(live->export.rec, NULL);
    if (r >= 0)
        r = tree_pass_finish(&live->pass);
    return r == 0 ? live->export.options.format->tree->flush(live->listener.user) : r;
}

/* ---- processes ---- */

int tree_live_born(struct tree_live *live, size_t place, const struct tacho_process *process)
{
    int r = lineage_walk_born(&live->pass.lineage, process);
    return r == 0 ? tree_pass_born(&live->pass, place, process) : r;
}

int tree_live_changed(struct tree_live *live, size_t place, const struct tacho_process *process)
{
    const struct tree_listener *l = &live->listener;
    return l->changed == NULL ? 0 : l->changed(l->user, place, process);
}

int tree_live_process(struct tree_live *live, size_t place, bool forked,
                      const struct tacho_sample *sample)
{
    return tree_pass_process(&live->pass, place, forked, sample);
}

int tree_live_other(struct tree_live *live, const struct tacho_sample *sample)
{
    tree_pass_other(&live->pass, sample);
    return 0;
}

void tree_live_gone(struct tree_live *live, const struct tacho_process *process)
{
    lineage_walk_ended(&live->pass.lineage, process);
}

int tree_live_ended(struct tree_live *live, size_t place, const struct tacho_process *process)
{
    const struct tree_listener *l = &live->listener;
    return l->ended == NULL ? 0 : l->ended(l->user, place, process);
}
