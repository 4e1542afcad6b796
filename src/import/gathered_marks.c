#include "import/gathered_marks.h"

#include <errno.h>
#include <stdlib.h>

#define LANES_MAX 1024 /* of a process; scopes that need more are counted as lost */
#define MARKS_AT_ONCE 4096
#define TID_NOBODYS \
    UINT64_C(500000000) /* above what a kernel gives: of threads that no log told of */

/* Scopes that lie in each other: what is a thread's. */
struct lane {
    struct array open; /* places of scopes, the innermost last */
    uint64_t last_ns;  /* of its marks */
    uint64_t thread, marks;
    struct mark *mark; /* MARKS_AT_ONCE, not handed over yet */
    size_t waiting;
};

struct marks_put {
    struct gathered *g;
    struct recording *recording;
    struct sample_sink sink;
    const uint32_t *entity;
    uint64_t shift_ns;
    struct lane *lane; /* LANES_MAX, of the entity at hand */
    size_t lanes;
    uint64_t threads, lost;
    bool no_memory;
};

static int by_begin(const void *a, const void *b)
{
    const struct gathered_scope *left = a, *right = b;
    if (left->entity != right->entity)
        return left->entity < right->entity ? -1 : 1;
    if (left->begin_ns != right->begin_ns)
        return left->begin_ns < right->begin_ns ? -1 : 1;
    return (left->end_ns < right->end_ns) -
           (left->end_ns > right->end_ns); /* the outer one first */
}

static int by_entity_and_time(const void *a, const void *b)
{
    const struct gathered_value *left = a, *right = b;
    if (left->entity != right->entity)
        return left->entity < right->entity ? -1 : 1;
    return (left->time_ns > right->time_ns) - (left->time_ns < right->time_ns);
}

static struct gathered_scope *scopes_of(const struct marks_put *p)
{
    return p->g->scopes.items;
}

static struct span span_of(const struct gathered *g, struct gathered_text text)
{
    return text.bytes == 0 ? (struct span){0} : (struct span){g->texts.data + text.at, text.bytes};
}

static void put_sites(struct marks_put *p)
{
    const struct gathered_site *sites = p->g->sites.items;
    for (size_t i = 0; i < p->g->sites.count && recording_has_room(p->recording); i++)
        p->sink.record(p->sink.user,
                       &(struct record){.type = RECORD_SITE,
                                        .site = {.site = i + 1,
                                                 .name = span_of(p->g, sites[i].name),
                                                 .category = span_of(p->g, sites[i].category)}});
}

/* ---- lanes ---- */

static void hand_over(struct marks_put *p, struct lane *lane)
{
    recording_marks(p->recording, lane->thread, lane->marks, lane->mark, lane->waiting);
    lane->marks += lane->waiting;
    lane->waiting = 0;
}

static void put_mark(struct marks_put *p, struct lane *lane, uint64_t time_ns, enum mark_kind kind,
                     uint32_t site, double value)
{
    struct mark *mark = &lane->mark[lane->waiting++];
    *mark = (struct mark){.time_ns = time_ns + p->shift_ns, .site = site, .kind = kind};
    if (kind == MARK_COUNTER)
        memcpy(&mark->value, &value, sizeof mark->value);
    lane->last_ns = time_ns;
    if (lane->waiting == MARKS_AT_ONCE)
        hand_over(p, lane);
}

static const struct gathered_scope *innermost(const struct marks_put *p, const struct lane *lane)
{
    return lane->open.count == 0
               ? NULL
               : &scopes_of(p)[((const size_t *)lane->open.items)[lane->open.count - 1]];
}

/* Ends what ended by then. */
static void end_until(struct marks_put *p, struct lane *lane, uint64_t time_ns)
{
    const struct gathered_scope *top;
    while ((top = innermost(p, lane)) != NULL && top->end_ns <= time_ns &&
           top->end_ns != GATHERED_UNENDED) {
        put_mark(p, lane, top->end_ns, MARK_END, top->site, 0);
        lane->open.count--;
    }
}

/* Zeroed, with a thread of its own; the first of a process is its main thread. NULL without memory. */
static struct lane *add_lane(struct marks_put *p, uint32_t entity)
{
    struct lane *lane = &p->lane[p->lanes];
    struct mark *mark = malloc(MARKS_AT_ONCE * sizeof *mark);
    if (mark == NULL) {
        p->no_memory = true;
        return NULL;
    }
    *lane = (struct lane){.thread = ++p->threads, .mark = mark};
    const struct gathered_entity *e = gathered_entity(p->g, entity);
    recording_has_room(p->recording);
    p->sink.record(
        p->sink.user,
        &(struct record){.type = RECORD_THREAD,
                         .thread = {.thread = lane->thread,
                                    .entity = p->entity[entity],
                                    .tid = p->lanes == 0 ? e->pid : TID_NOBODYS + p->threads,
                                    .time_ns = e->first_ns + p->shift_ns}});
    p->lanes++;
    return lane;
}

/* The first into which it fits; NULL where there is none. */
static struct lane *lane_for(struct marks_put *p, const struct gathered_scope *scope)
{
    for (size_t i = 0; i < p->lanes; i++) {
        end_until(p, &p->lane[i], scope->begin_ns);
        const struct gathered_scope *top = innermost(p, &p->lane[i]);
        if (top == NULL || top->end_ns >= scope->end_ns)
            return &p->lane[i];
    }
    return p->lanes < LANES_MAX ? add_lane(p, scope->entity) : NULL;
}

static void close_lanes(struct marks_put *p)
{
    for (size_t i = 0; i < p->lanes; i++) {
        struct lane *lane = &p->lane[i];
        end_until(p, lane, GATHERED_UNENDED - 1);
        hand_over(p, lane);
        free(lane->mark);
        free(lane->open.items);
    }
    p->lanes = 0;
}

static void put_scope(struct marks_put *p, size_t place)
{
    const struct gathered_scope *scope = &scopes_of(p)[place];
    struct lane *lane = lane_for(p, scope);
    p->lost += lane == NULL;
    size_t *open = lane != NULL ? array_add(&lane->open, sizeof *open) : NULL;
    if (open == NULL) {
        p->no_memory |= lane != NULL;
        return;
    }
    *open = place;
    put_mark(p, lane, scope->begin_ns, MARK_BEGIN, scope->site, 0);
}

/* Counters have a lane of their own: it is nobody's scope. */
static void put_counts(struct marks_put *p, uint32_t entity, size_t *at)
{
    const struct gathered_value *v = p->g->counts.items;
    struct lane *lane = NULL;
    for (; *at < p->g->counts.count && v[*at].entity == entity; ++*at) {
        if (lane == NULL && (lane = add_lane(p, entity)) == NULL)
            return;
        put_mark(p, lane, v[*at].time_ns, MARK_COUNTER, v[*at].site, v[*at].value);
    }
}

static void put_entity(struct marks_put *p, uint32_t entity, size_t *scope, size_t *count)
{
    p->lost = 0;
    for (; *scope < p->g->scopes.count && scopes_of(p)[*scope].entity == entity; ++*scope)
        put_scope(p, *scope);
    close_lanes(p);
    put_counts(p, entity, count);
    close_lanes(p);
    if (p->lost > 0)
        p->sink.record(p->sink.user,
                       &(struct record){.type = RECORD_LOST,
                                        .lost = {.entity = p->entity[entity], .others = p->lost}});
}

int gathered_put_marks(struct gathered *g, struct recording *recording, const uint32_t *entity,
                       uint64_t shift_ns)
{
    struct marks_put p = {.g = g,
                          .recording = recording,
                          .sink = recording_sink(recording),
                          .entity = entity,
                          .shift_ns = shift_ns};
    if (g->scopes.count == 0 && g->counts.count == 0)
        return 0;
    p.lane = calloc(LANES_MAX, sizeof *p.lane);
    if (p.lane == NULL)
        return -ENOMEM;
    put_sites(&p);
    if (g->scopes.count > 0)
        qsort(g->scopes.items, g->scopes.count, sizeof(struct gathered_scope), by_begin);
    if (g->counts.count > 0)
        qsort(g->counts.items, g->counts.count, sizeof(struct gathered_value), by_entity_and_time);
    size_t scope = 0, count = 0;
    for (uint32_t i = 0; i < g->entities.count; i++)
        put_entity(&p, i, &scope, &count);
    free(p.lane);
    return p.no_memory ? -ENOMEM : 0;
}
