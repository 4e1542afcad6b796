#include "export/digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

static void write_pair(char *p, unsigned below_100)
{
    memcpy(p, pairs + (size_t)below_100 * 2, 2);
}

/* Exactly `places` digits, zeros in front. */
static char *write_padded(char *p, uint64_t number, unsigned places)
{
    char *at = p + places;
    for (; at - p >= 2; number /= 100)
        write_pair(at -= 2, (unsigned)(number % 100));
    if (at > p)
        *p = (char)('0' + number % 10);
    return p + places;
}

char *digits_write(char *p, uint64_t number)
{
    char text[20];
    char *at = text + sizeof text;
    for (; number >= 100; number /= 100)
        write_pair(at -= 2, (unsigned)(number % 100));
    if (number >= 10)
        write_pair(at -= 2, (unsigned)number);
    else
        *--at = (char)('0' + number);
    size_t n = (size_t)(text + sizeof text - at);
    memcpy(p, at, n);
    return p + n;
}

char *digits_write_fraction(char *p, uint64_t number, unsigned places)
{
    uint64_t scale = 1;
    for (unsigned i = 0; i < places; i++)
        scale *= 10;
    p = digits_write(p, number / scale);
    *p++ = '.';
    return write_padded(p, number % scale, places);
}

char *digits_write_seconds(char *p, uint64_t ns)
{
    uint64_t fraction = ns % NS_PER_S;
    p = digits_write(p, ns / NS_PER_S);
    *p++ = '.';
    p = write_padded(p, fraction / 1000, 6);
    return fraction % 1000 == 0 ? p : write_padded(p, fraction % 1000, 3);
}

/* Gregorian date of a day since 1970-01-01; years begin in March, so that leap days come last. */
static void date_of(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    uint64_t since_0000_03_01 = days + 719468;
    uint64_t era = since_0000_03_01 / 146097;
    unsigned of_era = (unsigned)(since_0000_03_01 % 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (unsigned)era * 400 + year + (*ret_month <= 2);
}

char *digits_write_instant(char *p, uint64_t real_ns)
{
    uint64_t seconds = real_ns / NS_PER_S;
    unsigned of_day = (unsigned)(seconds % 86400);
    unsigned year, month, day;
    date_of(seconds / 86400, &year, &month, &day);
    p = write_padded(p, year, 4);
    *p++ = '-';
    p = write_padded(p, month, 2);
    *p++ = '-';
    p = write_padded(p, day, 2);
    *p++ = 'T';
    p = write_padded(p, of_day / 3600, 2);
    *p++ = ':';
    p = write_padded(p, of_day / 60 % 60, 2);
    *p++ = ':';
    p = write_padded(p, of_day % 60, 2);
    *p++ = '.';
    p = write_padded(p, real_ns % NS_PER_S / 1000, 6);
    *p++ = 'Z';
    return p;
}

/* The C library writes the point that the locale asks for. */
char *digits_write_real(char *p, double real)
{
    char text[64];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr("0123456789+-e", *at) != NULL)
            *p++ = *at;
        else if (p[-1] != '.') /* a point may be several bytes, and never comes first */
            *p++ = '.';
    }
    return p;
}

char *digits_write_cell(char *p, const struct cell *cell)
{
    switch (cell->type) {
    case CELL_NUMBER: return digits_write(p, cell->number);
    case CELL_SECONDS:
        if (cell->negative)
            *p++ = '-';
        return digits_write_seconds(p, cell->number);
    case CELL_HUNDREDTHS: return digits_write_fraction(p, cell->number, 2);
    case CELL_THOUSANDTHS: return digits_write_fraction(p, cell->number, 3);
    case CELL_INSTANT: return digits_write_instant(p, cell->number);
    case CELL_REAL: return digits_write_real(p, cell->real);
    case CELL_LETTER: *p++ = (char)cell->number; return p;
    default: return p;
    }
}
