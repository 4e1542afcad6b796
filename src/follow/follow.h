/*
 * Following: which processes belong to the target. One rule for all metrics: a process belongs when
 * it is one of the roots or was forked by a process that belongs, for as long as it lives, whatever
 * becomes of its parent, session, namespaces or name.
 *
 * A mechanism is one way of learning of births, execs and ends; each is one file with one `struct
 * follow_mechanism`. What a mechanism does not tell is left to the sampler: it notices an end when
 * the process's clock is gone, an exec when its comm or stack has changed.
 *
 * Everything here is for one thread; a mechanism that needs helpers keeps them to itself.
 */
#ifndef TACHO_FOLLOW_FOLLOW_H
#define TACHO_FOLLOW_FOLLOW_H

#include "base/buffer.h"
#include "format/records.h"
#include "source/proc_process.h"

/* Numbers that are 0 (uid: UINT32_MAX) and an empty comm are not known. */
struct follow_birth {
    pid_t pid, parent_pid, process_group, session, inner_pid;
    uint32_t uid;
    uint64_t time_ns;       /* mono, when it was born; 0: just found */
    uint64_t start_boot_ns; /* CLOCK_BOOTTIME as the kernel keeps it */
    uint64_t start_stack;   /* as in struct proc_stat */
    char comm[COMM_CAP];
    bool root;   /* named by the user */
    bool forked; /* began while it was followed: its counters start at 0 */
    /* It may be gone in no time: only its command line is read now, the rest if it lives on. */
    bool newborn;
    /* Just forked: not even that is read, all that is not known is as its parent's. */
    bool fresh;
};

struct follow_exec {
    pid_t pid;
    uint64_t time_ns;
    char comm[COMM_CAP];
    struct span exe; /* as it was named; empty: unknown */
    bool has_argv;   /* else the receiver reads it from /proc, if the process lives so long */
    bool argv_cut;
    struct span argv; /* each argument ended by NUL */
};

struct follow_end {
    pid_t pid;
    uint64_t time_ns;
    int status;          /* as waitpid(2) gives it; -1 unknown */
    char comm[COMM_CAP]; /* its name then; empty: unknown */
};

/* What a mechanism calls while it is opened and polled. Parents are announced before children. */
struct follow_sink {
    void *user;
    void (*birth)(void *user, const struct follow_birth *birth);
    void (*exec)(void *user, const struct follow_exec *exec);
    /*
     * The process that has this pid has ended; another may have the pid soon. Its entity, for
     * `account`; 0 when it was never announced.
     */
    uint32_t (*ended)(void *user, const struct follow_end *end);
    /* The kernel's account of one that has ended, any time later; a second one replaces it. */
    void (*account)(void *user, const struct record_account *account);
};

struct follow_config {
    const struct source_root *root;
    const pid_t *roots; /* alive when opened; each with the descendants it already has */
    size_t root_count;
    pid_t subreaper; /* orphans of the tree become children of this process; 0: of somebody else */
    bool launched;   /* the root was launched by us: it is new, and has no descendants yet */
    bool machine;    /* everybody belongs who is born from now on; there are no roots */
    pid_t recorder;  /* never belongs, even where its own shell is attached to; 0: none */
};

struct follow_receipt {
    uint64_t births; /* of processes that belong, while following, the roots left out */
    /* How many of them were never announced: at most so many, or exactly. */
    uint64_t missed;
    bool missed_is_bound;
    /* By the kernel to anybody's processes and threads; 0 where that is of no use. */
    uint64_t pids_given_out;
    uint64_t lost_events; /* that the kernel could not deliver */
    uint64_t resyncs;     /* how often all processes were looked at because of that */
};

/* Why something does not work, and what would make it work: one line, for people. */
struct follow_reason {
    char text[256];
};

struct follow;

#define FOLLOW_TELLS_EXECS 1
#define FOLLOW_TELLS_ENDS 2     /* each end, at once */
#define FOLLOW_TELLS_STATUS 4   /* with the exit status */
#define FOLLOW_TELLS_ACCOUNTS 8 /* and the kernel's account after it */
#define FOLLOW_SEES_MACHINE 16  /* `machine` works */

struct follow_mechanism {
    const char *name;
    const char *help;     /* one line: what it needs, what it sees */
    unsigned tells;       /* FOLLOW_* */
    bool only_when_asked; /* not tried by auto */
    /*
     * Announces the roots, and what descendants they have, and begins to follow. 0, or -errno with
     * a reason: -ESRCH when a root is gone; else why the mechanism does not work here.
     */
    int (*open)(const struct follow_config *config, const struct follow_sink *sink,
                struct follow **ret, struct follow_reason *ret_why);
    /* A descriptor that poll(2) says is readable when `poll` should be called at once; -1: none.
     * NULL: none. */
    int (*fd)(const struct follow *follow);
    /*
     * Announces what happened since the last call. Called every tick and when `fd` is readable. 0
     * or -errno: something may have been missed, and the receipt says so.
     */
    int (*poll)(struct follow *follow, uint64_t now_ns);
    /* The sampler found this one gone, or reaped it. NULL where ends are told. */
    void (*forget)(struct follow *follow, pid_t pid);
    /* At the end: waits for accounts that are still to come, at most `for_ns`. NULL: none come. */
    void (*settle)(struct follow *follow, uint64_t for_ns);
    void (*receipt)(const struct follow *follow, struct follow_receipt *ret);
    /*
     * Of one that traces: the signal that the launched root was stopped by since the last call, 0 none.
     * Its stops are the tracer's, wait(2) must not take them (tracer.h). NULL: it does not trace.
     */
    int (*stopped_by)(struct follow *follow);
    void (*close)(struct follow *follow);
};

extern const struct follow_mechanism follow_bpf; /* with HAVE_BPF */
extern const struct follow_mechanism follow_connector_taskstats;
extern const struct follow_mechanism follow_connector;
extern const struct follow_mechanism follow_perf;
extern const struct follow_mechanism follow_poll;
extern const struct follow_mechanism follow_ptrace;

/* All mechanisms of this build, best first; NULL-terminated. */
extern const struct follow_mechanism *const follow_mechanisms[];

/* By name; NULL for none. */
const struct follow_mechanism *follow_mechanism_find(const char *name);

/*
 * Opens the first of `among` that works, or with a `mechanism` that one alone, or what there is of it
 * with "+more". 0 with `*ret_mechanism`, or what its `open` said with the reason. -ESRCH when a root is
 * gone.
 */
int follow_open(const struct follow_mechanism *const *among,
                const struct follow_mechanism *mechanism, const struct follow_config *config,
                const struct follow_sink *sink, const struct follow_mechanism **ret_mechanism,
                struct follow **ret, struct follow_reason *ret_why);

/* For mechanisms: sets a reason, printf-like, and gives back `error`. */
__attribute__((format(printf, 3, 4))) int follow_fail(struct follow_reason *ret, int error,
                                                      const char *format, ...);

#endif
