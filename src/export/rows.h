/*
 * Rows of samples: one a process and tick, of chosen fields, in any format. Made for `tacho
 * export`, and for `tacho record --stream`, which has no recording: it calls
 *
 *     rows_new(&(struct rows_options){.format = &export_csv, .start_ns = t0}, NULL, &rows, &error);
 *     rows_begin(rows, &out);                 the head of the table
 *     rows_put(rows, &out, &sample);          for each process at each tick
 *     rows_forget(rows, entity);              when one has ended
 *     rows_end(rows, &out);
 *
 * and drains `out` as it likes. One thread. Costs about 0.2 µs a row of default fields.
 */
#ifndef TACHO_EXPORT_ROWS_H
#define TACHO_EXPORT_ROWS_H

#include "export/export_format.h"
#include "export/fields.h"
#include "export/moment.h"

struct rows;

struct rows_options {
    const struct export_format *format;
    const char *fields; /* "time,pid,rss", see field_choice_parse; NULL: default */
    enum moment_style time;
    uint64_t start_ns; /* mono: where elapsed time begins */
    bool fill;         /* show the last known value where none was taken */
};

/*
 * `metrics` says what the positions of values mean; NULL: enum process_metric. 0, -EINVAL for a
 * field that is none (message in `error`), -ENOMEM.
 */
int rows_new(const struct rows_options *options, const struct metric_list *metrics,
             struct rows **ret, struct tacho_error *error);
void rows_free(struct rows *rows);

/* One process at one tick. Pointers are borrowed for the call. */
struct row_sample {
    uint64_t time_ns; /* mono */
    uint64_t real_ns; /* the same moment on the wall clock, 0 unknown; for rfc3339 and epoch */
    uint32_t entity;  /* tells apart processes that had the same pid; not 0 */
    int pid;
    const char *comm; /* NULL unknown */
    bool idle;        /* it did not run since the tick before */
    uint64_t known;   /* `value` is valid at these positions */
    uint64_t fresh;   /* and was sampled at this tick at these; the rest is carried from before */
    const uint64_t *value;
};

void rows_begin(struct rows *rows, struct buffer *ret);

/*
 * Appends a row, and counts it. What is shown: values sampled at this tick; of a process that has
 * been idle since they were sampled, those that only its running can change; with `fill` all that
 * are known. A sample with nothing to show makes no row. Each entity's samples come in order of
 * time.
 */
void rows_put(struct rows *rows, struct buffer *ret, const struct row_sample *sample);

/*
 * The same, unwritten: 1 with the cells of the chosen fields, valid until the next call; 0 where there is nothing
 * to show; -ENOMEM.
 */
int rows_make(struct rows *rows, const struct row_sample *sample, const struct cell **ret);

/* What was chosen. */
const struct field_choice *rows_choice(const struct rows *rows);

/* Frees what is kept of a process. Without it 40 bytes each stay until rows_free. */
void rows_forget(struct rows *rows, uint32_t entity);

void rows_end(struct rows *rows, struct buffer *ret);

uint64_t rows_count(const struct rows *rows);

/* The fields there are, in the order of "all". */
void rows_fields(const struct metric_list *metrics, struct field_list *ret);

#endif
