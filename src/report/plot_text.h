/*
 * Text of unknown origin in gnuplot's files. gnuplot runs commands that stand in strings, files and
 * options in many ways; what is put here is one line, its quotes are closed, and nothing in it is
 * taken for anything but text. It is also text that XML allows, for gnuplot puts it into SVG as it
 * is.
 */
#ifndef TACHO_REPORT_PLOT_TEXT_H
#define TACHO_REPORT_PLOT_TEXT_H

#include "base/buffer.h"

/*
 * In single quotes, for a script: there backquotes, backslashes and @ say nothing. Quotes in it become
 * typographic ones. Cut to `cells`.
 * Never as a line's last word, where it would have to be trusted not to end in a backslash.
 */
void plot_put_string(struct buffer *ret, const void *text, size_t n, size_t cells);

/* In double quotes, a cell of a data file: backslashes and quotes as octal numbers. */
void plot_put_cell(struct buffer *ret, const void *text, size_t n, size_t cells);

#endif
