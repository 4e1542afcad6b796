#include "report/page.h"

#include "base/cleanup.h"
#include "base/text.h"

#define LABEL_INDENT 2
#define FIGURE_AT 13
#define WORDS_AT 24
#define NARROW 56 /* below, words get lines of their own */
#define NARROW_WORDS_AT 4
#define NARROW_FIGURE 24 /* below, figures are not aligned */

struct page page_of(struct buffer *out, unsigned width, bool utf8, bool colour)
{
    return (struct page){out, width < PAGE_WIDTH_MIN ? PAGE_WIDTH_MIN : width, utf8, colour};
}

void page_put(const struct page *page, enum ink ink, const void *text, size_t n)
{
    static const char *const codes[] = {
        [INK_STRONG] = "1", [INK_FAINT] = "2",   [INK_BAD] = "1;31", [INK_WARNING] = "33",
        [INK_CPU] = "36",   [INK_MEMORY] = "35", [INK_BAR] = "7",
    };
    if (n == 0)
        return;
    bool coloured = page->colour && ink != INK_PLAIN;
    if (coloured)
        buffer_printf(page->out, "\x1b[%sm", codes[ink]);
    buffer_put(page->out, text, n);
    if (coloured)
        buffer_put_text(page->out, "\x1b[0m");
}

void page_put_text(const struct page *page, enum ink ink, const char *text)
{
    page_put(page, ink, text, strlen(text));
}

void page_blank(const struct page *page, size_t cells)
{
    for (size_t i = 0; i < cells; i++)
        buffer_put_byte(page->out, ' ');
}

void page_end_line(const struct page *page)
{
    buffer_put_byte(page->out, '\n');
}

size_t page_put_fitted(const struct page *page, enum ink ink, size_t at, const void *text, size_t n)
{
    struct buffer fitted = {0};
    size_t room = at < page->width ? page->width - at : 0;
    size_t cells = text_put_fitted(&fitted, text, n, room, page->utf8);
    page_put(page, ink, fitted.data, fitted.len);
    page->out->failed |= fitted.failed;
    buffer_done(&fitted);
    return at + cells;
}

void page_line(const struct page *page, enum ink ink, size_t indent, const void *text, size_t n)
{
    if (indent >= page->width)
        indent = 0;
    page_blank(page, indent);
    page_put_fitted(page, ink, indent, text, n);
    page_end_line(page);
}

static void put_wrapped(const struct page *page, enum ink ink, struct buffer *line)
{
    page_put(page, ink, line->data, line->len);
    page_end_line(page);
    buffer_clear(line);
}

void page_wrap(const struct page *page, enum ink ink, size_t at, size_t indent, const char *text,
               size_t n)
{
    struct buffer line = {0}, word = {0};
    size_t used = at;
    const char *end = n == 0 ? text : text + n; /* nothing may be NULL */
    while (text < end) {
        const char *stop = memchr(text, ' ', (size_t)(end - text));
        if (stop == NULL)
            stop = end;
        buffer_clear(&word);
        size_t cells =
            text_put_fitted(&word, text, (size_t)(stop - text), page->width - indent, page->utf8);
        size_t gap = line.len > 0;
        if (used + gap + cells > page->width && used > indent) {
            put_wrapped(page, ink, &line);
            page_blank(page, indent);
            used = indent;
            gap = 0;
        }
        if (gap > 0)
            buffer_put_byte(&line, ' ');
        buffer_put(&line, word.data, word.len);
        used += gap + cells;
        text = stop < end ? stop + 1 : end;
    }
    page->out->failed |= line.failed || word.failed;
    put_wrapped(page, ink, &line);
    buffer_done(&line);
    buffer_done(&word);
}

void page_item(const struct page *page, enum ink ink, const struct buffer *words)
{
    page_blank(page, LABEL_INDENT);
    page_put_text(page, ink, page->utf8 ? "• " : "- ");
    page->out->failed |= words->failed;
    page_wrap(page, INK_PLAIN, LABEL_INDENT + 2, LABEL_INDENT + 2, (const char *)words->data,
              words->len);
}

void page_figure(const struct page *page, const char *label, const struct buffer *figure,
                 const struct buffer *words)
{
    page->out->failed |= figure->failed || words->failed;
    page_blank(page, LABEL_INDENT);
    size_t at = page_put_fitted(page, INK_FAINT, LABEL_INDENT, label, strlen(label));
    size_t figure_at = at < FIGURE_AT && page->width >= NARROW_FIGURE ? FIGURE_AT : at + 1;
    if (at < page->width)
        page_blank(page, figure_at - at);
    at = page_put_fitted(page, INK_STRONG, figure_at, figure->data, figure->len);
    if (words->len == 0) {
        page_end_line(page);
    } else if (page->width < NARROW) {
        page_end_line(page);
        page_more(page, INK_PLAIN, words);
    } else {
        size_t words_at = at + 2 < WORDS_AT ? WORDS_AT : at + 2;
        page_blank(page, words_at - at);
        page_wrap(page, INK_PLAIN, words_at, WORDS_AT, (const char *)words->data, words->len);
    }
}

void page_more(const struct page *page, enum ink ink, const struct buffer *words)
{
    size_t at = page->width < NARROW ? NARROW_WORDS_AT : WORDS_AT;
    if (words->len == 0)
        return;
    page_blank(page, at);
    page_wrap(page, ink, at, at, (const char *)words->data, words->len);
}

void page_sparkline(const struct page *page, enum ink ink, const uint64_t *value, size_t n,
                    uint64_t most)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const signs[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    const char *const *levels = page->utf8 ? blocks : signs;
    struct buffer line = {0};
    for (size_t i = 0; i < n; i++) {
        size_t level = ARRAY_LEN(blocks) - 1;
        if (value[i] < most)
            level = (size_t)((double)value[i] / (double)most * ARRAY_LEN(blocks));
        else if (most == 0)
            level = 0;
        if (level >= ARRAY_LEN(blocks))
            level = ARRAY_LEN(blocks) - 1;
        buffer_put_text(&line, value[i] == UINT64_MAX ? " " : levels[level]);
    }
    page_put(page, ink, line.data, line.len);
    page->out->failed |= line.failed;
    buffer_done(&line);
}
