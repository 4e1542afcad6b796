/* Cells of the page's tables, and bars of what time went to. */
#ifndef TACHO_REPORT_HTML_TABLE_H
#define TACHO_REPORT_HTML_TABLE_H

#include "report/html.h"

/* Keys and unknown values as in html.h; times as put_time has them. */
void html_cell_seconds(struct buffer *ret, const char *key, uint64_t ns);
void html_cell_number(struct buffer *ret, const char *key, uint64_t value,
                      void (*put)(struct buffer *ret, uint64_t value));
void html_cell_text(struct buffer *ret, const char *text);
void html_heading_cell(struct buffer *ret, const char *text, bool number);

/* A category's colour is its place by time; "Others" has one of its own. */
#define HTML_OTHERS SIZE_MAX
void html_put_swatch(struct buffer *ret, size_t place);

struct html_part {
    const char *name;
    uint64_t ns;
    size_t place;
};

/* A cell with a bar of all parts, as shares of `wall_ns`. */
void html_put_bar(struct buffer *ret, const struct html_part *part, size_t n, uint64_t wall_ns);

#endif
