#include "analyse/granted.h"

#include <math.h>

#include "analyse/summary.h"

static uint64_t number_fact(const struct tacho_recording *rec, const char *key)
{
    uint64_t number;
    return tacho_fact_number(rec, key, &number) ? number : SUMMARY_UNKNOWN;
}

static void at_most(double *cores, double limit)
{
    if (isnan(*cores) || limit < *cores)
        *cores = limit;
}

static void at_most_processors(double *cores, uint64_t processors)
{
    if (processors != SUMMARY_UNKNOWN && processors != 0)
        at_most(cores, (double)processors);
}

/* Who attaches need not be bound to the processors that its target is bound to. */
static bool shares_affinity(const struct tacho_recording *rec)
{
    const char *target = tacho_fact_text(rec, "target", NULL);
    return target != NULL && (strcmp(target, "launch") == 0 || strcmp(target, "self") == 0);
}

void granted_begin(struct granted *g, const struct tacho_recording *rec, uint64_t processors)
{
    uint64_t milli = number_fact(rec, "cgroup_cpu_max_milli");
    *g = (struct granted){
        .path = tacho_fact_text(rec, "cgroup_path", NULL),
        .version = number_fact(rec, "cgroup_version"),
        .memory_max_bytes = number_fact(rec, "cgroup_memory_max_bytes"),
        .memory_high_bytes = number_fact(rec, "cgroup_memory_high_bytes"),
        .pids_max = number_fact(rec, "cgroup_pids_max"),
        .cpu_max = milli == SUMMARY_UNKNOWN ? NAN : (double)milli / 1000,
        .cpuset_processors = number_fact(rec, "cgroup_cpuset_processors"),
        .cores = NAN,
        .memory_peak_bytes = SUMMARY_UNKNOWN,
        .limit_hits = SUMMARY_UNKNOWN,
        .ooms = SUMMARY_UNKNOWN,
        .oom_kills = SUMMARY_UNKNOWN,
        .periods = SUMMARY_UNKNOWN,
        .throttled_periods = SUMMARY_UNKNOWN,
        .throttled_ns = SUMMARY_UNKNOWN,
    };
    at_most_processors(&g->cores, processors);
    at_most_processors(&g->cores, g->cpuset_processors);
    if (shares_affinity(rec))
        at_most_processors(&g->cores, number_fact(rec, "allowed_processors"));
    if (!isnan(g->cpu_max))
        at_most(&g->cores, g->cpu_max);
}

/*
 * The count of kills has all causes in it. That it was for the group's own limit shows in the group
 * which has that; v1 counts there only that the limit was hit.
 */
bool granted_oom_is_own(const struct granted *g)
{
    uint64_t own = g->ooms != SUMMARY_UNKNOWN ? g->ooms : g->limit_hits;
    return own != SUMMARY_UNKNOWN && own > 0;
}

/* ---- what became of it ---- */

void granted_walk_begin(struct granted_walk *w, const struct tacho_recording *rec)
{
    *w = (struct granted_walk){.entity = 0};
    positions_find(rec, TACHO_CGROUP, &w->positions);
}

static void grow(const struct granted_walk *w, enum cgroup_metric metric, uint64_t *total)
{
    if ((w->known >> metric & 1) == 0)
        return;
    uint64_t before = *total == SUMMARY_UNKNOWN ? 0 : *total;
    uint64_t grown = w->last[metric] > w->first[metric] ? w->last[metric] - w->first[metric] : 0;
    *total = grown < SUMMARY_UNKNOWN - 1 - before ? before + grown : SUMMARY_UNKNOWN - 1;
}

/*
 * The kernel's peak is of the group's whole life: it is the target's where it grew meanwhile, and what
 * was sampled is where it did not.
 */
static uint64_t memory_peak(const struct granted_walk *w)
{
    const enum cgroup_metric peak = CGROUP_METRIC_MEMORY_PEAK;
    if ((w->known >> peak & 1) != 0 && w->last[peak] > w->first[peak])
        return w->last[peak];
    return (w->known >> CGROUP_METRIC_MEMORY & 1) != 0 ? w->largest_bytes : SUMMARY_UNKNOWN;
}

/* What the limits are compared with is of the last group alone, as they are. */
static void finish_group(struct granted_walk *w, struct granted *g)
{
    if (w->entity == 0)
        return;
    g->limit_hits = g->ooms = SUMMARY_UNKNOWN;
    g->memory_peak_bytes = memory_peak(w);
    grow(w, CGROUP_METRIC_LIMIT_HITS, &g->limit_hits);
    grow(w, CGROUP_METRIC_OOMS, &g->ooms);
    grow(w, CGROUP_METRIC_OOM_KILLS, &g->oom_kills);
    grow(w, CGROUP_METRIC_PERIODS, &g->periods);
    grow(w, CGROUP_METRIC_THROTTLED_PERIODS, &g->throttled_periods);
    grow(w, CGROUP_METRIC_THROTTLED, &g->throttled_ns);
}

void granted_walk_sample(struct granted_walk *w, const struct tacho_sample *sample,
                         struct granted *g)
{
    if (sample->entity != w->entity) {
        finish_group(w, g);
        w->entity = sample->entity;
        w->known = w->largest_bytes = 0;
    }
    for (unsigned m = 0; m < CGROUP_METRICS; m++) {
        if (!sample_fresh(sample, &w->positions, m))
            continue;
        uint64_t value = sample_value(sample, &w->positions, m);
        if ((w->known >> m & 1) == 0)
            w->first[m] = value;
        w->last[m] = value;
        w->known |= UINT64_C(1) << m;
        if (m == CGROUP_METRIC_MEMORY && value > w->largest_bytes)
            w->largest_bytes = value;
    }
}

void granted_walk_finish(struct granted_walk *w, struct granted *g)
{
    finish_group(w, g);
    w->entity = 0;
}
