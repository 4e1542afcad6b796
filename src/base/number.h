/*
 * Numbers from text, strictly: no leading blanks, no sign where none is meant, no silent overflow.
 */
#ifndef TACHO_BASE_NUMBER_H
#define TACHO_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A cursor over text that needs no terminator: files of /proc as they were read. */
struct text {
    const char *at;
    const char *end;
};

/* NULL for no bytes at all is allowed. */
static inline struct text text_of(const void *bytes, size_t n)
{
    const char *at = bytes;
    return (struct text){at, n > 0 ? at + n : at};
}

/*
 * Takes decimal digits at the cursor. False, with the cursor unmoved, when there is no digit or the
 * value exceeds 64 bits. About 1 ns a digit.
 */
static inline bool text_take_u64(struct text *t, uint64_t *ret)
{
    const char *p = t->at;
    uint64_t v = 0;
    for (; p < t->end && (unsigned char)(*p - '0') <= 9; p++) {
        unsigned digit = (unsigned char)(*p - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (p == t->at)
        return false;
    t->at = p;
    *ret = v;
    return true;
}

static inline void text_skip_blanks(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

/* Past the next newline, or to the end. */
static inline void text_skip_line(struct text *t)
{
    while (t->at < t->end && *t->at++ != '\n')
        ;
}

/* Takes `literal` if the text goes on with it. */
bool text_take_literal(struct text *t, const char *literal);

/* Whole-string parses for arguments and options. False when anything is left over. */
bool parse_u64(const char *s, uint64_t *ret);

/* `400`, `0.25`, `.5`, to nine decimals; neither sign nor exponent. C locale whatever the process's. */
bool parse_decimal(const char *s, double *ret);

/*
 * Seconds as `0.1`, `30`, or with a unit: `500ms`, `10s`, `5m`, `2h`, `1d`; to nanoseconds. C
 * locale whatever the process's. False for negative, not finite, over 100 years, or anything left.
 */
bool parse_duration_ns(const char *s, uint64_t *ret_ns);

#endif
