/*
 * Other tools' logs as recordings. What a log does not say stays unknown: nothing is made up.
 *
 *     struct gathered gathered = {0};
 *     int fd = import_open("app.log", &named);                 // for each log
 *     r = import_read(fd, "app.log", &gathered, &result);
 *     r = gathered_write(&gathered, &options);
 *     gathered_done(&gathered);
 */
#ifndef TACHO_IMPORT_IMPORT_LOG_H
#define TACHO_IMPORT_IMPORT_LOG_H

#include "import/import_format.h"

/* The i-th of the forms that can be read; NULL after the last. */
const struct import_format *import_format(size_t i);

/*
 * Reads a log, of whichever form it is, to its end: a file that need not be seekable, or a folder. `path` is
 * what the recording says it came from, and where files lie that belong to it; NULL: stdin. 0; -ENODATA when
 * nothing in it could be taken; -EPROTO when it is a recording already; -EXDEV when its clock cannot be told
 * from that of what was read before; -EISDIR for a folder that is no log; -errno of reading; -ENOMEM. `result` is
 * always filled in.
 */
int import_read(int fd, const char *path, struct gathered *ret, struct import_result *result);

/*
 * Opens what a path names: a file, a folder, or what the names of a log's files begin with, which are then
 * *ret_path, to be freed (NULL: the path itself). The descriptor or -errno.
 */
int import_open(const char *path, char **ret_path);

/* Which form a path is of, without reading it; NULL: of none, or a pipe that would be used up. */
const struct import_format *import_form_of(const char *path);

/* Whether paths, two or more, are logs of one job, so that they make one recording. */
bool import_are_one_job(char *const *path, size_t n);

#endif
