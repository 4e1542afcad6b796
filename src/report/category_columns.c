#include "report/category_columns.h"

#include "base/text.h"

#define HEADING_CELLS 16

void category_columns_add(const struct page *page, struct category_columns *c, size_t named,
                          const char *(*name)(const void *of, size_t i), const void *of)
{
    c->shown = named < CATEGORY_COLUMNS_SHOWN ? named : CATEGORY_COLUMNS_SHOWN;
    for (unsigned i = 0; i < c->shown; i++) {
        struct buffer *heading = &c->heading[i];
        const char *text = name(of, i);
        text_put_fitted(heading, text, strlen(text), HEADING_CELLS, page->utf8);
        buffer_put_byte(heading, 0);
        columns_put_heading(c->columns, heading->failed ? "" : (const char *)heading->data,
                            i > 0 ? 4 + i : 0);
        page->out->failed |= heading->failed;
    }
    if (named > c->shown) {
        c->rest = c->columns->count;
        columns_put_heading(c->columns, "the rest", 4);
    }
    c->others = c->columns->count;
    columns_put_heading(c->columns, "Others", 2);
}

void category_columns_done(struct category_columns *c)
{
    for (size_t i = 0; i < c->shown; i++)
        buffer_done(&c->heading[i]);
}
