/*
 * Turning the marks of this process on and off. Where they go: own_file_place.
 *
 * Not for two callers at a time.
 */
#ifndef TACHO_MARK_MARKING_H
#define TACHO_MARK_MARKING_H

#include <stdbool.h>
#include <stddef.h>

/* From now on marks are recorded. */
void marking_begin(void);

/* From now on they are not; scopes that are open still end. */
void marking_end(void);

/* Whether they are: not if nothing can be written, or nobody reads any more. */
bool marking_works(void);

/* Labels are given to `hear` too, on the thread that says them. NULL: no longer. */
void marking_hear_labels(void (*hear)(const char *text, size_t n));

#endif
