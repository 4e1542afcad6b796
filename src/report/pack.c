#include "report/pack.h"

#include <math.h>
#include <stdlib.h>
#include <zlib.h>

#define BASE64_GROUP 3
#define LEVEL 6 /* 9 takes three times as long for 2 % */
#define MEMORY_LEVEL 9
#define WINDOW_BITS 15

static void put_varint(struct buffer *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_put_byte(b, (uint8_t)(value | 0x80));
    buffer_put_byte(b, (uint8_t)value);
}

void pack_begin(struct pack *pack)
{
    pack->column_at = pack->raw.len;
    pack->last = 0;
}

void pack_unknown(struct pack *pack)
{
    buffer_put_byte(&pack->raw, 0);
}

void pack_int(struct pack *pack, int64_t value)
{
    value = value > PACK_INT_MAX ? PACK_INT_MAX : value < -PACK_INT_MAX ? -PACK_INT_MAX : value;
    int64_t difference = value - pack->last;
    uint64_t zigzag = (uint64_t)difference << 1 ^ (uint64_t)(difference >> 63);
    put_varint(&pack->raw, zigzag + 1);
    pack->last = value;
}

struct packed pack_end(struct pack *pack, int digits)
{
    return (struct packed){.block = pack->block_count,
                           .at = pack->column_at,
                           .bytes = pack->raw.len - pack->column_at,
                           .digits = digits};
}

struct packed pack_doubles(struct pack *pack, const double *value, size_t n, int digits)
{
    const double most = (double)PACK_INT_MAX, scale = pow(10, digits);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++) {
        double v = value[i] * scale;
        if (isnan(v))
            pack_unknown(pack);
        else
            pack_int(pack, llround(v > most ? most : v < -most ? -most : v));
    }
    return pack_end(pack, digits);
}

struct packed pack_bytes(struct pack *pack, const void *bytes, size_t n)
{
    pack_begin(pack);
    buffer_put(&pack->raw, bytes, n);
    return pack_end(pack, 0);
}

static void put_base64(struct buffer *ret, const uint8_t *bytes, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += BASE64_GROUP) {
        size_t have = n - i < BASE64_GROUP ? n - i : BASE64_GROUP;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= have > 2 ? bytes[i + 2] : 0;
        const char four[] = {digit[group >> 18], digit[group >> 12 & 63],
                             have > 1 ? digit[group >> 6 & 63] : '=',
                             have > 2 ? digit[group & 63] : '='};
        buffer_put(ret, four, sizeof four);
    }
}

/* Raw deflate (RFC 1951) of all at once. */
static int deflate_all(const struct buffer *from, struct buffer *ret)
{
    z_stream z = {0};
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return -1;
    size_t room = deflateBound(&z, from->len);
    int r = from->len <= UINT32_MAX / 2 && buffer_reserve(ret, room) == 0 ? Z_OK : Z_MEM_ERROR;
    if (r == Z_OK) {
        z.next_in = from->data;
        z.avail_in = (uInt)from->len;
        z.next_out = ret->data + ret->len;
        z.avail_out = (uInt)room;
        r = deflate(&z, Z_FINISH);
        ret->len += room - z.avail_out;
    }
    deflateEnd(&z);
    return r == Z_STREAM_END ? 0 : -1;
}

void pack_cut(struct pack *pack)
{
    struct buffer packed = {0};
    if (pack->raw.len == 0)
        return;
    pack->failed |= pack->raw.failed || deflate_all(&pack->raw, &packed) != 0;
    buffer_printf(&pack->blocks, "<script type=\"text/plain\" id=\"block-%zu\">",
                  pack->block_count);
    put_base64(&pack->blocks, packed.data, packed.len);
    buffer_put_text(&pack->blocks, "</script>\n");
    pack->failed |= pack->blocks.failed;
    pack->block_count++;
    buffer_clear(&pack->raw);
    buffer_done(&packed);
}

void pack_done(struct pack *pack)
{
    buffer_done(&pack->raw);
    buffer_done(&pack->blocks);
}

void json_packed(struct json *j, const char *key, const struct packed *packed)
{
    json_begin(j, key, '{');
    json_number(j, "block", packed->block);
    json_number(j, "at", packed->at);
    json_number(j, "bytes", packed->bytes);
    json_power(j, "scale", packed->digits);
    json_end(j, '}');
}
