#include "read/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"

#define BLOCK_BYTES 65536

/* A block of its own for a long text; the one being filled goes on after it. */
static char *add_block(struct texts *t, struct allowance *a, size_t n)
{
    if (t->bytes + n > a->limit / 2) {
        a->error = -E2BIG;
        return NULL;
    }
    if (t->blocks == t->block_cap) {
        size_t cap = t->block_cap == 0 ? 16 : t->block_cap * 2;
        char **grown =
            allowance_realloc(a, t->block, t->block_cap * sizeof *grown, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        t->block = grown;
        t->block_cap = cap;
    }
    char *block = allowance_alloc(a, n);
    if (block == NULL)
        return NULL;
    t->block[t->blocks++] = block;
    t->bytes += n;
    return block;
}

static char *reserve(struct texts *t, struct allowance *a, size_t n)
{
    if (n > BLOCK_BYTES / 8)
        return add_block(t, a, n);
    if (n > t->left) {
        char *block = add_block(t, a, BLOCK_BYTES);
        if (block == NULL)
            return NULL;
        t->at = block;
        t->left = BLOCK_BYTES;
    }
    char *p = t->at;
    t->at += n;
    t->left -= n;
    return p;
}

int texts_keep(struct texts *t, struct allowance *a, const void *bytes, size_t n, const char **ret)
{
    if (n == 0) {
        *ret = "";
        return 0;
    }
    if (n >= UINT32_MAX)
        return -E2BIG;
    uint32_t hash = crc32c(0, bytes, n);
    size_t slot = hash & (TEXTS_SEEN - 1);
    if (t->seen[slot].text != NULL && t->seen[slot].hash == hash && t->seen[slot].n == n &&
        memcmp(t->seen[slot].text, bytes, n) == 0) {
        *ret = t->seen[slot].text;
        return 0;
    }
    char *text = reserve(t, a, n + 1);
    if (text == NULL)
        return a->error;
    memcpy(text, bytes, n);
    text[n] = '\0';
    t->seen[slot].hash = hash;
    t->seen[slot].n = (uint32_t)n;
    t->seen[slot].text = text;
    *ret = text;
    return 0;
}

void texts_done(struct texts *t)
{
    for (size_t i = 0; i < t->blocks; i++)
        free(t->block[i]);
    free(t->block);
    t->block = NULL;
    t->blocks = t->block_cap = 0;
}
