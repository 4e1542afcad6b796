/*
 * Execs that wait for their arguments. The record of an exec comes some 50 µs before the kernel has
 * laid out the new arguments (until then /proc/PID/cmdline is empty), so each is announced a little
 * later: as soon as they can be read, or when something else is to be told of the process.
 */
#ifndef TACHO_FOLLOW_PERF_EXECS_H
#define TACHO_FOLLOW_PERF_EXECS_H

#include "follow/follow.h"
#include "follow/perf_ring.h"

#define PERF_EXECS_MAX 64

struct perf_exec {
    pid_t pid;
    unsigned tries;
    uint64_t time_ns, due_ns;
    char comm[PERF_COMM_CAP];
};

struct perf_execs {
    struct source_root root;
    struct follow_sink sink;
    const struct perf_rings *rings;           /* borrowed */
    struct perf_exec waiting[PERF_EXECS_MAX]; /* in the order they came, one for each process */
    size_t count;
    struct buffer argv, exe;
};

void perf_execs_done(struct perf_execs *execs);

/* One more; the oldest is hurried where there are too many. */
void perf_execs_add(struct perf_execs *execs, const struct perf_record *record);

/* Something is about to be announced that an exec of that process must come before. */
void perf_execs_hurry(struct perf_execs *execs, pid_t pid);
void perf_execs_hurry_all(struct perf_execs *execs);

/* The same, and its arguments are gone: it has ended. */
void perf_execs_give_up(struct perf_execs *execs, pid_t pid);

/* Announces those that can be. About 9 µs each. */
void perf_execs_try(struct perf_execs *execs);

/* When to try again, CLOCK_MONOTONIC; 0: none waits. */
uint64_t perf_execs_due(const struct perf_execs *execs);

#endif
