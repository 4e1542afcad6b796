/*
 * Text of unknown origin (names of processes, command lines, labels): UTF-8 decoded strictly, and
 * put where it can do no harm. Everything here takes any bytes; none of it looks at the locale.
 */
#ifndef TACHO_BASE_TEXT_H
#define TACHO_BASE_TEXT_H

#include "base/buffer.h"

#define UTF8_INVALID UINT32_MAX
#define UTF8_REPLACEMENT UINT32_C(0xFFFD)

/*
 * Decodes the character at `p`, before `end`. Returns how many bytes it takes, at least 1.
 * `*ret` is UTF8_INVALID for what is no UTF-8 as RFC 3629 has it: overlong forms, surrogates, cut
 * sequences; then one maximal ill-formed piece is taken, as Unicode recommends (3.9, U+FFFD
 * substitution of maximal subparts), so that every reader shows as many U+FFFD.
 */
size_t utf8_next(const uint8_t *p, const uint8_t *end, uint32_t *ret);

bool utf8_valid(const void *text, size_t n);

/* Appends a character; what is none becomes U+FFFD. */
void utf8_put(struct buffer *ret, uint32_t character);

/*
 * Cells that a terminal gives a character: 0 for combining marks, 2 for East Asian wide and emoji,
 * else 1. A small table: where it errs, it errs to the wider, so that nothing overflows a line.
 */
unsigned utf8_width(uint32_t character);

/* Cells of a whole text; invalid bytes as the U+FFFD that stand for them. */
size_t text_width(const void *text, size_t n);

/*
 * Appends a JSON string, quotes included: valid UTF-8 whatever comes in (invalid bytes become
 * U+FFFD, as RFC 8259 leaves no way to keep them). < > & U+2028 U+2029 are escaped too, so that it
 * may stand in a page's script.
 */
void text_put_json(struct buffer *ret, const void *text, size_t n);

/*
 * Appends a text for a terminal, on one line: control characters (ESC, newlines, C1) and invisible
 * format characters (bidi overrides, zero-width, tags) are written as \n, \x1b, \u202e; invalid
 * bytes as U+FFFD. Without `utf8`, characters beyond ASCII and invalid bytes are `?`. No backslash
 * of the text's own is doubled: this is for people to read.
 */
void text_put_terminal(struct buffer *ret, const void *text, size_t n, bool utf8);

/*
 * The same, cut to `width` cells with `…` (`...` without `utf8`) where it does not fit. Returns the
 * cells used. At most 4 combining marks of a pile are kept.
 */
size_t text_put_fitted(struct buffer *ret, const void *text, size_t n, size_t width, bool utf8);

/*
 * Appends arguments as a person would type them for a shell: bare where nothing is special, else in
 * single quotes, or $'…' where there are control or invisible characters or bytes that are no
 * UTF-8. `argv` is NUL-separated; the last NUL may be missing. What it appends is valid UTF-8
 * without control characters.
 */
void text_put_shell(struct buffer *ret, const void *argv, size_t n);

#endif
