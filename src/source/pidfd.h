/* Process descriptors: a handle on one process that pid reuse cannot confuse. */
#ifndef TACHO_SOURCE_PIDFD_H
#define TACHO_SOURCE_PIDFD_H

#include <sys/types.h>

/*
 * A pidfd, O_CLOEXEC, or -errno (-ESRCH, -ENOSYS before Linux 5.3, -EINVAL for a thread's id).
 * 2.5 µs with close.
 */
int pidfd_of(pid_t pid);

/*
 * The wait status of an ended process, also one that another parent has reaped: PIDFD_GET_INFO with
 * PIDFD_INFO_EXIT, Linux 6.15. 0; -EAGAIN while it still runs or is not yet reaped;
 * -ENOTTY/-EINVAL, or -ESRCH once it is reaped, where this kernel cannot say. Only a descriptor
 * opened before the process was reaped knows. 0.5 µs.
 */
int pidfd_exit_status(int pidfd, int *ret_status);

#endif
