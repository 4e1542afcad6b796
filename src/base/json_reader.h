/*
 * Reads JSON (RFC 8259) of unknown origin, value by value, and builds nothing:
 *
 *     struct json_reader reader = json_read(text);
 *     struct json_value value;
 *     while ((r = json_next(&reader, &value)) == 1)
 *         …value.key, value.text…
 *
 * Strict: what is no JSON is refused, NaN included; up to then values were handed out. Bytes that
 * are no UTF-8 are let through in strings, since others' programs write them. Keys are handed out
 * as they stand, escapes and all: an escaped key equals no plain one. No allocation.
 */
#ifndef TACHO_BASE_JSON_READER_H
#define TACHO_BASE_JSON_READER_H

#include "base/buffer.h"
#include "base/number.h"

#define JSON_DEPTH_MAX 16 /* objects and arrays in one another */

enum json_type { JSON_STRING, JSON_NUMBER, JSON_WORD /* true, false, null */ };

struct json_value {
    enum json_type type;
    unsigned depth;    /* how many objects and arrays it lies in, from 1 */
    struct text outer; /* key of the innermost of them, empty for the outermost and in arrays */
    struct text key;   /* its own, empty in arrays */
    struct text
        text; /* between the quotes, escapes and all; or the number's or word's characters */
};

struct json_reader {
    struct text text; /* what follows; after the end, what follows the outermost value */
    unsigned depth;
    uint32_t arrays; /* bit d: the one at depth d is an array */
    enum { JSON_BEGUN, JSON_VALUE_NEXT, JSON_VALUE_OVER } state;
    struct text key[JSON_DEPTH_MAX + 1]; /* by depth: of what is being read there */
};

/* Begins at an object or an array, blanks before it allowed. */
struct json_reader json_read(struct text text);

/*
 * The next string, number or word. 1, 0 after the end of the outermost object, -EPROTO for what is
 * no JSON or too deep: `text.at` then stands where it went wrong. Texts borrow from the input.
 */
int json_next(struct json_reader *reader, struct json_value *ret);

bool json_is(struct text key, const char *name);

/*
 * A number times `scale` (NS_PER_S for seconds), rounded to the nearest, without a detour by binary
 * fractions. False, *ret untouched, when it is negative or exceeds 64 bits. `scale` up to 10^9.
 */
bool json_scaled(struct text number, uint64_t scale, uint64_t *ret);

/*
 * Appends what a string says, its escapes undone. Surrogates that are alone, and NUL, become
 * U+FFFD; bytes that are no UTF-8 stay.
 */
void json_string_put(struct buffer *ret, struct text string);

#endif
