/* From what was gathered to a recording. */
#include <errno.h>
#include <stdlib.h>

#include "import/gathered.h"

struct process_state {
    uint32_t entity; /* 0: not born yet */
    void *handle;
};

struct writing {
    const struct gathered *g;
    struct gathered_point *points; /* in order of time */
    struct process_state *states;  /* by process */
    uint32_t *first_label;         /* by number of the point, and one more: into g->labels */
    uint32_t entities;
    uint64_t begin_ns, end_ns, interval_ns;
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
    int order = (left->time_ns > right->time_ns) - (left->time_ns < right->time_ns);
    return order != 0 ? order : (left->number > right->number) - (left->number < right->number);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* The median distance of a process's points, of all processes. 0: there is none. */
static int guess_interval(struct writing *w)
{
    size_t n = 0, count = w->g->points.count;
    uint64_t *last_ns = calloc(w->g->processes.count + 1, sizeof *last_ns);
    uint64_t *distance = malloc((count + 1) * sizeof *distance);
    if (last_ns == NULL || distance == NULL) {
        free(last_ns);
        free(distance);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gathered_point *p = &w->points[i];
        if (last_ns[p->process] != 0)
            distance[n++] = p->time_ns - last_ns[p->process];
        last_ns[p->process] = p->time_ns;
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
    for (uint32_t i = 0; i < w->g->processes.count; i++) {
        const struct gathered_process *p = gathered_process(w->g, i);
        if (p->start_ns != 0 && p->start_ns < w->begin_ns)
            w->begin_ns = p->start_ns;
    }
}

static int prepare(struct writing *w)
{
    size_t count = w->g->points.count;
    w->points = malloc(count * sizeof *w->points);
    w->states = calloc(w->g->processes.count, sizeof *w->states);
    w->first_label = malloc((count + 1) * sizeof *w->first_label);
    if (w->points == NULL || w->states == NULL || w->first_label == NULL)
        return -ENOMEM;
    memcpy(w->points, points_of(w->g), count * sizeof *w->points);
    qsort(w->points, count, sizeof *w->points, by_time);
    index_labels(w);
    find_bounds(w);
    return guess_interval(w);
}

/* ---- tick by tick ---- */

static void put_birth(struct writing *w, uint32_t process)
{
    const struct gathered_process *p = gathered_process(w->g, process);
    struct process_state *state = &w->states[process];
    state->entity = ++w->entities;
    struct record r = {.type = RECORD_BIRTH,
                       .birth = {.entity = state->entity,
                                 .time_ns = p->first_ns,
                                 .pid = p->pid,
                                 .uid = UINT32_MAX,
                                 .start_boot_ns = p->start_ns,
                                 /* With its start its counters are known from 0 on. */
                                 .flags = BIRTH_ROOT | (p->start_ns != 0 ? BIRTH_FORKED : 0)}};
    w->sink.record(w->sink.user, &r);
    state->handle = w->sink.add(w->sink.user, state->entity, ENTITY_PROCESS);
    w->no_memory = w->no_memory || state->handle == NULL;
}

static void put_labels(struct writing *w, const struct gathered_point *point)
{
    const struct gathered_label *labels = w->g->labels.items;
    for (uint32_t i = w->first_label[point->number]; i < w->first_label[point->number + 1]; i++) {
        struct record r = {.type = RECORD_LABEL,
                           .label = {.entity = w->states[point->process].entity,
                                     .time_ns = point->time_ns,
                                     .text = {w->g->texts.data + labels[i].at, labels[i].bytes}}};
        w->sink.record(w->sink.user, &r);
    }
}

static void put_point(struct writing *w, const struct gathered_point *point)
{
    const uint64_t *from = w->g->values.items;
    if (point->known != 0) /* else there may be no values at all */
        from += point->values;
    const struct kind_info *info = kind_info(ENTITY_PROCESS);
    uint64_t value[PROCESS_METRICS];
    uint32_t groups = 0;
    for (uint64_t left = point->known; left != 0; left &= left - 1) {
        int metric = __builtin_ctzll(left);
        value[metric] = *from++;
        groups |= UINT32_C(1) << info->metrics[metric].group;
    }
    w->sink.put(w->sink.user, w->states[point->process].handle, ENTITY_PROCESS, groups, false,
                value, point->known);
}

static void put_end(struct writing *w, const struct gathered_point *point)
{
    const struct gathered_process *p = gathered_process(w->g, point->process);
    struct process_state *state = &w->states[point->process];
    if (p->last_ns != point->time_ns)
        return;
    struct record r = {.type = RECORD_EXIT,
                       .exit = {.entity = state->entity, .time_ns = point->time_ns}};
    w->sink.record(w->sink.user, &r);
    w->sink.remove(w->sink.user, state->handle, ENTITY_PROCESS);
}

/* The points of one moment: from `first` up to the next moment, whose index is returned. */
static size_t put_tick(struct writing *w, size_t first)
{
    size_t end = first;
    for (; end < w->g->points.count && w->points[end].time_ns == w->points[first].time_ns; end++)
        if (w->states[w->points[end].process].entity == 0)
            put_birth(w, w->points[end].process);
    if (w->no_memory)
        return end;
    w->sink.tick(w->sink.user, w->points[first].time_ns);
    for (size_t i = first; i < end; i++) {
        put_labels(w, &w->points[i]);
        put_point(w, &w->points[i]);
        put_end(w, &w->points[i]);
    }
    w->sink.tick_end(w->sink.user);
    return end;
}

/* ---- all of it ---- */

static void put_session(struct writing *w)
{
    sink_fact_text(&w->sink, "target", "log");
    sink_fact_bytes(&w->sink, "imported_from", w->g->names.data, w->g->names.len);
    sink_fact_number(&w->sink, "started_ns", w->begin_ns);
    sink_fact_number(&w->sink, "started_real_ns", w->begin_ns);
    if (w->interval_ns != 0)
        sink_fact_number(&w->sink, "interval_ns", w->interval_ns);
}

static void put_outcome(struct writing *w)
{
    bool stopped = true;
    for (uint32_t i = 0; i < w->g->processes.count; i++)
        stopped = stopped && gathered_process(w->g, i)->stopped;
    sink_fact_text(&w->sink, "end_reason", stopped ? "ended" : "log");
    sink_fact_number(&w->sink, "wall_ns", w->end_ns - w->begin_ns);
    sink_fact_number(&w->sink, "ended_ns", w->end_ns);
}

static int write_to(struct writing *w, const struct recording_options *wanted)
{
    /* One clock for all: see the header. */
    const struct record_anchor anchor = {w->begin_ns, w->begin_ns, w->begin_ns};
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
    put_outcome(w);
    r = recording_close(recording);
    return w->no_memory ? -ENOMEM : r;
}

int gathered_write(struct gathered *g, const struct recording_options *options)
{
    struct writing w = {.g = g};
    if (g->points.count == 0)
        return -ENODATA;
    int r = prepare(&w);
    if (r == 0)
        r = write_to(&w, options);
    free(w.points);
    free(w.states);
    free(w.first_label);
    return r;
}
