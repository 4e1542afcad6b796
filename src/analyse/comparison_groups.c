/* The same scope or category in all runs of both sides. */
#include "analyse/comparison_groups.h"

#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/together_parts.h"

const struct comparison_kind comparison_figures[FIGURES] = {
    [FIGURE_TOTAL] = {"total", "total", UNIT_NS},
    [FIGURE_SELF] = {"self", "self", UNIT_NS},
    [FIGURE_COUNT] = {"count", "count", UNIT_COUNT},
    [FIGURE_MEAN] = {"mean", "mean", UNIT_NS},
};

struct comparison_name {
    const char *name, *category; /* borrowed while it is looked for, then its own */
    size_t place;
};

struct comparison_entry {
    size_t place, run; /* of its name; in its side */
    enum comparison_side side;
    bool timed; /* self_ns is known */
    uint64_t count, total_ns, self_ns, sum_ns;
};

/* ---- one more run ---- */

static int by_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int by_name(const void *a, const void *b)
{
    const struct comparison_name *left = a, *right = b;
    int order = by_text(left->name, right->name);
    return order != 0 ? order : by_text(left->category, right->category);
}

static void free_name(void *name)
{
    struct comparison_name *n = name;
    if (n == NULL)
        return;
    free((char *)n->name);
    free((char *)n->category);
    free(n);
}

static struct comparison_name *own_name(const struct comparison_name *borrowed, size_t place)
{
    bool failed = false;
    struct comparison_name *n = calloc(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->name = together_text(borrowed->name, &failed);
    n->category = together_text(borrowed->category, &failed);
    n->place = place;
    if (!failed)
        return n;
    free_name(n);
    return NULL;
}

/* Where the groups of this name are. 0 or -ENOMEM. */
static int place_of(struct comparison_table *table, const struct comparison_name *name, size_t *ret)
{
    struct comparison_name **found = tfind(name, &table->tree, by_name);
    if (found != NULL) {
        *ret = (*found)->place;
        return 0;
    }
    struct comparison_name **more = reallocarray(table->name, table->names + 1, sizeof *more);
    if (more != NULL)
        table->name = more;
    struct comparison_name *own = more != NULL ? own_name(name, table->names) : NULL;
    if (own == NULL || tsearch(own, &table->tree, by_name) == NULL) {
        free_name(own);
        return -ENOMEM;
    }
    *ret = table->names;
    table->name[table->names++] = own;
    return 0;
}

static int add_entry(struct comparison_table *table, const struct comparison_name *name,
                     const struct comparison_entry *entry)
{
    if (table->entries == table->room) {
        size_t room = table->room * 2 + 64;
        struct comparison_entry *more = reallocarray(table->entry, room, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        table->entry = more;
        table->room = room;
    }
    struct comparison_entry *e = &table->entry[table->entries];
    *e = *entry;
    int r = place_of(table, name, &e->place);
    table->entries += r == 0;
    return r;
}

int comparison_add_marks(struct comparison *c, enum comparison_side side,
                         const struct scopes *scopes)
{
    struct comparison_entry entry = {.run = c->side[side].runs, .side = side};
    int r = 0;
    for (size_t i = 0; i < scopes->categories && r == 0; i++) {
        const struct scope_category *category = &scopes->category[i];
        const struct comparison_name name = {.name = i == 0 ? NULL : category->name};
        entry.total_ns = category->total_ns;
        r = add_entry(&c->categories, &name, &entry);
    }
    for (size_t i = 0; i < scopes->rows && r == 0; i++) {
        const struct scope_row *row = &scopes->row[i];
        const struct comparison_name name = {.name = row->name, .category = row->category};
        entry.total_ns = row->total_ns;
        entry.self_ns = row->self_ns;
        entry.count = row->count;
        entry.sum_ns = row->sum_ns;
        entry.timed = row->timed > 0;
        r = add_entry(&c->scopes, &name, &entry);
    }
    return r;
}

/* ---- groups ---- */

static int by_place(const void *a, const void *b)
{
    const struct comparison_entry *left = a, *right = b;
    if (left->place != right->place)
        return left->place < right->place ? -1 : 1;
    if (left->side != right->side)
        return left->side < right->side ? -1 : 1;
    return (left->run > right->run) - (left->run < right->run);
}

/* Those whose name is lost may be several of one run. */
static struct comparison_entry sum_of_run(const struct comparison_entry **at,
                                          const struct comparison_entry *end)
{
    struct comparison_entry sum = **at;
    for (++*at; *at < end && (*at)->run == sum.run; ++*at) {
        sum.total_ns = together_sum(sum.total_ns, (*at)->total_ns);
        sum.self_ns = together_sum(sum.self_ns, (*at)->self_ns);
        sum.count = together_sum(sum.count, (*at)->count);
        sum.sum_ns = together_sum(sum.sum_ns, (*at)->sum_ns);
        sum.timed |= (*at)->timed;
    }
    return sum;
}

static bool value_of(const struct comparison_entry *e, enum comparison_figure figure, double *ret)
{
    switch (figure) {
    case FIGURE_TOTAL: *ret = (double)e->total_ns; return true;
    case FIGURE_SELF: *ret = (double)e->self_ns; return e->timed || e->count == 0;
    case FIGURE_COUNT: *ret = (double)e->count; return true;
    default: *ret = e->count > 0 ? (double)e->sum_ns / (double)e->count : 0; return e->count > 0;
    }
}

/* The values of one side, of its entries from `at` to `end`; runs that mark but lack it have 0. */
static size_t values_of(const struct comparison_runs *runs, const struct comparison_entry *at,
                        const struct comparison_entry *end, enum comparison_figure figure,
                        double *ret)
{
    const struct comparison_entry nothing = {0};
    size_t n = 0, having = 0;
    while (at < end) {
        struct comparison_entry e = sum_of_run(&at, end);
        having++;
        n += value_of(&e, figure, &ret[n]);
    }
    for (; having < runs->marking; having++)
        n += value_of(&nothing, figure, &ret[n]);
    return n;
}

struct sides {
    const struct comparison *c;
    double *a, *b;
};

static const struct comparison_entry *make_group(const struct sides *s,
                                                 const struct comparison_table *table,
                                                 const struct comparison_entry *first)
{
    const struct comparison_entry *all = &table->entry[table->entries], *middle, *end;
    struct comparison_group *g = &table->group[first->place];
    g->name = table->name[first->place]->name;
    g->category = table->name[first->place]->category;
    for (middle = first; middle < all && middle->place == first->place && middle->side == SIDE_A;)
        middle++;
    for (end = middle; end < all && end->place == first->place;)
        end++;
    for (unsigned f = 0; f < FIGURES; f++) {
        size_t n = values_of(&s->c->side[SIDE_A], first, middle, f, s->a);
        size_t m = values_of(&s->c->side[SIDE_B], middle, end, f, s->b);
        change_make(s->a, n, s->b, m, &g->figure[f]);
    }
    return end;
}

/* Changes that are seen first, and of these those of the most time. */
static int by_change(const void *a, const void *b)
{
    const struct comparison_group *left = a, *right = b;
    const struct change *l = &left->figure[FIGURE_TOTAL], *r = &right->figure[FIGURE_TOTAL];
    int order = (int)change_seen(r) - (int)change_seen(l);
    double more = fabs(r->difference) - fabs(l->difference);
    double longer = r->median[SIDE_A] - l->median[SIDE_A];
    if (order == 0)
        order = (more > 0) - (more < 0);
    if (order == 0)
        order = (longer > 0) - (longer < 0);
    if (order == 0)
        order = by_text(left->name, right->name);
    return order != 0 ? order : by_text(left->category, right->category);
}

static int make_groups(struct comparison_table *table, const struct sides *sides)
{
    table->group = calloc(table->names + 1, sizeof *table->group);
    if (table->group == NULL)
        return -ENOMEM;
    if (table->entries == 0)
        return 0;
    qsort(table->entry, table->entries, sizeof *table->entry, by_place);
    for (const struct comparison_entry *at = table->entry; at < table->entry + table->entries;)
        at = make_group(sides, table, at);
    qsort(table->group, table->names, sizeof *table->group, by_change);
    return 0;
}

int comparison_group(struct comparison *c, double *a, double *b)
{
    const struct sides sides = {c, a, b};
    int r = make_groups(&c->scopes, &sides);
    return r == 0 ? make_groups(&c->categories, &sides) : r;
}

static void keep_name(void *name)
{
    (void)name;
}

void comparison_forget_marks(struct comparison_table *table)
{
    tdestroy(table->tree, keep_name);
    for (size_t i = 0; i < table->names; i++)
        free_name(table->name[i]);
    free(table->name);
    free(table->entry);
    free(table->group);
    *table = (struct comparison_table){0};
}
