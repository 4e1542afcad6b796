#include "analyse/slices.h"

#include <errno.h>
#include <stdlib.h>

#include "analyse/scope_stacks.h"

#define FIRST_ROOM 1024
#define FINEST_PARTS ((uint64_t)1 << 20)   /* of the whole: no picture is so wide */
#define COARSEST_PARTS ((uint64_t)1 << 12) /* coarser than this nothing is merged */
#define COARSER 4

struct making {
    struct slices *s;
    size_t most;
    uint64_t span_ns;
    bool full;
};

/* ---- merging ---- */

static int by_depth(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

static int by_start(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->from_ns != y->from_ns)
        return x->from_ns < y->from_ns ? -1 : 1;
    return x->depth < y->depth ? -1 : x->depth > y->depth;
}

/* The site that took most leads: where one took more than half, it is the one (Boyer and Moore). */
static void take_in(struct slice *to, const struct slice *from)
{
    if (to->site == from->site) {
        to->weight_ns += from->weight_ns;
    } else if (to->weight_ns >= from->weight_ns) {
        to->weight_ns -= from->weight_ns;
    } else {
        to->weight_ns = from->weight_ns - to->weight_ns;
        to->site = from->site;
    }
    to->to_ns = from->to_ns > to->to_ns ? from->to_ns : to->to_ns;
}

static bool is_short(const struct slice *s, uint64_t than_ns)
{
    return s->to_ns - s->from_ns < than_ns;
}

static void merge(struct slices *s, uint64_t within_ns)
{
    size_t kept = 0;
    qsort(s->slice, s->count, sizeof *s->slice, by_depth);
    for (size_t i = 0; i < s->count; i++) {
        struct slice *last = kept > 0 ? &s->slice[kept - 1] : NULL, *it = &s->slice[i];
        if (last != NULL && last->thread == it->thread && last->depth == it->depth &&
            is_short(last, within_ns) && is_short(it, within_ns) &&
            it->from_ns < last->to_ns + within_ns)
            take_in(last, it);
        else
            s->slice[kept++] = *it;
    }
    s->count = kept;
    s->merged_ns = within_ns;
}

/* Coarser until half the room is free, or what is left is too long to be merged. */
static void make_room(struct making *m)
{
    uint64_t within_ns = m->s->merged_ns != 0 ? m->s->merged_ns : m->span_ns / FINEST_PARTS + 1;
    for (; within_ns <= m->span_ns / COARSEST_PARTS + 1; within_ns *= COARSER) {
        merge(m->s, within_ns);
        if (m->s->count <= m->most / 2)
            return;
    }
    /* Nearly all are long, on very many threads: merging again and again would gain nothing. */
    m->full = m->s->count > m->most - m->most / 8;
}

/* ---- the pass ---- */

static int on_thread(void *user, struct scope_thread *t)
{
    struct slices *s = ((struct making *)user)->s;
    if (s->threads == s->thread_room) {
        size_t room = s->thread_room == 0 ? 16 : 2 * s->thread_room;
        struct slice_thread *grown = realloc(s->thread, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->thread = grown;
        s->thread_room = room;
    }
    t->process = (uint32_t)s->threads;
    s->thread[s->threads++] = (struct slice_thread){.thread = t->thread};
    return 0;
}

static int grow(struct slices *s)
{
    size_t room = s->room == 0 ? FIRST_ROOM : 2 * s->room;
    struct slice *grown = realloc(s->slice, room * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    s->slice = grown;
    s->room = room;
    return 0;
}

static int on_end(void *user, struct scope_thread *t, struct scope_frame *frame,
                  const struct scope_end *end)
{
    struct making *m = user;
    struct slices *s = m->s;
    if (t->depth > UINT16_MAX)
        return 0;
    if (s->count >= m->most && !m->full)
        make_room(m);
    if (m->full) {
        s->left_out++;
        return 0;
    }
    if (s->count == s->room && grow(s) != 0)
        return -ENOMEM;
    uint64_t ns = scope_duration(frame, end);
    s->slice[s->count++] = (struct slice){
        .from_ns = frame->begin_ns,
        .to_ns = frame->begin_ns + ns,
        .weight_ns = ns,
        .thread = t->process,
        .site = frame->site,
        .depth = (uint16_t)(t->depth - 1),
    };
    return 0;
}

static void divide_among_threads(struct slices *s)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < s->threads; i++) {
        size_t first = at;
        while (at < s->count && s->slice[at].thread == i)
            at++;
        for (size_t j = first; j < at; j++)
            s->slice[j].thread = (uint32_t)kept;
        if (at > first)
            s->thread[kept++] = (struct slice_thread){s->thread[i].thread, first, at - first};
    }
    s->threads = kept;
}

int slices_make(struct tacho_recording *rec, size_t most, struct slices *ret)
{
    struct scope_losses losses;
    *ret = (struct slices){0};
    struct making m = {.s = ret, .most = most, .span_ns = tacho_last_ns(rec) - tacho_first_ns(rec)};
    const struct scope_listener listener = {.user = &m, .thread = on_thread, .end = on_end};
    int r = scope_stacks_run(rec, &listener, &losses);
    if (r != 0) {
        slices_done(ret);
        return r;
    }
    if (ret->count > 0)
        qsort(ret->slice, ret->count, sizeof *ret->slice, by_start);
    divide_among_threads(ret);
    return 0;
}

void slices_done(struct slices *s)
{
    free(s->slice);
    free(s->thread);
    *s = (struct slices){0};
}
