#include "report/dot_chart.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/quantity.h"

#define BRAILLE 0x2800
#define BRAILLE_LEVELS 4
#define ASCII_LEVELS 3
#define TICK_CELLS 12 /* from one tick to the next, at least */

/* ---- the area ---- */

/* How many of `levels` the value is high. */
static unsigned height_of(const struct dot_chart *chart, uint64_t value, unsigned levels)
{
    unsigned all = chart->rows * levels;
    if (value == CHART_UNKNOWN)
        return 0;
    if (value >= chart->top)
        return value == 0 ? 1 : all;
    double share = (double)value / (double)chart->top * all;
    unsigned height = (unsigned)share + (share > (double)(unsigned)share);
    return height == 0 ? 1 : height;
}

/* Of `height` levels, those that are in the row `above` the lowest. */
static unsigned part_of(unsigned height, unsigned above, unsigned levels)
{
    unsigned below = above * levels;
    return height <= below ? 0 : height - below < levels ? height - below : levels;
}

static uint32_t braille_of(unsigned left, unsigned right)
{
    static const uint8_t left_dots[] = {0, 0x40, 0x44, 0x46, 0x47};
    static const uint8_t right_dots[] = {0, 0x80, 0xA0, 0xB0, 0xB8};
    return BRAILLE + (left_dots[left] | right_dots[right]);
}

void chart_draw(struct grid *grid, unsigned row, unsigned column, const struct dot_chart *chart)
{
    static const char signs[] = " .:#";
    unsigned levels = grid->utf8 ? BRAILLE_LEVELS : ASCII_LEVELS;
    for (size_t i = 0; i < chart->cells; i++) {
        unsigned left = height_of(chart, chart->value[i * CHART_PER_CELL], levels);
        unsigned right = height_of(chart, chart->value[i * CHART_PER_CELL + 1], levels);
        for (unsigned above = 0; above < chart->rows; above++) {
            unsigned l = part_of(left, above, levels), r = part_of(right, above, levels);
            if (l == 0 && r == 0)
                break;
            grid_put_character(grid, row + chart->rows - 1 - above, column + (unsigned)i,
                               chart->ink,
                               grid->utf8 ? braille_of(l, r) : (uint8_t)signs[l > r ? l : r]);
        }
    }
}

/* ---- axes ---- */

void chart_y_axis(struct grid *grid, unsigned row, unsigned column, const struct dot_chart *chart,
                  const char *name, const struct buffer *top)
{
    static const struct buffer zero = {.data = (uint8_t *)"0", .len = 1};
    unsigned last = row + chart->rows - 1;
    grid_put_text(grid, row, 2, INK_FAINT, name);
    for (unsigned i = row; i <= last; i++)
        grid_put_character(grid, i, column - 1, INK_FAINT,
                           !grid->utf8             ? '|'
                           : i == row || i == last ? 0x2524 /* ┤ */
                                                   : 0x2502 /* │ */);
    grid_put_right(grid, row, column - 2, INK_FAINT, top);
    if (last > row)
        grid_put_right(grid, last, column - 2, INK_FAINT, &zero);
}

size_t chart_cell_of(uint64_t ns, uint64_t length_ns, size_t cells)
{
    if (length_ns == 0 || cells == 0)
        return 0;
    double cell = (double)ns / (double)length_ns * (double)cells;
    return cell < (double)cells ? (size_t)cell : cells - 1;
}

/* The shortest step that people count in, and ticks have room at. */
static uint64_t tick_step(uint64_t length_ns, size_t cells)
{
    static const uint8_t decimal[] = {1, 2, 5}, minutes_or_seconds[] = {1, 2, 5, 10, 15, 30};
    static const uint8_t hours[] = {1, 2, 3, 6, 12};
    double least = (double)length_ns * TICK_CELLS / (double)cells;
    for (uint64_t unit = NS_PER_MS; unit < NS_PER_S; unit *= 10)
        for (size_t i = 0; i < ARRAY_LEN(decimal); i++)
            if ((double)(unit * decimal[i]) >= least)
                return unit * decimal[i];
    for (uint64_t unit = NS_PER_S; unit <= 60 * NS_PER_S; unit *= 60)
        for (size_t i = 0; i < ARRAY_LEN(minutes_or_seconds); i++)
            if ((double)(unit * minutes_or_seconds[i]) >= least)
                return unit * minutes_or_seconds[i];
    for (size_t i = 0; i < ARRAY_LEN(hours); i++)
        if ((double)(3600 * NS_PER_S * hours[i]) >= least)
            return 3600 * NS_PER_S * hours[i];
    uint64_t step = 24 * 3600 * NS_PER_S;
    while ((double)step < least && step < UINT64_MAX / 4)
        step *= 2;
    return step;
}

void chart_time_axis(struct grid *grid, unsigned row, unsigned column, size_t cells,
                     uint64_t from_ns, uint64_t length_ns)
{
    struct buffer text = {0};
    uint64_t step = tick_step(length_ns, cells);
    unsigned free_from = 0;
    grid_put_character(grid, row, column - 1, INK_FAINT, grid->utf8 ? 0x2514 /* └ */ : '+');
    for (size_t i = 0; i < cells; i++)
        grid_put_character(grid, row, column + (unsigned)i, INK_FAINT,
                           grid->utf8 ? 0x2500 /* ─ */ : '-');
    uint64_t first = (from_ns + step - 1) / step * step;
    for (uint64_t at = first; at >= from_ns && at - from_ns < length_ns; at += step) {
        unsigned cell = column + (unsigned)chart_cell_of(at - from_ns, length_ns, cells);
        grid_put_character(grid, row, cell, INK_FAINT, grid->utf8 ? 0x252C /* ┬ */ : '+');
        buffer_clear(&text);
        put_interval(&text, at);
        if (cell >= free_from && cell + text.len <= grid->columns)
            free_from =
                cell + 1 +
                (unsigned)grid_put(grid, row + 1, cell, text.len, INK_FAINT, text.data, text.len);
    }
    buffer_done(&text);
}

/* ---- tops ---- */

uint64_t chart_top_decimal(uint64_t most)
{
    static const uint8_t tenths[] = {10, 15, 20, 30, 40, 50, 60, 80};
    for (uint64_t unit = 1; unit < UINT64_MAX / 100; unit *= 10)
        for (size_t i = 0; i < ARRAY_LEN(tenths); i++)
            if (unit * tenths[i] >= most)
                return unit * tenths[i];
    return most;
}

uint64_t chart_top_binary(uint64_t most)
{
    for (uint64_t unit = 1024; unit < UINT64_MAX / 4; unit *= 2) {
        if (unit >= most)
            return unit;
        if (unit / 2 * 3 >= most)
            return unit / 2 * 3;
    }
    return most;
}

void put_cores_top(struct buffer *ret, uint64_t micro_cores)
{
    unsigned decimals = 0;
    for (uint64_t unit = 1000000; micro_cores % unit != 0 && decimals < 6; unit /= 10)
        decimals++;
    put_decimal(ret, (double)micro_cores / 1e6, decimals);
    buffer_put_text(ret, micro_cores == 1000000 ? " core" : " cores");
}
