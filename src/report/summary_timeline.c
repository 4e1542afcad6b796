/* CPU and memory over time, and what was said when: charts, or where there is little room a line each. */
#include <stdlib.h>

#include "analyse/labels.h"
#include "report/columns.h"
#include "report/dot_chart.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define NARROW 56 /* cells of a page on which names are short */
#define CHART_ROWS 4
#define SPARK_AT 6
#define SPARK_FIGURE 12 /* cells right of it */
#define SPARK_MAX NARROW
#define CORES_MAX 1e9   /* only nonsense is more */
#define LABELS_SHOWN 20 /* a letter each */
#define INDENT 2

struct spark {
    size_t at, cells;
    uint64_t value[SPARK_MAX];
};

static void put_spark(const struct page *page, const struct spark *spark, enum ink ink,
                      const char *label, uint64_t most, const struct buffer *figure)
{
    page_blank(page, 2);
    page_put_text(page, INK_FAINT, label);
    page_blank(page, spark->at - 2 - strlen(label));
    page_sparkline(page, ink, spark->value, spark->cells, most);
    page_blank(page, 2);
    page_put_fitted(page, INK_PLAIN, spark->at + spark->cells + 2, figure->data, figure->len);
    page_end_line(page);
}

static void put_cpu_spark(const struct page *page, const struct summary *s, struct spark *spark)
{
    double rate[SPARK_MAX], most = 0;
    struct buffer figure = {0};
    timeline_cells(&s->cpu_line, s->cpu.peak_window_ns, spark->cells, rate);
    for (size_t i = 0; i < spark->cells; i++) {
        rate[i] = rate[i] < CORES_MAX ? rate[i] : CORES_MAX;
        spark->value[i] = (uint64_t)(rate[i] * 1e6);
        most = rate[i] > most ? rate[i] : most;
    }
    put_decimal(&figure, most, 2);
    buffer_put_text(&figure, " cores");
    put_spark(page, spark, INK_CPU, "CPU", (uint64_t)(most * 1e6), &figure);
    buffer_done(&figure);
}

static bool put_memory_spark(const struct page *page, const struct summary *s, struct spark *spark)
{
    uint64_t most = 0;
    bool any = false;
    struct buffer figure = {0};
    gauge_line_cells(&s->rss_line, spark->cells, spark->value);
    for (size_t i = 0; i < spark->cells; i++) {
        if (spark->value[i] == TIMELINE_UNKNOWN)
            continue;
        any = true;
        most = spark->value[i] > most ? spark->value[i] : most;
    }
    if (any) {
        put_bytes(&figure, most);
        put_spark(page, spark, INK_MEMORY, "Mem", most, &figure);
    }
    buffer_done(&figure);
    return any;
}

static void put_axis(const struct page *page, const struct summary *s, const struct spark *spark)
{
    struct buffer end = {0};
    uint64_t length = s->cpu_line.count * s->cpu_line.bucket_ns;
    put_duration(&end, s->wall_ns != SUMMARY_UNKNOWN && s->wall_ns < length ? s->wall_ns : length);
    if (spark->cells > end.len + 2) {
        page_blank(page, spark->at);
        page_put_text(page, INK_FAINT, "0");
        page_blank(page, spark->cells - 1 - end.len);
        page_put(page, INK_FAINT, end.data, end.len);
        page_end_line(page);
    }
    buffer_done(&end);
}

/* ---- labels ---- */

struct labels_shown {
    size_t count;
    size_t place[LABELS_SHOWN]; /* in order of time */
};

static char letter_of(size_t i)
{
    return (char)('a' + i);
}

/* A letter where each label stands; of several in one cell the first. */
static void letters_of(const struct summary *s, const struct labels_shown *labels, size_t cells,
                       char *ret)
{
    uint64_t from = s->cpu_line.from_ns, length = s->cpu_line.count * s->cpu_line.bucket_ns;
    memset(ret, ' ', cells);
    for (size_t i = labels->count; i-- > 0;) {
        uint64_t time = tacho_label_at(s->rec, labels->place[i])->time_ns;
        ret[chart_cell_of(time > from ? time - from : 0, length, cells)] = letter_of(i);
    }
}

static void put_letters(const struct page *page, const struct summary *s, const struct spark *spark,
                        const struct labels_shown *labels)
{
    char line[SPARK_MAX];
    letters_of(s, labels, spark->cells, line);
    page_blank(page, spark->at);
    page_put(page, INK_PLAIN, line, spark->cells);
    page_end_line(page);
}

static const struct columns label_columns = {
    .count = 4,
    .column = {{"", true, 2}, {"at", false, 0}, {"pid", false, 1}, {"label", true, 0}},
};

static void put_label(struct columns *table, const struct summary *s,
                      const struct tacho_label *label, char letter)
{
    const struct tacho_process *p = tacho_process_of(s->rec, label->entity);
    struct buffer *cell = columns_add(table, INK_PLAIN);
    if (letter != 0)
        buffer_put_byte(&cell[0], (uint8_t)letter);
    put_duration(&cell[1], label->time_ns > s->started_ns ? label->time_ns - s->started_ns : 0);
    if (p != NULL && p->pid != 0)
        buffer_printf(&cell[2], "%d", p->pid);
    buffer_put_text(&cell[3], label->text);
}

static void put_labels(const struct page *page, const struct summary *s,
                       const struct labels_shown *labels, bool lettered)
{
    struct buffer heading = {0};
    size_t all = tacho_label_count(s->rec);
    struct columns *table = labels->count > 0 ? columns_new(page, &label_columns) : NULL;
    if (table == NULL)
        return;
    for (size_t i = 0; i < labels->count; i++)
        put_label(table, s, tacho_label_at(s->rec, labels->place[i]), lettered ? letter_of(i) : 0);
    buffer_put_text(&heading, "Labels");
    if (all > labels->count) {
        buffer_printf(&heading, ", %zu of ", labels->count);
        put_count(&heading, all);
        buffer_put_text(&heading, " over the time");
    }
    page_end_line(page);
    page_line(page, INK_STRONG, 0, heading.data, heading.len);
    page->out->failed |= heading.failed;
    buffer_done(&heading);
    columns_put(page, table, INDENT);
    free(table);
}

/* ---- a line each ---- */

/* Whether there is room for lines. */
static bool put_lines(const struct page *page, const struct summary *s,
                      const struct labels_shown *labels)
{
    struct spark spark = {.at = SPARK_AT};
    size_t taken = spark.at + 2 + SPARK_FIGURE;
    if (page->width < taken + 4)
        return false;
    spark.cells = page->width - taken;
    if (spark.cells > s->cpu_line.count)
        spark.cells = s->cpu_line.count;
    page_end_line(page);
    if (summary_knows_cpu(s))
        put_cpu_spark(page, s, &spark);
    put_memory_spark(page, s, &spark);
    if (labels->count > 0)
        put_letters(page, s, &spark, labels);
    put_axis(page, s, &spark);
    return true;
}

/* ---- charts ---- */

static void put_charts(const struct page *page, const struct summary *s,
                       const struct labels_shown *labels)
{
    char letters[CHART_CELLS_MAX];
    struct grid grid;
    bool cpu = summary_knows_cpu(s), memory = summary_knows_memory(s);
    unsigned below_cpu = cpu ? CHART_ROWS : 0, axis = below_cpu + (memory ? CHART_ROWS : 0);
    size_t cells =
        page->width - CHART_AT < CHART_CELLS_MAX ? page->width - CHART_AT : CHART_CELLS_MAX;
    if (grid_init(&grid, axis + 2 + (labels->count > 0), page->width, page->utf8) != 0) {
        page->out->failed = true;
        return;
    }
    if (cpu)
        summary_draw_cpu(&grid, 0, CHART_AT, CHART_ROWS, cells, s);
    if (memory)
        summary_draw_memory(&grid, below_cpu, CHART_AT, CHART_ROWS, cells, s);
    chart_time_axis(&grid, axis, CHART_AT, cells, 0, s->cpu_line.count * s->cpu_line.bucket_ns);
    if (labels->count > 0) {
        letters_of(s, labels, cells, letters);
        grid_put_text(&grid, axis + 2, INDENT, INK_FAINT, "Labels");
        grid_put(&grid, axis + 2, CHART_AT, cells, INK_PLAIN, letters, cells);
    }
    page_end_line(page);
    grid_put_page(&grid, page);
    grid_done(&grid);
}

/* ---- all of it ---- */

static bool put_curves(const struct page *page, const struct summary *s,
                       const struct labels_shown *labels)
{
    if (s->cpu_line.count < 2 || (!summary_knows_cpu(s) && !summary_knows_memory(s)))
        return false;
    if (page->width < NARROW)
        return put_lines(page, s, labels);
    put_charts(page, s, labels);
    return true;
}

void summary_put_over_time(const struct page *page, const struct summary *s)
{
    struct labels_shown labels;
    uint64_t from = s->cpu_line.from_ns, length = s->cpu_line.count * s->cpu_line.bucket_ns;
    if (labels_spread(s->rec, from, from + length, LABELS_SHOWN, labels.place, &labels.count) !=
        0) {
        page->out->failed = true;
        return;
    }
    bool lettered = put_curves(page, s, &labels);
    put_labels(page, s, &labels, lettered);
}
