/*
 * A map from entities to 64 bits. Its layout is not for recordings to choose, so that none can slow
 * it down with ids that collide.
 */
#ifndef TACHO_EXPORT_ENTITY_MAP_H
#define TACHO_EXPORT_ENTITY_MAP_H

#include "base/clock.h"
#include "base/map.h"

/* Zeroes are empty. */
struct entity_map {
    struct map map;
    uint32_t scatter; /* odd; 0 before the first put */
};

static inline void entity_map_done(struct entity_map *map)
{
    map_done(&map->map);
}

/* NULL where there is none. Valid until the next put or remove. */
static inline uint64_t *entity_map_get(const struct entity_map *map, uint32_t entity)
{
    return map_get(&map->map, entity * map->scatter);
}

/* Inserts or replaces. 0, -ENOMEM, or -EINVAL for entity 0. */
static inline int entity_map_put(struct entity_map *map, uint32_t entity, uint64_t value)
{
    if (map->scatter == 0)
        map->scatter = ((uint32_t)clock_mono_ns() ^ (uint32_t)((uintptr_t)map >> 4)) | 1;
    return map_put(&map->map, entity * map->scatter, value);
}

static inline void entity_map_remove(struct entity_map *map, uint32_t entity)
{
    map_remove(&map->map, entity * map->scatter);
}

#endif
