#include "report/plot_text.h"

#include "base/text.h"

#define RIGHT_QUOTE UINT32_C(0x2019)

/* U+FFFE and U+FFFF are UTF-8 and yet no characters of XML. */
static bool in_xml(uint32_t c)
{
    return c != UTF8_INVALID && (c & 0xFFFE) != 0xFFFE;
}

static void put_quoted(struct buffer *ret, const struct buffer *shown, char quote)
{
    const uint8_t *p = shown->data, *end = p + shown->len;
    unsigned brackets = 0; /* just before */
    buffer_put_byte(ret, (uint8_t)quote);
    while (p < end) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        /* gnuplot writes text into a CDATA section of SVG, which `]]>` ends. */
        if (c == '>' && brackets >= 2)
            buffer_put_byte(ret, ' ');
        brackets = c == ']' ? brackets + 1 : 0;
        /* Doubled it would do, but at the beginning of a string: gnuplot 5.4 takes that for its end. */
        if (c == '\'' && quote == '\'')
            utf8_put(ret, RIGHT_QUOTE);
        else if (quote == '"' && (c == '"' || c == '\\'))
            buffer_printf(ret, "\\%03o", c);
        else
            utf8_put(ret, in_xml(c) ? c : UTF8_REPLACEMENT);
    }
    buffer_put_byte(ret, (uint8_t)quote);
}

static void put_text(struct buffer *ret, const void *text, size_t n, size_t cells, char quote)
{
    struct buffer shown = {0};
    text_put_fitted(&shown, text, n, cells, true);
    if (shown.len > 0)
        put_quoted(ret, &shown, quote);
    else
        buffer_put(ret, (char[]){quote, quote}, 2);
    ret->failed |= shown.failed;
    buffer_done(&shown);
}

void plot_put_string(struct buffer *ret, const void *text, size_t n, size_t cells)
{
    put_text(ret, text, n, cells, '\'');
}

void plot_put_cell(struct buffer *ret, const void *text, size_t n, size_t cells)
{
    put_text(ret, text, n, cells, '"');
}
