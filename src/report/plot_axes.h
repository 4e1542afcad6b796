/* Units in which values are drawn, so that ticks are short numbers. */
#ifndef TACHO_REPORT_PLOT_AXES_H
#define TACHO_REPORT_PLOT_AXES_H

#include "analyse/charts.h"

struct plot_unit {
    double scale;     /* what one of it is in the unit of the values */
    const char *name; /* "MiB/s"; "" where there is nothing to say */
};

/* For moments up to so many seconds. */
struct plot_unit plot_time_unit(double length_s);

/* Of a chart's unit ("bytes", "1/s"), for values up to `largest`. */
struct plot_unit plot_value_unit(const char *unit, double largest);

/*
 * How far apart ticks are from 0 to `largest`, so that there are at most `most` of them: 1, 2, 2.5 or
 * 5 times a power of ten, of `whole` numbers without a fraction.
 */
#define PLOT_ROUNDING 0.999 /* so much of a value need not be below the last tick */
double plot_tick_step(double largest, unsigned most, bool whole);

/* The smallest and largest value of what of a chart is drawn; 0 where there is none. */
void plot_value_range(const struct chart *chart, size_t buckets, double *ret_min, double *ret_max);

#endif
