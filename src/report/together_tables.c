/* Tables of several recordings side by side. */
#include <math.h>
#include <stdlib.h>

#include "report/category_columns.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define ROWS_SHOWN 32
#define SCOPES_SHOWN 20
#define INDENT 2

static void put_table(const struct page *page, struct columns *table, const char *heading)
{
    page_end_line(page);
    page_line(page, INK_STRONG, 0, heading, strlen(heading));
    columns_put(page, table, INDENT);
    free(table);
}

static void put_rest(const struct page *page, size_t shown, size_t all)
{
    struct buffer text = {0};
    if (all <= shown)
        return;
    buffer_put_text(&text, "and ");
    put_count(&text, all - shown);
    buffer_put_text(&text, " more");
    page_line(page, INK_FAINT, INDENT, text.data, text.len);
    page->out->failed |= text.failed;
    buffer_done(&text);
}

static void put_known(struct buffer *cell, uint64_t value,
                      void (*put)(struct buffer *ret, uint64_t value))
{
    if (value == SUMMARY_UNKNOWN)
        buffer_put_byte(cell, '-');
    else
        put(cell, value);
}

static void put_ratio(struct buffer *cell, double ratio)
{
    if (isnan(ratio))
        buffer_put_byte(cell, '-');
    else
        put_decimal(cell, ratio, 2);
}

/* ---- each ---- */

static const struct columns member_columns = {
    .count = 9,
    .column = {{"rank", false, 0},
               {"host", true, 5},
               {"pid", false, 6},
               {"wall", false, 2},
               {"CPU", false, 1},
               {"peak RSS", false, 1},
               {"scopes", false, 7},
               {"end", true, 3},
               {"command", true, 0}},
};

enum ink together_put_end(struct buffer *cell, const struct together_member *m)
{
    if (m->root_status != SUMMARY_UNKNOWN)
        put_wait_status(cell, (int)m->root_status);
    else
        buffer_put_text(cell, m->ended ? "ended" : "no end");
    return together_ended_well(m) ? INK_PLAIN : INK_BAD;
}

static void put_member(struct columns *table, const struct together_member *m, bool ranked)
{
    struct buffer end = {0};
    enum ink ink = together_put_end(&end, m);
    struct buffer *cell = columns_add(table, ink);
    if (ranked)
        put_known(cell++, m->rank, put_count);
    buffer_put_text(&cell[0], m->host != NULL ? m->host : "-");
    if (m->pid > 0)
        buffer_printf(&cell[1], "%d", m->pid);
    put_known(&cell[2], m->wall_ns, put_duration);
    put_known(&cell[3], m->cpu_ns, put_duration);
    put_known(&cell[4], m->peak_rss_bytes, put_bytes);
    put_known(&cell[5], m->marks ? m->calls : SUMMARY_UNKNOWN, put_count);
    cell[6] = end;
    buffer_put_text(&cell[7], m->command != NULL ? m->command : m->path);
}

/* Where there are no ranks, pids tell rows apart. */
static void leave_out_rank(struct columns *table)
{
    table->count--;
    memmove(&table->column[0], &table->column[1], table->count * sizeof table->column[0]);
    table->column[1].priority = 0;
}

static void put_members(const struct page *page, const struct together *t)
{
    struct columns *table = columns_new(page, &member_columns);
    if (table == NULL)
        return;
    if (t->ranks == 0)
        leave_out_rank(table);
    for (size_t i = 0; i < t->members && i < ROWS_SHOWN; i++)
        put_member(table, &t->member[i], t->ranks > 0);
    put_table(page, table, "Recordings");
    put_rest(page, ROWS_SHOWN, t->members);
}

/* ---- categories ---- */

struct parts_table {
    const struct together *t;
    struct category_columns c;
};

static const char *category_name(const void *of, size_t i)
{
    const struct together *t = of;
    return t->categories.group[i].name;
}

static void make_columns(const struct page *page, struct parts_table *p)
{
    struct columns *columns = p->c.columns;
    columns_put_heading(columns, p->t->ranks > 0 ? "rank" : "", 0);
    category_columns_add(page, &p->c, p->t->categories.groups - 1, category_name, p->t);
    columns_put_heading(columns, "wall", 3);
    columns_put_heading(columns, "command", 0);
    columns->column[columns->count - 1].left = true;
}

static unsigned column_of(const struct parts_table *p, size_t group)
{
    if (group < p->c.shown)
        return (unsigned)group + 1;
    return p->t->categories.group[group].name == NULL ? p->c.others : p->c.rest;
}

static void put_parts(struct parts_table *p, size_t member)
{
    const struct together_table *c = &p->t->categories;
    uint64_t ns[COLUMNS_MAX] = {0};
    for (size_t i = 0; i < c->groups; i++)
        ns[column_of(p, i)] += together_time_of(c, &c->group[i], member);
    struct buffer *cell = columns_add(p->c.columns, INK_PLAIN);
    together_put_who(&cell[0], p->t, member);
    for (unsigned k = 1; k <= p->c.others; k++)
        put_time(&cell[k], ns[k]);
    put_time(&cell[p->c.others + 1], p->t->member[member].marked_ns);
    buffer_put_text(&cell[p->c.others + 2], p->t->member[member].command);
}

/* Of the columns that are one category. */
static void put_figure_row(struct parts_table *p, const char *name,
                           void (*put)(struct buffer *cell, const struct together_spread *spread))
{
    const struct together_table *c = &p->t->categories;
    struct buffer *cell = columns_add(p->c.columns, INK_FAINT);
    buffer_put_text(&cell[0], name);
    for (size_t i = 0; i < c->groups; i++)
        if (column_of(p, i) != p->c.rest || p->c.rest == 0)
            put(&cell[column_of(p, i)], &c->group[i].time);
}

static void put_least(struct buffer *cell, const struct together_spread *spread)
{
    put_known(cell, spread->min, put_time);
}

static void put_mean(struct buffer *cell, const struct together_spread *spread)
{
    double mean = together_mean(spread);
    put_known(cell, isnan(mean) ? SUMMARY_UNKNOWN : (uint64_t)mean, put_time);
}

static void put_most(struct buffer *cell, const struct together_spread *spread)
{
    put_known(cell, spread->of > 0 ? spread->max : SUMMARY_UNKNOWN, put_time);
}

static void put_imbalance(struct buffer *cell, const struct together_spread *spread)
{
    put_ratio(cell, together_imbalance(spread));
}

static void put_categories(const struct page *page, const struct together *t)
{
    struct parts_table p = {.t = t};
    size_t shown = 0;
    if (t->categories.groups < 2)
        return;
    p.c.columns = columns_new(page, &(struct columns){0});
    if (p.c.columns == NULL)
        return;
    make_columns(page, &p);
    for (size_t i = 0; i < t->members && shown < ROWS_SHOWN; i++)
        if (t->member[i].marks) {
            put_parts(&p, i);
            shown++;
        }
    if (t->marking > 1) {
        put_figure_row(&p, "min", put_least);
        put_figure_row(&p, "mean", put_mean);
        put_figure_row(&p, "max", put_most);
        put_figure_row(&p, "max/mean", put_imbalance);
    }
    put_table(page, p.c.columns,
              t->ranks > 0 ? "Time per category and rank" : "Time per category and recording");
    put_rest(page, ROWS_SHOWN, t->marking);
    category_columns_done(&p.c);
}

/* ---- scopes ---- */

static const struct columns scope_columns = {
    .count = 8,
    .column = {{"total", false, 0},
               {"max", false, 3},
               {"max/mean", false, 1},
               {"most", false, 4},
               {"count", false, 2},
               {"max/mean", false, 5},
               {"category", true, 6},
               {"scope", true, 0}},
};

static void put_scope(struct columns *table, const struct together *t,
                      const struct together_group *g)
{
    struct buffer *cell = columns_add(table, INK_PLAIN);
    put_time(&cell[0], g->time.sum);
    put_time(&cell[1], g->time.max);
    put_ratio(&cell[2], together_imbalance(&g->time));
    together_put_who(&cell[3], t, g->time.most);
    put_count(&cell[4], g->count.sum);
    put_ratio(&cell[5], together_imbalance(&g->count));
    buffer_put_text(&cell[6], g->category != NULL ? g->category : "");
    buffer_put_text(&cell[7], g->name != NULL ? g->name : "(name lost)");
}

static void put_scopes(const struct page *page, const struct together *t)
{
    if (t->scopes.groups == 0)
        return;
    struct columns *table = columns_new(page, &scope_columns);
    if (table == NULL)
        return;
    for (size_t i = 0; i < t->scopes.groups && i < SCOPES_SHOWN; i++)
        put_scope(table, t, &t->scopes.group[i]);
    put_table(page, table, t->ranks > 0 ? "Scopes over all ranks" : "Scopes over all recordings");
    put_rest(page, SCOPES_SHOWN, t->scopes.groups);
}

void together_put_tables(const struct page *page, const struct together *t)
{
    put_members(page, t);
    put_categories(page, t);
    put_scopes(page, t);
}
