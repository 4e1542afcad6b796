#include "base/cleanup.h"
#include "report/top_frame.h"

static const char *const lines[][2] = {
    {"Left, Right", "a sample back, on"},
    {"[, ]", "a hundredth of the time back, on"},
    {"PgUp, PgDn", "a tenth"},
    {"Home, End", "the beginning; the end, and on with it while it is recorded"},
    {"Space", "play from here, stop"},
    {"+, -", "play faster, slower"},
    {"", ""},
    {"Up, Down", "the row above, below; u, d: by pages; g, G: the first, last"},
    {"c m i t", "sort by CPU, memory, I/O, threads"},
    {"T", "tree, or a list"},
    {"/", "only commands with this in them; Enter: keep, Esc: all again"},
    {"", ""},
    {"CPU %", "of one processor, over the last second or the last sample"},
    {"PSS", "memory with shared pages divided among those who have them"},
    {"I/O /s", "from and to storage"},
    {"S", "state: R runs, S sleeps, D waits for a disk, Z ended, T stopped"},
    {"", ""},
    {"h, ?", "this; any key goes back"},
    {"q", "quit"},
};

void top_draw_help(struct grid *grid)
{
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        grid_put_text(grid, i + 1, 1, INK_STRONG, lines[i][0]);
        grid_put_text(grid, i + 1, 14, INK_PLAIN, lines[i][1]);
    }
}
