/*
 * What tables are made of, whatever they are written as. A cell is a typed integer or borrowed
 * text: fractions are scaled integers to the end, so that no format rounds and no locale speaks.
 */
#ifndef TACHO_EXPORT_CELL_H
#define TACHO_EXPORT_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cell_type {
    CELL_MISSING,     /* not known; never 0 */
    CELL_NUMBER,      /* as it is */
    CELL_SECONDS,     /* number: ns, written as seconds */
    CELL_HUNDREDTHS,  /* number / 100 */
    CELL_THOUSANDTHS, /* number / 1000 */
    CELL_INSTANT,     /* number: ns since the epoch, written as RFC 3339 in UTC */
    CELL_REAL,        /* real: finite, written so that it is read back exactly */
    CELL_LETTER,      /* number: one ASCII letter */
    CELL_TEXT,        /* text, n: any bytes */
};

struct cell {
    uint8_t type;  /* enum cell_type */
    bool negative; /* CELL_SECONDS: before the start */
    uint32_t n;
    union {
        uint64_t number;
        double real;
        const char *text; /* borrowed until the row is written */
    };
};

/* A column of a table, by its name: letters, digits and underscores, so it needs no quoting. */
struct column {
    const char *name;
    uint32_t n;
};

static inline struct cell cell_missing(void)
{
    return (struct cell){.type = CELL_MISSING};
}

static inline struct cell cell_number(enum cell_type type, uint64_t number)
{
    return (struct cell){.type = (uint8_t)type, .number = number};
}

/* What is no number, or infinite, has no form that all formats can write: it is missing. */
static inline struct cell cell_real(double real)
{
    bool finite = real - real == 0;
    return finite ? (struct cell){.type = CELL_REAL, .real = real} : cell_missing();
}

/* What a recording has as a letter and is none is missing. */
static inline struct cell cell_value(enum cell_type type, uint64_t number)
{
    if (type == CELL_LETTER && ((number | 0x20) < 'a' || (number | 0x20) > 'z'))
        return cell_missing();
    return cell_number(type, number);
}

/* NULL is missing; text over 4 GiB is cut. */
static inline struct cell cell_text(const char *text, size_t n)
{
    if (text == NULL)
        return cell_missing();
    uint32_t cut = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    return (struct cell){.type = CELL_TEXT, .n = cut, .text = text};
}

#endif
