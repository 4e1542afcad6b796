/*
 * The kernel's taskstats exit listener: an account of each task of the machine as it begins to
 * exit, threads one by one. To root, in the initial pid and network namespaces.
 *
 * What is in it, and what is not:
 * - CPU as the scheduler last counted it, up to a tick ago: half of that of a shell that runs one
 *   command is missing. One that never waited for anything but a processor is known to the
 *   microsecond. What taking it down costs comes after, some 50 µs.
 * - User and system time as the ticks fell.
 * - The peak of resident memory is that of the program that runs, since its exec.
 * - I/O is not taken: it is cut to whole KiB and the number of calls to whole 1024, and children
 *   waited for are not in it, as they are in /proc/PID/io.
 * - Which process a thread is of, and whether it is the last of it, since Linux 5.19.
 */
#ifndef TACHO_FOLLOW_EXIT_TASKSTATS_H
#define TACHO_FOLLOW_EXIT_TASKSTATS_H

#include <sys/types.h>

#include "follow/follow.h"
#include "follow/netlink_socket.h"

struct task_account {
    pid_t tid;
    pid_t process; /* 0: this kernel does not say */
    bool last;     /* no other thread of its process lives; never where the kernel does not say */
    uint64_t cpu_ns, user_ns, system_ns;
    uint64_t minor_faults, major_faults, voluntary_switches, involuntary_switches;
    uint64_t peak_rss_bytes; /* 0: unknown, as for a kernel thread */
    char comm[COMM_CAP];     /* in the end */
};

#define PROCESSOR_LIST_MAX 1024

struct exit_taskstats {
    struct netlink_socket socket;
    unsigned family;                     /* the kernel's number for taskstats since it was booted */
    char processors[PROCESSOR_LIST_MAX]; /* registered for */
    struct task_account *waiting;        /* that have come, in that order */
    size_t count, cap;
};

/*
 * Registers for every processor. 0 or -errno with a reason. A kernel whose accounts are laid out
 * otherwise is refused (Linux 6.14 and 6.15 are).
 */
int exit_taskstats_open(const struct source_root *root, struct exit_taskstats *ret,
                        struct follow_reason *ret_why);
void exit_taskstats_close(struct exit_taskstats *t);

/* Takes all that have come. 0 or -errno. That some were lost is no error: their tasks lack them. */
int exit_taskstats_receive(struct exit_taskstats *t);

/* The first `n` of those that wait are done with. */
void exit_taskstats_drop(struct exit_taskstats *t, size_t n);

/* Out of a message of that family: 0, or -EPROTO where there is no task's account in it. */
int task_account_parse(struct span payload, struct task_account *ret);

#endif
