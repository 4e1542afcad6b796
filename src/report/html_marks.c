/* The page's tables of what the code marked: time per category and process, scopes, labels. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/html_parts.h"
#include "report/html_table.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define PROCESSES_SHOWN 256 /* as in --json */
#define COLUMNS_SHOWN 12    /* categories with a column of their own; the bar has all */
#define KEY_CAP 64

/* ---- categories ---- */

/* The place of a category in the order of time is its colour. */
static size_t place_of(const struct scopes *s, uint32_t category)
{
    size_t i = 0;
    if (category == 0)
        return HTML_OTHERS;
    while (s->by_time[i] != category)
        i++;
    return i;
}

static size_t columns_of(const struct scopes *s)
{
    size_t others = s->categories - 1;
    return others < COLUMNS_SHOWN ? others : COLUMNS_SHOWN;
}

static void put_category_heading(struct buffer *ret, const struct scopes *s)
{
    html_put(ret, "<thead><tr>");
    html_heading_cell(ret, "process", false);
    html_heading_cell(ret, "share of its time", false);
    for (size_t i = 0; i < columns_of(s); i++) {
        html_put(ret, "<th scope=\"col\" class=\"number\">");
        html_put_swatch(ret, i);
        html_text(ret, s->category[s->by_time[i]].name, strlen(s->category[s->by_time[i]].name));
        html_put(ret, "</th>");
    }
    html_put(ret, "<th scope=\"col\" class=\"number\">");
    html_put_swatch(ret, HTML_OTHERS);
    html_put(ret, "Others</th>");
    html_heading_cell(ret, "wall time", true);
    html_put(ret, "</tr></thead>\n<tbody>\n");
}

static void put_bar(struct buffer *ret, const struct scopes *s, const struct scope_process *p)
{
    struct html_part *part = calloc(p->parts, sizeof *part);
    ret->failed |= part == NULL;
    for (size_t i = 0; part != NULL && i < p->parts; i++) {
        uint32_t category = p->part[i].category;
        part[i] = (struct html_part){.name = s->category[category].name,
                                     .ns = p->part[i].ns,
                                     .place = place_of(s, category)};
    }
    if (part != NULL)
        html_put_bar(ret, part, p->parts, p->to_ns - p->from_ns);
    free(part);
}

static uint64_t part_ns(const struct scope_process *p, uint32_t category)
{
    for (size_t i = 0; i < p->parts; i++)
        if (p->part[i].category == category)
            return p->part[i].ns;
    return 0;
}

static void put_category_row(struct buffer *ret, const struct scopes *s,
                             const struct scope_process *p, const struct tacho_process *process)
{
    struct buffer name = {0};
    html_put(ret, "<tr><td>");
    put_process_name(&name, process);
    html_words(ret, &name);
    html_put(ret, "</td>");
    put_bar(ret, s, p);
    for (size_t i = 0; i < columns_of(s); i++)
        html_cell_seconds(ret, NULL, part_ns(p, s->by_time[i]));
    html_cell_seconds(ret, NULL, part_ns(p, 0));
    html_cell_seconds(ret, NULL, p->to_ns - p->from_ns);
    html_put(ret, "</tr>\n");
    buffer_done(&name);
}

static void put_category_sums(struct buffer *ret, const struct scopes *s)
{
    char key[KEY_CAP];
    html_put(ret, "</tbody>\n<tfoot><tr><td>all</td><td></td>");
    for (size_t i = 0; i < columns_of(s); i++) {
        snprintf(key, sizeof key, "categories.%zu.total_s", i);
        html_cell_seconds(ret, key, s->category[s->by_time[i]].total_ns);
    }
    snprintf(key, sizeof key, "categories.%zu.total_s", s->categories - 1);
    html_cell_seconds(ret, key, s->category[0].total_ns);
    html_cell_seconds(ret, NULL, s->wall_ns);
    html_put(ret, "</tr></tfoot></table>\n");
}

void html_put_categories(struct buffer *ret, const struct summary *summary, const struct scopes *s)
{
    size_t shown = 0;
    if (s->processes == 0 || s->categories < 2)
        return;
    html_section(ret, "categories", "Time per category");
    html_put(ret, "<table class=\"sortable\">\n<caption>Wall time of each process that marks, "
                  "divided among its categories; Others is what none claims</caption>\n");
    put_category_heading(ret, s);
    for (size_t i = 0; i < s->processes && shown < PROCESSES_SHOWN; i++) {
        const struct tacho_process *process = tacho_process_of(summary->rec, s->process[i].entity);
        if (process == NULL)
            continue;
        put_category_row(ret, s, &s->process[i], process);
        shown++;
    }
    put_category_sums(ret, s);
    html_section_end(ret);
}

/* ---- scopes ---- */

static const struct {
    const char *text;
    bool number;
} scope_heading[] = {
    {"scope", false}, {"category", false}, {"count", true},  {"total", true},   {"self", true},
    {"min", true},    {"mean", true},      {"median", true}, {"p99", true},     {"max", true},
    {"CPU", true},    {"started", true},   {"read", true},   {"written", true}, {"peak RSS", true},
};

static void put_scope_row(struct buffer *ret, const struct scope_row *row, size_t place)
{
    char key[KEY_CAP];
    bool timed = row->timed > 0;
#define KEY(name) (snprintf(key, sizeof key, "scopes.%zu." name, place), key)
    html_put(ret, "<tr>");
    html_cell_text(ret, row->name != NULL ? row->name : "?");
    html_cell_text(ret, row->category);
    html_cell_number(ret, KEY("count"), row->count, put_count);
    html_cell_seconds(ret, KEY("total_s"), row->total_ns);
    html_cell_seconds(ret, KEY("self_s"), timed ? row->self_ns : SCOPES_UNKNOWN);
    html_cell_seconds(ret, KEY("min_s"), timed ? row->min_ns : SCOPES_UNKNOWN);
    html_cell_seconds(ret, KEY("mean_s"), row->sum_ns / row->count);
    html_cell_seconds(ret, KEY("p50_s"), row->p50_ns);
    html_cell_seconds(ret, KEY("p99_s"), row->p99_ns);
    html_cell_seconds(ret, KEY("max_s"), row->max_ns);
    html_cell_seconds(ret, KEY("cpu_s"), row->use.cpu_ns);
    html_cell_number(ret, KEY("processes"), timed ? row->use.processes : SCOPES_UNKNOWN, put_count);
    html_cell_number(ret, KEY("read_bytes"), row->use.read_bytes, put_bytes);
    html_cell_number(ret, KEY("write_bytes"), row->use.write_bytes, put_bytes);
    html_cell_number(ret, KEY("rss_peak_bytes"), row->use.rss_peak_bytes, put_bytes);
    html_put(ret, "</tr>\n");
#undef KEY
}

static void put_shown(struct buffer *ret, size_t shown, uint64_t all)
{
    if (all <= shown)
        return;
    html_put(ret, "<p>The first ");
    put_count(ret, shown);
    html_put(ret, " of ");
    put_count(ret, all);
    html_put(ret, "; tacho export has them all.</p>\n");
}

void html_put_scopes(struct buffer *ret, const struct scopes *s)
{
    size_t shown = s->rows < HTML_ROWS_MAX ? s->rows : HTML_ROWS_MAX;
    if (s->rows == 0)
        return;
    html_section(ret, "scopes", "Scopes");
    html_put(ret, "<table class=\"sortable\" id=\"scope-table\">\n<caption>What each scope took; a "
                  "block that starts processes is billed for them</caption>\n<thead><tr>");
    for (size_t i = 0; i < sizeof scope_heading / sizeof *scope_heading; i++)
        html_heading_cell(ret, scope_heading[i].text, scope_heading[i].number);
    html_put(ret, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++)
        put_scope_row(ret, &s->row[i], i);
    html_put(ret, "</tbody></table>\n");
    put_shown(ret, shown, s->rows);
    html_section_end(ret);
}

/* ---- labels ---- */

static void put_label_row(struct buffer *ret, const struct summary *s,
                          const struct tacho_label *label)
{
    const struct tacho_process *process = tacho_process_of(s->rec, label->entity);
    struct buffer name = {0};
    html_put(ret, "<tr>");
    html_cell_seconds(ret, NULL, html_since(s, label->time_ns));
    html_put(ret, "<td>");
    if (process != NULL)
        put_process_name(&name, process);
    html_words(ret, &name);
    html_put(ret, "</td>");
    html_cell_text(ret, label->text);
    html_put(ret, "</tr>\n");
    buffer_done(&name);
}

void html_put_labels(struct buffer *ret, const struct summary *s)
{
    size_t all = tacho_label_count(s->rec), shown = all < HTML_ROWS_MAX ? all : HTML_ROWS_MAX;
    if (all == 0)
        return;
    html_section(ret, "labels", "Labels");
    html_put(ret, "<table class=\"sortable\">\n<thead><tr>");
    html_heading_cell(ret, "at", true);
    html_heading_cell(ret, "process", false);
    html_heading_cell(ret, "label", false);
    html_put(ret, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++)
        put_label_row(ret, s, tacho_label_at(s->rec, i));
    html_put(ret, "</tbody></table>\n");
    put_shown(ret, shown, all);
    html_section_end(ret);
}
