#include <math.h>

#include "report/comparison_parts.h"

#define SCOPES_MAX 1000

static const char *const units[] = {
    [UNIT_NS] = "s", [UNIT_BYTES] = "bytes", [UNIT_COUNT] = "count"};

/* Rounded; what a file says may be beyond 63 bits. */
static int64_t whole_of(double value)
{
    if (fabs(value) > 9e18)
        return value < 0 ? -INT64_MAX : INT64_MAX;
    return (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
}

static bool is_whole(double value)
{
    return fabs(value) < 1e15 && value == (double)(int64_t)value;
}

/* In the figure's unit; a time to the nanosecond, as others are whole or a half. */
static void put_value(struct json *j, const char *key, enum comparison_unit unit, double value)
{
    if (!isfinite(value))
        json_null(j, key);
    else if (unit == UNIT_NS)
        json_signed_seconds(j, key, whole_of(value));
    else if (unit == UNIT_BYTES || is_whole(value)) /* to the byte */
        json_signed(j, key, whole_of(value));
    else
        json_real(j, key, value);
}

static void put_bound(struct json *j, const char *key, enum comparison_unit unit, double scale,
                      const struct change_bound *bound)
{
    json_begin(j, key, '[');
    put_value(j, NULL, unit, bound->low * scale);
    put_value(j, NULL, unit, bound->high * scale);
    json_end(j, ']');
}

static void put_side(struct json *j, const char *key, enum comparison_unit unit,
                     const struct change *c, enum comparison_side side)
{
    bool known = c->runs[side] > 0;
    json_begin(j, key, '{');
    json_number(j, "runs", c->runs[side]);
    put_value(j, "median", unit, known ? c->median[side] : NAN);
    put_value(j, "min", unit, known ? c->least[side] : NAN);
    put_value(j, "max", unit, known ? c->most[side] : NAN);
    json_end(j, '}');
}

static void put_change(struct json *j, enum comparison_unit unit, const struct change *c,
                       bool fails)
{
    static const char *const verdicts[] = {
        [CHANGE_UNKNOWN] = "unknown", [CHANGE_UNBOUNDED] = "too few runs",
        [CHANGE_NONE] = "same",       [CHANGE_NOT_SEEN] = "no change seen",
        [CHANGE_LESS] = "less",       [CHANGE_MORE] = "more",
    };
    bool known = c->verdict != CHANGE_UNKNOWN, bounded = c->verdict > CHANGE_UNBOUNDED;
    put_side(j, "a", unit, c, SIDE_A);
    put_side(j, "b", unit, c, SIDE_B);
    put_value(j, "difference", unit, known ? c->difference : NAN);
    put_value(j, "percent", UNIT_COUNT, known ? c->share * 100 : NAN);
    if (bounded) {
        put_bound(j, "difference_bound", unit, 1, &c->by);
        put_bound(j, "percent_bound", UNIT_COUNT, 100, &c->share_by);
    } else {
        json_null(j, "difference_bound");
        json_null(j, "percent_bound");
    }
    json_text(j, "verdict", verdicts[c->verdict]);
    json_bool(j, "fails", fails);
}

static void put_values(struct json *j, const char *key, const struct comparison_runs *runs,
                       unsigned metric)
{
    json_begin(j, key, '[');
    for (size_t i = 0; i < runs->runs; i++) {
        uint64_t value = runs->run[i].value[metric];
        if (comparison_metrics[metric].unit == UNIT_NS)
            json_seconds(j, NULL, value);
        else
            json_number(j, NULL, value);
    }
    json_end(j, ']');
}

static void put_metrics(struct json *j, const struct comparison *c,
                        const struct comparison_view *view)
{
    json_begin(j, "metrics", '[');
    for (unsigned i = 0; i < COMPARE_METRICS; i++) {
        const struct comparison_kind *kind = &comparison_metrics[i];
        if ((view->shown & COMPARE_BIT(i)) == 0)
            continue;
        json_begin(j, NULL, '{');
        j->flat = true;
        json_text(j, "name", kind->name);
        json_text(j, "unit", units[kind->unit]);
        put_change(j, kind->unit, &c->metric[i], comparison_fails(&view->limit, i, &c->metric[i]));
        put_values(j, "values_a", &c->side[SIDE_A], i);
        put_values(j, "values_b", &c->side[SIDE_B], i);
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

static void put_figure(struct json *j, const char *key, const struct comparison_group *g,
                       enum comparison_figure figure, bool fails)
{
    json_begin(j, key, '{');
    j->flat = true;
    json_text(j, "unit", units[comparison_figures[figure].unit]);
    put_change(j, comparison_figures[figure].unit, &g->figure[figure], fails);
    json_end(j, '}');
    j->flat = false;
}

static void put_scopes(struct json *j, const struct comparison_table *scopes,
                       const struct comparison_limit *limit)
{
    json_number(j, "scopes_total", scopes->names);
    json_begin(j, "scopes", '[');
    for (size_t i = 0; i < scopes->names && i < SCOPES_MAX; i++) {
        const struct comparison_group *g = &scopes->group[i];
        json_begin(j, NULL, '{');
        json_text(j, "name", g->name);
        json_text(j, "category", g->category);
        for (unsigned f = 0; f < FIGURES; f++)
            put_figure(j, comparison_figures[f].name, g, f,
                       f == FIGURE_TOTAL &&
                           comparison_fails(limit, COMPARE_SCOPES, &g->figure[FIGURE_TOTAL]));
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void put_categories(struct json *j, const struct comparison_table *categories,
                           const struct comparison_limit *limit)
{
    json_begin(j, "categories", '[');
    for (size_t i = 0; i < categories->names; i++) {
        const struct comparison_group *g = &categories->group[i];
        json_begin(j, NULL, '{');
        json_text(j, "name", g->name != NULL ? g->name : "Others");
        put_figure(j, "total", g, FIGURE_TOTAL,
                   comparison_fails(limit, COMPARE_CATEGORIES, &g->figure[FIGURE_TOTAL]));
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void put_runs(struct json *j, const char *key, const struct comparison_runs *runs,
                     const char *label)
{
    json_begin(j, key, '{');
    json_text(j, "from", label);
    json_number(j, "runs", runs->runs);
    json_number(j, "marking", runs->marking);
    json_number(j, "failed", runs->failed);
    json_number(j, "unended", runs->unended);
    json_text(j, "command", runs->command);
    json_text(j, "host", runs->host);
    json_end(j, '}');
}

static void put_note(void *user, const struct buffer *words)
{
    json_bytes(user, NULL, words->data, words->len);
}

void comparison_put_json(struct buffer *out, const struct comparison *c,
                         const struct comparison_view *view)
{
    struct json json = {.out = out};
    const struct comparison_limit *limit = &view->limit;
    json_begin(&json, NULL, '{');
    json_text(&json, "schema", "tacho.diff/1");
    put_runs(&json, "a", &c->side[SIDE_A], view->label[SIDE_A]);
    put_runs(&json, "b", &c->side[SIDE_B], view->label[SIDE_B]);
    json_begin(&json, "notes", '[');
    comparison_each_note(c, put_note, &json);
    json_end(&json, ']');
    json_real(&json, "confidence", 0.95);
    json_real(&json, "fail_above_percent", limit->judged != 0 ? limit->share * 100 : NAN);
    json_number(&json, "failing", comparison_failing(c, limit));
    put_metrics(&json, c, view);
    if ((view->shown & COMPARE_BIT(COMPARE_SCOPES)) != 0)
        put_scopes(&json, &c->scopes, limit);
    if ((view->shown & COMPARE_BIT(COMPARE_CATEGORIES)) != 0)
        put_categories(&json, &c->categories, limit);
    json_end(&json, '}');
}
