/* A growing table whose items never move: pointers into it stay good, growing copies nothing. */
#ifndef TACHO_READ_CHUNKS_H
#define TACHO_READ_CHUNKS_H

#include "read/allowance.h"

#define CHUNK_ITEMS 256

struct chunks {
    uint32_t item_bytes; /* set by the owner before the first chunks_add */
    size_t count;
    char **chunk;
    size_t chunks, chunk_cap;
};

/* A new item of zeros at the end, or NULL with `a->error` set. */
void *chunks_add(struct chunks *c, struct allowance *a);

/* Frees all; the allowance is not told, since it ends with the recording. */
void chunks_done(struct chunks *c);

/* The i-th, which must exist. */
static inline void *chunks_at(const struct chunks *c, size_t i)
{
    return c->chunk[i / CHUNK_ITEMS] + i % CHUNK_ITEMS * c->item_bytes;
}

#endif
