/* What tables.c asks of a table. Each is one file, table_NAME.c. */
#ifndef TACHO_EXPORT_EXPORT_TABLE_H
#define TACHO_EXPORT_EXPORT_TABLE_H

#include "export/tables.h"

struct export_table {
    const char *name;
    void (*fields)(const struct tacho_recording *rec, struct field_list *ret);
    int (*run)(struct export *export);
};

struct export
{
    struct tacho_recording *rec;
    struct export_options options;
    uint64_t start_ns; /* mono: where elapsed time begins */
    struct field_choice choice;
    struct drain drain;
};

extern const struct export_table table_samples, table_processes, table_machine;
/* table_marks.c */
extern const struct export_table table_scopes, table_counters, table_labels;

/* A moment as the options want it. */
struct cell export_moment(const struct export *export, uint64_t mono_ns);

/* Head, row and end of a table in the chosen format. 0 or negative errno. */
int export_begin(struct export *export);
int export_row(struct export *export, const struct cell *cells);
int export_end(struct export *export);

#endif
