/*
 * Columns of numbers in few bytes, for the page's script: web/README.md has the form. Columns gather in
 * blocks, each deflated by itself, so that the script need not inflate what nobody looks at.
 *
 * About 10 ns a value, and 20 ns a byte of what comes out of the coding before it is deflated.
 */
#ifndef TACHO_REPORT_PACK_H
#define TACHO_REPORT_PACK_H

#include "report/json.h"

#define PACK_INT_MAX ((INT64_C(1) << 53) - 1) /* the script's numbers are exact so far */

struct pack {
    struct buffer raw;    /* the block that is open */
    struct buffer blocks; /* finished ones, as the page has them: script elements */
    size_t block_count;
    size_t column_at; /* of the column that is open, in raw */
    int64_t last;     /* known value of it */
    bool failed;      /* out of memory */
};

/* Where a column lies. */
struct packed {
    size_t block, at, bytes;
    int digits;
};

/* One column at a time. Values beyond PACK_INT_MAX are cut to it. */
void pack_begin(struct pack *pack);
void pack_unknown(struct pack *pack);
void pack_int(struct pack *pack, int64_t value);
/* `digits`: how many decimal places the integers have; below 0 they lack some. */
struct packed pack_end(struct pack *pack, int digits);

/* A column of doubles, NAN unknown, rounded to so many decimal places. */
struct packed pack_doubles(struct pack *pack, const double *value, size_t n, int digits);

/* Bytes as they are. */
struct packed pack_bytes(struct pack *pack, const void *bytes, size_t n);

/* Ends the block: what comes next is inflated by itself. Nothing where it is empty. */
void pack_cut(struct pack *pack);

void pack_done(struct pack *pack);

/* As an object: {"block": …, "at": …, "bytes": …, "scale": …}. */
void json_packed(struct json *json, const char *key, const struct packed *packed);

#endif
