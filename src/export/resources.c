/*
 * rows: the log of resources of a tool that sums processes, and with --table scopes its log of events.
 * Resources: the cost of a sample, a line of the machine's figures, a head, a row a tick. Sizes are
 * in whole MB of 2^20, rounded once, after summing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/scope_stacks.h"
#include "base/clock.h"
#include "base/text.h"
#include "export/digits.h"
#include "export/tree_ticks.h"

#define MB_SHIFT 20

struct resources {
    struct export *export;
    struct tree_tick last;
    struct tree_tick machine; /* when the machine was last sampled */
    double machine_percent;
    bool begun;
    bool has_processes;
};

static struct buffer *out_of(struct resources *s)
{
    return &s->export->drain.buffer;
}

static void put_seconds(struct buffer *out, uint64_t ns)
{
    char digits[DIGITS_MAX];
    buffer_put(out, digits, (size_t)(digits_write_seconds(digits, ns) - digits));
}

/* `,1234`, or `,` for what is not known. */
static void put_number(struct buffer *out, bool known, uint64_t number)
{
    buffer_put_byte(out, ',');
    if (known)
        buffer_printf(out, "%" PRIu64, number);
}

static bool machine_has(const struct tree_tick *tick, unsigned metric)
{
    return (tick->machine_known >> metric & 1) != 0;
}

static void put_fact_mb(struct buffer *out, const char *name, bool known, uint64_t bytes)
{
    if (known)
        buffer_printf(out, ",%s:%" PRIu64, name, bytes >> MB_SHIFT);
}

static bool sample_cost_ns(const struct export *export, double *ret)
{
    uint64_t cpu_ns, wall_ns, interval_ns;
    *ret = (double)export->live.sample_cpu_ns;
    if (export->live.sample_cpu_ns > 0)
        return true;
    if (!tacho_fact_number(export->rec, "recorder_cpu_ns", &cpu_ns) ||
        !tacho_fact_number(export->rec, "wall_ns", &wall_ns) || wall_ns == 0 ||
        !tacho_fact_number(export->rec, "interval_ns", &interval_ns))
        return false;
    *ret = (double)cpu_ns * (double)interval_ns / (double)wall_ns;
    return true;
}

/* ---- GPUs ---- */

static bool gpu_has(const struct tree_gpu *gpu, unsigned metric)
{
    return (gpu->known >> metric & 1) != 0;
}

/* When it was read first: that may be after the first tick. */
static bool first_value(const struct resources *s, const struct tree_gpu *gpu, unsigned metric,
                        uint64_t *ret)
{
    struct tacho_recording *rec = s->export->rec;
    struct tacho_series series;
    int at = tacho_metric_find(rec, TACHO_GPU, kind_info(ENTITY_GPU)->metrics[metric].name);
    *ret = gpu->value[metric];
    if (gpu_has(gpu, metric))
        return true;
    if (at < 0 || tacho_series_read(rec, gpu->entity, (unsigned)at, 0, UINT64_MAX, &series) != 0)
        return false;
    bool any = series.count > 0;
    if (any)
        *ret = series.value[0];
    tacho_series_done(&series);
    return any;
}

/* On the line of the machine's figures. */
static void put_gpu_facts(const struct resources *s, struct buffer *out,
                          const struct tree_tick *tick)
{
    static const struct {
        unsigned metric;
        const char *name;
    } facts[] = {{GPU_MEMORY_TOTAL, "total"}, {GPU_MEMORY_FREE, "free"}};
    for (size_t i = 0; i < tick->gpus; i++)
        for (size_t k = 0; k < 2; k++) {
            uint64_t bytes;
            if (first_value(s, &tick->gpu[i], facts[k].metric, &bytes))
                buffer_printf(out, ",gpu_%" PRIu64 "_%s_mb:%" PRIu64, tick->gpu[i].number,
                              facts[k].name, bytes >> MB_SHIFT);
        }
}

static void put_gpu_head(struct buffer *out, const struct tree_tick *tick)
{
    for (size_t i = 0; i < tick->gpus; i++) {
        uint64_t number = tick->gpu[i].number;
        buffer_printf(out,
                      ",gpu_%" PRIu64 "_mem_mb,gpu_%" PRIu64 "_mem_mb_global,gpu_%" PRIu64
                      "_utilization_percent_global",
                      number, number, number);
    }
}

static void put_gpus(struct buffer *out, const struct tree_tick *tick)
{
    for (size_t i = 0; i < tick->gpus; i++) {
        const struct tree_gpu *gpu = &tick->gpu[i];
        put_number(out, gpu_has(gpu, GPU_TARGET_MEMORY), gpu->value[GPU_TARGET_MEMORY] >> MB_SHIFT);
        put_number(out, gpu_has(gpu, GPU_MEMORY_USED), gpu->value[GPU_MEMORY_USED] >> MB_SHIFT);
        put_number(out, gpu_has(gpu, GPU_UTILIZATION), (gpu->value[GPU_UTILIZATION] + 5) / 10);
    }
}

/* ---- all of it ---- */

static void put_head(struct resources *s, const struct tree_tick *tick)
{
    const struct tacho_recording *rec = s->export->rec;
    struct buffer *out = out_of(s);
    uint64_t pid, cores;
    double cost_ns;
    buffer_put_text(out, "the cost of one sample was ");
    if (sample_cost_ns(s->export, &cost_ns))
        buffer_printf(out, "%.4e s of CPU\n", cost_ns / (double)NS_PER_S);
    else
        buffer_put_text(out, "not measured\n");
    buffer_printf(out, "logger_process_pid:%" PRIu64,
                  tacho_fact_number(rec, "recorder_pid", &pid) ? pid : 0);
    if (tacho_fact_number(rec, "cores", &cores))
        buffer_printf(out, ",cpu_count:%" PRIu64, cores);
    put_fact_mb(out, "vm_total_mb", machine_has(tick, MACHINE_MEMORY_TOTAL),
                tick->machine[MACHINE_MEMORY_TOTAL]);
    put_fact_mb(out, "vm_available_mb", machine_has(tick, MACHINE_MEMORY_AVAILABLE),
                tick->machine[MACHINE_MEMORY_AVAILABLE]);
    put_fact_mb(out, "swap_total_mb", machine_has(tick, MACHINE_SWAP_TOTAL),
                tick->machine[MACHINE_SWAP_TOTAL]);
    put_fact_mb(out, "swap_free_mb", machine_has(tick, MACHINE_SWAP_FREE),
                tick->machine[MACHINE_SWAP_FREE]);
    put_gpu_facts(s, out, tick);
    buffer_put_text(out, "\ntime,cpu_percent,cpu_percent_global,rss_mb,vms_mb,vms_global_mb,"
                         "swap_used_mb,read_count,read_count_global,read_mb,read_mb_global,"
                         "write_count,write_count_global,write_mb,write_mb_global");
    put_gpu_head(out, tick);
    buffer_put_byte(out, '\n');
}

static void put_percents(struct resources *s, const struct tree_tick *tick)
{
    struct buffer *out = out_of(s);
    uint64_t wall_ns = tick->time_ns - s->last.time_ns;
    uint64_t cpu_ns = tick->grown[LINEAGE_CPU] - s->last.grown[LINEAGE_CPU];
    double share;
    if (!s->begun)
        s->machine = *tick;
    if (tree_machine_busy(&s->machine, tick, &share)) {
        s->machine_percent = share * 100;
        s->machine = *tick;
    }
    buffer_put_byte(out, ',');
    if (s->has_processes)
        buffer_printf(out, "%.1f",
                      s->begun && wall_ns > 0 ? (double)cpu_ns / (double)wall_ns * 100 : 0);
    buffer_printf(out, ",%.1f", s->machine_percent);
}

static void put_used(struct buffer *out, const struct tree_tick *tick, unsigned total,
                     unsigned available)
{
    bool known = machine_has(tick, total) && machine_has(tick, available) &&
                 tick->machine[total] >= tick->machine[available];
    put_number(out, known, (tick->machine[total] - tick->machine[available]) >> MB_SHIFT);
}

static int put_row(void *user, const struct tree_tick *tick)
{
    struct resources *s = user;
    struct buffer *out = out_of(s);
    bool own = s->has_processes;
    /* Count and size of reads, then of writes; disks are in the order of the catalogue. */
    static const struct {
        unsigned count, bytes, disk_count, disk_bytes;
    } io[] = {{LINEAGE_READ_COUNT, LINEAGE_READ_BYTES, 0, 1},
              {LINEAGE_WRITE_COUNT, LINEAGE_WRITE_BYTES, 2, 3}};
    if (!s->begun)
        put_head(s, tick);
    put_seconds(out, tick->time_ns);
    put_percents(s, tick);
    put_number(out, own, tick->sum[PROCESS_RSS] >> MB_SHIFT);
    put_number(out, own, tick->sum[PROCESS_VMS] >> MB_SHIFT);
    put_used(out, tick, MACHINE_MEMORY_TOTAL, MACHINE_MEMORY_AVAILABLE);
    put_used(out, tick, MACHINE_SWAP_TOTAL, MACHINE_SWAP_FREE);
    for (size_t i = 0; i < 2; i++) {
        put_number(out, own, tick->grown[io[i].count]);
        put_number(out, tick->disks_known >> io[i].disk_count & 1, tick->disks[io[i].disk_count]);
        put_number(out, own, tick->grown[io[i].bytes] >> MB_SHIFT);
        put_number(out, tick->disks_known >> io[i].disk_bytes & 1,
                   tick->disks[io[i].disk_bytes] >> MB_SHIFT);
    }
    put_gpus(out, tick);
    buffer_put_byte(out, '\n');
    s->last = *tick;
    s->begun = true;
    return drain_row(&s->export->drain);
}

static int open_resources(struct export *export, int root_pid, struct tree_listener *ret)
{
    struct resources *s = calloc(1, sizeof *s);
    (void)root_pid;
    if (s == NULL)
        return -ENOMEM;
    s->export = export;
    /* Of processes of the machine births and ends may be known, but not what they used. */
    const char *target = tacho_fact_text(export->rec, "target", NULL);
    s->has_processes = target == NULL || strcmp(target, "machine") != 0;
    *ret = (struct tree_listener){.user = s, .tick = put_row};
    return 0;
}

/* Where nothing was ever sampled there is a head. */
static int flush_resources(void *user)
{
    struct resources *s = user;
    if (!s->begun)
        put_head(s, &s->last);
    return drain_flush(&s->export->drain);
}

static const struct tree_writer resources_writer = {open_resources, flush_resources, free};

/* ---- events ---- */

struct events {
    struct export *export;
    uint32_t *entered; /* by place of the site: how often so far */
};

/* In quotes where the name would end the field. */
static void put_name(struct buffer *out, const char *name)
{
    if (name[strcspn(name, ",\"\r\n")] == '\0') {
        buffer_put_text(out, name);
        return;
    }
    buffer_put_byte(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            buffer_put_byte(out, '"');
        buffer_put_byte(out, *name == '\n' || *name == '\r' ? ' ' : (uint8_t)*name);
    }
    buffer_put_byte(out, '"');
}

static int put_event(struct events *s, const struct scope_frame *frame, const char *what,
                     uint64_t time_ns)
{
    struct buffer *out = &s->export->drain.buffer;
    const struct tacho_site *site = tacho_site(s->export->rec, frame->site);
    s->export->now_ns = time_ns;
    put_seconds(out, time_ns);
    buffer_printf(out, ",%s,", what);
    put_name(out, site == NULL ? "(lost)" : site->name);
    buffer_printf(out, ",%" PRIu32 "\n", frame->use);
    return drain_row(&s->export->drain);
}

static int on_begin(void *user, struct scope_thread *t, struct scope_frame *frame)
{
    struct events *s = user;
    (void)t;
    frame->use = s->entered[frame->site]++;
    return put_event(s, frame, "start", frame->begin_ns);
}

static int on_end(void *user, struct scope_thread *t, struct scope_frame *frame,
                  const struct scope_end *end)
{
    (void)t;
    return put_event(user, frame, "end", frame->begin_ns + scope_duration(frame, end));
}

static int put_events(struct export *export)
{
    struct events s = {.export = export};
    const struct scope_listener listener = {.user = &s, .begin = on_begin, .end = on_end};
    struct scope_losses losses;
    s.entered = calloc(tacho_site_count(export->rec) + 1, sizeof *s.entered);
    if (s.entered == NULL)
        return -ENOMEM;
    int r = scope_stacks_run(export->rec, &listener, &losses);
    free(s.entered);
    return r == 0 ? drain_flush(&export->drain) : r;
}

static int rows_whole(struct export *export)
{
    return export->options.table == &table_scopes ? put_events(export)
                                                  : tree_ticks_write(export, &resources_writer);
}

const struct export_format export_rows_format = {
    .name = "rows", .whole = rows_whole, .tree = &resources_writer, .takes_table = "scopes"};
