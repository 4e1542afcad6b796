/*
 * What a table is written as. A new format is one file with one of these, and a line in
 * export_format.c. Formats see columns and cells and know nothing of recordings. All functions
 * append to `ret`; what failed for want of memory shows in `ret->failed`. Stateless, so
 * thread-safe.
 */
#ifndef TACHO_EXPORT_FORMAT_H
#define TACHO_EXPORT_FORMAT_H

#include "base/buffer.h"
#include "export/cell.h"

struct export_format {
    const char *name; /* as --to names it */
    void (*begin)(struct buffer *ret, const struct column *columns, size_t n);
    void (*row)(struct buffer *ret, const struct column *columns, const struct cell *cells,
                size_t n);
    void (*end)(struct buffer *ret);
};

extern const struct export_format export_csv, export_tsv, export_jsonl;

/* NULL for a name that is none. */
const struct export_format *export_format_find(const char *name);

/* The i-th name, NULL after the last. */
const char *export_format_name(size_t i);

#endif
