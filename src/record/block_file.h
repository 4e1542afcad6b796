/*
 * The file a recording is written to: whole blocks or nothing. Created exclusively, mode 0600;
 * never through a symbolic link.
 *
 * A program that records itself may close descriptors it does not know, and open others by the same
 * number: nothing is ever written into, or closed, that is not the file.
 */
#ifndef TACHO_RECORD_BLOCK_FILE_H
#define TACHO_RECORD_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct block_file {
    int fd;
    dev_t device; /* and inode: whether it is still the file */
    ino_t inode;
    uint64_t bytes;    /* written and whole */
    int error;         /* of the last write, negative errno; 0 when it went well */
    uint64_t error_ns; /* since when it goes wrong */
    bool torn; /* a failed write could not be taken back: the next one begins after its rest */
};

/*
 * Creates `path`. With `replace` an existing regular file (or link) of that name is unlinked first:
 * its content goes, what it pointed to stays. 0, -EEXIST, -EISDIR, or another negative errno.
 */
int block_file_create(struct block_file *file, const char *path, bool replace);

/* An open and empty file, which is closed in the end. 0 or -errno. */
int block_file_adopt(struct block_file *file, int fd);

/*
 * Appends. -EBADF: the descriptor is not the file any more. On other failure (ENOSPC, EIO, EFBIG, …) what was written of it is cut off again, so that the
 * file ends with its last whole block. 0 or -errno.
 */
int block_file_append(struct block_file *file, const void *bytes, size_t n, uint64_t now_ns);

/* The last write's or close's error, 0; -EBADF as above. */
int block_file_close(struct block_file *file);

#endif
