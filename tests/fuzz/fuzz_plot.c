/*
 * Any bytes as a text in gnuplot's scripts and data. Beyond the sanitizers: what is put is one line of
 * UTF-8 in quotes that nothing in it closes, without what gnuplot or XML take for more than text, and
 * no longer than it may be. The first byte says how long that is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/plot_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_plot: %s\n", what);
    abort();
}

static bool in_xml(uint32_t c)
{
    return c >= 0x20 && (c < 0x7F || c > 0x9F) && c != UTF8_INVALID && (c & 0xFFFE) != 0xFFFE;
}

static bool turns_text(uint32_t c)
{
    return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* `escapes`: a backslash begins an octal number, as in data; else it says nothing, as in scripts. */
static void check_text(const struct buffer *put, char quote, bool escapes, size_t cells)
{
    check(!put->failed && put->len >= 2, "nothing put");
    const uint8_t *text = put->data + 1, *end = put->data + put->len - 1;
    check(put->data[0] == quote && *end == quote, "no quotes");
    check(memchr(text, quote, (size_t)(end - text)) == NULL, "a quote closes it");
    check(utf8_valid(put->data, put->len), "no UTF-8");
    for (const uint8_t *p = text; p < end;) {
        uint32_t c;
        if (*p == '\\' && escapes)
            check(end - p >= 4 && (memcmp(p, "\\134", 4) == 0 || memcmp(p, "\\042", 4) == 0),
                  "a backslash of the text's own");
        check(end - p < 3 || memcmp(p, "]]>", 3) != 0, "an end of CDATA");
        p += utf8_next(p, end, &c);
        check(in_xml(c), "a character that XML has not");
        check(!turns_text(c), "a character that turns text");
    }
    /* An octal number stands for one cell, and a blank may be put in after each bracket. */
    check(text_width(text, (size_t)(end - text)) <= 4 * cells, "too long");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct buffer script = {0}, cell = {0};
    if (n == 0)
        return 0;
    size_t cells = bytes[0] % 64 + 1u;
    plot_put_string(&script, bytes + 1, n - 1, cells);
    plot_put_cell(&cell, bytes + 1, n - 1, cells);
    check_text(&script, '\'', false, cells);
    check_text(&cell, '"', true, cells);
    buffer_done(&script);
    buffer_done(&cell);
    return 0;
}
