/* Lines of the charts of GPUs, filled in by charts_walk. Not for other folders. */
#ifndef TACHO_ANALYSE_CHART_GPUS_H
#define TACHO_ANALYSE_CHART_GPUS_H

#include "analyse/chart_lines.h"
#include "analyse/summary.h"

#define CHART_GPUS_MAX 8 /* have lines of their own; of more the first */

struct chart_gpus {
    struct {
        const struct gpu_row *row;
        struct level_line busy, used;
    } gpu[CHART_GPUS_MAX];
    size_t count;
    struct positions at;
    struct level_line held; /* by recorded processes, of all GPUs */
    double held_now;        /* of those that were sampled at held_ns */
    uint64_t held_ns;
    bool held_known;
};

void chart_gpus_open(const struct summary *summary, struct chart_gpus *ret);
void chart_gpus_done(struct chart_gpus *gpus);

/* 0 or -ENOMEM. */
int chart_gpus_sample(struct chart_gpus *gpus, const struct chart_grid *grid,
                      const struct tacho_sample *sample);
int chart_gpus_finish(struct chart_gpus *gpus, const struct chart_grid *grid);

#endif
