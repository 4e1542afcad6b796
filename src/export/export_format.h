/*
 * What a recording is written as. A new format is one file with one of these, and a line in
 * export_format.c. Stateless, so thread-safe.
 *
 * Formats of tables see columns and cells and know nothing of recordings: begin, row and end append
 * to `ret`; what failed for want of memory shows in `ret->failed`. The others show the recording as
 * a whole: they have `whole` alone, which walks it (export_table.h).
 */
#ifndef TACHO_EXPORT_FORMAT_H
#define TACHO_EXPORT_FORMAT_H

#include "base/buffer.h"
#include "export/cell.h"

struct export;
struct tree_writer;

struct export_format {
    const char *name; /* as --to names it */
    void (*begin)(struct buffer *ret, const struct column *columns, size_t n);
    void (*row)(struct buffer *ret, const struct column *columns, const struct cell *cells,
                size_t n);
    void (*end)(struct buffer *ret);
    int (*whole)(struct export *export); /* 0 or negative errno */
    const struct tree_writer
        *tree;               /* the same tick by tick, also of what is recorded now; or NULL */
    bool needs_marks;        /* without any there is nothing to show */
    bool needs_clock;        /* the wall clock */
    const char *takes_table; /* of whole formats: the one --table that they know, or NULL */
    bool makes_file;         /* it opens options.output itself, and calls no `write` */
    bool makes_files;        /* it makes files in the folder options.output */
    const char *absent;      /* not in this build: what that takes; NULL: it is there */
};

extern const struct export_format export_csv, export_tsv, export_jsonl;
extern const struct export_format export_chrome, export_perfetto, export_speedscope, export_sqlite,
    export_rows_format, export_log, export_ranks, export_directory;

extern const struct export_format export_prmon, export_snakemake, export_nextflow;
extern const struct export_format export_openmetrics, export_duct;

/* NULL for a name that is none. */
const struct export_format *export_format_find(const char *name);

/* The i-th name, NULL after the last. */
const char *export_format_name(size_t i);

#endif
