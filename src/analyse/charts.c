#include "analyse/charts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/chart_counters.h"
#include "analyse/chart_growth.h"
#include "analyse/charts_walk.h"
#include "analyse/lineage.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* ---- which charts there are ---- */

struct chart_spec {
    const char *key, *title, *unit;
};

/* In the order in which they are shown; the counters of the code come after `switches`. */
static const struct chart_spec charts_of_tree[] = {
    {"cpu", "CPU", "cores"},
    {"memory", "Resident memory", "bytes"},
    {"kinds", "Resident memory by kind", "bytes"},
    {"virtual", "Virtual memory", "bytes"},
    {"storage", "Storage", "bytes/s"},
    {"calls", "Read and write calls", "bytes/s"},
    {"requests", "Number of read and write calls", "1/s"},
    {"tcp", "TCP connections", "count"},
    {"gpu", "GPUs in use", "share"},
    {"gpu-memory", "GPU memory", "bytes"},
    {"threads", "Threads and processes", "count"},
    {"processors", "Processors in use by one process", "count"},
    {"descriptors", "Open descriptors", "count"},
    {"faults", "Page faults", "1/s"},
    {"switches", "Context switches", "1/s"},
};
static const struct chart_spec charts_of_machine[] = {
    {"machine-cpu", "CPU of the machine", "cores"},
    {"machine-memory", "Memory of the machine", "bytes"},
    {"load", "Load of the machine", "count"},
    {"network", "Network of the machine", "bytes/s"},
    {"disks", "Disks of the machine", "bytes/s"},
    {"paging", "Swapping of the machine", "1/s"},
    {"pressure", "Pressure on the machine", "share"},
};

#define BIT(n) (UINT64_C(1) << (n))
#define PER_NS 1e-9 /* of ns a second: cores, or a share */
#define TREE(key, name, metric)                                                     \
    {                                                                               \
        key, name, CHART_FROM_TREE, BIT(TREE_##metric), 0, false, 1, CHART_QUANTITY \
    }
#define SUM(key, name, metric)                                                        \
    {                                                                                 \
        key, name, CHART_FROM_SUM, BIT(PROCESS_##metric), 0, false, 1, CHART_QUANTITY \
    }
#define MOST(key, name, metric)                                                        \
    {                                                                                  \
        key, name, CHART_FROM_MOST, BIT(PROCESS_##metric), 0, false, 1, CHART_QUANTITY \
    }
#define LINEAGE(key, name, column)                                                       \
    {                                                                                    \
        key, name, CHART_FROM_LINEAGE, BIT(LINEAGE_##column), 0, true, 1, CHART_QUANTITY \
    }
#define GROWTH(key, name, column)                                                      \
    {                                                                                  \
        key, name, CHART_FROM_GROWTH, BIT(GROWTH_##column), 0, true, 1, CHART_QUANTITY \
    }
#define MACHINE(key, name, metrics, rate, scale)                               \
    {                                                                          \
        key, name, CHART_FROM_MACHINE, metrics, 0, rate, scale, CHART_QUANTITY \
    }
#define MACHINE_BUSY                                                                  \
    (BIT(MACHINE_USER) | BIT(MACHINE_NICE) | BIT(MACHINE_SYSTEM) | BIT(MACHINE_IRQ) | \
     BIT(MACHINE_SOFTIRQ) | BIT(MACHINE_GUEST))

static const struct chart_line_spec line_specs[] = {
    {"cpu", "machine", CHART_FROM_MACHINE, MACHINE_BUSY, 0, true, PER_NS, CHART_MACHINE},
    SUM("kinds", "anonymous", RSS_ANON),
    SUM("kinds", "files", RSS_FILE),
    SUM("kinds", "shared", RSS_SHMEM),
    SUM("kinds", "swapped out", SWAP),
    SUM("virtual", "virtual", VMS),
    LINEAGE("storage", "read", READ_BYTES),
    LINEAGE("storage", "written", WRITE_BYTES),
    LINEAGE("calls", "read", READ_CHARS),
    LINEAGE("calls", "written", WRITE_CHARS),
    LINEAGE("requests", "read calls", READ_COUNT),
    LINEAGE("requests", "write calls", WRITE_COUNT),
    TREE("tcp", "established", TCP_ESTABLISHED),
    TREE("tcp", "listening", TCP_LISTENING),
    TREE("threads", "threads", THREADS),
    TREE("threads", "processes", PROCESSES),
    MOST("processors", "processors", PROCESSORS),
    MOST("processors", "cores", CORES),
    MOST("processors", "packages", PACKAGES),
    TREE("descriptors", "descriptors", FDS),
    GROWTH("faults", "minor", MINOR_FAULTS),
    GROWTH("faults", "major", MAJOR_FAULTS),
    GROWTH("switches", "voluntary", VOLUNTARY),
    GROWTH("switches", "involuntary", INVOLUNTARY),
    MACHINE("machine-cpu", "user", BIT(MACHINE_USER) | BIT(MACHINE_NICE), true, PER_NS),
    MACHINE("machine-cpu", "system", BIT(MACHINE_SYSTEM), true, PER_NS),
    MACHINE("machine-cpu", "interrupts", BIT(MACHINE_IRQ) | BIT(MACHINE_SOFTIRQ), true, PER_NS),
    MACHINE("machine-cpu", "guests", BIT(MACHINE_GUEST), true, PER_NS),
    MACHINE("machine-cpu", "waiting for I/O", BIT(MACHINE_IOWAIT), true, PER_NS),
    MACHINE("machine-cpu", "taken by others", BIT(MACHINE_STEAL), true, PER_NS),
    {"machine-memory", "used", CHART_FROM_MACHINE, BIT(MACHINE_MEMORY_TOTAL),
     BIT(MACHINE_MEMORY_AVAILABLE), false, 1, CHART_QUANTITY},
    MACHINE("machine-memory", "file cache", BIT(MACHINE_CACHED), false, 1),
    MACHINE("machine-memory", "shared", BIT(MACHINE_SHMEM), false, 1),
    MACHINE("machine-memory", "waiting to be written", BIT(MACHINE_DIRTY), false, 1),
    {"machine-memory", "swapped out", CHART_FROM_MACHINE, BIT(MACHINE_SWAP_TOTAL),
     BIT(MACHINE_SWAP_FREE), false, 1, CHART_QUANTITY},
    MACHINE("load", "load, 1 minute", BIT(MACHINE_LOAD1), false, 1e-3),
    MACHINE("load", "runnable", BIT(MACHINE_RUNNING), false, 1),
    MACHINE("load", "waiting for I/O", BIT(MACHINE_BLOCKED), false, 1),
    MACHINE("paging", "pages in", BIT(MACHINE_SWAPPED_IN), true, 1),
    MACHINE("paging", "pages out", BIT(MACHINE_SWAPPED_OUT), true, 1),
    MACHINE("pressure", "some waited for CPU", BIT(MACHINE_PRESSURE_CPU_SOME), true, PER_NS),
    MACHINE("pressure", "some waited for memory", BIT(MACHINE_PRESSURE_MEMORY_SOME), true, PER_NS),
    MACHINE("pressure", "all waited for memory", BIT(MACHINE_PRESSURE_MEMORY_FULL), true, PER_NS),
    MACHINE("pressure", "some waited for I/O", BIT(MACHINE_PRESSURE_IO_SOME), true, PER_NS),
    MACHINE("pressure", "all waited for I/O", BIT(MACHINE_PRESSURE_IO_FULL), true, PER_NS),
};
_Static_assert(ARRAY_LEN(line_specs) <= CHART_SPECS_MAX, "all of them are walked");

/* ---- putting them together ---- */

struct assembly {
    struct charts *ret;
    struct charts_walked *w;
    struct chart_counters counters;
};

static bool any_but_0(const struct chart_line *line, size_t buckets)
{
    for (size_t b = 0; b < buckets; b++)
        if (line->max[b] > 0 || line->min[b] < 0)
            return true;
    return false;
}

/* The charts' room is enough for all there can be. */
static struct chart *begin_chart(struct assembly *a, const struct chart_spec *spec)
{
    struct chart *chart = &a->ret->chart[a->ret->count];
    *chart =
        (struct chart){.key = spec->key, .title = spec->title, .unit = spec->unit, .zero = true};
    return chart;
}

static void end_chart(struct assembly *a, struct chart *chart)
{
    for (size_t i = 0; i < chart->lines; i++) {
        chart->line[i].zero = !any_but_0(&chart->line[i], a->ret->buckets);
        chart->zero &= chart->line[i].zero;
    }
    if (chart->lines > 0)
        a->ret->count++;
}

static void free_line(const struct chart_line *line)
{
    free(line->mean);
    free(line->min);
    free(line->max);
}

/* What a *_finish said: 1 keeps the line. 0 or -ENOMEM. */
static int keep_line(struct chart *chart, const struct chart_line *line, int finished)
{
    struct chart_line *more =
        finished == 1 ? reallocarray(chart->line, chart->lines + 1, sizeof *more) : NULL;
    if (more == NULL) {
        free_line(line);
        return finished == 0 ? 0 : -ENOMEM;
    }
    chart->line = more;
    chart->line[chart->lines++] = *line;
    return 0;
}

static int keep_rate(const struct assembly *a, struct chart *chart, struct chart_line line,
                     struct rate_line *from, double capacity, double scale)
{
    int finished = rate_line_finish(from, &a->w->grid, capacity, scale, &line);
    return keep_line(chart, &line, finished);
}

static int keep_level(const struct assembly *a, struct chart *chart, struct chart_line line,
                      struct level_line *from)
{
    return keep_line(chart, &line, level_line_finish(from, &a->w->grid, a->w->end_ns, &line));
}

static struct chart_line part_line(const struct charts_walked *w, size_t i)
{
    if (i == w->parts.count)
        return (struct chart_line){.name = "others", .role = CHART_REST};
    const struct chart_part *part = &w->parts.part[i];
    return (struct chart_line){.name = part->name,
                               .role = CHART_PART,
                               .entity = part->entity,
                               .processes = part->processes};
}

/* All, the parts of it, and the rest. */
static int add_cpu(const struct assembly *a, struct chart *chart)
{
    struct charts_walked *w = a->w;
    int r = keep_rate(a, chart, (struct chart_line){.name = "all processes"}, &w->cpu,
                      w->processors, PER_NS);
    for (size_t i = 0; i <= w->parts.count && w->parts.count > 0 && r == 0; i++)
        r = keep_rate(a, chart, part_line(w, i), &w->part[i].cpu, w->processors, PER_NS);
    return r;
}

static int add_memory(const struct assembly *a, struct chart *chart)
{
    struct charts_walked *w = a->w;
    int r = keep_level(a, chart, (struct chart_line){.name = "all processes"}, &w->rss);
    if (r == 0)
        r = keep_level(a, chart, (struct chart_line){.name = "shared once"}, &w->pss);
    for (size_t i = 0; i <= w->parts.count && w->parts.count > 0 && r == 0; i++)
        r = keep_level(a, chart, part_line(w, i), &w->part[i].rss);
    return r;
}

static int add_lines(const struct assembly *a, struct chart *chart)
{
    int r = 0;
    for (size_t i = 0; i < a->w->lines && r == 0; i++) {
        struct chart_line_making *line = &a->w->line[i];
        if (strcmp(line->spec->chart, chart->key) != 0)
            continue;
        struct chart_line new = {.name = line->spec->name, .role = line->spec->role};
        /* The kernel counts the machine's CPU time in ticks. */
        double capacity = line->spec->scale == PER_NS && strcmp(chart->key, "pressure") != 0
                              ? a->w->processors
                              : 0;
        r = line->spec->rate ? keep_rate(a, chart, new, &line->rate, capacity, line->spec->scale)
                             : keep_level(a, chart, new, &line->level);
    }
    return r;
}

static int by_total(const void *a, const void *b)
{
    const struct chart_device *const *left = a, *const *right = b;
    if ((*left)->total != (*right)->total)
        return (*left)->total < (*right)->total ? 1 : -1;
    return ((*left)->entity > (*right)->entity) - ((*left)->entity < (*right)->entity);
}

#define DEVICES_SHOWN 4

/* The busiest of a kind; idle ones only where all are. */
static int add_devices(const struct assembly *a, struct chart *chart, unsigned kind)
{
    struct chart_device *device[CHART_DEVICES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < a->w->devices; i++)
        if (a->w->device[i].kind == kind)
            device[count++] = &a->w->device[i];
    if (count > 1)
        qsort(device, count, sizeof *device, by_total);
    int r = 0;
    for (size_t i = 0; i < count && i < DEVICES_SHOWN && (i == 0 || device[i]->total > 0); i++)
        for (unsigned k = 0; k < 2 && r == 0; k++)
            r = keep_rate(a, chart,
                          (struct chart_line){.name = kind == TACHO_NETWORK
                                                          ? (k == 0 ? "received" : "sent")
                                                          : (k == 0 ? "read" : "written"),
                                              .subject = device[i]->name,
                                              .entity = device[i]->entity},
                          &device[i]->rate[k], 0, 1);
    return r;
}

static int add_gpus(const struct assembly *a, struct chart *chart)
{
    struct chart_gpus *g = &a->w->gpus;
    bool memory = strcmp(chart->key, "gpu-memory") == 0;
    int r = 0;
    if (memory)
        r = keep_level(a, chart, (struct chart_line){.name = "recorded processes"}, &g->held);
    for (size_t i = 0; i < g->count && r == 0; i++)
        r = keep_level(a, chart,
                       (struct chart_line){.name = g->gpu[i].row->label,
                                           .role = memory ? CHART_MACHINE : CHART_QUANTITY,
                                           .entity = g->gpu[i].row->entity},
                       memory ? &g->gpu[i].used : &g->gpu[i].busy);
    return r;
}

static int add_chart(struct assembly *a, const struct chart_spec *spec)
{
    struct chart *chart = begin_chart(a, spec);
    int r = 0;
    if (strcmp(spec->key, "cpu") == 0)
        r = add_cpu(a, chart);
    else if (strcmp(spec->key, "memory") == 0)
        r = add_memory(a, chart);
    else if (strcmp(spec->key, "network") == 0)
        r = add_devices(a, chart, TACHO_NETWORK);
    else if (strcmp(spec->key, "disks") == 0)
        r = add_devices(a, chart, TACHO_DISK);
    else if (strncmp(spec->key, "gpu", 3) == 0)
        r = add_gpus(a, chart);
    if (r == 0)
        r = add_lines(a, chart);
    end_chart(a, chart);
    return r;
}

static char *counter_key(const char *name)
{
    static const char prefix[] = "counter:";
    char *key = malloc(sizeof prefix + strlen(name));
    if (key != NULL)
        strcpy(stpcpy(key, prefix), name);
    return key;
}

static struct chart_line counter_line(const struct summary *s, const struct chart_counter *counter,
                                      size_t i)
{
    uint32_t entity = counter->line[i].entity;
    const struct tacho_process *p = tacho_process_of(s->rec, entity);
    if (counter->lines == 1)
        return (struct chart_line){.name = counter->site->name, .entity = entity};
    if (entity == 0)
        return (struct chart_line){.name = "others", .role = CHART_REST};
    return (struct chart_line){
        .name = p == NULL ? "" : p->comm, .role = CHART_PART, .entity = entity, .processes = 1};
}

static int add_counter(struct assembly *a, const struct summary *s, struct chart_counter *counter)
{
    char *key = counter_key(counter->site->name);
    if (key == NULL)
        return -ENOMEM;
    struct chart *chart = begin_chart(a, &(struct chart_spec){key, counter->site->name, ""});
    chart->category = counter->site->category;
    int r = 0;
    for (size_t i = 0; i < counter->lines && r == 0; i++)
        r = keep_level(a, chart, counter_line(s, counter, i), &counter->line[i].level);
    end_chart(a, chart);
    if (chart->lines == 0)
        free(key);
    return r;
}

static int assemble(struct assembly *a, const struct summary *s)
{
    size_t room = ARRAY_LEN(charts_of_tree) + ARRAY_LEN(charts_of_machine) + CHART_COUNTERS_MAX;
    a->ret->chart = calloc(room, sizeof *a->ret->chart);
    int r = a->ret->chart == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < ARRAY_LEN(charts_of_tree) && r == 0; i++)
        r = add_chart(a, &charts_of_tree[i]);
    for (size_t i = 0; i < a->counters.count && r == 0; i++)
        r = add_counter(a, s, &a->counters.counter[i]);
    for (size_t i = 0; i < ARRAY_LEN(charts_of_machine) && r == 0; i++)
        r = add_chart(a, &charts_of_machine[i]);
    return r;
}

int charts_make(const struct summary *s, size_t buckets_max, size_t top, struct charts *ret)
{
    struct charts new = {0};
    struct charts_walked *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -ENOMEM;
    struct assembly a = {.ret = &new, .w = w};
    if (buckets_max > CHART_BUCKETS_MAX)
        buckets_max = CHART_BUCKETS_MAX;
    w->end_ns = summary_last_ns(s);
    w->grid = chart_grid_of(s->started_ns, w->end_ns,
                            s->interval_ns == SUMMARY_UNKNOWN ? 0 : s->interval_ns, buckets_max);
    w->processors = s->processors == SUMMARY_UNKNOWN ? 0 : (double)s->processors;
    new.from_ns = w->grid.from_ns;
    new.to_ns = w->grid.to_ns;
    new.bucket_ns = w->grid.bucket_ns;
    new.buckets = w->grid.buckets;
    int r = chart_parts_choose(s, top, &w->parts);
    if (r == 0)
        r = charts_walk(s, line_specs, ARRAY_LEN(line_specs), w);
    if (r == 0)
        r = chart_counters_read(s, &w->grid, top, &a.counters);
    if (r == 0)
        r = assemble(&a, s);
    new.counters_left_out = a.counters.left_out;
    chart_counters_done(&a.counters);
    charts_walked_done(w);
    free(w);
    if (r != 0) {
        charts_done(&new);
        return r;
    }
    *ret = new;
    return 0;
}

void charts_done(struct charts *charts)
{
    for (size_t i = 0; i < charts->count; i++) {
        struct chart *chart = &charts->chart[i];
        for (size_t k = 0; k < chart->lines; k++)
            free_line(&chart->line[k]);
        free(chart->line);
        if (chart->category != NULL)
            free((char *)(uintptr_t)chart->key); /* of counters it is the charts' own */
    }
    free(charts->chart);
    *charts = (struct charts){0};
}

const struct chart *charts_find(const struct charts *charts, const char *key)
{
    for (size_t i = 0; i < charts->count; i++)
        if (strcmp(charts->chart[i].key, key) == 0)
            return &charts->chart[i];
    return NULL;
}
