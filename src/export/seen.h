/* What was last seen of each entity: for CPU time as a rate, and for what an idle process still
 * has. */
#ifndef TACHO_EXPORT_SEEN_H
#define TACHO_EXPORT_SEEN_H

#include "export/cell.h"
#include "export/entity_map.h"

struct seen {
    uint64_t cpu_time_ns, cpu_ns; /* when CPU time was last known, and how much; time 0: never */
    uint64_t current;             /* metrics whose last value held at the last tick */
};

/* Zeroes are empty. */
struct seen_entities {
    struct entity_map index; /* -> position in `seen` */
    struct seen *seen;
    size_t n, cap;
    size_t unused; /* position + 1 of the first freed one, 0: none; its `current` has the next */
};

void seen_done(struct seen_entities *entities);

/* Zeroes at first. NULL without memory and for entity 0. Valid until the next seen_of. */
struct seen *seen_of(struct seen_entities *entities, uint32_t entity);

void seen_forget(struct seen_entities *entities, uint32_t entity);

/*
 * CPU time used since the last call for the entity, in hundredths of a percent of one processor.
 * Missing at the first, and when the counter fell.
 */
struct cell seen_cpu_percent(struct seen *seen, uint64_t time_ns, uint64_t cpu_ns);

#endif
