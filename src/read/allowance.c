#include "read/allowance.h"

#include <errno.h>
#include <stdlib.h>

#include <tacho/recording.h>

#define BASE_BYTES (UINT64_C(32) << 20)
/* Taken off for what is not charged: contexts, the window, zstd's tables. */
#define FIXED_BYTES (UINT64_C(1) << 20)
/* malloc's own, for each allocation. */
#define MALLOC_BYTES 16

void allowance_set(struct allowance *a, uint64_t file_bytes)
{
    uint64_t most = (UINT64_MAX - BASE_BYTES) / TACHO_RECORDING_MEMORY_RATIO;
    uint64_t counted = file_bytes < most ? file_bytes : most;
    a->limit = counted * TACHO_RECORDING_MEMORY_RATIO + BASE_BYTES - FIXED_BYTES;
}

int allowance_take(struct allowance *a, uint64_t n)
{
    if (a->used > a->limit || n > a->limit - a->used)
        return a->error = -E2BIG;
    a->used += n;
    return 0;
}

void allowance_give(struct allowance *a, uint64_t n)
{
    a->used -= n;
}

void *allowance_alloc(struct allowance *a, size_t n)
{
    if (allowance_take(a, (uint64_t)n + MALLOC_BYTES) != 0)
        return NULL;
    void *p = malloc(n > 0 ? n : 1);
    if (p == NULL) {
        allowance_give(a, (uint64_t)n + MALLOC_BYTES);
        a->error = -ENOMEM;
    }
    return p;
}

void *allowance_realloc(struct allowance *a, void *p, size_t old, size_t n)
{
    /* realloc may hold both at once. */
    if (allowance_take(a, (uint64_t)n + MALLOC_BYTES) != 0)
        return NULL;
    void *grown = realloc(p, n > 0 ? n : 1);
    if (grown == NULL) {
        allowance_give(a, (uint64_t)n + MALLOC_BYTES);
        a->error = -ENOMEM;
    } else if (p != NULL) {
        allowance_give(a, (uint64_t)old + MALLOC_BYTES);
    }
    return grown;
}

void allowance_free(struct allowance *a, void *p, size_t n)
{
    if (p == NULL)
        return;
    free(p);
    allowance_give(a, (uint64_t)n + MALLOC_BYTES);
}
