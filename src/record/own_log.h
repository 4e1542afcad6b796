/*
 * Lines of process data for the program's own log (format/log_line.h), with the labels since the line
 * before. Any number of them in a process: each has all labels. A forked child has none, and must not
 * touch those of its parent.
 *
 * Each is for one thread at a time.
 */
#ifndef TACHO_RECORD_OWN_LOG_H
#define TACHO_RECORD_OWN_LOG_H

#include <stddef.h>

#include "format/log_line.h"
#include "source/root.h"

struct own_log;

/* From now on it keeps labels. `write` gets each line, ended by NUL, without a newline. 0 or -errno. */
int own_log_new(void (*write)(void *user, const char *line), void *user, struct own_log **ret);

/* Writes a line with 64 KiB of labels at most, of more their number: about 20 µs and what `write` takes. */
void own_log_put(struct own_log *log, enum log_line_kind kind);

void own_log_free(struct own_log *log);

#endif
