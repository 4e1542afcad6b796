/*
 * Where the kernel's files are: `/` at run time, a directory with `proc` and `sys` in it in tests.
 *
 * Conventions of every source in this folder:
 * - Values are raw and cumulative where the kernel's are: bytes, nanoseconds, counts. `valid` has
 *   bit i set where `value[i]` was read; a value without its bit is unspecified and must be treated
 *   as missing.
 * - Functions return 0 or a negative errno: -ESRCH the process is gone (also where the kernel said
 *   ENOENT for a file below /proc/PID whose directory has vanished), -EACCES/-EPERM not allowed,
 *   -ENOENT this kernel has no such file, -EPROTO the text is not what is documented. Never
 *   partial on failure: outputs are written only where the call says 0.
 * - No allocation and no formatted I/O on a path that runs every tick.
 * - Every byte read is hostile: a process chooses its own comm, argv and exe.
 * - A number that the text ends right behind may be a cut one: it is missing. The kernel ends every
 *   line with a newline.
 * - Not thread-safe on the same object; different objects may be used from different threads.
 *   Fork-safe: descriptors are O_CLOEXEC, and a fork's copies read on.
 */
#ifndef TACHO_SOURCE_ROOT_H
#define TACHO_SOURCE_ROOT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct source_root {
    int proc_fd;          /* O_PATH directory of `proc` */
    int sys_fd;           /* O_PATH directory of `sys`, -1 where there is none */
    uint64_t tick_ns;     /* length of the kernel's USER_HZ tick, from sysconf(_SC_CLK_TCK) */
    uint64_t page_bytes;  /* from sysconf(_SC_PAGESIZE) */
    int delay_accounting; /* 1 when sys/kernel/task_delayacct says so; 0: blkio delay is missing */
    int procfs;           /* 1 when `proc` is the kernel's file system, 0 for a test's directory */
    int sized_fds;        /* 1 when the size of /proc/PID/fd is the number of entries: Linux 6.2 */
};

/*
 * Opens `path` ("/" for the machine). 0 or -errno; -ENOENT where `proc` is not mounted. Everything
 * that is made from a root borrows its descriptors: close it last.
 */
int source_root_open(struct source_root *root, const char *path);
void source_root_close(struct source_root *root);

/*
 * Reads the file `name` below `dir_fd` once into `bytes`, at most `cap`; returns the length or
 * -errno. openat + read + close, no allocation. A longer file is cut at `cap`.
 */
ssize_t source_read_at(int dir_fd, const char *name, void *bytes, size_t cap);

/*
 * `pread` from the start of a kept descriptor, until end or `cap`. Length or -errno. The kernel
 * hands out files of many records (vmstat, diskstats, net/dev) a page at a time, hence until the
 * end.
 */
ssize_t source_read_kept(int fd, void *bytes, size_t cap);

/* The number that a file begins with. 0 or -errno, -EPROTO when it is none. */
int source_number_at(int dir_fd, const char *name, uint64_t *ret);

#endif
