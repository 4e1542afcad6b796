/*
 * Streams that are written by turns and read one after the other: what does not fit into memory goes
 * to an unlinked temporary file, in $TMPDIR or /tmp. Memory: 8 KiB for each stream that was written
 * to, and 8 bytes for each 8 KiB of the file.
 *
 *     spool_put(&spool, i, bytes, n);                 any i, in any order
 *     spool_read(&spool, i, user, take);              all of stream i, in the order it was put
 *     spool_done(&spool);
 */
#ifndef TACHO_EXPORT_SPOOL_H
#define TACHO_EXPORT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

struct spool_stream {
    uint8_t *bytes; /* the last piece, not yet in the file */
    size_t used;
    uint64_t *piece; /* their numbers in the file */
    size_t pieces, cap;
};

/* Zeroes, but for `fd`, -1, are empty. */
struct spool {
    int fd; /* -1: nothing had to go there so far */
    uint64_t pieces;
    struct spool_stream *stream;
    size_t streams;
};

/* 0, -ENOMEM, or why the temporary file could not be made or written. */
int spool_put(struct spool *spool, size_t stream, const void *bytes, size_t n);

/* 0, -EIO and the like, or what `take` returned. */
int spool_read(const struct spool *spool, size_t stream, void *user,
               int (*take)(void *user, const void *bytes, size_t n));

void spool_done(struct spool *spool);

#endif
