/*
 * The way out of a table: rows gather in a buffer that the caller's function empties now and then.
 */
#ifndef TACHO_EXPORT_DRAIN_H
#define TACHO_EXPORT_DRAIN_H

#include "base/buffer.h"

#define DRAIN_BYTES 65536

/* Takes all of `bytes`: 0, or negative errno, which ends the export. */
typedef int (*drain_write)(void *context, const void *bytes, size_t n);

struct drain {
    struct buffer buffer;
    drain_write write;
    void *context;
    bool refused;  /* `write` failed */
    uint64_t rows; /* of which all bytes were taken or lie in the buffer */
};

/* Empties the buffer. 0, -ENOMEM when it lacks something, or what `write` said. */
int drain_flush(struct drain *drain);

/* After each row. */
static inline int drain_row(struct drain *drain)
{
    drain->rows++;
    return drain->buffer.len < DRAIN_BYTES && !drain->buffer.failed ? 0 : drain_flush(drain);
}

#endif
