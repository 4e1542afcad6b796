/*
 * What the target was granted by its control group, and what became of that: part of the summary.
 * Unknown is SUMMARY_UNKNOWN or NAN; of a limit that is: none is known.
 */
#ifndef TACHO_ANALYSE_GRANTED_H
#define TACHO_ANALYSE_GRANTED_H

#include <tacho/recording.h>

#include "analyse/positions.h"

struct granted {
    /* Of the group in which the root was last: the least of all along its path. */
    const char *path; /* NULL: no control group is known */
    uint64_t version; /* 1, 2 */
    uint64_t memory_max_bytes, memory_high_bytes, pids_max;
    double cpu_max; /* processors' worth of time */
    uint64_t cpuset_processors;
    double cores; /* the least of that, of affinity and of what the machine has */

    /* While it was recorded. */
    uint64_t memory_peak_bytes; /* charged to the group with the memory limit */
    uint64_t limit_hits, ooms;  /* of that group */
    uint64_t oom_kills;         /* of all groups in which the root was */
    uint64_t periods, throttled_periods, throttled_ns;
};

/* Whether processes were killed for the group's own limit, and not for want of memory on the machine. */
bool granted_oom_is_own(const struct granted *granted);

/* The samples of one group after the other. */
struct granted_walk {
    struct positions positions;
    uint32_t entity; /* 0: none yet */
    uint64_t first[CGROUP_METRICS], last[CGROUP_METRICS], largest_bytes;
    uint64_t known; /* bit of enum cgroup_metric */
};

/* Limits, by the facts; what became of them is unknown so far. `processors`: of the machine. */
void granted_begin(struct granted *granted, const struct tacho_recording *rec, uint64_t processors);

void granted_walk_begin(struct granted_walk *walk, const struct tacho_recording *rec);
void granted_walk_sample(struct granted_walk *walk, const struct tacho_sample *sample,
                         struct granted *granted);
void granted_walk_finish(struct granted_walk *walk, struct granted *granted);

#endif
