/*
 * Quantities as people read them: three digits that count, binary units, one space before the unit.
 * Made with whole numbers only, so that no locale can put in its own decimal point.
 */
#ifndef TACHO_REPORT_QUANTITY_H
#define TACHO_REPORT_QUANTITY_H

#include "base/buffer.h"

/* `0 s`, `5.02 s`, `12.4 s`, `1:05`, `26:04:11`; below 0.1 s: `4.20 ms`. */
void put_duration(struct buffer *ret, uint64_t ns);

/* The same, but whole milliseconds as `100 ms`, whole seconds as `2 s`. */
void put_interval(struct buffer *ret, uint64_t ns);

/* `0 B`, `312 B`, `4.20 KiB`, `61.2 MiB`, `1.02 GiB`. */
void put_bytes(struct buffer *ret, uint64_t bytes);

/* As put_duration, but scopes may be short: `312 ns`, `4.20 us`. */
void put_time(struct buffer *ret, uint64_t ns);

/* `312 mJ`, `4.20 J`, `1.02 kJ`; `12 mg`, `4.20 g`, `1.02 kg`. */
void put_energy(struct buffer *ret, double joules);
void put_mass(struct buffer *ret, double grams);

/* `12,345`. */
void put_count(struct buffer *ret, uint64_t count);

/* `value` with so many decimals, rounded; `?` for what is not a number or beyond 1e15. */
void put_decimal(struct buffer *ret, double value, unsigned decimals);

/* `0.4 %`, `12 %`; `<0.1 %` for little more than nothing. */
void put_percent(struct buffer *ret, double share);

/* `2024-11-21 21:38:12 +0100`, in the time zone of who reads. */
void put_local_time(struct buffer *ret, uint64_t real_ns);

/* `2024-11-21T20:38:12.345678901Z` (RFC 3339). */
void put_rfc3339(struct buffer *ret, uint64_t real_ns);

/* "SIGKILL", "signal 35": NULL-free, valid until the next call by this thread. */
void put_signal(struct buffer *ret, int number);

#endif
