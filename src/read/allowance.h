/*
 * Memory against what a file of its size may ask for (TACHO_RECORDING_MEMORY_RATIO). Every
 * allocation whose size or number a file decides is charged here, so that no file can ask for more.
 */
#ifndef TACHO_READ_ALLOWANCE_H
#define TACHO_READ_ALLOWANCE_H

#include <stddef.h>
#include <stdint.h>

struct allowance {
    uint64_t used, limit;
    int error; /* why the last call returned NULL: -E2BIG over the limit, -ENOMEM */
};

/* The limit for a file of that size. */
void allowance_set(struct allowance *a, uint64_t file_bytes);

/* Charges memory that others allocate. 0 or -E2BIG. */
int allowance_take(struct allowance *a, uint64_t n);
void allowance_give(struct allowance *a, uint64_t n);

/* As malloc, realloc and free; the caller remembers the sizes. NULL leaves the old memory alone. */
void *allowance_alloc(struct allowance *a, size_t n);
void *allowance_realloc(struct allowance *a, void *p, size_t old, size_t n);
void allowance_free(struct allowance *a, void *p, size_t n);

#endif
