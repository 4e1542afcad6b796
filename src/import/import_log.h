/*
 * Other tools' logs as recordings. What a log does not say stays unknown: nothing is made up.
 *
 *     struct gathered gathered = {0};
 *     struct import_result result;
 *     r = import_read(fd, "app.log", &gathered, &result);      // for each log
 *     r = gathered_write(&gathered, &options);
 *     gathered_done(&gathered);
 */
#ifndef TACHO_IMPORT_IMPORT_LOG_H
#define TACHO_IMPORT_IMPORT_LOG_H

#include "import/import_format.h"

/* The i-th of the forms that can be read; NULL after the last. */
const struct import_format *import_format(size_t i);

/*
 * Reads a log, of whichever form it is, to its end. `name` is what the recording says it came from.
 * 0; -ENODATA when nothing in it could be taken; -EPROTO when it is a recording already; -errno of
 * reading; -ENOMEM. `result` is always filled in.
 */
int import_read(int fd, const char *name, struct gathered *ret, struct import_result *result);

#endif
