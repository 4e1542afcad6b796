/*
 * Births, execs and ends of processes from perf_event_open(2): dummy software events, which count
 * nothing, one for each processor, and a ring in memory for each, which the kernel fills with
 * records and we empty.
 *
 * Two kinds: events of one thread, which its threads and children inherit for ever (unprivileged,
 * perf_event_paranoid <= 2, for processes that the caller may inspect; 0.9 µs for each processor of
 * the machine and each fork), and events of the whole machine (CAP_PERFMON or perf_event_paranoid
 * <= 0; no cost to a fork but the record).
 *
 * The rings' bytes are checked as if a stranger had written them. Records come in the order of their
 * times over all rings. For one thread; the memory is not inherited by fork(2).
 */
#ifndef TACHO_FOLLOW_PERF_RING_H
#define TACHO_FOLLOW_PERF_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "follow/follow.h"

#define PERF_COMM_CAP 16

enum perf_kind {
    PERF_FORK, /* of a process when pid and parent_pid differ, else of a thread */
    PERF_EXEC, /* since Linux 3.16; by then it is the process's only thread */
    PERF_EXIT  /* of one thread; also when the kernel takes its events away, see follow_perf.c */
};

/*
 * Ids are as in the reader's own pid namespace; records of threads that have none there are left
 * out. The parent is the thread that forked, and its process (PERF_FORK alone); 0 when unknown there.
 */
struct perf_record {
    enum perf_kind kind;
    pid_t pid, tid, parent_pid, parent_tid;
    uint64_t time_ns;         /* CLOCK_MONOTONIC */
    char comm[PERF_COMM_CAP]; /* PERF_EXEC alone; ends with NUL */
};

/* ---- one ring ---- */

struct perf_ring {
    void *map; /* a page that the kernel and we share, then the data; NULL: none */
    size_t map_bytes;
    const uint8_t *data;
    uint64_t size;     /* of the data, a power of two */
    uint64_t head;     /* the kernel has written up to here, when last looked at */
    uint64_t tail;     /* we have read up to here */
    uint64_t released; /* and have told the kernel so */
    uint64_t lost;     /* records for which there was no room, as far as the ring says */
    bool tight;        /* it was so full at times that some may be missing without its saying so */
    uint64_t mark;     /* what lies before is to be taken in this turn */
    bool has_next;
    uint64_t next_at;
    struct perf_record next; /* read ahead, from `next_at` */
};

/* A ring in memory as mmap(2) of a perf event lays it out: a page of `page`, then `size` bytes. */
void perf_ring_lay(struct perf_ring *ring, void *map, size_t page, size_t size);

/* Looks how far the kernel has written; and remembers it as the end of this turn. */
void perf_ring_look(struct perf_ring *ring);
void perf_ring_mark(struct perf_ring *ring);

/*
 * The next record, without taking it; NULL when there is none up to where the ring was looked at.
 * Records that say nothing of births, execs and ends are passed over; where the bytes make no sense
 * as many as they may have been are counted as lost.
 */
const struct perf_record *perf_ring_peek(struct perf_ring *ring);

/* Gives what was read back to the kernel to fill. */
void perf_ring_release(struct perf_ring *ring);

/* ---- the rings of all processors ---- */

struct perf_rings {
    uint32_t *processors; /* online when initialised */
    size_t count;         /* of processors; their rings are mapped with the first events */
    struct perf_ring *ring;
    bool whole_machine;
    bool can_count_lost; /* Linux 6.0: an event tells how many of its records were lost */
    int *events; /* `count` for each thread, in the processors' order; the first own the rings */
    size_t event_count, event_cap, event_limit;
    uint64_t lost;
    int epoll_fd; /* readable when records have come since perf_rings_look; -1 */
};

/* 0 or -errno. `done` also after a failure, and once more does no harm. */
int perf_rings_init(struct perf_rings *rings, const struct source_root *root);
void perf_rings_done(struct perf_rings *rings);

/*
 * Events from now on: of the whole machine, or of one thread and all that it will start. 0, or
 * -errno with nothing changed:
 *   -ESRCH   it has ended, or is about to
 *   -EACCES  not allowed: perf_event_paranoid, or another user's process
 *   -EPERM   perf_event_open(2) is not allowed at all: seccomp, in a container
 *   -ENOBUFS no memory may be locked for rings, however small: perf_event_mlock_kb, RLIMIT_MEMLOCK
 *   -EMFILE  they would take more than a quarter of the descriptors allowed (RLIMIT_NOFILE)
 *   -ENOSYS  (no perf events), -EINVAL (before Linux 4.1) and others as open(2) has them
 * Some 10 µs for each processor.
 */
int perf_rings_add_machine(struct perf_rings *rings);
int perf_rings_add_thread(struct perf_rings *rings, pid_t tid);

/* Why adding failed, and what would make it work. Gives back `error`. */
int perf_rings_explain(const struct perf_rings *rings, const struct source_root *root, int error,
                       struct follow_reason *ret_why);

/*
 * A turn: looks at all rings, then takes every record that was there, one by one, the earliest first.
 *
 * The rings are looked at twice, and what the second look finds is taken only if it is from before
 * something that the first one found. So that of two records of which one had a hand in the other (a
 * birth and the child's exec, a thread's end and its process's exec) never the second comes first: the
 * first was in its ring before the second was so much as stamped, and a look at the one ring that
 * missed it is followed by another that does not.
 */
void perf_rings_look(struct perf_rings *rings);
bool perf_rings_take(struct perf_rings *rings, struct perf_record *ret);

/* Whether there is a record of that process by now which is still to be taken. */
bool perf_rings_hold_birth_of(const struct perf_rings *rings, pid_t pid);
bool perf_rings_hold_more_of(const struct perf_rings *rings, pid_t pid); /* its exec or end */

/*
 * Gives the memory back to the kernel, and says how many records of all it had no room for so far, at
 * most. Where the kernel does not count and only a later record would tell, that later record is
 * waited for.
 */
uint64_t perf_rings_release(struct perf_rings *rings);

#endif
