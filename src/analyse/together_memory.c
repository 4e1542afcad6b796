/* Memory of several recordings over time, aligned by the wall clock. */
#include <errno.h>

#include "analyse/together_parts.h"

#define LINE_BUCKETS 8192

/* The largest between two moments; UNKNOWN where the line has nothing. */
static uint64_t largest_between(const struct gauge_line *l, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t largest = TIMELINE_UNKNOWN;
    if (l->largest == NULL || to_ns <= l->from_ns)
        return largest;
    uint64_t first = from_ns > l->from_ns ? (from_ns - l->from_ns) / l->bucket_ns : 0;
    uint64_t end = (to_ns - l->from_ns - 1) / l->bucket_ns + 1;
    for (uint64_t i = first; i < end && i < l->count; i++)
        if (l->largest[i] != TIMELINE_UNKNOWN &&
            (largest == TIMELINE_UNKNOWN || l->largest[i] > largest))
            largest = l->largest[i];
    return largest;
}

/* Between two samples memory is taken to be what the earlier one says. */
static void fill_gaps(struct gauge_line *l)
{
    for (size_t i = 1; i < l->count; i++)
        if (l->largest[i] == TIMELINE_UNKNOWN)
            l->largest[i] = l->largest[i - 1];
}

int together_take_line(struct together_member *m, const struct summary *s)
{
    const struct gauge_line *g = &s->rss_line;
    uint64_t last = tacho_last_ns(s->rec);
    if (s->wall_ns != SUMMARY_UNKNOWN && s->wall_ns < last - s->started_ns)
        last = s->started_ns + s->wall_ns;
    uint64_t from = tacho_real_ns(s->rec, g->from_ns), to = tacho_real_ns(s->rec, last);
    if (g->count == 0 || from == 0 || to < from || to > INT64_MAX)
        return 0;
    uint64_t bucket = (to - from) / LINE_BUCKETS + 1;
    int r = gauge_line_init(&m->rss, from, to, bucket > g->bucket_ns ? bucket : g->bucket_ns);
    if (r != 0)
        return r;
    for (size_t i = 0; i < g->count; i++)
        if (g->largest[i] != TIMELINE_UNKNOWN)
            gauge_line_put(&m->rss, tacho_real_ns(s->rec, g->from_ns + i * g->bucket_ns),
                           g->largest[i]);
    fill_gaps(&m->rss);
    return 0;
}

static uint64_t end_of(const struct gauge_line *l)
{
    return l->from_ns + l->count * l->bucket_ns;
}

static void add_line(struct gauge_line *sum, const struct gauge_line *l)
{
    uint64_t end = end_of(l);
    for (size_t b = (size_t)((l->from_ns - sum->from_ns) / sum->bucket_ns); b < sum->count; b++) {
        uint64_t from = sum->from_ns + b * sum->bucket_ns;
        if (from >= end)
            return;
        uint64_t value = largest_between(l, from, from + sum->bucket_ns);
        if (value != TIMELINE_UNKNOWN)
            sum->largest[b] =
                sum->largest[b] == TIMELINE_UNKNOWN ? value : together_sum(sum->largest[b], value);
    }
}

static void find_peak(struct together *t)
{
    for (size_t b = 0; b < t->rss.count; b++)
        if (t->rss.largest[b] != TIMELINE_UNKNOWN &&
            (t->peak_rss_bytes == SUMMARY_UNKNOWN || t->rss.largest[b] > t->peak_rss_bytes)) {
            t->peak_rss_bytes = t->rss.largest[b];
            t->peak_real_ns = t->rss.from_ns + b * t->rss.bucket_ns;
        }
    /* The kernel knows of peaks between samples, not when they were. */
    if (t->peak_rss.of > 0 &&
        (t->peak_rss_bytes == SUMMARY_UNKNOWN || t->peak_rss.max > t->peak_rss_bytes)) {
        t->peak_rss_bytes = t->peak_rss.max;
        t->peak_real_ns = SUMMARY_UNKNOWN;
        t->peak_of_one = true;
    }
}

int together_sum_lines(struct together *t)
{
    uint64_t from = UINT64_MAX, to = 0, bucket = 1;
    t->peak_rss_bytes = t->peak_real_ns = SUMMARY_UNKNOWN;
    for (size_t i = 0; i < t->members; i++) {
        const struct gauge_line *l = &t->member[i].rss;
        if (l->largest == NULL)
            continue;
        t->lines++;
        from = l->from_ns < from ? l->from_ns : from;
        to = end_of(l) > to ? end_of(l) : to;
        bucket = l->bucket_ns > bucket ? l->bucket_ns : bucket;
    }
    if (to > 0) {
        int r = gauge_line_init(&t->rss, from, to, bucket);
        if (r != 0)
            return r;
        for (size_t i = 0; i < t->members; i++)
            if (t->member[i].rss.largest != NULL)
                add_line(&t->rss, &t->member[i].rss);
    }
    find_peak(t);
    return 0;
}

void together_cells(const struct together *t, const struct gauge_line *line, size_t cells,
                    uint64_t *ret)
{
    double length = (double)(end_of(&t->rss) - t->rss.from_ns);
    for (size_t c = 0; c < cells; c++) {
        uint64_t first = (uint64_t)(length * (double)c / (double)cells);
        uint64_t end = (uint64_t)(length * (double)(c + 1) / (double)cells);
        ret[c] = largest_between(line, t->rss.from_ns + first,
                                 t->rss.from_ns + (end > first ? end : first + 1));
    }
}
