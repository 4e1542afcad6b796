/* A job as one row: what all its processes took in all. For formats of workflow tools. */
#ifndef TACHO_EXPORT_JOB_TOTALS_H
#define TACHO_EXPORT_JOB_TOTALS_H

#include "export/tree_ticks.h"

struct job_totals {
    uint64_t wall_ns; /* launch or attach to the end */
    struct tree_tick last;
    uint64_t ticks;
    /* Largest and mean of the sums over processes that live at a tick; `known` by the catalogue. */
    uint64_t known;
    uint64_t peak[PROCESS_METRICS];
    double mean[PROCESS_METRICS];
    uint64_t peak_rss_bytes; /* not below what the kernel knows of any one process */
    uint64_t memory_bytes;   /* of the machine; 0 unknown */
    double peak_cores, mean_cores;
    bool exited, signalled;
    int code; /* exit code, or signal */
};

/* 0, -ENOMEM, or why the recording could not be read on. */
int job_totals_gather(struct export *export, struct job_totals *ret);

#endif
