/*
 * Following: which processes belong to the target. One rule for all metrics: a process belongs when
 * it is one of the roots or was forked by a process that belongs, for as long as it lives, whatever
 * becomes of its parent, session or name.
 *
 * A mechanism is one way of learning of births, execs and exits; each is one file with one `struct
 * follow_mechanism`. What a mechanism cannot tell is left to the sampler: it notices an end when
 * the process's clock is gone, an exec when its comm or stack has changed.
 */
#ifndef TACHO_FOLLOW_FOLLOW_H
#define TACHO_FOLLOW_FOLLOW_H

#include "source/proc_process.h"

struct follow_birth {
    pid_t pid;
    struct proc_stat stat; /* as it was when the birth was noticed */
    bool root;             /* named by the user */
    bool forked;           /* began while it was followed: its counters start at 0 */
};

/* What a mechanism calls while it is polled. Parents are announced before their children. */
struct follow_sink {
    void *user;
    void (*birth)(void *user, const struct follow_birth *birth);
    /* The process that had this pid has ended; another may have it already. */
    void (*ended)(void *user, pid_t pid);
};

struct follow_config {
    const struct source_root *root;
    const pid_t *roots; /* alive when opened; each with the descendants it already has */
    size_t root_count;
    pid_t subreaper; /* orphans of the tree become children of this process; 0: of somebody else */
    bool launched;   /* the root was launched by us: it is new */
    pid_t recorder;  /* never belongs, even where its own shell is attached to; 0: none */
};

struct follow_receipt {
    uint64_t births;         /* of processes that belong, while following */
    uint64_t pids_given_out; /* by the kernel to anybody's processes and threads while following */
};

struct follow;

struct follow_mechanism {
    const char *name;
    const char *help; /* one line: what it needs, what it sees */
    /* 0 or -errno with a reason why it does not work here. */
    int (*open)(const struct follow_config *config, const struct follow_sink *sink,
                struct follow **ret);
    /* Announces what happened since the last call. Called every tick. 0 or -errno. */
    int (*poll)(struct follow *follow, uint64_t now_ns);
    /* The sampler found this one gone, or reaped it. */
    void (*forget)(struct follow *follow, pid_t pid);
    void (*receipt)(const struct follow *follow, struct follow_receipt *ret);
    void (*close)(struct follow *follow);
};

extern const struct follow_mechanism follow_poll;

/* All mechanisms, best first; NULL-terminated. */
extern const struct follow_mechanism *const follow_mechanisms[];

/* By name; NULL for none. */
const struct follow_mechanism *follow_mechanism_find(const char *name);

#endif
