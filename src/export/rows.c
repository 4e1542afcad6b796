#include "export/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/seen.h"

/* Codes of fields; from FIELD_METRIC on, positions of metrics, where METRICS_MAX is none. */
enum { FIELD_TIME, FIELD_PID, FIELD_ENTITY, FIELD_COMM, FIELD_CPU_PERCENT, FIELD_METRIC };

struct rows {
    const struct export_format *format;
    enum moment_style time;
    uint64_t start_ns;
    bool fill;
    uint64_t steady; /* metrics that only the running of a process changes */
    uint64_t cpu;    /* the bit of the CPU clock, 0 none */
    unsigned cpu_position;
    struct cell cpu_percent; /* of the row being made */
    uint64_t count;
    struct seen_entities entities;
    struct field_choice choice;
    struct cell cells[FIELDS_MAX];
};

static bool is_default_metric(const char *name)
{
    static const char *const names[] = {"status",     "num_threads", "cpu",        "user",
                                        "system",     "rss",         "vms",        "pss",
                                        "read_chars", "write_chars", "read_bytes", "write_bytes"};
    return name_among(name, names, sizeof names / sizeof names[0]);
}

static const struct field leading[] = {
    {"time", "s", "moment of the sample, see --time", FIELD_TIME, 0, true},
    {"pid", "id", "process id", FIELD_PID, 0, true},
    {"entity", "id", "number of the process in this recording: pids are reused", FIELD_ENTITY, 0,
     true},
    {"comm", "text", "name of the process", FIELD_COMM, 0, true},
    {"cpu_percent", "%", "of one processor, since the sample before", FIELD_CPU_PERCENT, 0, true},
};

void rows_fields(const struct metric_list *metrics, struct field_list *ret)
{
    struct metric_list of_build;
    if (metrics == NULL) {
        metric_list_of(NULL, ENTITY_PROCESS, &of_build);
        metrics = &of_build;
    }
    ret->n = 0;
    for (size_t i = 0; i < sizeof leading / sizeof leading[0]; i++)
        field_list_add(ret, "", leading[i].name, &leading[i]);
    for (size_t i = 0; i < metrics->n; i++) {
        const struct metric_field *m = &metrics->metrics[i];
        field_list_add(ret, "", m->name,
                       &(struct field){.unit = field_unit_of(m->unit),
                                       .help = m->help,
                                       .code = (uint16_t)(FIELD_METRIC + m->position),
                                       .type = (uint8_t)field_type_of_unit(m->unit),
                                       .by_default = is_default_metric(m->name)});
    }
}

static void learn_metrics(struct rows *rows, const struct metric_list *metrics)
{
    for (size_t i = 0; i < metrics->n; i++) {
        const struct metric_field *m = &metrics->metrics[i];
        if (m->position >= METRICS_MAX)
            continue;
        uint64_t bit = UINT64_C(1) << m->position;
        if (!metric_changes_when_idle(m->name))
            rows->steady |= bit;
        if (strcmp(m->name, "cpu") == 0) {
            rows->cpu = bit;
            rows->cpu_position = m->position;
        }
    }
}

int rows_new(const struct rows_options *options, const struct metric_list *metrics,
             struct rows **ret, struct tacho_error *error)
{
    struct rows *rows = calloc(1, sizeof *rows);
    struct field_list *fields = malloc(sizeof *fields);
    struct metric_list of_build;
    int r = -ENOMEM;
    if (rows == NULL || fields == NULL)
        goto fail;
    rows->format = options->format;
    rows->time = options->time;
    rows->start_ns = options->start_ns;
    rows->fill = options->fill;
    if (metrics == NULL) {
        metric_list_of(NULL, ENTITY_PROCESS, &of_build);
        metrics = &of_build;
    }
    learn_metrics(rows, metrics);
    rows_fields(metrics, fields);
    r = field_choice_parse(fields, options->fields, &rows->choice, error);
    if (r < 0)
        goto fail;
    free(fields);
    *ret = rows;
    return 0;
fail:
    free(fields);
    free(rows);
    return r;
}

void rows_free(struct rows *rows)
{
    if (rows == NULL)
        return;
    seen_done(&rows->entities);
    free(rows);
}

void rows_begin(struct rows *rows, struct buffer *ret)
{
    rows->format->begin(ret, rows->choice.columns, rows->choice.n);
}

static struct cell metric_cell(const struct field *field, const struct row_sample *sample,
                               uint64_t shown)
{
    unsigned position = field->code - (unsigned)FIELD_METRIC;
    if (position >= METRICS_MAX || (shown >> position & 1) == 0)
        return cell_missing();
    return cell_value(field->type, sample->value[position]);
}

static struct cell cell_of(const struct rows *rows, const struct field *field,
                           const struct row_sample *sample, uint64_t shown)
{
    switch (field->code) {
    case FIELD_TIME:
        return moment_cell(rows->time, rows->start_ns, sample->time_ns, sample->real_ns);
    case FIELD_PID:
        return sample->pid > 0 ? cell_number(CELL_NUMBER, (uint64_t)sample->pid) : cell_missing();
    case FIELD_ENTITY: return cell_number(CELL_NUMBER, sample->entity);
    case FIELD_COMM:
        return cell_text(sample->comm, sample->comm == NULL ? 0 : strlen(sample->comm));
    case FIELD_CPU_PERCENT: return rows->cpu_percent;
    default: return metric_cell(field, sample, shown);
    }
}

/*
 * What held at this tick: what was sampled, and of an idle process what held at the tick before.
 * That is less than all that is known: a process that ran is not asked for everything each time.
 */
static uint64_t take_current(struct rows *rows, const struct row_sample *sample, struct seen *seen)
{
    uint64_t kept = sample->idle ? seen->current & rows->steady : 0;
    seen->current = sample->known & (sample->fresh | kept);
    rows->cpu_percent = cell_missing();
    if ((seen->current & rows->cpu) != 0)
        rows->cpu_percent =
            seen_cpu_percent(seen, sample->time_ns, sample->value[rows->cpu_position]);
    return seen->current;
}

int rows_make(struct rows *rows, const struct row_sample *sample, const struct cell **ret)
{
    struct seen *seen = seen_of(&rows->entities, sample->entity);
    if (seen == NULL)
        return -ENOMEM;
    uint64_t shown = take_current(rows, sample, seen);
    if (rows->fill)
        shown = sample->known;
    if (shown == 0)
        return 0;
    for (size_t i = 0; i < rows->choice.n; i++)
        rows->cells[i] = cell_of(rows, &rows->choice.fields[i], sample, shown);
    *ret = rows->cells;
    return 1;
}

void rows_put(struct rows *rows, struct buffer *ret, const struct row_sample *sample)
{
    const struct cell *cells;
    int r = rows_make(rows, sample, &cells);
    if (r < 0)
        ret->failed = true;
    if (r <= 0)
        return;
    rows->format->row(ret, rows->choice.columns, cells, rows->choice.n);
    rows->count++;
}

const struct field_choice *rows_choice(const struct rows *rows)
{
    return &rows->choice;
}

void rows_forget(struct rows *rows, uint32_t entity)
{
    seen_forget(&rows->entities, entity);
}

void rows_end(struct rows *rows, struct buffer *ret)
{
    rows->format->end(ret);
}

uint64_t rows_count(const struct rows *rows)
{
    return rows->count;
}
