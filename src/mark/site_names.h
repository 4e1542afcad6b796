/*
 * The names this process has given, each with an id from 1. They lie in private memory, so that a forked
 * child still has them and puts them into its own file (own_file.h).
 *
 * For any threads and signal handlers at once: no locks. Nothing is ever taken away. Memory: what is
 * touched of some 6 MiB of zeroed pages.
 */
#ifndef TACHO_MARK_SITE_NAMES_H
#define TACHO_MARK_SITE_NAMES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "mark/shared.h"

/* What stands in for names that there is no room for. Its id is 1. */
#define SITE_TOO_MANY 1

struct site_name {
    uint32_t name_at, category_at; /* in site_text */
    uint16_t name_bytes, category_bytes;
    _Atomic uint32_t ready;
};

/*
 * The id of a name and a category (NULL is ""): the same for the same texts, but for two threads that
 * give a name first at the same moment. Never 0. `on_new` is called for a new one before it is to be
 * found by others. About 10 ns for one that is known.
 */
uint32_t site_name_id(const char *name, const char *category, void (*on_new)(uint32_t id));

/* One that is ready, or NULL. */
const struct site_name *site_name_of(uint32_t id);

/* Ids below it may be ready. */
uint32_t site_name_count(void);

const char *site_text(uint32_t at);

#endif
