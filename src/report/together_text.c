#include "report/together_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define LINES_SHOWN 32
#define LINE_MAX_CELLS 60
#define LINE_LABEL 15 /* cells, with the blanks beside it */
#define LINE_FIGURE 12
#define EVEN 1.05 /* what is less is not worth a word */

void together_put_who(struct buffer *ret, const struct together *t, size_t member)
{
    const struct together_member *m = &t->member[member];
    if (m->rank != SUMMARY_UNKNOWN)
        buffer_printf(ret, "%" PRIu64, m->rank);
    else if (m->pid > 0)
        buffer_printf(ret, "pid %d", m->pid);
    else
        buffer_printf(ret, "#%zu", m->place + 1);
}

void together_put_who_in_words(struct buffer *ret, const struct together *t, size_t member)
{
    if (t->member[member].rank != SUMMARY_UNKNOWN)
        buffer_put_text(ret, "rank ");
    together_put_who(ret, t, member);
}

static void end_words(const struct page *page, struct buffer *words)
{
    page->out->failed |= words->failed;
    buffer_clear(words);
}

/* ---- the head ---- */

void together_put_title(struct buffer *ret, const struct together *t)
{
    put_count(ret, t->members);
    buffer_put_text(ret, t->members == 1 ? " recording" : " recordings");
    if (t->ranks == 0)
        return;
    bool sized = t->rank_size != SUMMARY_UNKNOWN && t->ranks == t->members;
    uint64_t ranks = sized ? t->rank_size : t->ranks;
    buffer_put_text(ret, t->ranks < t->members ? ", " : " of ");
    put_count(ret, ranks);
    buffer_put_text(ret, ranks == 1 ? " rank" : " ranks");
    if (t->jobs == 1 && t->member[0].job != NULL)
        buffer_printf(ret, " of job %.64s", t->member[0].job);
}

void together_put_when(struct buffer *ret, const struct together *t)
{
    if (t->hosts == 1 && t->member[0].host != NULL)
        buffer_printf(ret, "on %s, ", t->member[0].host);
    else if (t->hosts > 1)
        buffer_printf(ret, "on %zu hosts, ", t->hosts);
    if (t->started_real_ns == SUMMARY_UNKNOWN) {
        buffer_put_text(ret, "at an unknown time");
        return;
    }
    buffer_put_text(ret, "from ");
    put_local_time(ret, t->started_real_ns);
    buffer_put_text(ret, ", over ");
    put_duration(ret, t->ended_real_ns - t->started_real_ns);
}

void together_put_missing(struct buffer *ret, const struct together *t)
{
    uint64_t shown = t->missing < TOGETHER_MISSING_MAX ? t->missing : TOGETHER_MISSING_MAX;
    buffer_put_text(ret, t->missing == 1 ? "no recording of rank " : "no recordings of ranks ");
    for (uint64_t i = 0; i < shown; i++)
        buffer_printf(ret, "%s%" PRIu64, i > 0 ? ", " : "", t->missing_rank[i]);
    if (shown < t->missing) {
        buffer_put_text(ret, " and ");
        put_count(ret, t->missing - shown);
        buffer_put_text(ret, " more");
    }
}

static void put_head(const struct page *page, const struct together *t)
{
    struct buffer words = {0};
    together_put_title(&words, t);
    page_line(page, INK_STRONG, 0, words.data, words.len);
    end_words(page, &words);
    together_put_when(&words, t);
    page_wrap(page, INK_FAINT, 0, 0, (const char *)words.data, words.len);
    end_words(page, &words);
    if (t->jobs > 1) {
        buffer_printf(&words, "they are of %zu jobs: figures over all ranks mix these", t->jobs);
        page_wrap(page, INK_WARNING, 0, 0, (const char *)words.data, words.len);
        end_words(page, &words);
    }
    if (t->missing != SUMMARY_UNKNOWN && t->missing > 0) {
        together_put_missing(&words, t);
        page_wrap(page, INK_WARNING, 0, 0, (const char *)words.data, words.len);
        end_words(page, &words);
    }
    buffer_done(&words);
    page_end_line(page);
}

/* ---- figures ---- */

/* "0.31 s to 1.20 s each; the most, 1.60 times the mean, is rank 3" */
static void put_spread(struct buffer *ret, const struct together *t,
                       const struct together_spread *spread,
                       void (*put)(struct buffer *ret, uint64_t value))
{
    double imbalance = together_imbalance(spread);
    put(ret, spread->min);
    buffer_put_text(ret, " to ");
    put(ret, spread->max);
    buffer_put_text(ret, " each");
    if (spread->of > 1 && !isnan(imbalance) && imbalance >= EVEN) {
        buffer_put_text(ret, "; ");
        together_put_who_in_words(ret, t, spread->most);
        buffer_put_text(ret, " has ");
        put_decimal(ret, imbalance, 2);
        buffer_put_text(ret, " times the mean");
    }
    if (spread->of < t->members)
        buffer_printf(ret, "; known of %zu", spread->of);
}

static void put_cpu(const struct page *page, const struct together *t)
{
    struct buffer figure = {0}, words = {0};
    if (t->cpu.of == 0)
        return;
    put_duration(&figure, t->cpu.sum);
    put_spread(&words, t, &t->cpu, put_duration);
    page_figure(page, "CPU", &figure, &words);
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

static void put_peak_words(struct buffer *ret, const struct together *t)
{
    if (t->peak_of_one) {
        buffer_put_text(ret, "resident (RSS) of ");
        together_put_who_in_words(ret, t, t->peak_rss.most);
        buffer_put_text(ret, " alone, more than was sampled of all at one time");
        return;
    }
    buffer_put_text(ret, "resident (RSS) of all at one time");
    if (t->started_real_ns != SUMMARY_UNKNOWN && t->peak_real_ns >= t->started_real_ns) {
        buffer_put_text(ret, ", ");
        put_duration(ret, t->peak_real_ns - t->started_real_ns);
        buffer_put_text(ret, " in");
    }
    if (t->rss.bucket_ns > NS_PER_S) {
        buffer_put_text(ret, ", within ");
        put_duration(ret, t->rss.bucket_ns);
    }
    if (t->lines < t->members)
        buffer_printf(ret, "; %zu not in it, of which is not known when they had how much",
                      t->members - t->lines);
}

static void put_memory(const struct page *page, const struct together *t)
{
    struct buffer figure = {0}, words = {0};
    if (t->peak_rss_bytes == SUMMARY_UNKNOWN)
        return;
    put_bytes(&figure, t->peak_rss_bytes);
    put_peak_words(&words, t);
    page_figure(page, "Memory", &figure, &words);
    if (t->peak_rss.of > 0) {
        buffer_clear(&words);
        put_spread(&words, t, &t->peak_rss, put_bytes);
        page_more(page, INK_FAINT, &words);
    }
    if (t->hosts > 1 && !t->peak_of_one) {
        buffer_clear(&words);
        buffer_put_text(&words, "times of different hosts are by their own clocks: as near to each "
                                "other as these are synchronised");
        page_more(page, INK_WARNING, &words);
    }
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

/* ---- memory over time ---- */

struct lines {
    size_t cells;
    uint64_t value[LINE_MAX_CELLS];
};

/* The largest of its cells. */
static uint64_t read_line(const struct together *t, const struct gauge_line *line, struct lines *l)
{
    uint64_t most = 0;
    together_cells(t, line, l->cells, l->value);
    for (size_t i = 0; i < l->cells; i++)
        if (l->value[i] != TIMELINE_UNKNOWN && l->value[i] > most)
            most = l->value[i];
    return most;
}

static void put_line(const struct page *page, const struct lines *l, const struct buffer *label,
                     uint64_t most, uint64_t scale)
{
    struct buffer figure = {0};
    page_blank(page, 2);
    size_t from = page->width - (LINE_LABEL - 4);
    size_t at = page_put_fitted(page, INK_FAINT, from, label->data, label->len);
    page_blank(page, LINE_LABEL - 2 - (at - from));
    page_sparkline(page, INK_MEMORY, l->value, l->cells, scale);
    page_blank(page, 2);
    put_bytes(&figure, most);
    page_put(page, INK_PLAIN, figure.data, figure.len);
    page_end_line(page);
    page->out->failed |= figure.failed;
    buffer_done(&figure);
}

/* The members' lines have one scale, so that they can be compared; their sum has its own. */
static void put_lines(const struct page *page, const struct together *t)
{
    struct lines l;
    struct buffer label = {0};
    size_t taken = LINE_LABEL + 2 + LINE_FIGURE, shown = 0, all = 0;
    uint64_t scale = 0;
    if (t->rss.count < 2 || !gauge_line_known(&t->rss) || page->width < taken + 4)
        return;
    l.cells = page->width - taken < LINE_MAX_CELLS ? page->width - taken : LINE_MAX_CELLS;
    page_end_line(page);
    page_line(page, INK_STRONG, 0, "Memory over time", strlen("Memory over time"));
    buffer_put_text(&label, "all");
    uint64_t most = read_line(t, &t->rss, &l);
    put_line(page, &l, &label, most, most);
    for (size_t i = 0; i < t->members; i++) {
        most = t->member[i].rss.largest != NULL ? read_line(t, &t->member[i].rss, &l) : 0;
        scale = most > scale ? most : scale;
        all += most > 0;
    }
    for (size_t i = 0; i < t->members && shown < LINES_SHOWN; i++) {
        if (t->member[i].rss.largest == NULL || (most = read_line(t, &t->member[i].rss, &l)) == 0)
            continue;
        buffer_clear(&label);
        together_put_who_in_words(&label, t, i);
        put_line(page, &l, &label, most, scale);
        shown++;
    }
    if (all > shown) {
        buffer_clear(&label);
        buffer_printf(&label, "and %zu more", all - shown);
        page_line(page, INK_FAINT, 2, label.data, label.len);
    }
    page->out->failed |= label.failed;
    buffer_done(&label);
}

void together_put_text(const struct page *page, const struct together *t)
{
    put_head(page, t);
    put_cpu(page, t);
    put_memory(page, t);
    together_put_tables(page, t);
    put_lines(page, t);
}
