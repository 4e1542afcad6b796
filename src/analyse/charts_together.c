#include "analyse/charts_together.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER_BUCKETS_MAX 2048
#define COMMON_BUCKETS_MAX 4096

static const char *const key[TOGETHER_CHARTS] = {"cpu", "memory"};
static const char *const title[TOGETHER_CHARTS] = {"CPU", "Resident memory"};
static const char *const unit[TOGETHER_CHARTS] = {"cores", "bytes"};

/* ---- taking in ---- */

static float *copy_of(const double *value, size_t n)
{
    float *ret = malloc(n * sizeof *ret);
    for (size_t i = 0; ret != NULL && i < n; i++)
        ret[i] = (float)value[i];
    return ret;
}

static int take_line(struct charts_member *m, const struct charts *charts, size_t which)
{
    const struct chart *chart = charts_find(charts, key[which]);
    for (size_t i = 0; chart != NULL && i < chart->lines; i++) {
        const struct chart_line *line = &chart->line[i];
        if (line->role != CHART_QUANTITY)
            continue;
        m->mean[which] = copy_of(line->mean, charts->buckets);
        m->min[which] = copy_of(line->min, charts->buckets);
        m->max[which] = copy_of(line->max, charts->buckets);
        return m->mean[which] && m->min[which] && m->max[which] ? 0 : -ENOMEM;
    }
    return 0;
}

static void member_done(struct charts_member *m)
{
    free(m->name);
    for (size_t i = 0; i < TOGETHER_CHARTS; i++) {
        free(m->mean[i]);
        free(m->min[i]);
        free(m->max[i]);
    }
}

static int grow(struct charts_together *t)
{
    size_t room = t->room == 0 ? 16 : 2 * t->room;
    struct charts_member *grown = realloc(t->member, room * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    t->member = grown;
    t->room = room;
    return 0;
}

int charts_together_add(struct charts_together *t, const char *name, const struct summary *s)
{
    struct charts charts;
    if (t->members == t->room && grow(t) != 0)
        return -ENOMEM;
    int r = charts_make(s, MEMBER_BUCKETS_MAX, 0, &charts);
    if (r != 0)
        return r;
    struct charts_member m = {.name = strdup(name),
                              .from_real_ns = tacho_real_ns(s->rec, charts.from_ns),
                              .to_real_ns = tacho_real_ns(s->rec, charts.from_ns) +
                                            (charts.to_ns - charts.from_ns),
                              .bucket_ns = charts.bucket_ns,
                              .buckets = charts.buckets};
    r = m.name != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < TOGETHER_CHARTS; i++)
        r = take_line(&m, &charts, i);
    charts_done(&charts);
    if (r != 0 || m.from_real_ns == 0 || m.buckets == 0)
        member_done(&m);
    else
        t->member[t->members++] = m;
    return r;
}

/* ---- one grid for all ---- */

/* As wide as the widest of them, so that no bucket is without what was known then. */
static void lay_grid(const struct charts_together *t, struct charts *ret)
{
    uint64_t from = UINT64_MAX, to = 0, bucket = 1;
    for (size_t i = 0; i < t->members; i++) {
        const struct charts_member *m = &t->member[i];
        from = m->from_real_ns < from ? m->from_real_ns : from;
        to = m->to_real_ns > to ? m->to_real_ns : to;
        bucket = m->bucket_ns > bucket ? m->bucket_ns : bucket;
    }
    if (to <= from)
        return;
    if ((to - from) / bucket >= COMMON_BUCKETS_MAX)
        bucket = (to - from) / COMMON_BUCKETS_MAX + 1;
    ret->from_ns = from;
    ret->to_ns = to;
    ret->bucket_ns = bucket;
    ret->buckets = (size_t)((to - from + bucket - 1) / bucket);
}

static double smaller(double a, double b)
{
    return isnan(a) || b < a ? b : a;
}

static double larger(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

static int make_room(struct chart_line *line, size_t n)
{
    line->mean = malloc(n * sizeof *line->mean);
    line->min = malloc(n * sizeof *line->min);
    line->max = malloc(n * sizeof *line->max);
    if (line->mean == NULL || line->min == NULL || line->max == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        line->mean[i] = line->min[i] = line->max[i] = NAN;
    return 0;
}

/* Bucket `at` of the grid, from those of the member's that overlap it, by how much they do. */
static void fill_bucket(const struct charts *grid, size_t at, const struct charts_member *m,
                        size_t which, struct chart_line *line)
{
    uint64_t from = grid->from_ns + at * grid->bucket_ns, to = from + grid->bucket_ns;
    if (to <= m->from_real_ns || from >= m->to_real_ns)
        return;
    double sum = 0, weight = 0;
    uint64_t first = from > m->from_real_ns ? (from - m->from_real_ns) / m->bucket_ns : 0;
    for (uint64_t i = first; i < m->buckets; i++) {
        uint64_t begin = m->from_real_ns + i * m->bucket_ns, end = begin + m->bucket_ns;
        end = end < m->to_real_ns ? end : m->to_real_ns;
        if (begin >= to)
            break;
        double mean = m->mean[which][i];
        if (isnan(mean))
            continue;
        double overlap = (double)((end < to ? end : to) - (begin > from ? begin : from));
        sum += mean * overlap;
        weight += overlap;
        line->min[at] = smaller(line->min[at], m->min[which][i]);
        line->max[at] = larger(line->max[at], m->max[which][i]);
    }
    if (weight > 0)
        line->mean[at] = sum / weight;
}

static int put_member(const struct charts *grid, const struct charts_member *m, size_t which,
                      struct chart_line *ret)
{
    *ret = (struct chart_line){.name = m->name, .role = CHART_QUANTITY};
    if (make_room(ret, grid->buckets) != 0)
        return -ENOMEM;
    for (size_t i = 0; m->mean[which] != NULL && i < grid->buckets; i++)
        fill_bucket(grid, i, m, which, ret);
    return 0;
}

/* ---- lines ---- */

static double peak_of(const struct charts_member *m, size_t which)
{
    double most = -1;
    for (size_t i = 0; m->max[which] != NULL && i < m->buckets; i++)
        most = larger(most, m->max[which][i]);
    return most;
}

struct ranked {
    size_t member;
    double peak;
};

static int by_peak(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->peak != y->peak)
        return x->peak > y->peak ? -1 : 1;
    return x->member < y->member ? -1 : x->member > y->member;
}

static int by_member(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->member < y->member ? -1 : x->member > y->member;
}

/* The mean of all that ran then, with the smallest and the largest of them. */
static void add_to_band(struct chart_line *band, const struct chart_line *line, size_t *running,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(line->mean[i]))
            continue;
        double before = running[i] == 0 ? 0 : band->mean[i] * (double)running[i];
        band->mean[i] = (before + line->mean[i]) / (double)++running[i];
        band->min[i] = smaller(band->min[i], line->mean[i]);
        band->max[i] = larger(band->max[i], line->mean[i]);
    }
}

static void line_done(struct chart_line *line)
{
    free(line->mean);
    free(line->min);
    free(line->max);
    *line = (struct chart_line){0};
}

static int put_band(struct charts_together *t, const struct charts *grid, size_t which,
                    struct chart_line *ret)
{
    size_t *running = calloc(grid->buckets, sizeof *running);
    snprintf(t->band_name, sizeof t->band_name, "mean of %zu", t->members);
    *ret = (struct chart_line){.name = t->band_name, .role = CHART_QUANTITY};
    int r = running != NULL ? make_room(ret, grid->buckets) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < t->members; i++) {
        struct chart_line line = {0};
        r = put_member(grid, &t->member[i], which, &line);
        if (r == 0)
            add_to_band(ret, &line, running, grid->buckets);
        line_done(&line);
    }
    free(running);
    return r;
}

static int put_chart(struct charts_together *t, const struct charts *grid, size_t which)
{
    struct chart *chart = &t->chart[which];
    bool many = t->members > CHARTS_TOGETHER_LINES_MAX;
    size_t shown = many ? CHARTS_TOGETHER_LINES_MAX / 2 : t->members;
    struct ranked *ranked = calloc(t->members, sizeof *ranked);
    *chart = (struct chart){.key = key[which], .title = title[which], .unit = unit[which]};
    chart->line = calloc(shown + 1, sizeof *chart->line);
    int r = ranked != NULL && chart->line != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < t->members; i++)
        ranked[i] = (struct ranked){i, peak_of(&t->member[i], which)};
    if (r == 0 && many) {
        qsort(ranked, t->members, sizeof *ranked, by_peak);
        qsort(ranked, shown, sizeof *ranked, by_member);
        r = put_band(t, grid, which, &chart->line[chart->lines++]);
    }
    for (size_t i = 0; r == 0 && i < shown; i++)
        r = put_member(grid, &t->member[ranked[i].member], which, &chart->line[chart->lines++]);
    free(ranked);
    return r;
}

/* "rank 2" before "rank 10". */
static int by_name(const void *a, const void *b)
{
    const struct charts_member *x = a, *y = b;
    return strverscmp(x->name, y->name);
}

int charts_together_finish(struct charts_together *t, struct charts *ret)
{
    int r = 0;
    if (t->members > 0)
        qsort(t->member, t->members, sizeof *t->member, by_name);
    *ret = (struct charts){.chart = t->chart, .count = TOGETHER_CHARTS};
    lay_grid(t, ret);
    if (ret->buckets == 0) {
        ret->count = 0;
        return 0;
    }
    for (size_t i = 0; r == 0 && i < TOGETHER_CHARTS; i++)
        r = put_chart(t, ret, i);
    return r;
}

void charts_together_done(struct charts_together *t)
{
    for (size_t i = 0; i < t->members; i++)
        member_done(&t->member[i]);
    for (size_t i = 0; i < TOGETHER_CHARTS; i++) {
        for (size_t k = 0; k < t->chart[i].lines; k++)
            line_done(&t->chart[i].line[k]);
        free(t->chart[i].line);
    }
    free(t->member);
    *t = (struct charts_together){0};
}
