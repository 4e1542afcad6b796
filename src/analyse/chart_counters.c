#include "analyse/chart_counters.h"

#include <errno.h>
#include <stdlib.h>

struct set {
    uint64_t time_ns;
    double value;
    uint32_t site, entity;
    size_t order;
};

struct reading {
    const struct summary *s;
    const struct chart_grid *grid;
    size_t top;
    struct chart_counters *ret;
    struct map of_site; /* -> place, or count of the left out */
    /* Those of a block: threads come in it one after another. */
    struct set *set;
    size_t sets, room;
};

#define LEFT_OUT UINT64_MAX

/* NULL: it has no room for a chart of its own. 0 or -ENOMEM. */
static int counter_of(struct reading *r, uint32_t site, struct chart_counter **ret)
{
    const uint64_t *at = map_get(&r->of_site, site);
    *ret = at == NULL || *at == LEFT_OUT ? NULL : &r->ret->counter[*at];
    const struct tacho_site *of = at == NULL ? tacho_site_of(r->s->rec, site) : NULL;
    if (of == NULL)
        return 0;
    if (r->ret->count == CHART_COUNTERS_MAX) {
        r->ret->left_out++;
        return map_put(&r->of_site, site, LEFT_OUT);
    }
    struct chart_counter_line *line = calloc(r->top + 1, sizeof *line);
    if (line == NULL || map_put(&r->of_site, site, r->ret->count) != 0) {
        free(line);
        return -ENOMEM;
    }
    *ret = &r->ret->counter[r->ret->count++];
    **ret = (struct chart_counter){.site = of, .line = line};
    return 0;
}

static struct chart_counter_line *line_of(const struct reading *r, struct chart_counter *c,
                                          uint32_t entity)
{
    for (size_t i = 0; i < c->lines; i++)
        if (c->line[i].entity == entity || i == r->top)
            return &c->line[i];
    c->line[c->lines].entity = c->lines < r->top ? entity : 0;
    return &c->line[c->lines++];
}

static int compare_sets(const void *a, const void *b)
{
    const struct set *left = a, *right = b;
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return (left->order > right->order) - (left->order < right->order);
}

static int put_block(struct reading *r)
{
    if (r->sets > 1)
        qsort(r->set, r->sets, sizeof *r->set, compare_sets);
    for (size_t i = 0; i < r->sets; i++) {
        const struct set *set = &r->set[i];
        struct chart_counter *counter;
        int failed = counter_of(r, set->site, &counter);
        if (failed != 0)
            return failed;
        if (counter == NULL)
            continue;
        struct chart_counter_line *line = line_of(r, counter, set->entity);
        if (line->level.integral == NULL && level_line_begin(&line->level, r->grid, false) != 0)
            return -ENOMEM;
        level_line_put(&line->level, r->grid, set->time_ns, set->value);
    }
    r->sets = 0;
    return 0;
}

static int note(struct reading *r, const struct tacho_mark *mark)
{
    if (r->sets == r->room) {
        size_t room = r->room * 2 + 1024;
        struct set *more = reallocarray(r->set, room, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        r->set = more;
        r->room = room;
    }
    const struct tacho_marking_thread *thread = tacho_marking_thread_of(r->s->rec, mark->thread);
    uint32_t entity = thread == NULL ? 0 : thread->entity;
    r->set[r->sets] = (struct set){mark->time_ns, mark->value, mark->site, entity, r->sets};
    r->sets++;
    return 0;
}

static int read_marks(struct reading *r)
{
    struct tacho_marks *walk;
    struct tacho_mark mark;
    uint32_t block = 0;
    int failed = tacho_marks_open(r->s->rec, &walk);
    if (failed != 0)
        return failed;
    while ((failed = tacho_marks_next(walk, &mark)) == 1) {
        if (mark.block != block && (failed = put_block(r)) != 0)
            break;
        block = mark.block;
        if (mark.kind == TACHO_MARK_COUNTER && (failed = note(r, &mark)) != 0)
            break;
    }
    tacho_marks_close(walk);
    return failed != 0 ? failed : put_block(r);
}

int chart_counters_read(const struct summary *s, const struct chart_grid *grid, size_t top,
                        struct chart_counters *ret)
{
    struct reading reading = {.s = s, .grid = grid, .ret = ret};
    reading.top = top > CHART_TOP_MAX ? CHART_TOP_MAX : top == 0 ? 1 : top;
    *ret = (struct chart_counters){0};
    if (tacho_site_count(s->rec) == 0)
        return 0;
    ret->counter = calloc(CHART_COUNTERS_MAX, sizeof *ret->counter);
    int r = ret->counter == NULL ? -ENOMEM : read_marks(&reading);
    map_done(&reading.of_site);
    free(reading.set);
    if (r != 0)
        chart_counters_done(ret);
    return r;
}

void chart_counters_done(struct chart_counters *counters)
{
    for (size_t i = 0; i < counters->count; i++) {
        for (size_t k = 0; k < counters->counter[i].lines; k++)
            level_line_done(&counters->counter[i].line[k].level);
        free(counters->counter[i].line);
    }
    free(counters->counter);
    *counters = (struct chart_counters){0};
}
