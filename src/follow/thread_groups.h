/*
 * What is known of each process that belongs, where the kernel tells of tasks: how many threads
 * live, how they exited, and what their accounts add up to. A process has ended when its last
 * thread has, and its main thread is often not the last.
 *
 * Of a process whose birth was told, every thread's was: threads are counted. Of one that was found
 * by looking at /proc they cannot be (what is told after one has looked may have been before): such
 * a process has ended when another look says so, and none is worth taking before its main thread
 * has exited.
 */
#ifndef TACHO_FOLLOW_THREAD_GROUPS_H
#define TACHO_FOLLOW_THREAD_GROUPS_H

#include "base/map.h"
#include "follow/connector_socket.h"
#include "follow/exit_taskstats.h"

struct thread_group {
    pid_t pid;
    uint32_t threads;  /* that live; 0: not counted */
    uint32_t exited;   /* whose exits were told */
    uint32_t accounts; /* that came */
    uint32_t entity;   /* once it has ended */
    uint64_t
        found_ns; /* by looking, then: what is told from before is known. 0: its birth was told */
    bool whole;   /* nothing of it went untold */
    bool leader_ended; /* maybe: its main thread */
    bool session_leader;
    bool final_peak; /* `sum` has the last thread's */
    bool has_clock;
    int leader_status, thread_status; /* of the main thread, and of others that failed; 0 none */
    uint64_t clock_ns;                /* its CPU clock, read as late as could be */
    struct task_account sum;
};

struct thread_groups {
    struct map by_pid;   /* -> place, of those that live */
    struct map awaiting; /* -> place, of those that have ended */
    struct thread_group *places;
    size_t count, cap;
    uint32_t *vacant;
    size_t vacant_count;
};

void thread_groups_done(struct thread_groups *groups);

/* NULL where there is none. Pointers are valid until the next thread_groups_add. */
struct thread_group *thread_groups_find(const struct thread_groups *groups, pid_t pid);

/* A process that was just forked, or was found. NULL without memory. */
struct thread_group *thread_groups_add(struct thread_groups *groups, pid_t pid, uint64_t found_ns);

void thread_groups_drop(struct thread_groups *groups, struct thread_group *g);

/* It has ended: its pid is free for another, and it waits for its account. */
void thread_groups_await(struct thread_groups *groups, struct thread_group *g, uint32_t entity);

/* Calls `each` for those that wait, and drops them. */
void thread_groups_settle(struct thread_groups *groups,
                          void (*each)(void *user, const struct thread_group *g), void *user);

/* Something was lost: no count of threads is right any more. */
void thread_groups_doubt(struct thread_groups *groups);

/* A thread of it was born. */
void thread_group_grows(struct thread_group *g);

enum thread_group_state { GROUP_LIVES, GROUP_ENDED, GROUP_UNSURE };

/* One of its tasks exited. UNSURE: another look decides. */
enum thread_group_state thread_group_shrinks(struct thread_group *g, const struct task_event *e);

/*
 * Its status as waitpid(2) has it: that of the exit that ended all its threads, or without such a
 * one that of the main thread (since Linux 6.0 of the last one). Threads end with 0 else. -1 where
 * threads failed in another way than the main thread did: the kernel knows, and `thread_status` is
 * likely.
 */
int thread_group_status(const struct thread_group *g);

/* An account of a task of it; of the newest of that pid which has ended and waits, or lives. */
struct thread_group *thread_groups_take_account(struct thread_groups *groups,
                                                const struct task_account *a);

/* Its clock says so much. Clocks of the same process never go back. */
void thread_group_take_clock(struct thread_group *g, uint64_t clock_ns);

/* What is known in the end; `known` is 0 where that is nothing. */
void thread_group_account(const struct thread_group *g, struct record_account *ret);

#endif
