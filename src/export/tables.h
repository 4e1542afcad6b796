/*
 * `tacho export`: a recording as a table, or as a whole in another format, for another program.
 *
 *     struct export *export;
 *     if (export_open(rec, &(struct export_options){.format = &export_csv}, &export, &error) != 0)
 *         …
 *     int r = export_run(export, write_all, &fd);
 *     export_free(export);
 *
 * Memory: the buffer of rows (some 64 KiB; more only where one row is), and what is kept of each
 * process and thread.
 */
#ifndef TACHO_EXPORT_TABLES_H
#define TACHO_EXPORT_TABLES_H

#include "export/drain.h"
#include "export/export_format.h"
#include "export/fields.h"
#include "export/moment.h"

struct export_table;

/* By name: samples, processes, machine, scopes, counters, labels. NULL for none. */
const struct export_table *export_table_find(const char *name);

/* The i-th name, NULL after the last. The first is the default. */
const char *export_table_name(size_t i);

/* The fields of a table, in the order of "all"; `rec` NULL: those of this build. */
void export_table_fields(const struct export_table *table, const struct tacho_recording *rec,
                         struct field_list *ret);

struct export_options {
    const struct export_format *format;
    const struct export_table *table; /* NULL: samples; none for formats that are no tables */
    const char *fields;               /* see field_choice_parse; NULL: default; of tables only */
    enum moment_style time;
    bool fill; /* samples, machine: the last known value where none was taken */
    /* For formats with makes_file: an empty file; with makes_files: a folder, that is made where it
     * is missing. When they are refused, export_write_failed. */
    const char *output;
    bool overwrite;              /* files in the folder that exist; else -EEXIST */
    void (*waiting)(void *user); /* NULL, or called now and then by these, for a bar */
    void *waiting_user;
};

struct export;

/*
 * Prepares; writes nothing. `rec` and what `options` points to are used until export_free. 0;
 * -EINVAL for a field that is none, or for a table or fields of a format that has none, -ENODATA when
 * the recording has no wall clock for this style of time, or no marks for a format of marks (messages in `error`), -ENOMEM.
 */
int export_open(struct tacho_recording *rec, const struct export_options *options,
                struct export **ret, struct tacho_error *error);

/*
 * Writes it all. 0, what `write` returned, -ENOMEM, or why the recording could not be read on
 * (-EIO, -ESTALE, …). Once only. About 0.5 µs a row of samples.
 */
int export_run(struct export *export, drain_write write, void *context);

/* Rows made so far, the head not counted. */
uint64_t export_rows(const struct export *export);

/* How much of the recording has been gone through, of 1000; for a person who waits. */
unsigned export_progress(const struct export *export);

/* Whether it was `write` that ended export_run. */
bool export_write_failed(const struct export *export);

void export_free(struct export *export);

#endif
