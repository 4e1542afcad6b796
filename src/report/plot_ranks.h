/*
 * CPU and memory of several recordings, side by side on the wall clock: a line each, and of more
 * than can be told apart the mean and the range of them. 12 KB a recording.
 */
#ifndef TACHO_REPORT_PLOT_RANKS_H
#define TACHO_REPORT_PLOT_RANKS_H

#include "report/plot.h"

#define PLOT_RANKS_LINES 10 /* more are shown as a range */

struct plot_rank {
    char *name;
    uint64_t rank; /* SUMMARY_UNKNOWN */
    uint64_t from_real_ns, to_real_ns, bucket_ns;
    size_t buckets;
    double *cpu, *memory; /* of all its processes; memory the largest; NULL unknown */
};

struct plot_ranks {
    struct plot_rank *rank;
    size_t count, room;
    size_t without_clock; /* that cannot be placed in time */
};

/* Makes the charts of a recording and takes what is needed. 0 or -errno. */
int plot_ranks_add(struct plot_ranks *ranks, const char *path, const struct summary *summary);
void plot_ranks_done(struct plot_ranks *ranks);

/* Data and scripts `ranks-cpu` and `ranks-memory`, where wanted; as plot_write. */
int plot_ranks_write(struct plot_ranks *ranks, bool cpu, bool memory, unsigned formats,
                     int folder_fd, struct plot_scripts *ret);

#endif
