/*
 * A growable byte buffer. Growth that fails is remembered in `failed` and later puts do nothing, so
 * that an encoder checks once at its end instead of after each byte.
 */
#ifndef TACHO_BASE_BUFFER_H
#define TACHO_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed; /* an allocation failed; the content is a prefix */
};

void buffer_done(struct buffer *b);

/* Forgets the content, keeps the memory. */
static inline void buffer_clear(struct buffer *b)
{
    b->len = 0;
    b->failed = false;
}

/* Room for `n` more bytes at data + len. 0 or -ENOMEM (also for absurd n). */
int buffer_reserve(struct buffer *b, size_t n);

/* Appends; 0 or -ENOMEM. */
int buffer_put(struct buffer *b, const void *bytes, size_t n);
int buffer_put_text(struct buffer *b, const char *text);
__attribute__((format(printf, 2, 3))) int buffer_printf(struct buffer *b, const char *format, ...);

static inline void buffer_put_byte(struct buffer *b, uint8_t byte)
{
    if (b->failed || (b->len == b->cap && buffer_reserve(b, 1) != 0))
        return;
    b->data[b->len++] = byte;
}

#endif
