#include "report/plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/plot_chart.h"
#include "report/plot_files.h"
#include "report/plot_text.h"
#include "report/quantity.h"

#define PANELS_MAX 12 /* in one picture: lower ones say nothing */
#define PANEL_HEIGHT 104
#define OVERVIEW_HEIGHT 190
#define PANEL_GAP 26  /* between two, for the lower one's title */
#define PANELS_TOP 46 /* for a title, and the labels' numbers above it */
#define PANELS_BOTTOM 52
#define TICK_HEIGHT 26 /* of a panel, for each tick */
#define TICKS 6
#define LEFT 62   /* of panels, for their numbers */
#define RIGHT 152 /* for their keys */
#define LINE_HEIGHT 15
#define TITLE_CELLS 80
#define KEYS_A_LINE 3   /* of recordings, whose names are long */
#define PAGE_HEIGHT 396 /* of a page of pages.pdf: as A4 on its side */

/* A chart and the names of its files. */
struct drawn {
    const struct chart *chart;
    char name[PLOT_NAME_MAX];
};

struct plotting {
    struct plot_sheet sheet;
    struct drawn *drawn;
    size_t count;
    unsigned formats;
    int folder_fd;
    struct plot_scripts *scripts;
};

/* Names of files are ours alone: counters go by number. */
static void name_file(struct drawn *drawn, bool ranks, size_t *counters)
{
    if (ranks)
        snprintf(drawn->name, sizeof drawn->name, "ranks-%s", drawn->chart->key);
    else if (drawn->chart->category != NULL)
        snprintf(drawn->name, sizeof drawn->name, "counter-%zu", ++*counters);
    else
        snprintf(drawn->name, sizeof drawn->name, "%s", drawn->chart->key);
}

static int choose(struct plotting *p, const bool *chosen)
{
    const struct charts *c = p->sheet.charts;
    size_t counters = 0;
    p->drawn = calloc(c->count + 1, sizeof *p->drawn);
    if (p->drawn == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < c->count; i++) {
        struct drawn *next = &p->drawn[p->count];
        next->chart = &c->chart[i];
        name_file(next, p->sheet.summary == NULL, &counters);
        p->count += chosen != NULL ? chosen[i] : !c->chart[i].zero;
    }
    return 0;
}

static const struct drawn *find(const struct plotting *p, const char *key)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->drawn[i].chart->key, key) == 0)
            return &p->drawn[i];
    return NULL;
}

static void put_time_axis(struct buffer *ret, const struct plotting *p)
{
    buffer_printf(ret, "set xlabel 'Elapsed time (%s)'\n", p->sheet.time.name);
}

/* ---- one chart ---- */

/* Everything but the loop over formats. */
static void put_single(struct buffer *ret, const struct plotting *p, const struct drawn *drawn,
                       unsigned height)
{
    const struct plot_sheet *s = &p->sheet;
    unsigned lines = plot_mark_lines(&s->marks, s->summary);
    plot_put_settings(ret);
    put_time_axis(ret, p);
    buffer_put_text(ret, "set ylabel ");
    plot_put_chart_title(ret, s, drawn->chart);
    buffer_put_text(ret, " offset 0.5,0\n");
    plot_put_chart_axes(ret, s, drawn->chart, TICKS);
    plot_put_mark_lines(ret, &s->marks, s->summary, s->time);
    plot_put_mark_numbers(ret, &s->marks, s->summary, s->time, 0);
    if (lines > 0) {
        buffer_printf(ret, "set bmargin %.1f\n", 4.3 + 1.1 * lines);
        plot_put_mark_texts(ret, &s->marks, s->summary, height);
    }
}

static int write_single(struct plotting *p, const struct drawn *drawn)
{
    struct buffer text = {0};
    char file[PLOT_NAME_MAX + 8];
    snprintf(file, sizeof file, "%s.dat", drawn->name);
    plot_put_chart_data(&text, &p->sheet, drawn->chart);
    int r = plot_file_write(p->folder_fd, drawn->name, ".dat", &text);
    buffer_clear(&text);
    unsigned height =
        PLOT_HEIGHT + LINE_HEIGHT * plot_mark_lines(&p->sheet.marks, p->sheet.summary);
    if (p->sheet.summary == NULL)
        height += LINE_HEIGHT * (unsigned)(drawn->chart->lines / KEYS_A_LINE);
    plot_put_head(&text, drawn->name,
                  drawn->chart->category != NULL ? "A counter of the code" : drawn->chart->title);
    put_single(&text, p, drawn, height);
    plot_begin_formats(&text, drawn->name, p->formats, height);
    plot_put_chart(&text, &p->sheet, drawn->chart, file);
    plot_end_formats(&text);
    if (r == 0)
        r = plot_script_write(p->folder_fd, drawn->name, p->formats, &text, p->scripts);
    buffer_done(&text);
    return r;
}

/* ---- several, one above the other, on one axis of time ---- */

struct panels {
    const struct drawn *drawn[PANELS_MAX];
    size_t count;
    unsigned height; /* of the whole */
    unsigned texts;  /* lines of labels' texts below */
    unsigned ticks;
};

static struct panels panels_of(const struct plotting *p, const struct drawn *const *drawn,
                               size_t count, unsigned panel_height)
{
    struct panels panels = {.count = count > PANELS_MAX ? PANELS_MAX : count};
    memcpy(panels.drawn, drawn, panels.count * sizeof *drawn);
    panels.ticks = panel_height / TICK_HEIGHT;
    panels.texts = plot_mark_lines(&p->sheet.marks, p->sheet.summary);
    panels.height = PANELS_TOP + PANELS_BOTTOM + LINE_HEIGHT * panels.texts +
                    (unsigned)panels.count * (panel_height + PANEL_GAP) - PANEL_GAP;
    return panels;
}

static void put_panel(struct buffer *ret, const struct plotting *p, const struct panels *panels,
                      size_t i)
{
    const struct plot_sheet *s = &p->sheet;
    const struct drawn *drawn = panels->drawn[i];
    char file[PLOT_NAME_MAX + 8];
    snprintf(file, sizeof file, "%s.dat", drawn->name);
    bool last = i + 1 == panels->count;
    buffer_put_text(ret, i == 1 ? "\nunset x2tics\nunset label\n" : "\n");
    if (i == 0)
        plot_put_mark_numbers(ret, &s->marks, s->summary, s->time, 1);
    buffer_put_text(ret, "set label 50 "); /* one for all, replaced by the next */
    plot_put_chart_title(ret, s, drawn->chart);
    buffer_put_text(ret, " at graph 0, graph 1 left offset 0,0.6\n");
    plot_put_chart_axes(ret, s, drawn->chart, panels->ticks);
    if (last) {
        put_time_axis(ret, p);
        buffer_put_text(ret, "set format x\n");
    }
    plot_put_chart(ret, s, drawn->chart, file);
}

/* Between these all is drawn in one picture; four blanks deep. */
static void put_panels(struct buffer *ret, const struct plotting *p, const struct panels *panels)
{
    const struct plot_sheet *s = &p->sheet;
    double height = panels->height;
    plot_put_settings(ret);
    buffer_printf(ret,
                  "set key at graph 1.02, graph 1.05 left top vertical Left reverse samplen 1.2\n"
                  "set format x ''\nunset xlabel\n");
    plot_put_mark_lines(ret, &s->marks, s->summary, s->time);
    plot_put_mark_texts(ret, &s->marks, s->summary, panels->height);
    buffer_printf(ret,
                  "set multiplot layout %zu,1 margins screen %.4f, screen %.4f, screen %.4f, "
                  "screen %.4f spacing screen 0, screen %.4f\n",
                  panels->count, LEFT / (double)PLOT_WIDTH, 1 - RIGHT / (double)PLOT_WIDTH,
                  (PANELS_BOTTOM + LINE_HEIGHT * panels->texts) / height, 1 - PANELS_TOP / height,
                  PANEL_GAP / height);
    for (size_t i = 0; i < panels->count; i++)
        put_panel(ret, p, panels, i);
    buffer_put_text(ret, "unset multiplot\n");
}

static int write_panels(struct plotting *p, const char *name, const char *title,
                        const struct panels *panels)
{
    struct buffer text = {0};
    plot_put_head(&text, name, title);
    plot_begin_formats(&text, name, p->formats, panels->height);
    put_panels(&text, p, panels);
    plot_end_formats(&text);
    int r = plot_script_write(p->folder_fd, name, p->formats, &text, p->scripts);
    buffer_done(&text);
    return r;
}

/* CPU and memory, what most people look for first. */
static int write_overview(struct plotting *p)
{
    const struct drawn *both[] = {find(p, "cpu"), find(p, "memory")};
    if (both[0] == NULL || both[1] == NULL)
        return 0;
    struct panels panels = panels_of(p, both, 2, OVERVIEW_HEIGHT);
    return write_panels(p, "overview", "CPU and memory", &panels);
}

static int write_all(struct plotting *p)
{
    const struct drawn *first[PANELS_MAX];
    size_t count = 0;
    for (; count < p->count && count < PANELS_MAX; count++)
        first[count] = &p->drawn[count];
    if (count < 2)
        return 0;
    struct panels panels = panels_of(p, first, count, PANEL_HEIGHT);
    return write_panels(p, "all", "All on one axis of time", &panels);
}

/* The program and its host: a title needs no arguments, which may be secrets. */
static void put_source(struct buffer *ret, const struct plotting *p, const char *what)
{
    const struct summary *s = p->sheet.summary;
    struct buffer title = {0};
    buffer_put_text(&title, what);
    if (s->row_count > 0)
        buffer_printf(&title, ", %s", tacho_process(s->rec, 0)->comm);
    if (s->host != NULL)
        buffer_printf(&title, " on %s", s->host);
    buffer_put_text(ret, "set title ");
    plot_put_string(ret, title.data, title.len, TITLE_CELLS);
    buffer_put_text(ret, " noenhanced\n"); /* so that no text ends a line */
    ret->failed |= title.failed;
    buffer_done(&title);
}

/* All pictures but `all`, a page each, in one PDF. */
static int write_pages(struct plotting *p)
{
    struct buffer text = {0};
    const struct drawn *both[] = {find(p, "cpu"), find(p, "memory")};
    unsigned texts = LINE_HEIGHT * plot_mark_lines(&p->sheet.marks, p->sheet.summary);
    unsigned height = PAGE_HEIGHT + texts;
    plot_put_head(&text, "pages", "A page for each quantity");
    plot_begin_formats(&text, "pages", PLOT_PDF, height);
    if (both[0] != NULL && both[1] != NULL) {
        struct panels panels =
            panels_of(p, both, 2, (height - texts - PANELS_TOP - PANELS_BOTTOM - PANEL_GAP) / 2);
        put_panels(&text, p, &panels);
    }
    for (size_t i = 0; i < p->count; i++) {
        char file[PLOT_NAME_MAX + 8];
        snprintf(file, sizeof file, "%s.dat", p->drawn[i].name);
        put_single(&text, p, &p->drawn[i], height);
        put_source(&text, p, p->drawn[i].chart->title);
        plot_put_chart(&text, &p->sheet, p->drawn[i].chart, file);
    }
    plot_end_formats(&text);
    int r = plot_script_write(p->folder_fd, "pages", PLOT_PDF, &text, p->scripts);
    buffer_done(&text);
    return r;
}

static void lay_sheet(struct plot_sheet *sheet, const struct summary *summary,
                      const struct charts *charts)
{
    sheet->summary = summary;
    sheet->charts = charts;
    sheet->length_s = (double)(charts->to_ns - charts->from_ns) / 1e9;
    sheet->time = plot_time_unit(sheet->length_s);
}

static bool anything_known(const struct chart *chart, size_t buckets)
{
    for (size_t i = 0; i < chart->lines; i++)
        for (size_t b = 0; b < buckets; b++)
            if (!isnan(chart->line[i].mean[b]))
                return true;
    return false;
}

int plot_write_ranks(const struct charts *charts, bool many, const bool *chosen, unsigned formats,
                     int folder_fd, struct plot_scripts *ret)
{
    struct plotting p = {.formats = formats, .folder_fd = folder_fd, .scripts = ret};
    *ret = (struct plot_scripts){0};
    p.sheet.many = many;
    lay_sheet(&p.sheet, NULL, charts);
    int r = choose(&p, chosen);
    for (size_t i = 0; i < p.count && r == 0; i++)
        if (anything_known(p.drawn[i].chart, charts->buckets))
            r = write_single(&p, &p.drawn[i]);
    free(p.drawn);
    return r;
}

int plot_write(const struct summary *summary, const struct charts *charts, const bool *chosen,
               unsigned formats, int folder_fd, struct plot_scripts *ret)
{
    struct plotting p = {.formats = formats, .folder_fd = folder_fd, .scripts = ret};
    struct buffer labels = {0};
    *ret = (struct plot_scripts){0};
    lay_sheet(&p.sheet, summary, charts);
    int r = plot_marks_choose(summary, p.sheet.length_s, &p.sheet.marks);
    if (r == 0)
        r = choose(&p, chosen);
    if (r == 0)
        r = write_overview(&p);
    if (r == 0)
        r = write_all(&p);
    if (r == 0 && (formats & PLOT_PDF) != 0)
        r = write_pages(&p);
    for (size_t i = 0; i < p.count && r == 0; i++)
        r = write_single(&p, &p.drawn[i]);
    if (r == 0 && p.sheet.marks.count > 0) {
        plot_put_labels(&labels, summary);
        r = plot_file_write(folder_fd, "labels", ".dat", &labels);
    }
    buffer_done(&labels);
    free(p.drawn);
    return r;
}
