/*
 * A process's control groups, v2, v1 or both: /proc/PID/cgroup says which they are, sys/fs/cgroup holds
 * what they allow and what became of it.
 *
 * A limit is the least of all along the path of a group as far as sys/fs/cgroup shows it: inside a
 * container with its own cgroup namespace nothing above the container's group. The group of the least
 * memory limit is where memory is counted against it, and where it is found out that it does not
 * suffice; the same of processor time. Where nothing limits it is the process's own group.
 */
#ifndef TACHO_SOURCE_CGROUP_H
#define TACHO_SOURCE_CGROUP_H

#include <stdbool.h>

#include "source/root.h"

#define CGROUP_PATH_CAP 256

struct cgroup_limits {
    char path[CGROUP_PATH_CAP]; /* as /proc/PID/cgroup says, cut when longer; empty unknown */
    int version;                /* 1 when v1 holds memory, cpu or pids; 2; 0 unknown */
    uint64_t memory_max_bytes;  /* UINT64_MAX none known */
    uint64_t memory_high_bytes; /* from where on v2 slows the group down; UINT64_MAX none known */
    uint64_t pids_max;          /* UINT64_MAX none known */
    double cpu_max;             /* processors' worth of time granted; 0 none known */
    uint32_t cpuset_processors; /* on which the group may run; 0 not known */
};

/* 0, -ESRCH, -ENOENT for a kernel without control groups. About 100 µs. */
int cgroup_limits_read(const struct source_root *root, pid_t pid, struct cgroup_limits *ret);

/* What became of the limits: since the group was made, but for the first. */
enum cgroup_field {
    CGROUP_MEMORY,      /* bytes charged now, page cache included */
    CGROUP_MEMORY_PEAK, /* bytes; v1, and v2 since Linux 5.19 */
    CGROUP_LIMIT_HITS,  /* how often memory was to go over its limit, and something was reclaimed */
    CGROUP_OOMS,        /* how often that did not suffice; v2 alone */
    CGROUP_OOM_KILLS,   /* processes of the own group killed for want of memory, whoever's; v2: and
                           below it; v1 since Linux 4.13 */
    CGROUP_PERIODS,     /* of the processor limit in which the group ran */
    CGROUP_THROTTLED_PERIODS, /* in which it used up its share and had to wait */
    CGROUP_THROTTLED,         /* ns that it waited so, of all processors together */
    CGROUP_FIELDS
};

/*
 * The groups of one process with their files kept open (at most CGROUP_FILES). Groups that are removed
 * meanwhile read -ENODEV.
 */
enum cgroup_file {
    CGROUP_FILE_USAGE,
    CGROUP_FILE_PEAK,
    CGROUP_FILE_HITS, /* of the group with the limit */
    CGROUP_FILE_KILLS,
    CGROUP_FILE_CPU,
    CGROUP_FILES
};

struct cgroup_watch {
    struct cgroup_limits limits;
    pid_t pid;
    uint64_t places; /* a hash of its /proc/PID/cgroup: another one, and it has moved */
    int fd[CGROUP_FILES];
    int memory_version, cpu_version; /* of the files; 0 none */
};

/* 0, or as cgroup_limits_read; `root` is asked again in each call. About 200 µs. */
int cgroup_watch_open(const struct source_root *root, pid_t pid, struct cgroup_watch *ret);
void cgroup_watch_close(struct cgroup_watch *watch);

/*
 * Whether the process is in other groups than when the watch was opened. One that is exiting has not
 * moved, though v1 says so. 10 µs with ten hierarchies of v1.
 */
bool cgroup_watch_moved(const struct source_root *root, const struct cgroup_watch *watch);

/* 0, or the first error where nothing could be read. Five files, 6 µs. */
int cgroup_watch_read(const struct cgroup_watch *watch, uint64_t value[CGROUP_FIELDS],
                      uint32_t *valid);

#endif
