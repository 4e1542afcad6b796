/*
 * memory_profiler's mprofile_*.dat, as `mprof run` writes it: CMDLINE with the command, MEM with memory and time of the
 * process (with -C of all its descendants), CHLD the same of the i-th child (-M), FUNC with a decorated
 * function's name, memory and time at its begin, the same at its end, and its depth. MiB, and seconds since the
 * epoch. Which memory it is (RSS but for other backends) the log does not say.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "import/command_words.h"
#include "import/import_format.h"
#include "import/log_table.h"

#define MIB (UINT64_C(1) << 20)

struct mprof_log {
    struct import_log *log;
    uint32_t main;
    bool has_main;
    struct map children; /* the child's number plus 1: its entity */
};

static bool recognises(const char *first, size_t n)
{
    static const char *const words[] = {"CMDLINE ", "MEM ", "FUNC ", "CHLD "};
    struct text t = text_of(first, n);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct table_row row;
        uint64_t number;
        if (!text_take_literal(&t, words[i]))
            continue;
        if (i == 0)
            return true;
        const char *end = memchr(t.at, '\n', (size_t)(t.end - t.at));
        table_cells((struct text){t.at, end != NULL ? end : t.end}, ' ', &row);
        return row.n >= 2 && cell_number(row.cell[i == 1 ? 0 : 1], 1, &number);
    }
    return false;
}

static int begin(struct mprof_log *l, const char *name, uint32_t *ret)
{
    struct gathered *g = l->log->gathered;
    int r = gathered_begin(g, 0, 0, ret);
    return r != 0 || name == NULL
               ? r
               : gathered_keep(g, name, strlen(name), &gathered_entity(g, *ret)->name);
}

static int main_process(struct mprof_log *l)
{
    int r = l->has_main ? 0 : begin(l, NULL, &l->main);
    l->has_main |= r == 0;
    return r;
}

static bool take_memory(struct text bytes, struct text time, uint64_t *ret_bytes, uint64_t *ret_ns)
{
    return cell_number(bytes, MIB, ret_bytes) && cell_seconds(time, ret_ns);
}

static int add_memory(struct mprof_log *l, uint32_t process, uint64_t time_ns, uint64_t bytes)
{
    uint64_t value[METRICS_MAX];
    value[PROCESS_RSS] = bytes;
    return gathered_add(l->log->gathered, process, time_ns, UINT64_C(1) << PROCESS_RSS, value);
}

static int take_mem(struct mprof_log *l, const struct table_row *row, const char **ret_wrong)
{
    uint64_t bytes, time_ns;
    if (row->n < 2 || !take_memory(row->cell[0], row->cell[1], &bytes, &time_ns)) {
        *ret_wrong = "not MEM, memory and time";
        return 0;
    }
    int r = main_process(l);
    return r == 0 ? add_memory(l, l->main, time_ns, bytes) : r;
}

static int take_child(struct mprof_log *l, const struct table_row *row, const char **ret_wrong)
{
    uint64_t bytes, time_ns, number;
    char name[32];
    if (row->n < 3 || !cell_number(row->cell[0], 1, &number) || number >= UINT32_MAX ||
        !take_memory(row->cell[1], row->cell[2], &bytes, &time_ns)) {
        *ret_wrong = "not CHLD, number, memory and time";
        return 0;
    }
    const uint64_t *entity = map_get(&l->children, (uint32_t)number + 1);
    uint32_t child = entity != NULL ? (uint32_t)*entity : 0;
    int r = 0;
    if (entity == NULL) {
        snprintf(name, sizeof name, "child %" PRIu64, number);
        r = begin(l, name, &child);
        if (r == 0)
            r = map_put(&l->children, (uint32_t)number + 1, child);
    }
    return r == 0 ? add_memory(l, child, time_ns, bytes) : r;
}

static int take_function(struct mprof_log *l, const struct table_row *row, const char **ret_wrong)
{
    uint64_t bytes[2], time_ns[2];
    uint32_t site;
    if (row->n < 5 || !take_memory(row->cell[1], row->cell[2], &bytes[0], &time_ns[0]) ||
        !take_memory(row->cell[3], row->cell[4], &bytes[1], &time_ns[1]) ||
        time_ns[1] < time_ns[0]) {
        *ret_wrong = "not FUNC, name, and twice memory and time";
        return 0;
    }
    struct span name = {(const uint8_t *)row->cell[0].at,
                        (size_t)(row->cell[0].end - row->cell[0].at)};
    int r = main_process(l);
    if (r == 0)
        r = gathered_site(l->log->gathered, name, (struct span){0}, &site);
    if (r == -ENOSPC) {
        *ret_wrong = "one name too many";
        return 0;
    }
    if (r == 0)
        r = gathered_scope(l->log->gathered, l->main, site, time_ns[0], time_ns[1]);
    for (int i = 0; i < 2 && r == 0; i++)
        r = add_memory(l, l->main, time_ns[i], bytes[i]);
    return r;
}

static int take_command(struct mprof_log *l, struct text line)
{
    struct gathered *g = l->log->gathered;
    struct buffer words = {0};
    command_words_put(&words, line);
    int r = words.failed ? -ENOMEM : main_process(l);
    if (r == 0 && words.len > 0) {
        struct text name = command_name(words.data, words.len);
        struct gathered_entity *e = gathered_entity(g, l->main);
        record_put_text(&g->facts, "command", words.data, words.len);
        r = gathered_keep(g, words.data, words.len, &e->argv);
        if (r == 0)
            r = gathered_keep(g, name.at, (size_t)(name.end - name.at), &e->name);
    }
    buffer_done(&words);
    return r;
}

static int take_line(struct mprof_log *l, struct text line)
{
    const char *wrong = NULL;
    struct table_row row;
    int r;
    if (text_take_literal(&line, "CMDLINE "))
        return take_command(l, line);
    bool memory = text_take_literal(&line, "MEM "), child = text_take_literal(&line, "CHLD "),
         function = text_take_literal(&line, "FUNC ");
    table_cells(line, ' ', &row);
    if (memory)
        r = take_mem(l, &row, &wrong);
    else if (child)
        r = take_child(l, &row, &wrong);
    else if (function)
        r = take_function(l, &row, &wrong);
    else
        return 0;
    if (wrong != NULL)
        import_count_wrong(l->log, wrong);
    else
        l->log->result->taken++;
    return r;
}

static int read_log(struct import_log *log)
{
    struct mprof_log l = {.log = log};
    struct text line;
    int r = gathered_use_clock(log->gathered, GATHERED_WALL_CLOCK);
    while (r == 0 && (r = import_next_line(log, &line)) == 1)
        r = take_line(&l, line);
    map_done(&l.children);
    return r;
}

const struct import_format import_mprof_log = {
    .name = "mprof",
    .title = "memory_profiler's mprofile_*.dat",
    .recognises = recognises,
    .read = read_log,
};
