/*
 * HTML being written. Every text from outside goes through here: it comes out as valid UTF-8 on one
 * line, control and invisible characters as text_put_terminal writes them, and never as markup.
 * Attributes are always in double quotes.
 */
#ifndef TACHO_REPORT_HTML_H
#define TACHO_REPORT_HTML_H

#include "base/buffer.h"

/* Markup of our own, as it is. */
void html_put(struct buffer *ret, const char *markup);

/* Any bytes, as text or as the value of an attribute. */
void html_text(struct buffer *ret, const void *text, size_t n);

/* The words of a buffer; a failure of it is passed on, and it is cleared. */
void html_words(struct buffer *ret, struct buffer *words);

/*
 * <data value="…" data-json="cpu.total_s">12.4 s</data>: a number in full for sorting and comparing, by
 * the key that --json has for it (NULL: none), and as people read it. Unknown (UINT64_MAX): nothing.
 */
void html_seconds(struct buffer *ret, const char *json_key, uint64_t ns,
                  void (*put)(struct buffer *ret, uint64_t value));
void html_number(struct buffer *ret, const char *json_key, uint64_t value,
                 void (*put)(struct buffer *ret, uint64_t value));
/* NAN: nothing. */
void html_real(struct buffer *ret, const char *json_key, double value, unsigned decimals);

/* <section id="…"><h2>…</h2>, and its end. */
void html_section(struct buffer *ret, const char *id, const char *heading);
void html_section_end(struct buffer *ret);

#endif
