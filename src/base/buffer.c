#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_done(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

int buffer_reserve(struct buffer *b, size_t n)
{
    if (n <= b->cap - b->len)
        return 0;
    if (n > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return -ENOMEM;
    }
    size_t want = b->cap < 256 ? 256 : b->cap;
    while (want < b->len + n)
        want += want / 2;
    uint8_t *grown = realloc(b->data, want);
    if (grown == NULL) {
        b->failed = true;
        return -ENOMEM;
    }
    b->data = grown;
    b->cap = want;
    return 0;
}

int buffer_put(struct buffer *b, const void *bytes, size_t n)
{
    if (b->failed || buffer_reserve(b, n) != 0)
        return -ENOMEM;
    if (n > 0)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    return 0;
}

int buffer_put_text(struct buffer *b, const char *text)
{
    return buffer_put(b, text, strlen(text));
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char small[256];
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n < 0)
        return -EINVAL;
    if ((size_t)n < sizeof small)
        return buffer_put(b, small, (size_t)n);
    if (b->failed || buffer_reserve(b, (size_t)n + 1) != 0)
        return -ENOMEM;
    va_start(args, format);
    vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
    return 0;
}
