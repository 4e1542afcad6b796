#include "analyse/snapshot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

#define INTERVAL_DEFAULT_NS NS_PER_S /* of what does not say, such as logs */

/* What is read of a process, with its position in this recording. */
enum field { CPU, RSS, PSS, THREADS, STATE, READ, WRITTEN, FIELDS };
static const char *const names[FIELDS] = {
    "cpu", "rss", "pss", "num_threads", "status", "read_bytes", "write_bytes",
};

/* The first and the last that was seen of a process. */
struct seen {
    uint32_t entity;
    uint64_t first_ns, last_ns;
    uint64_t first[FIELDS], last[FIELDS]; /* SNAPSHOT_UNKNOWN */
};

struct taking {
    struct tacho_recording *rec;
    int position[FIELDS];
    struct map place; /* entity -> place in `seen` */
    struct seen *seen;
    size_t count, cap;
    uint64_t from_ns, tick_ns;
};

static void read_fields(const struct taking *t, const struct tacho_sample *sample,
                        uint64_t ret[FIELDS])
{
    for (unsigned f = 0; f < FIELDS; f++) {
        int position = t->position[f];
        bool known = position >= 0 && (sample->known >> position & 1) != 0;
        ret[f] = known ? sample->value[position] : SNAPSHOT_UNKNOWN;
    }
}

static int take_sample(struct taking *t, const struct tacho_sample *sample)
{
    const uint64_t *place = map_get(&t->place, sample->entity);
    if (place == NULL) {
        if (t->count == t->cap) {
            size_t cap = t->cap == 0 ? 64 : t->cap * 2;
            struct seen *grown = realloc(t->seen, cap * sizeof *grown);
            if (grown == NULL)
                return -ENOMEM;
            t->seen = grown;
            t->cap = cap;
        }
        struct seen *new = &t->seen[t->count];
        new->entity = sample->entity;
        new->first_ns = sample->time_ns;
        read_fields(t, sample, new->first);
        if (map_put(&t->place, sample->entity, t->count) != 0)
            return -ENOMEM;
        t->count++;
        place = map_get(&t->place, sample->entity);
    }
    struct seen *seen = &t->seen[*place];
    seen->last_ns = t->tick_ns = sample->time_ns;
    read_fields(t, sample, seen->last);
    return 0;
}

static int walk(struct taking *t, uint64_t to_ns)
{
    struct tacho_walk *walk;
    struct tacho_sample sample;
    int r = tacho_walk_open(t->rec, t->from_ns, to_ns, 1u << TACHO_PROCESS, &walk);
    if (r != 0)
        return r;
    while ((r = tacho_walk_next(walk, &sample)) == 1)
        if ((r = take_sample(t, &sample)) != 0)
            break;
    tacho_walk_close(walk);
    return r;
}

/* Per second; NAN where it is not known. One that was just born began at nothing. */
static double rate_of(const struct taking *t, const struct tacho_process *p,
                      const struct seen *seen, enum field field)
{
    uint64_t from_ns = seen->first_ns, from = seen->first[field];
    if (seen->last[field] == SNAPSHOT_UNKNOWN)
        return NAN;
    if ((p->flags & TACHO_PROCESS_FORKED) != 0 && p->seen_ns >= t->from_ns &&
        p->seen_ns < seen->last_ns) {
        from_ns = p->seen_ns;
        from = 0;
    }
    if (from == SNAPSHOT_UNKNOWN || from_ns >= seen->last_ns || seen->last[field] < from)
        return NAN;
    return (double)(seen->last[field] - from) / (double)(seen->last_ns - from_ns) * 1e9;
}

/* Those that were there at the last tick, in the order of the recording. */
static void fill(const struct taking *t, struct snapshot *ret)
{
    size_t all = tacho_process_count(t->rec);
    for (size_t i = 0; i < all && ret->count < t->count; i++) {
        const struct tacho_process *p = tacho_process(t->rec, i);
        uint64_t *place = map_get(&t->place, p->entity);
        const struct seen *seen = place == NULL ? NULL : &t->seen[*place];
        if (seen == NULL || seen->last_ns != t->tick_ns)
            continue;
        *place = ret->count;
        ret->process[ret->count++] = (struct snapshot_process){
            .process = p,
            .parent = SNAPSHOT_NOBODY,
            .cores = rate_of(t, p, seen, CPU) / 1e9,
            .read_rate = rate_of(t, p, seen, READ),
            .write_rate = rate_of(t, p, seen, WRITTEN),
            .cpu_ns = seen->last[CPU],
            .rss_bytes = seen->last[RSS],
            .pss_bytes = seen->last[PSS],
            .threads = seen->last[THREADS],
            .state = seen->last[STATE],
        };
    }
}

/* The nearest ancestor that is there: one that has ended left its children behind. */
static void find_parents(const struct taking *t, struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct tacho_process *p = snapshot->process[i].process;
        for (int steps = 0; p != NULL && p->parent_entity != 0 && steps < 64; steps++) {
            const uint64_t *place = map_get(&t->place, p->parent_entity);
            if (place != NULL && *place < snapshot->count && *place != i &&
                snapshot->process[*place].process->entity == p->parent_entity) {
                snapshot->process[i].parent = *place;
                break;
            }
            p = tacho_process_of(t->rec, p->parent_entity);
        }
    }
}

int snapshot_take(struct tacho_recording *rec, uint64_t time_ns, uint64_t interval_ns,
                  struct snapshot *ret)
{
    struct taking t = {.rec = rec};
    struct snapshot new = {.time_ns = SNAPSHOT_UNKNOWN};
    if (interval_ns == SNAPSHOT_UNKNOWN)
        interval_ns = INTERVAL_DEFAULT_NS;
    /* The tick before is inside, even where the last one came late. */
    uint64_t window_ns = interval_ns < NS_PER_S / 2 ? NS_PER_S : interval_ns * 5 / 2;
    t.from_ns = time_ns > window_ns ? time_ns - window_ns : 0;
    for (unsigned f = 0; f < FIELDS; f++)
        t.position[f] = tacho_metric_find(rec, TACHO_PROCESS, names[f]);
    int r = walk(&t, time_ns);
    if (r == 0 && t.count > 0) {
        new.time_ns = t.tick_ns;
        new.process = calloc(t.count, sizeof *new.process);
        r = new.process == NULL ? -ENOMEM : 0;
    }
    if (r == 0 && t.count > 0) {
        fill(&t, &new);
        find_parents(&t, &new);
    }
    map_done(&t.place);
    free(t.seen);
    if (r == 0)
        *ret = new;
    return r;
}

void snapshot_done(struct snapshot *snapshot)
{
    free(snapshot->process);
    *snapshot = (struct snapshot){.time_ns = SNAPSHOT_UNKNOWN};
}
