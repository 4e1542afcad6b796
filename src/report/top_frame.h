/* One frame of `tacho top`: a picture of what is shown, for any size from 20 x 5 cells on. */
#ifndef TACHO_REPORT_TOP_FRAME_H
#define TACHO_REPORT_TOP_FRAME_H

#include "report/grid.h"
#include "report/top_state.h"

/*
 * Draws into an empty grid. The row that is marked, and what is scrolled, are made to fit. About 0.2 ms,
 * and 0.5 µs a process. 0 or -ENOMEM.
 */
int top_draw(struct grid *grid, struct top *top);

/* top_table.c: the table of processes, from `row` to before `end`. */
int top_draw_table(struct grid *grid, struct top *top, unsigned row, unsigned end);

/* top_help.c: what the keys do. */
void top_draw_help(struct grid *grid);

#endif
