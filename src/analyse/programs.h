/* Processes by the name of their last program: a build is 1,400 processes and eight programs. */
#ifndef TACHO_ANALYSE_PROGRAMS_H
#define TACHO_ANALYSE_PROGRAMS_H

#include "analyse/summary.h"

struct program {
    const char *name; /* the recording's */
    uint64_t processes, failed;
    uint64_t cpu_ns;            /* their own, as far as is known; UNKNOWN */
    uint64_t largest_rss_bytes; /* of one process; UNKNOWN */
};

/* The programs, by CPU and then by memory; to be freed. 0 or -ENOMEM. About 0.1 µs a process. */
int programs_make(const struct summary *summary, struct program **ret, size_t *ret_count);

/* The largest resident set of a process, by samples and the kernel's peak; UNKNOWN. */
uint64_t process_largest_rss(const struct summary *summary, size_t row);

#endif
