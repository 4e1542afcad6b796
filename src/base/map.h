/*
 * A hash map from a non-zero 32-bit key (a pid, an entity) to 64 bits. Open addressing, no
 * tombstones.
 */
#ifndef TACHO_BASE_MAP_H
#define TACHO_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint32_t key; /* 0: empty */
    uint64_t value;
};

struct map {
    struct map_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

void map_done(struct map *map);

/* NULL where there is no such key. Valid until the next map_put or map_remove. */
uint64_t *map_get(const struct map *map, uint32_t key);

/* Inserts or replaces. 0 or -ENOMEM. */
int map_put(struct map *map, uint32_t key, uint64_t value);

/* Whether the key was there. */
bool map_remove(struct map *map, uint32_t key);

#endif
