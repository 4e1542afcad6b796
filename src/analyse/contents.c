#include "analyse/contents.h"

static void count_entities(struct tacho_recording *rec, struct contents *c)
{
    c->kind[TACHO_PROCESS].entities = tacho_process_count(rec);
    for (size_t i = 0; i < tacho_entity_count(rec); i++) {
        unsigned kind = tacho_entity(rec, i)->kind;
        if (kind < CONTENTS_KINDS && kind != TACHO_PROCESS)
            c->kind[kind].entities++;
    }
}

static void count_tick(struct contents *c, uint64_t time_ns)
{
    if (c->ticks == 0)
        c->first_tick_ns = time_ns;
    else if (time_ns - c->last_tick_ns > c->longest_ns)
        c->longest_ns = time_ns - c->last_tick_ns;
    c->last_tick_ns = time_ns;
    c->ticks++;
}

int contents_count(struct tacho_recording *rec, struct contents *ret)
{
    struct tacho_walk *walk;
    struct tacho_sample sample;
    *ret = (struct contents){0};
    count_entities(rec, ret);
    int r = tacho_walk_open(rec, 0, UINT64_MAX, (1u << CONTENTS_KINDS) - 1, &walk);
    if (r != 0)
        return r;
    while ((r = tacho_walk_next(walk, &sample)) == 1) {
        if (ret->ticks == 0 || sample.time_ns != ret->last_tick_ns)
            count_tick(ret, sample.time_ns);
        if (sample.kind >= CONTENTS_KINDS)
            continue;
        ret->kind[sample.kind].samples++;
        ret->kind[sample.kind].idle += sample.idle;
        for (uint64_t left = sample.fresh & sample.known; left != 0; left &= left - 1) {
            ret->kind[sample.kind].values[__builtin_ctzll(left)]++;
            ret->values++;
        }
    }
    tacho_walk_close(walk);
    return r;
}
