#include "analyse/findings.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "analyse/programs.h"

/* From where on something is worth a word. */
#define MEMORY_FULL 0.9      /* of the machine's */
#define THROTTLED_LEAST 0.05 /* of the periods */
#define SWAP_LEAST (1u << 20)
#define IO_WAIT_LEAST 0.1 /* of the wall time */
#define OTHERS_LEAST 0.05 /* of the machine, and so many cores: */
#define OTHERS_LEAST_CORES 0.25
#define MOST_OF_TIME 0.5
#define ONE_CORE_FROM 0.8
#define ONE_CORE_TO 1.2
#define ALL_CORES 0.9
#define WAITING_CORES 0.1
#define WAITING_LEAST_NS UINT64_C(2000000000) /* nobody wonders about less */
#define GPU_USED 0.1                          /* of the time */
#define GPU_HELD_LEAST 0.1                    /* likewise */
#define SHORT_LEAST 100                       /* processes */
#define SHORT_CPU_LEAST 0.25
#define OWNER_LEAST 0.5 /* of the peak, and so many bytes: */
#define OWNER_LEAST_BYTES (16u << 20)
#define SKIPPED_LEAST 0.01 /* of all ticks */
#define CATEGORY_LEAST 0.3 /* of the time */

static struct finding *add(struct findings *f, enum finding_kind kind, enum severity severity)
{
    struct finding *ret = &f->finding[f->count++];
    *ret = (struct finding){
        .kind = kind, .severity = severity, .share = NAN, .cores = NAN, .row = SUMMARY_NOBODY};
    return ret;
}

/* ---- how it ended ---- */

static void look_at_end(struct findings *f, const struct summary *s)
{
    if (s->root_status != SUMMARY_UNKNOWN && s->root_status != 0)
        add(f, FINDING_ROOT_FAILED, SEVERITY_BAD)->status = (int)s->root_status;
    if (!s->ended)
        add(f, FINDING_UNFINISHED, SEVERITY_WARNING);
}

/* Those below the root: how that one ended is a finding of its own. */
static int look_at_failures(struct findings *f, const struct summary *s)
{
    uint64_t of_root = s->root_status != SUMMARY_UNKNOWN && s->root_status != 0;
    if (s->processes.failed <= of_root)
        return 0;
    struct program *programs, *most = NULL;
    size_t count;
    if (programs_make(s, &programs, &count) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (most == NULL || programs[i].failed > most->failed)
            most = &programs[i];
    struct finding *it = add(f, FINDING_FAILED, SEVERITY_WARNING);
    it->count = s->processes.failed;
    it->of = s->row_count;
    it->name = most != NULL ? most->name : NULL;
    free(programs);
    return 0;
}

/* ---- memory ---- */

static void look_at_memory(struct findings *f, const struct summary *s)
{
    uint64_t used = s->machine.peak_used_bytes, all = s->memory_total_bytes;
    if (used == SUMMARY_UNKNOWN || all == SUMMARY_UNKNOWN ||
        (double)used < MEMORY_FULL * (double)all)
        return;
    struct finding *it = add(f, FINDING_MEMORY_FULL, SEVERITY_WARNING);
    it->bytes = used;
    it->of_bytes = all;
}

static bool some(uint64_t count)
{
    return count != SUMMARY_UNKNOWN && count > 0;
}

static void look_at_group_oom(struct findings *f, const struct summary *s)
{
    const struct granted *g = &s->granted;
    if (!some(g->oom_kills))
        return;
    struct finding *it = add(f, FINDING_GROUP_OOM, SEVERITY_BAD);
    it->count = g->oom_kills;
    it->of_bytes = g->memory_max_bytes;
    it->of = granted_oom_is_own(g);
}

/* By a counter of the whole machine's, without those that are known to be the group's. */
static void look_at_oom(struct findings *f, const struct summary *s)
{
    uint64_t own = some(s->granted.oom_kills) ? s->granted.oom_kills : 0;
    if (some(s->machine.oom_kills) && s->machine.oom_kills > own)
        add(f, FINDING_OOM, SEVERITY_BAD)->count = s->machine.oom_kills - own;
}

static void look_at_group_memory(struct findings *f, const struct summary *s)
{
    const struct granted *g = &s->granted;
    if (some(g->oom_kills) || g->memory_peak_bytes == SUMMARY_UNKNOWN ||
        g->memory_max_bytes == SUMMARY_UNKNOWN ||
        (double)g->memory_peak_bytes < MEMORY_FULL * (double)g->memory_max_bytes)
        return;
    struct finding *it = add(f, FINDING_GROUP_MEMORY, SEVERITY_WARNING);
    it->bytes = g->memory_peak_bytes;
    it->of_bytes = g->memory_max_bytes;
}

static void look_at_swap(struct findings *f, const struct summary *s)
{
    uint64_t most, when;
    uint32_t tree = tacho_entity_first(s->rec, TACHO_TREE);
    int swap = tacho_metric_find(s->rec, TACHO_TREE, "swap");
    if (tree == 0 || swap < 0 || tacho_peak(s->rec, tree, (unsigned)swap, &most, &when) != 0 ||
        most < SWAP_LEAST)
        return;
    add(f, FINDING_SWAP, SEVERITY_WARNING)->bytes = most;
}

static void look_at_owner(struct findings *f, const struct summary *s)
{
    if (s->memory.owner == SUMMARY_NOBODY || s->memory.peak_from_kernel || s->row_count < 2 ||
        s->memory.owner_rss_bytes < OWNER_LEAST_BYTES ||
        (double)s->memory.owner_rss_bytes < OWNER_LEAST * (double)s->memory.peak_rss_bytes)
        return;
    struct finding *it = add(f, FINDING_MEMORY_OWNER, SEVERITY_NOTE);
    it->row = s->memory.owner;
    it->bytes = s->memory.owner_rss_bytes;
    it->of_bytes = s->memory.peak_rss_bytes;
}

/* ---- GPUs ---- */

static bool is_ours(const struct gpu_row *gpu)
{
    return gpu->peak_target_bytes != GPU_UNKNOWN && gpu->peak_target_bytes > 0;
}

/* Whether the job waits for a GPU that works for it. */
static bool uses_gpu(const struct summary *s)
{
    for (size_t i = 0; i < s->gpus.count; i++)
        if (is_ours(&s->gpus.row[i]) && s->gpus.row[i].utilization >= GPU_USED)
            return true;
    return false;
}

/* The first with most errors, and of those that the job held the one that was held down longest, or idlest. */
static void look_at_gpus(struct findings *f, const struct summary *s)
{
    const struct gpu_row *errors = NULL, *held = NULL, *idle = NULL;
    for (size_t i = 0; i < s->gpus.count; i++) {
        const struct gpu_row *gpu = &s->gpus.row[i];
        if (gpu->ecc_uncorrected != GPU_UNKNOWN && gpu->ecc_uncorrected > 0 &&
            (errors == NULL || gpu->ecc_uncorrected > errors->ecc_uncorrected))
            errors = gpu;
        if (!is_ours(gpu))
            continue;
        if (gpu->throttle_reasons != 0 && (held == NULL || gpu->throttled_ns > held->throttled_ns))
            held = gpu;
        if (!isnan(gpu->utilization) && (idle == NULL || gpu->utilization < idle->utilization))
            idle = gpu;
    }
    bool long_enough = s->wall_ns != SUMMARY_UNKNOWN && s->wall_ns >= WAITING_LEAST_NS;
    if (errors != NULL) {
        struct finding *it = add(f, FINDING_GPU_ERRORS, SEVERITY_BAD);
        it->count = errors->ecc_uncorrected;
        it->name = errors->label;
    }
    if (held != NULL && long_enough &&
        (double)held->throttled_ns >= GPU_HELD_LEAST * (double)s->wall_ns) {
        struct finding *it = add(f, FINDING_GPU_HELD, SEVERITY_WARNING);
        it->ns = held->throttled_ns;
        it->share = (double)held->throttled_ns / (double)s->wall_ns;
        it->name = held->label;
    }
    if (idle != NULL && long_enough && idle->utilization < GPU_USED) {
        struct finding *it = add(f, FINDING_GPU_IDLE, SEVERITY_NOTE);
        it->share = idle->utilization;
        it->bytes = idle->peak_target_bytes;
        it->name = idle->label;
    }
}

/* ---- processors ---- */

static void look_at_io_wait(struct findings *f, const struct summary *s)
{
    uint64_t waited = 0;
    for (size_t i = 0; i < s->row_count; i++)
        if ((s->rows[i].known & (UINT64_C(1) << PROCESS_IOWAIT)) != 0)
            waited += s->rows[i].value[PROCESS_IOWAIT];
    if (s->wall_ns == SUMMARY_UNKNOWN || (double)waited < IO_WAIT_LEAST * (double)s->wall_ns ||
        waited == 0)
        return;
    struct finding *it = add(f, FINDING_IO_WAIT, SEVERITY_WARNING);
    it->ns = waited;
    it->share = (double)waited / (double)s->wall_ns;
}

static void look_at_throttling(struct findings *f, const struct summary *s)
{
    const struct granted *g = &s->granted;
    if (!some(g->throttled_ns) || !some(g->periods) || g->throttled_periods == SUMMARY_UNKNOWN ||
        (double)g->throttled_periods < THROTTLED_LEAST * (double)g->periods)
        return;
    struct finding *it = add(f, FINDING_THROTTLED, SEVERITY_WARNING);
    it->ns = g->throttled_ns;
    it->share = (double)g->throttled_periods / (double)g->periods;
    it->cores = g->cpu_max;
}

static void look_at_others(struct findings *f, const struct summary *s)
{
    if (s->machine.span_ns == SUMMARY_UNKNOWN || s->machine.span_ns == 0 ||
        s->machine.busy_ns == SUMMARY_UNKNOWN || s->processors == SUMMARY_UNKNOWN ||
        isnan(s->cpu.mean_cores))
        return;
    double others = (double)s->machine.busy_ns / (double)s->machine.span_ns - s->cpu.mean_cores;
    if (others < OTHERS_LEAST_CORES || others < OTHERS_LEAST * (double)s->processors)
        return;
    struct finding *it = add(f, FINDING_OTHERS, SEVERITY_WARNING);
    it->cores = others;
    it->of = s->processors;
}

static double share_between(const struct timeline *line, double from_cores, double to_cores)
{
    size_t n = 0;
    for (size_t i = 0; i < line->count; i++) {
        double cores = line->amount[i] / (double)line->bucket_ns;
        n += cores >= from_cores && cores <= to_cores;
    }
    return line->count > 0 ? (double)n / (double)line->count : 0;
}

static void look_at_cores(struct findings *f, const struct summary *s)
{
    if (s->processors == SUMMARY_UNKNOWN || isnan(s->cpu.mean_cores) || s->cpu_line.count == 0)
        return;
    struct finding *it = NULL;
    double processors = (double)s->processors;
    double one = share_between(&s->cpu_line, ONE_CORE_FROM, ONE_CORE_TO);
    double all = share_between(&s->cpu_line, ALL_CORES * processors, INFINITY);
    if (s->processors > 1 && one >= MOST_OF_TIME) {
        it = add(f, FINDING_ONE_CORE, SEVERITY_NOTE);
        it->share = one;
    } else if (all >= MOST_OF_TIME) {
        it = add(f, FINDING_ALL_CORES, SEVERITY_NOTE);
        it->share = all;
    } else if (s->cpu.mean_cores < WAITING_CORES && !uses_gpu(s) && s->wall_ns != SUMMARY_UNKNOWN &&
               s->wall_ns >= WAITING_LEAST_NS) {
        it = add(f, FINDING_WAITING, SEVERITY_NOTE);
        it->cores = s->cpu.mean_cores;
    }
    if (it != NULL)
        it->of = s->processors;
}

/* ---- processes, marks, the recorder ---- */

static void look_at_short(struct findings *f, const struct summary *s)
{
    uint64_t count = 0, cpu_ns = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        const struct tacho_process *p = tacho_process(s->rec, i);
        if ((p->flags & TACHO_PROCESS_ENDED) == 0 || p->end_ns < p->start_ns ||
            p->end_ns - p->start_ns >= FINDING_SHORT_NS)
            continue;
        count++;
        cpu_ns += s->rows[i].cpu_ns != SUMMARY_UNKNOWN ? s->rows[i].cpu_ns : 0;
    }
    if (count < SHORT_LEAST || s->cpu.total_ns == SUMMARY_UNKNOWN ||
        (double)cpu_ns < SHORT_CPU_LEAST * (double)s->cpu.total_ns)
        return;
    struct finding *it = add(f, FINDING_SHORT, SEVERITY_NOTE);
    it->count = count;
    it->of = s->row_count;
    it->share = s->cpu.total_ns > 0 ? (double)cpu_ns / (double)s->cpu.total_ns : 0;
}

static void look_at_categories(struct findings *f, const struct scopes *scopes)
{
    if (scopes == NULL || scopes->categories < 2 || scopes->wall_ns == 0)
        return;
    const struct scope_category *most = &scopes->category[scopes->by_time[0]];
    double share = (double)most->total_ns / (double)scopes->wall_ns;
    if (most == &scopes->category[0] || share < CATEGORY_LEAST)
        return;
    struct finding *it = add(f, FINDING_CATEGORY, SEVERITY_NOTE);
    it->name = most->name;
    it->share = share;
    it->ns = most->total_ns;
}

static void look_at_gaps(struct findings *f, const struct summary *s)
{
    uint64_t skipped = s->completeness.skipped_ticks;
    if (s->completeness.gaps == 0 &&
        (double)skipped < SKIPPED_LEAST * (double)(s->completeness.ticks + skipped + 1))
        return;
    struct finding *it = add(f, FINDING_GAPS, SEVERITY_WARNING);
    it->count = s->completeness.gaps;
    it->ns = s->completeness.gap_ns;
    it->of = skipped;
}

static int by_severity(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->severity != y->severity)
        return x->severity < y->severity ? -1 : 1;
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

int findings_make(const struct summary *s, const struct scopes *scopes, struct findings *ret)
{
    *ret = (struct findings){.count = 0};
    look_at_end(ret, s);
    int r = look_at_failures(ret, s);
    if (r != 0)
        return r;
    look_at_group_oom(ret, s);
    look_at_oom(ret, s);
    look_at_memory(ret, s);
    look_at_group_memory(ret, s);
    look_at_swap(ret, s);
    look_at_io_wait(ret, s);
    look_at_throttling(ret, s);
    look_at_others(ret, s);
    look_at_gaps(ret, s);
    look_at_gpus(ret, s);
    look_at_cores(ret, s);
    look_at_short(ret, s);
    look_at_owner(ret, s);
    look_at_categories(ret, scopes);
    qsort(ret->finding, ret->count, sizeof *ret->finding, by_severity);
    return 0;
}
