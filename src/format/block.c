#include "format/block.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/crc32c.h"

#define PAYLOAD_MIN_TO_COMPRESS 128 /* below, zstd's own frame eats what it saves */

void block_header_encode(const struct block_header *header, uint8_t bytes[BLOCK_HEADER_BYTES])
{
    store_u32(bytes, BLOCK_MAGIC);
    bytes[4] = header->version;
    bytes[5] = header->type;
    bytes[6] = header->codec;
    bytes[7] = header->flags;
    store_u32(bytes + 8, header->raw_bytes);
    store_u32(bytes + 12, header->stored_bytes);
    store_u64(bytes + 16, header->sequence);
    store_u64(bytes + 24, header->first_ns);
    store_u64(bytes + 32, header->last_ns);
    store_u32(bytes + 40, header->payload_crc);
    store_u32(bytes + 44, crc32c(0, bytes, 44));
}

enum block_verdict block_header_decode(const uint8_t bytes[BLOCK_HEADER_BYTES],
                                       struct block_header *ret)
{
    if (load_u32(bytes) != BLOCK_MAGIC || load_u32(bytes + 44) != crc32c(0, bytes, 44))
        return BLOCK_NOT_A_BLOCK;
    *ret = (struct block_header){
        .version = bytes[4],
        .type = bytes[5],
        .codec = bytes[6],
        .flags = bytes[7],
        .raw_bytes = load_u32(bytes + 8),
        .stored_bytes = load_u32(bytes + 12),
        .sequence = load_u64(bytes + 16),
        .first_ns = load_u64(bytes + 24),
        .last_ns = load_u64(bytes + 32),
        .payload_crc = load_u32(bytes + 40),
    };
    if (ret->version > BLOCK_VERSION)
        return BLOCK_NEWER;
    if (ret->stored_bytes > BLOCK_STORED_MAX || ret->raw_bytes > block_raw_limit(ret->stored_bytes))
        return BLOCK_IMPOSSIBLE;
    if (ret->codec == 0 && ret->raw_bytes != ret->stored_bytes)
        return BLOCK_IMPOSSIBLE;
    return BLOCK_OK;
}

/* Tries the codec on the payload behind the header's place; false leaves `ret` as it was. */
static bool append_compressed(struct buffer *ret, const uint8_t *payload, size_t n,
                              const struct codec *codec, void *context)
{
    if (codec == NULL || n < PAYLOAD_MIN_TO_COMPRESS)
        return false;
    size_t start = ret->len;
    if (codec->compress(context, payload, n, ret) == 0) {
        size_t stored = ret->len - start;
        if (stored < n && n <= block_raw_limit((uint32_t)stored))
            return true;
    }
    ret->len = start;
    return false;
}

int block_append(struct buffer *ret, struct block_header *header, const uint8_t *payload, size_t n,
                 const struct codec *codec, void *context)
{
    if (n > BLOCK_RAW_MAX)
        return -E2BIG;
    size_t start = ret->len;
    if (buffer_reserve(ret, BLOCK_HEADER_BYTES) != 0)
        return -ENOMEM;
    ret->len += BLOCK_HEADER_BYTES;
    bool compressed = append_compressed(ret, payload, n, codec, context);
    if (!compressed && buffer_put(ret, payload, n) != 0) {
        ret->len = start;
        return -ENOMEM;
    }
    uint8_t *bytes = ret->data + start;
    size_t stored = ret->len - start - BLOCK_HEADER_BYTES;
    header->version = BLOCK_VERSION;
    header->codec = compressed ? codec->id : 0;
    header->raw_bytes = (uint32_t)n;
    header->stored_bytes = (uint32_t)stored;
    header->payload_crc = crc32c(0, bytes + BLOCK_HEADER_BYTES, stored);
    block_header_encode(header, bytes);
    return 0;
}
