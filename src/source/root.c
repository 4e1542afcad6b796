#include "source/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"

int source_root_open(struct source_root *root, const char *path)
{
    _close_ int top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return -errno;
    _close_ int proc = openat(top, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return -errno;
    int sys = openat(top, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sys < 0 && (errno == EMFILE || errno == ENFILE))
        return -errno;

    struct statfs fs;
    struct stat own_fds;
    uint64_t delay_accounting = 0;
    source_number_at(proc, "sys/kernel/task_delayacct", &delay_accounting);
    long ticks_per_s = sysconf(_SC_CLK_TCK), page_bytes = sysconf(_SC_PAGESIZE);
    *root = (struct source_root){
        .proc_fd = proc,
        .sys_fd = sys,
        .tick_ns = NS_PER_S / (ticks_per_s > 0 ? (uint64_t)ticks_per_s : 100),
        .page_bytes = page_bytes > 0 ? (uint64_t)page_bytes : 4096,
        .delay_accounting = delay_accounting == 1,
        .procfs = fstatfs(proc, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC,
    };
    /* This process has some open, `proc` for one. On a disk a directory's size is something else. */
    root->sized_fds =
        root->procfs && fstatat(proc, "self/fd", &own_fds, 0) == 0 && own_fds.st_size > 0;
    proc = -1; /* handed over */
    return 0;
}

void source_root_close(struct source_root *root)
{
    if (root->proc_fd >= 0)
        close(root->proc_fd);
    if (root->sys_fd >= 0)
        close(root->sys_fd);
    root->proc_fd = root->sys_fd = -1;
}

ssize_t source_read_kept(int fd, void *bytes, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = pread(fd, (char *)bytes + len, cap - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

ssize_t source_read_at(int dir_fd, const char *name, void *bytes, size_t cap)
{
    _close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : source_read_kept(fd, bytes, cap);
}

int source_number_at(int dir_fd, const char *name, uint64_t *ret)
{
    char bytes[64];
    ssize_t n = source_read_at(dir_fd, name, bytes, sizeof bytes);
    if (n < 0)
        return (int)n;
    struct text t = text_of(bytes, (size_t)n);
    uint64_t value;
    if (!text_take_u64(&t, &value) || t.at == t.end || (*t.at != '\n' && *t.at != ' '))
        return -EPROTO;
    *ret = value;
    return 0;
}
