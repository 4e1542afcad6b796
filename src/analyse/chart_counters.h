/* The user's own counters over time. For charts.c. */
#ifndef TACHO_ANALYSE_CHART_COUNTERS_H
#define TACHO_ANALYSE_CHART_COUNTERS_H

#include "analyse/chart_lines.h"

/* A counter in one process; in all others together where `entity` is 0. */
struct chart_counter_line {
    uint32_t entity;
    struct level_line level;
};

struct chart_counter {
    const struct tacho_site *site;
    struct chart_counter_line *line; /* CHART_TOP_MAX + 1 at most: the last for the others */
    size_t lines;
};

struct chart_counters {
    struct chart_counter *counter; /* in the order in which they were first set */
    size_t count, left_out;
};

/* A pass over the marks, where there are sites at all. `top` processes of each. 0 or -errno. */
int chart_counters_read(const struct summary *summary, const struct chart_grid *grid, size_t top,
                        struct chart_counters *ret);
void chart_counters_done(struct chart_counters *counters);

#endif
