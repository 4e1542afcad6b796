/* The pass over the samples that summary_make takes. Not for other folders. */
#ifndef TACHO_ANALYSE_SUMMARY_WALK_H
#define TACHO_ANALYSE_SUMMARY_WALK_H

#include "analyse/summary.h"

/* What the pass finds that needs the rest to be judged. */
struct walked {
    uint64_t tree_cpu_ns; /* T of lineage.h */
    uint64_t unpaid_ns;   /* lineage_unpaid_ns */
    bool all_told;        /* of struct lineage_walk */
    uint64_t reaped_base_user_ns,
        reaped_base_system_ns; /* the recorder's children before the job */
    bool any_process_sample;
    uint64_t sampled_peak_rss_bytes, sampled_peak_ns; /* of the sum; UNKNOWN */
    size_t sampled_owner;
    uint64_t sampled_owner_rss_bytes;
    uint64_t io_mask; /* bit of enum lineage_column: some process's counter was known */
};

/*
 * Fills in rows, time lines, peaks, io, recorder and machine. Session facts must be there already.
 * 0 or -errno.
 */
int summary_walk(struct summary *summary, struct walked *ret);

#endif
