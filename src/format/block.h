/*
 * Blocks: the self-delimiting pieces a recording is made of. docs/FORMAT.md is the specification;
 * this file and it change together.
 *
 *   offset size
 *        0    4  magic 0x89 'T' 'C' 'H'
 *        4    1  format version, BLOCK_VERSION
 *        5    1  type, enum block_type; readers skip types they do not know
 *        6    1  codec of the payload: 0 as it is, 1 zstd
 *        7    1  flags, BLOCK_KEYFRAME
 *        8    4  length of the payload once decoded
 *       12    4  length of the payload in the file
 *       16    8  sequence number, 0 for the first block; +1 each
 *       24    8  first moment in it, CLOCK_MONOTONIC ns
 *       32    8  last moment in it
 *       40    4  CRC-32C of the payload as it lies in the file
 *       44    4  CRC-32C of bytes 0 to 43
 *       48       payload
 *
 * All numbers little-endian.
 */
#ifndef TACHO_FORMAT_BLOCK_H
#define TACHO_FORMAT_BLOCK_H

#include "base/buffer.h"

#define BLOCK_MAGIC UINT32_C(0x48435489)
#define BLOCK_VERSION 1
#define BLOCK_HEADER_BYTES 48
#define BLOCK_RAW_MAX (UINT32_C(16) << 20) /* no payload decodes to more */
#define BLOCK_STORED_MAX (BLOCK_RAW_MAX + 65536)

/* A compressed payload may not decode to more than this; a writer stores such blocks as they are.
 */
static inline uint64_t block_raw_limit(uint32_t stored_bytes)
{
    uint64_t limit = UINT64_C(65536) + UINT64_C(256) * stored_bytes;
    return limit < BLOCK_RAW_MAX ? limit : BLOCK_RAW_MAX;
}

enum block_type {
    BLOCK_JOURNAL = 1,   /* records: facts, metrics, births, exits, … (records.h) */
    BLOCK_PROCESSES = 2, /* samples of processes (samples.h) */
    BLOCK_OVERVIEW =
        3, /* samples of everything else: the tree, the recorder, the machine (samples.h) */
    BLOCK_MARKS = 4, /* begins and ends of scopes, and counters, thread by thread (marks.h) */
};

#define BLOCK_KEYFRAME 1 /* samples: decodes without the blocks before it */

struct block_header {
    uint8_t version, type, codec, flags;
    uint32_t raw_bytes, stored_bytes;
    uint64_t sequence, first_ns, last_ns;
    uint32_t payload_crc;
};

enum block_verdict {
    BLOCK_OK,
    BLOCK_NOT_A_BLOCK, /* no magic, or the header's checksum is wrong */
    BLOCK_NEWER,       /* a version this code does not know */
    BLOCK_IMPOSSIBLE,  /* lengths over the limits */
};

void block_header_encode(const struct block_header *header, uint8_t bytes[BLOCK_HEADER_BYTES]);
enum block_verdict block_header_decode(const uint8_t bytes[BLOCK_HEADER_BYTES],
                                       struct block_header *ret);

/*
 * A codec turns payloads into fewer bytes. The program plugs in what libtacho must not link.
 * `context` belongs to one thread at a time.
 */
struct codec {
    uint8_t id;
    const char *name;
    void *(*compressor_new)(void);
    void (*compressor_free)(void *context);
    /* Compresses into `ret` (appended). 0 or -errno. */
    int (*compress)(void *context, const uint8_t *raw, size_t n, struct buffer *ret);
    /* Decodes exactly `raw_bytes` into `raw`; -EPROTO on anything else. Thread-safe. */
    int (*decompress)(const uint8_t *stored, size_t n, uint8_t *raw, size_t raw_bytes);
};

extern const struct codec codec_zstd; /* only in programs built with zstd */

/*
 * Appends a whole block to `ret`. The payload is compressed with `codec` (may be NULL) unless that
 * does not make it smaller. `header` supplies type, flags, sequence and times; the rest is filled
 * in. 0, -ENOMEM, or -E2BIG for a payload over BLOCK_RAW_MAX.
 */
int block_append(struct buffer *ret, struct block_header *header, const uint8_t *payload, size_t n,
                 const struct codec *codec, void *context);

#endif
