/* A row for each process at each tick, made by rows.c as live rows are. */
#include <errno.h>

#include "export/export_table.h"
#include "export/rows.h"

static void samples_fields(const struct tacho_recording *rec, struct field_list *ret)
{
    struct metric_list metrics;
    metric_list_of(rec, TACHO_PROCESS, &metrics);
    rows_fields(&metrics, ret);
}

/* Wall clock of the tick: looked up once, not once a row. */
static uint64_t real_ns_of(const struct export *export, uint64_t mono_ns, struct row_sample *last)
{
    if (export->options.time == MOMENT_ELAPSED)
        return 0;
    return mono_ns == last->time_ns ? last->real_ns : tacho_real_ns(export->rec, mono_ns);
}

static int tell_all(struct export *export, struct tacho_walk *walk, void *user,
                    int (*each)(void *user, const struct row_sample *sample))
{
    struct row_sample row = {0};
    struct tacho_sample sample;
    int r;
    while ((r = tacho_walk_next(walk, &sample)) > 0) {
        /* A log tells of one process at a time: of the others there is nothing to say then. */
        if (sample.fresh == 0 && !sample.idle && !export->options.fill)
            continue;
        const struct tacho_process *process = tacho_process_of(export->rec, sample.entity);
        row.real_ns = real_ns_of(export, sample.time_ns, &row);
        row.time_ns = export->now_ns = sample.time_ns;
        row.entity = sample.entity;
        row.pid = process == NULL ? 0 : process->pid;
        row.comm = process == NULL ? NULL : process->comm;
        row.idle = sample.idle;
        row.known = sample.known;
        row.fresh = sample.fresh;
        row.value = sample.value;
        r = each(user, &row);
        if (r < 0)
            return r;
    }
    return r;
}

int export_samples(struct export *export, void *user,
                   int (*each)(void *user, const struct row_sample *sample))
{
    struct tacho_walk *walk;
    int r = tacho_walk_open(export->rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk);
    if (r < 0)
        return r;
    r = tell_all(export, walk, user, each);
    tacho_walk_close(walk);
    return r;
}

struct sample_rows {
    struct export *export;
    struct rows *rows;
};

static int put_row(void *user, const struct row_sample *sample)
{
    const struct sample_rows *s = user;
    const struct cell *cells;
    int r = rows_make(s->rows, sample, &cells);
    return r <= 0 ? r : export_row(s->export, cells);
}

static int samples_run(struct export *export)
{
    struct metric_list metrics;
    struct rows *rows;
    metric_list_of(export->rec, TACHO_PROCESS, &metrics);
    int r = rows_new(&(struct rows_options){.fields = export->options.fields,
                                            .time = export->options.time,
                                            .start_ns = export->start_ns,
                                            .fill = export->options.fill},
                     &metrics, &rows, NULL);
    if (r < 0)
        return r;
    r = export_begin(export);
    if (r == 0)
        r = export_samples(export, &(struct sample_rows){export, rows}, put_row);
    if (r == 0)
        r = export_end(export);
    rows_free(rows);
    return r;
}

const struct export_table table_samples = {"samples", samples_fields, samples_run};
