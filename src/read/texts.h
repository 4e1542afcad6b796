/*
 * Texts of a recording, terminated and in one place. What was kept a moment ago is found again and
 * kept once: the command lines of a thousand compilers differ little.
 */
#ifndef TACHO_READ_TEXTS_H
#define TACHO_READ_TEXTS_H

#include "read/allowance.h"

#define TEXTS_SEEN 4096 /* a power of two */

struct texts {
    char **block;
    size_t blocks, block_cap;
    char *at; /* in the newest block */
    size_t left;
    uint64_t bytes; /* in all blocks */
    struct {
        uint32_t hash, n;
        const char *text;
    } seen[TEXTS_SEEN];
};

/*
 * Keeps `n` bytes and a NUL. 0; -ENOMEM; -E2BIG when texts would fill more than half of the
 * allowance: a caller can do without a text, but not without its tables.
 */
int texts_keep(struct texts *t, struct allowance *a, const void *bytes, size_t n, const char **ret);

void texts_done(struct texts *t);

#endif
