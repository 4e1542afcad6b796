/* One metric of one entity, by a walk that decodes no other entity. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/metric.h"
#include "read/opened.h"
#include "read/walk.h"

/* Read so seldom that what the process did when it last ran may not be in them yet. */
static bool read_seldom(const char *name)
{
    static const char *const names[] = {
        "peak_rss",       "num_fds",   "voluntary_ctx_switches", "involuntary_ctx_switches",
        "num_processors", "num_cores", "num_packages",           "package_mask",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* A walk of the one entity: 0 with the metric, or -ENOENT, … */
static int open_metric(struct tacho_recording *rec, uint32_t entity, unsigned position,
                       uint64_t from_ns, uint64_t to_ns, const struct tacho_metric **ret_metric,
                       struct tacho_walk **ret)
{
    const struct entity_entry *e = entity_find(rec, entity);
    if (e == NULL)
        return -ENOENT;
    *ret_metric = tacho_metric(rec, e->entity.kind, position);
    if (*ret_metric == NULL || (rec->kind[e->entity.kind]->defined >> position & 1) == 0)
        return -ENOENT;
    return walk_open_entity(rec, from_ns, to_ns, e->entity.kind, entity, ret);
}

/* A series under way, charged for as long as it is. */
struct gathering {
    struct tacho_series series;
    size_t cap;
    uint64_t charged;
};

static int gather_more(struct gathering *g, struct allowance *a)
{
    size_t cap = g->cap == 0 ? 256 : g->cap + g->cap / 2;
    const size_t pair = sizeof *g->series.time_ns + sizeof *g->series.value;
    if (allowance_take(a, cap * pair) != 0)
        return -ENOMEM;
    g->charged += cap * pair;
    uint64_t *grown = realloc(g->series.time_ns, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    g->series.time_ns = grown;
    grown = realloc(g->series.value, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    g->series.value = grown;
    allowance_give(a, g->cap * pair);
    g->charged -= g->cap * pair;
    g->cap = cap;
    return 0;
}

/* `carry`: values known to be unchanged count as well as sampled ones. */
static int gather(struct tacho_walk *walk, unsigned position, bool carry, struct allowance *a,
                  struct gathering *g)
{
    const uint64_t bit = UINT64_C(1) << position;
    struct tacho_sample sample;
    int r;
    while ((r = tacho_walk_next(walk, &sample)) == 1) {
        uint64_t good = sample.fresh | (sample.idle && carry ? sample.known : 0);
        if ((good & bit) == 0)
            continue;
        if (g->series.count == g->cap) {
            r = gather_more(g, a);
            if (r != 0)
                return r;
        }
        g->series.time_ns[g->series.count] = sample.time_ns;
        g->series.value[g->series.count++] = sample.value[position];
    }
    return r;
}

int tacho_series_read(struct tacho_recording *rec, uint32_t entity, unsigned position,
                      uint64_t from_ns, uint64_t to_ns, struct tacho_series *ret)
{
    const struct tacho_metric *metric;
    struct tacho_walk *walk;
    struct gathering g = {0};
    int r = open_metric(rec, entity, position, from_ns, to_ns, &metric, &walk);
    if (r != 0)
        return r;
    bool carry = !metric_changes_when_idle(metric->name) && !read_seldom(metric->name);
    r = gather(walk, position, carry, &rec->allowance, &g);
    tacho_walk_close(walk);
    allowance_give(&rec->allowance, g.charged);
    if (r != 0) {
        tacho_series_done(&g.series);
        return r;
    }
    *ret = g.series;
    return 0;
}

void tacho_series_done(struct tacho_series *series)
{
    free(series->time_ns);
    free(series->value);
    *series = (struct tacho_series){0};
}

int tacho_peak(struct tacho_recording *rec, uint32_t entity, unsigned position, uint64_t *ret_value,
               uint64_t *ret_time_ns)
{
    const uint64_t bit = UINT64_C(1) << (position & 63);
    const struct tacho_metric *metric;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    uint64_t value = 0, time_ns = 0;
    bool any = false;
    int r = open_metric(rec, entity, position, 0, UINT64_MAX, &metric, &walk);
    if (r != 0)
        return r;
    while ((r = tacho_walk_next(walk, &sample)) == 1) {
        if ((sample.fresh & bit) == 0 || (any && sample.value[position] <= value))
            continue;
        any = true;
        value = sample.value[position];
        time_ns = sample.time_ns;
    }
    tacho_walk_close(walk);
    if (r != 0 || !any)
        return r != 0 ? r : -ENODATA;
    *ret_value = value;
    *ret_time_ns = time_ns;
    return 0;
}
