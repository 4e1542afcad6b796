/* The page of several recordings: ranks of a parallel job, or what ran at the same time. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/html_page.h"
#include "report/html_parts.h"
#include "report/html_table.h"
#include "report/quantity.h"
#include "report/summary_parts.h"
#include "report/together_text.h"

#define COLUMNS_SHOWN 12
#define UNEVEN 1.1  /* the largest over the mean: less is as even as work gets */
#define UNEVEN_BY 3 /* at most so many findings of it */
#define KEY_CAP 96

/* ---- the head ---- */

static void put_head(struct buffer *ret, const struct together *t)
{
    struct buffer words = {0};
    html_put(ret, "<header class=\"session\">\n<h1>");
    together_put_title(&words, t);
    html_words(ret, &words);
    html_put(ret, "</h1>\n<p>");
    together_put_when(&words, t);
    html_words(ret, &words);
    html_put(ret, "</p>\n</header>\n<main>\n");
    buffer_done(&words);
}

static void put_verdict(struct buffer *ret, const struct together *t)
{
    size_t bad = 0;
    for (size_t i = 0; i < t->members; i++)
        bad += !together_ended_well(&t->member[i]);
    if (bad == 0) {
        html_put(ret, "<p class=\"verdict good\">all ended well</p>\n");
        return;
    }
    buffer_printf(ret, "<p class=\"verdict bad\">%zu of %zu did not end well</p>\n", bad,
                  t->members);
}

static void put_card(struct buffer *ret, const char *words)
{
    html_put(ret, " <span>");
    html_put(ret, words);
    html_put(ret, "</span></li>\n");
}

static void put_cards(struct buffer *ret, const struct together *t)
{
    html_put(ret, "<ul class=\"cards\">\n<li>");
    html_number(ret, "together.recordings", t->members, put_count);
    put_card(ret, "recordings");
    uint64_t wall_ns = together_after_ns(t, t->ended_real_ns);
    if (wall_ns != SUMMARY_UNKNOWN) {
        html_put(ret, "<li>");
        html_seconds(ret, "together.wall_s", wall_ns, put_duration);
        put_card(ret, "from the first start to the last end");
    }
    if (t->cpu.of > 0) {
        html_put(ret, "<li>");
        html_seconds(ret, "together.cpu_s", t->cpu.sum, put_duration);
        put_card(ret, "CPU time of all");
    }
    if (t->peak_rss_bytes != SUMMARY_UNKNOWN) {
        html_put(ret, "<li>");
        html_number(ret, "together.peak_rss_bytes", t->peak_rss_bytes, put_bytes);
        put_card(ret, t->peak_of_one ? "resident at the peak of one"
                                     : "resident at the peak of all at once");
    }
    if (!isnan(together_imbalance(&t->cpu))) {
        html_put(ret, "<li>");
        html_real(ret, "together.imbalance.cpu_s.imbalance", together_imbalance(&t->cpu), 2);
        put_card(ret, "imbalance of CPU: the largest over the mean");
    }
    html_put(ret, "</ul>\n");
}

/* ---- findings ---- */

static void begin_finding(struct buffer *ret, size_t *count, const char *severity)
{
    if ((*count)++ == 0) {
        html_section(ret, "findings", "Findings");
        html_put(ret, "<ul class=\"findings\">\n");
    }
    buffer_printf(ret, "<li class=\"%s\"><strong>", severity);
}

static void put_uneven(struct buffer *ret, size_t *count, const struct together *t,
                       const struct together_group *g)
{
    struct buffer words = {0};
    begin_finding(ret, count, "note");
    buffer_printf(&words, "%s took ", g->name);
    together_put_who_in_words(&words, t, g->time.most);
    buffer_put_text(&words, " ");
    put_duration(&words, g->time.max);
    buffer_put_text(&words, ", ");
    put_decimal(&words, together_imbalance(&g->time), 2);
    buffer_put_text(&words, " times the mean");
    html_words(ret, &words);
    html_put(ret, "</strong></li>\n");
    buffer_done(&words);
}

static void put_findings(struct buffer *ret, const struct together *t)
{
    struct buffer words = {0};
    size_t count = 0, uneven = 0;
    if (t->missing != SUMMARY_UNKNOWN && t->missing > 0) {
        begin_finding(ret, &count, "warning");
        together_put_missing(&words, t);
        html_words(ret, &words);
        html_put(ret, "</strong></li>\n");
    }
    if (t->jobs > 1) {
        begin_finding(ret, &count, "warning");
        buffer_printf(ret,
                      "They are of %zu jobs</strong>. Figures over all ranks mix these.</li>\n",
                      t->jobs);
    }
    for (size_t i = 0; i < t->categories.groups && uneven < UNEVEN_BY; i++) {
        const struct together_group *g = &t->categories.group[i];
        if (g->name == NULL || g->time.of < 2 || !(together_imbalance(&g->time) >= UNEVEN))
            continue;
        put_uneven(ret, &count, t, g);
        uneven++;
    }
    if (uneven > 0)
        html_put(ret,
                 "<li class=\"note\">Where ranks wait for each other, the one with the most to do "
                 "sets the pace.</li>\n");
    if (count > 0) {
        html_put(ret, "</ul>\n");
        html_section_end(ret);
    }
    buffer_done(&words);
}

/* ---- time per category and member ---- */

static size_t columns_of(const struct together *t)
{
    size_t named = t->categories.groups > 0 ? t->categories.groups - 1 : 0;
    return named < COLUMNS_SHOWN ? named : COLUMNS_SHOWN;
}

static void put_category_heading(struct buffer *ret, const struct together *t)
{
    html_put(ret, "<thead><tr>");
    html_heading_cell(ret, t->ranks > 0 ? "rank" : "process", t->ranks > 0);
    html_heading_cell(ret, "share of its time", false);
    for (size_t i = 0; i < columns_of(t); i++) {
        const char *name = t->categories.group[i].name;
        html_put(ret, "<th scope=\"col\" class=\"number\">");
        html_put_swatch(ret, i);
        html_text(ret, name, strlen(name));
        html_put(ret, "</th>");
    }
    html_put(ret, "<th scope=\"col\" class=\"number\">");
    html_put_swatch(ret, HTML_OTHERS);
    html_put(ret, "Others</th>");
    html_heading_cell(ret, "wall time", true);
    html_put(ret, "</tr></thead>\n<tbody>\n");
}

static void put_who(struct buffer *ret, const struct together *t, size_t member)
{
    const struct together_member *m = &t->member[member];
    struct buffer who = {0};
    if (m->rank != SUMMARY_UNKNOWN) {
        buffer_printf(ret,
                      "<td class=\"number\"><data value=\"%" PRIu64 "\">%" PRIu64 "</data></td>",
                      m->rank, m->rank);
        return;
    }
    together_put_who(&who, t, member);
    html_put(ret, "<td>");
    html_words(ret, &who);
    html_put(ret, "</td>");
    buffer_done(&who);
}

static void put_category_row(struct buffer *ret, const struct together *t, size_t member)
{
    size_t groups = t->categories.groups;
    char key[KEY_CAP];
    struct html_part *part = calloc(groups, sizeof *part);
    if (part == NULL) {
        ret->failed = true;
        return;
    }
    for (size_t i = 0; i < groups; i++) {
        const struct together_group *g = &t->categories.group[i];
        part[i] = (struct html_part){.name = g->name != NULL ? g->name : "Others",
                                     .ns = together_time_of(&t->categories, g, member),
                                     .place = g->name != NULL ? i : HTML_OTHERS};
    }
    html_put(ret, "<tr>");
    put_who(ret, t, member);
    html_put_bar(ret, part, groups, t->member[member].marked_ns);
    for (size_t i = 0; i < columns_of(t); i++) {
        snprintf(key, sizeof key, "ranks.%zu.categories.%zu.total_s", member, i);
        html_cell_seconds(ret, key, part[i].ns);
    }
    snprintf(key, sizeof key, "ranks.%zu.categories.%zu.total_s", member, groups - 1);
    html_cell_seconds(ret, key, part[groups - 1].ns);
    html_cell_seconds(ret, NULL, t->member[member].marked_ns);
    html_put(ret, "</tr>\n");
    free(part);
}

/* What the largest is of the mean, under each column. */
static void put_imbalances(struct buffer *ret, const struct together *t)
{
    char key[KEY_CAP];
    html_put(ret, "</tbody>\n<tfoot><tr><td></td><td>largest over mean</td>");
    for (size_t i = 0; i < columns_of(t); i++) {
        snprintf(key, sizeof key, "together.imbalance.categories.%zu.time_s.imbalance", i);
        html_put(ret, "<td class=\"number\">");
        html_real(ret, key, together_imbalance(&t->categories.group[i].time), 2);
        html_put(ret, "</td>");
    }
    html_put(ret, "<td></td><td></td></tr></tfoot></table>\n");
}

static void put_categories(struct buffer *ret, const struct together *t)
{
    if (t->marking == 0 || t->categories.groups < 2)
        return;
    html_section(ret, "categories",
                 t->ranks > 0 ? "Time per category and rank" : "Time per category");
    html_put(ret,
             "<table class=\"sortable\">\n<caption>Wall time of those that mark, divided among "
             "their categories; Others is what none claims</caption>\n");
    put_category_heading(ret, t);
    for (size_t i = 0; i < t->members && i < HTML_ROWS_MAX; i++)
        if (t->member[i].marks)
            put_category_row(ret, t, i);
    put_imbalances(ret, t);
    html_section_end(ret);
}

/* ---- scopes ---- */

static void put_scope_row(struct buffer *ret, const struct together *t, size_t place)
{
    const struct together_group *g = &t->scopes.group[place];
    struct buffer who = {0};
    char key[KEY_CAP];
#define KEY(name) (snprintf(key, sizeof key, "together.imbalance.scopes.%zu." name, place), key)
    html_put(ret, "<tr>");
    html_cell_text(ret, g->name != NULL ? g->name : "?");
    html_cell_text(ret, g->category != NULL ? g->category : "");
    html_cell_number(ret, KEY("count"), g->count.sum, put_count);
    html_cell_seconds(ret, KEY("total_s"), g->time.sum);
    html_cell_seconds(ret, KEY("time_s.min"), g->time.min);
    html_cell_seconds(ret, KEY("time_s.max"), g->time.of > 0 ? g->time.max : SUMMARY_UNKNOWN);
    html_put(ret, "<td class=\"number\">");
    html_real(ret, KEY("time_s.imbalance"), together_imbalance(&g->time), 2);
    html_put(ret, "</td><td>");
    if (g->time.of > 0)
        together_put_who(&who, t, g->time.most);
    html_words(ret, &who);
    html_put(ret, "</td></tr>\n");
    buffer_done(&who);
#undef KEY
}

static void put_scopes(struct buffer *ret, const struct together *t)
{
    static const char *const heading[] = {"scope", "category",          "calls", "total", "least",
                                          "most",  "largest over mean", "of"};
    if (t->scopes.groups == 0)
        return;
    html_section(ret, "scopes", "Scopes");
    html_put(ret, "<table class=\"sortable\">\n<thead><tr>");
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        html_heading_cell(ret, heading[i], i >= 2 && i < 7);
    html_put(ret, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < t->scopes.groups && i < HTML_ROWS_MAX; i++)
        put_scope_row(ret, t, i);
    html_put(ret, "</tbody></table>\n");
    html_section_end(ret);
}

/* ---- each ---- */

static void put_member(struct buffer *ret, const struct together *t, size_t member)
{
    const struct together_member *m = &t->member[member];
    struct buffer end = {0};
    char key[KEY_CAP];
#define KEY(name) (snprintf(key, sizeof key, "ranks.%zu." name, member), key)
    html_put(ret, "<tr>");
    put_who(ret, t, member);
    html_cell_text(ret, m->host != NULL ? m->host : "");
    html_put(ret, "<td class=\"number\">");
    if (m->pid > 0)
        buffer_printf(ret, "<data value=\"%d\">%d</data>", m->pid, m->pid);
    html_put(ret, "</td>");
    html_cell_seconds(ret, KEY("wall_s"), m->wall_ns);
    html_cell_seconds(ret, KEY("cpu_s"), m->cpu_ns);
    html_cell_number(ret, KEY("peak_rss_bytes"), m->peak_rss_bytes, put_bytes);
    html_cell_number(ret, KEY("calls"), m->marks ? m->calls : SUMMARY_UNKNOWN, put_count);
    html_put(ret, together_ended_well(m) ? "<td>" : "<td class=\"bad\">");
    together_put_end(&end, m);
    html_words(ret, &end);
    html_put(ret, "</td>");
    html_cell_text(ret, m->command != NULL ? m->command : m->path);
    html_put(ret, "</tr>\n");
    buffer_done(&end);
#undef KEY
}

static void put_members(struct buffer *ret, const struct together *t)
{
    static const struct {
        const char *text;
        bool number;
    } heading[] = {{"host", false},    {"pid", true},    {"wall", true}, {"CPU", true},
                   {"peak RSS", true}, {"scopes", true}, {"end", false}, {"command", false}};
    html_section(ret, "members", "Recordings");
    html_put(ret, "<table class=\"sortable\">\n<thead><tr>");
    html_heading_cell(ret, t->ranks > 0 ? "rank" : "process", t->ranks > 0);
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        html_heading_cell(ret, heading[i].text, heading[i].number);
    html_put(ret, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < t->members && i < HTML_ROWS_MAX; i++)
        put_member(ret, t, i);
    html_put(ret, "</tbody></table>\n");
    html_section_end(ret);
}

/* ---- the page ---- */

/* What the script is given: charts, and nothing of what a single recording has. */
static void put_drawn(struct json *j, struct pack *pack, const struct together *t,
                      const struct charts *charts, size_t *ret_charts)
{
    const struct html_scale scale = {.origin_ns = charts->from_ns,
                                     .processors = SUMMARY_UNKNOWN,
                                     .memory_bytes = SUMMARY_UNKNOWN};
    json_begin(j, NULL, '{');
    json_number(j, "version", 1);
    json_seconds(j, "to_s", charts->bucket_ns * charts->buckets);
    json_seconds(j, "started_unix_s", charts->buckets > 0 ? charts->from_ns : t->started_real_ns);
    *ret_charts = json_put_charts(j, pack, charts, &scale);
    json_begin(j, "labels", '{');
    json_number(j, "count", 0);
    json_end(j, '}');
    json_begin(j, "processes", '{');
    json_number(j, "count", 0);
    json_end(j, '}');
    json_begin(j, "categories", '[');
    json_end(j, ']');
    json_begin(j, "threads", '[');
    json_end(j, ']');
    struct packed texts = pack_bytes(pack, "[]", 2);
    pack_cut(pack);
    json_packed(j, "texts", &texts);
    json_end(j, '}');
}

int html_put_together(struct buffer *ret, const struct together *t, struct charts_together *lines)
{
    struct buffer drawn = {0}, title = {0};
    struct json j = {.out = &drawn, .flat = true};
    struct pack pack = {0};
    struct charts charts;
    size_t count = 0;
    int r = charts_together_finish(lines, &charts);
    if (r != 0)
        return r;
    put_drawn(&j, &pack, t, &charts, &count);
    together_put_title(&title, t);
    html_put_begin(ret, &title);
    put_head(ret, t);
    put_verdict(ret, t);
    put_cards(ret, t);
    put_findings(ret, t);
    if (count > 0)
        html_put_charts_section(ret);
    put_categories(ret, t);
    put_scopes(ret, t);
    put_members(ret, t);
    html_put_end(ret, &drawn, &pack);
    pack_done(&pack);
    buffer_done(&drawn);
    buffer_done(&title);
    return ret->failed ? -ENOMEM : 0;
}
