/* What the processes of several recordings marked: the same scope of all of them together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/together_parts.h"

static int add_entry(struct together_table *table, const char *name, const char *category,
                     const struct together_entry *entry)
{
    if (table->entries == table->room) {
        size_t room = table->room * 2 + 64;
        struct together_entry *more = reallocarray(table->entry, room, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        table->entry = more;
        table->room = room;
    }
    bool failed = false;
    struct together_entry *e = &table->entry[table->entries];
    *e = *entry;
    e->name = together_text(name, &failed);
    e->category = together_text(category, &failed);
    table->entries++;
    return failed ? -ENOMEM : 0;
}

int together_add_marks(struct together *t, const struct scopes *s, size_t member)
{
    struct together_member *m = &t->member[member];
    int r = 0;
    m->marks = s->processes > 0 || s->rows > 0;
    m->marked_ns = s->wall_ns;
    for (size_t i = 0; m->marks && i < s->categories && r == 0; i++) {
        const struct scope_category *c = &s->category[i];
        const struct together_entry entry = {
            .member = member, .count = c->count, .ns = c->total_ns};
        r = add_entry(&t->categories, i == 0 ? NULL : c->name, NULL, &entry);
    }
    for (size_t i = 0; i < s->rows && r == 0; i++) {
        const struct scope_row *row = &s->row[i];
        const struct together_entry entry = {
            .member = member, .count = row->count, .ns = row->total_ns};
        m->calls = together_sum(m->calls, row->count);
        r = add_entry(&t->scopes, row->name, row->category, &entry);
    }
    return r;
}

/* ---- groups ---- */

static int by_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int by_name(const void *a, const void *b)
{
    const struct together_entry *left = a, *right = b;
    int order = by_text(left->name, right->name);
    if (order == 0)
        order = by_text(left->category, right->category);
    return order != 0 ? order : (left->member > right->member) - (left->member < right->member);
}

static bool alike(const struct together_entry *a, const struct together_entry *b)
{
    return by_text(a->name, b->name) == 0 && by_text(a->category, b->category) == 0;
}

/* By time, of equal ones by name. */
static int by_time(const void *a, const void *b)
{
    const struct together_group *left = a, *right = b;
    if (left->time.sum != right->time.sum)
        return left->time.sum < right->time.sum ? 1 : -1;
    int order = by_text(left->name, right->name);
    return order != 0 ? order : by_text(left->category, right->category);
}

static struct together_group group_of(const struct together_table *table, size_t first,
                                      size_t marking)
{
    const struct together_entry *entry = &table->entry[first];
    struct together_group g = {.name = entry->name, .category = entry->category, .first = first};
    together_spread_begin(&g.time);
    together_spread_begin(&g.count);
    while (first + g.entries < table->entries && alike(entry, &entry[g.entries])) {
        size_t member = entry[g.entries].member;
        uint64_t ns = 0, count = 0;
        /* Those whose name is lost may be several of one member. */
        for (; first + g.entries < table->entries && alike(entry, &entry[g.entries]) &&
               entry[g.entries].member == member;
             g.entries++) {
            ns = together_sum(ns, entry[g.entries].ns);
            count = together_sum(count, entry[g.entries].count);
        }
        together_spread_put(&g.time, ns, member);
        together_spread_put(&g.count, count, member);
    }
    if (g.time.of < marking) {
        g.time.min = g.count.min = 0;
        g.time.of = g.count.of = marking;
    }
    return g;
}

static int make_groups(struct together_table *table, size_t marking, const size_t *at)
{
    for (size_t i = 0; i < table->entries; i++)
        table->entry[i].member = at[table->entry[i].member];
    if (table->entries > 0)
        qsort(table->entry, table->entries, sizeof *table->entry, by_name);
    size_t names = 0;
    for (size_t i = 0; i < table->entries; i++)
        names += i == 0 || !alike(&table->entry[i - 1], &table->entry[i]);
    table->group = calloc(names + 1, sizeof *table->group);
    if (table->group == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->entries; i += table->group[table->groups - 1].entries)
        table->group[table->groups++] = group_of(table, i, marking);
    if (names > 0)
        qsort(table->group, names, sizeof *table->group, by_time);
    return 0;
}

static void put_others_last(struct together_table *table)
{
    for (size_t i = 0; i + 1 < table->groups; i++)
        if (table->group[i].name == NULL) {
            struct together_group others = table->group[i];
            memmove(&table->group[i], &table->group[i + 1],
                    (table->groups - 1 - i) * sizeof others);
            table->group[table->groups - 1] = others;
            return;
        }
}

int together_group(struct together *t, const size_t *at)
{
    for (size_t i = 0; i < t->members; i++)
        t->marking += t->member[i].marks;
    int r = make_groups(&t->categories, t->marking, at);
    if (r == 0)
        r = make_groups(&t->scopes, t->marking, at);
    if (r == 0)
        put_others_last(&t->categories);
    return r;
}

uint64_t together_time_of(const struct together_table *table, const struct together_group *group,
                          size_t member)
{
    uint64_t ns = 0;
    size_t low = group->first, high = group->first + group->entries, end = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->entry[middle].member < member)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < end && table->entry[low].member == member; low++)
        ns = together_sum(ns, table->entry[low].ns);
    return ns;
}

void together_forget_marks(struct together_table *table)
{
    for (size_t i = 0; i < table->entries; i++) {
        free(table->entry[i].name);
        free(table->entry[i].category);
    }
    free(table->entry);
    free(table->group);
    *table = (struct together_table){0};
}
