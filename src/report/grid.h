/*
 * A picture for a terminal, cell by cell: drawn first, then put on a page or on a screen. What is put
 * beyond its edges is cut. Text is made harmless on the way in (base/text.h).
 */
#ifndef TACHO_REPORT_GRID_H
#define TACHO_REPORT_GRID_H

#include "report/page.h"

#define GRID_PILE 5             /* a character and the marks that combine with it */
#define GRID_COVERED UINT32_MAX /* by the wide character left of it */

struct grid_cell {
    uint32_t character[GRID_PILE]; /* ended by 0 where there are fewer; none: blank */
    enum ink ink;
};

struct grid {
    unsigned rows, columns;
    bool utf8;
    struct grid_cell *cell; /* row by row */
};

/* All blank. 0 or -ENOMEM. */
int grid_init(struct grid *grid, unsigned rows, unsigned columns, bool utf8);
void grid_done(struct grid *grid);

/* NULL beyond the edges. */
struct grid_cell *grid_at(const struct grid *grid, unsigned row, unsigned column);

/* One character, which takes one cell. */
void grid_put_character(struct grid *grid, unsigned row, unsigned column, enum ink ink,
                        uint32_t character);

/* Any bytes, cut to `room` cells and to the edge. Returns the cells used. */
size_t grid_put(struct grid *grid, unsigned row, unsigned column, size_t room, enum ink ink,
                const void *text, size_t n);
size_t grid_put_text(struct grid *grid, unsigned row, unsigned column, enum ink ink,
                     const char *text);

/* The same, with its last cell left of `end`. */
void grid_put_right(struct grid *grid, unsigned row, unsigned end, enum ink ink,
                    const struct buffer *text);

/* A whole row in one ink, its text kept. */
void grid_ink_row(struct grid *grid, unsigned row, enum ink ink);

/* As lines, without the blanks at their ends. */
void grid_put_page(const struct grid *grid, const struct page *page);

#endif
