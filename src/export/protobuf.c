#include "export/protobuf.h"

#include "base/text.h"
#include "format/varint.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2 };

static void put_key(struct buffer *out, unsigned field, enum wire_type type)
{
    varint_put(out, (uint64_t)field << 3 | type);
}

void protobuf_put_number(struct buffer *out, unsigned field, uint64_t number)
{
    put_key(out, field, WIRE_VARINT);
    varint_put(out, number);
}

void protobuf_put_double(struct buffer *out, unsigned field, double value)
{
    uint64_t bits;
    uint8_t bytes[sizeof bits];
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
    put_key(out, field, WIRE_FIXED64);
    buffer_put(out, bytes, sizeof bytes);
}

void protobuf_put_bytes(struct buffer *out, unsigned field, const void *bytes, size_t n)
{
    put_key(out, field, WIRE_LENGTH);
    varint_put(out, n);
    buffer_put(out, bytes, n);
}

void protobuf_put_text(struct buffer *out, unsigned field, const char *text)
{
    size_t n = strlen(text);
    if (utf8_valid(text, n)) {
        protobuf_put_bytes(out, field, text, n);
        return;
    }
    size_t opened = protobuf_open(out, field);
    for (const uint8_t *p = (const uint8_t *)text, *end = p + n; p < end;) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        utf8_put(out, c);
    }
    protobuf_close(out, opened);
}

/* Most messages are short: one byte is kept for the length, and a longer one moves what follows. */
size_t protobuf_open(struct buffer *out, unsigned field)
{
    put_key(out, field, WIRE_LENGTH);
    buffer_put_byte(out, 0);
    return out->len;
}

void protobuf_close(struct buffer *out, size_t opened)
{
    if (out->failed || buffer_reserve(out, VARINT_MAX) != 0)
        return;
    uint8_t length[VARINT_MAX];
    size_t n = out->len - opened, bytes = (size_t)(varint_write(length, n) - length);
    if (bytes > 1)
        memmove(out->data + opened + bytes - 1, out->data + opened, n);
    memcpy(out->data + opened - 1, length, bytes);
    out->len += bytes - 1;
}
