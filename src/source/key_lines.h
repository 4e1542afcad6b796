/*
 * The kernel's "key value" texts: io, status, smaps_rollup, meminfo, vmstat and others, where a
 * line's first word says what its number is and which lines there are depends on the kernel.
 */
#ifndef TACHO_SOURCE_KEY_LINES_H
#define TACHO_SOURCE_KEY_LINES_H

#include "base/number.h"

struct key_line {
    const char *key; /* with the delimiter behind it, "VmHWM:" or "pgfault " */
    uint8_t length;
    uint8_t field;  /* index into the values, below 32 */
    uint32_t scale; /* what one is worth */
};

#define KEY_LINE(key, field, scale)              \
    {                                            \
        (key), sizeof(key) - 1, (field), (scale) \
    }

/*
 * Reads the first line of each key; keys beyond 32 are ignored. Returns the mask of fields read: a
 * line whose value is no number, too large or cut by the text's end leaves its field out. Stops
 * behind the last key found; cheapest with the keys in the text's order. About 4 ns a line.
 */
uint32_t key_lines_parse(struct text t, const struct key_line *keys, size_t n_keys,
                         uint64_t *value);

/* Moves the cursor behind the next newline. False where there is none: then it is at the end. */
bool text_skip_past_newline(struct text *t);

/* A number with a blank or newline behind it, blanks before it skipped. False: none, or cut. */
bool text_take_column(struct text *t, uint64_t *ret);

#endif
