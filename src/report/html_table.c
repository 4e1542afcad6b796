/* Cells of the page's tables, and bars of what time went to. */
#include "report/html_table.h"

#include "report/quantity.h"

#define BAR_WIDTH 100.0

void html_cell_seconds(struct buffer *ret, const char *key, uint64_t ns)
{
    html_put(ret, "<td class=\"number\">");
    html_seconds(ret, key, ns, put_time);
    html_put(ret, "</td>");
}

void html_cell_number(struct buffer *ret, const char *key, uint64_t value,
                      void (*put)(struct buffer *ret, uint64_t value))
{
    html_put(ret, "<td class=\"number\">");
    html_number(ret, key, value, put);
    html_put(ret, "</td>");
}

void html_cell_text(struct buffer *ret, const char *text)
{
    html_put(ret, "<td>");
    html_text(ret, text, strlen(text));
    html_put(ret, "</td>");
}

void html_heading_cell(struct buffer *ret, const char *text, bool number)
{
    html_put(ret, number ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">");
    html_text(ret, text, strlen(text));
    html_put(ret, "</th>");
}

static void put_class(struct buffer *ret, size_t place)
{
    if (place == HTML_OTHERS)
        html_put(ret, "class=\"category-other\"");
    else
        buffer_printf(ret, "class=\"category-%zu\"", place);
}

void html_put_swatch(struct buffer *ret, size_t place)
{
    html_put(ret, "<svg class=\"swatch\" viewBox=\"0 0 10 10\" aria-hidden=\"true\">"
                  "<rect width=\"10\" height=\"10\" ");
    put_class(ret, place);
    html_put(ret, "></rect></svg> ");
}

void html_put_bar(struct buffer *ret, const struct html_part *part, size_t n, uint64_t wall_ns)
{
    double at = 0;
    html_put(ret, "<td class=\"bar\"><svg class=\"bar\" viewBox=\"0 0 100 10\" "
                  "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
    for (size_t i = 0; i < n && wall_ns > 0; i++) {
        html_put(ret, i > 0 ? ", " : "");
        html_text(ret, part[i].name, strlen(part[i].name));
        html_put(ret, " ");
        put_percent(ret, (double)part[i].ns / (double)wall_ns);
    }
    html_put(ret, "\">");
    for (size_t i = 0; i < n && wall_ns > 0; i++) {
        double width = BAR_WIDTH * (double)part[i].ns / (double)wall_ns;
        html_put(ret, "<rect x=\"");
        put_decimal(ret, at, 3);
        html_put(ret, "\" width=\"");
        put_decimal(ret, width, 3);
        html_put(ret, "\" height=\"10\" ");
        put_class(ret, part[i].place);
        html_put(ret, "></rect>");
        at += width;
    }
    html_put(ret, "</svg></td>");
}
