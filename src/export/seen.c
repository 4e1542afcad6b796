#include "export/seen.h"

#include <stdlib.h>

void seen_done(struct seen_entities *entities)
{
    entity_map_done(&entities->index);
    free(entities->seen);
    *entities = (struct seen_entities){0};
}

/* Position of a new one, SIZE_MAX without memory. */
static size_t take_place(struct seen_entities *entities)
{
    if (entities->unused != 0) {
        size_t at = entities->unused - 1;
        entities->unused = (size_t)entities->seen[at].current;
        return at;
    }
    if (entities->n == entities->cap) {
        size_t cap = entities->cap == 0 ? 64 : entities->cap * 2;
        struct seen *grown = reallocarray(entities->seen, cap, sizeof *grown);
        if (grown == NULL)
            return SIZE_MAX;
        entities->seen = grown;
        entities->cap = cap;
    }
    return entities->n++;
}

static void leave_place(struct seen_entities *entities, size_t at)
{
    entities->seen[at].current = entities->unused;
    entities->unused = at + 1;
}

struct seen *seen_of(struct seen_entities *entities, uint32_t entity)
{
    const uint64_t *known = entity_map_get(&entities->index, entity);
    if (known != NULL)
        return &entities->seen[*known];
    size_t at = take_place(entities);
    if (at == SIZE_MAX)
        return NULL;
    if (entity_map_put(&entities->index, entity, at) != 0) {
        leave_place(entities, at);
        return NULL;
    }
    entities->seen[at] = (struct seen){0};
    return &entities->seen[at];
}

void seen_forget(struct seen_entities *entities, uint32_t entity)
{
    const uint64_t *at = entity_map_get(&entities->index, entity);
    if (at == NULL)
        return;
    leave_place(entities, (size_t)*at);
    entity_map_remove(&entities->index, entity);
}

static struct cell percent_of(uint64_t used, uint64_t interval)
{
    if (used < UINT64_MAX / 20000)
        return cell_number(CELL_HUNDREDTHS, (used * 10000 + interval / 2) / interval);
    /* 10 days of CPU time in one step: many processors and a long gap. */
    __extension__ typedef unsigned __int128 wide;
    wide percent = ((wide)used * 10000 + interval / 2) / interval;
    return percent > UINT64_MAX ? cell_missing() : cell_number(CELL_HUNDREDTHS, (uint64_t)percent);
}

struct cell seen_cpu_percent(struct seen *seen, uint64_t time_ns, uint64_t cpu_ns)
{
    struct seen before = *seen;
    if (time_ns <= before.cpu_time_ns)
        return cell_missing();
    seen->cpu_time_ns = time_ns;
    seen->cpu_ns = cpu_ns;
    if (before.cpu_time_ns == 0 || cpu_ns < before.cpu_ns)
        return cell_missing();
    return percent_of(cpu_ns - before.cpu_ns, time_ns - before.cpu_time_ns);
}
