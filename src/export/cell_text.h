/*
 * Text of a cell as characters that are safe in any table: what is not UTF-8, and control
 * characters other than tab and line ends, is U+FFFD. A process chooses its own name; it must
 * neither break a reader nor drive the terminal on which somebody looks at the table.
 */
#ifndef TACHO_EXPORT_CELL_TEXT_H
#define TACHO_EXPORT_CELL_TEXT_H

#include <stddef.h>

struct cell_character {
    size_t consumed;  /* bytes of the text, 1 or more */
    const char *text; /* what to write for them; borrowed from the text, or static */
    size_t n;
};

/* The character at `text`, of which `left` (1 or more) bytes are there. */
struct cell_character cell_character(const char *text, size_t left);

#endif
