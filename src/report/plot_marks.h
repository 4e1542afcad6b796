/* Labels in plots: a thin line each, numbered above the plot, with the texts below it. */
#ifndef TACHO_REPORT_PLOT_MARKS_H
#define TACHO_REPORT_PLOT_MARKS_H

#include "analyse/summary.h"
#include "base/buffer.h"
#include "report/plot_axes.h"

#define PLOT_MARKS_MAX 12

struct plot_marks {
    size_t label[PLOT_MARKS_MAX]; /* places for tacho_label_at, in order of time */
    size_t count, left_out;       /* of those in the recorded time */
    double length_s;              /* of the axis */
};

/* 0 or -ENOMEM. */
int plot_marks_choose(const struct summary *summary, double length_s, struct plot_marks *ret);

/* Lines of text below a plot that plot_put_mark_texts takes. */
unsigned plot_mark_lines(const struct plot_marks *marks, const struct summary *summary);

/* The lines through a plot, and the numbers `rows` of type above it; in units of `time`. */
void plot_put_mark_lines(struct buffer *ret, const struct plot_marks *marks,
                         const struct summary *summary, struct plot_unit time);
void plot_put_mark_numbers(struct buffer *ret, const struct plot_marks *marks,
                           const struct summary *summary, struct plot_unit time, double rows);
/* The texts, at the bottom of a picture of that height. */
void plot_put_mark_texts(struct buffer *ret, const struct plot_marks *marks,
                         const struct summary *summary, unsigned height);

/* labels.dat: all labels with their moments and processes. */
void plot_put_labels(struct buffer *ret, const struct summary *summary);

#endif
