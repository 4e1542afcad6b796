#include "source/task_clock.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int task_clock_open(pid_t pid)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attr,
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .inherit = 1,
        /* Changes nothing of the count; without it the kernel wants more privilege. */
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    if (pid <= 0) /* 0 and -1 would be the caller and everybody */
        return -ESRCH;
    int fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int task_clock_read(int fd, uint64_t *ret_ns)
{
    uint64_t ns;
    ssize_t n = read(fd, &ns, sizeof ns);
    if (n != sizeof ns)
        return n < 0 ? -errno : -EPROTO;
    *ret_ns = ns;
    return 0;
}
