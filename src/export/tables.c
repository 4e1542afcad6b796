#include "export/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/export_table.h"

static const struct export_table *const tables[] = {&table_samples,  &table_processes,
                                                    &table_machine,  &table_scopes,
                                                    &table_counters, &table_labels};

#define TABLES (sizeof tables / sizeof tables[0])

const struct export_table *export_table_find(const char *name)
{
    for (size_t i = 0; i < TABLES; i++)
        if (strcmp(tables[i]->name, name) == 0)
            return tables[i];
    return NULL;
}

const char *export_table_name(size_t i)
{
    return i < TABLES ? tables[i]->name : NULL;
}

void export_table_fields(const struct export_table *table, const struct tacho_recording *rec,
                         struct field_list *ret)
{
    ret->n = 0;
    table->fields(rec, ret);
}

/* Elapsed time needs no wall clock; the others would give a table without moments. */
static int check_clock(const struct export *export, struct tacho_error *error)
{
    bool needed = export->options.time != MOMENT_ELAPSED || export->options.format->needs_clock;
    if (!needed || tacho_real_ns(export->rec, export->start_ns) != 0)
        return 0;
    if (error != NULL) {
        *error = (struct tacho_error){.code = -ENODATA};
        snprintf(error->message, sizeof error->message, "the recording has no wall clock%s",
                 export->options.format->needs_clock ? "" : "; --time elapsed needs none");
    }
    return -ENODATA;
}

/* What shows the whole has no say over parts. */
static int check_whole(const struct export_options *options, struct tacho_error *error)
{
    const char *takes = options->format->takes_table;
    bool other_table =
        options->table != NULL && (takes == NULL || strcmp(takes, options->table->name) != 0);
    const char *given = other_table                       ? "--table"
                        : options->fields != NULL         ? "--fields"
                        : options->time != MOMENT_ELAPSED ? "--time"
                        : options->fill                   ? "--fill"
                                                          : NULL;
    if (options->format->whole == NULL || given == NULL)
        return 0;
    if (error != NULL) {
        *error = (struct tacho_error){.code = -EINVAL};
        snprintf(error->message, sizeof error->message,
                 "%s shows the recording as a whole: %s is for csv, tsv and jsonl",
                 options->format->name, given);
    }
    return -EINVAL;
}

static int check_marks(const struct tacho_recording *rec, const struct export_format *format,
                       struct tacho_error *error)
{
    if (!format->needs_marks || tacho_marking_thread_count(rec) > 0)
        return 0;
    if (error != NULL) {
        *error = (struct tacho_error){.code = -ENODATA};
        snprintf(error->message, sizeof error->message,
                 "nothing in the recording is marked, and %s shows scopes alone", format->name);
    }
    return -ENODATA;
}

int export_open(struct tacho_recording *rec, const struct export_options *options,
                struct export **ret, struct tacho_error *error)
{
    int r = -ENOMEM;
    struct field_list *fields = malloc(sizeof *fields);
    struct export *export = calloc(1, sizeof *export);
    if (fields == NULL || export == NULL)
        goto fail;
    export->rec = rec;
    export->options = *options;
    if (export->options.table == NULL)
        export->options.table = &table_samples;
    if (!tacho_fact_number(rec, "started_ns", &export->start_ns))
        export->start_ns = tacho_first_ns(rec);
    r = check_whole(options, error);
    if (r == 0)
        r = check_marks(rec, options->format, error);
    if (r == 0) {
        export_table_fields(export->options.table, rec, fields);
        r = field_choice_parse(fields, options->fields, &export->choice, error);
    }
    if (r == 0)
        r = check_clock(export, error);
    if (r < 0)
        goto fail;
    free(fields);
    *ret = export;
    return 0;
fail:
    free(fields);
    free(export);
    return r;
}

int export_run(struct export *export, drain_write write, void *context)
{
    export->drain.write = write;
    export->drain.context = context;
    int r = export->options.format->whole != NULL ? export->options.format->whole(export)
                                                  : export->options.table->run(export);
    if (r < 0 && r != -ENOMEM && !export->drain.refused)
        (void)drain_flush(&export->drain); /* whole rows up to where reading ended */
    return r;
}

uint64_t export_rows(const struct export *export)
{
    return export->drain.rows;
}

bool export_write_failed(const struct export *export)
{
    return export->drain.refused;
}

void export_free(struct export *export)
{
    if (export == NULL)
        return;
    buffer_done(&export->drain.buffer);
    free(export);
}

unsigned export_progress(const struct export *export)
{
    uint64_t first = tacho_first_ns(export->rec), last = tacho_last_ns(export->rec);
    unsigned walks = export->walks == 0 ? 1 : export->walks;
    uint64_t done = 0;
    if (export->now_ns > first && last > first)
        done = export->now_ns < last ? (export->now_ns - first) * 1000 / (last - first) : 1000;
    return (unsigned)((export->walk * UINT64_C(1000) + done) / walks);
}

uint64_t export_real_ns(const struct export *export, uint64_t mono_ns)
{
    const struct export_live *live = &export->live;
    return live->mono_ns != 0 ? live->real_ns - live->mono_ns + mono_ns
                              : tacho_real_ns(export->rec, mono_ns);
}

struct cell export_moment(const struct export *export, uint64_t mono_ns)
{
    uint64_t real_ns = export->options.time == MOMENT_ELAPSED ? 0 : export_real_ns(export, mono_ns);
    return moment_cell(export->options.time, export->start_ns, mono_ns, real_ns);
}

int export_begin(struct export *export)
{
    if (export->taker != NULL)
        return export->taker->begin(export->taker->user, &export->choice);
    export->options.format->begin(&export->drain.buffer, export->choice.columns, export->choice.n);
    return export->drain.buffer.failed ? -ENOMEM : 0;
}

int export_row(struct export *export, const struct cell *cells)
{
    if (export->taker != NULL) {
        export->drain.rows++;
        return export->taker->row(export->taker->user, cells);
    }
    export->options.format->row(&export->drain.buffer, export->choice.columns, cells,
                                export->choice.n);
    return drain_row(&export->drain);
}

int export_end(struct export *export)
{
    if (export->taker != NULL)
        return export->taker->end(export->taker->user);
    export->options.format->end(&export->drain.buffer);
    return drain_flush(&export->drain);
}

int export_table_run(struct export *export, const struct export_table *table, const char *fields,
                     const struct export_taker *taker)
{
    struct field_list *all = malloc(sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    export_table_fields(table, export->rec, all);
    int r = field_choice_parse(all, fields, &export->choice, NULL);
    free(all);
    export->options.fields = fields;
    export->taker = taker;
    return r == 0 ? table->run(export) : r;
}
