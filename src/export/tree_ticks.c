#include "export/tree_ticks.h"

#include <errno.h>

#include "export/entity_map.h"

struct ticks {
    struct tree_pass pass;
    struct tacho_recording *rec;
    struct entity_map places;
    size_t born; /* so many have been told of */
};

/* All that were seen by then, sampled or not. */
static int tell_born(struct ticks *t, uint64_t until_ns)
{
    int r = 0;
    for (; r == 0 && t->born < tacho_process_count(t->rec); t->born++) {
        const struct tacho_process *p = tacho_process(t->rec, t->born);
        if (p->seen_ns > until_ns)
            break;
        r = tree_pass_born(&t->pass, t->born, p);
    }
    return r;
}

static int begin_tick(struct ticks *t, uint64_t time_ns)
{
    int r = tree_pass_tick(&t->pass, time_ns);
    return r == 0 ? tell_born(t, time_ns) : r;
}

static int take_process(struct ticks *t, const struct tacho_sample *sample)
{
    const uint64_t *place = entity_map_get(&t->places, sample->entity);
    if (place == NULL)
        return 0; /* samples of something without a birth: lost with a block */
    int r = 0;
    if (*place >= t->born)
        r = tell_born(t, UINT64_MAX); /* sampled before it was seen: all in order */
    if (r == 0)
        r = lineage_walk_seen(&t->pass.lineage, (size_t)*place);
    if (r < 0)
        return r;
    const struct tacho_process *p = tacho_process(t->rec, (size_t)*place);
    return tree_pass_process(&t->pass, (size_t)*place, (p->flags & TACHO_PROCESS_FORKED) != 0,
                             sample);
}

static int take_sample(struct ticks *t, const struct tacho_sample *sample)
{
    int r = 0;
    if (!t->pass.in_tick || sample->time_ns != t->pass.tick.time_ns)
        r = begin_tick(t, sample->time_ns);
    if (r < 0)
        return r;
    if (sample->kind == TACHO_PROCESS)
        return take_process(t, sample);
    tree_pass_other(&t->pass, sample);
    return 0;
}

static int walk_samples(struct ticks *t)
{
    const unsigned kinds = 1u << TACHO_PROCESS | 1u << TACHO_TREE | 1u << TACHO_MACHINE |
                           1u << TACHO_DISK | 1u << TACHO_GPU;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    int read, r = tacho_walk_open(t->rec, 0, UINT64_MAX, kinds, &walk);
    if (r < 0)
        return r;
    while (r == 0 && (read = tacho_walk_next(walk, &sample)) != 0)
        r = read < 0 ? read : take_sample(t, &sample);
    tacho_walk_close(walk);
    return r == 0 ? tree_pass_finish(&t->pass) : r;
}

static int map_places(struct ticks *t)
{
    for (size_t i = 0; i < tacho_process_count(t->rec); i++)
        if (entity_map_put(&t->places, tacho_process(t->rec, i)->entity, i) == -ENOMEM)
            return -ENOMEM;
    return 0;
}

int tree_ticks_run(struct export *export, const struct tree_listener *listener)
{
    struct ticks t = {.rec = export->rec};
    int r = tree_pass_open(&t.pass, export, listener);
    if (r == 0)
        r = map_places(&t);
    if (r == 0)
        r = walk_samples(&t);
    if (r == 0)
        r = tell_born(&t, UINT64_MAX);
    for (size_t i = 0; r == 0 && listener->ended != NULL && i < t.born; i++)
        r = listener->ended(listener->user, i, tacho_process(t.rec, i));
    tree_pass_done(&t.pass);
    entity_map_done(&t.places);
    return r;
}

static int root_pid(const struct tacho_recording *rec)
{
    for (size_t i = 0; i < tacho_process_count(rec); i++)
        if ((tacho_process(rec, i)->flags & TACHO_PROCESS_ROOT) != 0)
            return tacho_process(rec, i)->pid;
    return tacho_process_count(rec) > 0 ? tacho_process(rec, 0)->pid : 0;
}

int tree_ticks_write(struct export *export, const struct tree_writer *writer)
{
    struct tree_listener listener = {0};
    int r = writer->open(export, root_pid(export->rec), &listener);
    if (r == 0)
        r = tree_ticks_run(export, &listener);
    if (r == 0)
        r = writer->flush(listener.user);
    writer->close(listener.user);
    return r;
}
