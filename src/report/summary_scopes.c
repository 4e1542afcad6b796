/* Tables of the terminal's summary about what the code marked: scopes and categories. */
#include <stdlib.h>

#include "analyse/scopes.h"
#include "report/category_columns.h"
#include "report/energy_words.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define SCOPES_SHOWN 20
#define CATEGORIES_SHOWN 20
#define PROCESSES_SHOWN 16
#define INDENT 2

/* "Scopes", or "Scopes, the first 20 of 1,234". */
static void put_heading(const struct page *page, const char *what, const char *which, size_t shown,
                        size_t all)
{
    struct buffer text = {0};
    buffer_put_text(&text, what);
    if (all > shown) {
        buffer_printf(&text, ", the %s %zu of ", which, shown);
        put_count(&text, all);
    }
    page_end_line(page);
    page_line(page, INK_STRONG, 0, text.data, text.len);
    page->out->failed |= text.failed;
    buffer_done(&text);
}

static void put_known(struct buffer *cell, uint64_t ns)
{
    if (ns == SCOPES_UNKNOWN)
        buffer_put_byte(cell, '-');
    else
        put_time(cell, ns);
}

/* ---- scopes ---- */

static const struct columns scope_columns = {
    .count = 8,
    .column = {{"total", false, 0},
               {"self", false, 3},
               {"count", false, 2},
               {"mean", false, 4},
               {"max", false, 6},
               {"CPU", false, 1},
               {"category", true, 5},
               {"scope", true, 0}},
};

/* Where scopes started processes: what that cost says more than means. */
static const struct columns started_columns = {
    .count = 10,
    .column = {{"total", false, 0},
               {"self", false, 3},
               {"count", false, 2},
               {"mean", false, 7},
               {"max", false, 8},
               {"CPU", false, 1},
               {"started", false, 6},
               {"their CPU", false, 4},
               {"category", true, 5},
               {"scope", true, 0}},
};

static bool any_started(const struct scopes *s, size_t rows)
{
    bool any = false;
    for (size_t i = 0; i < rows; i++)
        any |= s->row[i].use.processes > 0;
    return any;
}

static void put_started(struct buffer *cell, const struct scope_row *row)
{
    if (row->use.processes == 0)
        return;
    put_count(&cell[0], row->use.processes);
    put_known(&cell[1], row->use.children_cpu_ns);
}

static void put_scope(struct columns *table, const struct summary *s, const struct scope_row *row,
                      bool started)
{
    struct buffer *cell = columns_add(table, INK_PLAIN);
    put_time(&cell[0], row->total_ns);
    if (row->timed > 0)
        put_time(&cell[1], row->self_ns);
    else
        buffer_put_byte(&cell[1], '-');
    put_count(&cell[2], row->count);
    put_time(&cell[3], row->sum_ns / row->count);
    put_known(&cell[4], row->max_ns);
    if (row->use.cpu_estimated && row->use.cpu_ns != SCOPES_UNKNOWN)
        buffer_put_byte(&cell[5], '~');
    put_known(&cell[5], row->use.cpu_ns);
    if (started)
        put_started(&cell[6], row);
    unsigned last = table->count - 1;
    if (energy_is_estimated(s))
        put_energy_of_cpu(&cell[last - 2], s, row->use.cpu_ns);
    buffer_put_text(&cell[last - 1], row->category);
    buffer_put_text(&cell[last], row->name != NULL ? row->name : "?");
}

static void put_scopes(const struct page *page, const struct summary *summary,
                       const struct scopes *s)
{
    size_t shown = s->rows < SCOPES_SHOWN ? s->rows : SCOPES_SHOWN;
    bool started = any_started(s, shown);
    const struct columns *columns = started ? &started_columns : &scope_columns;
    struct columns *table = shown > 0 ? columns_new(page, columns) : NULL;
    if (table == NULL)
        return;
    if (energy_is_estimated(summary))
        columns_insert_heading(table, table->count - 2, "energy", 5);
    for (size_t i = 0; i < shown; i++)
        put_scope(table, summary, &s->row[i], started);
    put_heading(page, "Scopes", "longest", shown, s->rows);
    columns_put(page, table, INDENT);
    free(table);
}

/* ---- categories ---- */

static const struct columns category_columns = {
    .count = 4,
    .column = {{"time", false, 0}, {"share", false, 1}, {"CPU", false, 2}, {"category", true, 0}},
};

static void put_category(struct columns *table, const struct summary *summary,
                         const struct scopes *s, const struct scope_category *category)
{
    if (category->total_ns == 0)
        return;
    struct buffer *cell = columns_add(table, INK_PLAIN);
    put_time(&cell[0], category->total_ns);
    put_percent(&cell[1], (double)category->total_ns / (double)s->wall_ns);
    put_known(&cell[2], category->use.cpu_ns);
    if (energy_is_estimated(summary))
        put_energy_of_cpu(&cell[3], summary, category->use.cpu_ns);
    buffer_put_text(&cell[table->count - 1], category->name);
}

/* The last is "Others", shown however many there are. */
static void put_categories(const struct page *page, const struct summary *summary,
                           const struct scopes *s)
{
    size_t all = s->categories > 0 ? s->categories - 1 : 0;
    size_t shown = all < CATEGORIES_SHOWN ? all : CATEGORIES_SHOWN;
    struct columns *table =
        shown > 0 && s->wall_ns > 0 ? columns_new(page, &category_columns) : NULL;
    if (table == NULL)
        return;
    if (energy_is_estimated(summary))
        columns_insert_heading(table, table->count - 1, "energy", 3);
    for (size_t i = 0; i < shown; i++)
        put_category(table, summary, s, &s->category[s->by_time[i]]);
    put_category(table, summary, s, &s->category[s->by_time[all]]);
    put_heading(page, "Categories", "largest", shown, all);
    columns_put(page, table, INDENT);
    free(table);
}

/* ---- categories of each process ---- */

/* The shown categories are the largest of all processes together, so that rows can be compared. */
struct parts_table {
    const struct scopes *s;
    struct category_columns c;
};

static const char *category_name(const void *of, size_t i)
{
    const struct scopes *s = of;
    return s->category[s->by_time[i]].name;
}

static void make_parts_columns(const struct page *page, struct parts_table *t)
{
    struct columns *columns = t->c.columns;
    columns_put_heading(columns, "wall", 1);
    category_columns_add(page, &t->c, t->s->categories - 1, category_name, t->s);
    columns_put_heading(columns, "pid", 3);
    columns_put_heading(columns, "process", 0);
    columns->column[columns->count - 1].left = true;
}

static void put_parts(struct parts_table *t, const struct scope_process *p,
                      const struct tacho_process *process)
{
    uint64_t ns[COLUMNS_MAX] = {[0] = p->to_ns - p->from_ns};
    for (size_t i = 0; i < p->parts; i++) {
        unsigned column = p->part[i].category == 0 ? t->c.others : t->c.rest;
        for (unsigned k = 0; k < t->c.shown && p->part[i].category != 0; k++)
            if (t->s->by_time[k] == p->part[i].category)
                column = k + 1;
        ns[column] += p->part[i].ns;
    }
    struct buffer *cell = columns_add(t->c.columns, INK_PLAIN);
    for (unsigned c = 0; c <= t->c.others; c++)
        put_time(&cell[c], ns[c]);
    buffer_printf(&cell[t->c.others + 1], "%d", process->pid);
    put_command_line(&cell[t->c.others + 2], process);
}

/* Of one process alone it is the table above. */
static void put_category_processes(const struct page *page, const struct scopes *s)
{
    struct parts_table t = {.s = s};
    size_t all = 0;
    if (s->categories < 2)
        return;
    for (size_t i = 0; i < s->processes; i++)
        all += tacho_process_of(s->rec, s->process[i].entity) != NULL;
    t.c.columns = all > 1 ? columns_new(page, &(struct columns){0}) : NULL;
    if (t.c.columns == NULL)
        return;
    make_parts_columns(page, &t);
    size_t shown = 0;
    for (size_t i = 0; i < s->processes && shown < PROCESSES_SHOWN; i++) {
        const struct tacho_process *process = tacho_process_of(s->rec, s->process[i].entity);
        if (process == NULL)
            continue;
        put_parts(&t, &s->process[i], process);
        shown++;
    }
    put_heading(page, "Time per category by process", "longest", shown, all);
    columns_put(page, t.c.columns, INDENT);
    category_columns_done(&t.c);
    free(t.c.columns);
}

/* ---- what is not known of them ---- */

static void put_loss(const struct page *page, uint64_t count, const char *words)
{
    struct buffer text = {0};
    if (count == 0)
        return;
    put_count(&text, count);
    buffer_put_text(&text, words);
    page_item(page, INK_WARNING, &text);
    page->out->failed |= text.failed;
    buffer_done(&text);
}

static void put_losses(const struct page *page, const struct scopes *s)
{
    put_loss(page, s->dropped.scopes,
             " scopes were only counted: their own times are in count, total and mean alone");
    put_loss(page, s->dropped.others, " labels and values of counters were dropped");
    put_loss(page, s->losses.missing, " marks are missing from the recording");
    put_loss(page, s->losses.too_deep, " scopes were nested too deep to be told apart");
    uint64_t seen = s->losses.unbalanced, told = s->dropped.unbalanced;
    put_loss(page, seen > told ? seen : told, " begins and ends did not match");
}

void summary_put_scopes(const struct page *page, const struct summary *summary,
                        const struct scopes *scopes)
{
    put_scopes(page, summary, scopes);
    put_categories(page, summary, scopes);
    put_category_processes(page, scopes);
    put_losses(page, scopes);
}
