/* From what was gathered to a recording. */
#include <errno.h>
#include <stdlib.h>

#include "import/gathered_marks.h"

#define OWN_CLOCK_SHIFT_NS \
    UINT64_C(1000000000) /* a log's own clock begins at 0, which readers take for unknown */

struct writing {
    struct gathered *g;
    struct gathered_point *points; /* in order of time, and of entities */
    uint32_t *entity;              /* what each is called in the recording; 0: not there yet */
    void **handle;
    uint32_t *first_label; /* by number of the point, and one more: into g->labels */
    uint32_t entities;
    uint64_t begin_ns, end_ns, interval_ns;
    uint64_t shift_ns; /* added to all times that are written */
    bool no_memory;
    struct sample_sink sink;
};

static const struct gathered_point *points_of(const struct gathered *g)
{
    return g->points.items;
}

/* ---- before ---- */

static int by_time(const void *a, const void *b)
{
    const struct gathered_point *left = a, *right = b;
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    if (left->entity != right->entity)
        return left->entity < right->entity ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* The median distance of an entity's points, of all entities. 0: there is none. */
static int guess_interval(struct writing *w)
{
    size_t n = 0, count = w->g->points.count;
    uint64_t *last_ns = calloc(w->g->entities.count + 1, sizeof *last_ns);
    uint64_t *distance = malloc((count + 1) * sizeof *distance);
    if (last_ns == NULL || distance == NULL) {
        free(last_ns);
        free(distance);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gathered_point *p = &w->points[i];
        if (last_ns[p->entity] != 0 && p->time_ns > last_ns[p->entity])
            distance[n++] = p->time_ns - last_ns[p->entity];
        last_ns[p->entity] = p->time_ns;
    }
    qsort(distance, n, sizeof *distance, by_value);
    w->interval_ns = n > 0 ? distance[n / 2] : 0;
    free(last_ns);
    free(distance);
    return 0;
}

static void index_labels(struct writing *w)
{
    const struct gathered_label *labels = w->g->labels.items;
    size_t label = 0;
    for (uint32_t point = 0; point <= w->g->points.count; point++) {
        while (label < w->g->labels.count && labels[label].point < point)
            label++;
        w->first_label[point] = (uint32_t)label;
    }
}

static void find_bounds(struct writing *w)
{
    w->begin_ns = w->points[0].time_ns;
    w->end_ns = w->points[w->g->points.count - 1].time_ns;
    for (uint32_t i = 0; i < w->g->entities.count; i++) {
        const struct gathered_entity *e = gathered_entity(w->g, i);
        if (e->start_ns != 0 && e->points > 0 && e->start_ns < w->begin_ns)
            w->begin_ns = e->start_ns;
    }
    w->shift_ns = w->g->clock == GATHERED_OWN_CLOCK ? OWN_CLOCK_SHIFT_NS : 0;
    if (w->g->clock == GATHERED_OWN_CLOCK)
        return; /* what is told of the job is on the wall clock */
    if (w->g->begin_ns != 0 && w->g->begin_ns < w->begin_ns)
        w->begin_ns = w->g->begin_ns;
    if (w->g->end_ns > w->end_ns)
        w->end_ns = w->g->end_ns;
}

static int prepare(struct writing *w)
{
    size_t count = w->g->points.count;
    w->points = malloc(count * sizeof *w->points);
    w->entity = calloc(w->g->entities.count, sizeof *w->entity);
    w->handle = calloc(w->g->entities.count, sizeof *w->handle);
    w->first_label = malloc((count + 1) * sizeof *w->first_label);
    if (w->points == NULL || w->entity == NULL || w->handle == NULL || w->first_label == NULL)
        return -ENOMEM;
    memcpy(w->points, points_of(w->g), count * sizeof *w->points);
    qsort(w->points, count, sizeof *w->points, by_time);
    index_labels(w);
    find_bounds(w);
    return guess_interval(w);
}

/* ---- tick by tick ---- */

static struct span span_of(const struct gathered *g, struct gathered_text text)
{
    return text.bytes == 0 ? (struct span){0} : (struct span){g->texts.data + text.at, text.bytes};
}

static void put_process(struct writing *w, const struct gathered_entity *e, uint32_t entity)
{
    bool whole = e->start_ns != 0; /* its counters are known from 0 on */
    bool wall = w->g->clock != GATHERED_OWN_CLOCK;
    uint64_t seen_ns = whole && !wall ? e->start_ns : e->first_ns;
    struct record r = {.type = RECORD_BIRTH,
                       .birth = {.entity = entity,
                                 .time_ns = seen_ns + w->shift_ns,
                                 .pid = e->pid,
                                 .uid = UINT32_MAX,
                                 .start_boot_ns = wall ? e->start_ns : 0,
                                 .flags = BIRTH_ROOT | (whole ? BIRTH_FORKED : 0),
                                 .comm = span_of(w->g, e->name),
                                 .argv = span_of(w->g, e->argv)}};
    w->sink.record(w->sink.user, &r);
}

static void put_birth(struct writing *w, uint32_t place)
{
    const struct gathered_entity *e = gathered_entity(w->g, place);
    uint32_t entity = w->entity[place] = ++w->entities;
    if (e->kind == ENTITY_PROCESS)
        put_process(w, e, entity);
    else
        w->sink.record(w->sink.user,
                       &(struct record){.type = RECORD_ENTITY,
                                        .entity = {.entity = entity,
                                                   .kind = e->kind,
                                                   .time_ns = e->first_ns + w->shift_ns,
                                                   .name = span_of(w->g, e->name)}});
    w->handle[place] = w->sink.add(w->sink.user, entity, e->kind);
    w->no_memory = w->no_memory || w->handle[place] == NULL;
}

static void put_labels(struct writing *w, const struct gathered_point *point)
{
    const struct gathered_label *labels = w->g->labels.items;
    for (uint32_t i = w->first_label[point->number]; i < w->first_label[point->number + 1]; i++) {
        struct record r = {.type = RECORD_LABEL,
                           .label = {.entity = w->entity[point->entity],
                                     .time_ns = point->time_ns + w->shift_ns,
                                     .text = {w->g->texts.data + labels[i].at, labels[i].bytes}}};
        w->sink.record(w->sink.user, &r);
    }
}

/* What all points from `first` up to `end` say of one entity at one moment. */
static void put_points(struct writing *w, size_t first, size_t end)
{
    uint32_t place = w->points[first].entity;
    unsigned kind = gathered_entity(w->g, place)->kind;
    const struct kind_info *info = kind_info(kind);
    uint64_t value[METRICS_MAX], known = 0;
    uint32_t groups = 0;
    for (size_t i = first; i < end; i++) {
        const uint64_t *from = w->g->values.items;
        if (w->points[i].known != 0) /* else there may be no values at all */
            from += w->points[i].values;
        for (uint64_t left = w->points[i].known; left != 0; left &= left - 1) {
            int metric = __builtin_ctzll(left);
            value[metric] = *from++;
            groups |= UINT32_C(1) << info->metrics[metric].group;
        }
        known |= w->points[i].known;
    }
    w->sink.put(w->sink.user, w->handle[place], kind, groups, false, value, known);
}

static void put_end(struct writing *w, uint32_t place, uint64_t time_ns)
{
    const struct gathered_entity *e = gathered_entity(w->g, place);
    if (e->last_ns != time_ns || e->kind != ENTITY_PROCESS)
        return;
    struct record r = {.type = RECORD_EXIT,
                       .exit = {.entity = w->entity[place],
                                .time_ns = time_ns + w->shift_ns,
                                .flags = e->has_status ? EXIT_STATUS : 0,
                                .status = (uint64_t)(unsigned)e->status}};
    w->sink.record(w->sink.user, &r);
    w->sink.remove(w->sink.user, w->handle[place], ENTITY_PROCESS);
}

/* The points of one moment: from `first` up to the next moment, whose index is returned. */
static size_t put_tick(struct writing *w, size_t first)
{
    const struct gathered_point *p = w->points;
    uint64_t time_ns = p[first].time_ns;
    size_t end = first;
    for (; end < w->g->points.count && p[end].time_ns == time_ns; end++)
        if (w->entity[p[end].entity] == 0)
            put_birth(w, p[end].entity);
    if (w->no_memory)
        return end;
    w->sink.tick(w->sink.user, time_ns + w->shift_ns);
    for (size_t i = first, next; i < end; i = next) {
        for (next = i; next < end && p[next].entity == p[i].entity; next++)
            put_labels(w, &p[next]);
        put_points(w, i, next);
        put_end(w, p[i].entity, time_ns);
    }
    w->sink.tick_end(w->sink.user);
    return end;
}

/* ---- all of it ---- */

/* What the logs say of the session; of a rank only where it is one. */
static void put_facts(struct writing *w)
{
    if (w->g->facts.len > 0) {
        struct cursor payload = {w->g->facts.data, w->g->facts.data + w->g->facts.len, false};
        struct record r;
        while (record_next(&payload, &r) == 1)
            w->sink.record(w->sink.user, &r);
    }
    if (w->g->ranks == 1) {
        sink_fact_number(&w->sink, "rank", w->g->rank);
        sink_fact_number(&w->sink, "rank_size", w->g->rank_size);
    }
    if (w->g->unrelated || w->g->ranks > 1)
        sink_fact_number(&w->sink, "unrelated", 1);
}

static void put_session(struct writing *w)
{
    sink_fact_text(&w->sink, "target", "log");
    sink_fact_bytes(&w->sink, "imported_from", w->g->names.data, w->g->names.len);
    sink_fact_number(&w->sink, "started_ns", w->begin_ns + w->shift_ns);
    if (w->g->clock != GATHERED_OWN_CLOCK)
        sink_fact_number(&w->sink, "started_real_ns", w->begin_ns);
    if (w->interval_ns != 0)
        sink_fact_number(&w->sink, "interval_ns", w->interval_ns);
    put_facts(w);
}

static void put_outcome(struct writing *w)
{
    bool stopped = true;
    for (uint32_t i = 0; i < w->g->entities.count; i++)
        stopped = stopped && (gathered_entity(w->g, i)->kind != ENTITY_PROCESS ||
                              gathered_entity(w->g, i)->stopped);
    sink_fact_text(&w->sink, "end_reason", stopped || w->g->ended ? "ended" : "log");
    sink_fact_number(&w->sink, "wall_ns", w->end_ns - w->begin_ns);
    sink_fact_number(&w->sink, "ended_ns", w->end_ns + w->shift_ns);
}

static int write_to(struct writing *w, const struct recording_options *wanted)
{
    /* One clock for all; without a wall clock there is nothing to tie it to. */
    uint64_t begin_ns = w->begin_ns + w->shift_ns;
    uint64_t real_ns = w->g->clock != GATHERED_OWN_CLOCK ? begin_ns : 0;
    const struct record_anchor anchor = {begin_ns, real_ns, real_ns};
    struct recording_options options = {.path = wanted->path,
                                        .fd = wanted->fd,
                                        .replace = wanted->replace,
                                        .interval_ns = w->interval_ns,
                                        .anchor = &anchor,
                                        .codec = wanted->codec};
    struct recording *recording;
    int r = recording_create(&options, &recording);
    if (r != 0)
        return r;
    w->sink = recording_sink(recording);
    put_session(w);
    for (size_t i = 0; i < w->g->points.count && !w->no_memory;)
        i = put_tick(w, i);
    if (!w->no_memory && gathered_put_marks(w->g, recording, w->entity, w->shift_ns) != 0)
        w->no_memory = true;
    put_outcome(w);
    r = recording_close(recording);
    return w->no_memory ? -ENOMEM : r;
}

int gathered_write(struct gathered *g, const struct recording_options *options)
{
    struct writing w = {.g = g};
    if (!gathered_any(g))
        return -ENODATA;
    int r = prepare(&w);
    if (r == 0)
        r = write_to(&w, options);
    free(w.points);
    free(w.entity);
    free(w.handle);
    free(w.first_label);
    return r;
}
