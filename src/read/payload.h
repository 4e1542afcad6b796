/* The payload of one block: read, checked and decompressed. */
#ifndef TACHO_READ_PAYLOAD_H
#define TACHO_READ_PAYLOAD_H

#include "read/opened.h"

/* Holds the memory from one block to the next. Zeros to begin with. */
struct payload {
    const uint8_t *bytes; /* the decoded payload, until the next call */
    size_t n;
    uint8_t *stored, *raw;
    size_t stored_cap, raw_cap;
};

/* Whether this build can decode the codec. */
bool payload_codec_known(uint8_t codec);

/*
 * Reads and checks the payload as it lies in the file; then payload->stored holds it. 0; -EPROTO
 * when it is not what was written; -E2BIG over the allowance; -ENOMEM; -EIO and the like from
 * pread(2).
 */
int payload_load(struct tacho_recording *rec, const struct block_entry *entry, struct payload *p);

/* Decodes what lies at `stored`, already checked. Errors as above. */
int payload_decode(struct tacho_recording *rec, const struct block_entry *entry,
                   const uint8_t *stored, struct payload *p);

/* Whether the bytes have the block's checksum. */
bool payload_sound(const struct block_entry *entry, const uint8_t *stored);

void payload_done(struct tacho_recording *rec, struct payload *p);

/* pread(2) until all came. Bytes read: fewer only at the end of the file; or negative errno. */
int64_t read_fully(int fd, void *to, size_t n, uint64_t offset);

#endif
