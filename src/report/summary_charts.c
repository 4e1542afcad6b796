#include "report/dot_chart.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define LEAST_TOP_CORES 0.1
#define CORES_MAX 1e9 /* only nonsense is more */

void summary_draw_cpu(struct grid *grid, unsigned row, unsigned column, unsigned rows, size_t cells,
                      const struct summary *s)
{
    double rate[CHART_CELLS_MAX * CHART_PER_CELL], most = LEAST_TOP_CORES;
    uint64_t value[CHART_CELLS_MAX * CHART_PER_CELL];
    struct buffer top = {0};
    size_t n = cells * CHART_PER_CELL;
    timeline_cells(&s->cpu_line, s->cpu.peak_window_ns, n, rate);
    for (size_t i = 0; i < n; i++) {
        rate[i] = rate[i] < CORES_MAX ? rate[i] : CORES_MAX;
        value[i] = (uint64_t)(rate[i] * 1e6);
        most = rate[i] > most ? rate[i] : most;
    }
    struct dot_chart chart = {value, cells, rows, chart_top_decimal((uint64_t)(most * 1e6)),
                              INK_CPU};
    put_cores_top(&top, chart.top);
    chart_draw(grid, row, column, &chart);
    chart_y_axis(grid, row, column, &chart, "CPU", &top);
    buffer_done(&top);
}

bool summary_knows_cpu(const struct summary *s)
{
    return s->cpu.total_ns != SUMMARY_UNKNOWN || s->machine.busy_ns != SUMMARY_UNKNOWN;
}

bool summary_knows_memory(const struct summary *s)
{
    return gauge_line_known(&s->rss_line);
}

void summary_draw_memory(struct grid *grid, unsigned row, unsigned column, unsigned rows,
                         size_t cells, const struct summary *s)
{
    uint64_t value[CHART_CELLS_MAX * CHART_PER_CELL], most = 0;
    struct buffer top = {0};
    size_t n = cells * CHART_PER_CELL;
    gauge_line_cells(&s->rss_line, n, value);
    for (size_t i = 0; i < n; i++)
        if (value[i] != TIMELINE_UNKNOWN && value[i] > most)
            most = value[i];
    struct dot_chart chart = {value, cells, rows, chart_top_binary(most), INK_MEMORY};
    put_bytes(&top, chart.top);
    chart_draw(grid, row, column, &chart);
    chart_y_axis(grid, row, column, &chart, "Memory", &top);
    buffer_done(&top);
}
