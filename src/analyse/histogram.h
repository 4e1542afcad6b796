/*
 * How often which duration was: log-linear, 64 steps to a power of two, so that a quantile is wrong
 * by 1/128 (0.8 %) at most; below 128 ns it is exact.
 */
#ifndef TACHO_ANALYSE_HISTOGRAM_H
#define TACHO_ANALYSE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_OCTAVES 59

/* Zeros to begin with. Memory: half a KiB for each power of two that comes. */
struct histogram {
    uint64_t *octave[HISTOGRAM_OCTAVES];
};

/* Bytes that it allocated (0: there was room already), or -ENOMEM. About 2 ns. */
int histogram_add(struct histogram *h, uint64_t value);

/* The smallest value that `share` (0 to 1) of `count` values do not exceed, as near as said. */
uint64_t histogram_quantile(const struct histogram *h, uint64_t count, double share);

void histogram_done(struct histogram *h);

#endif
