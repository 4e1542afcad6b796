/* LEB128 varints and zigzag, the numbers of every payload. */
#ifndef TACHO_FORMAT_VARINT_H
#define TACHO_FORMAT_VARINT_H

#include <stdbool.h>

#include "base/buffer.h"

#define VARINT_MAX 10 /* bytes of a 64-bit value */

static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Writes at `p`, which has room for VARINT_MAX; returns the byte after. */
static inline uint8_t *varint_write(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)v | 0x80;
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline void varint_put(struct buffer *b, uint64_t v)
{
    if (b->cap - b->len < VARINT_MAX && buffer_reserve(b, VARINT_MAX) != 0)
        return;
    b->len = (size_t)(varint_write(b->data + b->len, v) - b->data);
}

/*
 * A cursor over bytes that came from outside. `bad` is set on the first read past the end and
 * stays.
 */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* 0 once bad. A varint over 64 bits is bad. */
static inline uint64_t cursor_varint(struct cursor *c)
{
    if (c->at < c->end && *c->at < 0x80)
        return *c->at++;
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    c->bad = true;
    c->at = c->end;
    return 0;
}

/* `n` bytes, or NULL and bad. */
static inline const uint8_t *cursor_bytes(struct cursor *c, uint64_t n)
{
    if (n > cursor_left(c)) {
        c->bad = true;
        c->at = c->end;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

#endif
