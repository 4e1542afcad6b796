/* The machine's kept descriptors, shared by the files that read them. */
#ifndef TACHO_SOURCE_MACHINE_FILES_H
#define TACHO_SOURCE_MACHINE_FILES_H

#include "base/number.h"
#include "source/machine.h"

enum machine_file {
    MACHINE_STAT,
    MACHINE_LOADAVG,
    MACHINE_UPTIME,
    MACHINE_MEMINFO,
    MACHINE_VMSTAT,
    MACHINE_PRESSURE_CPU,
    MACHINE_PRESSURE_MEMORY,
    MACHINE_PRESSURE_IO,
    MACHINE_DISKSTATS,
    MACHINE_NET_DEV,
    MACHINE_FILES
};

/* What is known of a name in diskstats. */
struct disk_name {
    char name[INSTANCE_NAME_CAP];
    bool whole; /* not a partition */
};

struct machine_files {
    const struct source_root *root;
    int fd[MACHINE_FILES]; /* or what opening it said, -errno */
    char *text;
    size_t cap;
    bool has_block;          /* there is a sys/block to ask */
    struct disk_name *disks; /* in the order in which diskstats first named them */
    size_t n_disks, cap_disks;
};

/* A file's text, in the shared buffer until the next call. Length or -errno. */
ssize_t machine_text_read(struct machine_files *files, enum machine_file which);

/* A printable, terminated copy of a name of `n` bytes. */
void instance_name_put(char ret[INSTANCE_NAME_CAP], const char *name, size_t n);

#endif
