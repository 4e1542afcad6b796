/*
 * A recording tick by tick: what all recorded processes together had and had used, with the machine
 * beside them. For formats that show a job as one.
 */
#ifndef TACHO_EXPORT_TREE_TICKS_H
#define TACHO_EXPORT_TREE_TICKS_H

#include "analyse/lineage.h"
#include "export/export_table.h"

struct tree_tick {
    uint64_t time_ns;
    /*
     * Used since the recording began (by a launched job: in all), each thing once: with processes that
     * have ended, or were too short to be sampled, and what a child used not again at its parent.
     */
    uint64_t grown[LINEAGE_COLUMNS];
    uint64_t user_ns, system_ns; /* CPU, divided as the kernel's ticks fell */
    /* Of the processes that live: sums, and largest, of their last known values, by the catalogue. */
    size_t processes;
    uint64_t known; /* bit m: of some process */
    uint64_t sum[PROCESS_METRICS], most[PROCESS_METRICS];
    uint64_t packages; /* bit p: some thread ran on package p */
    /* By the catalogue, as last sampled. */
    uint64_t machine_known, machine[MACHINE_METRICS];
    uint64_t disks_known, disks[DISK_METRICS]; /* sums */
};

/*
 * `process`, before the tick it belongs to: a process that lives, with what is known of it at that tick;
 * `place` as tacho_process(). Not of zombies. Either may be NULL. What is negative ends it.
 */
struct tree_listener {
    void *user;
    int (*process)(void *user, size_t place, const struct tacho_sample *sample);
    int (*tick)(void *user, const struct tree_tick *tick);
};

/* 0, what a function returned, or why the recording could not be read on. 60 bytes a process. */
int tree_ticks_run(struct export *export, const struct tree_listener *listener);

/* Its share of the machine's processors that was in use between two ticks: false where unknown. */
bool tree_machine_busy(const struct tree_tick *before, const struct tree_tick *tick,
                       double *ret_share);

#endif
