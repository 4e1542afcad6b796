#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/columns.h"
#include "report/quantity.h"
#include "report/receipt.h"
#include "report/recording_info.h"

#define INDENT 2

static void heading(const struct page *page, const char *text)
{
    page_end_line(page);
    page_line(page, INK_STRONG, 0, text, strlen(text));
}

static void put_words(const struct page *page, enum ink ink, struct buffer *words)
{
    page_blank(page, INDENT);
    page->out->failed |= words->failed;
    page_wrap(page, ink, INDENT, INDENT, (const char *)words->data, words->len);
    buffer_clear(words);
}

/* Puts a table that outgrew the stack; NULL is said to have failed. */
static void put_table(const struct page *page, struct columns *table)
{
    if (table == NULL) {
        page->out->failed = true;
        return;
    }
    if (table->rows > 0)
        columns_put(page, table, INDENT);
}

/* ---- the file ---- */

static void put_file(const struct page *page, const char *path, const struct tacho_recording *rec)
{
    const struct tacho_salvage *s = tacho_recording_salvage(rec);
    struct buffer words = {0};
    page_line(page, INK_STRONG, 0, path, strlen(path));
    put_bytes(&words, s->file_bytes);
    if (s->lost_bytes == 0 && s->missing_blocks == 0 && s->undecodable_blocks == 0) {
        buffer_put_text(&words, ", all of it readable");
    } else {
        buffer_put_text(&words, ", of which ");
        put_bytes(&words, s->lost_bytes);
        buffer_printf(&words, " cannot be read, from byte %" PRIu64 " on; ", s->lost_offset);
        put_count(&words, s->missing_blocks);
        buffer_put_text(&words, " blocks missing, ");
        put_count(&words, s->undecodable_blocks);
        buffer_put_text(&words, " undecodable");
    }
    put_words(page, s->lost_bytes > 0 ? INK_WARNING : INK_PLAIN, &words);
    if (!s->ended) {
        buffer_put_text(&words, "without its end: the recorder was killed or is still writing");
        put_words(page, INK_WARNING, &words);
    }
    buffer_done(&words);
}

/* ---- facts ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The number, and what a person makes of it. */
static void put_number(struct buffer *ret, const char *key, uint64_t number)
{
    buffer_printf(ret, "%" PRIu64, number);
    if (number == 0)
        return;
    bool moment = strcmp(key, "started_ns") == 0 || strcmp(key, "ended_ns") == 0;
    if (ends_with(key, "_bytes")) {
        buffer_put_text(ret, " (");
        put_bytes(ret, number);
        buffer_put_text(ret, ")");
    } else if (ends_with(key, "_real_ns")) {
        buffer_put_text(ret, " (");
        put_local_time(ret, number);
        buffer_put_text(ret, ")");
    } else if (ends_with(key, "_ns") && !moment) {
        buffer_put_text(ret, " (");
        put_interval(ret, number);
        buffer_put_text(ret, ")");
    }
}

#define FACT_SHOWN 8192 /* bytes: more than a line can show */

static void put_facts(const struct page *page, const struct tacho_recording *rec)
{
    size_t count = tacho_fact_count(rec), width = 0;
    struct buffer line = {0};
    for (size_t i = 0; i < count; i++) {
        const char *text;
        uint64_t number;
        size_t n, cells = strlen(tacho_fact(rec, i, &text, &n, &number));
        width = cells > width && cells <= page->width / 2 ? cells : width;
    }
    heading(page, "Session");
    for (size_t i = 0; i < count; i++) {
        const char *text;
        uint64_t number;
        size_t n;
        const char *key = tacho_fact(rec, i, &text, &n, &number);
        buffer_printf(&line, "%-*s  ", (int)width, key);
        if (text == NULL)
            put_number(&line, key, number);
        else if (memchr(text, 0, n) != NULL)
            text_put_shell(&line, text, n < FACT_SHOWN ? n : FACT_SHOWN);
        else
            buffer_put(&line, text, n < FACT_SHOWN ? n : FACT_SHOWN);
        page_line(page, INK_PLAIN, INDENT, line.data, line.len);
        buffer_clear(&line);
    }
    page->out->failed |= line.failed;
    buffer_done(&line);
}

/* ---- ticks ---- */

static void put_happenings(struct buffer *words, const struct tacho_recording *rec)
{
    uint64_t late = 0, latest = 0, skipped = 0, gaps = 0, gap_ns = 0;
    for (size_t i = 0; i < tacho_happening_count(rec); i++) {
        const struct tacho_happening *h = tacho_happening(rec, i);
        if (h->type == TACHO_LATE) {
            late++;
            skipped += h->b;
            latest = h->a > latest ? h->a : latest;
        } else if (h->type == TACHO_GAP) {
            gaps++;
            gap_ns += h->a > h->time_ns ? h->a - h->time_ns : 0;
        }
    }
    put_count(words, late);
    buffer_put_text(words, late == 1 ? " tick came late" : " ticks came late");
    if (late > 0) {
        buffer_put_text(words, ", by ");
        put_duration(words, latest);
        buffer_put_text(words, " at most");
    }
    buffer_put_text(words, "; ");
    put_count(words, skipped);
    buffer_put_text(words, skipped == 1 ? " was skipped; " : " were skipped; ");
    put_count(words, gaps);
    buffer_put_text(words, gaps == 1 ? " gap" : " gaps");
    if (gaps > 0) {
        buffer_put_text(words, " of ");
        put_duration(words, gap_ns);
        buffer_put_text(words, " in all");
    }
}

static void put_ticks(const struct page *page, const struct tacho_recording *rec,
                      const struct contents *c)
{
    struct buffer words = {0};
    uint64_t interval;
    heading(page, "Ticks");
    put_count(&words, c->ticks);
    buffer_put_text(&words, c->ticks == 1 ? " tick" : " ticks");
    if (tacho_fact_number(rec, "interval_ns", &interval)) {
        buffer_put_text(&words, ", one asked for every ");
        put_interval(&words, interval);
    }
    if (c->ticks > 1) {
        buffer_put_text(&words, ", got every ");
        put_duration(&words, (c->last_tick_ns - c->first_tick_ns) / (c->ticks - 1));
        buffer_put_text(&words, " on average, ");
        put_duration(&words, c->longest_ns);
        buffer_put_text(&words, " at most");
    }
    put_words(page, INK_PLAIN, &words);
    put_happenings(&words, rec);
    put_words(page, INK_PLAIN, &words);
    buffer_done(&words);
}

/* ---- blocks ---- */

static const struct columns block_columns = {
    .count = 5,
    .column = {{"blocks", false, 0},
               {"stored", false, 0},
               {"decoded", false, 1},
               {"ratio", false, 2},
               {"type", true, 0}},
};

static void put_blocks(const struct page *page, const struct tacho_recording *rec,
                       const struct contents *c)
{
    struct columns *table = malloc(sizeof *table);
    struct buffer words = {0};
    heading(page, "Blocks");
    if (table != NULL)
        *table = block_columns;
    for (unsigned type = 0; table != NULL && type < TACHO_BLOCK_TYPES; type++) {
        const struct tacho_block_count *b = tacho_recording_blocks(rec, type);
        if (b == NULL || b->blocks == 0)
            continue;
        struct buffer *cell = columns_add(table, INK_PLAIN);
        put_count(&cell[0], b->blocks);
        put_bytes(&cell[1], b->stored_bytes);
        put_bytes(&cell[2], b->raw_bytes);
        if (b->stored_bytes > 0)
            put_decimal(&cell[3], (double)b->raw_bytes / (double)b->stored_bytes, 1);
        buffer_put_text(&cell[4], info_block_name(type));
    }
    put_table(page, table);
    free(table);
    put_count(&words, c->values);
    buffer_put_text(&words, " sampled values");
    if (c->values > 0) {
        buffer_put_text(&words, ", ");
        put_decimal(&words, (double)info_sample_bytes(rec) / (double)c->values, 2);
        buffer_put_text(&words, " bytes each");
    }
    put_words(page, INK_PLAIN, &words);
    buffer_done(&words);
}

/* ---- metrics ---- */

static const struct columns metric_columns = {
    .count = 5,
    .column = {{"values", false, 0},
               {"unit", true, 1},
               {"is", true, 2},
               {"group", false, 3},
               {"metric", true, 0}},
};

static void put_kind_heading(const struct page *page, unsigned kind, const struct contents *c)
{
    struct buffer words = {0};
    const char *name = info_kind_name(kind);
    if (name == NULL)
        buffer_printf(&words, "kind %u", kind);
    else
        buffer_put_text(&words, name);
    buffer_put_text(&words, ": ");
    put_count(&words, c->kind[kind].entities);
    buffer_put_text(&words, ", ");
    put_count(&words, c->kind[kind].samples);
    buffer_put_text(&words, " samples");
    if (c->kind[kind].idle > 0) {
        buffer_put_text(&words, ", ");
        put_count(&words, c->kind[kind].idle);
        buffer_put_text(&words, " of them idle");
    }
    page_end_line(page);
    page_line(page, INK_STRONG, 0, words.data, words.len);
    page->out->failed |= words.failed;
    buffer_done(&words);
}

/* A kind may have more metrics than a table has rows: it goes on without a heading of its own. */
static void put_metrics(const struct page *page, const struct tacho_recording *rec, unsigned kind,
                        const struct contents *c)
{
    struct columns *table = malloc(sizeof *table);
    if (table != NULL)
        *table = metric_columns;
    put_kind_heading(page, kind, c);
    for (unsigned m = 0; table != NULL && m < tacho_metric_count(rec, kind); m++) {
        const struct tacho_metric *metric = tacho_metric(rec, kind, m);
        if (metric == NULL)
            continue;
        struct buffer *cell = columns_add(table, INK_PLAIN);
        put_count(&cell[0], c->kind[kind].values[m]);
        buffer_put_text(&cell[1], metric->unit);
        buffer_put_text(&cell[2], metric->cumulative ? "sum" : "gauge");
        buffer_printf(&cell[3], "%u", metric->group);
        buffer_put_text(&cell[4], metric->name);
    }
    put_table(page, table);
    free(table);
}

/* ---- what is missing ---- */

static void put_missing(const struct page *page, const struct tacho_recording *rec)
{
    struct buffer words = {0};
    if (tacho_missing_count(rec) == 0)
        return;
    heading(page, "Values that could not be had");
    for (size_t i = 0; i < tacho_missing_count(rec); i++) {
        const struct tacho_missing *m = tacho_missing(rec, i);
        const char *name = info_kind_name(m->kind), *between = "";
        put_count(&words, m->count);
        buffer_printf(&words, " times %s: ", name != NULL ? name : "?");
        for (unsigned k = 0; k < tacho_metric_count(rec, m->kind); k++) {
            const struct tacho_metric *metric = tacho_metric(rec, m->kind, k);
            if (metric == NULL || metric->group != m->group)
                continue;
            buffer_printf(&words, "%s%s", between, metric->name);
            between = ", ";
        }
        const char *cause = strerrordesc_np(m->error);
        buffer_printf(&words, " (%s)", cause != NULL ? cause : "for an unknown reason");
        page_item(page, INK_WARNING, &words);
        buffer_clear(&words);
    }
    buffer_done(&words);
}

static void put_following(const struct page *page, const struct summary *s)
{
    struct buffer words = {0};
    if (s->follow == NULL)
        return;
    heading(page, "Following");
    put_receipt(&words, s);
    put_words(page, INK_PLAIN, &words);
    buffer_done(&words);
}

void info_put_text(const struct page *page, const char *path, const struct summary *s,
                   const struct contents *c)
{
    struct tacho_recording *rec = s->rec;
    put_file(page, path, rec);
    put_facts(page, rec);
    put_ticks(page, rec, c);
    put_following(page, s);
    put_blocks(page, rec, c);
    put_missing(page, rec);
    for (unsigned kind = 0; kind < CONTENTS_KINDS; kind++)
        if (c->kind[kind].entities > 0 || c->kind[kind].samples > 0)
            put_metrics(page, rec, kind, c);
}
