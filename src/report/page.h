/*
 * Lines for a terminal: no line is wider than the page, whatever is put on it. Everything that is
 * put is made harmless (base/text.h) and wrapped or cut; colour only where it was asked for.
 */
#ifndef TACHO_REPORT_PAGE_H
#define TACHO_REPORT_PAGE_H

#include "base/buffer.h"

#define PAGE_WIDTH_MIN 20

enum ink { INK_PLAIN, INK_STRONG, INK_FAINT, INK_BAD, INK_WARNING, INK_CPU, INK_MEMORY, INK_BAR };

struct page {
    struct buffer *out;
    unsigned width; /* cells; taken as at least PAGE_WIDTH_MIN */
    bool utf8, colour;
};

/* What a terminal shows, as far as it matters here. */
struct page page_of(struct buffer *out, unsigned width, bool utf8, bool colour);

/* A part of a line, in its ink; the caller counts cells. `text` is harmless already. */
void page_put(const struct page *page, enum ink ink, const void *text, size_t n);
void page_put_text(const struct page *page, enum ink ink, const char *text);
void page_blank(const struct page *page, size_t cells);
void page_end_line(const struct page *page);

/* Any bytes, cut where the line is full, which has `at` cells already. Returns the cells used. */
size_t page_put_fitted(const struct page *page, enum ink ink, size_t at, const void *text,
                       size_t n);

/* One line of any bytes after `indent` cells, cut where it does not fit. */
void page_line(const struct page *page, enum ink ink, size_t indent, const void *text, size_t n);

/* Text broken at blanks into lines after `indent` cells; `at` of the first are used already. */
void page_wrap(const struct page *page, enum ink ink, size_t at, size_t indent, const char *text,
               size_t n);

/*
 * A label, a figure, and words about it:
 *   CPU        59.3 s    0.91 cores on average, …
 * On a narrow page the words follow on lines of their own.
 */
void page_figure(const struct page *page, const char *label, const struct buffer *figure,
                 const struct buffer *words);

/* More words under the same figure. */
void page_more(const struct page *page, enum ink ink, const struct buffer *words);

/* One thing of a list; the ink is its mark's. */
void page_item(const struct page *page, enum ink ink, const struct buffer *words);

/* A sparkline, one cell a value from 0 to `most`; UINT64_MAX is a blank. */
void page_sparkline(const struct page *page, enum ink ink, const uint64_t *value, size_t n,
                    uint64_t most);

#endif
