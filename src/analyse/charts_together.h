/*
 * Several recordings over one time, the wall clock: a line for each in charts of CPU and of memory.
 * Where they are many, those with the most have a line, and all are the band of one.
 *
 * Costs a charts_make() for each recording; 50 KB are kept of it.
 */
#ifndef TACHO_ANALYSE_CHARTS_TOGETHER_H
#define TACHO_ANALYSE_CHARTS_TOGETHER_H

#include "analyse/charts.h"

#define CHARTS_TOGETHER_LINES_MAX \
    16 /* so many recordings have a line each; of more, half as many */

enum { TOGETHER_CPU, TOGETHER_MEMORY, TOGETHER_CHARTS };

/* What is kept of a recording. */
struct charts_member {
    char *name;
    uint64_t from_real_ns, to_real_ns, bucket_ns;
    size_t buckets;
    float *mean[TOGETHER_CHARTS], *min[TOGETHER_CHARTS], *max[TOGETHER_CHARTS]; /* NULL unknown */
};

struct charts_together {
    struct charts_member *member;
    size_t members, room;
    struct chart chart[TOGETHER_CHARTS];
    char band_name[32];
};

/* Recordings without a wall clock have no place in it: left out. `name` is copied. 0 or as charts_make. */
int charts_together_add(struct charts_together *t, const char *name, const struct summary *summary);

/*
 * All of them; from_ns is of the wall clock, since the epoch. Names of lines and what `ret` holds are
 * borrowed from `t`. 0 or -ENOMEM.
 */
int charts_together_finish(struct charts_together *t, struct charts *ret);

void charts_together_done(struct charts_together *t);

#endif
