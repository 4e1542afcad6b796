/*
 * directory: a folder per execution, YYYY_mm_dd-HH_MM-PID in OUT, with a file of metrics for each
 * process, their sums, pids and commands, and the machine's processors. Times are local. CREATE in names is
 * when a process began, in seconds since the epoch.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyse/positions.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"
#include "export/digits.h"
#include "export/folder.h"
#include "export/tree_ticks.h"

#define CREATE_BYTES 32

struct one {
    int file, pid;
    uint64_t time_ns, cpu_ns; /* of the sample before; time 0: none */
};

struct directory {
    struct export *export;
    struct folder parent, folder;
    int sums, pids;
    struct one *one; /* by place */
    size_t places;
    struct positions position;
    uint64_t memory_bytes; /* of the machine; 0 unknown */
};

static void put_time(struct directory *d, struct buffer *out, uint64_t mono_ns)
{
    char text[32];
    struct tm local = {0};
    time_t seconds = (time_t)(export_real_ns(d->export, mono_ns) / NS_PER_S);
    localtime_r(&seconds, &local);
    buffer_put(out, text, strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local));
}

/* Hundredths are cut, as that tool's source has them from the kernel's ticks. */
static void create_text(const struct tacho_process *p, char ret[CREATE_BYTES])
{
    uint64_t hundredths = p->start_real_ns / (NS_PER_S / 100);
    snprintf(ret, CREATE_BYTES, "%" PRIu64 ".%02" PRIu64, hundredths / 100, hundredths % 100);
}

/* ---- processes ---- */

/* `again`: it is another program than the one that was told of. */
static int put_commands(struct directory *d, const struct tacho_process *p, bool again)
{
    char name[80], create[CREATE_BYTES];
    create_text(p, create);
    struct buffer text = {0}, json = {0};
    buffer_put_byte(&json, '[');
    for (size_t at = 0; at < p->argv_bytes;) {
        size_t n = strnlen(p->argv + at, p->argv_bytes - at);
        buffer_put(&text, " ", at == 0 ? 0 : 1);
        buffer_put(&text, p->argv + at, n);
        buffer_put(&json, ", ", at == 0 ? 0 : 2);
        text_put_json(&json, p->argv + at, n);
        at += n + 1;
    }
    buffer_put_text(&json, "]\n");
    buffer_put_byte(&text, '\n');
    snprintf(name, sizeof name, "command-%d_%s.txt", p->pid, create);
    int r = folder_write(&d->folder, name, &text, again);
    snprintf(name, sizeof name, "command-%d_%s.json", p->pid, create);
    if (r == 0)
        r = folder_write(&d->folder, name, &json, again);
    buffer_done(&text);
    buffer_done(&json);
    return r;
}

static int reserve(struct directory *d, size_t place)
{
    if (place < d->places)
        return 0;
    size_t places = place < 32 ? 64 : 2 * place;
    struct one *grown = reallocarray(d->one, places, sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    d->one = grown;
    d->places = places;
    return 0;
}

static int on_born(void *user, size_t place, const struct tacho_process *p)
{
    struct directory *d = user;
    struct buffer *out = folder_out(&d->folder, d->pids);
    char create[CREATE_BYTES], name[80];
    create_text(p, create);
    put_time(d, out, p->seen_ns);
    buffer_printf(out, "\t%d\t%s\n", p->pid, create);
    int r = folder_put(&d->folder, d->pids);
    if (r == 0)
        r = put_commands(d, p, false);
    if (r == 0)
        r = reserve(d, place);
    if (r < 0)
        return r;
    snprintf(name, sizeof name, "metrics-%d_%s.csv", p->pid, create);
    int file = folder_make(&d->folder, name);
    if (file < 0)
        return file;
    d->one[place] = (struct one){.file = file, .pid = p->pid};
    buffer_put_text(folder_out(&d->folder, file),
                    "Time,PID,Virt,Res,CPU,Memory,TCP Connections,Thread Count,User,System,"
                    "Children_User,Children_System,IO,uss,swap,processor_num,core_num,cpu_num,"
                    "cpu_ids,process_status,read_count,write_count,read_bytes,write_bytes,"
                    "read_chars,write_chars\n");
    return folder_put(&d->folder, file);
}

static int on_changed(void *user, size_t place, const struct tacho_process *p)
{
    (void)place;
    return put_commands(user, p, true);
}

/* ---- samples ---- */

static void put_value(struct buffer *out, const struct directory *d,
                      const struct tacho_sample *sample, unsigned metric)
{
    buffer_put_byte(out, ',');
    if (sample_known(sample, &d->position, metric))
        buffer_printf(out, "%" PRIu64, sample_value(sample, &d->position, metric));
}

static void put_seconds(struct buffer *out, bool known, uint64_t ns)
{
    char digits[DIGITS_MAX];
    buffer_put_byte(out, ',');
    if (known)
        buffer_put(out, digits, (size_t)(digits_write_seconds(digits, ns) - digits));
}

static void put_sampled_seconds(struct buffer *out, const struct directory *d,
                                const struct tacho_sample *sample, unsigned metric)
{
    bool known = sample_known(sample, &d->position, metric);
    put_seconds(out, known, known ? sample_value(sample, &d->position, metric) : 0);
}

/* "0 1" */
static void put_packages(struct buffer *out, uint64_t mask)
{
    const char *between = "";
    for (; mask != 0; mask &= mask - 1, between = " ")
        buffer_printf(out, "%s%d", between, __builtin_ctzll(mask));
}

static const char *status_word(uint64_t letter)
{
    switch (letter) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'D': return "disk-sleep";
    case 'T': return "stopped";
    case 't': return "tracing-stop";
    case 'X': return "dead";
    case 'I': return "idle";
    case 'P': return "parked";
    default: return "";
    }
}

static void put_cpu(struct buffer *out, const struct directory *d, struct one *one,
                    const struct tacho_sample *sample)
{
    buffer_put_byte(out, ',');
    if (!sample_known(sample, &d->position, PROCESS_CPU))
        return;
    uint64_t cpu_ns = sample_value(sample, &d->position, PROCESS_CPU);
    if (one->time_ns != 0 && cpu_ns >= one->cpu_ns && sample->time_ns > one->time_ns)
        buffer_printf(out, "%.1f",
                      (double)(cpu_ns - one->cpu_ns) * 100 /
                          (double)(sample->time_ns - one->time_ns));
    one->time_ns = sample->time_ns;
    one->cpu_ns = cpu_ns;
}

static void put_connections(struct buffer *out, const struct directory *d,
                            const struct tacho_sample *sample)
{
    buffer_put_byte(out, ',');
    if (sample_known(sample, &d->position, PROCESS_TCP_ESTABLISHED) &&
        sample_known(sample, &d->position, PROCESS_TCP_LISTENING))
        buffer_printf(out, "%" PRIu64,
                      sample_value(sample, &d->position, PROCESS_TCP_ESTABLISHED) +
                          sample_value(sample, &d->position, PROCESS_TCP_LISTENING));
}

static void put_row(struct buffer *out, struct directory *d, size_t place,
                    const struct tacho_sample *sample)
{
    static const unsigned times[] = {PROCESS_USER, PROCESS_SYSTEM, PROCESS_CHILDREN_USER,
                                     PROCESS_CHILDREN_SYSTEM, PROCESS_IOWAIT};
    static const unsigned counts[] = {PROCESS_USS, PROCESS_SWAP, PROCESS_PROCESSORS, PROCESS_CORES,
                                      PROCESS_PACKAGES};
    static const unsigned io[] = {PROCESS_READ_COUNT,  PROCESS_WRITE_COUNT, PROCESS_READ_BYTES,
                                  PROCESS_WRITE_BYTES, PROCESS_READ_CHARS,  PROCESS_WRITE_CHARS};
    put_time(d, out, sample->time_ns);
    buffer_printf(out, ",%d", d->one[place].pid);
    put_value(out, d, sample, PROCESS_VMS);
    put_value(out, d, sample, PROCESS_RSS);
    put_cpu(out, d, &d->one[place], sample);
    buffer_put_byte(out, ',');
    if (d->memory_bytes > 0 && sample_known(sample, &d->position, PROCESS_RSS))
        buffer_printf(out, "%.4f",
                      (double)sample_value(sample, &d->position, PROCESS_RSS) * 100 /
                          (double)d->memory_bytes);
    put_connections(out, d, sample);
    put_value(out, d, sample, PROCESS_THREADS);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        put_sampled_seconds(out, d, sample, times[i]);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        put_value(out, d, sample, counts[i]);
    buffer_put_byte(out, ',');
    if (sample_known(sample, &d->position, PROCESS_PACKAGE_MASK))
        put_packages(out, sample_value(sample, &d->position, PROCESS_PACKAGE_MASK));
    buffer_put_byte(out, ',');
    if (sample_known(sample, &d->position, PROCESS_STATE))
        buffer_put_text(out, status_word(sample_value(sample, &d->position, PROCESS_STATE)));
    for (size_t i = 0; i < sizeof io / sizeof io[0]; i++)
        put_value(out, d, sample, io[i]);
    buffer_put_byte(out, '\n');
}

static int on_process(void *user, size_t place, const struct tacho_sample *sample)
{
    struct directory *d = user;
    put_row(folder_out(&d->folder, d->one[place].file), d, place, sample);
    return folder_put(&d->folder, d->one[place].file);
}

static void put_sum(struct buffer *out, uint64_t known, uint64_t value)
{
    buffer_put_byte(out, '\t');
    if (known != 0)
        buffer_printf(out, "%" PRIu64, value);
}

static int on_tick(void *user, const struct tree_tick *tick)
{
    static const unsigned most[] = {PROCESS_PROCESSORS, PROCESS_CORES, PROCESS_PACKAGES};
    static const unsigned io[] = {LINEAGE_READ_COUNT,  LINEAGE_WRITE_COUNT, LINEAGE_READ_BYTES,
                                  LINEAGE_WRITE_BYTES, LINEAGE_READ_CHARS,  LINEAGE_WRITE_CHARS};
    struct directory *d = user;
    struct buffer *out = folder_out(&d->folder, d->sums);
    put_time(d, out, tick->time_ns);
    buffer_printf(out, "\t%zu", tick->processes);
    put_sum(out, 1, tick->sum[PROCESS_THREADS]);
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++)
        put_sum(out, tick->known >> most[i] & 1, tick->most[most[i]]);
    buffer_put_byte(out, '\t');
    put_packages(out, tick->packages);
    put_sum(out, tick->known >> PROCESS_USS & 1, tick->sum[PROCESS_USS]);
    put_sum(out, tick->known >> PROCESS_SWAP & 1, tick->sum[PROCESS_SWAP]);
    for (size_t i = 0; i < sizeof io / sizeof io[0]; i++)
        put_sum(out, 1, tick->grown[io[i]]);
    buffer_put_byte(out, '\n');
    return folder_put(&d->folder, d->sums);
}

/* One that was too short to be sampled, as the kernel told of it at its end. */
static void put_missed(struct directory *d, struct buffer *out, const struct tacho_process *p)
{
    const struct tacho_account *a = &p->account;
    put_time(d, out, p->end_ns);
    buffer_printf(out, ",%d,,,,,,", p->pid);
    put_seconds(out, (a->known & TACHO_ACCOUNT_SPLIT) != 0, a->user_ns);
    put_seconds(out, (a->known & TACHO_ACCOUNT_SPLIT) != 0, a->system_ns);
    put_seconds(out, (a->known & TACHO_ACCOUNT_CHILDREN) != 0, a->children_user_ns);
    put_seconds(out, (a->known & TACHO_ACCOUNT_CHILDREN) != 0, a->children_system_ns);
    buffer_put_text(out, ",,,,,,,,");
    const uint64_t io[] = {a->read_count,  a->write_count, a->read_bytes,
                           a->write_bytes, a->read_chars,  a->write_chars};
    for (size_t i = 0; i < sizeof io / sizeof io[0]; i++) {
        buffer_put_byte(out, ',');
        if ((a->known & TACHO_ACCOUNT_IO) != 0)
            buffer_printf(out, "%" PRIu64, io[i]);
    }
    buffer_put_byte(out, '\n');
}

static int on_ended(void *user, size_t place, const struct tacho_process *p)
{
    struct directory *d = user;
    const struct one *one = &d->one[place];
    if (one->time_ns == 0 && (p->flags & TACHO_PROCESS_ACCOUNT) != 0 &&
        (p->flags & TACHO_PROCESS_ENDED) != 0 && p->end_ns != TACHO_TIME_UNKNOWN)
        put_missed(d, folder_out(&d->folder, one->file), p);
    return folder_finish(&d->folder, one->file);
}

/* ---- the machine ---- */

#define PROCESSORS_MAX 65536
#define PACKAGES_MAX 1024

/* From the fact "topology", `processor:core:package` each. */
static int put_processors(struct directory *d)
{
    size_t n = 0;
    uint64_t *of_package = calloc(PACKAGES_MAX, sizeof *of_package);
    const char *topology = tacho_fact_text(d->export->rec, "topology", &n);
    const char *model = tacho_fact_text(d->export->rec, "cpu_model", NULL);
    struct buffer affinity = {0}, details = {0};
    struct text t = text_of(topology == NULL ? "" : topology, topology == NULL ? 0 : n);
    uint64_t processor, core, package;
    buffer_put_byte(&affinity, '[');
    for (size_t i = 0; of_package != NULL && i < PROCESSORS_MAX; i++) {
        if (!text_take_u64(&t, &processor) || !text_take_literal(&t, ":") ||
            !text_take_u64(&t, &core) || !text_take_literal(&t, ":") ||
            !text_take_u64(&t, &package))
            break;
        text_skip_blanks(&t);
        buffer_printf(&affinity,
                      "%s\n{\"processor_id\": %" PRIu64 ", \"cpu_id\": %" PRIu64
                      ", \"core_id\": %" PRIu64 "}",
                      i == 0 ? "" : ",", processor, package, core);
        if (package < PACKAGES_MAX)
            of_package[package]++;
    }
    buffer_put_text(&affinity, "\n]\n");
    buffer_put_byte(&details, '[');
    for (size_t p = 0, told = 0; of_package != NULL && p < PACKAGES_MAX; p++) {
        if (of_package[p] == 0)
            continue;
        buffer_printf(&details, "%s\n{\"physical id\": \"%zu\", \"siblings\": \"%" PRIu64 "\"",
                      told++ == 0 ? "" : ",", p, of_package[p]);
        if (model != NULL) {
            buffer_put_text(&details, ", \"model name\": ");
            text_put_json(&details, model, strlen(model));
        }
        buffer_put_byte(&details, '}');
    }
    buffer_put_text(&details, "\n]\n");
    int r = of_package == NULL ? -ENOMEM
                               : folder_write(&d->folder, "core_affinity.json", &affinity, false);
    if (r == 0)
        r = folder_write(&d->folder, "cpu_details.json", &details, false);
    free(of_package);
    buffer_done(&affinity);
    buffer_done(&details);
    return r;
}

/* ---- the whole ---- */

static int open_files(struct directory *d, int root)
{
    char name[64], pid[24];
    struct tm local = {0};
    const struct export_options *options = &d->export->options;
    time_t seconds = (time_t)(export_real_ns(d->export, d->export->start_ns) / NS_PER_S);
    localtime_r(&seconds, &local);
    size_t n = strftime(name, sizeof name, "%Y_%m_%d-%H_%M-", &local);
    snprintf(name + n, sizeof name - n, "%d", root);
    int r = folder_open(&d->parent, AT_FDCWD, options->output, options->overwrite);
    if (r == 0)
        r = folder_open(&d->folder, d->parent.fd, name, options->overwrite);
    struct buffer reference = {0};
    n = (size_t)snprintf(pid, sizeof pid, "%d\n", root);
    buffer_put(&reference, pid, n);
    if (r == 0)
        r = folder_write(&d->folder, "reference_pid.txt", &reference, false);
    buffer_done(&reference);
    if (r < 0 || (r = d->pids = folder_make(&d->folder, "pids.txt")) < 0 ||
        (r = d->sums = folder_make(&d->folder, "agg_metrics.tsv")) < 0)
        return r;
    buffer_put_text(folder_out(&d->folder, d->pids), "Time\tPID\tcreate_time\n");
    buffer_put_text(folder_out(&d->folder, d->sums),
                    "Time\tnumpids\tnumthreads\tmaxprocessors\tmaxcores\tmaxcpus\tcpu_ids\tsumuss\t"
                    "sumswap\tsum_read_count\tsum_write_count\tsum_read_bytes\tsum_write_bytes\t"
                    "sum_read_chars\tsum_write_chars\n");
    return put_processors(d);
}

static int open_directory(struct export *export, int root_pid, struct tree_listener *ret)
{
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    *d = (struct directory){.export = export, .parent = {.fd = -1}, .folder = {.fd = -1}};
    *ret = (struct tree_listener){.user = d,
                                  .born = on_born,
                                  .changed = on_changed,
                                  .process = on_process,
                                  .ended = on_ended,
                                  .tick = on_tick};
    positions_find(export->rec, TACHO_PROCESS, &d->position);
    if (!tacho_fact_number(export->rec, "memory_bytes", &d->memory_bytes))
        d->memory_bytes = 0;
    return open_files(d, root_pid);
}

static int flush_directory(void *user)
{
    struct directory *d = user;
    return folder_flush(&d->folder);
}

/* What is left over by a reason to end early is tried. */
static void close_directory(void *user)
{
    struct directory *d = user;
    if (d == NULL)
        return;
    folder_close(&d->folder);
    d->export->drain.refused |= d->folder.refused || d->parent.refused;
    folder_close(&d->parent);
    free(d->one);
    free(d);
}

static const struct tree_writer directory_writer = {open_directory, flush_directory,
                                                    close_directory};

static int directory_whole(struct export *export)
{
    return tree_ticks_write(export, &directory_writer);
}

const struct export_format export_directory = {.name = "directory",
                                               .whole = directory_whole,
                                               .tree = &directory_writer,
                                               .needs_clock = true,
                                               .makes_files = true};
