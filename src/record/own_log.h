/*
 * Lines of process data for the program's own log (format/log_line.h), with the labels since the line
 * before.
 *
 * own_log_hear may be called from any thread, the rest from one.
 */
#ifndef TACHO_RECORD_OWN_LOG_H
#define TACHO_RECORD_OWN_LOG_H

#include <stddef.h>

#include "format/log_line.h"
#include "source/root.h"

struct own_log;

/* `write` gets each line, ended by NUL, without a newline. 0 or -errno. */
int own_log_new(void (*write)(void *user, const char *line), void *user, struct own_log **ret);

/* A label, for the next line. Some are kept; of more the number. */
void own_log_hear(struct own_log *log, const char *text, size_t n);

/* Writes a line: about 20 µs and what `write` takes. */
void own_log_put(struct own_log *log, enum log_line_kind kind);

void own_log_free(struct own_log *log);

#endif
