/* The page's curves, for the script. */
#include <errno.h>
#include <math.h>

#include "base/text.h"
#include "report/html_parts.h"

#define BUCKETS_MAX CHART_BUCKETS_MAX
#define TOP 6            /* parts: more colours nobody tells apart */
#define LIMIT_NEAR 0.25  /* of what there is: else the limit would flatten the curve */
#define COUNTER_DIGITS 7 /* that count, of the largest value of a user's counter */

static const struct unit {
    const char *name;
    int digits;
} unit[] = {{"cores", 4}, {"bytes", 0}, {"bytes/s", 0}, {"count", 2}, {"1/s", 2}, {"share", 5}};

static double largest(const struct charts *c, const struct chart *chart)
{
    double most = 0;
    for (size_t i = 0; i < chart->lines; i++)
        for (size_t b = 0; b < c->buckets; b++)
            most = fmax(most, fmax(fabs(chart->line[i].max[b]), fabs(chart->line[i].min[b])));
    return most;
}

static int digits_of(const struct charts *c, const struct chart *chart)
{
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
        if (strcmp(unit[i].name, chart->unit) == 0)
            return unit[i].digits;
    double most = largest(c, chart);
    return most > 0 && isfinite(most) ? COUNTER_DIGITS - (int)ceil(log10(most)) : 0;
}

static bool is_plain(const struct charts *c, const struct chart_line *line)
{
    for (size_t i = 0; i < c->buckets; i++)
        if (!isnan(line->mean[i]) &&
            (line->min[i] != line->mean[i] || line->max[i] != line->mean[i]))
            return false;
    return true;
}

static void put_harmless(struct json *j, const char *key, const char *text)
{
    struct buffer harmless = {0};
    text_put_terminal(&harmless, text, strlen(text), true);
    json_bytes(j, key, harmless.data, harmless.len);
    j->out->failed |= harmless.failed;
    buffer_done(&harmless);
}

static const char *const kind_name[] = {
    [CHART_QUANTITY] = "whole",
    [CHART_PART] = "process",
    [CHART_REST] = "other",
    [CHART_MACHINE] = "machine",
};

static void put_line(struct json *j, struct pack *pack, const struct html_scale *scale,
                     const struct charts *c, const struct chart_line *line, int digits)
{
    const struct tacho_process *p = line->role == CHART_PART && line->entity != 0
                                        ? tacho_process_of(scale->rec, line->entity)
                                        : NULL;
    json_begin(j, NULL, '{');
    put_harmless(j, "name", line->name);
    json_text(j, "kind", kind_name[line->role]);
    json_number(j, "pid", p != NULL && p->pid != 0 ? (uint64_t)p->pid : SUMMARY_UNKNOWN);
    json_bool(j, "stacked", line->role == CHART_PART || line->role == CHART_REST);
    struct packed packed = pack_doubles(pack, line->mean, c->buckets, digits);
    json_packed(j, "mean", &packed);
    if (!is_plain(c, line)) {
        packed = pack_doubles(pack, line->min, c->buckets, digits);
        json_packed(j, "min", &packed);
        packed = pack_doubles(pack, line->max, c->buckets, digits);
        json_packed(j, "max", &packed);
    }
    json_end(j, '}');
}

static void put_limit(struct json *j, const struct html_scale *scale, const struct charts *c,
                      const struct chart *chart)
{
    uint64_t value = strcmp(chart->key, "cpu") == 0      ? scale->processors
                     : strcmp(chart->key, "memory") == 0 ? scale->memory_bytes
                                                         : SUMMARY_UNKNOWN;
    if (value == SUMMARY_UNKNOWN || largest(c, chart) < LIMIT_NEAR * (double)value) {
        json_null(j, "limit");
        return;
    }
    json_begin(j, "limit", '{');
    json_number(j, "value", value);
    json_text(j, "name", value == scale->processors ? "processors" : "memory of the machine");
    json_end(j, '}');
}

static void put_chart(struct json *j, struct pack *pack, const struct html_scale *scale,
                      const struct charts *c, const struct chart *chart)
{
    int digits = digits_of(c, chart);
    json_begin(j, NULL, '{');
    put_harmless(j, "key", chart->key);
    put_harmless(j, "title", chart->title);
    json_text(j, "unit", chart->unit);
    if (chart->category != NULL)
        put_harmless(j, "category", chart->category);
    json_signed(j, "from_ns", (int64_t)(c->from_ns - scale->origin_ns));
    json_seconds(j, "bucket_s", c->bucket_ns);
    json_number(j, "count", c->buckets);
    put_limit(j, scale, c, chart);
    json_begin(j, "lines", '[');
    for (size_t i = 0; i < chart->lines; i++)
        put_line(j, pack, scale, c, &chart->line[i], digits);
    json_end(j, ']');
    json_end(j, '}');
    pack_cut(pack);
}

size_t json_put_charts(struct json *j, struct pack *pack, const struct charts *charts,
                       const struct html_scale *scale)
{
    size_t count = 0;
    json_begin(j, "charts", '[');
    for (size_t i = 0; i < charts->count; i++) {
        if (charts->chart[i].zero)
            continue;
        put_chart(j, pack, scale, charts, &charts->chart[i]);
        count++;
    }
    json_end(j, ']');
    return count;
}

int json_put_own_charts(struct json *j, struct pack *pack, const struct summary *s,
                        size_t *ret_count)
{
    const struct html_scale scale = {.rec = s->rec,
                                     .origin_ns = s->started_ns,
                                     .processors = s->processors,
                                     .memory_bytes = s->memory_total_bytes};
    struct charts charts;
    int r = charts_make(s, BUCKETS_MAX, TOP, &charts);
    *ret_count = 0;
    if (r != 0)
        return r;
    *ret_count = json_put_charts(j, pack, &charts, &scale);
    charts_done(&charts);
    return 0;
}
