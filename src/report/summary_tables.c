/* Tables of the terminal's summary: programs, the costliest processes, those that failed. */
#include <stdlib.h>

#include "analyse/programs.h"
#include "report/columns.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define PROGRAMS_SHOWN 6
#define FEW_PROCESSES 8 /* so many are all shown */
#define BY_CPU 4        /* of more: so many by CPU, and so many by memory */
#define BY_MEMORY 2
#define FAILED_SHOWN 20
#define INDENT 2
#define START_STEP_NS UINT64_C(10000000) /* the kernel knows starts to its tick */

static void heading(const struct page *page, const char *text)
{
    page_end_line(page);
    page_line(page, INK_STRONG, 0, text, strlen(text));
}

static void put_or_dash(struct buffer *cell, uint64_t value,
                        void (*put)(struct buffer *ret, uint64_t value))
{
    if (value == SUMMARY_UNKNOWN)
        buffer_put_byte(cell, '-');
    else
        put(cell, value);
}

/* ---- programs ---- */

static const struct columns program_columns = {
    .count = 5,
    .column = {{"CPU", false, 0},
               {"share", false, 2},
               {"largest RSS", false, 1},
               {"processes", false, 3},
               {"program", true, 0}},
};

static const struct columns program_failed_columns = {
    .count = 6,
    .column = {{"CPU", false, 0},
               {"share", false, 3},
               {"largest RSS", false, 1},
               {"processes", false, 4},
               {"failed", false, 2},
               {"program", true, 0}},
};

static void put_program(struct columns *table, const struct summary *s, const struct program *p)
{
    struct buffer *cell = columns_add(table, INK_PLAIN);
    put_or_dash(&cell[0], p->cpu_ns, put_duration);
    if (p->cpu_ns != SUMMARY_UNKNOWN && s->cpu.total_ns != SUMMARY_UNKNOWN && s->cpu.total_ns > 0)
        put_percent(&cell[1], (double)p->cpu_ns / (double)s->cpu.total_ns);
    put_or_dash(&cell[2], p->largest_rss_bytes, put_bytes);
    put_count(&cell[3], p->processes);
    if (table->count == program_failed_columns.count && p->failed > 0)
        put_count(&cell[4], p->failed);
    buffer_put_text(&cell[table->count - 1], p->name);
}

static void put_programs(const struct page *page, const struct summary *s)
{
    struct program *programs;
    size_t count;
    if (s->row_count <= FEW_PROCESSES)
        return;
    if (programs_make(s, &programs, &count) != 0) {
        page->out->failed = true;
        return;
    }
    struct columns *table =
        columns_new(page, s->processes.failed > 0 ? &program_failed_columns : &program_columns);
    if (table == NULL) {
        free(programs);
        return;
    }
    for (size_t i = 0; i < count && i < PROGRAMS_SHOWN; i++)
        put_program(table, s, &programs[i]);
    heading(page, "Programs");
    columns_put(page, table, INDENT);
    free(table);
    free(programs);
}

/* ---- processes ---- */

static const struct columns process_columns = {
    .count = 6,
    .column = {{"CPU", false, 0},
               {"peak RSS", false, 1},
               {"from", false, 4},
               {"for", false, 3},
               {"pid", false, 2},
               {"command", true, 0}},
};

struct chosen {
    size_t row[FEW_PROCESSES];
    size_t count;
};

static bool is_chosen(const struct chosen *chosen, size_t row)
{
    for (size_t i = 0; i < chosen->count; i++)
        if (chosen->row[i] == row)
            return true;
    return false;
}

static uint64_t cpu_of(const struct summary *s, size_t row)
{
    return s->rows[row].cpu_ns;
}

/* Takes the `n` rows with the most of something that are not chosen yet. */
static void choose(const struct summary *s, struct chosen *chosen, size_t n,
                   uint64_t (*measure)(const struct summary *s, size_t row))
{
    for (; n > 0 && chosen->count < FEW_PROCESSES; n--) {
        size_t best = SUMMARY_NOBODY;
        uint64_t most = 0;
        for (size_t i = 0; i < s->row_count; i++) {
            uint64_t v = measure(s, i);
            if (v == SUMMARY_UNKNOWN)
                v = 0;
            if ((best == SUMMARY_NOBODY || v > most) && !is_chosen(chosen, i)) {
                best = i;
                most = v;
            }
        }
        if (best == SUMMARY_NOBODY)
            return;
        chosen->row[chosen->count++] = best;
    }
}

static void sort_by_cpu(const struct summary *s, struct chosen *chosen)
{
    for (size_t i = 1; i < chosen->count; i++)
        for (size_t j = i; j > 0; j--) {
            uint64_t above = cpu_of(s, chosen->row[j - 1]), here = cpu_of(s, chosen->row[j]);
            if (here == SUMMARY_UNKNOWN || (above != SUMMARY_UNKNOWN && above >= here))
                break;
            size_t row = chosen->row[j];
            chosen->row[j] = chosen->row[j - 1];
            chosen->row[j - 1] = row;
        }
}

static void put_process(struct columns *table, const struct summary *s, size_t row)
{
    const struct tacho_process *p = tacho_process(s->rec, row);
    struct buffer *cell = columns_add(table, process_failed(p) ? INK_BAD : INK_PLAIN);
    uint64_t from = p->start_ns > s->started_ns ? p->start_ns - s->started_ns : 0;
    from -= from % START_STEP_NS;
    put_or_dash(&cell[0], s->rows[row].cpu_ns, put_duration);
    put_or_dash(&cell[1], process_largest_rss(s, row), put_bytes);
    put_duration(&cell[2], from);
    if ((p->flags & TACHO_PROCESS_ENDED) != 0 && p->end_ns >= p->start_ns)
        put_duration(&cell[3], p->end_ns - p->start_ns);
    else
        buffer_put_byte(&cell[3], '-');
    if (p->pid != 0)
        buffer_printf(&cell[4], "%d", p->pid);
    put_command_line(&cell[5], p);
}

static void put_processes(const struct page *page, const struct summary *s)
{
    struct chosen chosen = {.count = 0};
    if (s->row_count < 2)
        return;
    if (s->row_count <= FEW_PROCESSES) {
        choose(s, &chosen, FEW_PROCESSES, cpu_of);
    } else {
        choose(s, &chosen, BY_CPU, cpu_of);
        choose(s, &chosen, BY_MEMORY, process_largest_rss);
    }
    sort_by_cpu(s, &chosen);
    struct columns *table = columns_new(page, &process_columns);
    if (table == NULL)
        return;
    for (size_t i = 0; i < chosen.count; i++)
        put_process(table, s, chosen.row[i]);
    heading(page, s->row_count <= FEW_PROCESSES ? "Processes" : "Largest processes");
    columns_put(page, table, INDENT);
    free(table);
}

/* ---- failures ---- */

static const struct columns failed_columns = {
    .count = 4,
    .column = {{"ended by", true, 0}, {"at", false, 2}, {"pid", false, 1}, {"command", true, 0}},
};

static void put_failed(struct columns *table, const struct summary *s,
                       const struct tacho_process *p)
{
    struct buffer *cell = columns_add(table, INK_PLAIN);
    put_wait_status(&cell[0], p->wait_status);
    if ((p->flags & TACHO_PROCESS_ENDED) != 0 && p->end_ns >= s->started_ns)
        put_duration(&cell[1], p->end_ns - s->started_ns);
    buffer_printf(&cell[2], "%d", p->pid);
    put_command_line(&cell[3], p);
}

/* Whether it is to be told of: how the launched root ended stands at the top. */
static bool failed_below(const struct tacho_process *p)
{
    return process_failed(p) &&
           ((p->flags & TACHO_PROCESS_ROOT) == 0 || (p->flags & TACHO_PROCESS_FORKED) == 0);
}

/* The first ones: what failed later often failed because of them. */
static void put_failures(const struct page *page, const struct summary *s)
{
    uint64_t failed = 0, shown = 0;
    for (size_t i = 0; i < s->row_count; i++)
        failed += failed_below(tacho_process(s->rec, i));
    if (failed == 0)
        return;
    struct columns *table = columns_new(page, &failed_columns);
    if (table == NULL)
        return;
    for (size_t i = 0; i < s->row_count && shown < FAILED_SHOWN; i++) {
        const struct tacho_process *p = tacho_process(s->rec, i);
        if (!failed_below(p))
            continue;
        put_failed(table, s, p);
        shown++;
    }
    struct buffer text = {0};
    buffer_put_text(&text, "Failed");
    if (failed > shown) {
        buffer_put_text(&text, ", the first of ");
        put_count(&text, failed);
    }
    page_end_line(page);
    page_line(page, INK_BAD, 0, text.data, text.len);
    columns_put(page, table, INDENT);
    buffer_done(&text);
    free(table);
}

void summary_put_tables(const struct page *page, const struct summary *s)
{
    put_programs(page, s);
    put_processes(page, s);
    put_failures(page, s);
}
