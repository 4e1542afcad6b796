#include "report/comparison_text.h"

#include <math.h>
#include <stdlib.h>

#include "report/columns.h"
#include "report/comparison_parts.h"
#include "report/quantity.h"

#define INDENT 2
#define SIDE_AT 3       /* after "A" */
#define LARGEST 1.8e19  /* what a file says may be beyond 64 bits once it is rounded */
#define GROUPS_SHOWN 15 /* of up to four rows each, which is what a table takes */

/* ---- figures ---- */

static void put_value(struct buffer *ret, enum comparison_unit unit, double value)
{
    uint64_t whole = value < LARGEST ? (uint64_t)(value + 0.5) : UINT64_MAX - 1;
    if (unit == UNIT_NS)
        put_time(ret, whole);
    else if (unit == UNIT_BYTES)
        put_bytes(ret, whole);
    else if (value != (double)whole) /* the median of an even number of runs */
        put_decimal(ret, value, 1);
    else
        put_count(ret, whole);
}

static void put_sign(struct buffer *ret, double value)
{
    if (value != 0)
        buffer_put_byte(ret, value < 0 ? '-' : '+');
}

static void put_difference(struct buffer *ret, enum comparison_unit unit, double value)
{
    put_sign(ret, value);
    put_value(ret, unit, fabs(value));
}

/* Without the sign of per cent. */
static void put_share(struct buffer *ret, double share)
{
    double percent = fabs(share) * 100;
    if (share == 0) {
        buffer_put_byte(ret, '0');
        return;
    }
    put_sign(ret, share);
    put_decimal(ret, percent, percent < 0.995 ? 2 : percent < 9.95 ? 1 : 0);
}

/* In the figure's own unit where there is nothing to be a share of. */
static void put_bound(struct buffer *ret, enum comparison_unit unit, const struct change *c)
{
    if (c->verdict == CHANGE_NONE)
        return;
    if (c->verdict <= CHANGE_UNBOUNDED) {
        buffer_put_byte(ret, '-');
    } else if (c->median[SIDE_A] > 0 && isfinite(c->share_by.high)) {
        put_share(ret, c->share_by.low);
        buffer_put_text(ret, " to ");
        put_share(ret, c->share_by.high);
        buffer_put_text(ret, " %");
    } else {
        put_difference(ret, unit, c->by.low);
        buffer_put_text(ret, " to ");
        put_difference(ret, unit, c->by.high);
    }
}

static void put_change(struct buffer *ret, const struct change *c)
{
    if (c->verdict == CHANGE_UNKNOWN) {
        buffer_put_byte(ret, '-');
    } else if (c->verdict == CHANGE_NOT_SEEN) {
        buffer_put_text(ret, "no change seen");
    } else if (c->difference == 0) {
        buffer_put_text(ret, "same");
    } else if (isfinite(c->share)) {
        put_share(ret, c->share);
        buffer_put_text(ret, " %");
    } else {
        buffer_put_text(ret, "from 0");
    }
    if (c->verdict == CHANGE_UNBOUNDED && c->difference != 0)
        buffer_put_text(ret, " ?");
}

/* The cells that all tables begin with. */
enum { CELL_A, CELL_B, CELL_DIFFERENCE, CELL_CHANGE, CELL_BOUND, CELLS };

static void put_figures(struct buffer *cell, enum comparison_unit unit, const struct change *c)
{
    for (unsigned side = 0; side < 2; side++) {
        if (c->runs[side] > 0)
            put_value(&cell[CELL_A + side], unit, c->median[side]);
        else
            buffer_put_byte(&cell[CELL_A + side], '-');
    }
    if ((c->verdict == CHANGE_UNBOUNDED && c->difference != 0) || change_seen(c))
        put_difference(&cell[CELL_DIFFERENCE], unit, c->difference);
    put_change(&cell[CELL_CHANGE], c);
    put_bound(&cell[CELL_BOUND], unit, c);
}

static enum ink ink_of(const struct change *c, bool fails)
{
    return fails ? INK_BAD : change_seen(c) ? INK_STRONG : INK_PLAIN;
}

static void put_table(const struct page *page, struct columns *table, const char *heading)
{
    if (table->rows > 0) {
        page_end_line(page);
        page_line(page, INK_STRONG, 0, heading, strlen(heading));
        columns_put(page, table, INDENT);
    }
    free(table);
}

/* ---- tables ---- */

/* The cells of a change, and of what it is one. */
#define CHANGE_COLUMNS(what)                                                            \
    {                                                                                   \
        .count = CELLS + 1,                                                             \
        .column = {{"A", false, 1},      {"B", false, 2},          {"B - A", false, 4}, \
                   {"change", false, 0}, {"95 % bound", false, 3}, {what, true, 0}},    \
    }

static const struct columns metric_columns = CHANGE_COLUMNS("metric");

static void put_metrics(const struct page *page, const struct comparison *c,
                        const struct comparison_view *view)
{
    struct columns *table = columns_new(page, &metric_columns);
    for (unsigned i = 0; table != NULL && i < COMPARE_METRICS; i++) {
        const struct change *change = &c->metric[i];
        if ((view->shown & COMPARE_BIT(i)) == 0 || (change->runs[0] == 0 && change->runs[1] == 0))
            continue;
        enum ink ink = ink_of(change, comparison_fails(&view->limit, i, change));
        struct buffer *cell = columns_add(table, ink);
        put_figures(cell, comparison_metrics[i].unit, change);
        buffer_put_text(&cell[CELLS], comparison_metrics[i].title);
    }
    if (table != NULL)
        put_table(page, table, "The whole");
}

static void put_rest(const struct page *page, const struct comparison_table *table)
{
    struct buffer text = {0};
    if (table->names <= GROUPS_SHOWN)
        return;
    buffer_put_text(&text, "and ");
    put_count(&text, table->names - GROUPS_SHOWN);
    buffer_put_text(&text, " more, which changed less");
    page_line(page, INK_FAINT, INDENT, text.data, text.len);
    page->out->failed |= text.failed;
    buffer_done(&text);
}

static const struct columns scope_columns = {
    .count = CELLS + 3,
    .column = {{"A", false, 1},
               {"B", false, 2},
               {"B - A", false, 6},
               {"change", false, 0},
               {"95 % bound", false, 4},
               {"of", true, 3},
               {"category", true, 5},
               {"scope", true, 0}},
};

/* Beside the total what says why it changed: where it says no more than another row it is left out. */
static bool is_worth_a_row(const struct comparison_group *g, enum comparison_figure figure)
{
    const struct change *total = &g->figure[FIGURE_TOTAL], *c = &g->figure[figure];
    if (figure == FIGURE_TOTAL)
        return true;
    if (!change_seen(c) || c->runs[0] == 0 || c->runs[1] == 0)
        return false;
    if (figure == FIGURE_SELF)
        return c->median[0] != total->median[0] || c->median[1] != total->median[1];
    return change_seen(&g->figure[FIGURE_COUNT]);
}

static void put_scopes(const struct page *page, const struct comparison_table *scopes,
                       const struct comparison_limit *limit)
{
    struct columns *table = columns_new(page, &scope_columns);
    if (table == NULL)
        return;
    for (size_t i = 0; i < scopes->names && i < GROUPS_SHOWN; i++) {
        const struct comparison_group *g = &scopes->group[i];
        for (unsigned f = 0; f < FIGURES; f++) {
            const struct change *change = &g->figure[f];
            if (!is_worth_a_row(g, f))
                continue;
            bool fails = f == FIGURE_TOTAL && comparison_fails(limit, COMPARE_SCOPES, change);
            struct buffer *cell = columns_add(table, ink_of(change, fails));
            put_figures(cell, comparison_figures[f].unit, change);
            buffer_put_text(&cell[CELLS], comparison_figures[f].title);
            buffer_put_text(&cell[CELLS + 1], g->category != NULL ? g->category : "");
            buffer_put_text(&cell[CELLS + 2], g->name != NULL ? g->name : "(name lost)");
        }
    }
    put_table(page, table, "Scopes");
    put_rest(page, scopes);
}

static const struct columns category_columns = CHANGE_COLUMNS("category");

static void put_categories(const struct page *page, const struct comparison_table *categories,
                           const struct comparison_limit *limit)
{
    struct columns *table = columns_new(page, &category_columns);
    if (table == NULL)
        return;
    for (size_t i = 0; i < categories->names && i < GROUPS_SHOWN; i++) {
        const struct comparison_group *g = &categories->group[i];
        const struct change *change = &g->figure[FIGURE_TOTAL];
        enum ink ink = ink_of(change, comparison_fails(limit, COMPARE_CATEGORIES, change));
        struct buffer *cell = columns_add(table, ink);
        put_figures(cell, UNIT_NS, change);
        buffer_put_text(&cell[CELLS], g->name != NULL ? g->name : "Others");
    }
    put_table(page, table, "Categories");
    put_rest(page, categories);
}

/* ---- around them ---- */

static void put_side(const struct page *page, const struct comparison_runs *side, char name,
                     const char *label)
{
    struct buffer words = {0};
    put_count(&words, side->runs);
    buffer_put_text(&words, side->runs == 1 ? " run" : " runs");
    if (side->command != NULL)
        buffer_printf(&words, " of %s,", side->command);
    buffer_printf(&words, " in %s", label);
    page_put(page, INK_STRONG, &name, 1);
    page_blank(page, SIDE_AT - 1);
    page_wrap(page, INK_STRONG, SIDE_AT, SIDE_AT, (const char *)words.data, words.len);
    page->out->failed |= words.failed;
    buffer_done(&words);
}

static void put_note(void *user, const struct buffer *words)
{
    page_item(user, INK_WARNING, words);
}

/* Of enough runs, but known of too few of them. */
static bool any_is_doubtful(const struct comparison *c, unsigned shown)
{
    bool any = false;
    for (unsigned i = 0; i < COMPARE_METRICS; i++)
        any |= (shown & COMPARE_BIT(i)) != 0 && c->metric[i].verdict == CHANGE_UNBOUNDED;
    return any;
}

static void put_method(const struct page *page, const struct comparison *c, unsigned shown)
{
    struct buffer words = {0};
    if (change_left_out(c->side[SIDE_A].runs, c->side[SIDE_B].runs) == 0)
        return;
    buffer_put_text(&words, "Medians of the runs. The change lies within the bound with 95 % "
                            "confidence; where the bound holds 0, no change is seen.");
    if (any_is_doubtful(c, shown))
        buffer_put_text(&words, " What has a ? is known of too few runs to be told from noise.");
    page_end_line(page);
    page_wrap(page, INK_FAINT, 0, 0, (const char *)words.data, words.len);
    page->out->failed |= words.failed;
    buffer_done(&words);
}

static void put_judgement(const struct page *page, const struct comparison *c,
                          const struct comparison_limit *limit)
{
    struct buffer words = {0};
    if (limit->judged == 0 || change_left_out(c->side[SIDE_A].runs, c->side[SIDE_B].runs) == 0)
        return;
    double percent = limit->share * 100;
    size_t failing = comparison_failing(c, limit);
    comparison_put_failing(&words, c, limit);
    buffer_put_text(&words, failing > 0 ? ": certain to have grown by more than "
                                        : "Nothing judged is certain to have grown by more than ");
    put_decimal(&words, percent, percent == (double)(uint64_t)percent ? 0 : 1);
    buffer_put_text(&words, " %");
    page_end_line(page);
    page_wrap(page, failing > 0 ? INK_BAD : INK_PLAIN, 0, 0, (const char *)words.data, words.len);
    page->out->failed |= words.failed;
    buffer_done(&words);
}

void comparison_put_text(const struct page *page, const struct comparison *c,
                         const struct comparison_view *view)
{
    const struct page notes = *page;
    bool marks = c->side[SIDE_A].marking > 0 && c->side[SIDE_B].marking > 0;
    put_side(page, &c->side[SIDE_A], 'A', view->label[SIDE_A]);
    put_side(page, &c->side[SIDE_B], 'B', view->label[SIDE_B]);
    comparison_each_note(c, put_note, (void *)&notes);
    put_metrics(page, c, view);
    if (marks && (view->shown & COMPARE_BIT(COMPARE_SCOPES)) != 0)
        put_scopes(page, &c->scopes, &view->limit);
    if (marks && (view->shown & COMPARE_BIT(COMPARE_CATEGORIES)) != 0)
        put_categories(page, &c->categories, &view->limit);
    put_method(page, c, view->shown);
    put_judgement(page, c, &view->limit);
}
