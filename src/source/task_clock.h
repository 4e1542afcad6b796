/*
 * The CPU time of a process and of all that descend from it, in one number: a task-clock counter of
 * perf_event_open(2) that every thread and child inherits. What a descendant used is added to it when
 * the descendant ends, so nobody is missed, however short its life and whoever waits for it. System
 * calls count too: the counter knows no mode.
 *
 * Unprivileged where kernel.perf_event_paranoid is at most 2, for processes that the caller may
 * inspect; else with CAP_PERFMON.
 *
 * What it does not count:
 * - threads and children that `pid` had before: open it on a process that has just been forked;
 * - what ending itself costs after the kernel has taken the counter away, some 30 µs a process:
 *   wait4(2) has that;
 * - where the caller is not privileged, a program that gains privileges by exec (set-user-ID), from
 *   then on, with all below it: the kernel takes the counter from it.
 *
 * Who descends pays for it: some 6 µs a process from its start to its end (Linux 6.18, 2 GHz).
 */
#ifndef TACHO_SOURCE_TASK_CLOCK_H
#define TACHO_SOURCE_TASK_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Begins to count thread `pid` and who descends from it. A descriptor, O_CLOEXEC, to be closed by the
 * caller; or -errno: -ESRCH no such process, -EACCES not allowed (another user's process, or
 * perf_event_paranoid above 2), -EPERM kept by a container's seccomp profile, -ENOSYS a kernel
 * without perf events.
 */
int task_clock_open(pid_t pid);

/*
 * Nanoseconds counted so far; never less than before. 0 or -errno. 0.5 µs, 0.05 µs for each thread
 * alive (50 µs with a thousand), and where one of them is running on another processor some 10 µs
 * more, since that processor is asked by an interrupt.
 */
int task_clock_read(int fd, uint64_t *ret_ns);

#endif
