/*
 * psrecord's log: a head "# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)", with USS (MB) and reads and writes
 * where they were asked for, and rows apart by blanks. Seconds since it began; MB are 2^20 bytes; percent of one
 * processor since the row before.
 */
#include <errno.h>
#include <string.h>

#include "import/import_format.h"
#include "import/log_table.h"

#define MB (UINT64_C(1) << 20)

enum { ELAPSED, CPU };

static const struct table_column columns[] = {
    [ELAPSED] = {"Elapsed time", TABLE_NO_METRIC, 0},
    [CPU] = {"CPU (%)", TABLE_NO_METRIC, 0},
    {"Real (MB)", PROCESS_RSS, MB},
    {"Virtual (MB)", PROCESS_VMS, MB},
    {"USS (MB)", PROCESS_USS, MB},
    {"Read count", PROCESS_READ_COUNT, 1},
    {"Write count", PROCESS_WRITE_COUNT, 1},
    {"Read bytes", PROCESS_READ_BYTES, 1},
    {"Write bytes", PROCESS_WRITE_BYTES, 1},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

struct psrecord_log {
    struct import_log *log;
    struct log_table table;
    uint32_t process;
    uint64_t time_ns, cpu_ns;
    bool begun;
};

static bool recognises(const char *first, size_t n)
{
    struct text t = text_of(first, n);
    return text_take_literal(&t, "#") &&
           (text_skip_blanks(&t), text_take_literal(&t, "Elapsed time"));
}

/* Names have single blanks in them, and not always more between them: they are looked for one by one. */
static void read_head(struct psrecord_log *l, struct text line)
{
    int place = 0;
    for (size_t c = 0; c < COLUMNS; c++)
        l->table.at[c] = -1;
    text_take_literal(&line, "#");
    for (text_skip_blanks(&line); line.at < line.end; text_skip_blanks(&line), place++) {
        size_t c = 0;
        while (c < COLUMNS && !text_take_literal(&line, columns[c].name))
            c++;
        if (c < COLUMNS)
            l->table.at[c] = place;
        else /* an unknown name: up to two blanks */
            while (line.at < line.end &&
                   !(line.at[0] == ' ' && line.at + 1 < line.end && line.at[1] == ' '))
                line.at++;
    }
}

static void split(struct text line, struct table_row *ret)
{
    ret->n = 0;
    for (text_skip_blanks(&line); line.at < line.end && ret->n < TABLE_CELLS_MAX;
         text_skip_blanks(&line)) {
        const char *from = line.at;
        while (line.at < line.end && *line.at != ' ' && *line.at != '\t')
            line.at++;
        ret->cell[ret->n++] = (struct text){from, line.at};
    }
}

static int take_row(struct psrecord_log *l, const struct table_row *row)
{
    uint64_t value[METRICS_MAX], known = 0, time_ns, percent;
    const char *wrong = NULL;
    struct text cpu = table_cell(&l->table, row, CPU);
    if (!cell_seconds(table_cell(&l->table, row, ELAPSED), &time_ns))
        wrong = "no time";
    else if (l->begun && time_ns < l->time_ns)
        wrong = "earlier than the row before";
    else
        wrong = table_metrics(&l->table, row, value, &known);
    if (wrong == NULL && !cell_is_blank(cpu)) {
        if (!cell_number(cpu, 1000, &percent))
            wrong = "a number that cannot be";
        else if (l->begun)
            l->cpu_ns += cpu_of_percent(percent, time_ns - l->time_ns);
        value[PROCESS_CPU] = l->cpu_ns;
        known |= UINT64_C(1) << PROCESS_CPU;
    }
    if (wrong != NULL) {
        import_count_wrong(l->log, wrong);
        return 0;
    }
    l->time_ns = time_ns;
    l->begun = true;
    l->log->result->taken++;
    return gathered_add(l->log->gathered, l->process, time_ns, known, value);
}

static int read_log(struct import_log *log)
{
    struct psrecord_log l = {.log = log, .table = {columns, COLUMNS, ' ', {0}}};
    struct table_row row;
    struct text line;
    int r = gathered_use_clock(log->gathered, GATHERED_OWN_CLOCK);
    if (r == 0)
        r = gathered_begin(log->gathered, 0, 0, &l.process);
    log->gathered->unrelated = true;
    while (r == 0 && (r = import_next_line(log, &line)) == 1) {
        r = 0;
        if (line.at < line.end && *line.at == '#') {
            read_head(&l, line);
            continue;
        }
        split(line, &row);
        if (row.n > 0)
            r = take_row(&l, &row);
    }
    return r;
}

const struct import_format import_psrecord_log = {
    .name = "psrecord",
    .title = "psrecord --log",
    .recognises = recognises,
    .read = read_log,
};
