#include "read/walk.h"

#include <errno.h>
#include <stdlib.h>

#include "read/block_stream.h"

struct tacho_walk {
    uint64_t from_ns, to_ns;
    struct stream stream[STREAMS];
    bool pending[STREAMS];  /* stands at a tick that was not given out */
    struct stream *current; /* whose tick is being given out, or NULL */
    bool any;
    uint64_t last_ns, tick;
};

static int open_walk(struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, unsigned kinds,
                     uint32_t only, struct tacho_walk **ret)
{
    struct tacho_walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return -ENOMEM;
    const unsigned processes = 1u << TACHO_PROCESS;
    walk->from_ns = from_ns;
    walk->to_ns = to_ns;
    stream_init(&walk->stream[STREAM_OVERVIEW], rec, STREAM_OVERVIEW, from_ns, to_ns,
                kinds & ~processes, only);
    stream_init(&walk->stream[STREAM_PROCESSES], rec, STREAM_PROCESSES, from_ns, to_ns,
                kinds & processes, only);
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &walk->stream[i];
        if (s->kinds == 0)
            s->next = s->end;
        int r = stream_tick(s);
        if (r < 0) {
            tacho_walk_close(walk);
            return r;
        }
        walk->pending[i] = r == 1;
    }
    *ret = walk;
    return 0;
}

int tacho_walk_open(struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, unsigned kinds,
                    struct tacho_walk **ret)
{
    return open_walk(rec, from_ns, to_ns, kinds, 0, ret);
}

int walk_open_entity(struct tacho_recording *rec, uint64_t from_ns, uint64_t to_ns, unsigned kind,
                     uint32_t entity, struct tacho_walk **ret)
{
    return open_walk(rec, from_ns, to_ns, kind < KINDS_MAX ? 1u << kind : 0, entity, ret);
}

/* Turns to the stream with the earliest tick, the overview first. False at the end. */
static bool choose_stream(struct tacho_walk *walk)
{
    walk->current = NULL;
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &walk->stream[i];
        if (walk->pending[i] &&
            (walk->current == NULL || stream_time(s) < stream_time(walk->current)))
            walk->current = s;
    }
    if (walk->current == NULL)
        return false;
    uint64_t now = stream_time(walk->current);
    if (now > walk->to_ns) {
        walk->current = NULL;
        return false;
    }
    if (now >= walk->from_ns) {
        walk->tick += walk->any && now != walk->last_ns;
        walk->any = true;
        walk->last_ns = now;
    }
    return true;
}

int tacho_walk_next(struct tacho_walk *walk, struct tacho_sample *ret)
{
    for (;;) {
        if (walk->current == NULL && !choose_stream(walk))
            return 0;
        while (stream_next(walk->current, ret) == 1) {
            if (ret->time_ns < walk->from_ns)
                continue;
            ret->tick = walk->tick;
            return 1;
        }
        int r = stream_tick(walk->current);
        if (r < 0)
            return r;
        walk->pending[walk->current->name] = r == 1;
        walk->current = NULL;
    }
}

void tacho_walk_close(struct tacho_walk *walk)
{
    if (walk == NULL)
        return;
    for (int i = 0; i < STREAMS; i++)
        if (walk->stream[i].rec != NULL)
            stream_done(&walk->stream[i]);
    free(walk);
}
