/* /proc/PID/limits: what setrlimit(2), the shell's ulimit, allows a process and its descendants. */
#ifndef TACHO_SOURCE_PROC_LIMITS_H
#define TACHO_SOURCE_PROC_LIMITS_H

#include "source/process_files.h"

/*
 * Those whose excess kills: at the soft limit of CPU time by SIGXCPU each second, at the hard one by
 * SIGKILL (and where both are the same, by SIGKILL alone); a write beyond the file size by SIGXFSZ.
 * UINT64_MAX: none, or not told.
 */
struct proc_limits {
    uint64_t cpu_soft_s, cpu_hard_s; /* of one process, all its threads */
    uint64_t file_bytes;             /* the soft one */
};

/* 0 or -errno. 13 µs. EACCES for another user's process. */
int proc_limits_read(const struct source_root *root, const struct process_files *files,
                     struct proc_limits *ret);
/* 0, or -EPROTO where neither line is there. */
int proc_limits_parse(const char *text, size_t n, struct proc_limits *ret);

#endif
