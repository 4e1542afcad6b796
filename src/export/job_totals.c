#include "export/job_totals.h"

#include <string.h>
#include <sys/wait.h>

struct gathering {
    struct job_totals *totals;
    uint64_t before_ns, before_cpu_ns;
};

static int on_tick(void *user, const struct tree_tick *tick)
{
    struct gathering *g = user;
    struct job_totals *t = g->totals;
    t->last = *tick;
    t->ticks++;
    t->known |= tick->known;
    for (unsigned m = 0; m < PROCESS_METRICS; m++) {
        if (tick->sum[m] > t->peak[m])
            t->peak[m] = tick->sum[m];
        t->mean[m] += ((double)tick->sum[m] - t->mean[m]) / (double)t->ticks;
    }
    if (tick->most[PROCESS_PEAK_RSS] > t->peak_rss_bytes)
        t->peak_rss_bytes = tick->most[PROCESS_PEAK_RSS];
    uint64_t wall_ns = tick->time_ns - g->before_ns;
    double cores =
        wall_ns == 0 ? 0 : (double)(tick->grown[LINEAGE_CPU] - g->before_cpu_ns) / (double)wall_ns;
    if (t->ticks > 1 && cores > t->peak_cores)
        t->peak_cores = cores;
    g->before_ns = tick->time_ns;
    g->before_cpu_ns = tick->grown[LINEAGE_CPU];
    return 0;
}

static void take_ends(const struct tacho_recording *rec, struct job_totals *t)
{
    uint64_t status;
    for (size_t i = 0; i < tacho_process_count(rec); i++) {
        const struct tacho_process *p = tacho_process(rec, i);
        bool told = (p->flags & TACHO_PROCESS_ACCOUNT) != 0 &&
                    (p->account.known & TACHO_ACCOUNT_PEAK_RSS) != 0;
        if (told && p->account.peak_rss_bytes > t->peak_rss_bytes)
            t->peak_rss_bytes = p->account.peak_rss_bytes;
    }
    if (!tacho_fact_number(rec, "root_wait_status", &status) || status > INT32_MAX)
        return;
    t->exited = WIFEXITED((int)status);
    t->signalled = WIFSIGNALED((int)status);
    t->code = t->exited ? WEXITSTATUS((int)status) : t->signalled ? WTERMSIG((int)status) : 0;
}

int job_totals_gather(struct export *export, struct job_totals *ret)
{
    struct gathering g = {.totals = ret};
    *ret = (struct job_totals){0};
    int r = tree_ticks_run(export, &(struct tree_listener){.user = &g, .tick = on_tick});
    if (r < 0)
        return r;
    take_ends(export->rec, ret);
    if (ret->peak[PROCESS_RSS] > ret->peak_rss_bytes)
        ret->peak_rss_bytes = ret->peak[PROCESS_RSS];
    if (!tacho_fact_number(export->rec, "wall_ns", &ret->wall_ns))
        ret->wall_ns = tacho_last_ns(export->rec) - export->start_ns;
    if (!tacho_fact_number(export->rec, "memory_bytes", &ret->memory_bytes))
        ret->memory_bytes = 0;
    if (ret->wall_ns > 0)
        ret->mean_cores = (double)ret->last.grown[LINEAGE_CPU] / (double)ret->wall_ns;
    if (ret->mean_cores > ret->peak_cores)
        ret->peak_cores = ret->mean_cores;
    return 0;
}
