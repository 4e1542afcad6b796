/* Where the catalogue's metrics lie in a recording, and what a sample has of them. */
#ifndef TACHO_ANALYSE_POSITIONS_H
#define TACHO_ANALYSE_POSITIONS_H

#include <string.h>

#include <tacho/recording.h>

#include "format/metric.h"

struct positions {
    int at[METRICS_MAX];       /* by catalogue; -1: not in this recording */
    uint8_t back[METRICS_MAX]; /* by position; METRICS_MAX: unknown to this build */
};

static inline void positions_find(const struct tacho_recording *rec, unsigned kind,
                                  struct positions *ret)
{
    const struct kind_info *info = kind_info(kind);
    memset(ret->at, -1, sizeof ret->at);
    memset(ret->back, METRICS_MAX, sizeof ret->back);
    for (unsigned m = 0; m < info->metric_count; m++) {
        ret->at[m] = tacho_metric_find(rec, kind, info->metrics[m].name);
        if (ret->at[m] >= 0 && ret->at[m] < METRICS_MAX)
            ret->back[ret->at[m]] = (uint8_t)m;
    }
}

static inline bool sample_known(const struct tacho_sample *sample, const struct positions *p,
                                unsigned metric)
{
    return p->at[metric] >= 0 && (sample->known >> p->at[metric] & 1) != 0;
}

static inline bool sample_fresh(const struct tacho_sample *sample, const struct positions *p,
                                unsigned metric)
{
    return sample_known(sample, p, metric) && (sample->fresh >> p->at[metric] & 1) != 0;
}

/* Of a metric that is known. */
static inline uint64_t sample_value(const struct tacho_sample *sample, const struct positions *p,
                                    unsigned metric)
{
    return sample->value[p->at[metric]];
}

#endif
