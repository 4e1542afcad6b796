/* The order of the table of processes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "report/summary_parts.h"
#include "report/top_state.h"

#define DEPTH_MAX 64

static double known_or_least(double value)
{
    return isnan(value) ? -1 : value;
}

static double amount_of(const struct snapshot_process *p, enum top_sort sort)
{
    switch (sort) {
    case TOP_BY_MEMORY: return p->rss_bytes == SNAPSHOT_UNKNOWN ? -1 : (double)p->rss_bytes;
    case TOP_BY_IO: return known_or_least(p->read_rate + p->write_rate);
    case TOP_BY_THREADS: return p->threads == SNAPSHOT_UNKNOWN ? -1 : (double)p->threads;
    default: return known_or_least(p->cores);
    }
}

struct ranked {
    double amount, below; /* its own; the largest of it and those below it in the tree */
    size_t place;
};

static int larger_first(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->below != right->below)
        return left->below > right->below ? -1 : 1;
    if (left->amount != right->amount)
        return left->amount > right->amount ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

/* Whether what is typed stands somewhere in the command, large or small letters alike. */
static bool passes(const struct top *top, const struct snapshot_process *p)
{
    struct buffer words = {0};
    if (top->filter_bytes == 0)
        return true;
    buffer_printf(&words, "%d ", p->process->pid);
    put_command_line(&words, p->process);
    buffer_put_byte(&words, '\0');
    bool found = !words.failed && strcasestr((const char *)words.data, top->filter) != NULL;
    buffer_done(&words);
    return found;
}

/* ---- the tree ---- */

/* Children of each, in order: lists by place, the roots' at `count`. */
struct family {
    size_t *first, *next;
    bool *shown;
};

/* Appends what is below `parent`, without recursion: a chain of processes may be long. */
static size_t put_tree(const struct family *f, const struct snapshot *s, size_t parent,
                       struct top_row *ret)
{
    size_t n = 0, at = f->first[parent];
    unsigned depth = 0;
    while (at != SNAPSHOT_NOBODY) {
        if (!f->shown[at]) { /* also those of a ring, which only a broken recording has */
            f->shown[at] = true;
            ret[n++] = (struct top_row){&s->process[at], depth < DEPTH_MAX ? depth : DEPTH_MAX};
            if (f->first[at] != SNAPSHOT_NOBODY) {
                at = f->first[at];
                depth++;
                continue;
            }
        }
        while (f->next[at] == SNAPSHOT_NOBODY && depth > 0) {
            at = s->process[at].parent;
            depth--;
        }
        at = f->next[at];
    }
    return n;
}

/* A process stands where the largest below it would stand: what is busy is at the top. */
static void raise_parents(const struct snapshot *s, struct ranked *ranked)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t parent = s->process[i].parent;
        for (int steps = 0; parent != SNAPSHOT_NOBODY && steps < DEPTH_MAX; steps++) {
            if (ranked[parent].below < ranked[i].amount)
                ranked[parent].below = ranked[i].amount;
            parent = s->process[parent].parent;
        }
    }
}

static size_t order_tree(const struct snapshot *s, const struct ranked *ranked, struct family *f,
                         struct top_row *ret)
{
    for (size_t i = 0; i <= s->count; i++)
        f->first[i] = SNAPSHOT_NOBODY;
    for (size_t i = s->count; i-- > 0;) { /* the last first: each is put before the others */
        size_t place = ranked[i].place, parent = s->process[place].parent;
        size_t list = parent == SNAPSHOT_NOBODY ? s->count : parent;
        f->next[place] = f->first[list];
        f->first[list] = place;
    }
    return put_tree(f, s, s->count, ret);
}

/* ---- all ---- */

int top_rows(const struct top *top, struct top_row **ret, size_t *ret_count)
{
    const struct snapshot *s = &top->snapshot;
    size_t n = s->count, shown = 0;
    bool tree = !top->flat && top->filter_bytes == 0;
    struct top_row *rows = calloc(n + 1, sizeof *rows);
    struct ranked *ranked = calloc(n + 1, sizeof *ranked);
    struct family f = {calloc(n + 1, sizeof *f.first), calloc(n + 1, sizeof *f.next),
                       calloc(n + 1, sizeof *f.shown)};
    bool room =
        rows != NULL && ranked != NULL && f.first != NULL && f.next != NULL && f.shown != NULL;
    for (size_t i = 0; room && i < n; i++) {
        double amount = amount_of(&s->process[i], top->sort);
        ranked[i] = (struct ranked){amount, amount, i};
    }
    if (room && tree)
        raise_parents(s, ranked);
    if (room)
        qsort(ranked, n, sizeof *ranked, larger_first);
    if (room && tree)
        shown = order_tree(s, ranked, &f, rows);
    for (size_t i = 0; room && !tree && i < n; i++)
        if (passes(top, &s->process[ranked[i].place]))
            rows[shown++] = (struct top_row){&s->process[ranked[i].place], 0};
    free(ranked);
    free(f.first);
    free(f.next);
    free(f.shown);
    if (!room) {
        free(rows);
        return -ENOMEM;
    }
    *ret = rows;
    *ret_count = shown;
    return 0;
}
