/*
 * Nextflow's trace.txt: a head and a row for each task, apart by tabs, raw or for people (KB are 1024 bytes there).
 * A task is a process here: its figures are of its end. Tasks whose results were taken from an earlier run (CACHED) are left
 * out. What native_id says, a pid or a job of a batch system, cannot be told apart.
 */
#include <errno.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define EXIT_CODE_MAX 255

enum { NAME, STATUS, EXIT, SUBMIT, START, COMPLETE, DURATION, REALTIME, PERCENT, FIGURES_FIRST };

static const struct table_column columns[] = {
    [NAME] = {"name", TABLE_NO_METRIC, 0},
    [STATUS] = {"status", TABLE_NO_METRIC, 0},
    [EXIT] = {"exit", TABLE_NO_METRIC, 0},
    [SUBMIT] = {"submit", TABLE_NO_METRIC, 0},
    [START] = {"start", TABLE_NO_METRIC, 0},
    [COMPLETE] = {"complete", TABLE_NO_METRIC, 0},
    [DURATION] = {"duration", TABLE_NO_METRIC, 0},
    [REALTIME] = {"realtime", TABLE_NO_METRIC, 0},
    [PERCENT] = {"%cpu", TABLE_NO_METRIC, 0},
    [FIGURES_FIRST] = {"rss", PROCESS_RSS, 1},
    {"vmem", PROCESS_VMS, 1},
    {"peak_rss", PROCESS_PEAK_RSS, 1},
    {"rchar", PROCESS_READ_CHARS, 1},
    {"wchar", PROCESS_WRITE_CHARS, 1},
    {"syscr", PROCESS_READ_COUNT, 1},
    {"syscw", PROCESS_WRITE_COUNT, 1},
    {"read_bytes", PROCESS_READ_BYTES, 1},
    {"write_bytes", PROCESS_WRITE_BYTES, 1},
    {"vol_ctxt", PROCESS_VOLUNTARY_SWITCHES, 1},
    {"inv_ctxt", PROCESS_INVOLUNTARY_SWITCHES, 1},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

struct nextflow_trace {
    struct import_log *log;
    struct log_table table;
    struct table_row row;
};

struct task {
    uint64_t start_ns, end_ns; /* on the clock of the log */
    uint64_t realtime_ns;
    bool wall, has_realtime;
};

static bool is_head(struct text line)
{
    struct table_row row;
    struct log_table table = {columns, COLUMNS, '\t', {0}};
    table_cells(line, '\t', &row);
    return table_head(&table, &row) >= 4 && table.at[NAME] >= 0 && table.at[STATUS] >= 0 &&
           (table.at[REALTIME] >= 0 || table.at[DURATION] >= 0);
}

static bool recognises(const char *first, size_t n)
{
    return is_head(table_first_line(first, n));
}

/* ---- cells for people ---- */

static bool is_digit(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

/* Parts like "1h 2m 3.5s": each a number and one of the units; a number alone is of unit `raw`. */
static bool take_units(struct text cell, const struct table_column *units, size_t n, uint64_t raw,
                       uint64_t *ret)
{
    uint64_t sum = 0;
    for (text_skip_blanks(&cell); cell.at < cell.end; text_skip_blanks(&cell)) {
        struct text number = cell;
        uint64_t scale = raw, part;
        size_t u = 0;
        while (cell.at < cell.end && is_digit(*cell.at))
            cell.at++;
        number.end = cell.at;
        text_skip_blanks(&cell);
        if (cell.at < cell.end && !is_digit(*cell.at)) {
            while (u < n && !text_take_literal(&cell, units[u].name))
                u++;
            if (u == n)
                return false;
            scale = units[u].scale;
        }
        if (!cell_number(number, scale, &part) || part > UINT64_MAX - sum)
            return false;
        sum += part;
    }
    *ret = sum;
    return true;
}

static bool take_bytes(struct text cell, uint64_t *ret)
{
    static const struct table_column units[] = {
        {"KB", 0, UINT64_C(1) << 10}, {"MB", 0, UINT64_C(1) << 20}, {"GB", 0, UINT64_C(1) << 30},
        {"TB", 0, UINT64_C(1) << 40}, {"PB", 0, UINT64_C(1) << 50}, {"B", 0, 1},
    };
    return take_units(cell, units, sizeof units / sizeof units[0], 1, ret);
}

static bool take_duration(struct text cell, uint64_t *ret_ns)
{
    static const struct table_column units[] = {
        {"ms", 0, NS_PER_MS},      {"s", 0, NS_PER_S},         {"m", 0, 60 * NS_PER_S},
        {"h", 0, 3600 * NS_PER_S}, {"d", 0, 86400 * NS_PER_S},
    };
    return take_units(cell, units, sizeof units / sizeof units[0], NS_PER_MS, ret_ns) &&
           *ret_ns < CALENDAR_END_NS;
}

/* A date, or milliseconds since the epoch. */
static bool take_moment(struct text cell, uint64_t *ret_ns)
{
    uint64_t ns;
    if (calendar_parse(cell, ret_ns))
        return true;
    if (!cell_number(cell, NS_PER_MS, &ns) || ns == 0 || ns > CALENDAR_END_NS)
        return false;
    *ret_ns = ns;
    return true;
}

static struct text cell_at(const struct nextflow_trace *t, size_t column)
{
    return table_cell(&t->table, &t->row, column);
}

/* ---- tasks ---- */

/* It ends when it completed, and began as long before as it ran; without dates it began at 0. */
static void find_time(const struct nextflow_trace *t, struct task *ret)
{
    uint64_t submit_ns, complete_ns, duration_ns;
    bool started = take_moment(cell_at(t, START), &ret->start_ns);
    bool submitted = take_moment(cell_at(t, SUBMIT), &submit_ns);
    bool completed = take_moment(cell_at(t, COMPLETE), &complete_ns);
    ret->has_realtime = !cell_is_blank(cell_at(t, REALTIME)) &&
                        take_duration(cell_at(t, REALTIME), &ret->realtime_ns);
    if (!completed && submitted && !cell_is_blank(cell_at(t, DURATION)) &&
        take_duration(cell_at(t, DURATION), &duration_ns)) {
        complete_ns = submit_ns + duration_ns;
        completed = true;
    }
    ret->wall = started || submitted || completed;
    uint64_t ran_ns = ret->has_realtime ? ret->realtime_ns : 0;
    if (!started && completed)
        ret->start_ns = complete_ns - (ran_ns < complete_ns ? ran_ns : 0);
    else if (!started)
        ret->start_ns = submitted ? submit_ns : 1; /* 0 stands for a start that is not known */
    ret->end_ns = completed && complete_ns >= ret->start_ns ? complete_ns : ret->start_ns + ran_ns;
}

static const char *find_figures(const struct nextflow_trace *t, const struct task *task,
                                uint64_t *value, uint64_t *known)
{
    struct text percent = cell_at(t, PERCENT);
    uint64_t thousandths;
    for (size_t c = FIGURES_FIRST; c < COLUMNS; c++) {
        if (cell_is_blank(cell_at(t, c)))
            continue;
        if (!take_bytes(cell_at(t, c), &value[columns[c].metric]))
            return "a number that cannot be";
        *known |= UINT64_C(1) << columns[c].metric;
    }
    if (percent.at < percent.end && percent.end[-1] == '%')
        percent.end--;
    if (cell_is_blank(percent) || !task->has_realtime)
        return NULL;
    if (!cell_number(percent, 1000, &thousandths))
        return "a number that cannot be";
    value[PROCESS_CPU] = cpu_of_percent(thousandths, task->realtime_ns);
    *known |= UINT64_C(1) << PROCESS_CPU;
    return NULL;
}

static int add_task(struct nextflow_trace *t, const struct task *task, const uint64_t *value,
                    uint64_t known)
{
    struct gathered *g = t->log->gathered;
    struct text name = cell_at(t, NAME), status = cell_at(t, STATUS);
    uint64_t code;
    uint32_t process;
    int r = gathered_use_clock(g, task->wall ? GATHERED_WALL_CLOCK : GATHERED_OWN_CLOCK);
    if (r == 0)
        r = gathered_begin(g, 0, task->start_ns, &process);
    if (r != 0)
        return r;
    struct gathered_entity *e = gathered_entity(g, process);
    e->stopped = cell_is(status, "COMPLETED") || cell_is(status, "FAILED");
    if (e->stopped && cell_number(cell_at(t, EXIT), 1, &code) && code <= EXIT_CODE_MAX) {
        e->has_status = true;
        e->status = (int)code << 8;
    }
    r = gathered_keep(g, name.at, (size_t)(name.end - name.at), &e->name);
    if (r == 0)
        r = gathered_add(g, process, task->start_ns, 0, NULL);
    return r == 0 ? gathered_add(g, process, task->end_ns, known, value) : r;
}

static int take_row(struct nextflow_trace *t)
{
    uint64_t value[METRICS_MAX], known = 0;
    struct task task = {0};
    if (cell_is(cell_at(t, STATUS), "CACHED"))
        return 0;
    if (cell_is_blank(cell_at(t, STATUS)))
        return import_count_wrong(t->log, "no status"), 0;
    find_time(t, &task);
    if (!task.wall && !task.has_realtime)
        return import_count_wrong(t->log, "no time"), 0;
    const char *wrong = find_figures(t, &task, value, &known);
    if (wrong != NULL)
        return import_count_wrong(t->log, wrong), 0;
    int r = add_task(t, &task, value, known);
    /* Of one trace a task may lack what the others have: it cannot be placed among them. */
    if (r == -EXDEV && t->log->result->taken > 0)
        return import_count_wrong(t->log, "no date, which others have"), 0;
    t->log->result->taken++;
    return r;
}

static int read_log(struct import_log *log)
{
    struct nextflow_trace t = {.log = log, .table = {columns, COLUMNS, '\t', {0}}};
    struct text line;
    bool head = false;
    int r = 0;
    log->gathered->unrelated = true;
    while (r == 0 && (r = import_next_line(log, &line)) == 1) {
        r = 0;
        if (line.at == line.end)
            continue;
        table_cells(line, '\t', &t.row);
        if (!head)
            table_head(&t.table, &t.row);
        else
            r = take_row(&t);
        head = true;
    }
    return r;
}

const struct import_format import_nextflow_trace = {
    .name = "nextflow",
    .title = "Nextflow's trace.txt",
    .recognises = recognises,
    .read = read_log,
};
