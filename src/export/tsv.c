/*
 * Tab-separated values, a row a line whatever the texts hold: tab, line feed, carriage return and
 * backslash are written \t \n \r \\. A missing value is an empty field.
 */
#include "export/cell_text.h"
#include "export/digits.h"
#include "export/export_format.h"

static void put_text(struct buffer *ret, const char *text, size_t n)
{
    while (n > 0) {
        struct cell_character c = cell_character(text, n);
        switch (*c.text) {
        case '\t': buffer_put(ret, "\\t", 2); break;
        case '\n': buffer_put(ret, "\\n", 2); break;
        case '\r': buffer_put(ret, "\\r", 2); break;
        case '\\': buffer_put(ret, "\\\\", 2); break;
        default: buffer_put(ret, c.text, c.n);
        }
        text += c.consumed;
        n -= c.consumed;
    }
}

static void tsv_row(struct buffer *ret, const struct column *columns, const struct cell *cells,
                    size_t n)
{
    (void)columns;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_put_byte(ret, '\t');
        if (cells[i].type == CELL_TEXT) {
            put_text(ret, cells[i].text, cells[i].n);
        } else if (buffer_reserve(ret, DIGITS_MAX) == 0) {
            char *p = (char *)ret->data + ret->len;
            ret->len += (size_t)(digits_write_cell(p, &cells[i]) - p);
        }
    }
    buffer_put_byte(ret, '\n');
}

static void tsv_begin(struct buffer *ret, const struct column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_put_byte(ret, '\t');
        buffer_put(ret, columns[i].name, columns[i].n);
    }
    buffer_put_byte(ret, '\n');
}

static void tsv_end(struct buffer *ret)
{
    (void)ret;
}

const struct export_format export_tsv = {
    .name = "tsv", .begin = tsv_begin, .row = tsv_row, .end = tsv_end};
