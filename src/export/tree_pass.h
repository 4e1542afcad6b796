/*
 * A job tick by tick: what all its processes together had and had used, with the machine beside them.
 * For formats that show a job as one. Fed from a recording (tree_ticks.h), or with what is recorded now
 * (tree_live.h).
 */
#ifndef TACHO_EXPORT_TREE_PASS_H
#define TACHO_EXPORT_TREE_PASS_H

#include "analyse/lineage_walk.h"
#include "export/export_table.h"

#define TREE_GPUS_MAX 64

/* A GPU, as last sampled: value[m] where bit m of `known` is set, by the catalogue. */
struct tree_gpu {
    uint32_t entity;
    uint64_t number; /* as its driver counts */
    uint64_t known, value[GPU_METRICS];
};

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
    const struct tree_gpu *gpu;                /* lent for the call */
    size_t gpus;
};

/*
 * `process`, before the tick it belongs to: a process that lives, with what is known of it at that tick.
 * Not of zombies. Before that `born`, once, in the order in which they were first seen; `changed`: it is
 * another program now; `ended`, after all else of it, and at the latest when all has ended: all that was
 * told of it. `place` counts them; in what is recorded now a place is given again after `ended`. Any may
 * be NULL. What is negative ends it.
 */
struct tree_listener {
    void *user;
    int (*born)(void *user, size_t place, const struct tacho_process *process);
    int (*changed)(void *user, size_t place, const struct tacho_process *process);
    int (*process)(void *user, size_t place, const struct tacho_sample *sample);
    int (*ended)(void *user, size_t place, const struct tacho_process *process);
    int (*tick)(void *user, const struct tree_tick *tick);
};

struct tree_pass {
    struct export *export;
    const struct tree_listener *listener;
    struct lineage_walk lineage;
    struct positions process, machine, disk, gpu;
    struct tree_gpu gpus[TREE_GPUS_MAX];
    struct tree_split {
        uint64_t user_ns, system_ns;
        bool known;
    } * split; /* by place: when it was last known */
    size_t places;
    uint64_t user_ns, system_ns;
    struct tree_tick tick;
    uint64_t disks_ns; /* when they were last sampled */
    bool in_tick;
};

/* `listener` and the pass stay where they are until tree_pass_done. 0 or -ENOMEM. */
int tree_pass_open(struct tree_pass *pass, struct export *export,
                   const struct tree_listener *listener);
void tree_pass_done(struct tree_pass *pass);

/* Ends the tick before, where that has not ended, and begins one. 0 or negative errno, as the others. */
int tree_pass_tick(struct tree_pass *pass, uint64_t time_ns);
int tree_pass_end_tick(struct tree_pass *pass);

/* Before the first sample of a process, in which `place` is given. */
int tree_pass_born(struct tree_pass *pass, size_t place, const struct tacho_process *process);
int tree_pass_process(struct tree_pass *pass, size_t place, bool forked,
                      const struct tacho_sample *sample);
/* A sample of what is no process. */
void tree_pass_other(struct tree_pass *pass, const struct tacho_sample *sample);

/* What is only known at the end belongs to the last tick, which ends now. */
int tree_pass_finish(struct tree_pass *pass);

/* Its share of the machine's processors that was in use between two ticks: false where unknown. */
bool tree_machine_busy(const struct tree_tick *before, const struct tree_tick *tick,
                       double *ret_share);

/*
 * A format that is written tick by tick. `open` makes what it writes to and fills in the listener;
 * `flush` writes what is gathered, after a tick that is to be seen at once, and at the end; `close`
 * frees, and is called for whatever open left in `ret->user`, also where that failed. 0 or negative errno.
 */
struct tree_writer {
    int (*open)(struct export *export, int root_pid, struct tree_listener *ret);
    int (*flush)(void *user);
    void (*close)(void *user);
};

#endif
