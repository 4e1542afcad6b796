#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

static size_t home_of(const struct map *map, uint32_t key)
{
    /* Fibonacci hashing: neighbouring pids land far apart. */
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (map->cap - 1);
}

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

/* The slot that holds `key`, or the empty one where it would go. */
static struct map_slot *slot_of(const struct map *map, uint32_t key)
{
    size_t i = home_of(map, key);
    while (map->slots[i].key != 0 && map->slots[i].key != key)
        i = (i + 1) & (map->cap - 1);
    return &map->slots[i];
}

uint64_t *map_get(const struct map *map, uint32_t key)
{
    if (map->cap == 0 || key == 0)
        return NULL;
    struct map_slot *slot = slot_of(map, key);
    return slot->key == key ? &slot->value : NULL;
}

static int grow(struct map *map)
{
    struct map bigger = {.cap = map->cap == 0 ? 64 : map->cap * 2, .count = map->count};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].key != 0)
            *slot_of(&bigger, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = bigger;
    return 0;
}

int map_put(struct map *map, uint32_t key, uint64_t value)
{
    if (key == 0)
        return -EINVAL;
    if (map->count >= map->cap / 2) {
        int r = grow(map);
        if (r < 0)
            return r;
    }
    struct map_slot *slot = slot_of(map, key);
    map->count += slot->key == 0;
    *slot = (struct map_slot){key, value};
    return 0;
}

bool map_remove(struct map *map, uint32_t key)
{
    if (map_get(map, key) == NULL)
        return false;
    size_t hole = (size_t)(slot_of(map, key) - map->slots);
    /* Move back what probing would no longer find past the hole. */
    for (size_t i = (hole + 1) & (map->cap - 1); map->slots[i].key != 0;
         i = (i + 1) & (map->cap - 1)) {
        size_t home = home_of(map, map->slots[i].key);
        if (((i - home) & (map->cap - 1)) >= ((i - hole) & (map->cap - 1))) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].key = 0;
    map->count--;
    return true;
}
