#include "report/grid.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"

int grid_init(struct grid *grid, unsigned rows, unsigned columns, bool utf8)
{
    struct grid_cell *cell = calloc((size_t)rows * columns + 1, sizeof *cell);
    if (cell == NULL)
        return -ENOMEM;
    *grid = (struct grid){rows, columns, utf8, cell};
    return 0;
}

void grid_done(struct grid *grid)
{
    free(grid->cell);
    *grid = (struct grid){0};
}

struct grid_cell *grid_at(const struct grid *grid, unsigned row, unsigned column)
{
    if (row >= grid->rows || column >= grid->columns)
        return NULL;
    return &grid->cell[(size_t)row * grid->columns + column];
}

void grid_put_character(struct grid *grid, unsigned row, unsigned column, enum ink ink,
                        uint32_t character)
{
    struct grid_cell *cell = grid_at(grid, row, column);
    if (cell != NULL)
        *cell = (struct grid_cell){{character}, ink};
}

/* A mark that combines with what is in the cell already. */
static void pile_up(struct grid_cell *cell, uint32_t character)
{
    for (size_t i = 0; i < GRID_PILE; i++)
        if (cell->character[i] == 0) {
            cell->character[i] = character;
            return;
        }
}

size_t grid_put(struct grid *grid, unsigned row, unsigned column, size_t room, enum ink ink,
                const void *text, size_t n)
{
    struct buffer fitted = {0};
    if (grid_at(grid, row, column) == NULL)
        return 0;
    if (room > grid->columns - column)
        room = grid->columns - column;
    text_put_fitted(&fitted, text, n, room, grid->utf8);
    size_t used = 0;
    const uint8_t *end = fitted.data + fitted.len;
    for (const uint8_t *at = fitted.data; at < end;) {
        uint32_t character;
        at += utf8_next(at, end, &character);
        unsigned width = utf8_width(character);
        if (used + width > room)
            break;
        if (width == 0) {
            if (used > 0)
                pile_up(grid_at(grid, row, column + (unsigned)used - 1), character);
            continue;
        }
        grid_put_character(grid, row, column + (unsigned)used, ink, character);
        if (width == 2)
            grid_put_character(grid, row, column + (unsigned)used + 1, ink, GRID_COVERED);
        used += width;
    }
    buffer_done(&fitted);
    return used;
}

size_t grid_put_text(struct grid *grid, unsigned row, unsigned column, enum ink ink,
                     const char *text)
{
    return grid_put(grid, row, column, grid->columns, ink, text, strlen(text));
}

void grid_put_right(struct grid *grid, unsigned row, unsigned end, enum ink ink,
                    const struct buffer *text)
{
    size_t width = text_width(text->data, text->len);
    if (width <= end)
        grid_put(grid, row, end - (unsigned)width, width, ink, text->data, text->len);
}

void grid_ink_row(struct grid *grid, unsigned row, enum ink ink)
{
    for (unsigned i = 0; i < grid->columns; i++) {
        struct grid_cell *cell = grid_at(grid, row, i);
        if (cell != NULL)
            cell->ink = ink;
    }
}

/* ---- as lines ---- */

static void put_cell(struct buffer *run, const struct grid_cell *cell)
{
    if (cell->character[0] == GRID_COVERED)
        return;
    if (cell->character[0] == 0)
        buffer_put_byte(run, ' ');
    for (size_t i = 0; i < GRID_PILE && cell->character[i] != 0; i++)
        utf8_put(run, cell->character[i]);
}

static bool is_blank(const struct grid_cell *cell)
{
    return cell->character[0] == 0 || (cell->character[0] == ' ' && cell->character[1] == 0);
}

static void put_row(const struct grid *grid, const struct page *page, unsigned row)
{
    struct buffer run = {0};
    unsigned end = grid->columns;
    while (end > 0 && is_blank(grid_at(grid, row, end - 1)))
        end--;
    for (unsigned i = 0; i < end; i++) {
        const struct grid_cell *cell = grid_at(grid, row, i);
        put_cell(&run, cell);
        if (i + 1 < end && grid_at(grid, row, i + 1)->ink == cell->ink)
            continue;
        page_put(page, cell->ink, run.data, run.len);
        page->out->failed |= run.failed;
        buffer_clear(&run);
    }
    buffer_done(&run);
    page_end_line(page);
}

void grid_put_page(const struct grid *grid, const struct page *page)
{
    for (unsigned row = 0; row < grid->rows; row++)
        put_row(grid, page, row);
}
