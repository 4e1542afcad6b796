#include "report/top_frame.h"

#include <math.h>

#include "report/dot_chart.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define CHARTS_LEAST_ROWS 14 /* of the screen: below, there are none */
#define SCOPES_SHARE 6       /* one row of so many of the screen is for scopes */
#define COUNTERS_SHOWN 6
#define WORDS_AT 9

static uint64_t since(const struct top *top, uint64_t time_ns)
{
    return time_ns > top_first_ns(top) ? time_ns - top_first_ns(top) : 0;
}

/* ---- the head ---- */

static void put_position(struct buffer *ret, const struct top *top)
{
    if (top->playing)
        buffer_printf(ret, "playing %ux  ", top->speed);
    else if (top->follow)
        buffer_put_text(ret, top->live ? "live  " : "recording  ");
    else if (top->summary.root_status != SUMMARY_UNKNOWN && top->time_ns >= top_last_ns(top)) {
        put_wait_status(ret, (int)top->summary.root_status);
        buffer_put_text(ret, "  ");
    }
    put_duration(ret, since(top, top->time_ns));
    buffer_put_text(ret, " of ");
    put_duration(ret, since(top, top_last_ns(top)));
}

static void draw_head(struct grid *grid, const struct top *top)
{
    struct buffer title = {0}, position = {0};
    put_position(&position, top);
    if (top->whole)
        buffer_printf(&title, "the machine %s", top->summary.host != NULL ? top->summary.host : "");
    else
        put_summary_title(&title, &top->summary);
    size_t taken = position.len + 3;
    size_t room = grid->columns > taken ? grid->columns - taken : 0;
    grid_put(grid, 0, 1, room, INK_BAR, title.data, title.len);
    grid_put_right(grid, 0, grid->columns - 1, INK_BAR, &position);
    grid_ink_row(grid, 0, INK_BAR);
    buffer_done(&title);
    buffer_done(&position);
}

/* Sums over what is known. */
struct sums {
    double cores, io;
    uint64_t rss_bytes, threads;
};

static struct sums sum(const struct snapshot *s)
{
    struct sums all = {0};
    for (size_t i = 0; i < s->count; i++) {
        const struct snapshot_process *p = &s->process[i];
        double io = p->read_rate + p->write_rate;
        all.cores += isnan(p->cores) ? 0 : p->cores;
        all.io += isnan(io) ? 0 : io;
        all.rss_bytes += p->rss_bytes == SNAPSHOT_UNKNOWN ? 0 : p->rss_bytes;
        all.threads += p->threads == SNAPSHOT_UNKNOWN ? 0 : p->threads;
    }
    return all;
}

static void put_cores(struct buffer *ret, const struct top *top, double cores)
{
    buffer_put_text(ret, "CPU ");
    put_decimal(ret, cores, 2);
    if (top->summary.processors != SUMMARY_UNKNOWN)
        buffer_printf(ret, " of %u", (unsigned)top->summary.processors);
    buffer_put_text(ret, " cores");
}

/* Of the machine alone, what its lines have then. */
static void put_machine(struct buffer *ret, const struct top *top)
{
    const struct timeline *cpu = &top->summary.cpu_line;
    const struct gauge_line *memory = &top->summary.rss_line;
    size_t at = cpu->count == 0 ? 0 : (size_t)(since(top, top->time_ns) / cpu->bucket_ns);
    if (at < cpu->count)
        put_cores(ret, top, cpu->amount[at] / (double)cpu->bucket_ns);
    if (at < memory->count && memory->largest[at] != TIMELINE_UNKNOWN) {
        buffer_put_text(ret, "  memory ");
        put_bytes(ret, memory->largest[at]);
    }
}

static void put_figures(struct buffer *ret, const struct top *top)
{
    struct sums all = sum(&top->snapshot);
    if (top_is_of_machine(top)) {
        put_machine(ret, top);
        return;
    }
    put_count(ret, top->snapshot.count);
    buffer_put_text(ret, top->snapshot.count == 1 ? " process  " : " processes  ");
    put_count(ret, all.threads);
    buffer_put_text(ret, all.threads == 1 ? " thread  " : " threads  ");
    put_cores(ret, top, all.cores);
    buffer_put_text(ret, "  memory ");
    put_bytes(ret, all.rss_bytes);
    buffer_put_text(ret, "  I/O ");
    put_bytes(ret, all.io < 1e15 ? (uint64_t)all.io : 0);
    buffer_put_text(ret, "/s");
}

static void draw_figures(struct grid *grid, const struct top *top, unsigned row)
{
    struct buffer words = {0};
    put_figures(&words, top);
    grid_put(grid, row, 1, grid->columns - 1, INK_PLAIN, words.data, words.len);
    buffer_done(&words);
}

/* ---- charts ---- */

/* Where labels were set, below the axis. */
static void draw_label_marks(struct grid *grid, const struct top *top, unsigned row,
                             unsigned column, size_t cells, uint64_t length_ns)
{
    const struct tacho_recording *rec = top->summary.rec;
    for (size_t i = 0; i < tacho_label_count(rec); i++) {
        uint64_t at = since(top, tacho_label_at(rec, i)->time_ns);
        size_t cell = chart_cell_of(at, length_ns, cells);
        grid_put_character(grid, row, column + (unsigned)cell, INK_WARNING,
                           grid->utf8 ? 0x2502 /* │ */ : '|');
    }
}

/* Returns the row after them. */
static unsigned draw_charts(struct grid *grid, const struct top *top, unsigned row, unsigned rows)
{
    const struct summary *s = &top->summary;
    size_t cells = grid->columns > CHART_AT + 2 ? grid->columns - CHART_AT - 1 : 0;
    uint64_t length = s->cpu_line.count * s->cpu_line.bucket_ns;
    if (cells == 0 || s->cpu_line.count == 0)
        return row;
    cells = cells < CHART_CELLS_MAX ? cells : CHART_CELLS_MAX;
    summary_draw_cpu(grid, row, CHART_AT, rows, cells, s);
    row += rows;
    if (summary_knows_memory(s)) {
        summary_draw_memory(grid, row, CHART_AT, rows, cells, s);
        row += rows;
    }
    chart_time_axis(grid, row, CHART_AT, cells, 0, length);
    size_t now = chart_cell_of(since(top, top->time_ns), length, cells);
    grid_put_character(grid, row, CHART_AT + (unsigned)now, INK_STRONG,
                       grid->utf8 ? 0x25B2 /* ▲ */ : '^');
    row += 2;
    if (tacho_label_count(s->rec) > 0) {
        grid_put_text(grid, row, 2, INK_FAINT, "Labels");
        draw_label_marks(grid, top, row++, CHART_AT, cells, length);
    }
    return row;
}

/* ---- marks ---- */

static void draw_words(struct grid *grid, unsigned row, const char *name,
                       const struct buffer *words)
{
    grid_put_text(grid, row, 1, INK_FAINT, name);
    grid_put(grid, row, WORDS_AT, grid->columns, INK_PLAIN, words->data, words->len);
}

static unsigned draw_label(struct grid *grid, const struct top *top, unsigned row)
{
    const struct tacho_label *label = top->marks.moment.label;
    struct buffer words = {0};
    if (tacho_label_count(top->summary.rec) == 0)
        return row;
    if (label != NULL) {
        put_duration(&words, since(top, label->time_ns));
        buffer_printf(&words, "  %s", label->text);
    }
    draw_words(grid, row, "Label", &words);
    buffer_done(&words);
    return row + 1;
}

static void put_stack(struct buffer *ret, const struct top *top, const struct moment_stack *stack,
                      bool utf8)
{
    const struct tacho_process *p = tacho_process_of(top->summary.rec, stack->thread->entity);
    if (p != NULL)
        put_process_name(ret, p);
    if (!stack->main)
        buffer_printf(ret, " thread %s%s%d", stack->thread->name,
                      stack->thread->name[0] != '\0' ? " " : "", stack->thread->tid);
    buffer_put_text(ret, ": ");
    put_scope_path(ret, top->summary.rec, stack, utf8);
    buffer_put_text(ret, "  ");
    uint64_t now = top->marks.moment.time_ns;
    put_duration(ret, now > stack->begin_ns ? now - stack->begin_ns : 0);
}

static unsigned draw_scopes(struct grid *grid, const struct top *top, unsigned row, size_t room)
{
    const struct moment *m = &top->marks.moment;
    struct buffer words = {0};
    if (tacho_marking_thread_count(top->summary.rec) == 0 || room == 0)
        return row;
    size_t shown = m->stacks < room ? m->stacks : room;
    if (m->threads > shown && shown == room && shown > 1)
        shown--; /* for how many more */
    if (!top->marks_known || shown == 0) {
        buffer_put_text(&words, top->marks_known ? "none is open" : "...");
        draw_words(grid, row, "Scopes", &words);
        buffer_done(&words);
        return row + 1;
    }
    for (size_t i = 0; i < shown; i++) {
        put_stack(&words, top, &m->stack[i], grid->utf8);
        draw_words(grid, row++, i == 0 ? "Scopes" : "", &words);
        buffer_clear(&words);
    }
    if (m->threads > shown && shown < room) {
        buffer_put_text(&words, "and of ");
        put_count(&words, m->threads - shown);
        buffer_put_text(&words, " more threads");
        draw_words(grid, row++, "", &words);
    }
    buffer_done(&words);
    return row;
}

static unsigned draw_counters(struct grid *grid, const struct top *top, unsigned row)
{
    struct buffer words = {0};
    const struct snapshot_marks *m = &top->marks;
    if (!top->marks_known || m->counters == 0)
        return row;
    for (size_t i = 0; i < m->counters && i < COUNTERS_SHOWN; i++)
        buffer_printf(&words, "%s%s %g", i > 0 ? "  " : "", m->counter[i].site->name,
                      m->counter[i].value);
    draw_words(grid, row, "Counters", &words);
    buffer_done(&words);
    return row + 1;
}

/* ---- the foot ---- */

static void draw_foot(struct grid *grid, const struct top *top)
{
    struct buffer words = {0};
    unsigned row = grid->rows - 1;
    if (top->typing)
        buffer_printf(&words, "/%s_", top->filter);
    else if (top->filter_bytes > 0)
        buffer_printf(&words, "only '%s'; Esc: all  ", top->filter);
    if (!top->typing)
        buffer_put_text(&words, "q quit  ? help  Left Right time  Space play  c m i t sort  "
                                "T tree  / filter");
    grid_put(grid, row, 1, grid->columns - 1, top->typing ? INK_STRONG : INK_FAINT, words.data,
             words.len);
    buffer_done(&words);
}

/* ---- all of it ---- */

static unsigned chart_rows(const struct grid *grid)
{
    unsigned rows = grid->rows / 8;
    return rows < 2 ? 2 : rows > 6 ? 6 : rows;
}

int top_draw(struct grid *grid, struct top *top)
{
    draw_head(grid, top);
    if (top->help) {
        top_draw_help(grid);
        return 0;
    }
    unsigned row = 1;
    if (row + 1 < grid->rows)
        draw_figures(grid, top, row++);
    if (grid->rows >= CHARTS_LEAST_ROWS) {
        row = draw_charts(grid, top, row, chart_rows(grid));
        row = draw_label(grid, top, row);
        row = draw_scopes(grid, top, row, grid->rows / SCOPES_SHARE);
        row = draw_counters(grid, top, row);
    }
    draw_foot(grid, top);
    return row + 1 < grid->rows ? top_draw_table(grid, top, row, grid->rows - 1) : 0;
}
