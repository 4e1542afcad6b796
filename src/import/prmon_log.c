/*
 * prmon's logs of a process with its descendants, as one: a time series (prmon.txt: a head "Time wtime …" and rows, apart
 * by tabs), and a summary (prmon.json) with the hardware. kB are 1024 bytes, times seconds; wtime is since the
 * process began. The network is that of the whole machine.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_reader.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define KB 1024

enum {
    TIME,
    WALL,
    PROCESSES,
    THREADS,
    NETWORK_FIRST,
    NETWORK_LAST = NETWORK_FIRST + 3,
    GPU_FIRST,
    GPU_LAST = GPU_FIRST + 3
};

static const struct table_column columns[] = {
    [TIME] = {"Time", TABLE_NO_METRIC, 0},
    [WALL] = {"wtime", TABLE_NO_METRIC, 0},
    [PROCESSES] = {"nprocs", TABLE_NO_METRIC, 0},
    [THREADS] = {"nthreads", TABLE_NO_METRIC, 0},
    [NETWORK_FIRST] = {"rx_bytes", TABLE_NO_METRIC, 0},
    {"rx_packets", TABLE_NO_METRIC, 0},
    {"tx_bytes", TABLE_NO_METRIC, 0},
    {"tx_packets", TABLE_NO_METRIC, 0},
    [GPU_FIRST] = {"ngpus", TABLE_NO_METRIC, 0},
    {"gpusmpct", TABLE_NO_METRIC, 0},
    {"gpumempct", TABLE_NO_METRIC, 0},
    {"gpufbmem", TABLE_NO_METRIC, 0},
    {"vmem", PROCESS_VMS, KB},
    {"pss", PROCESS_PSS, KB},
    {"rss", PROCESS_RSS, KB},
    {"swap", PROCESS_SWAP, KB},
    {"utime", PROCESS_USER, NS_PER_S},
    {"stime", PROCESS_SYSTEM, NS_PER_S},
    {"rchar", PROCESS_READ_CHARS, 1},
    {"wchar", PROCESS_WRITE_CHARS, 1},
    {"read_bytes", PROCESS_READ_BYTES, 1},
    {"write_bytes", PROCESS_WRITE_BYTES, 1},
};

/* Where those of the network are in the catalogue. */
static const unsigned network[] = {0, 1, 3, 4};

struct prmon_log {
    struct import_log *log;
    struct log_table table;
    struct table_row row;
    uint32_t process, tree, network;
    uint32_t gpu[GPU_LAST - GPU_FIRST + 1]; /* sites of counters; 0: there is no column */
    uint64_t first_ns, first_wall_ns, time_ns;
    bool begun;
};

static bool is_head(struct text line)
{
    struct table_row row;
    struct log_table table = {columns, sizeof columns / sizeof columns[0], '\t', {0}};
    table_cells(line, '\t', &row);
    return table_head(&table, &row) >= 3 && table.at[TIME] == 0 && table.at[WALL] > 0;
}

static bool recognises(const char *first, size_t n)
{
    return is_head(table_first_line(first, n));
}

/* ---- the time series ---- */

/* A PSS of 0 of what has an RSS was not looked at. */
static void complete(uint64_t *value, uint64_t *known)
{
    const uint64_t memory = UINT64_C(1) << PROCESS_PSS | UINT64_C(1) << PROCESS_RSS;
    table_add_cpu(value, known);
    if ((*known & memory) == memory && value[PROCESS_PSS] == 0 && value[PROCESS_RSS] > 0)
        *known &= ~(UINT64_C(1) << PROCESS_PSS);
}

static int begin(struct prmon_log *l)
{
    static const char name[] = "monitored processes";
    struct gathered *g = l->log->gathered;
    uint64_t start_ns = l->first_wall_ns < l->first_ns ? l->first_ns - l->first_wall_ns : 0;
    int r = gathered_use_clock(g, GATHERED_WALL_CLOCK);
    if (r == 0)
        r = gathered_begin(g, 0, start_ns, &l->process);
    if (r == 0)
        r = gathered_keep(g, name, sizeof name - 1, &gathered_entity(g, l->process)->name);
    if (r == 0)
        r = gathered_begin_other(g, ENTITY_TREE, "", &l->tree);
    if (r == 0)
        r = gathered_begin_other(g, ENTITY_NETWORK, "all", &l->network);
    for (size_t i = 0; i <= GPU_LAST - GPU_FIRST && r == 0; i++) {
        const char *counter = columns[GPU_FIRST + i].name;
        if (l->table.at[GPU_FIRST + i] >= 0)
            r = gathered_site(g, (struct span){(const uint8_t *)counter, strlen(counter)},
                              (struct span){0}, &l->gpu[i]);
    }
    l->begun = r == 0;
    return r;
}

static bool cell_of(const struct prmon_log *l, size_t column, uint64_t scale, uint64_t *ret)
{
    struct text cell = table_cell(&l->table, &l->row, column);
    return !cell_is_blank(cell) && cell_number(cell, scale, ret);
}

static int add_others(struct prmon_log *l)
{
    struct gathered *g = l->log->gathered;
    uint64_t value[METRICS_MAX], known = 0, number;
    int r = 0;
    if (cell_of(l, PROCESSES, 1, &value[TREE_PROCESSES]))
        known |= UINT64_C(1) << TREE_PROCESSES;
    if (cell_of(l, THREADS, 1, &value[TREE_THREADS]))
        known |= UINT64_C(1) << TREE_THREADS;
    if (known != 0)
        r = gathered_add(g, l->tree, l->time_ns, known, value);
    known = 0;
    for (size_t i = 0; i <= NETWORK_LAST - NETWORK_FIRST; i++)
        if (cell_of(l, NETWORK_FIRST + i, 1, &value[network[i]]))
            known |= UINT64_C(1) << network[i];
    if (r == 0 && known != 0)
        r = gathered_add(g, l->network, l->time_ns, known, value);
    for (size_t i = 0; i <= GPU_LAST - GPU_FIRST && r == 0; i++)
        if (l->gpu[i] != 0 && cell_of(l, GPU_FIRST + i, 1000, &number))
            r = gathered_count(g, l->process, l->gpu[i], l->time_ns, (double)number / 1000);
    return r;
}

static int take_row(struct prmon_log *l)
{
    uint64_t value[METRICS_MAX], known = 0, time_ns, wall_ns;
    if (!cell_seconds(table_cell(&l->table, &l->row, TIME), &time_ns) ||
        !cell_seconds(table_cell(&l->table, &l->row, WALL), &wall_ns))
        return import_count_wrong(l->log, "no time"), 0;
    const char *wrong = table_metrics(&l->table, &l->row, value, &known);
    if (wrong == NULL && l->begun && wall_ns < l->first_wall_ns)
        wrong = "earlier than the first row";
    if (wrong != NULL)
        return import_count_wrong(l->log, wrong), 0;
    complete(value, &known);
    int r = 0;
    if (!l->begun) {
        l->first_ns = time_ns;
        l->first_wall_ns = wall_ns;
        r = begin(l);
    }
    l->time_ns = l->first_ns + (wall_ns - l->first_wall_ns);
    if (r == 0)
        r = gathered_add(l->log->gathered, l->process, l->time_ns, known, value);
    if (r == 0)
        r = add_others(l);
    l->log->result->taken++;
    return r;
}

static int read_log(struct import_log *log)
{
    struct prmon_log l = {.log = log,
                          .table = {columns, sizeof columns / sizeof columns[0], '\t', {0}}};
    struct text line;
    bool head = false;
    int r = 0;
    while (r == 0 && (r = import_next_line(log, &line)) == 1) {
        r = 0;
        if (line.at == line.end)
            continue;
        table_cells(line, '\t', &l.row);
        if (!head)
            table_head(&l.table, &l.row);
        else
            r = take_row(&l);
        head = true;
    }
    return r;
}

/* ---- the summary ---- */

struct prmon_summary {
    uint64_t sockets, cores_per_socket; /* 0: not told */
    uint64_t wall_ns;
    uint64_t value[METRICS_MAX], known;
};

static bool recognises_summary(const char *first, size_t n)
{
    struct text t = text_of(first, n);
    while (t.at < t.end && (*t.at == ' ' || *t.at == '\n' || *t.at == '\t' || *t.at == '\r'))
        t.at++;
    return text_take_literal(&t, "{") && memmem(first, n, "\"Max\"", 5) != NULL &&
           memmem(first, n, "\"Avg\"", 5) != NULL;
}

static void take_hardware(struct prmon_summary *s, struct buffer *facts, const struct json_value *v)
{
    uint64_t number;
    if (v->type == JSON_STRING && json_is(v->key, "ModelName")) {
        struct buffer name = {0};
        json_string_put(&name, v->text);
        if (!name.failed)
            record_put_text(facts, "cpu_model", name.data, name.len);
        buffer_done(&name);
    }
    if (v->type != JSON_NUMBER || !json_scaled(v->text, 1, &number) || number == 0)
        return;
    if (json_is(v->key, "CPUs"))
        record_put_number(facts, "processors", number);
    else if (json_is(v->key, "Sockets"))
        s->sockets = number;
    else if (json_is(v->key, "CoresPerSocket"))
        s->cores_per_socket = number;
    else if (json_is(v->key, "MemTotal") && number < UINT64_MAX / KB)
        record_put_number(facts, "memory_bytes", number * KB);
}

/* Sums at the end; of memory the largest, of which nobody knows when it was. */
static void take_most(struct prmon_summary *s, const struct json_value *v)
{
    static const struct table_column most[] = {
        {"rss", PROCESS_PEAK_RSS, KB},         {"maxRSS", PROCESS_PEAK_RSS, KB},
        {"utime", PROCESS_USER, NS_PER_S},     {"stime", PROCESS_SYSTEM, NS_PER_S},
        {"rchar", PROCESS_READ_CHARS, 1},      {"wchar", PROCESS_WRITE_CHARS, 1},
        {"read_bytes", PROCESS_READ_BYTES, 1}, {"write_bytes", PROCESS_WRITE_BYTES, 1},
    };
    if (v->type != JSON_NUMBER)
        return;
    if (json_is(v->key, "wtime"))
        cell_seconds(v->text, &s->wall_ns);
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++)
        if (json_is(v->key, most[i].name) &&
            json_scaled(v->text, most[i].scale, &s->value[most[i].metric]))
            s->known |= UINT64_C(1) << most[i].metric;
}

/* Without a time series it is all there is: from 0 to the end. */
static int add_alone(struct import_log *log, struct prmon_summary *s)
{
    uint32_t process;
    int r = gathered_use_clock(log->gathered, GATHERED_OWN_CLOCK);
    if (r == 0)
        r = gathered_begin(log->gathered, 0, 1, &process);
    if (r == 0)
        r = gathered_add(log->gathered, process, 1, 0, NULL);
    complete(s->value, &s->known);
    return r == 0 ? gathered_add(log->gathered, process, s->wall_ns + 1, s->known, s->value) : r;
}

static int read_summary(struct import_log *log)
{
    struct prmon_summary s = {0};
    struct buffer text = {0}, *facts = &log->gathered->facts;
    struct json_value value;
    int r = import_read_text(log, &text), next = 0;
    struct json_reader reader = json_read(text_of(text.data, text.len));
    while (r == 0 && (next = json_next(&reader, &value)) == 1) {
        if (value.depth == 3 && json_is(reader.key[1], "HW"))
            take_hardware(&s, facts, &value);
        else if (value.depth == 2 && json_is(value.outer, "Max"))
            take_most(&s, &value);
    }
    buffer_done(&text);
    if (r != 0)
        return r;
    if (next < 0) {
        import_count_wrong(log, "not JSON");
        return 0;
    }
    if (s.sockets > 0)
        record_put_number(facts, "packages", s.sockets);
    if (s.sockets > 0 && s.cores_per_socket > 0 && s.cores_per_socket < UINT32_MAX)
        record_put_number(facts, "cores", s.sockets * s.cores_per_socket);
    log->result->taken++;
    return !gathered_any(log->gathered) && s.wall_ns > 0 ? add_alone(log, &s) : 0;
}

const struct import_format import_prmon_log = {
    .name = "prmon",
    .title = "prmon's time series (prmon.txt)",
    .job = "prmon",
    .recognises = recognises,
    .read = read_log,
};

const struct import_format import_prmon_summary = {
    .name = "prmon-summary",
    .title = "prmon's summary (prmon.json), best together with the time series",
    .job = "prmon",
    .adds = true,
    .recognises = recognises_summary,
    .read = read_summary,
};
