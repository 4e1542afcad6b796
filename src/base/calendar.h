/*
 * Moments as logs write them: dates and times of day, in local time unless they say otherwise.
 */
#ifndef TACHO_BASE_CALENDAR_H
#define TACHO_BASE_CALENDAR_H

#include "base/number.h"

#define CALENDAR_END_NS (UINT64_C(8000000000) * 1000000000) /* the year 2223 */

/*
 * "2024-05-06 07:08:09" (or with T), with or without a fraction of a second, and with or without Z or an
 * offset like +02:00: to nanoseconds since the epoch. Without an offset it is local time, of two moments
 * with one name the earlier (calendar_later_ns). False for anything else, and before January 3, 1970 or after
 * CALENDAR_END_NS. Not for signal handlers: asks the C library for the time zone.
 */
bool calendar_parse(struct text text, uint64_t *ret_ns);

/* The other moment that clocks showed as this one, an hour later as summer ended; else the same. */
uint64_t calendar_later_ns(uint64_t time_ns);

#endif
