#include <math.h>
#include <stdlib.h>

#include "report/quantity.h"
#include "report/summary_parts.h"
#include "report/top_frame.h"

#define INDENT 2      /* cells for each level of the tree */
#define INDENT_MAX 12 /* levels: a deep tree leaves room for the commands */

/* The last cell of each column, and below which width of the screen it is left out. */
static const struct place {
    const char *heading;
    unsigned cells, least_width;
} places[] = {
    {"PID", 7, 0},  {"CPU %", 6, 0}, {"RSS", 8, 32},    {"PSS", 8, 72},
    {"THR", 4, 64}, {"S", 1, 40},    {"I/O /s", 8, 56},
};
enum { PID, CPU, RSS, PSS, THREADS, STATE, IO, PLACES };

static bool is_shown(const struct grid *grid, unsigned place)
{
    return grid->columns >= places[place].least_width;
}

static void put_cell(struct grid *grid, unsigned row, unsigned *end, unsigned place, enum ink ink,
                     struct buffer *text)
{
    if (is_shown(grid, place)) {
        *end += places[place].cells + (place > 0);
        grid_put_right(grid, row, *end, ink, text);
    }
    buffer_clear(text);
}

static unsigned draw_heading(struct grid *grid, const struct top *top, unsigned row)
{
    static const unsigned sorted[] = {CPU, RSS, IO, THREADS}; /* by enum top_sort */
    struct buffer text = {0};
    unsigned end = 0;
    grid_ink_row(grid, row, INK_BAR);
    for (unsigned i = 0; i < PLACES; i++) {
        if (i == sorted[top->sort])
            buffer_put_byte(&text, '*');
        buffer_put_text(&text, places[i].heading);
        put_cell(grid, row, &end, i, INK_BAR, &text);
    }
    grid_put_text(grid, row, end + 1, INK_BAR, "COMMAND");
    grid_ink_row(grid, row, INK_BAR);
    buffer_done(&text);
    return end + 1;
}

static void put_known_bytes(struct buffer *text, uint64_t bytes)
{
    if (bytes != SNAPSHOT_UNKNOWN)
        put_bytes(text, bytes);
}

static void put_io(struct buffer *text, const struct snapshot_process *p)
{
    double rate = p->read_rate + p->write_rate;
    if (!isnan(rate) && rate < 1e15)
        put_bytes(text, (uint64_t)rate);
}

/* The branch of the tree, then the command; a thread of the kernel in brackets. */
static void draw_command(struct grid *grid, unsigned row, unsigned column, enum ink ink,
                         const struct top_row *line)
{
    struct buffer words = {0};
    unsigned levels = line->depth < INDENT_MAX ? line->depth : INDENT_MAX;
    if (levels > 0) {
        column += INDENT * (levels - 1);
        grid_put_text(grid, row, column, ink, grid->utf8 ? "└ " : "` ");
        column += INDENT;
    }
    put_command_line(&words, line->process->process);
    grid_put(grid, row, column, grid->columns, ink, words.data, words.len);
    buffer_done(&words);
}

static void draw_process(struct grid *grid, unsigned row, unsigned command_at,
                         const struct top_row *line, bool chosen)
{
    const struct snapshot_process *p = line->process;
    enum ink ink = chosen ? INK_BAR : INK_PLAIN;
    struct buffer text = {0};
    unsigned end = 0;
    buffer_printf(&text, "%d", p->process->pid);
    put_cell(grid, row, &end, PID, ink, &text);
    if (!isnan(p->cores))
        put_decimal(&text, p->cores * 100, 1);
    put_cell(grid, row, &end, CPU, ink, &text);
    put_known_bytes(&text, p->rss_bytes);
    put_cell(grid, row, &end, RSS, ink, &text);
    if (p->pss_bytes <= p->rss_bytes) /* else it is of some time ago */
        put_known_bytes(&text, p->pss_bytes);
    put_cell(grid, row, &end, PSS, ink, &text);
    if (p->threads != SNAPSHOT_UNKNOWN)
        put_count(&text, p->threads);
    put_cell(grid, row, &end, THREADS, ink, &text);
    if (p->state > ' ' && p->state < 0x7F)
        buffer_put_byte(&text, (uint8_t)p->state);
    put_cell(grid, row, &end, STATE, ink, &text);
    put_io(&text, p);
    put_cell(grid, row, &end, IO, ink, &text);
    draw_command(grid, row, command_at, ink, line);
    if (chosen)
        grid_ink_row(grid, row, INK_BAR);
    buffer_done(&text);
}

/* The marked row is that of the process, wherever it is by now; it is kept in sight. */
static void keep_in_sight(struct top *top, const struct top_row *rows, size_t count, size_t page)
{
    size_t last = count > 0 ? count - 1 : 0;
    for (size_t i = 0; i < count && top->chosen != 0; i++)
        if (rows[i].process->process->entity == top->chosen) {
            top->chosen_at = i;
            break;
        }
    top->chosen_at = top->chosen_at < last ? top->chosen_at : last;
    if (top->chosen_at < top->scrolled)
        top->scrolled = top->chosen_at;
    if (top->chosen_at >= top->scrolled + page)
        top->scrolled = top->chosen_at + 1 - page;
    if (top->scrolled + page > count)
        top->scrolled = count > page ? count - page : 0;
    top->page = page;
}

static void draw_nothing(struct grid *grid, const struct top *top, unsigned row)
{
    const char *why = "nothing was sampled at this moment";
    if (top->snapshot.count > 0)
        why = "no command has that in it; Esc shows all";
    else if (top_is_of_machine(top))
        why = "the recording is of the machine alone: no process was sampled";
    grid_put_text(grid, row, 2, INK_FAINT, why);
}

int top_draw_table(struct grid *grid, struct top *top, unsigned row, unsigned end)
{
    struct top_row *rows;
    size_t count;
    int r = top_rows(top, &rows, &count);
    if (r != 0)
        return r;
    unsigned command_at = draw_heading(grid, top, row++);
    size_t page = end > row ? end - row : 1;
    keep_in_sight(top, rows, count, page);
    if (count == 0)
        draw_nothing(grid, top, row);
    for (size_t i = 0; i < page && top->scrolled + i < count; i++)
        draw_process(grid, row + (unsigned)i, command_at, &rows[top->scrolled + i],
                     top->scrolled + i == top->chosen_at);
    free(rows);
    return 0;
}
