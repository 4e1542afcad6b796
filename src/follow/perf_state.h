/* What the files of following by perf events share. Not for others. */
#ifndef TACHO_FOLLOW_PERF_STATE_H
#define TACHO_FOLLOW_PERF_STATE_H

#include "follow/live_threads.h"
#include "follow/members.h"
#include "follow/perf_execs.h"
#include "follow/perf_ring.h"

/* A thread that was ending when it was looked at: its record may lie before our time. */
struct ending {
    pid_t pid, tid;
};

struct follow {
    struct members members; /* announces to us */
    struct follow_sink sink;
    struct perf_rings rings;
    struct live_threads threads; /* of members */
    struct perf_execs execs;
    int timer_fd;
    uint64_t timer_ns; /* what it is set to; 0: it is not */
    bool machine;

    struct ending *ending;
    size_t ending_count, ending_cap;

    struct map opened;  /* tid -> since when it has events of its own, see doubts() */
    uint64_t opened_ns; /* of the last ones */
    uint64_t settle_ns;
    bool unsure;   /* somebody may have been born of whom nothing is told */
    bool attached; /* to all who were there */

    bool stale;         /* records were lost: all processes are to be looked at */
    bool looking;       /* at them, for that reason */
    uint64_t look_ns;   /* the last time */
    struct map found;   /* pid -> 1: announced then, and no record of its birth has come */
    struct map passing; /* pid -> 1: listed, and left out since it has ended */

    /* Of whom nothing is told: pid -> since when. Who is born after that with this pid is another. */
    struct map blind;
    int loadavg_fd;
    pid_t last_pid;       /* given out when last counted */
    pid_t newest;         /* pid or tid that a record or the kernel told of last */
    uint64_t newest_ns;   /* when the kernel was asked */
    uint64_t births_then; /* of `births` */
    uint64_t unseen;      /* births that may be missed for these reasons, at most */

    uint64_t births, dropped, lost, found_late, resyncs;
};

/* ---- follow_perf.c: what the records say ---- */

/* Takes in what the rings hold. */
void perf_drain(struct follow *f);

/* A thread has ended, and its process if it was the last. */
void perf_take_exit(struct follow *f, pid_t pid, pid_t tid, uint64_t time_ns);

/* Nothing more is known of its threads, and an exec that waits is told. */
void perf_forget(struct follow *f, pid_t pid);

/* ---- perf_cover.c: whom the records tell of, and the others ---- */

int perf_read_stat(const struct follow *f, pid_t pid, struct proc_stat *ret);

/*
 * Whether a process whose last thread has ended by our account lives on. If not, *ret_status is its
 * wait status where that can be read yet.
 */
bool perf_lives_on(const struct follow *f, pid_t pid, uint64_t time_ns, int *ret_status);

/* A member whose end was told of lives on: new events for it, or it will be looked for. */
void perf_cover_again(struct follow *f, pid_t pid);

/* The same without a member, before anything is announced. 0, or -errno where that was refused. */
int perf_cover_early(struct follow *f, pid_t pid);

/* A new thread of a member was told of. */
void perf_cover_born(struct follow *f, const struct perf_record *r);

/* Something is told of it after all, or it has ended. */
void perf_see_again(struct follow *f, pid_t pid);

/* Finds and announces who is there. 0 or -errno. */
int perf_attach(struct follow *f);

/* What is to be done each time when all records are taken in. 0 or -errno. */
int perf_look_after(struct follow *f, uint64_t now_ns);

/* When all processes are to be looked at; 0: they need not be. */
uint64_t perf_look_due(const struct follow *f);

/* What `members` finds out. */
void perf_on_found(void *user, const struct follow_birth *birth);
uint32_t perf_on_gone(void *user, const struct follow_end *end);

#endif
