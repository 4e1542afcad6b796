#include "analyse/chart_lines.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

#define SAMPLED (-1.0) /* instead of how long a level is known: it has the value itself */
#define FINE_MAX 16    /* parts of a bucket in which peaks of rates are looked for */

struct chart_grid chart_grid_of(uint64_t from_ns, uint64_t to_ns, uint64_t interval_ns,
                                size_t buckets_max)
{
    uint64_t length = to_ns > from_ns ? to_ns - from_ns : 1;
    uint64_t least = interval_ns > 0 ? interval_ns : 1;
    uint64_t most = buckets_max == 0 ? 1 : buckets_max;
    struct chart_grid grid = {.from_ns = from_ns, .to_ns = from_ns + length};
    grid.bucket_ns = (length - 1) / most + 1;
    if (grid.bucket_ns < least)
        grid.bucket_ns = least < length ? least : length;
    uint64_t fine = grid.bucket_ns / least;
    grid.fine = (unsigned)(fine > FINE_MAX ? FINE_MAX : fine == 0 ? 1 : fine);
    grid.bucket_ns = ((grid.bucket_ns - 1) / grid.fine + 1) * grid.fine;
    grid.buckets = (size_t)((length - 1) / grid.bucket_ns + 1);
    return grid;
}

static int allocate_line(struct chart_line *line, size_t buckets)
{
    line->mean = malloc(buckets * sizeof *line->mean);
    line->min = malloc(buckets * sizeof *line->min);
    line->max = malloc(buckets * sizeof *line->max);
    return line->mean == NULL || line->min == NULL || line->max == NULL ? -ENOMEM : 0;
}

/* ---- rates ---- */

int rate_line_begin(struct rate_line *line, const struct chart_grid *grid)
{
    *line = (struct rate_line){.known_from_ns = UINT64_MAX};
    return timeline_init(&line->amount, grid->from_ns, chart_grid_end(grid),
                         grid->bucket_ns / grid->fine);
}

void rate_line_done(struct rate_line *line)
{
    timeline_done(&line->amount);
}

/* How much of a stretch is known. */
static double known_part(const struct rate_line *line, uint64_t from_ns, uint64_t width_ns)
{
    uint64_t to_ns = from_ns + width_ns;
    from_ns = from_ns < line->known_from_ns ? line->known_from_ns : from_ns;
    to_ns = to_ns > line->known_to_ns ? line->known_to_ns : to_ns;
    return to_ns > from_ns ? (double)(to_ns - from_ns) : 0;
}

static void fold(const struct rate_line *line, const struct chart_grid *grid, size_t b, double most,
                 double per_s, struct chart_line *ret)
{
    uint64_t width_ns = grid->bucket_ns / grid->fine;
    double amount = 0, known_ns = 0;
    ret->min[b] = ret->max[b] = NAN;
    for (size_t i = b * grid->fine; i < (b + 1) * grid->fine && i < line->amount.count; i++) {
        double part_ns = known_part(line, line->amount.from_ns + i * width_ns, width_ns);
        if (part_ns == 0)
            continue;
        double rate = line->amount.amount[i] / part_ns;
        rate = (most > 0 && rate > most ? most : rate) * per_s;
        ret->min[b] = ret->min[b] <= rate ? ret->min[b] : rate;
        ret->max[b] = ret->max[b] >= rate ? ret->max[b] : rate;
        amount += line->amount.amount[i];
        known_ns += part_ns;
    }
    ret->mean[b] = known_ns > 0 ? amount / known_ns * per_s : NAN;
    if (ret->mean[b] > ret->max[b])
        ret->mean[b] = ret->max[b];
}

int rate_line_finish(struct rate_line *line, const struct chart_grid *grid, double capacity,
                     double scale, struct chart_line *ret)
{
    if (line->amount.amount == NULL || line->known_to_ns <= line->known_from_ns)
        return 0;
    if (allocate_line(ret, grid->buckets) != 0)
        return -ENOMEM;
    timeline_finish(&line->amount, capacity);
    for (size_t b = 0; b < grid->buckets; b++)
        fold(line, grid, b, capacity, scale * (double)NS_PER_S, ret);
    rate_line_done(line);
    return 1;
}

/* ---- levels ---- */

static size_t bucket_at(const struct chart_grid *grid, uint64_t time_ns)
{
    uint64_t b = time_ns <= grid->from_ns ? 0 : (time_ns - grid->from_ns) / grid->bucket_ns;
    return b < grid->buckets ? (size_t)b : grid->buckets - 1;
}

int level_line_begin(struct level_line *line, const struct chart_grid *grid, bool sampled)
{
    *line = (struct level_line){.sampled = sampled && grid->fine == 1};
    line->integral = calloc(grid->buckets, sizeof *line->integral);
    line->known_ns = calloc(grid->buckets, sizeof *line->known_ns);
    line->min = malloc(grid->buckets * sizeof *line->min);
    line->max = malloc(grid->buckets * sizeof *line->max);
    if (line->integral == NULL || line->known_ns == NULL || line->min == NULL ||
        line->max == NULL) {
        level_line_done(line);
        return -ENOMEM;
    }
    for (size_t b = 0; b < grid->buckets; b++)
        line->min[b] = line->max[b] = NAN;
    return 0;
}

void level_line_done(struct level_line *line)
{
    free(line->integral);
    free(line->known_ns);
    free(line->min);
    free(line->max);
    *line = (struct level_line){0};
}

static void meet(struct level_line *line, size_t b, double value)
{
    line->min[b] = line->min[b] <= value ? line->min[b] : value;
    line->max[b] = line->max[b] >= value ? line->max[b] : value;
}

/* The level held from when it was put until `to_ns`. */
static void hold(struct level_line *line, const struct chart_grid *grid, uint64_t to_ns)
{
    uint64_t from_ns = line->since_ns > grid->from_ns ? line->since_ns : grid->from_ns;
    uint64_t end_ns = chart_grid_end(grid);
    to_ns = to_ns < end_ns ? to_ns : end_ns;
    for (size_t b = bucket_at(grid, from_ns); line->holds && from_ns < to_ns; b++) {
        uint64_t edge_ns = grid->from_ns + (b + 1) * grid->bucket_ns;
        uint64_t until_ns = edge_ns < to_ns ? edge_ns : to_ns;
        if (line->known_ns[b] == SAMPLED) {
            from_ns = until_ns;
            continue;
        }
        line->integral[b] += line->value * (double)(until_ns - from_ns);
        line->known_ns[b] += (double)(until_ns - from_ns);
        meet(line, b, line->value);
        from_ns = until_ns;
    }
}

void level_line_forget(struct level_line *line, const struct chart_grid *grid, uint64_t time_ns)
{
    size_t b = bucket_at(grid, time_ns);
    hold(line, grid, time_ns);
    if (line->sampled && line->holds && line->known_ns[b] != SAMPLED) {
        line->known_ns[b] = SAMPLED;
        line->integral[b] = line->min[b] = line->max[b] = NAN;
    }
    line->since_ns = time_ns > line->since_ns ? time_ns : line->since_ns;
    line->holds = false;
}

void level_line_put(struct level_line *line, const struct chart_grid *grid, uint64_t time_ns,
                    double value)
{
    time_ns = time_ns > line->since_ns ? time_ns : line->since_ns;
    if (!isfinite(value)) {
        level_line_forget(line, grid, time_ns);
        return;
    }
    hold(line, grid, time_ns);
    size_t b = bucket_at(grid, time_ns);
    if (line->sampled) {
        /* What was before the first sample in it is another bucket's. */
        if (line->known_ns[b] != SAMPLED)
            line->min[b] = line->max[b] = value;
        line->known_ns[b] = SAMPLED;
        line->integral[b] = value;
    }
    meet(line, b, value);
    line->value = value;
    line->since_ns = time_ns;
    line->holds = true;
}

int level_line_finish(struct level_line *line, const struct chart_grid *grid, uint64_t end_ns,
                      struct chart_line *ret)
{
    if (line->integral == NULL)
        return 0;
    hold(line, grid, end_ns);
    bool any = false;
    for (size_t b = 0; b < grid->buckets; b++) {
        /* At a single moment, as the last sample is: without a width it is what was met. */
        double mean = line->known_ns[b] > 0 ? line->integral[b] / line->known_ns[b] : line->max[b];
        line->integral[b] = mean;
        any |= !isnan(line->integral[b]);
    }
    if (!any)
        return 0;
    ret->mean = line->integral;
    ret->min = line->min;
    ret->max = line->max;
    free(line->known_ns);
    *line = (struct level_line){0};
    return 1;
}
