/* One chart as gnuplot's data, settings and plot command. */
#ifndef TACHO_REPORT_PLOT_CHART_H
#define TACHO_REPORT_PLOT_CHART_H

#include "analyse/charts.h"
#include "report/plot_marks.h"

/* What all plots of a recording share. */
struct plot_sheet {
    const struct summary *summary; /* NULL: of several recordings, a line each */
    bool many;                     /* of these the first line stands for all */
    const struct charts *charts;
    struct plot_marks marks;
    struct plot_unit time;
    double length_s;
};

/*
 * Rows of the middle of a bucket, in seconds since the start, and for each line its mean, smallest and largest
 * value, in the chart's own unit; `NaN` where it is unknown. The first row names the columns.
 */
void plot_put_chart_data(struct buffer *ret, const struct plot_sheet *sheet,
                         const struct chart *chart);

/* `Resident memory (MiB)`. */
void plot_put_chart_title(struct buffer *ret, const struct plot_sheet *sheet,
                          const struct chart *chart);

/* The axes' ranges, with at most so many ticks beside the plot. */
void plot_put_chart_axes(struct buffer *ret, const struct plot_sheet *sheet,
                         const struct chart *chart, unsigned ticks);

/*
 * The plot command, four blanks deep, of the data in `file`: what adds up as areas one on another,
 * else lines, with bands from the smallest to the largest value where buckets hold several samples.
 */
void plot_put_chart(struct buffer *ret, const struct plot_sheet *sheet, const struct chart *chart,
                    const char *file);

#endif
