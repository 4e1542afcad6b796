/*
 * Files of one folder that are written by turns, any number of them: each gathers in a buffer and is
 * open only while that is put behind what it has. Memory: 16 MiB at most, and some 100 bytes a file.
 */
#ifndef TACHO_EXPORT_FOLDER_H
#define TACHO_EXPORT_FOLDER_H

#include "base/buffer.h"

struct folder_file {
    char *name;
    struct buffer out;
    size_t counted; /* of it, in `gathered` */
    int next_vacant;
};

struct folder {
    int fd;
    bool overwrite;
    bool refused; /* the system did not let it be written */
    struct folder_file *file;
    size_t files, cap;
    int vacant;      /* the first number that is free again, from 1; 0: none */
    size_t gathered; /* bytes in all buffers */
};

/* Makes the folder where it is missing, for its owner alone; `at` is its parent or AT_FDCWD. 0 or -errno. */
int folder_open(struct folder *folder, int at, const char *path, bool overwrite);

/*
 * Makes a file, empty, for its owner alone: its number from 0, or negative errno: -EEXIST where it is
 * there and not to be overwritten. `name` is plain: a '/' in it is -EINVAL.
 */
int folder_make(struct folder *folder, const char *name);

/* To append to; good until the next folder_make. */
struct buffer *folder_out(struct folder *folder, int file);

/* After an append. 0 or negative errno. */
int folder_put(struct folder *folder, int file);

/* No more is to come for the file, whose number is given again. 0 or negative errno. */
int folder_finish(struct folder *folder, int file);

/* Writes what has gathered in all of them. 0 or negative errno. */
int folder_flush(struct folder *folder);

/*
 * A whole file at once, without a number. `again`: it takes the place of the one that was written before;
 * there is always one or the other. 0 or negative errno, as folder_make.
 */
int folder_write(struct folder *folder, const char *name, const struct buffer *content, bool again);

/* Writes all that is left, and frees. 0 or negative errno. */
int folder_close(struct folder *folder);

#endif
