/*
 * OpenMetrics text, with a timestamp on each sample, under the names that OpenTelemetry gives to what
 * processes use. A family's samples must stand together, and in it those of a process: there is a walk for
 * each family, and what belongs to one process waits in a spool.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "export/digits.h"
#include "export/entity_map.h"
#include "export/export_table.h"
#include "export/spool.h"

#define PARTS_MAX 2

static const struct family {
    const char *name, *unit, *help;
    bool counter;
    const char *label; /* what tells the parts apart; NULL: there is one */
    struct {
        const char *field, *value;
    } part[PARTS_MAX];
} families[] = {
    {"process_cpu_time_seconds",
     "seconds",
     "CPU time",
     true,
     "cpu_mode",
     {{"user", "user"}, {"system", "system"}}},
    {"process_memory_usage_bytes", "bytes", "resident memory", false, NULL, {{"rss", NULL}}},
    {"process_memory_virtual_bytes", "bytes", "virtual memory", false, NULL, {{"vms", NULL}}},
    {"process_disk_io_bytes",
     "bytes",
     "storage read and written",
     true,
     "disk_io_direction",
     {{"read_bytes", "read"}, {"write_bytes", "write"}}},
    {"process_thread_count", "", "threads", false, NULL, {{"num_threads", NULL}}},
    {"process_open_file_descriptor_count",
     "",
     "open descriptors",
     false,
     NULL,
     {{"num_fds", NULL}}},
    {"process_context_switches",
     "",
     "of threads alive",
     true,
     "process_context_switch_type",
     {{"voluntary_ctx_switches", "voluntary"}, {"involuntary_ctx_switches", "involuntary"}}},
    {"process_paging_faults",
     "",
     "page faults",
     true,
     "process_paging_fault_type",
     {{"minor_faults", "minor"}, {"major_faults", "major"}}},
};
#define FAMILIES (sizeof families / sizeof families[0])

struct openmetrics {
    struct export *export;
    const struct family *family;
    struct rows *rows;
    struct entity_map places;
    struct spool spool;
    struct buffer labels, line;
};

/* A label's value: what is not UTF-8 becomes U+FFFD; \ " and line feeds are escaped. */
static void put_label(struct buffer *out, const char *text)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    while (p < end) {
        uint32_t c;
        p += utf8_next(p, end, &c);
        if (c == '\\' || c == '"')
            buffer_put_byte(out, '\\');
        if (c == '\n')
            buffer_put_text(out, "\\n");
        else
            utf8_put(out, c);
    }
}

static void put_labels(struct openmetrics *s, const struct tacho_process *p, unsigned part)
{
    buffer_clear(&s->labels);
    buffer_printf(&s->labels,
                  "{process_pid=\"%d\",entity=\"%" PRIu32 "\",process_executable_name=\"", p->pid,
                  p->entity);
    put_label(&s->labels, p->comm);
    buffer_put_byte(&s->labels, '"');
    if (s->family->label != NULL)
        buffer_printf(&s->labels, ",%s=\"%s\"", s->family->label, s->family->part[part].value);
    buffer_put_byte(&s->labels, '}');
}

/* Value and timestamp: what comes before is the same for all of a process. */
static int on_sample(void *user, const struct row_sample *sample)
{
    struct openmetrics *s = user;
    const struct cell *cells;
    const uint64_t *place = entity_map_get(&s->places, sample->entity);
    int r = rows_make(s->rows, sample, &cells);
    if (r <= 0 || place == NULL)
        return r;
    for (unsigned i = 0; i < rows_choice(s->rows)->n && r >= 0; i++) {
        char digits[2 * DIGITS_MAX], *at = digits;
        if (cells[i].type == CELL_MISSING)
            continue;
        at = digits_write_cell(at, &cells[i]);
        *at++ = ' ';
        uint64_t real_ns = tacho_real_ns(s->export->rec, sample->time_ns);
        at = digits_write_seconds(at, real_ns);
        *at++ = '\n';
        r = spool_put(&s->spool, (size_t)*place * PARTS_MAX + i, digits, (size_t)(at - digits));
    }
    return r < 0 ? r : 0;
}

/* Pieces may end within a line: what is left waits in `line`. */
static int put_piece(void *user, const void *bytes, size_t n)
{
    struct openmetrics *s = user;
    struct buffer *out = &s->export->drain.buffer;
    const char *at = bytes, *end = at + n;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *until = newline == NULL ? end : newline + 1;
        buffer_put(&s->line, at, (size_t)(until - at));
        at = until;
        if (newline == NULL)
            break;
        buffer_put_text(out, s->family->name);
        buffer_put_text(out, s->family->counter ? "_total" : "");
        buffer_put(out, s->labels.data, s->labels.len);
        buffer_put_byte(out, ' ');
        buffer_put(out, s->line.data, s->line.len);
        out->failed |= s->line.failed || s->labels.failed;
        buffer_clear(&s->line);
        int r = drain_row(&s->export->drain);
        if (r < 0)
            return r;
    }
    return 0;
}

static int put_processes(struct openmetrics *s)
{
    const struct tacho_recording *rec = s->export->rec;
    int r = 0;
    for (size_t i = 0; r == 0 && i < tacho_process_count(rec); i++)
        for (unsigned part = 0; r == 0 && part < PARTS_MAX; part++) {
            if (s->family->part[part].field == NULL)
                continue;
            put_labels(s, tacho_process(rec, i), part);
            r = spool_read(&s->spool, i * PARTS_MAX + part, s, put_piece);
        }
    return r;
}

static void put_head(struct openmetrics *s)
{
    struct buffer *out = &s->export->drain.buffer;
    const struct family *f = s->family;
    buffer_printf(out, "# TYPE %s %s\n", f->name, f->counter ? "counter" : "gauge");
    if (f->unit[0] != '\0')
        buffer_printf(out, "# UNIT %s %s\n", f->name, f->unit);
    buffer_printf(out, "# HELP %s %s\n", f->name, f->help);
}

static int put_family(struct openmetrics *s, const struct metric_list *metrics)
{
    char fields[128];
    const struct family *f = s->family;
    strcpy(stpcpy(stpcpy(fields, f->part[0].field), f->part[1].field == NULL ? "" : ","),
           f->part[1].field == NULL ? "" : f->part[1].field);
    int r = rows_new(&(struct rows_options){.fields = fields}, metrics, &s->rows, NULL);
    if (r < 0)
        return r;
    s->spool = (struct spool){.fd = -1};
    put_head(s);
    r = export_samples(s->export, s, on_sample);
    if (r == 0)
        r = put_processes(s);
    spool_done(&s->spool);
    rows_free(s->rows);
    return r;
}

static int put_all(struct openmetrics *s)
{
    const struct tacho_recording *rec = s->export->rec;
    struct metric_list metrics;
    metric_list_of(rec, TACHO_PROCESS, &metrics);
    for (size_t i = 0; i < tacho_process_count(rec); i++)
        if (entity_map_put(&s->places, tacho_process(rec, i)->entity, i) == -ENOMEM)
            return -ENOMEM;
    int r = 0;
    s->export->walks = FAMILIES;
    for (unsigned i = 0; r == 0 && i < FAMILIES; i++) {
        s->export->walk = i;
        s->family = &families[i];
        r = put_family(s, &metrics);
    }
    buffer_put_text(&s->export->drain.buffer, "# EOF\n");
    return r == 0 ? drain_flush(&s->export->drain) : r;
}

static int openmetrics_whole(struct export *export)
{
    struct openmetrics s = {.export = export};
    int r = put_all(&s);
    entity_map_done(&s.places);
    buffer_done(&s.labels);
    buffer_done(&s.line);
    return r;
}

const struct export_format export_openmetrics = {
    .name = "openmetrics", .whole = openmetrics_whole, .needs_clock = true};
