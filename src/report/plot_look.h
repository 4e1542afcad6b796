/*
 * How plots look: sizes and type that can be read at the width of a paper's column, five colours
 * that colour-blind people tell apart, and what all scripts begin with.
 */
#ifndef TACHO_REPORT_PLOT_LOOK_H
#define TACHO_REPORT_PLOT_LOOK_H

#include "base/buffer.h"

enum plot_format { PLOT_SVG = 1, PLOT_PNG = 2, PLOT_PDF = 4 };

#define PLOT_WIDTH 560 /* in the units of SVG; the others are made after it */
#define PLOT_HEIGHT 320
#define PLOT_CHARACTER_WIDTH 6.6 /* of the type in use, on average */
#define PLOT_COLOURS 5

/* For the i-th line or area, from 0; colours come again after PLOT_COLOURS with other dashes. */
const char *plot_colour(size_t i);
unsigned plot_dash(size_t i);

/* What a script is, and how to run it. `name` is its file without `.plt`. */
void plot_put_head(struct buffer *ret, const char *name, const char *title);
/* What every plot begins with. */
void plot_put_settings(struct buffer *ret);

/*
 * Opens and closes a loop over formats, in which `name`.svg and so on are drawn with a height of
 * `height`; four blanks deep.
 */
void plot_begin_formats(struct buffer *ret, const char *name, unsigned formats, unsigned height);
void plot_end_formats(struct buffer *ret);

#endif
