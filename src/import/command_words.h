/* Commands as logs have them, on one line: back to arguments. */
#ifndef TACHO_IMPORT_COMMAND_WORDS_H
#define TACHO_IMPORT_COMMAND_WORDS_H

#include "base/buffer.h"
#include "base/number.h"

/*
 * Appends the words of a line, each ended by NUL: what stands between blanks, or in quotes of either kind, which are
 * left out. What a log did not quote falls apart: nobody can tell any more.
 */
void command_words_put(struct buffer *ret, struct text line);

/* What a process of these arguments is called: the first without its folder. Borrowed. */
struct text command_name(const void *argv, size_t n);

#endif
