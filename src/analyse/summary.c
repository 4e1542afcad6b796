#include "analyse/summary.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "analyse/programs.h"
#include "analyse/summary_walk.h"
#include "base/clock.h"

struct process_row *summary_row_of(const struct summary *s, uint32_t entity)
{
    const uint64_t *row = map_get(&s->row_of, entity);
    return row == NULL ? NULL : &s->rows[*row];
}

uint64_t summary_last_ns(const struct summary *s)
{
    uint64_t from = s->started_ns, to = tacho_last_ns(s->rec);
    if (s->wall_ns != SUMMARY_UNKNOWN && s->wall_ns < UINT64_MAX - from && to < from + s->wall_ns)
        to = from + s->wall_ns;
    return to;
}

bool process_failed(const struct tacho_process *p)
{
    return (p->flags & TACHO_PROCESS_STATUS) != 0 &&
           (WIFSIGNALED(p->wait_status) ||
            (WIFEXITED(p->wait_status) && WEXITSTATUS(p->wait_status) != 0));
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t number_fact(const struct summary *s, const char *key, uint64_t otherwise)
{
    uint64_t number;
    return tacho_fact_number(s->rec, key, &number) ? number : otherwise;
}

static bool target_is(const struct summary *s, const char *target)
{
    return s->target != NULL && strcmp(s->target, target) == 0;
}

/* ---- before the pass ---- */

static void read_session(struct summary *s)
{
    s->command = tacho_fact_text(s->rec, "command", &s->command_bytes);
    s->host = tacho_fact_text(s->rec, "hostname", NULL);
    s->follow = tacho_fact_text(s->rec, "follow", NULL);
    s->target = tacho_fact_text(s->rec, "target", NULL);
    s->end_reason = tacho_fact_text(s->rec, "end_reason", NULL);
    s->of_machine = target_is(s, "machine") || number_fact(s, "machine_alone", 0) != 0;
    const char *wait = tacho_fact_text(s->rec, "wait", NULL);
    s->waited_for_root = wait != NULL && strcmp(wait, "root") == 0;
    s->ended = tacho_recording_salvage(s->rec)->ended;
    s->interval_ns = number_fact(s, "interval_ns", SUMMARY_UNKNOWN);
    s->started_ns = number_fact(s, "started_ns", tacho_first_ns(s->rec));
    if (s->started_ns > tacho_last_ns(s->rec))
        s->started_ns = tacho_first_ns(s->rec);
    s->started_real_ns = number_fact(s, "started_real_ns", tacho_real_ns(s->rec, s->started_ns));
    if (s->started_real_ns == 0)
        s->started_real_ns = SUMMARY_UNKNOWN;
    s->wall_ns = number_fact(s, "wall_ns", tacho_last_ns(s->rec) - s->started_ns);
    s->root_status = number_fact(s, "root_wait_status", SUMMARY_UNKNOWN);
    s->processors = number_fact(s, "processors", SUMMARY_UNKNOWN);
    s->memory_total_bytes = number_fact(s, "memory_bytes", SUMMARY_UNKNOWN);
    uint64_t interval = s->interval_ns == SUMMARY_UNKNOWN ? 0 : s->interval_ns;
    s->cpu.peak_window_ns = interval > NS_PER_S ? interval : NS_PER_S;
}

static void forget_figures(struct summary *s)
{
    s->cpu.user_ns = s->cpu.system_ns = s->cpu.total_ns = SUMMARY_UNKNOWN;
    s->cpu.mean_cores = s->cpu.peak_cores = NAN;
    s->memory.peak_rss_bytes = s->memory.peak_pss_bytes = SUMMARY_UNKNOWN;
    s->memory.peak_after_ns = s->memory.owner_rss_bytes = SUMMARY_UNKNOWN;
    s->memory.seen_ns = s->memory.seen_rss_bytes = SUMMARY_UNKNOWN;
    s->memory.owner = SUMMARY_NOBODY;
    memset(&s->processes, 0, sizeof s->processes);
    s->processes.total = s->processes.unseen = s->processes.peak_concurrent = SUMMARY_UNKNOWN;
    s->completeness.task_clock_ns = SUMMARY_UNKNOWN;
    s->threads_peak = s->tcp_peak = SUMMARY_UNKNOWN;
    s->drm_engine_ns = s->drm_peak_memory_bytes = SUMMARY_UNKNOWN;
    s->completeness.accounted_ns = s->completeness.unaccounted_ns = SUMMARY_UNKNOWN;
    s->recorder.cpu_ns = s->recorder.peak_rss_bytes = SUMMARY_UNKNOWN;
    s->recorder.bytes_written = SUMMARY_UNKNOWN;
    s->machine.busy_ns = s->machine.span_ns = s->machine.peak_used_bytes = SUMMARY_UNKNOWN;
    s->machine.oom_kills = SUMMARY_UNKNOWN;
    s->machine.peak_cores = NAN;
}

static int make_rows(struct summary *s)
{
    s->row_count = tacho_process_count(s->rec);
    s->rows = calloc(s->row_count + 1, sizeof *s->rows);
    /* Touched only where a process was sampled. */
    s->value_pool = calloc(s->row_count + 1, PROCESS_METRICS * sizeof *s->value_pool);
    if (s->rows == NULL || s->value_pool == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->row_count; i++) {
        s->rows[i].first_ns = s->rows[i].last_ns = s->rows[i].cpu_ns = SUMMARY_UNKNOWN;
        s->rows[i].largest_rss_ns = SUMMARY_UNKNOWN;
        int r = map_put(&s->row_of, tacho_process(s->rec, i)->entity, i);
        if (r == -ENOMEM)
            return r;
    }
    for (size_t i = 0; i < s->row_count; i++) {
        struct process_row *parent = summary_row_of(s, tacho_process(s->rec, i)->parent_entity);
        if (parent != NULL)
            parent->has_children = true;
    }
    return 0;
}

/* ---- after the pass ---- */

static void read_happenings(struct summary *s)
{
    for (size_t i = 0; i < tacho_happening_count(s->rec); i++) {
        const struct tacho_happening *h = tacho_happening(s->rec, i);
        if (h->type == TACHO_LATE) {
            s->completeness.late_ticks++;
            s->completeness.skipped_ticks = sum(s->completeness.skipped_ticks, h->b);
        } else if (h->type == TACHO_GAP) {
            s->completeness.gaps++;
            if (h->a > h->time_ns)
                s->completeness.gap_ns = sum(s->completeness.gap_ns, h->a - h->time_ns);
        }
    }
}

/*
 * wait4 speaks of the process and its reaped children: it is the process's own where it had none.
 * The kernel's account is the process's own, from its birth on.
 */
static void use_exact(struct process_row *row, const struct tacho_process *p)
{
    uint64_t handed = 0;
    bool waited = (p->flags & TACHO_PROCESS_RUSAGE) != 0 && !row->has_children;
    bool early = account_has(p, TACHO_ACCOUNT_EARLY);
    if (account_has(p, TACHO_ACCOUNT_CPU) && (p->flags & TACHO_PROCESS_FORKED) != 0 &&
        !(early && waited)) {
        if (early && row->cpu_ns != SUMMARY_UNKNOWN && row->cpu_ns > p->account.cpu_ns)
            return;
        row->cpu_ns = p->account.cpu_ns;
        row->cpu_exact = !early;
        return;
    }
    if (row->value != NULL)
        handed = sum(row->value[PROCESS_CHILDREN_USER], row->value[PROCESS_CHILDREN_SYSTEM]);
    if ((p->flags & TACHO_PROCESS_RUSAGE) == 0 || row->has_children || handed > 0)
        return;
    row->cpu_ns = sum(p->exact.user_ns, p->exact.system_ns);
    row->cpu_exact = true;
}

struct counted {
    uint64_t own_ns, user_ns, system_ns, extra_threads, forked;
};

/* User and system time of its own, as last known. */
static void count_split(struct counted *c, const struct process_row *row,
                        const struct tacho_process *p)
{
    if (account_has(p, TACHO_ACCOUNT_SPLIT)) {
        c->user_ns = sum(c->user_ns, p->account.user_ns);
        c->system_ns = sum(c->system_ns, p->account.system_ns);
    } else if (row->value != NULL) {
        c->user_ns = sum(c->user_ns, row->value[PROCESS_USER]);
        c->system_ns = sum(c->system_ns, row->value[PROCESS_SYSTEM]);
    }
}

static void count_processes(struct summary *s, struct counted *ret)
{
    *ret = (struct counted){0};
    for (size_t i = 0; i < s->row_count; i++) {
        const struct tacho_process *p = tacho_process(s->rec, i);
        struct process_row *row = &s->rows[i];
        use_exact(row, p);
        bool exact = tacho_process_is_exact(p);
        bool known = row->value != NULL || account_has(p, TACHO_ACCOUNT_CPU);
        s->processes.exact += exact;
        s->processes.sampled += !exact && known;
        s->processes.missed += !exact && !known;
        s->processes.failed += process_failed(p);
        s->processes.alive += (p->flags & TACHO_PROCESS_ENDED) == 0;
        /* A launched root was there before following began. */
        if ((p->flags & TACHO_PROCESS_FORKED) != 0 && (p->flags & TACHO_PROCESS_ROOT) == 0)
            ret->forked++;
        if (row->cpu_ns != SUMMARY_UNKNOWN)
            ret->own_ns = sum(ret->own_ns, row->cpu_ns);
        count_split(ret, row, p);
        if (row->value != NULL && row->value[PROCESS_THREADS] > 1)
            ret->extra_threads = sum(ret->extra_threads, row->value[PROCESS_THREADS] - 1);
    }
}

/*
 * How many were not seen at all. Events that were lost say how many; polling knows how many pids
 * the kernel gave out, not to whom, and threads take pids too.
 */
static void count_unseen(struct summary *s, const struct counted *counted)
{
    uint64_t given_out = number_fact(s, "pids_given_out", 0);
    bool polled = s->follow != NULL && strcmp(s->follow, "poll") == 0;
    if (s->follow == NULL || (polled && !tacho_fact_number(s->rec, "pids_given_out", &given_out))) {
        s->processes.unseen = s->processes.missed = SUMMARY_UNKNOWN;
        return;
    }
    if (given_out > 0) {
        uint64_t explained = sum(counted->forked, counted->extra_threads);
        s->processes.unseen = given_out > explained ? given_out - explained : 0;
        s->processes.missed_is_bound = s->processes.unseen > 0;
    } else {
        s->processes.unseen = number_fact(s, "follow_missed", 0);
        s->processes.missed_is_bound = number_fact(s, "follow_missed_is_bound", 0) != 0;
    }
    s->processes.total = sum(s->row_count, s->processes.unseen);
    s->processes.missed = sum(s->processes.missed, s->processes.unseen);
}

static uint64_t share(uint64_t total, uint64_t part, uint64_t other)
{
    double of_it = (double)total * ((double)part / ((double)part + (double)other));
    return of_it < (double)total ? (uint64_t)of_it : total;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void sum_cpu(struct summary *s, const struct walked *found, const struct counted *counted)
{
    uint64_t user, system;
    if (s->of_machine)
        return; /* of processes that began before nothing is known */
    bool split = counted->user_ns > 0 || counted->system_ns > 0;
    bool reaped = tacho_fact_number(s->rec, "reaped_user_ns", &user) &&
                  tacho_fact_number(s->rec, "reaped_system_ns", &system);
    if (reaped && s->processes.alive == 0 && s->row_count > 0) {
        s->cpu.exact = true;
        user = less(user, found->reaped_base_user_ns);
        system = less(system, found->reaped_base_system_ns);
        /* What the kernel handed to nobody. */
        uint64_t unpaid =
            found->all_told ? less(counted->own_ns, sum(user, system)) : found->unpaid_ns;
        if (unpaid > 0 && split) {
            uint64_t part = share(unpaid, counted->user_ns, counted->system_ns);
            user = sum(user, part);
            system = sum(system, unpaid - part);
        }
        s->cpu.user_ns = user;
        s->cpu.system_ns = system;
        s->cpu.total_ns = sum(user, system);
    } else if (found->any_process_sample) {
        s->cpu.total_ns = found->tree_cpu_ns;
        if (split) {
            s->cpu.user_ns = share(s->cpu.total_ns, counted->user_ns, counted->system_ns);
            s->cpu.system_ns = s->cpu.total_ns - s->cpu.user_ns;
        }
    }
    if (s->cpu.total_ns == SUMMARY_UNKNOWN)
        return;
    uint64_t own = counted->own_ns < s->cpu.total_ns ? counted->own_ns : s->cpu.total_ns;
    s->completeness.accounted_ns = own;
    s->completeness.unaccounted_ns = s->cpu.total_ns - own;
}

static void rate_cpu(struct summary *s, bool any_process_sample)
{
    double most = s->processors == SUMMARY_UNKNOWN ? 0 : (double)s->processors;
    timeline_finish(&s->cpu_line, most);
    if (s->cpu.total_ns == SUMMARY_UNKNOWN)
        return;
    if (s->wall_ns > 0)
        s->cpu.mean_cores = (double)s->cpu.total_ns / (double)s->wall_ns;
    if (!any_process_sample)
        return;
    double peak = timeline_peak_rate(&s->cpu_line, s->cpu.peak_window_ns);
    s->cpu.peak_cores = peak < s->cpu.mean_cores ? s->cpu.mean_cores : peak;
}

static void find_memory_peak(struct summary *s, const struct walked *found)
{
    uint64_t largest = 0, exact = 0;
    size_t owner = SUMMARY_NOBODY, exact_owner = SUMMARY_NOBODY;
    for (size_t i = 0; i < s->row_count; i++) {
        const struct tacho_process *p = tacho_process(s->rec, i);
        uint64_t peak = process_largest_rss(s, i);
        if (peak != SUMMARY_UNKNOWN && peak > largest) {
            largest = peak;
            owner = i;
        }
        /* Of equal ones the later is the deeper: an account includes reaped children's peaks. */
        if ((p->flags & TACHO_PROCESS_RUSAGE) != 0 && p->exact.peak_rss_bytes >= exact &&
            !account_has(p, TACHO_ACCOUNT_PEAK_RSS) && p->exact.peak_rss_bytes > 0) {
            exact = p->exact.peak_rss_bytes;
            exact_owner = i;
        }
    }
    if (exact > largest) {
        largest = exact;
        /* Somebody below it may have had the peak, and who is not known. */
        owner = s->rows[exact_owner].has_children ? owner : exact_owner;
        if (owner == SUMMARY_NOBODY)
            owner = exact_owner;
    }
    uint64_t sampled = found->sampled_peak_rss_bytes;
    if (sampled != SUMMARY_UNKNOWN && sampled >= largest) {
        s->memory.peak_rss_bytes = sampled;
        s->memory.peak_after_ns = less(found->sampled_peak_ns, s->started_ns);
        s->memory.owner = found->sampled_owner;
        s->memory.owner_rss_bytes =
            s->memory.owner == SUMMARY_NOBODY ? SUMMARY_UNKNOWN : found->sampled_owner_rss_bytes;
    } else if (largest > 0) {
        s->memory.peak_rss_bytes = largest;
        s->memory.peak_from_kernel = true;
        s->memory.owner = owner;
        s->memory.owner_rss_bytes = largest;
    }
}

/* When the peak was seen. The kernel does not tell when its peaks were; a sample is near. */
static void find_peak_moment(struct summary *s, const struct walked *found)
{
    if (s->memory.owner == SUMMARY_NOBODY)
        return;
    const struct process_row *row = &s->rows[s->memory.owner];
    if (!s->memory.peak_from_kernel) {
        s->memory.seen_ns = found->sampled_peak_ns;
        s->memory.seen_rss_bytes = s->memory.owner_rss_bytes;
    } else if (row->largest_rss_ns != SUMMARY_UNKNOWN) {
        s->memory.seen_ns = row->largest_rss_ns;
        s->memory.seen_rss_bytes = row->value[PROCESS_RSS];
    }
}

static void sum_drm(struct summary *s)
{
    for (size_t i = 0; i < s->row_count; i++) {
        const struct process_row *row = &s->rows[i];
        if ((row->known >> PROCESS_DRM_ENGINE & 1) != 0)
            s->drm_engine_ns = sum(s->drm_engine_ns == SUMMARY_UNKNOWN ? 0 : s->drm_engine_ns,
                                   row->value[PROCESS_DRM_ENGINE]);
        if ((row->known >> PROCESS_DRM_MEMORY & 1) != 0 &&
            (s->drm_peak_memory_bytes == SUMMARY_UNKNOWN ||
             s->drm_peak_memory_bytes < row->value[PROCESS_DRM_MEMORY]))
            s->drm_peak_memory_bytes = row->value[PROCESS_DRM_MEMORY];
    }
}

static void finish(struct summary *s, const struct walked *found)
{
    struct counted counted;
    read_happenings(s);
    count_processes(s, &counted);
    if (!s->of_machine)
        count_unseen(s, &counted);
    sum_cpu(s, found, &counted);
    sum_drm(s);
    rate_cpu(s, found->any_process_sample);
    find_memory_peak(s, found);
    find_peak_moment(s, found);
    for (unsigned i = 0; i < SUMMARY_IOS; i++)
        if ((found->io_mask >> (i + 1) & 1) == 0) /* after the CPU's column */
            s->io[i] = SUMMARY_UNKNOWN;
    s->completeness.lost_events = number_fact(s, "follow_lost_events", 0);
    s->completeness.resyncs = number_fact(s, "follow_resyncs", 0);
    s->completeness.task_clock_ns = number_fact(s, "task_clock_ns", SUMMARY_UNKNOWN);
    const struct tacho_lost_marks *lost = tacho_lost_marks(s->rec, 0);
    s->completeness.lost_marks =
        scopes_any(s->rec) ? sum(lost->scopes, lost->others) : SUMMARY_UNKNOWN;
    s->recorder.cpu_ns = number_fact(s, "recorder_cpu_ns", s->recorder.cpu_ns);
    /* The kernel's own peak outlives exec: it may be that of a shell or of Python. */
    if (s->recorder.peak_rss_bytes == SUMMARY_UNKNOWN)
        s->recorder.peak_rss_bytes = number_fact(s, "recorder_peak_rss_bytes", SUMMARY_UNKNOWN);
    /* A log was not recorded by us, and cost nothing. */
    if (!target_is(s, "log"))
        s->recorder.bytes_written = tacho_recording_salvage(s->rec)->file_bytes;
    if (s->root_status == SUMMARY_UNKNOWN && target_is(s, "launch"))
        for (size_t i = 0; i < s->row_count && s->root_status == SUMMARY_UNKNOWN; i++) {
            const struct tacho_process *p = tacho_process(s->rec, i);
            if ((p->flags & TACHO_PROCESS_ROOT) != 0 && (p->flags & TACHO_PROCESS_STATUS) != 0)
                s->root_status = (uint64_t)p->wait_status;
        }
}

int summary_make(struct tacho_recording *rec, struct summary *ret)
{
    struct summary s = {.rec = rec};
    struct walked found;
    read_session(&s);
    forget_figures(&s);
    granted_begin(&s.granted, rec, s.processors);
    int r = make_rows(&s);
    if (r == 0)
        r = summary_walk(&s, &found);
    if (r == 0) {
        finish(&s, &found);
        *ret = s;
    } else {
        summary_done(&s);
    }
    return r;
}

int summary_make_scopes(const struct summary *s, struct scopes *ret)
{
    uint32_t owner = 0;
    if (s->memory.seen_ns != SUMMARY_UNKNOWN)
        owner = tacho_process(s->rec, s->memory.owner)->entity;
    return scopes_make(s, owner, s->memory.seen_ns, ret);
}

void summary_done(struct summary *s)
{
    free(s->rows);
    free(s->value_pool);
    gpus_done(&s->gpus);
    map_done(&s->row_of);
    usage_done(&s->usage);
    timeline_done(&s->cpu_line);
    gauge_line_done(&s->rss_line);
    *s = (struct summary){0};
}
