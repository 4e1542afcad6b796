/* One recorded process as the sampler knows it. */
#ifndef TACHO_SAMPLE_PROCESS_H
#define TACHO_SAMPLE_PROCESS_H

#include "format/metric.h"
#include "source/drm.h"
#include "source/proc_process.h"
#include "source/tcp.h"

/*
 * What the slow schedule brought back; written by the detail thread while `busy`, by nobody after.
 */
struct detail_result {
    int smaps_error, tcp_error, census_error; /* 0 or -errno; -EAGAIN: not tried */
    uint64_t smaps[SMAPS_FIELDS], tcp[TCP_FIELDS];
    uint32_t smaps_valid, tcp_valid;
    uint64_t drm[DRM_FIELDS];
    uint32_t drm_valid; /* 0: no such device is open, or there is none */
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t processors, cores, packages, package_mask;
};

/* What a process adds to the sums of the tree. */
struct tree_sums {
    uint64_t processes, threads, rss, pss, swap, fds, tcp_established, tcp_listening;
};

struct process;

/*
 * All that a tick touches of a process that stood still: kept apart and close together, since with a
 * thousand of them memory that is not in the cache costs more than the work.
 */
struct slot {
    uint64_t cpu_ns; /* its CPU clock at the last tick */
    uint64_t
        due_ns;   /* when it is to be looked at even though it stands still; 0: at the next tick */
    pid_t pid;    /* 0: it has ended, and waits for its last put */
    bool threads; /* it may have more than one */
    struct process *process;
};

enum process_stage {
    STAGE_TOLD, /* a mechanism told of its birth; it is looked at if it lives at the next tick */
    STAGE_UNLOOKED, /* of the whole machine: it is never looked at */
    STAGE_SAMPLED   /* it has a slot */
};

struct process {
    size_t slot; /* its place among the sampler's slots, when sampled */
    enum process_stage stage;
    uint32_t entity;
    pid_t pid, parent_pid; /* the parent as it was at birth */
    uint32_t uid;          /* UINT32_MAX unknown */
    pid_t session;         /* 0 unknown */
    bool execed, argv_unknown;
    uint64_t start_ticks, start_stack; /* 0: not known yet */
    char comm[COMM_CAP];
    int pidfd; /* -1 not to be had */
    struct process_files files;
    void *handle; /* the sink's */

    /* Values by position, as last sampled. */
    uint64_t value[PROCESS_METRICS];
    uint64_t known;

    uint64_t born_ns, rss_ns, detail_ns; /* when: first seen; RSS last read; next slow look */
    uint64_t status_ns;                  /* next look at status, switches, descriptors */
    bool detail_ran;                     /* it ran since the last slow look */
    bool stat_due;  /* a child of it has ended: its children's times must be read */
    uint32_t stale; /* STALE_*: what was not read since it last ran */
    bool zombie;
    int zombie_status; /* as its stat showed it, -1 unknown */
    bool in_limbo;     /* ended and dropped while busy: freed when it comes back */
    bool ended;
    bool threads;             /* it has more than one */
    struct tree_sums counted; /* what of it is in the sums now */
    uint32_t final_groups;    /* brought up to date after the end, for the next tick */
    uint64_t processor;       /* where its one thread last ran */
    struct {
        uint64_t reading;             /* the last in which it was on a GPU; 0: none */
        uint64_t memory, utilization; /* sums of that reading */
        bool memory_known, utilization_known;
        bool changed; /* since its last put */
    } gpu;
    uint32_t denied; /* groups that permission refuses: asked again after an exec */

    /* Owned by the detail thread between detail_ask and detail_take. */
    bool busy;
    bool census;       /* it has more than one thread: look at them */
    bool detail_ready; /* `detail` is new */
    struct detail_result detail;
    struct drm_process drm;
    struct process *next_detail;
};

#endif
