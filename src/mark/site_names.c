#include "mark/site_names.h"

#include <stdbool.h>
#include <string.h>

#define SLOTS (2 * SITES_MAX)

static struct {
    _Atomic uint32_t count;     /* of ids given out, 0 and those in the making included */
    _Atomic uint32_t text_used; /* may go beyond TEXT_BYTES: then the rest is unused */
    _Atomic uint32_t slot[SLOTS];
    struct site_name site[SITES_MAX];
    char text[TEXT_BYTES];
} names;

struct site_texts {
    const char *name, *category;
    size_t name_bytes, category_bytes;
};

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t n)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    for (; n > 0; bytes += n < 8 ? n : 8, n -= n < 8 ? n : 8) {
        uint64_t word = 0;
        memcpy(&word, bytes, n < 8 ? n : 8);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint32_t first_slot(const struct site_texts *t)
{
    uint64_t hash = hash_bytes(t->name_bytes, t->name, t->name_bytes);
    hash = hash_bytes(hash, t->category, t->category_bytes);
    return (uint32_t)(hash % SLOTS);
}

static bool is_of(const struct site_name *site, const struct site_texts *t)
{
    return site->name_bytes == t->name_bytes && site->category_bytes == t->category_bytes &&
           memcmp(names.text + site->name_at, t->name, t->name_bytes) == 0 &&
           memcmp(names.text + site->category_at, t->category, t->category_bytes) == 0;
}

/* Adds without going beyond `max`: `*ret` is what there was before. */
static bool take(_Atomic uint32_t *of, uint32_t n, uint32_t max, uint32_t *ret)
{
    uint32_t before = atomic_load_explicit(of, memory_order_relaxed);
    do {
        if (n > max - before)
            return false;
    } while (!atomic_compare_exchange_weak(of, &before, before + n));
    *ret = before;
    return true;
}

/* A new id with these texts, not yet to be found. 0: no room. */
static uint32_t site_add(const struct site_texts *t)
{
    uint32_t at, id, bytes = (uint32_t)(t->name_bytes + t->category_bytes);
    if (!take(&names.text_used, bytes, TEXT_BYTES, &at) ||
        !take(&names.count, 1, SITES_MAX - 1, &id))
        return 0;
    struct site_name *site = &names.site[id + 1];
    memcpy(names.text + at, t->name, t->name_bytes);
    memcpy(names.text + at + t->name_bytes, t->category, t->category_bytes);
    site->name_at = at;
    site->category_at = at + (uint32_t)t->name_bytes;
    site->name_bytes = (uint16_t)t->name_bytes;
    site->category_bytes = (uint16_t)t->category_bytes;
    atomic_store(&site->ready, 1);
    return id + 1;
}

static uint32_t id_of(const struct site_texts *t, void (*on_new)(uint32_t id))
{
    uint32_t own = 0;
    for (uint32_t i = first_slot(t), probes = 0; probes < SLOTS; i = (i + 1) % SLOTS, probes++) {
        uint32_t id = atomic_load_explicit(&names.slot[i], memory_order_acquire);
        if (id == 0) {
            if (own == 0 && (own = site_add(t)) == 0)
                return SITE_TOO_MANY;
            on_new(own);
            if (atomic_compare_exchange_strong(&names.slot[i], &id, own))
                return own;
        }
        if (is_of(&names.site[id], t))
            return id;
    }
    return SITE_TOO_MANY;
}

static struct site_texts texts_of(const char *name, const char *category)
{
    struct site_texts t = {.name = name != NULL ? name : "",
                           .category = category != NULL ? category : ""};
    t.name_bytes = strnlen(t.name, NAME_BYTES_MAX);
    t.category_bytes = strnlen(t.category, NAME_BYTES_MAX);
    return t;
}

uint32_t site_name_id(const char *name, const char *category, void (*on_new)(uint32_t id))
{
    if (atomic_load_explicit(&names.count, memory_order_relaxed) == 0) {
        struct site_texts too_many = texts_of("(too many names)", NULL);
        id_of(&too_many, on_new);
    }
    struct site_texts t = texts_of(name, category);
    return id_of(&t, on_new);
}

const struct site_name *site_name_of(uint32_t id)
{
    return id < SITES_MAX && atomic_load(&names.site[id].ready) != 0 ? &names.site[id] : NULL;
}

uint32_t site_name_count(void)
{
    return atomic_load(&names.count) + 1;
}

const char *site_text(uint32_t at)
{
    return names.text + at;
}
