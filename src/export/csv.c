/*
 * Comma-separated values as RFC 4180 has them: lines end in CR LF, fields with a comma, a quote or
 * a line end are quoted, quotes in them doubled. A missing value is an empty field, an empty text
 * is "".
 */
#include <stdbool.h>

#include "export/cell_text.h"
#include "export/digits.h"
#include "export/export_format.h"

/* False for what must be quoted, and for what cell_character has to look at. */
static bool is_plain(const char *text, size_t n)
{
    if (n == 0 || text[0] == ' ' || text[n - 1] == ' ')
        return false; /* quoted, though RFC 4180 asks for it only where readers trim */
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x7F || c == ',' || c == '"')
            return false;
    }
    return true;
}

static void put_quoted(struct buffer *ret, const char *text, size_t n)
{
    buffer_put_byte(ret, '"');
    while (n > 0) {
        struct cell_character c = cell_character(text, n);
        if (*c.text == '"')
            buffer_put_byte(ret, '"');
        buffer_put(ret, c.text, c.n);
        text += c.consumed;
        n -= c.consumed;
    }
    buffer_put_byte(ret, '"');
}

static void put_cell(struct buffer *ret, const struct cell *cell)
{
    if (cell->type == CELL_TEXT) {
        if (is_plain(cell->text, cell->n))
            buffer_put(ret, cell->text, cell->n);
        else
            put_quoted(ret, cell->text, cell->n);
    } else if (buffer_reserve(ret, DIGITS_MAX) == 0) {
        char *p = (char *)ret->data + ret->len;
        ret->len += (size_t)(digits_write_cell(p, cell) - p);
    }
}

static void csv_row(struct buffer *ret, const struct column *columns, const struct cell *cells,
                    size_t n)
{
    (void)columns;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_put_byte(ret, ',');
        if (cells[i].type != CELL_MISSING)
            put_cell(ret, &cells[i]);
    }
    if (n == 1 && cells[0].type == CELL_MISSING)
        buffer_put_text(ret, "\"\""); /* readers skip lines that are empty */
    buffer_put(ret, "\r\n", 2);
}

static void csv_begin(struct buffer *ret, const struct column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_put_byte(ret, ',');
        buffer_put(ret, columns[i].name, columns[i].n);
    }
    buffer_put(ret, "\r\n", 2);
}

static void csv_end(struct buffer *ret)
{
    (void)ret;
}

const struct export_format export_csv = {
    .name = "csv", .begin = csv_begin, .row = csv_row, .end = csv_end};
