/*
 * The kernel's files of one process, kept open between ticks: a kept descriptor read with `pread`
 * costs a third of open+read+close. A kept /proc/PID descriptor stays bound to that process: after
 * its end reads say ESRCH, even when the pid is reused. Without kept descriptors the pid may come
 * to mean another process: compare the start time in `stat`. A zombie's files belong to root: what is
 * for its user alone (io) reads on only through a descriptor that was kept.
 */
#ifndef TACHO_SOURCE_PROCESS_FILES_H
#define TACHO_SOURCE_PROCESS_FILES_H

#include <stdbool.h>

#include "source/root.h"

enum process_file { FILE_STAT, FILE_STATM, FILE_IO, FILE_STATUS, PROCESS_FILES };

struct process_files {
    pid_t pid;
    int dir_fd;            /* /proc/PID, -1 when not kept */
    int fd[PROCESS_FILES]; /* -1 when not kept */
    bool keep;             /* false: open, read and close each time */
};

/* Opens /proc/PID alone; the files follow when first read. 0, -ESRCH, -EMFILE, … */
int process_files_open(const struct source_root *root, pid_t pid, bool keep,
                       struct process_files *ret);

/* Closes what is kept and goes on without, when descriptors run out. Returns how many it closed. */
int process_files_release(struct process_files *files);

void process_files_close(struct process_files *files);

/*
 * Reads a file's text: from the kept descriptor, or opened now (and kept when `keep`). Where
 * opening fails for want of descriptors (EMFILE, ENFILE) the call returns that, for the caller to
 * release an older process and try again. Length or -errno. One `pread`: the kernel makes each of
 * these texts as a whole; one that fills `cap` may be cut.
 */
ssize_t process_files_read(const struct source_root *root, struct process_files *files,
                           enum process_file which, void *bytes, size_t cap);

/* ---- for this folder's readers of other files below /proc/PID ---- */

/* A file of a process as an *at() call wants it: below the kept directory, or below `proc`. */
struct process_path {
    int dir_fd; /* borrowed */
    const char *name;
    char bytes[64];
};

/* `name` is borrowed. 0 or -ENAMETOOLONG. */
int process_path_make(const struct source_root *root, const struct process_files *files,
                      const char *name, struct process_path *ret);

/* A process by its pid alone, nothing kept and not looked whether it exists; needs no close. */
static inline struct process_files process_files_unkept(pid_t pid)
{
    struct process_files files = {.pid = pid, .dir_fd = -1, .keep = false};
    for (int i = 0; i < PROCESS_FILES; i++)
        files.fd[i] = -1;
    return files;
}

/* openat(2) below /proc/PID, O_CLOEXEC. A descriptor, or -errno as process_files_error has it. */
int process_files_open_below(const struct source_root *root, const struct process_files *files,
                             const char *name, int flags);

/* Whether the process still exists, be it as a zombie: whether there is a `stat` of it. 1 µs. */
bool process_files_exist(const struct source_root *root, const struct process_files *files);

/*
 * What an error below /proc/PID means: `error` itself, but -ESRCH for -ENOENT when the process is
 * gone.
 */
int process_files_error(const struct source_root *root, const struct process_files *files,
                        int error);

#endif
