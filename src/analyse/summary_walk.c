#include "analyse/summary_walk.h"

#include <string.h>

#include "analyse/lineage_walk.h"
#include "analyse/positions.h"
#include "base/cleanup.h"

#define WINDOW_BUCKETS 10 /* of a peak's window: how finely it slides */

struct pass {
    struct summary *s;
    struct walked *found;
    struct lineage_walk lineage;
    struct positions process, tree, recorder, machine;
    uint64_t tick_ns;
    bool in_tick, machine_alone;

    /* The sum of RSS in this tick, and the largest part of it. */
    uint64_t tree_rss, sum_rss, largest_rss;
    /* And of PSS, with the RSS of those whose PSS is known. */
    uint64_t sum_pss, covered_rss;
    bool any_pss;
    uint64_t peak_sum_rss, peak_covered_rss; /* the latter where most of it was covered */
    size_t largest;

    uint64_t busy_ns, busy_at_ns; /* the machine's last */
    uint64_t first_oom_kills;     /* UNKNOWN: not seen yet */
    struct granted_walk granted;
    struct energy_walk energy;
};

static void keep_largest(uint64_t *at, uint64_t v)
{
    if (*at == SUMMARY_UNKNOWN || *at < v)
        *at = v;
}

/* ---- what lineage says ---- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void take_io_growth(struct summary *s, const struct lineage_growth *g)
{
    bool read = g->column == LINEAGE_READ_BYTES;
    struct process_row *row =
        read || g->column == LINEAGE_WRITE_BYTES ? summary_row_of(s, g->entity) : NULL;
    if (row == NULL)
        return;
    uint64_t *bytes = read ? &row->read_bytes : &row->write_bytes;
    *bytes = sum(*bytes, g->amount);
    usage_grow(&s->usage, g->entity, read ? USAGE_READ : USAGE_WRITE, g->from_ns, g->to_ns,
               g->amount);
}

static void take_growth(void *user, const struct lineage_growth *g)
{
    struct pass *pass = user;
    struct summary *s = pass->s;
    if (g->column != LINEAGE_CPU) {
        uint64_t *io = &s->io[g->column - LINEAGE_READ_CHARS];
        *io = sum(*io, g->amount);
        take_io_growth(s, g);
        return;
    }
    pass->found->tree_cpu_ns = sum(pass->found->tree_cpu_ns, g->amount);
    timeline_add(&s->cpu_line, g->from_ns, g->to_ns, (double)g->amount);
    struct process_row *row = g->entity == LINEAGE_RECORDER ? NULL : summary_row_of(s, g->entity);
    if (row == NULL)
        return;
    uint64_t *cpu = g->unseen ? &row->unseen_ns : &row->cpu_ns;
    *cpu = sum(*cpu == SUMMARY_UNKNOWN ? 0 : *cpu, g->amount);
    if (g->unseen)
        usage_grow(&s->usage, g->entity, USAGE_UNSEEN, g->from_ns, g->to_ns, g->amount);
}

/* What lineage counts of one process. */
static void note_counted(struct pass *pass, struct process_row *row,
                         const struct lineage_sample *put)
{
    if (put->cpu_known && row != NULL && row->cpu_ns == SUMMARY_UNKNOWN)
        row->cpu_ns = 0;
    pass->found->io_mask |= put->io_mask;
}

static void take_account(void *user, const struct tacho_process *p,
                         const struct lineage_sample *last)
{
    struct pass *pass = user;
    usage_end(&pass->s->usage, p);
    note_counted(pass, summary_row_of(pass->s, p->entity), last);
    pass->found->any_process_sample |= last->cpu_known;
}

/* ---- ticks ---- */

#define PSS_COVERS(part, whole) ((part) >= (whole) / 10 * 9)

/*
 * PSS is costly, so that it is looked at late and seldom: its sum says something only when it is
 * of nearly all the memory.
 */
static void take_pss(struct pass *pass)
{
    uint64_t rss = pass->sum_rss == SUMMARY_UNKNOWN ? 0 : pass->sum_rss;
    if (pass->any_pss)
        keep_largest(&pass->s->memory.peak_pss_bytes, pass->sum_pss);
    if (rss > pass->peak_sum_rss)
        pass->peak_sum_rss = rss;
    if (PSS_COVERS(pass->covered_rss, rss) && rss > pass->peak_covered_rss)
        pass->peak_covered_rss = rss;
}

static void finish_tick(struct pass *pass)
{
    if (!pass->in_tick)
        return;
    take_pss(pass);
    uint64_t rss = pass->tree_rss != SUMMARY_UNKNOWN ? pass->tree_rss : pass->sum_rss;
    if (rss == SUMMARY_UNKNOWN)
        return;
    gauge_line_put(&pass->s->rss_line, pass->tick_ns, rss);
    struct walked *found = pass->found;
    if (found->sampled_peak_rss_bytes == SUMMARY_UNKNOWN || found->sampled_peak_rss_bytes < rss) {
        found->sampled_peak_rss_bytes = rss;
        found->sampled_peak_ns = pass->tick_ns;
        found->sampled_owner = pass->largest;
        found->sampled_owner_rss_bytes = pass->largest_rss;
    }
}

static int begin_tick(struct pass *pass, uint64_t time_ns)
{
    finish_tick(pass);
    pass->in_tick = true;
    pass->s->completeness.ticks++;
    pass->tick_ns = time_ns;
    pass->tree_rss = pass->sum_rss = SUMMARY_UNKNOWN;
    pass->largest = SUMMARY_NOBODY;
    pass->largest_rss = pass->sum_pss = pass->covered_rss = 0;
    pass->any_pss = false;
    return lineage_walk_tick(&pass->lineage, time_ns);
}

/* ---- one sample of each kind ---- */

static void take_tree(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    const struct positions *p = &pass->tree;
    if (sample_fresh(sample, p, TREE_RSS))
        pass->tree_rss = sample_value(sample, p, TREE_RSS);
    if (sample_fresh(sample, p, TREE_PROCESSES))
        keep_largest(&s->processes.peak_concurrent, sample_value(sample, p, TREE_PROCESSES));
    if (sample_fresh(sample, p, TREE_THREADS))
        keep_largest(&s->threads_peak, sample_value(sample, p, TREE_THREADS));
    if (sample_fresh(sample, p, TREE_TCP_ESTABLISHED))
        keep_largest(&s->tcp_peak, sample_value(sample, p, TREE_TCP_ESTABLISHED));
    lineage_walk_tree(&pass->lineage, sample);
}

static void take_recorder(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    const struct positions *p = &pass->recorder;
    if (sample_fresh(sample, p, RECORDER_CPU))
        keep_largest(&s->recorder.cpu_ns, sample_value(sample, p, RECORDER_CPU));
    if (sample_fresh(sample, p, RECORDER_RSS))
        keep_largest(&s->recorder.peak_rss_bytes, sample_value(sample, p, RECORDER_RSS));
    if (sample_fresh(sample, p, RECORDER_BYTES_WRITTEN))
        keep_largest(&s->recorder.bytes_written, sample_value(sample, p, RECORDER_BYTES_WRITTEN));
}

static void take_machine_cpu(struct pass *pass, const struct tacho_sample *sample)
{
    static const unsigned busy[] = {MACHINE_USER, MACHINE_NICE,    MACHINE_SYSTEM,
                                    MACHINE_IRQ,  MACHINE_SOFTIRQ, MACHINE_GUEST};
    struct summary *s = pass->s;
    uint64_t now = 0;
    for (size_t i = 0; i < ARRAY_LEN(busy); i++)
        if (sample_known(sample, &pass->machine, busy[i]))
            now = sum(now, sample_value(sample, &pass->machine, busy[i]));
    if (s->machine.busy_ns == SUMMARY_UNKNOWN) {
        s->machine.busy_ns = s->machine.span_ns = 0;
    } else if (sample->time_ns > pass->busy_at_ns && now >= pass->busy_ns) {
        uint64_t span = sample->time_ns - pass->busy_at_ns;
        double cores = (double)(now - pass->busy_ns) / (double)span;
        s->machine.busy_ns += now - pass->busy_ns;
        s->machine.span_ns += span;
        if (s->processors != SUMMARY_UNKNOWN && cores > (double)s->processors)
            cores = (double)s->processors; /* its counters are in kernel ticks */
        if (!(s->machine.peak_cores >= cores))
            s->machine.peak_cores = cores;
        if (pass->machine_alone)
            timeline_add(&s->cpu_line, pass->busy_at_ns, sample->time_ns,
                         (double)(now - pass->busy_ns));
    }
    pass->busy_ns = now;
    pass->busy_at_ns = sample->time_ns;
}

static void take_oom_kills(struct pass *pass, uint64_t count)
{
    if (pass->first_oom_kills == SUMMARY_UNKNOWN)
        pass->first_oom_kills = count;
    if (count >= pass->first_oom_kills)
        pass->s->machine.oom_kills = count - pass->first_oom_kills;
}

static void take_machine(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    const struct positions *p = &pass->machine;
    if (sample_fresh(sample, p, MACHINE_USER) && sample_fresh(sample, p, MACHINE_SYSTEM))
        take_machine_cpu(pass, sample);
    if (sample_fresh(sample, p, MACHINE_OOM_KILLS))
        take_oom_kills(pass, sample_value(sample, p, MACHINE_OOM_KILLS));
    if (sample_fresh(sample, p, MACHINE_MEMORY_TOTAL) &&
        sample_fresh(sample, p, MACHINE_MEMORY_AVAILABLE)) {
        uint64_t total = sample_value(sample, p, MACHINE_MEMORY_TOTAL);
        uint64_t available = sample_value(sample, p, MACHINE_MEMORY_AVAILABLE);
        uint64_t used = total > available ? total - available : 0;
        s->memory_total_bytes = total;
        keep_largest(&s->machine.peak_used_bytes, used);
        if (pass->machine_alone)
            gauge_line_put(&s->rss_line, sample->time_ns, used);
    }
}

static void update_row(struct pass *pass, struct process_row *row, size_t i,
                       const struct tacho_sample *sample)
{
    if (row->value == NULL) {
        row->value = pass->s->value_pool + i * PROCESS_METRICS;
        row->first_ns = sample->time_ns;
    }
    row->last_ns = sample->time_ns;
    const struct metric *metrics = kind_info(ENTITY_PROCESS)->metrics;
    for (uint64_t left = sample->fresh & sample->known; left != 0; left &= left - 1) {
        unsigned position = (unsigned)__builtin_ctzll(left);
        unsigned m = pass->process.back[position];
        if (m >= PROCESS_METRICS)
            continue;
        uint64_t v = sample->value[position], bit = UINT64_C(1) << m;
        if (m == PROCESS_PEAK_RSS && (row->known & bit) == 0)
            row->first_peak_rss_bytes = v;
        if (m == PROCESS_RSS && ((row->known & bit) == 0 || row->value[m] < v))
            row->largest_rss_ns = sample->time_ns;
        bool last = metrics[m].cumulative || m == PROCESS_PARENT_PID || m == PROCESS_STATE ||
                    (row->known & bit) == 0;
        if (last || row->value[m] < v)
            row->value[m] = v;
        row->known |= bit;
    }
}

static int take_process(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    struct process_row *row = summary_row_of(s, sample->entity);
    if (row == NULL)
        return 0; /* samples of something without a birth: lost with a block */
    size_t i = (size_t)(row - s->rows);
    struct lineage_sample put;
    int r = lineage_walk_process(&pass->lineage, i, sample, &put);
    if (r != 0)
        return r;
    pass->found->any_process_sample |= put.cpu_known;
    note_counted(pass, row, &put);
    update_row(pass, row, i, sample);
    usage_sample(&s->usage, sample);
    if (sample_known(sample, &pass->process, PROCESS_RSS)) {
        uint64_t rss = sample_value(sample, &pass->process, PROCESS_RSS);
        if (sample_known(sample, &pass->process, PROCESS_PSS)) {
            pass->sum_pss = sum(pass->sum_pss, sample_value(sample, &pass->process, PROCESS_PSS));
            pass->covered_rss = sum(pass->covered_rss, rss);
            pass->any_pss = true;
        }
        pass->sum_rss = pass->sum_rss == SUMMARY_UNKNOWN ? rss : sum(pass->sum_rss, rss);
        if (rss > pass->largest_rss) {
            pass->largest_rss = rss;
            pass->largest = i;
        }
    }
    return 0;
}

/* ---- the pass ---- */

static int open_lines(struct pass *pass)
{
    struct summary *s = pass->s;
    uint64_t from = s->started_ns, to = summary_last_ns(s);
    uint64_t bucket = s->cpu.peak_window_ns / WINDOW_BUCKETS;
    int r = timeline_init(&s->cpu_line, from, to, bucket);
    return r != 0 ? r : gauge_line_init(&s->rss_line, from, to, bucket);
}

static int take_sample(struct pass *pass, const struct tacho_sample *sample)
{
    if (!pass->in_tick || sample->time_ns != pass->tick_ns) {
        int r = begin_tick(pass, sample->time_ns);
        if (r != 0)
            return r;
    }
    switch (sample->kind) {
    case TACHO_PROCESS: return take_process(pass, sample);
    case TACHO_TREE: take_tree(pass, sample); return 0;
    case TACHO_RECORDER: take_recorder(pass, sample); return 0;
    case TACHO_MACHINE: take_machine(pass, sample); return 0;
    case TACHO_CGROUP: granted_walk_sample(&pass->granted, sample, &pass->s->granted); return 0;
    case TACHO_ENERGY:
        energy_walk_sample(&pass->energy, sample, pass->s->rec, &pass->s->energy);
        return 0;
    case TACHO_GPU: gpus_sample(&pass->s->gpus, sample); return 0;
    default: return 0;
    }
}

static int close_lineage(struct pass *pass)
{
    finish_tick(pass);
    granted_walk_finish(&pass->granted, &pass->s->granted);
    energy_finish(&pass->s->energy, pass->s->machine.busy_ns, pass->s->machine.span_ns);
    pass->in_tick = false;
    if (!PSS_COVERS(pass->peak_covered_rss, pass->peak_sum_rss))
        pass->s->memory.peak_pss_bytes = SUMMARY_UNKNOWN;
    int r = lineage_walk_finish(&pass->lineage);
    pass->found->reaped_base_user_ns = pass->lineage.base_user_ns;
    pass->found->reaped_base_system_ns = pass->lineage.base_system_ns;
    pass->found->unpaid_ns = lineage_unpaid_ns(pass->lineage.lineage);
    pass->found->all_told = pass->lineage.all_told;
    return r;
}

static int run(struct pass *pass)
{
    const unsigned kinds = 1u << TACHO_PROCESS | 1u << TACHO_TREE | 1u << TACHO_RECORDER |
                           1u << TACHO_MACHINE | 1u << TACHO_GPU | 1u << TACHO_CGROUP |
                           1u << TACHO_ENERGY;
    struct tacho_walk *walk;
    int r = tacho_walk_open(pass->s->rec, 0, UINT64_MAX, kinds, &walk);
    if (r != 0)
        return r;
    struct tacho_sample sample;
    while ((r = tacho_walk_next(walk, &sample)) == 1)
        if ((r = take_sample(pass, &sample)) != 0)
            break;
    tacho_walk_close(walk);
    return r < 0 ? r : close_lineage(pass);
}

int summary_walk(struct summary *s, struct walked *ret)
{
    *ret = (struct walked){.sampled_peak_rss_bytes = SUMMARY_UNKNOWN,
                           .sampled_peak_ns = SUMMARY_UNKNOWN,
                           .sampled_owner = SUMMARY_NOBODY};
    struct pass pass = {.s = s, .found = ret, .first_oom_kills = SUMMARY_UNKNOWN};
    pass.machine_alone = s->of_machine;
    positions_find(s->rec, TACHO_PROCESS, &pass.process);
    positions_find(s->rec, TACHO_TREE, &pass.tree);
    positions_find(s->rec, TACHO_RECORDER, &pass.recorder);
    positions_find(s->rec, TACHO_MACHINE, &pass.machine);
    granted_walk_begin(&pass.granted, s->rec);
    energy_begin(&s->energy, &pass.energy, s->rec);
    const struct lineage_listener listener = {take_growth, take_account, &pass};
    int r = lineage_walk_open(&pass.lineage, s->rec, s->started_ns, &listener);
    if (r == 0)
        r = open_lines(&pass);
    if (r == 0)
        r = usage_init(&s->usage, s->rec);
    if (r == 0)
        r = gpus_init(s->rec, &s->gpus);
    if (r == 0)
        r = run(&pass);
    gpus_finish(&s->gpus);
    if (r == 0)
        r = usage_finish(&s->usage);
    lineage_walk_done(&pass.lineage);
    return r;
}
