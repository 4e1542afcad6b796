/*
 * Any bytes as the file of a recording. A fuzzer cannot guess checksums: input that begins with a block's
 * magic is a file, whose checksums are made right unless its length is a multiple of 8; other input is a
 * script of blocks to be assembled.
 */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "config.h"
#include "format/block.h"

static inline void repair(uint8_t *file, size_t n)
{
    for (size_t at = 0; n >= BLOCK_HEADER_BYTES && at <= n - BLOCK_HEADER_BYTES; at++) {
        uint8_t *header = file + at;
        if (load_u32(header) != BLOCK_MAGIC)
            continue;
        uint32_t stored = load_u32(header + 12);
        if (stored <= n - at - BLOCK_HEADER_BYTES)
            store_u32(header + 40, crc32c(0, header + BLOCK_HEADER_BYTES, stored));
        store_u32(header + 44, crc32c(0, header, 44));
    }
}

/* Blocks of: type, keyframe, compression and time in two bytes; length in two; the payload. */
static inline void assemble(const uint8_t *data, size_t size, struct buffer *file)
{
    const struct codec *codec = NULL;
    void *compressor = NULL;
    uint64_t sequence = 0, now_ns = 1000;
#ifdef HAVE_ZSTD
    codec = &codec_zstd;
    compressor = codec->compressor_new();
#endif
    while (size >= 4) {
        size_t n = (size_t)data[2] | (size_t)data[3] << 8;
        n = n < size - 4 ? n : size - 4;
        now_ns += (uint64_t)data[1] << (data[0] >> 5);
        sequence += (data[0] & 0x10) != 0;
        struct block_header header = {.type = (data[0] & 3) != 0 ? data[0] & 3 : BLOCK_MARKS,
                                      .flags = data[0] >> 2 & 1,
                                      .sequence = sequence++,
                                      .first_ns = now_ns,
                                      .last_ns = now_ns + 100};
        block_append(file, &header, data + 4, n, (data[0] & 8) != 0 ? codec : NULL, compressor);
        data += 4 + n;
        size -= 4 + n;
    }
    if (codec != NULL)
        codec->compressor_free(compressor);
}

static inline void file_of(const uint8_t *data, size_t size, struct buffer *ret)
{
    if (size < 4 || load_u32(data) != BLOCK_MAGIC) {
        assemble(data, size, ret);
        return;
    }
    buffer_put(ret, data, size);
    if (size % 8 != 0)
        repair(ret->data, ret->len);
}

static inline void put_file(int fd, const struct buffer *file, size_t n)
{
    if (ftruncate(fd, 0) != 0 || pwrite(fd, file->data, n, 0) != (ssize_t)n)
        abort();
}

#endif
