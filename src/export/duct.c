/*
 * con-duct's files in the folder OUT: usage.jsonl, a line a tick with each process and the totals, and info.json,
 * which sums the run up. Bytes, percent, and times in ISO 8601 with an offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/positions.h"
#include "base/clock.h"
#include "base/text.h"
#include "export/digits.h"
#include "export/folder.h"
#include "export/job_totals.h"

#define SCHEMA_VERSION "0.2.2" /* of the files, as con-duct 0.21 writes them */

struct duct {
    struct export *export;
    struct folder folder;
    int usage;
    struct positions position;
    struct buffer processes; /* of this tick */
    uint64_t before_ns, before_cpu_ns;
    uint64_t memory_bytes;
};

static void put_time(const struct duct *d, struct buffer *out, uint64_t mono_ns)
{
    char text[DIGITS_MAX];
    char *end = digits_write_instant(text, tacho_real_ns(d->export->rec, mono_ns));
    buffer_put_byte(out, '"');
    buffer_put(out, text, (size_t)(end - 1 - text)); /* Z */
    buffer_put_text(out, "+00:00\"");
}

static double memory_percent(const struct duct *d, uint64_t bytes)
{
    return d->memory_bytes == 0 ? 0 : (double)bytes * 100 / (double)d->memory_bytes;
}

/* As ps has it, and so con-duct: CPU time in percent of the process's age. */
static double cpu_percent(const struct tacho_process *p, uint64_t time_ns, uint64_t cpu_ns)
{
    return time_ns > p->start_ns ? (double)cpu_ns * 100 / (double)(time_ns - p->start_ns) : 0;
}

static uint64_t value_of(const struct duct *d, const struct tacho_sample *sample, unsigned metric)
{
    return sample_known(sample, &d->position, metric) ? sample_value(sample, &d->position, metric)
                                                      : 0;
}

static int on_process(void *user, size_t place, const struct tacho_sample *sample)
{
    struct duct *d = user;
    const struct tacho_process *p = tacho_process(d->export->rec, place);
    struct buffer *out = &d->processes, command = {0};
    uint64_t rss = value_of(d, sample, PROCESS_RSS), letter = value_of(d, sample, PROCESS_STATE);
    double percent = cpu_percent(p, sample->time_ns, value_of(d, sample, PROCESS_CPU));
    bool is_letter = (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
    uint64_t age_s = sample->time_ns > p->start_ns ? (sample->time_ns - p->start_ns) / NS_PER_S : 0;
    text_put_shell(&command, p->argv, p->argv_bytes);
    buffer_printf(out,
                  "%s\"%d\": {\"pcpu\": %.1f, \"pmem\": %.2f, \"rss\": %" PRIu64
                  ", \"vsz\": %" PRIu64 ", \"timestamp\": ",
                  out->len == 0 ? "" : ", ", p->pid, percent, memory_percent(d, rss), rss,
                  value_of(d, sample, PROCESS_VMS));
    put_time(d, out, sample->time_ns);
    buffer_printf(out,
                  ", \"etime\": \"%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64
                  "\", \"stat\": {\"%c\": 1}, \"cmd\": ",
                  age_s / 3600, age_s / 60 % 60, age_s % 60, is_letter ? (char)letter : '?');
    text_put_json(out, command.data, command.len);
    buffer_put_byte(out, '}');
    out->failed |= command.failed;
    buffer_done(&command);
    return 0;
}

static int on_tick(void *user, const struct tree_tick *tick)
{
    struct duct *d = user;
    struct buffer *out = folder_out(&d->folder, d->usage);
    uint64_t rss = tick->sum[PROCESS_RSS], vms = tick->sum[PROCESS_VMS];
    double percent = 0;
    if (d->before_ns != 0 && tick->time_ns > d->before_ns)
        percent = (double)(tick->grown[LINEAGE_CPU] - d->before_cpu_ns) * 100 /
                  (double)(tick->time_ns - d->before_ns);
    d->before_ns = tick->time_ns;
    d->before_cpu_ns = tick->grown[LINEAGE_CPU];
    buffer_put_text(out, "{\"timestamp\": ");
    put_time(d, out, tick->time_ns);
    buffer_put_text(out, ", \"num_samples\": 1, \"processes\": {");
    buffer_put(out, d->processes.data, d->processes.len);
    out->failed |= d->processes.failed;
    buffer_clear(&d->processes);
    for (unsigned i = 0; i < 2; i++)
        buffer_printf(out,
                      "}, \"%s\": {\"pmem\": %.2f, \"pcpu\": %.1f, \"rss\": %" PRIu64
                      ", \"vsz\": %" PRIu64 "%s",
                      i == 0 ? "totals" : "averages", memory_percent(d, rss), percent, rss, vms,
                      i == 0 ? "" : ", \"num_samples\": 1");
    buffer_put_text(out, "}}\n");
    return folder_put(&d->folder, d->usage);
}

/* ---- info.json ---- */

static void put_text(struct buffer *out, const char *key, const char *text)
{
    buffer_printf(out, "\"%s\": ", key);
    if (text == NULL)
        buffer_put_text(out, "null");
    else
        text_put_json(out, text, strlen(text));
    buffer_put_text(out, ", ");
}

static void put_command(const struct duct *d, struct buffer *out)
{
    size_t n;
    const char *command = tacho_fact_text(d->export->rec, "command", &n);
    struct buffer line = {0};
    buffer_put_text(out, "\"command\": ");
    if (command != NULL)
        text_put_shell(&line, command, n);
    text_put_json(out, line.data, line.len);
    buffer_put_text(out, ", ");
    out->failed |= line.failed;
    buffer_done(&line);
}

static void put_summary(const struct duct *d, struct buffer *out, const struct job_totals *t)
{
    buffer_put_text(out, "\"execution_summary\": {");
    if (t->exited || t->signalled)
        buffer_printf(out, "\"exit_code\": %d, ", t->signalled ? 128 + t->code : t->code);
    else
        buffer_put_text(out, "\"exit_code\": null, ");
    put_command(d, out);
    buffer_printf(out,
                  "\"logs_prefix\": \"\", \"wall_clock_time\": %.3f, \"peak_rss\": %" PRIu64
                  ", \"average_rss\": %.1f, \"peak_vsz\": %" PRIu64
                  ", \"average_vsz\": %.1f, \"peak_pmem\": %.2f, \"average_pmem\": %.2f, "
                  "\"peak_pcpu\": %.1f, \"average_pcpu\": %.1f, \"num_samples\": %" PRIu64
                  ", \"num_reports\": %" PRIu64 ", \"start_time\": %.6f, \"end_time\": %.6f, ",
                  (double)t->wall_ns / (double)NS_PER_S, t->peak_rss_bytes, t->mean[PROCESS_RSS],
                  t->peak[PROCESS_VMS], t->mean[PROCESS_VMS], memory_percent(d, t->peak_rss_bytes),
                  memory_percent(d, (uint64_t)t->mean[PROCESS_RSS]), t->peak_cores * 100,
                  t->mean_cores * 100, t->ticks, t->ticks,
                  (double)tacho_real_ns(d->export->rec, d->export->start_ns) / (double)NS_PER_S,
                  (double)tacho_real_ns(d->export->rec, d->export->start_ns + t->wall_ns) /
                      (double)NS_PER_S);
    put_text(out, "working_directory", tacho_fact_text(d->export->rec, "cwd", NULL));
    out->len -= out->len >= 2 ? 2 : 0; /* ", " */
    buffer_put_text(out, "}, ");
}

static int put_info(struct duct *d, const struct job_totals *t)
{
    int file = folder_make(&d->folder, "info.json");
    if (file < 0)
        return file;
    const struct tacho_recording *rec = d->export->rec;
    struct buffer *out = folder_out(&d->folder, file);
    uint64_t processors, uid;
    buffer_put_byte(out, '{');
    put_command(d, out);
    buffer_put_text(out, "\"system\": {");
    if (tacho_fact_number(rec, "processors", &processors))
        buffer_printf(out, "\"cpu_total\": %" PRIu64 ", ", processors);
    buffer_printf(out, "\"memory_total\": %" PRIu64 ", ", d->memory_bytes);
    put_text(out, "hostname", tacho_fact_text(rec, "hostname", NULL));
    if (tacho_fact_number(rec, "uid", &uid))
        buffer_printf(out, "\"uid\": %" PRIu64 ", ", uid);
    buffer_put_text(out, "\"user\": null}, \"env\": {}, \"gpu\": null, "
                         "\"schema_version\": \"" SCHEMA_VERSION "\", ");
    put_summary(d, out, t);
    put_text(out, "working_directory", tacho_fact_text(rec, "cwd", NULL));
    buffer_put_text(out, "\"output_paths\": {\"usage\": \"usage.jsonl\", \"info\": \"info.json\", "
                         "\"prefix\": \"\"}}\n");
    return folder_put(&d->folder, file);
}

static int put_all(struct duct *d, struct job_totals *totals)
{
    const struct export_options *options = &d->export->options;
    positions_find(d->export->rec, TACHO_PROCESS, &d->position);
    if (!tacho_fact_number(d->export->rec, "memory_bytes", &d->memory_bytes))
        d->memory_bytes = 0;
    d->export->walks = 2;
    int r = folder_open(&d->folder, AT_FDCWD, options->output, options->overwrite);
    if (r == 0)
        r = d->usage = folder_make(&d->folder, "usage.jsonl");
    if (r >= 0)
        r = tree_ticks_run(
            d->export, &(struct tree_listener){.user = d, .process = on_process, .tick = on_tick});
    d->export->walk = 1;
    if (r == 0)
        r = job_totals_gather(d->export, totals);
    return r == 0 ? put_info(d, totals) : r;
}

static int duct_whole(struct export *export)
{
    struct duct d = {.export = export, .folder = {.fd = -1}};
    struct job_totals *totals = calloc(1, sizeof *totals);
    int r = totals == NULL ? -ENOMEM : put_all(&d, totals), closed = folder_close(&d.folder);
    export->drain.refused |= d.folder.refused;
    free(totals);
    buffer_done(&d.processes);
    return r < 0 ? r : closed;
}

const struct export_format export_duct = {
    .name = "duct", .whole = duct_whole, .needs_clock = true, .makes_files = true};
