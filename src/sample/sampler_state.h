/* What the files of the sampler share. Not for other folders. */
#ifndef TACHO_SAMPLE_SAMPLER_STATE_H
#define TACHO_SAMPLE_SAMPLER_STATE_H

#include "base/buffer.h"
#include "base/map.h"
#include "sample/cgroup_sampler.h"
#include "sample/detail.h"
#include "sample/machine_sampler.h"
#include "sample/missing.h"
#include "sample/sampler.h"
#include "sample/young.h"
#include "source/cpu_clocks.h"

struct sampler {
    struct source_root root;
    const struct host_facts *facts;
    struct sample_sink sink;
    uint64_t interval_ns;
    bool reaps, processes, in_program;

    const struct follow_mechanism *mechanism;
    struct follow *follow;
    unsigned tells;          /* FOLLOW_*, what the mechanism tells */
    bool follow_failed;      /* it was told that a poll failed */
    struct map by_pid;       /* pid -> struct process; who ended stays until the next tick */
    struct map to_reap;      /* pid -> entity: their end was told, we may have to wait for them */
    struct young_list young; /* where the mechanism tells no accounts */
    struct process **told;   /* STAGE_TOLD, since the last tick */
    size_t told_count, told_cap;
    struct slot *slots; /* in order of entity */
    size_t count, cap;
    uint64_t ended_cpu_ns; /* of those that had a slot, as last read */
    struct tree_sums sums;
    uint64_t sums_known; /* metrics known of any process so far */
    uint32_t next_entity;
    uint64_t seen; /* processes, ever */

    uint64_t now_ns, tick;
    size_t ran_before, ran;   /* processes that ran, in the last tick and in this one */
    size_t asked;             /* slow looks asked for in this tick */
    size_t descriptors, kept; /* affordable, and kept at most by now */
    size_t oldest_kept;       /* place in `slots` from where on descriptors may still be kept */

    struct cpu_clocks clocks; /* where they can be had in one call, once there are many */
    bool clocks_tried;
    size_t clocks_first, clocks_end; /* the slots whose clocks it holds */

    struct detail *detail;
    struct machine_sampler *machine;
    struct cgroup_sampler *cgroup; /* NULL: of nobody, or there is none */
    pid_t cgroup_pid;
    struct sampler_guest guest;    /* tick NULL: none */
    struct follow_receipt receipt; /* as last recorded */
    int task_clock_fd;             /* of a launched tree; -1 */
    uint64_t task_clock_ns;        /* as last recorded */
    uint64_t machine_ns, machine_all_ns, energy_ns, cgroup_ns, told_ns, recorder_ns;
    struct missing missing;
    void *tree, *recorder;
    uint64_t tree_value[TREE_METRICS], tree_known;
    int statm_fd; /* of the recorder itself */
    struct buffer argv, exe, cwd;
};

/* sampler.c: brings what a process adds to the sums up to date. */
void sampler_count(struct sampler *s, struct process *p);

/* births.c: how processes enter, and change by exec. */
struct process *sampler_admit(struct sampler *s, const struct follow_birth *birth);
void sampler_exec(struct sampler *s, struct process *p, const struct follow_exec *exec);
void sampler_rename(struct sampler *s, struct process *p, const char comm[COMM_CAP]);
void sampler_check_exec(struct sampler *s, struct process *p, const struct proc_stat *stat);
/* The same soon after birth, also for one that was found in the middle of its exec. */
void sampler_look_over(struct sampler *s, struct process *p, const struct proc_stat *stat);
/* Those that were told of since the last tick and live are sampled from now on. */
void sampler_take_told(struct sampler *s);
void sampler_make_room(struct sampler *s);

/* ends.c: how they leave. `time_ns` 0: now. `status` as waitpid(2), -1 unknown. */
void sampler_end(struct sampler *s, struct process *p, uint64_t time_ns, int status,
                 const struct rusage *usage);
void sampler_record_exit(struct sampler *s, uint32_t entity, uint64_t time_ns, int status,
                         const struct rusage *usage);
void sampler_drop(struct sampler *s, struct process *p);

/* sampler.c: the process of that pid that has not ended; NULL. */
struct process *sampler_process(const struct sampler *s, pid_t pid);
/* The same, also one that ended since the last tick. */
struct process *sampler_process_lately(const struct sampler *s, pid_t pid);

/* process_sample.c: whether nothing is to be done for it but to say so; that is done then. */
bool process_stood_still(struct sampler *s, struct slot *slot, uint64_t cpu_ns);

/*
 * process_sample.c: reads what is due of one process and puts it. False when the process is gone:
 * nothing was put, and the caller ends it.
 */
bool process_sample(struct sampler *s, struct slot *slot);
/* Brings the values of a zombie up to date for the tick after it was reaped. */
void process_sample_final(struct sampler *s, struct process *p);

#endif
