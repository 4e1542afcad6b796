#include "read/chunks.h"

#include <stdlib.h>
#include <string.h>

static int add_chunk(struct chunks *c, struct allowance *a)
{
    if (c->chunks == c->chunk_cap) {
        size_t cap = c->chunk_cap == 0 ? 8 : c->chunk_cap * 2;
        char **grown =
            allowance_realloc(a, c->chunk, c->chunk_cap * sizeof *grown, cap * sizeof *grown);
        if (grown == NULL)
            return a->error;
        c->chunk = grown;
        c->chunk_cap = cap;
    }
    c->chunk[c->chunks] = allowance_alloc(a, (size_t)c->item_bytes * CHUNK_ITEMS);
    if (c->chunk[c->chunks] == NULL)
        return a->error;
    c->chunks++;
    return 0;
}

void *chunks_add(struct chunks *c, struct allowance *a)
{
    if (c->count == c->chunks * CHUNK_ITEMS && add_chunk(c, a) != 0)
        return NULL;
    return memset(chunks_at(c, c->count++), 0, c->item_bytes);
}

void chunks_done(struct chunks *c)
{
    for (size_t i = 0; i < c->chunks; i++)
        free(c->chunk[i]);
    free(c->chunk);
    *c = (struct chunks){.item_bytes = c->item_bytes};
}
