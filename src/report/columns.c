#include "report/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define GAP 2
#define REST_MIN 14 /* of a last column that needs so much, before others are left out for it */

struct columns *columns_new(const struct page *page, const struct columns *columns)
{
    struct columns *table = malloc(sizeof *table);
    if (table == NULL)
        page->out->failed = true;
    else
        *table = *columns;
    return table;
}

void columns_put_heading(struct columns *t, const char *heading, unsigned priority)
{
    t->column[t->count++] = (struct column){heading, false, priority};
}

void columns_insert_heading(struct columns *t, unsigned at, const char *heading, unsigned priority)
{
    memmove(&t->column[at + 1], &t->column[at], (t->count - at) * sizeof t->column[0]);
    t->column[at] = (struct column){heading, false, priority};
    t->count++;
}

struct buffer *columns_add(struct columns *t, enum ink ink)
{
    if (t->rows < COLUMN_ROWS_MAX)
        t->rows++;
    t->row[t->rows - 1].ink = ink;
    return t->row[t->rows - 1].cell;
}

static size_t widest(const struct columns *t, unsigned c)
{
    size_t width = text_width(t->column[c].heading, strlen(t->column[c].heading));
    for (unsigned r = 0; r < t->rows; r++) {
        size_t w = text_width(t->row[r].cell[c].data, t->row[r].cell[c].len);
        width = w > width ? w : width;
    }
    return width;
}

/* Leaves out columns until the last one has room. Returns the cells that it has. */
static size_t choose(const struct columns *t, size_t room, const size_t *width, bool *shown)
{
    unsigned last = t->count - 1;
    size_t rest = width[last] < REST_MIN ? width[last] : REST_MIN;
    for (unsigned c = 0; c < t->count; c++)
        shown[c] = true;
    for (;;) {
        size_t used = 0;
        unsigned least = last;
        for (unsigned c = 0; c < last; c++) {
            if (!shown[c])
                continue;
            used += width[c] + GAP;
            if (t->column[c].priority > 0 &&
                (least == last || t->column[c].priority > t->column[least].priority))
                least = c;
        }
        if (used + rest <= room || least == last)
            return used < room ? room - used : 0;
        shown[least] = false;
    }
}

static void put_cell(const struct page *page, enum ink ink, const struct column *column,
                     size_t width, const void *text, size_t n)
{
    struct buffer cell = {0};
    size_t cells = text_put_fitted(&cell, text, n, width, page->utf8);
    if (!column->left)
        page_blank(page, width - cells);
    page_put(page, ink, cell.data, cell.len);
    page->out->failed |= cell.failed;
    buffer_done(&cell);
    if (column->left)
        page_blank(page, width - cells);
}

void columns_put(const struct page *page, struct columns *t, size_t indent)
{
    size_t width[COLUMNS_MAX], last = t->count - 1;
    bool shown[COLUMNS_MAX];
    for (unsigned c = 0; c < t->count; c++)
        width[c] = widest(t, c);
    size_t rest = choose(t, page->width - indent, width, shown);
    for (unsigned r = 0; r <= t->rows; r++) {
        enum ink ink = r == 0 ? INK_FAINT : t->row[r - 1].ink;
        size_t used = indent;
        page_blank(page, indent);
        for (unsigned c = 0; c < t->count; c++) {
            const struct buffer *cell = r == 0 ? NULL : &t->row[r - 1].cell[c];
            const void *text = r == 0 ? t->column[c].heading : (const char *)cell->data;
            size_t n = r == 0 ? strlen(t->column[c].heading) : cell->len;
            if (c == last) {
                struct buffer line = {0};
                text_put_fitted(&line, text, n, rest, page->utf8);
                page_put(page, ink, line.data, line.len);
                buffer_done(&line);
            } else if (shown[c]) {
                size_t room = used + width[c] <= page->width ? width[c] : page->width - used;
                put_cell(page, ink, &t->column[c], room, text, n);
                used += room;
                size_t gap = used + GAP <= page->width ? GAP : page->width - used;
                page_blank(page, gap);
                used += gap;
            }
        }
        page_end_line(page);
    }
    for (unsigned r = 0; r < t->rows; r++)
        for (unsigned c = 0; c < t->count; c++) {
            page->out->failed |= t->row[r].cell[c].failed;
            buffer_done(&t->row[r].cell[c]);
        }
    t->rows = 0;
}
