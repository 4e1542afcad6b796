/*
 * Amounts and gauges over the time of a recording, in buckets of equal width: what sparklines and
 * peak rates are made of. Memory is bounded: at most TIMELINE_BUCKETS_MAX buckets, wider ones in
 * longer recordings.
 */
#ifndef TACHO_ANALYSE_TIMELINE_H
#define TACHO_ANALYSE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMELINE_BUCKETS_MAX ((size_t)1 << 20)

/* Amounts that were used up between two moments, such as CPU time. */
struct timeline {
    uint64_t from_ns, bucket_ns;
    size_t count;
    double *amount; /* per bucket, complete after timeline_finish */
    double *slope;  /* change of what all buckets from here on get in full; until timeline_finish */
};

/* Buckets of `bucket_ns`, or wider, from `from_ns` to `to_ns`. 0 or -ENOMEM. */
int timeline_init(struct timeline *t, uint64_t from_ns, uint64_t to_ns, uint64_t bucket_ns);
void timeline_done(struct timeline *t);

/*
 * Adds `amount`, evenly spread between two moments; what lies outside goes to the nearest bucket.
 * 10 ns.
 */
void timeline_add(struct timeline *t, uint64_t from_ns, uint64_t to_ns, double amount);

/*
 * Ends adding. No bucket then holds more than `capacity` times its width (0: no bound): what is too
 * much, because samples are taken some milliseconds before or after their tick's time, goes to the
 * bucket before, and at the very beginning to the one after.
 */
void timeline_finish(struct timeline *t, double capacity);

/*
 * The largest rate over windows of `window_ns` (rounded up to buckets; the whole when that is
 * shorter).
 */
double timeline_peak_rate(const struct timeline *t, uint64_t window_ns);

/*
 * The largest rates in each of `cells` equal stretches: of windows as above around each of its
 * moments. None is above timeline_peak_rate, and one is equal to it.
 */
void timeline_cells(const struct timeline *t, uint64_t window_ns, size_t cells, double *ret);

/* A gauge: the largest value in each bucket, TIMELINE_UNKNOWN before the first. */
#define TIMELINE_UNKNOWN UINT64_MAX
struct gauge_line {
    uint64_t from_ns, bucket_ns;
    size_t count;
    uint64_t *largest;
};

int gauge_line_init(struct gauge_line *g, uint64_t from_ns, uint64_t to_ns, uint64_t bucket_ns);
void gauge_line_done(struct gauge_line *g);
void gauge_line_put(struct gauge_line *g, uint64_t time_ns, uint64_t value);
bool gauge_line_known(const struct gauge_line *g); /* at any time */
/* The largest value in each of `cells` equal stretches; the one before where none was taken. */
void gauge_line_cells(const struct gauge_line *g, size_t cells, uint64_t *ret);

#endif
