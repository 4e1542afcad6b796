/*
 * JSON lines: an object a row, with every column as a key, in the order of the columns. A missing
 * value is null. Fractions are JSON numbers, exact as written; instants, letters and texts are
 * strings.
 */
#include "base/text.h"
#include "export/digits.h"
#include "export/export_format.h"

static void put_digits(struct buffer *ret, const struct cell *cell)
{
    if (buffer_reserve(ret, DIGITS_MAX) != 0)
        return;
    char *p = (char *)ret->data + ret->len;
    ret->len += (size_t)(digits_write_cell(p, cell) - p);
}

static void put_value(struct buffer *ret, const struct cell *cell)
{
    char text[DIGITS_MAX];
    switch (cell->type) {
    case CELL_MISSING: buffer_put(ret, "null", 4); break;
    case CELL_TEXT: text_put_json(ret, cell->text, cell->n); break;
    case CELL_INSTANT:
    case CELL_LETTER:
        text_put_json(ret, text, (size_t)(digits_write_cell(text, cell) - text));
        break;
    default: put_digits(ret, cell);
    }
}

static void jsonl_row(struct buffer *ret, const struct column *columns, const struct cell *cells,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buffer_put(ret, i == 0 ? "{\"" : ",\"", 2);
        buffer_put(ret, columns[i].name, columns[i].n);
        buffer_put(ret, "\":", 2);
        put_value(ret, &cells[i]);
    }
    buffer_put(ret, "}\n", 2);
}

static void jsonl_begin(struct buffer *ret, const struct column *columns, size_t n)
{
    (void)ret, (void)columns, (void)n;
}

static void jsonl_end(struct buffer *ret)
{
    (void)ret;
}

const struct export_format export_jsonl = {
    .name = "jsonl", .begin = jsonl_begin, .row = jsonl_row, .end = jsonl_end};
