#include "report/plot_axes.h"

#include <string.h>

#include "base/cleanup.h"

/* The largest of which there is at least `least`, smallest first. */
static struct plot_unit choose(const struct plot_unit *units, size_t count, double value,
                               double least)
{
    size_t i = 0;
    while (i + 1 < count && value >= least * units[i + 1].scale)
        i++;
    return units[i];
}

struct plot_unit plot_time_unit(double length_s)
{
    static const struct plot_unit units[] = {{1, "s"}, {60, "min"}, {3600, "h"}, {86400, "d"}};
    return choose(units, ARRAY_LEN(units), length_s, 3);
}

#define KIB 1024.0

struct plot_unit plot_value_unit(const char *unit, double largest)
{
    static const struct plot_unit bytes[] = {
        {1, "B"},
        {KIB, "KiB"},
        {KIB * KIB, "MiB"},
        {KIB * KIB * KIB, "GiB"},
        {KIB * KIB * KIB * KIB, "TiB"},
    };
    static const struct plot_unit bytes_per_s[] = {
        {1, "B/s"},
        {KIB, "KiB/s"},
        {KIB * KIB, "MiB/s"},
        {KIB * KIB * KIB, "GiB/s"},
        {KIB * KIB * KIB * KIB, "TiB/s"},
    };
    static const struct plot_unit per_s[] = {{1, "1/s"}, {1e3, "thousand/s"}, {1e6, "million/s"}};
    static const struct plot_unit counts[] = {{1, ""}, {1e3, "thousand"}, {1e6, "million"}};
    if (strcmp(unit, "bytes") == 0)
        return choose(bytes, ARRAY_LEN(bytes), largest, 1);
    if (strcmp(unit, "bytes/s") == 0)
        return choose(bytes_per_s, ARRAY_LEN(bytes_per_s), largest, 1);
    if (strcmp(unit, "1/s") == 0)
        return choose(per_s, ARRAY_LEN(per_s), largest, 5);
    if (strcmp(unit, "count") == 0)
        return choose(counts, ARRAY_LEN(counts), largest, 10);
    if (strcmp(unit, "share") == 0)
        return (struct plot_unit){0.01, "%"};
    return (struct plot_unit){1, unit};
}

double plot_tick_step(double largest, unsigned most, bool whole)
{
    static const double steps[] = {1, 2, 2.5, 5};
    double power = 1;
    while (power * most < largest && power < 1e300)
        power *= 10;
    while (power * most > largest && power > 1e-12)
        power /= 10;
    for (;; power *= 10)
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            double step = steps[i] * power;
            bool fraction = whole && (step < 1 || (uint64_t)(step * 2) % 2 != 0);
            if (!fraction && step * most >= largest * PLOT_ROUNDING)
                return step;
        }
}

void plot_value_range(const struct chart *chart, size_t buckets, double *ret_min, double *ret_max)
{
    *ret_min = *ret_max = 0;
    for (size_t i = 0; i < chart->lines; i++)
        for (size_t b = 0; b < buckets; b++) {
            const struct chart_line *line = &chart->line[i];
            /* NAN is neither. */
            *ret_min = line->min[b] < *ret_min ? line->min[b] : *ret_min;
            *ret_max = line->max[b] > *ret_max ? line->max[b] : *ret_max;
        }
}
