/*
 * How things stood at one moment of a recording: the processes that were alive, and how fast they used
 * what they used. Only the blocks around the moment are read: about 40 ns for each sample of some
 * seconds before it. And what was open of marks then, for which all marks are walked: about 50 ns each.
 */
#ifndef TACHO_ANALYSE_SNAPSHOT_H
#define TACHO_ANALYSE_SNAPSHOT_H

#include "analyse/scope_moment.h"

#define SNAPSHOT_UNKNOWN UINT64_MAX
#define SNAPSHOT_NOBODY SIZE_MAX

struct snapshot_process {
    const struct tacho_process *process; /* the recording's */
    size_t parent;                       /* its place here; NOBODY */
    double cores;                        /* of CPU, over the last second or sample; NAN */
    double read_rate, write_rate;        /* bytes a second, from and to storage; NAN */
    uint64_t cpu_ns, rss_bytes, pss_bytes, threads; /* UNKNOWN */
    uint64_t state;                                 /* letter; UNKNOWN */
};

struct snapshot {
    uint64_t time_ns; /* of the last tick not after the moment; UNKNOWN: nothing was sampled then */
    struct snapshot_process *process; /* in the order of tacho_process() */
    size_t count;
};

/* `interval_ns` is the recording's, UNKNOWN where it has none. 0, -ENOMEM, or as tacho_walk_next. */
int snapshot_take(struct tacho_recording *rec, uint64_t time_ns, uint64_t interval_ns,
                  struct snapshot *ret);
void snapshot_done(struct snapshot *snapshot);

#define SNAPSHOT_COUNTERS_MAX 16

struct snapshot_counter {
    const struct tacho_site *site; /* the recording's */
    uint64_t time_ns;              /* when it was set last */
    double value;
};

struct snapshot_marks {
    struct moment moment; /* of everybody */
    /* Those that were set last, the latest first; how many there were in all. */
    struct snapshot_counter counter[SNAPSHOT_COUNTERS_MAX];
    size_t counters, all_counters;
};

/* 0, or as scope_stacks_run. Where nobody marked, all is empty but for the label. */
int snapshot_take_marks(struct tacho_recording *rec, uint64_t time_ns, struct snapshot_marks *ret);

#endif
