/*
 * Charts over time in a grid's cells: of Braille patterns, each cell two values wide and four dots
 * high, or of ASCII where there is no UTF-8. Areas begin at 0, so that their height is the amount.
 */
#ifndef TACHO_REPORT_DOT_CHART_H
#define TACHO_REPORT_DOT_CHART_H

#include "report/grid.h"

#define CHART_UNKNOWN UINT64_MAX
#define CHART_PER_CELL 2    /* values */
#define CHART_CELLS_MAX 400 /* of width */

struct dot_chart {
    const uint64_t *value; /* CHART_PER_CELL for each cell; CHART_UNKNOWN: left blank */
    size_t cells;
    unsigned rows;
    uint64_t top; /* of the y axis */
    enum ink ink;
};

/*
 * Draws the area. What is known has one dot at least, what is above the top is cut. In ASCII the
 * larger of a cell's values stands for both.
 */
void chart_draw(struct grid *grid, unsigned row, unsigned column, const struct dot_chart *chart);

/* The y axis left of it, ending before `column`: the name, the top in words, and 0. */
void chart_y_axis(struct grid *grid, unsigned row, unsigned column, const struct dot_chart *chart,
                  const char *name, const struct buffer *top);

/*
 * The time axis below, two rows: a line with ticks, and their times since the beginning. The first
 * cell begins at `from_ns`, all together are `length_ns`.
 */
void chart_time_axis(struct grid *grid, unsigned row, unsigned column, size_t cells,
                     uint64_t from_ns, uint64_t length_ns);

/* Where `ns` of `length_ns` lies in so many cells; the last for what is not inside. */
size_t chart_cell_of(uint64_t ns, uint64_t length_ns, size_t cells);

/* A top that is easily read, not below `most`: of one or two digits, or of two binary ones. */
uint64_t chart_top_decimal(uint64_t most);
uint64_t chart_top_binary(uint64_t most);

/* `2 cores`, `0.5 cores`, `1 core`, of millionths. */
void put_cores_top(struct buffer *ret, uint64_t micro_cores);

#endif
