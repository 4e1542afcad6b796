/*
 * What each recorded GPU did. Part of the summary's pass.
 *
 * Unknown is GPU_UNKNOWN, or NAN where a figure is a double.
 */
#ifndef TACHO_ANALYSE_GPUS_H
#define TACHO_ANALYSE_GPUS_H

#include <tacho/recording.h>

#include "analyse/positions.h"

#define GPU_UNKNOWN UINT64_MAX

struct gpu_row {
    uint32_t entity;
    char label[24];                           /* "GPU 0"; any bytes */
    const char *number;                       /* as its driver counts; the recording's text */
    const char *name;                         /* NULL unknown; any bytes */
    uint64_t samples;                         /* at which anything was known of it */
    double utilization, peak_utilization;     /* share of time something ran: on average, at most */
    uint64_t peak_memory_bytes, memory_bytes; /* in use by anybody; there are */
    uint64_t peak_target_bytes, peak_unmapped_bytes; /* see docs/METRICS.md */
    uint64_t energy_uj; /* by anybody, between its first and last sample */
    uint64_t peak_power_mw, peak_temperature_c;
    uint64_t throttled_ns; /* how long something held its clocks down; idle and set clocks do not */
    uint64_t throttle_reasons; /* GPU_THROTTLE_*, all that were seen */
    uint64_t ecc_uncorrected;  /* memory errors meanwhile */

    /* While the pass goes on: */
    uint64_t first_energy_uj, first_ecc, last_ns, watched_ns;
    double busy_ns;
};

struct gpus {
    struct gpu_row *row; /* in the order of the recording */
    size_t count;
    struct positions at;
};

/* 0 or -ENOMEM. Texts are those of `rec`. */
int gpus_init(const struct tacho_recording *rec, struct gpus *ret);
void gpus_done(struct gpus *gpus);

void gpus_sample(struct gpus *gpus, const struct tacho_sample *sample);
void gpus_finish(struct gpus *gpus);

/* "power", "heat", …: the i-th word of a mask of GPU_THROTTLE_*; NULL after the last. */
const char *gpu_throttle_word(uint64_t reasons, unsigned i);

#endif
