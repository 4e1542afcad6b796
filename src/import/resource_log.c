/*
 * The log of resources of a tool that sums processes: the cost of a sample, a line `name:value,…` of the machine, a head
 * `time,cpu_percent,cpu_percent_global,rss_mb,…`, and rows. Its clock is monotonic; MB are 2^20 bytes. The sum is
 * one process here. CPU is added up from percentages, each of the time since the row before. `_global` is the
 * machine; its CPU and what is of GPUs become counters.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define MB (UINT64_C(1) << 20)

enum { TIME, CPU, CPU_GLOBAL, VMS_GLOBAL, SWAP_USED, DISK_FIRST, DISK_LAST = DISK_FIRST + 3 };

/* Disks are in the order of the catalogue. */
static const struct table_column columns[] = {
    [TIME] = {"time", TABLE_NO_METRIC, 0},
    [CPU] = {"cpu_percent", TABLE_NO_METRIC, 0},
    [CPU_GLOBAL] = {"cpu_percent_global", TABLE_NO_METRIC, 0},
    [VMS_GLOBAL] = {"vms_global_mb", TABLE_NO_METRIC, MB},
    [SWAP_USED] = {"swap_used_mb", TABLE_NO_METRIC, MB},
    [DISK_FIRST] = {"read_count_global", TABLE_NO_METRIC, 1},
    {"read_mb_global", TABLE_NO_METRIC, MB},
    {"write_count_global", TABLE_NO_METRIC, 1},
    {"write_mb_global", TABLE_NO_METRIC, MB},
    {"rss_mb", PROCESS_RSS, MB},
    {"vms_mb", PROCESS_VMS, MB},
    {"read_count", PROCESS_READ_COUNT, 1},
    {"read_mb", PROCESS_READ_BYTES, MB},
    {"write_count", PROCESS_WRITE_COUNT, 1},
    {"write_mb", PROCESS_WRITE_BYTES, MB},
};

struct resource_log {
    struct import_log *log;
    struct log_table table;
    struct table_row row;
    uint32_t process, machine, disks;
    uint32_t site[TABLE_CELLS_MAX];    /* by cell: of its counter; 0: it is none */
    uint64_t memory_bytes, swap_bytes; /* 0: not told */
    uint64_t time_ns, cpu_ns;
    bool begun;
    bool has_processes; /* else the log is of the machine alone */
};

static bool begins_with(struct text cell, const char *with)
{
    return text_take_literal(&cell, with);
}

static bool is_head(const char *line, size_t n)
{
    struct text t = text_of(line, n);
    const char *end = memchr(line, '\n', n);
    if (end != NULL)
        t.end = end;
    return begins_with(t, "time,") &&
           memmem(t.at, (size_t)(t.end - t.at), "cpu_percent_global", 18) != NULL;
}

static bool recognises(const char *first, size_t n)
{
    for (const char *line = first, *end = first + n; line < end;) {
        if (is_head(line, (size_t)(end - line)))
            return true;
        line = memchr(line, '\n', (size_t)(end - line));
        if (line == NULL)
            return false;
        line++;
    }
    return false;
}

/* ---- before the rows ---- */

static void take_fact(struct resource_log *l, struct text cell)
{
    uint64_t number;
    struct buffer *facts = &l->log->gathered->facts;
    const char *colon = memchr(cell.at, ':', (size_t)(cell.end - cell.at));
    if (colon == NULL)
        return;
    struct text value = {colon + 1, cell.end};
    if (begins_with(cell, "cpu_count:") && cell_number(value, 1, &number)) {
        record_put_number(facts, "cores", number);
    } else if (begins_with(cell, "vm_total_mb:") && cell_number(value, MB, &number)) {
        record_put_number(facts, "memory_bytes", number);
        l->memory_bytes = number;
    } else if (begins_with(cell, "swap_total_mb:") && cell_number(value, MB, &number)) {
        record_put_number(facts, "swap_bytes", number);
        l->swap_bytes = number;
    }
}

/* Columns of GPUs and the machine's CPU have counters. */
static int find_counters(struct resource_log *l)
{
    for (size_t i = 0; i < l->row.n; i++) {
        struct text name = l->row.cell[i];
        struct span span = {(const uint8_t *)name.at, (size_t)(name.end - name.at)};
        if (!begins_with(name, "gpu_") && (int)i != l->table.at[CPU_GLOBAL])
            continue;
        int r = gathered_site(l->log->gathered, span, (struct span){0}, &l->site[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

static int begin(struct resource_log *l)
{
    static const char name[] = "logged processes";
    struct gathered *g = l->log->gathered;
    l->table = (struct log_table){columns, sizeof columns / sizeof columns[0], ',', {0}};
    table_head(&l->table, &l->row);
    int r = gathered_use_clock(g, GATHERED_OWN_CLOCK);
    if (r == 0)
        r = gathered_shared(g, &l->process);
    if (r == 0)
        r = gathered_keep(g, name, sizeof name - 1, &gathered_entity(g, l->process)->name);
    if (r == 0)
        r = gathered_begin_other(g, ENTITY_MACHINE, "", &l->machine);
    if (r == 0)
        r = gathered_begin_other(g, ENTITY_DISK, "all", &l->disks);
    return r == 0 ? find_counters(l) : r;
}

/* ---- rows ---- */

static bool cell_of(const struct resource_log *l, size_t column, uint64_t scale, uint64_t *ret)
{
    struct text cell = table_cell(&l->table, &l->row, column);
    return !cell_is_blank(cell) && cell_number(cell, scale, ret);
}

static int add_process(struct resource_log *l, uint64_t time_ns, uint64_t *value, uint64_t known)
{
    uint64_t percent;
    if (cell_of(l, CPU, 1000, &percent)) {
        uint64_t more = l->begun ? cpu_of_percent(percent, time_ns - l->time_ns) : 0;
        l->cpu_ns = more > UINT64_MAX - l->cpu_ns ? UINT64_MAX : l->cpu_ns + more;
        value[PROCESS_CPU] = l->cpu_ns;
        known |= UINT64_C(1) << PROCESS_CPU;
    }
    l->has_processes |= known != 0;
    return gathered_add(l->log->gathered, l->process, time_ns, known, value);
}

static int add_machine(struct resource_log *l, uint64_t time_ns)
{
    uint64_t value[METRICS_MAX], used, known = 0;
    if (l->memory_bytes > 0 && cell_of(l, VMS_GLOBAL, MB, &used) && used <= l->memory_bytes) {
        value[MACHINE_MEMORY_TOTAL] = l->memory_bytes;
        value[MACHINE_MEMORY_AVAILABLE] = l->memory_bytes - used;
        known |= UINT64_C(1) << MACHINE_MEMORY_TOTAL | UINT64_C(1) << MACHINE_MEMORY_AVAILABLE;
    }
    if (cell_of(l, SWAP_USED, MB, &used) && used <= l->swap_bytes) {
        value[MACHINE_SWAP_TOTAL] = l->swap_bytes;
        value[MACHINE_SWAP_FREE] = l->swap_bytes - used;
        known |= UINT64_C(1) << MACHINE_SWAP_TOTAL | UINT64_C(1) << MACHINE_SWAP_FREE;
    }
    int r = known == 0 ? 0 : gathered_add(l->log->gathered, l->machine, time_ns, known, value);
    known = 0;
    for (unsigned i = 0; i <= DISK_LAST - DISK_FIRST; i++)
        if (cell_of(l, DISK_FIRST + i, columns[DISK_FIRST + i].scale, &value[i]))
            known |= UINT64_C(1) << i;
    return r != 0 || known == 0 ? r
                                : gathered_add(l->log->gathered, l->disks, time_ns, known, value);
}

static int add_counters(struct resource_log *l, uint64_t time_ns)
{
    uint64_t thousandths;
    int r = 0;
    for (size_t i = 0; i < l->row.n && r == 0; i++)
        if (l->site[i] != 0 && cell_number(l->row.cell[i], 1000, &thousandths))
            r = gathered_count(l->log->gathered, l->process, l->site[i], time_ns,
                               (double)thousandths / 1000);
    return r;
}

static int take_row(struct resource_log *l)
{
    uint64_t value[METRICS_MAX], known = 0, time_ns;
    if (!cell_seconds(table_cell(&l->table, &l->row, TIME), &time_ns))
        return import_count_wrong(l->log, "no time"), 0;
    if (l->begun && time_ns < l->time_ns)
        return import_count_wrong(l->log, "earlier than the row before"), 0;
    const char *wrong = table_metrics(&l->table, &l->row, value, &known);
    if (wrong != NULL)
        return import_count_wrong(l->log, wrong), 0;
    int r = add_process(l, time_ns, value, known);
    if (r == 0)
        r = add_machine(l, time_ns);
    if (r == 0)
        r = add_counters(l, time_ns);
    l->time_ns = time_ns;
    l->begun = true;
    l->log->result->taken++;
    return r;
}

static int read_log(struct import_log *log)
{
    struct resource_log l = {.log = log};
    struct text line;
    bool head = false;
    int r;
    while ((r = import_next_line(log, &line)) == 1) {
        bool is = !head && is_head(line.at, (size_t)(line.end - line.at));
        table_cells(line, ',', &l.row);
        r = 0;
        if (is)
            r = begin(&l);
        else if (!head)
            for (size_t i = 0; i < l.row.n; i++)
                take_fact(&l, l.row.cell[i]);
        else if (line.at < line.end)
            r = take_row(&l);
        head |= is;
        if (r != 0)
            return r;
    }
    if (l.begun && !l.has_processes)
        record_put_number(&log->gathered->facts, "machine_alone", 1);
    return r;
}

const struct import_format import_resource_log = {
    .name = "resource-log",
    .title = "rows of the resources of summed processes (time,cpu_percent,…,rss_mb,…)",
    .job = "rows",
    .recognises = recognises,
    .read = read_log,
};
