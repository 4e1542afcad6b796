/*
 * Numbers as text, by integer arithmetic alone: exact, the same in every locale, and about 5 ns
 * each. All write at `p`, which has room for DIGITS_MAX, and return the byte after; nothing is
 * terminated.
 */
#ifndef TACHO_EXPORT_DIGITS_H
#define TACHO_EXPORT_DIGITS_H

#include "export/cell.h"

#define DIGITS_MAX 32 /* the longest: -18446744073.709551615, 2554-07-21T23:34:33.709551Z */

char *digits_write(char *p, uint64_t number);

/* Seconds with 6 decimals, or 9 where there are nanoseconds to tell. */
char *digits_write_seconds(char *p, uint64_t ns);

/* `number` with the last `places` (1 to 9) digits behind the point. */
char *digits_write_fraction(char *p, uint64_t number, unsigned places);

/* RFC 3339 in UTC, in whole microseconds (cut, not rounded): 2026-01-31T12:00:00.000000Z. */
char *digits_write_instant(char *p, uint64_t real_ns);

/* A finite number, in as few digits as say which it is: 0.1, -3, 1e+300. About 300 ns. */
char *digits_write_real(char *p, double real);

/* Whatever a cell holds but text; nothing for a missing one. */
char *digits_write_cell(char *p, const struct cell *cell);

#endif
