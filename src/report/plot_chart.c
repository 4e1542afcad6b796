#include "report/plot_chart.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "report/plot_look.h"
#include "report/plot_text.h"

#define NAME_CELLS 24
#define TITLE_CELLS 40
#define BANDS_MAX 3   /* of more lines than that they would hide each other */
#define POINTS_MAX 40 /* so few values are also shown as points */
#define COLUMN(i) ((size_t)2 + 3 * (i))

/* ---- names ---- */

static void line_name(struct buffer *ret, const struct plot_sheet *sheet,
                      const struct chart_line *line)
{
    if (line->subject != NULL) {
        buffer_put_text(ret, line->subject);
        buffer_put_byte(ret, ' ');
    }
    buffer_put_text(ret, line->name);
    if (line->role != CHART_PART)
        return;
    const struct tacho_process *p = tacho_process_of(sheet->summary->rec, line->entity);
    if (line->processes > 1)
        buffer_printf(ret, " (%zu)", line->processes);
    else if (p != NULL)
        buffer_printf(ret, "[%d]", p->pid);
}

static void put_line_cell(struct buffer *ret, const struct plot_sheet *sheet,
                          const struct chart_line *line, const char *what)
{
    struct buffer name = {0};
    line_name(&name, sheet, line);
    buffer_put_text(&name, what);
    plot_put_cell(ret, name.data, name.len, 2 * NAME_CELLS);
    ret->failed |= name.failed;
    buffer_done(&name);
}

void plot_put_chart_data(struct buffer *ret, const struct plot_sheet *sheet,
                         const struct chart *chart)
{
    const struct charts *c = sheet->charts;
    buffer_put_text(ret, "\"seconds\"");
    for (size_t i = 0; i < chart->lines; i++) {
        static const char *const whats[] = {" mean", " min", " max"};
        for (unsigned k = 0; k < 3; k++) {
            buffer_put_byte(ret, '\t');
            put_line_cell(ret, sheet, &chart->line[i], whats[k]);
        }
    }
    buffer_put_byte(ret, '\n');
    for (size_t b = 0; b < c->buckets; b++) {
        double from_ns = (double)b * (double)c->bucket_ns,
               length_ns = (double)(c->to_ns - c->from_ns);
        double to_ns = b + 1 < c->buckets ? from_ns + (double)c->bucket_ns : length_ns;
        buffer_printf(ret, "%.9g", (from_ns + to_ns) / 2e9);
        for (size_t i = 0; i < chart->lines; i++) {
            const double values[] = {chart->line[i].mean[b], chart->line[i].min[b],
                                     chart->line[i].max[b]};
            for (unsigned k = 0; k < 3; k++)
                if (isfinite(values[k]))
                    buffer_printf(ret, "\t%.9g", values[k]);
                else
                    buffer_put_text(ret, "\tNaN");
        }
        buffer_put_byte(ret, '\n');
    }
}

/* ---- axes ---- */

static struct plot_unit unit_of(const struct plot_sheet *sheet, const struct chart *chart)
{
    double min, max;
    plot_value_range(chart, sheet->charts->buckets, &min, &max);
    return plot_value_unit(chart->unit, max > -min ? max : -min);
}

void plot_put_chart_title(struct buffer *ret, const struct plot_sheet *sheet,
                          const struct chart *chart)
{
    struct buffer title = {0};
    struct plot_unit unit = unit_of(sheet, chart);
    text_put_fitted(&title, chart->title, strlen(chart->title), TITLE_CELLS, true);
    if (unit.name[0] != '\0')
        buffer_printf(&title, " (%s)", unit.name);
    plot_put_string(ret, title.data, title.len, TITLE_CELLS + 16);
    ret->failed |= title.failed;
    buffer_done(&title);
}

void plot_put_chart_axes(struct buffer *ret, const struct plot_sheet *sheet,
                         const struct chart *chart, unsigned ticks)
{
    double min, max;
    plot_value_range(chart, sheet->charts->buckets, &min, &max);
    struct plot_unit unit = unit_of(sheet, chart);
    buffer_printf(ret, "set xrange [0:%.9g]\n", sheet->length_s / sheet->time.scale);
    /* From 0, so that heights compare; a counter of the code may be below. */
    if (min < 0) {
        buffer_put_text(ret, "set yrange [*:*]\nset ytics autofreq\n");
        return;
    }
    bool whole = strcmp(chart->unit, "count") == 0 && unit.scale == 1;
    double top = max > 0 ? max / unit.scale : 1, step = plot_tick_step(top, ticks, whole),
           end = step;
    while (end < top * PLOT_ROUNDING)
        end += step;
    /* Data are written with nine digits: a line along the very top is not to be cut off. */
    double reach = (top > end ? top : end) * (1 + 1e-6);
    buffer_printf(ret, "set yrange [0:%.9g]\nset ytics %.9g\n", reach, step);
}

/* ---- lines ---- */

struct drawing {
    struct buffer *out;
    const struct plot_sheet *sheet;
    const struct chart *chart;
    const char *file;
    struct plot_unit unit;
    bool stacked;
    size_t shown; /* lines */
    size_t items; /* of the plot command, so far */
};

static size_t known_buckets(const struct chart_line *line, size_t buckets)
{
    size_t known = 0;
    for (size_t b = 0; b < buckets; b++)
        known += isnan(line->mean[b]) ? 0 : 1;
    return known;
}

/* Whether a line says something: what is known of a moment here and there (PSS) does not. */
static bool is_shown(const struct drawing *d, const struct chart_line *line)
{
    size_t buckets = d->sheet->charts->buckets;
    bool seldom = d->stacked && line->role == CHART_QUANTITY &&
                  known_buckets(line, buckets) * 2 < known_buckets(&d->chart->line[0], buckets);
    return !seldom && known_buckets(line, buckets) > 0 && (!line->zero || d->chart->zero);
}

static bool in_stack(const struct drawing *d, const struct chart_line *line)
{
    return d->stacked && (line->role == CHART_PART || line->role == CHART_REST);
}

static void begin_item(struct drawing *d)
{
    if (d->items++ > 0)
        buffer_put_text(d->out, ", \\\n        ");
    else
        buffer_put_text(d->out, "    plot \\\n        ");
    buffer_printf(d->out, "'%s' skip 1 using ($1 / %.9g)", d->file, d->sheet->time.scale);
}

static void put_title(struct drawing *d, const struct chart_line *line)
{
    struct buffer name = {0};
    if (d->shown == 1) {
        buffer_put_text(d->out, " notitle");
        return;
    }
    line_name(&name, d->sheet, line);
    buffer_put_text(d->out, " title ");
    plot_put_string(d->out, name.data, name.len, NAME_CELLS);
    d->out->failed |= name.failed;
    buffer_done(&name);
}

static const char *colour_of(const struct drawing *d, const struct chart_line *line, size_t place)
{
    switch (line->role) {
    case CHART_REST: return "#999999";
    case CHART_MACHINE: return "#777777";
    case CHART_QUANTITY:
        return !d->stacked ? plot_colour(place) : place == 0 ? "#000000" : "#555555";
    default: return plot_colour(place);
    }
}

/* Areas one on another, the first at the bottom. */
static void put_stack(struct drawing *d)
{
    size_t below[CHART_TOP_MAX + 1], count = 0;
    for (size_t i = 0; i < d->chart->lines; i++) {
        const struct chart_line *line = &d->chart->line[i];
        if (!in_stack(d, line) || !is_shown(d, line) || count > CHART_TOP_MAX)
            continue;
        begin_item(d);
        buffer_put_text(d->out, ":((0");
        for (size_t k = 0; k < count; k++)
            buffer_printf(d->out, " + known(%zu)", COLUMN(below[k]));
        buffer_printf(d->out, ") / %.9g):((0", d->unit.scale);
        below[count++] = i;
        for (size_t k = 0; k < count; k++)
            buffer_printf(d->out, " + known(%zu)", COLUMN(below[k]));
        buffer_printf(d->out, ") / %.9g) with filledcurves fillcolor rgb '%s'", d->unit.scale,
                      colour_of(d, line, count - 1));
        put_title(d, line);
    }
}

static bool has_band(const struct chart_line *line, size_t buckets)
{
    for (size_t b = 0; b < buckets; b++)
        if (line->max[b] - line->min[b] > 0)
            return true;
    return false;
}

static void put_band(struct drawing *d, size_t i, const char *colour)
{
    begin_item(d);
    buffer_printf(d->out,
                  ":($%zu / %.9g):($%zu / %.9g) with filledcurves fillcolor rgb '%s' fillstyle "
                  "transparent solid 0.2 noborder notitle",
                  COLUMN(i) + 1, d->unit.scale, COLUMN(i) + 2, d->unit.scale, colour);
}

static void put_line(struct drawing *d, size_t i, size_t place, const char *colour)
{
    const struct chart_line *line = &d->chart->line[i];
    size_t buckets = d->sheet->charts->buckets, known = known_buckets(line, buckets);
    unsigned dash = line->role == CHART_MACHINE || (d->stacked && place > 0) ? 2 : plot_dash(place);
    bool points = known <= 2 || (buckets <= POINTS_MAX && dash == 1);
    begin_item(d);
    buffer_printf(d->out, ":($%zu / %.9g) with %s linecolor rgb '%s' linewidth %s dashtype %u",
                  COLUMN(i), d->unit.scale, points ? "linespoints" : "lines", colour,
                  line->role == CHART_MACHINE ? "1" : "1.75", dash);
    if (points)
        buffer_put_text(d->out, " pointtype 7 pointsize 0.25");
    put_title(d, line);
}

/* Bands lie under all lines. */
static void put_lines(struct drawing *d, bool bands)
{
    size_t place = 0;
    for (size_t i = 0; i < d->chart->lines; i++) {
        const struct chart_line *line = &d->chart->line[i];
        if (in_stack(d, line) || !is_shown(d, line))
            continue;
        const char *colour = colour_of(d, line, place);
        if (!bands)
            put_line(d, i, place, colour);
        else if (line->role != CHART_MACHINE && has_band(line, d->sheet->charts->buckets) &&
                 (d->sheet->summary != NULL || i == 0))
            put_band(d, i, colour);
        place += line->role != CHART_MACHINE;
    }
}

/*
 * Whether bands say something: a bucket has more than a tick, and they do not hide each other. Counters of
 * the code may be set many times in a bucket.
 */
static bool wants_bands(const struct drawing *d, size_t lines)
{
    const struct plot_sheet *s = d->sheet;
    if (s->summary == NULL)
        return s->many;
    bool several = d->chart->category != NULL || s->summary->interval_ns == SUMMARY_UNKNOWN ||
                   s->charts->bucket_ns / 2 >= s->summary->interval_ns;
    return several && lines <= BANDS_MAX;
}

void plot_put_chart(struct buffer *ret, const struct plot_sheet *sheet, const struct chart *chart,
                    const char *file)
{
    struct drawing d = {
        .out = ret, .sheet = sheet, .chart = chart, .file = file, .unit = unit_of(sheet, chart)};
    size_t lines = 0;
    bool parts = false;
    for (size_t i = 0; i < chart->lines; i++)
        parts |= chart->line[i].role == CHART_PART;
    d.stacked = parts && chart->category == NULL; /* values of a counter do not add up */
    for (size_t i = 0; i < chart->lines; i++) {
        bool shown = is_shown(&d, &chart->line[i]);
        d.shown += shown;
        lines += shown && !in_stack(&d, &chart->line[i]);
    }
    put_stack(&d);
    if (wants_bands(&d, lines))
        put_lines(&d, true);
    put_lines(&d, false);
    buffer_put_byte(ret, '\n');
}
