#include "analyse/summary_walk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/lineage.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define WINDOW_BUCKETS 10 /* of a peak's window: how finely it slides */

/* Where the catalogue's metrics lie in this recording, and back. */
struct positions {
    int at[METRICS_MAX];       /* by catalogue; -1: not in this recording */
    uint8_t back[METRICS_MAX]; /* by position; METRICS_MAX: unknown to this build */
};

struct end {
    uint64_t end_ns;
    uint32_t entity;
};

struct pass {
    struct summary *s;
    struct walked *found;
    struct lineage *lineage;
    struct positions process, tree, recorder, machine;
    struct end *ends;
    size_t end_count, next_end, next_birth;
    uint64_t tick_ns;
    bool in_tick, machine_alone;
    uint32_t presumed_parent_pid; /* of those whose parent nobody told; 0: none */

    /* The sum of RSS in this tick, and the largest part of it. */
    uint64_t tree_rss, sum_rss, largest_rss;
    /* And of PSS, with the RSS of those whose PSS is known. */
    uint64_t sum_pss, covered_rss;
    bool any_pss;
    uint64_t peak_sum_rss, peak_covered_rss; /* the latter where most of it was covered */
    size_t largest;

    bool reaped_known;
    uint64_t busy_ns, busy_at_ns; /* the machine's last */
};

static void find_positions(const struct tacho_recording *rec, unsigned kind, struct positions *ret)
{
    const struct kind_info *info = kind_info(kind);
    memset(ret->at, -1, sizeof ret->at);
    memset(ret->back, METRICS_MAX, sizeof ret->back);
    for (unsigned m = 0; m < info->metric_count; m++) {
        ret->at[m] = tacho_metric_find(rec, kind, info->metrics[m].name);
        if (ret->at[m] >= 0 && ret->at[m] < METRICS_MAX)
            ret->back[ret->at[m]] = (uint8_t)m;
    }
}

static bool known(const struct tacho_sample *sample, const struct positions *p, unsigned metric)
{
    return p->at[metric] >= 0 && (sample->known >> p->at[metric] & 1) != 0;
}

static bool fresh(const struct tacho_sample *sample, const struct positions *p, unsigned metric)
{
    return known(sample, p, metric) && (sample->fresh >> p->at[metric] & 1) != 0;
}

/* Of a metric that is known. */
static uint64_t value(const struct tacho_sample *sample, const struct positions *p, unsigned metric)
{
    return sample->value[p->at[metric]];
}

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
    *cpu = sum(*cpu, g->amount);
    if (g->unseen)
        usage_grow(&s->usage, g->entity, USAGE_UNSEEN, g->from_ns, g->to_ns, g->amount);
}

/* ---- ticks ---- */

static int register_birth(struct pass *pass, const struct tacho_process *p)
{
    bool forked = (p->flags & TACHO_PROCESS_FORKED) != 0;
    uint64_t start_ns = p->start_ns < p->seen_ns ? p->start_ns : p->seen_ns;
    uint32_t pid = (uint32_t)p->pid, parent_pid = (uint32_t)p->parent_pid;
    if (parent_pid == 0 && pid != pass->presumed_parent_pid)
        parent_pid = pass->presumed_parent_pid;
    return lineage_birth(pass->lineage, p->entity, pid, parent_pid, forked, start_ns);
}

/* What the kernel said of a process at its end is its last sample. */
static void feed_account(struct pass *pass, const struct tacho_process *p)
{
    const struct tacho_account *a = &p->account;
    struct lineage_sample put = {
        .cpu_known = account_has(p, TACHO_ACCOUNT_CPU),
        .cpu_ns = a->cpu_ns,
        .handed_known = account_has(p, TACHO_ACCOUNT_CHILDREN),
        .handed_ns = sum(a->children_user_ns, a->children_system_ns),
        .io_known = account_has(p, TACHO_ACCOUNT_IO),
    };
    struct process_row *row = summary_row_of(pass->s, p->entity);
    if (put.cpu_known && row != NULL && row->cpu_ns == SUMMARY_UNKNOWN)
        row->cpu_ns = 0;
    if (put.io_known) {
        const uint64_t io[] = {a->read_chars,  a->write_chars, a->read_count,
                               a->write_count, a->read_bytes,  a->write_bytes};
        memcpy(&put.io[LINEAGE_READ_CHARS], io, sizeof io);
        put.io_mask = ((1u << LINEAGE_COLUMNS) - 1) & ~(1u << LINEAGE_CPU);
        pass->found->io_mask |= put.io_mask;
    }
    pass->found->any_process_sample |= put.cpu_known;
    lineage_put(pass->lineage, p->entity, &put);
}

static void end_process(struct pass *pass, uint32_t entity)
{
    const struct tacho_process *p = tacho_process_of(pass->s->rec, entity);
    if (p != NULL && (p->flags & TACHO_PROCESS_ACCOUNT) != 0) {
        usage_end(&pass->s->usage, p);
        feed_account(pass, p);
    }
    lineage_end(pass->lineage, entity);
}

/* Births and ends up to `now_ns`, for the tick that begins. */
static int catch_up(struct pass *pass, uint64_t now_ns)
{
    for (; pass->next_birth < pass->s->row_count; pass->next_birth++) {
        const struct tacho_process *p = tacho_process(pass->s->rec, pass->next_birth);
        if (p->seen_ns > now_ns)
            break;
        int r = register_birth(pass, p);
        if (r != 0)
            return r;
    }
    for (; pass->next_end < pass->end_count && pass->ends[pass->next_end].end_ns <= now_ns;
         pass->next_end++)
        end_process(pass, pass->ends[pass->next_end].entity);
    return 0;
}

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
    int r = lineage_tick(pass->lineage, time_ns);
    return r != 0 ? r : catch_up(pass, time_ns);
}

/* ---- one sample of each kind ---- */

static void take_tree(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    const struct positions *p = &pass->tree;
    if (fresh(sample, p, TREE_RSS))
        pass->tree_rss = value(sample, p, TREE_RSS);
    if (fresh(sample, p, TREE_PROCESSES))
        keep_largest(&s->processes.peak_concurrent, value(sample, p, TREE_PROCESSES));
    if (fresh(sample, p, TREE_THREADS))
        keep_largest(&s->threads_peak, value(sample, p, TREE_THREADS));
    if (fresh(sample, p, TREE_TCP_ESTABLISHED))
        keep_largest(&s->tcp_peak, value(sample, p, TREE_TCP_ESTABLISHED));
    if (!fresh(sample, p, TREE_REAPED_USER) || !fresh(sample, p, TREE_REAPED_SYSTEM))
        return;
    uint64_t user = value(sample, p, TREE_REAPED_USER);
    uint64_t system = value(sample, p, TREE_REAPED_SYSTEM);
    struct walked *found = pass->found;
    if (!pass->reaped_known) {
        pass->reaped_known = true;
        /* A recorder may have had children before it became one (exec keeps them). */
        bool at_start = sample->time_ns < s->started_ns + NS_PER_S;
        found->reaped_base_user_ns = at_start ? user : 0;
        found->reaped_base_system_ns = at_start ? system : 0;
    }
    uint64_t base = sum(found->reaped_base_user_ns, found->reaped_base_system_ns);
    uint64_t all = sum(user, system);
    lineage_put(
        pass->lineage, LINEAGE_RECORDER,
        &(struct lineage_sample){.handed_known = true, .handed_ns = all > base ? all - base : 0});
}

static void take_recorder(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    const struct positions *p = &pass->recorder;
    if (fresh(sample, p, RECORDER_CPU))
        keep_largest(&s->recorder.cpu_ns, value(sample, p, RECORDER_CPU));
    if (fresh(sample, p, RECORDER_RSS))
        keep_largest(&s->recorder.peak_rss_bytes, value(sample, p, RECORDER_RSS));
    if (fresh(sample, p, RECORDER_BYTES_WRITTEN))
        keep_largest(&s->recorder.bytes_written, value(sample, p, RECORDER_BYTES_WRITTEN));
}

static void take_machine_cpu(struct pass *pass, const struct tacho_sample *sample)
{
    static const unsigned busy[] = {MACHINE_USER, MACHINE_NICE,    MACHINE_SYSTEM,
                                    MACHINE_IRQ,  MACHINE_SOFTIRQ, MACHINE_GUEST};
    struct summary *s = pass->s;
    uint64_t now = 0;
    for (size_t i = 0; i < ARRAY_LEN(busy); i++)
        if (known(sample, &pass->machine, busy[i]))
            now = sum(now, value(sample, &pass->machine, busy[i]));
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

static void take_machine(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    const struct positions *p = &pass->machine;
    if (fresh(sample, p, MACHINE_USER) && fresh(sample, p, MACHINE_SYSTEM))
        take_machine_cpu(pass, sample);
    if (fresh(sample, p, MACHINE_MEMORY_TOTAL) && fresh(sample, p, MACHINE_MEMORY_AVAILABLE)) {
        uint64_t total = value(sample, p, MACHINE_MEMORY_TOTAL);
        uint64_t available = value(sample, p, MACHINE_MEMORY_AVAILABLE);
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

static void feed_lineage(struct pass *pass, struct process_row *row,
                         const struct tacho_sample *sample)
{
    const struct positions *p = &pass->process;
    struct lineage_sample put = {
        .idle = sample->idle,
        .cpu_known = fresh(sample, p, PROCESS_CPU),
        .handed_known =
            fresh(sample, p, PROCESS_CHILDREN_USER) && fresh(sample, p, PROCESS_CHILDREN_SYSTEM),
    };
    if (put.cpu_known) {
        put.cpu_ns = value(sample, p, PROCESS_CPU);
        if (row->cpu_ns == SUMMARY_UNKNOWN)
            row->cpu_ns = 0;
    }
    if (put.handed_known)
        put.handed_ns =
            sum(value(sample, p, PROCESS_CHILDREN_USER), value(sample, p, PROCESS_CHILDREN_SYSTEM));
    if (fresh(sample, p, PROCESS_PARENT_PID))
        put.parent_pid = (uint32_t)value(sample, p, PROCESS_PARENT_PID);
    for (unsigned c = LINEAGE_READ_CHARS; c < LINEAGE_COLUMNS; c++) {
        unsigned metric = PROCESS_READ_CHARS + (c - LINEAGE_READ_CHARS);
        if (!fresh(sample, p, metric))
            continue;
        put.io[c] = value(sample, p, metric);
        put.io_mask |= 1u << c;
    }
    put.io_known = put.io_mask != 0;
    pass->found->io_mask |= put.io_mask;
    lineage_put(pass->lineage, sample->entity, &put);
}

static int take_process(struct pass *pass, const struct tacho_sample *sample)
{
    struct summary *s = pass->s;
    struct process_row *row = summary_row_of(s, sample->entity);
    if (row == NULL)
        return 0; /* samples of something without a birth: lost with a block */
    size_t i = (size_t)(row - s->rows);
    if (row->value == NULL) {
        /* Seen during this very tick. */
        int r = register_birth(pass, tacho_process(s->rec, i));
        if (r != 0)
            return r;
    }
    pass->found->any_process_sample = true;
    update_row(pass, row, i, sample);
    usage_sample(&s->usage, sample);
    feed_lineage(pass, row, sample);
    if (known(sample, &pass->process, PROCESS_RSS)) {
        uint64_t rss = value(sample, &pass->process, PROCESS_RSS);
        if (known(sample, &pass->process, PROCESS_PSS)) {
            pass->sum_pss = sum(pass->sum_pss, value(sample, &pass->process, PROCESS_PSS));
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

static int compare_ends(const void *a, const void *b)
{
    const struct end *left = a, *right = b;
    return (left->end_ns > right->end_ns) - (left->end_ns < right->end_ns);
}

static int collect_ends(struct pass *pass)
{
    size_t n = pass->s->row_count;
    pass->ends = malloc((n + 1) * sizeof *pass->ends);
    if (pass->ends == NULL)
        return -ENOMEM;
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        const struct tacho_process *p = tacho_process(pass->s->rec, i);
        if ((p->flags & TACHO_PROCESS_ENDED) == 0 || p->end_ns == TACHO_TIME_UNKNOWN)
            continue;
        struct end *end = &pass->ends[pass->end_count++];
        *end = (struct end){p->end_ns, p->entity};
        sorted &= pass->end_count == 1 || end[-1].end_ns <= end->end_ns;
    }
    if (!sorted)
        qsort(pass->ends, pass->end_count, sizeof *pass->ends, compare_ends);
    return 0;
}

static int open_lines(struct pass *pass)
{
    struct summary *s = pass->s;
    uint64_t from = s->started_ns, to = tacho_last_ns(s->rec);
    if (s->wall_ns != SUMMARY_UNKNOWN && s->wall_ns < UINT64_MAX - from && to < from + s->wall_ns)
        to = from + s->wall_ns;
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
    default: return 0;
    }
}

/* What ended during the last tick, and the recorder's final account of its children. */
static int close_lineage(struct pass *pass)
{
    uint64_t user, system;
    finish_tick(pass);
    pass->in_tick = false;
    uint64_t last_ns = tacho_last_ns(pass->s->rec);
    int r = lineage_tick(pass->lineage, last_ns > pass->tick_ns ? last_ns : pass->tick_ns);
    if (r == 0)
        r = catch_up(pass, UINT64_MAX);
    if (r != 0)
        return r;
    if (tacho_fact_number(pass->s->rec, "reaped_user_ns", &user) &&
        tacho_fact_number(pass->s->rec, "reaped_system_ns", &system)) {
        uint64_t base = sum(pass->found->reaped_base_user_ns, pass->found->reaped_base_system_ns);
        uint64_t all = sum(user, system);
        lineage_put(pass->lineage, LINEAGE_RECORDER,
                    &(struct lineage_sample){.handed_known = true,
                                             .handed_ns = all > base ? all - base : 0});
    }
    if (!PSS_COVERS(pass->peak_covered_rss, pass->peak_sum_rss))
        pass->s->memory.peak_pss_bytes = SUMMARY_UNKNOWN;
    r = lineage_finish(pass->lineage);
    pass->found->unpaid_ns = lineage_unpaid_ns(pass->lineage);
    return r;
}

static int run(struct pass *pass)
{
    const unsigned kinds =
        1u << TACHO_PROCESS | 1u << TACHO_TREE | 1u << TACHO_RECORDER | 1u << TACHO_MACHINE;
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
    uint64_t recorder_pid = 0;
    *ret = (struct walked){.sampled_peak_rss_bytes = SUMMARY_UNKNOWN,
                           .sampled_peak_ns = SUMMARY_UNKNOWN,
                           .sampled_owner = SUMMARY_NOBODY};
    struct pass pass = {.s = s, .found = ret};
    pass.machine_alone = s->target != NULL && strcmp(s->target, "machine") == 0;
    find_positions(s->rec, TACHO_PROCESS, &pass.process);
    find_positions(s->rec, TACHO_TREE, &pass.tree);
    find_positions(s->rec, TACHO_RECORDER, &pass.recorder);
    find_positions(s->rec, TACHO_MACHINE, &pass.machine);
    if (pass.tree.at[TREE_REAPED_USER] >= 0 && s->target != NULL &&
        strcmp(s->target, "launch") == 0)
        tacho_fact_number(s->rec, "recorder_pid", &recorder_pid);
    /*
     * A log does not say whose child a process is. Those that write into one log are most often the
     * first one's; what it is handed at their ends would else count twice.
     */
    if (s->target != NULL && strcmp(s->target, "log") == 0 && s->row_count > 1)
        pass.presumed_parent_pid = (uint32_t)tacho_process(s->rec, 0)->pid;
    pass.lineage = lineage_new((uint32_t)recorder_pid, take_growth, &pass);
    int r = pass.lineage == NULL ? -ENOMEM : collect_ends(&pass);
    if (r == 0)
        r = open_lines(&pass);
    if (r == 0)
        r = usage_init(&s->usage, s->rec);
    if (r == 0)
        r = run(&pass);
    if (r == 0)
        r = usage_finish(&s->usage);
    lineage_free(pass.lineage);
    free(pass.ends);
    return r;
}
