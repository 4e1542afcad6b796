#include "report/summary_text.h"

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/text.h"
#include "report/energy_words.h"
#include "report/granted_words.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define COMMAND_SHOWN 8192 /* bytes of a command line: more than any line can show */

static bool target_is(const struct summary *s, const char *target)
{
    return s->target != NULL && strcmp(s->target, target) == 0;
}

void put_wait_status(struct buffer *ret, int status)
{
    if (WIFSIGNALED(status))
        put_signal(ret, WTERMSIG(status));
    else
        buffer_printf(ret, "exit %d", WEXITSTATUS(status));
}

void put_process_name(struct buffer *ret, const struct tacho_process *p)
{
    buffer_put_text(ret, p->comm[0] != '\0' ? p->comm : "a process");
    if (p->pid != 0) /* logs need not say */
        buffer_printf(ret, " (pid %d)", p->pid);
}

void put_command_line(struct buffer *ret, const struct tacho_process *p)
{
    size_t n = p->argv_bytes < COMMAND_SHOWN ? p->argv_bytes : COMMAND_SHOWN;
    if (n == 0) {
        buffer_printf(ret, "[%s]", p->comm[0] != '\0' ? p->comm : "?");
        return;
    }
    /* Where the program lies matters less than what it was told to do. */
    size_t program = strnlen(p->argv, n), skip = 0;
    for (size_t i = 0; p->argv[0] == '/' && i + 1 < program; i++)
        if (p->argv[i] == '/')
            skip = i + 1;
    text_put_shell(ret, p->argv + skip, n - skip);
}

/* ---- the head ---- */

static const struct tacho_process *root_of(const struct summary *s, size_t *ret_roots)
{
    const struct tacho_process *root = NULL;
    *ret_roots = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        const struct tacho_process *p = tacho_process(s->rec, i);
        if ((p->flags & TACHO_PROCESS_ROOT) == 0)
            continue;
        (*ret_roots)++;
        if (root == NULL)
            root = p;
    }
    return root;
}

/* The logs that it was imported from. */
static void put_logs(struct buffer *ret, const char *logs, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += logs[i] == '\0';
    buffer_put_text(ret, logs);
    if (count > 1)
        buffer_printf(ret, " and %zu more", count - 1);
}

void put_summary_title(struct buffer *ret, const struct summary *s)
{
    size_t roots, log_bytes,
        n = s->command_bytes < COMMAND_SHOWN ? s->command_bytes : COMMAND_SHOWN;
    const struct tacho_process *root = root_of(s, &roots);
    const char *logs = tacho_fact_text(s->rec, "imported_from", &log_bytes);
    if (n > 0) {
        text_put_shell(ret, s->command, n);
    } else if (target_is(s, "machine")) {
        buffer_printf(ret, "the machine %s", s->host != NULL ? s->host : "");
    } else if (logs != NULL) {
        put_logs(ret, logs, log_bytes);
    } else if (root != NULL) {
        buffer_printf(ret, "process %d", root->pid);
        if (roots > 1)
            buffer_printf(ret, " and %zu more", roots - 1);
        buffer_put_text(ret, ": ");
        put_command_line(ret, root);
    } else {
        buffer_put_text(ret, "a recording without its beginning");
    }
}

enum ink put_summary_verdict(struct buffer *words, const struct summary *s)
{
    enum ink ink = INK_PLAIN;
    if (s->root_status != SUMMARY_UNKNOWN) {
        int status = (int)s->root_status;
        if (WIFSIGNALED(status))
            buffer_put_text(words, "killed by ");
        put_wait_status(words, status);
        put_ending(words, s);
        ink = status == 0 ? INK_PLAIN : INK_BAD;
    } else if (!s->ended) {
        buffer_put_text(words, "the recording ends without its end: the recorder was killed or is "
                               "still writing;");
        ink = INK_WARNING;
    } else if (s->end_reason != NULL && strcmp(s->end_reason, "ended") != 0) {
        buffer_put_text(words, target_is(s, "launch") ? "still running when recording stopped"
                               : target_is(s, "log")  ? "the log ends"
                                                      : "recording stopped");
    } else {
        buffer_put_text(words, "ended");
    }
    buffer_put_text(words,
                    s->ended || s->root_status != SUMMARY_UNKNOWN ? " after " : " recorded ");
    put_duration(words, s->wall_ns);
    return ink;
}

static void put_head(const struct page *page, const struct summary *s)
{
    struct buffer words = {0};
    put_summary_title(&words, s);
    page_line(page, INK_STRONG, 0, words.data, words.len);
    buffer_clear(&words);
    enum ink ink = put_summary_verdict(&words, s);
    page_wrap(page, ink, 0, 0, (const char *)words.data, words.len);
    buffer_clear(&words);
    if (s->host != NULL && !target_is(s, "machine"))
        buffer_printf(&words, "on %s, ", s->host);
    if (s->started_real_ns != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, "from ");
        put_local_time(&words, s->started_real_ns);
        buffer_put_text(&words, ", ");
    }
    if (s->interval_ns != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, "sampled every ");
        put_interval(&words, s->interval_ns);
    }
    page_wrap(page, INK_FAINT, 0, 0, (const char *)words.data, words.len);
    page->out->failed |= words.failed;
    buffer_done(&words);
    page_end_line(page);
}

/* ---- figures ---- */

static void put_cores(struct buffer *ret, double mean, double peak, const struct summary *s)
{
    put_decimal(ret, mean, 2);
    put_processors_of(ret, s);
    buffer_put_text(ret, " cores on average");
    if (!isnan(peak)) {
        buffer_put_text(ret, ", ");
        put_decimal(ret, peak, 2);
        buffer_put_text(ret, " at most");
    }
}

static double machine_mean(const struct summary *s)
{
    return s->machine.span_ns == SUMMARY_UNKNOWN || s->machine.span_ns == 0
               ? NAN
               : (double)s->machine.busy_ns / (double)s->machine.span_ns;
}

#define OTHERS_WORTH_A_WORD 0.25 /* cores */

static void put_cpu(const struct page *page, const struct summary *s)
{
    struct buffer figure = {0}, words = {0};
    put_duration(&figure, s->cpu.total_ns);
    if (!isnan(s->cpu.mean_cores))
        put_cores(&words, s->cpu.mean_cores, s->cpu.peak_cores, s);
    page_figure(page, "CPU", &figure, &words);
    buffer_clear(&words);
    if (s->cpu.user_ns != SUMMARY_UNKNOWN) {
        put_duration(&words, s->cpu.user_ns);
        buffer_put_text(&words, " user, ");
        put_duration(&words, s->cpu.system_ns);
        buffer_put_text(&words, s->cpu.exact ? " system" : " system, by samples");
    }
    page_more(page, INK_FAINT, &words);
    buffer_clear(&words);
    put_group_throttling(&words, &s->granted);
    page_more(page, INK_WARNING, &words);
    double others = machine_mean(s) - s->cpu.mean_cores;
    if (others > OTHERS_WORTH_A_WORD) {
        buffer_clear(&words);
        buffer_put_text(&words, "others on this machine used ");
        put_decimal(&words, others, 2);
        buffer_put_text(&words, " cores meanwhile");
        page_more(page, INK_WARNING, &words);
    }
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

static void put_memory(const struct page *page, const struct summary *s,
                       const struct scopes *scopes)
{
    struct buffer figure = {0}, words = {0};
    const struct tacho_process *owner =
        s->memory.owner == SUMMARY_NOBODY ? NULL : tacho_process(s->rec, s->memory.owner);
    if (s->memory.peak_rss_bytes == SUMMARY_UNKNOWN)
        return;
    put_bytes(&figure, s->memory.peak_rss_bytes);
    buffer_put_text(&words, "resident (RSS) at the peak");
    if (s->memory.peak_after_ns != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, ", ");
        put_duration(&words, s->memory.peak_after_ns);
        buffer_put_text(&words, " in");
    }
    if (owner != NULL && s->memory.peak_from_kernel) {
        buffer_put_text(&words, " of ");
        put_process_name(&words, owner);
        buffer_put_text(&words, " alone, by the kernel's account");
    } else if (owner != NULL && s->memory.owner_rss_bytes < s->memory.peak_rss_bytes) {
        buffer_put_text(&words, "; ");
        put_bytes(&words, s->memory.owner_rss_bytes);
        buffer_put_text(&words, " of it ");
        put_process_name(&words, owner);
    }
    page_figure(page, "Memory", &figure, &words);
    buffer_clear(&words);
    if (s->memory.peak_pss_bytes != SUMMARY_UNKNOWN &&
        s->memory.peak_pss_bytes < s->memory.peak_rss_bytes) {
        put_bytes(&words, s->memory.peak_pss_bytes);
        buffer_put_text(&words, " counting shared memory once (PSS)");
    }
    page_more(page, INK_FAINT, &words);
    buffer_clear(&words);
    put_group_memory(&words, &s->granted);
    page_more(page, INK_FAINT, &words);
    summary_put_moment(page, s, &scopes->moment);
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

static void put_transfer(const struct page *page, const struct summary *s, const char *label,
                         const char *direction, uint64_t storage, uint64_t chars, uint64_t calls)
{
    struct buffer figure = {0}, words = {0};
    if (storage == SUMMARY_UNKNOWN && chars == SUMMARY_UNKNOWN && target_is(s, "log"))
        return; /* nobody looked */
    if (storage == SUMMARY_UNKNOWN)
        buffer_put_text(&figure, "unknown");
    else
        put_bytes(&figure, storage);
    buffer_printf(&words, "%s storage", direction);
    if (chars != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, "; ");
        put_bytes(&words, chars);
    }
    if (chars != SUMMARY_UNKNOWN && calls != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, " by ");
        put_count(&words, calls);
        buffer_put_text(&words, calls == 1 ? " call" : " calls");
    }
    page_figure(page, label, &figure, &words);
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

static void put_processes(const struct page *page, const struct summary *s)
{
    struct buffer figure = {0}, words = {0};
    put_count(&figure, s->row_count);
    const char *between = "";
    if (s->processes.peak_concurrent != SUMMARY_UNKNOWN) {
        put_count(&words, s->processes.peak_concurrent);
        buffer_put_text(&words, " at once at most");
        between = ", ";
    }
    if (s->threads_peak != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, between);
        put_count(&words, s->threads_peak);
        buffer_put_text(&words, s->threads_peak == 1 ? " thread" : " threads");
        between = ", ";
    }
    if (s->tcp_peak != SUMMARY_UNKNOWN && s->tcp_peak > 0) {
        buffer_put_text(&words, between);
        put_count(&words, s->tcp_peak);
        buffer_put_text(&words, s->tcp_peak == 1 ? " TCP connection" : " TCP connections");
    }
    page_figure(page, "Processes", &figure, &words);
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

/* By the drivers of the kernel's own; the proprietary one of NVIDIA's tells in another way. */
static void put_drm(const struct page *page, const struct summary *s)
{
    struct buffer figure = {0}, words = {0};
    if (s->drm_engine_ns == SUMMARY_UNKNOWN && s->drm_peak_memory_bytes == SUMMARY_UNKNOWN)
        return;
    if (s->drm_engine_ns != SUMMARY_UNKNOWN)
        put_duration(&figure, s->drm_engine_ns);
    else
        buffer_put_text(&figure, "unknown");
    buffer_put_text(&words, "of GPU engines");
    if (s->drm_peak_memory_bytes != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, "; ");
        put_bytes(&words, s->drm_peak_memory_bytes);
        buffer_put_text(&words, " of memory at most in one process");
    }
    page_figure(page, "GPU", &figure, &words);
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

static void put_machine(const struct page *page, const struct summary *s)
{
    struct buffer figure = {0}, words = {0};
    if (s->machine.busy_ns != SUMMARY_UNKNOWN) {
        put_duration(&figure, s->machine.busy_ns);
        put_cores(&words, machine_mean(s), s->machine.peak_cores, s);
        page_figure(page, "CPU", &figure, &words);
    }
    buffer_clear(&figure);
    buffer_clear(&words);
    if (s->machine.peak_used_bytes != SUMMARY_UNKNOWN) {
        put_bytes(&figure, s->machine.peak_used_bytes);
        buffer_put_text(&words, "in use at most");
        if (s->memory_total_bytes != SUMMARY_UNKNOWN) {
            buffer_put_text(&words, ", of ");
            put_bytes(&words, s->memory_total_bytes);
        }
        page_figure(page, "Memory", &figure, &words);
    }
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

static void put_figures(const struct page *page, const struct summary *s,
                        const struct scopes *scopes)
{
    if (s->of_machine) {
        put_machine(page, s);
        energy_put_text(page, s);
        return;
    }
    if (s->cpu.total_ns != SUMMARY_UNKNOWN)
        put_cpu(page, s);
    put_memory(page, s, scopes);
    put_transfer(page, s, "Read", "from", s->io[SUMMARY_READ_BYTES], s->io[SUMMARY_READ_CHARS],
                 s->io[SUMMARY_READ_COUNT]);
    put_transfer(page, s, "Written", "to", s->io[SUMMARY_WRITE_BYTES], s->io[SUMMARY_WRITE_CHARS],
                 s->io[SUMMARY_WRITE_COUNT]);
    put_processes(page, s);
    put_drm(page, s);
    energy_put_text(page, s);
}

void summary_put_text(const struct page *page, const struct summary *s, const struct scopes *scopes)
{
    put_head(page, s);
    put_figures(page, s, scopes);
    summary_put_over_time(page, s);
    summary_put_tables(page, s);
    summary_put_gpus(page, s);
    summary_put_scopes(page, s, scopes);
    summary_put_unknown(page, s);
}
