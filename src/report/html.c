#include "report/html.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"
#include "report/json.h"
#include "report/quantity.h"

void html_put(struct buffer *ret, const char *markup)
{
    buffer_put_text(ret, markup);
}

void html_text(struct buffer *ret, const void *text, size_t n)
{
    struct buffer harmless = {0};
    text_put_terminal(&harmless, text, n, true);
    for (size_t i = 0; i < harmless.len; i++) {
        switch (harmless.data[i]) {
        case '<': buffer_put_text(ret, "&lt;"); break;
        case '>': buffer_put_text(ret, "&gt;"); break;
        case '&': buffer_put_text(ret, "&amp;"); break;
        case '"': buffer_put_text(ret, "&quot;"); break;
        case '\'': buffer_put_text(ret, "&#39;"); break;
        default: buffer_put_byte(ret, harmless.data[i]);
        }
    }
    ret->failed |= harmless.failed;
    buffer_done(&harmless);
}

void html_words(struct buffer *ret, struct buffer *words)
{
    html_text(ret, words->data, words->len);
    ret->failed |= words->failed;
    buffer_clear(words);
}

/* The number as the JSON of the summary has it, so that the two cannot differ. */
static void open_number(struct buffer *ret, const char *json_key, const struct buffer *number)
{
    html_put(ret, "<data value=\"");
    buffer_put(ret, number->data, number->len);
    if (json_key != NULL)
        buffer_printf(ret, "\" data-json=\"%s", json_key);
    html_put(ret, "\">");
    ret->failed |= number->failed;
}

void html_seconds(struct buffer *ret, const char *json_key, uint64_t ns,
                  void (*put)(struct buffer *ret, uint64_t value))
{
    struct buffer number = {0};
    struct json j = {.out = &number};
    if (ns == UINT64_MAX)
        return;
    json_seconds(&j, NULL, ns);
    open_number(ret, json_key, &number);
    put(ret, ns);
    html_put(ret, "</data>");
    buffer_done(&number);
}

void html_number(struct buffer *ret, const char *json_key, uint64_t value,
                 void (*put)(struct buffer *ret, uint64_t value))
{
    struct buffer number = {0};
    if (value == UINT64_MAX)
        return;
    buffer_printf(&number, "%" PRIu64, value);
    open_number(ret, json_key, &number);
    put(ret, value);
    html_put(ret, "</data>");
    buffer_done(&number);
}

void html_real(struct buffer *ret, const char *json_key, double value, unsigned decimals)
{
    struct buffer number = {0};
    struct json j = {.out = &number};
    if (isnan(value))
        return;
    json_real(&j, NULL, value);
    open_number(ret, json_key, &number);
    put_decimal(ret, value, decimals);
    html_put(ret, "</data>");
    buffer_done(&number);
}

void html_section(struct buffer *ret, const char *id, const char *heading)
{
    buffer_printf(ret, "<section id=\"%s\"><h2>%s</h2>\n", id, heading);
}

void html_section_end(struct buffer *ret)
{
    html_put(ret, "</section>\n");
}
