#include "source/pidfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From <linux/pidfd.h> of Linux 6.15, which may be newer than the headers built with. */
struct pidfd_facts {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t pid, thread_group, parent_pid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};

#define FACTS_EXIT UINT64_C(8)
#define IOCTL_GET_INFO _IOWR(0xFF, 11, struct pidfd_facts)

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int pidfd_of(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        return fd;
    return errno == ENOENT ? -EINVAL : -errno; /* a thread's id since Linux 6.16 */
}

int pidfd_exit_status(int pidfd, int *ret_status)
{
    struct pidfd_facts facts = {.mask = FACTS_EXIT};
    if (ioctl(pidfd, IOCTL_GET_INFO, &facts) != 0)
        return -errno;
    if (!(facts.mask & FACTS_EXIT))
        return -EAGAIN;
    *ret_status = facts.exit_code;
    return 0;
}
