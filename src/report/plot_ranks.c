#include "report/plot_ranks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/plot_axes.h"
#include "report/plot_files.h"
#include "report/plot_text.h"

#define NAME_CELLS 24
#define TICKS 6

/* ---- taking them in ---- */

/* `rank 3`; else the host, else the file. */
static char *name_of(const char *path, const struct summary *s, uint64_t rank)
{
    struct buffer name = {0};
    const char *slash = strrchr(path, '/');
    if (rank != SUMMARY_UNKNOWN)
        buffer_printf(&name, "rank %llu", (unsigned long long)rank);
    else
        buffer_put_text(&name, slash != NULL ? slash + 1 : path);
    if (rank != SUMMARY_UNKNOWN && s->host != NULL)
        buffer_printf(&name, " %s", s->host);
    buffer_put_byte(&name, 0);
    if (!name.failed)
        return (char *)name.data;
    buffer_done(&name);
    return NULL;
}

/* The line of all processes. 0 or -ENOMEM. */
static int take_line(const struct charts *charts, const char *key, bool largest, double **ret)
{
    const struct chart *chart = charts_find(charts, key);
    if (chart == NULL || chart->line[0].role != CHART_QUANTITY)
        return 0;
    *ret = malloc(charts->buckets * sizeof **ret);
    if (*ret == NULL)
        return -ENOMEM;
    memcpy(*ret, largest ? chart->line[0].max : chart->line[0].mean,
           charts->buckets * sizeof **ret);
    return 0;
}

static void rank_done(struct plot_rank *rank)
{
    free(rank->name);
    free(rank->cpu);
    free(rank->memory);
}

static int fill(struct plot_rank *rank, const char *path, const struct summary *s,
                const struct charts *charts)
{
    uint64_t number;
    rank->rank = tacho_fact_number(s->rec, "rank", &number) ? number : SUMMARY_UNKNOWN;
    rank->name = name_of(path, s, rank->rank);
    rank->from_real_ns = tacho_real_ns(s->rec, charts->from_ns);
    rank->to_real_ns = rank->from_real_ns + (charts->to_ns - charts->from_ns);
    rank->bucket_ns = charts->bucket_ns;
    rank->buckets = charts->buckets;
    int r = rank->name == NULL ? -ENOMEM : take_line(charts, "cpu", false, &rank->cpu);
    return r != 0 ? r : take_line(charts, "memory", true, &rank->memory);
}

int plot_ranks_add(struct plot_ranks *ranks, const char *path, const struct summary *s)
{
    struct charts charts;
    struct plot_rank new = {0};
    if (ranks->count == ranks->room) {
        size_t room = ranks->room * 2 + 16;
        struct plot_rank *more = reallocarray(ranks->rank, room, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        ranks->rank = more;
        ranks->room = room;
    }
    int r = charts_make(s, PLOT_BUCKETS, 0, &charts);
    if (r != 0)
        return r;
    r = fill(&new, path, s, &charts);
    charts_done(&charts);
    bool placed = new.from_real_ns != 0 && new.to_real_ns < INT64_MAX;
    if (r != 0 || !placed) {
        rank_done(&new);
        ranks->without_clock += r == 0;
        return r;
    }
    ranks->rank[ranks->count++] = new;
    return 0;
}

void plot_ranks_done(struct plot_ranks *ranks)
{
    for (size_t i = 0; i < ranks->count; i++)
        rank_done(&ranks->rank[i]);
    free(ranks->rank);
    *ranks = (struct plot_ranks){0};
}

static int by_rank(const void *a, const void *b)
{
    const struct plot_rank *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    if (left->from_real_ns != right->from_real_ns)
        return left->from_real_ns < right->from_real_ns ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* ---- drawing ---- */

struct picture {
    const char *name, *title;
    bool memory;
    uint64_t from_ns, to_ns; /* wall clock, of all */
    struct plot_unit time, unit;
    double largest;
};

static const double *values_of(const struct plot_rank *rank, bool memory)
{
    return memory ? rank->memory : rank->cpu;
}

static double value_at(const struct plot_rank *rank, bool memory, uint64_t real_ns)
{
    const double *values = values_of(rank, memory);
    if (values == NULL || real_ns < rank->from_real_ns || real_ns >= rank->to_real_ns)
        return NAN;
    uint64_t b = (real_ns - rank->from_real_ns) / rank->bucket_ns;
    return b < rank->buckets ? values[b] : NAN;
}

static void put_number(struct buffer *ret, double value)
{
    if (isfinite(value))
        buffer_printf(ret, "\t%.9g", value);
    else
        buffer_put_text(ret, "\tNaN");
}

/* A block of rows for each, between two empty lines, as gnuplot's `index` counts them. */
static void put_lines(struct buffer *ret, const struct plot_ranks *ranks, const struct picture *p)
{
    for (size_t i = 0; i < ranks->count; i++) {
        const struct plot_rank *rank = &ranks->rank[i];
        const double *values = values_of(rank, p->memory);
        buffer_put_text(ret, i > 0 ? "\n\n\"seconds\"\t" : "\"seconds\"\t");
        plot_put_cell(ret, rank->name, strlen(rank->name), 2 * NAME_CELLS);
        buffer_put_byte(ret, '\n');
        for (size_t b = 0; b < rank->buckets; b++) {
            double at_ns = (double)(rank->from_real_ns - p->from_ns) +
                           ((double)b + 0.5) * (double)rank->bucket_ns;
            buffer_printf(ret, "%.9g", at_ns / 1e9);
            put_number(ret, values == NULL ? NAN : values[b]);
            buffer_put_byte(ret, '\n');
        }
    }
}

/* Of all that run at a moment: their mean, smallest and largest value. */
static void put_range(struct buffer *ret, const struct plot_ranks *ranks, const struct picture *p)
{
    uint64_t width_ns = (p->to_ns - p->from_ns) / PLOT_BUCKETS + 1;
    buffer_put_text(ret, "\"seconds\"\t\"mean\"\t\"min\"\t\"max\"\n");
    for (uint64_t at_ns = p->from_ns + width_ns / 2; at_ns < p->to_ns; at_ns += width_ns) {
        double sum = 0, min = NAN, max = NAN;
        size_t known = 0;
        for (size_t i = 0; i < ranks->count; i++) {
            double value = value_at(&ranks->rank[i], p->memory, at_ns);
            if (isnan(value))
                continue;
            known++;
            sum += value;
            min = min <= value ? min : value;
            max = max >= value ? max : value;
        }
        buffer_printf(ret, "%.9g", (double)(at_ns - p->from_ns) / 1e9);
        put_number(ret, known > 0 ? sum / (double)known : NAN);
        put_number(ret, min);
        put_number(ret, max);
        buffer_put_byte(ret, '\n');
    }
}

static void put_axes(struct buffer *ret, const struct picture *p)
{
    double top = p->largest > 0 ? p->largest / p->unit.scale : 1;
    double step = plot_tick_step(top, TICKS, false), end = step;
    while (end < top * PLOT_ROUNDING)
        end += step;
    buffer_printf(ret,
                  "set xlabel 'Elapsed time (%s)'\nset ylabel '%s (%s)' offset 0.5,0\n"
                  "set xrange [0:%.9g]\nset yrange [0:%.9g]\nset ytics %.9g\n",
                  p->time.name, p->title, p->unit.name,
                  (double)(p->to_ns - p->from_ns) / 1e9 / p->time.scale, end, step);
}

static void put_plot_lines(struct buffer *ret, const struct plot_ranks *ranks,
                           const struct picture *p)
{
    for (size_t i = 0; i < ranks->count; i++) {
        const struct plot_rank *rank = &ranks->rank[i];
        buffer_printf(ret,
                      "%s'%s.dat' index %zu skip 1 using ($1 / %.9g):($2 / %.9g) with lines "
                      "linecolor rgb '%s' linewidth 1.75 dashtype %u title ",
                      i > 0 ? ", \\\n        " : "    plot \\\n        ", p->name, i, p->time.scale,
                      p->unit.scale, plot_colour(i), plot_dash(i));
        plot_put_string(ret, rank->name, strlen(rank->name), NAME_CELLS);
    }
    buffer_put_byte(ret, '\n');
}

static void put_plot_range(struct buffer *ret, const struct plot_ranks *ranks,
                           const struct picture *p)
{
    buffer_printf(ret,
                  "    plot \\\n"
                  "        '%s.dat' skip 1 using ($1 / %.9g):($3 / %.9g):($4 / %.9g) with "
                  "filledcurves fillcolor rgb '%s' fillstyle transparent solid 0.25 noborder title "
                  "'smallest to largest of %zu', \\\n"
                  "        '%s.dat' skip 1 using ($1 / %.9g):($2 / %.9g) with lines linecolor rgb "
                  "'%s' linewidth 1.75 title 'mean'\n",
                  p->name, p->time.scale, p->unit.scale, p->unit.scale, plot_colour(0),
                  ranks->count, p->name, p->time.scale, p->unit.scale, plot_colour(0));
}

static int write_picture(const struct plot_ranks *ranks, struct picture *p, unsigned formats,
                         int folder_fd, struct plot_scripts *scripts)
{
    struct buffer text = {0};
    bool lines = ranks->count <= PLOT_RANKS_LINES;
    p->time = plot_time_unit((double)(p->to_ns - p->from_ns) / 1e9);
    p->unit = plot_value_unit(p->memory ? "bytes" : "cores", p->largest);
    if (lines)
        put_lines(&text, ranks, p);
    else
        put_range(&text, ranks, p);
    int r = plot_file_write(folder_fd, p->name, ".dat", &text);
    buffer_clear(&text);
    plot_put_head(&text, p->name, p->title);
    plot_put_settings(&text);
    put_axes(&text, p);
    plot_begin_formats(&text, p->name, formats, PLOT_HEIGHT);
    if (lines)
        put_plot_lines(&text, ranks, p);
    else
        put_plot_range(&text, ranks, p);
    plot_end_formats(&text);
    if (r == 0)
        r = plot_script_write(folder_fd, p->name, formats, &text, scripts);
    buffer_done(&text);
    return r;
}

static double largest_of(const struct plot_ranks *ranks, bool memory)
{
    double largest = -1;
    for (size_t i = 0; i < ranks->count; i++) {
        const double *values = values_of(&ranks->rank[i], memory);
        for (size_t b = 0; values != NULL && b < ranks->rank[i].buckets; b++)
            largest = values[b] > largest ? values[b] : largest;
    }
    return largest;
}

int plot_ranks_write(struct plot_ranks *ranks, bool cpu, bool memory, unsigned formats,
                     int folder_fd, struct plot_scripts *ret)
{
    struct picture pictures[] = {
        {.name = "ranks-cpu", .title = "CPU", .from_ns = UINT64_MAX},
        {.name = "ranks-memory", .title = "Resident memory", .memory = true, .from_ns = UINT64_MAX},
    };
    int r = 0;
    *ret = (struct plot_scripts){0};
    if (ranks->count > 1)
        qsort(ranks->rank, ranks->count, sizeof *ranks->rank, by_rank);
    for (size_t i = 0; i < 2 && r == 0; i++) {
        struct picture *p = &pictures[i];
        for (size_t k = 0; k < ranks->count; k++) {
            const struct plot_rank *rank = &ranks->rank[k];
            p->from_ns = rank->from_real_ns < p->from_ns ? rank->from_real_ns : p->from_ns;
            p->to_ns = rank->to_real_ns > p->to_ns ? rank->to_real_ns : p->to_ns;
        }
        p->largest = largest_of(ranks, p->memory);
        if ((p->memory ? memory : cpu) && p->largest >= 0)
            r = write_picture(ranks, p, formats, folder_fd, ret);
    }
    return r;
}
