/*
 * Lines of charts while they are made: amounts that are used up between moments, and levels that
 * hold until the next is known.
 */
#ifndef TACHO_ANALYSE_CHART_LINES_H
#define TACHO_ANALYSE_CHART_LINES_H

#include "analyse/charts.h"
#include "analyse/timeline.h"

/* The buckets of all lines of a recording; rates are also looked at in `fine` parts of each. */
struct chart_grid {
    uint64_t from_ns, to_ns, bucket_ns;
    size_t buckets;
    unsigned fine;
};

/*
 * Buckets of `interval_ns`, so that each has one sample, or wider, so that there are at most
 * `buckets_max`; at least one. The last may end after `to_ns`.
 */
struct chart_grid chart_grid_of(uint64_t from_ns, uint64_t to_ns, uint64_t interval_ns,
                                size_t buckets_max);

static inline uint64_t chart_grid_end(const struct chart_grid *grid)
{
    return grid->from_ns + grid->buckets * grid->bucket_ns;
}

/* An amount, shown as a rate. */
struct rate_line {
    struct timeline amount; /* .amount NULL: nothing was begun */
    uint64_t known_from_ns, known_to_ns;
};

/* 0 or -ENOMEM. Nothing is known yet. */
int rate_line_begin(struct rate_line *line, const struct chart_grid *grid);
void rate_line_done(struct rate_line *line);

/* Between these moments the amounts are all that there was. */
static inline void rate_line_know(struct rate_line *line, uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns < line->known_from_ns)
        line->known_from_ns = from_ns;
    if (to_ns > line->known_to_ns)
        line->known_to_ns = to_ns;
}

/* Spread evenly; what was added is known. */
static inline void rate_line_add(struct rate_line *line, uint64_t from_ns, uint64_t to_ns,
                                 double amount)
{
    timeline_add(&line->amount, from_ns, to_ns, amount);
    rate_line_know(line, from_ns, to_ns);
}

/*
 * Becomes a line of `scale` times the amount a second; `capacity` as timeline_finish has it, in
 * units of the amount by nanosecond. False where nothing is known: `ret` has no values then. 0, 1
 * for a line, or -ENOMEM.
 */
int rate_line_finish(struct rate_line *line, const struct chart_grid *grid, double capacity,
                     double scale, struct chart_line *ret);

/* A level; what is put holds until the next. */
struct level_line {
    double *integral, *min, *max, *known_ns; /* per bucket; all NULL: nothing was begun */
    double value;
    uint64_t since_ns;
    bool holds;
    bool
        sampled; /* once a tick, and buckets are as long: a bucket's value is what was sampled in it */
};

/* `sampled`: it is put once a tick. 0 or -ENOMEM. */
int level_line_begin(struct level_line *line, const struct chart_grid *grid, bool sampled);
void level_line_done(struct level_line *line);

/*
 * Moments go forward; one before the last is taken to be that. What is not finite is not known.
 * Costs 10 ns, and 2 a bucket passed.
 */
void level_line_put(struct level_line *line, const struct chart_grid *grid, uint64_t time_ns,
                    double value);
/* From here on nothing is known. */
void level_line_forget(struct level_line *line, const struct chart_grid *grid, uint64_t time_ns);

/* Becomes a line that ends at a moment. 1, or 0 where nothing is known. */
int level_line_finish(struct level_line *line, const struct chart_grid *grid, uint64_t end_ns,
                      struct chart_line *ret);

#endif
