/* A directory's entries that are numbers: processes, threads, descriptors. No allocation. */
#ifndef TACHO_SOURCE_NUMBERED_ENTRIES_H
#define TACHO_SOURCE_NUMBERED_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

struct numbered_entries {
    int fd; /* a directory open for reading, borrowed */
    size_t at, len;
    _Alignas(8) char bytes[8192];
};

void numbered_entries_init(struct numbered_entries *entries, int fd);

/*
 * The next one, in the directory's own order: ascending in the kernel's. 1, 0 at the end,
 * -errno.
 */
int numbered_entries_next(struct numbered_entries *entries, uint64_t *ret);

#endif
