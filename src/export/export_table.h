/*
 * What tables.c asks of a table. Each is one file, table_NAME.c. And what tables, and formats of
 * whole recordings, have to work with.
 */
#ifndef TACHO_EXPORT_EXPORT_TABLE_H
#define TACHO_EXPORT_EXPORT_TABLE_H

#include "export/rows.h"
#include "export/tables.h"

struct export_table {
    const char *name;
    void (*fields)(const struct tacho_recording *rec, struct field_list *ret);
    int (*run)(struct export *export);
};

/* Who takes a table's rows instead of a format: a whole format that is made of tables. */
struct export_taker {
    void *user;
    int (*begin)(void *user, const struct field_choice *choice);
    int (*row)(void *user, const struct cell *cells);
    int (*end)(void *user);
};

struct export
{
    struct tacho_recording *rec;
    struct export_options options;
    uint64_t start_ns; /* mono: where elapsed time begins */
    struct field_choice choice;
    struct drain drain;
    const struct export_taker *taker; /* NULL: the format */
    unsigned walk, walks;             /* through the recording: done, and in all; 0 is 1 */
    uint64_t now_ns;                  /* where this walk is */
    struct export_live {              /* of what is recorded now; else zeroes */
        uint64_t mono_ns, real_ns;    /* one moment on both clocks, at the last tick */
        uint64_t sample_cpu_ns;       /* what the first samples took */
    } live;
};

extern const struct export_table table_samples, table_processes, table_machine;
/* table_marks.c */
extern const struct export_table table_scopes, table_counters, table_labels;

/* How far a walk has come; for formats that write themselves also a look at the bar. */
static inline void export_is_at(struct export *export, uint64_t mono_ns)
{
    export->now_ns = mono_ns;
    if (export->options.format->makes_files && export->options.waiting != NULL)
        export->options.waiting(export->options.waiting_user);
}

/* The wall clock at a moment. */
uint64_t export_real_ns(const struct export *export, uint64_t mono_ns);

/* A moment as the options want it. */
struct cell export_moment(const struct export *export, uint64_t mono_ns);

/* Head, row and end of a table in the chosen format, or to the taker. 0 or negative errno. */
int export_begin(struct export *export);
int export_row(struct export *export, const struct cell *cells);
int export_end(struct export *export);

/* All of a table to a taker. 0, negative errno, or what the taker returned. */
int export_table_run(struct export *export, const struct export_table *table, const char *fields,
                     const struct export_taker *taker);

/*
 * Samples of processes, in order of time, as rows.h takes them. 0, what `each` returned where that is
 * negative, or why the recording could not be read on.
 */
int export_samples(struct export *export, void *user,
                   int (*each)(void *user, const struct row_sample *sample));

#endif
