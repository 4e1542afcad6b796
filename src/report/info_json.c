#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/metric.h"
#include "report/json.h"
#include "report/receipt.h"
#include "report/recording_info.h"

const char *info_kind_name(unsigned kind)
{
    const struct kind_info *info = kind_info(kind);
    return info == NULL ? NULL : info->name;
}

const char *info_block_name(unsigned type)
{
    static const char *const names[] = {"other", "journal", "processes", "overview", "marks"};
    return type < sizeof names / sizeof names[0] ? names[type] : "other";
}

uint64_t info_sample_bytes(const struct tacho_recording *rec)
{
    return tacho_recording_blocks(rec, 2)->stored_bytes +
           tacho_recording_blocks(rec, 3)->stored_bytes;
}

static void put_salvage(struct json *j, const char *path, const struct tacho_recording *rec)
{
    const struct tacho_salvage *s = tacho_recording_salvage(rec);
    json_text(j, "path", path);
    json_begin(j, "salvage", '{');
    json_number(j, "file_bytes", s->file_bytes);
    json_number(j, "read_bytes", s->read_bytes);
    json_number(j, "lost_bytes", s->lost_bytes);
    json_number(j, "lost_offset", s->lost_bytes > 0 ? s->lost_offset : UINT64_MAX);
    json_number(j, "lost_stretches", s->lost_stretches);
    json_number(j, "missing_blocks", s->missing_blocks);
    json_number(j, "undecodable_blocks", s->undecodable_blocks);
    json_bool(j, "ended", s->ended);
    json_end(j, '}');
}

/* Keys of facts are any bytes: pairs, not members. */
static void put_facts(struct json *j, const struct tacho_recording *rec)
{
    json_begin(j, "facts", '[');
    for (size_t i = 0; i < tacho_fact_count(rec); i++) {
        const char *text;
        size_t n;
        uint64_t number;
        const char *key = tacho_fact(rec, i, &text, &n, &number);
        json_begin(j, NULL, '{');
        j->flat = true;
        json_text(j, "key", key);
        if (text == NULL)
            json_number(j, "number", number);
        else if (memchr(text, 0, n) != NULL)
            json_list(j, "list", text, n);
        else
            json_bytes(j, "text", text, n);
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

static void put_ticks(struct json *j, const struct tacho_recording *rec, const struct contents *c)
{
    uint64_t interval = UINT64_MAX, late = 0, skipped = 0;
    tacho_fact_number(rec, "interval_ns", &interval);
    for (size_t i = 0; i < tacho_happening_count(rec); i++) {
        const struct tacho_happening *h = tacho_happening(rec, i);
        late += h->type == TACHO_LATE;
        skipped += h->type == TACHO_LATE ? h->b : 0;
    }
    json_begin(j, "ticks", '{');
    json_number(j, "count", c->ticks);
    json_seconds(j, "asked_interval_s", interval);
    json_seconds(j, "mean_interval_s",
                 c->ticks > 1 ? (c->last_tick_ns - c->first_tick_ns) / (c->ticks - 1) : UINT64_MAX);
    json_seconds(j, "longest_interval_s", c->ticks > 1 ? c->longest_ns : UINT64_MAX);
    json_number(j, "late", late);
    json_number(j, "skipped", skipped);
    json_end(j, '}');
}

static const char *cause_of(uint64_t error)
{
    return error < INT32_MAX ? strerrordesc_np((int)error) : NULL;
}

static void put_gaps(struct json *j, const struct tacho_recording *rec)
{
    uint64_t started = tacho_first_ns(rec);
    tacho_fact_number(rec, "started_ns", &started);
    json_begin(j, "gaps", '[');
    for (size_t i = 0; i < tacho_happening_count(rec); i++) {
        const struct tacho_happening *h = tacho_happening(rec, i);
        if (h->type != TACHO_GAP)
            continue;
        json_begin(j, NULL, '{');
        j->flat = true;
        json_seconds(j, "at_s", h->time_ns > started ? h->time_ns - started : 0);
        json_seconds(j, "length_s", h->a > h->time_ns ? h->a - h->time_ns : 0);
        json_text(j, "cause", cause_of(h->b));
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

static void put_blocks(struct json *j, const struct tacho_recording *rec)
{
    json_begin(j, "blocks", '[');
    for (unsigned type = 0; type < TACHO_BLOCK_TYPES; type++) {
        const struct tacho_block_count *b = tacho_recording_blocks(rec, type);
        if (b == NULL || b->blocks == 0)
            continue;
        json_begin(j, NULL, '{');
        j->flat = true;
        json_text(j, "type", info_block_name(type));
        json_number(j, "count", b->blocks);
        json_number(j, "raw_bytes", b->raw_bytes);
        json_number(j, "stored_bytes", b->stored_bytes);
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

static void put_metrics(struct json *j, const struct tacho_recording *rec, unsigned kind,
                        const struct contents *c)
{
    json_begin(j, "metrics", '[');
    for (unsigned m = 0; m < tacho_metric_count(rec, kind); m++) {
        const struct tacho_metric *metric = tacho_metric(rec, kind, m);
        if (metric == NULL)
            continue;
        json_begin(j, NULL, '{');
        j->flat = true;
        json_text(j, "name", metric->name);
        json_text(j, "unit", metric->unit);
        json_bool(j, "cumulative", metric->cumulative);
        json_number(j, "group", metric->group);
        json_number(j, "values", c->kind[kind].values[m]);
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

static void put_kinds(struct json *j, const struct tacho_recording *rec, const struct contents *c)
{
    json_begin(j, "kinds", '[');
    for (unsigned kind = 0; kind < CONTENTS_KINDS; kind++) {
        if (c->kind[kind].entities == 0 && c->kind[kind].samples == 0)
            continue;
        json_begin(j, NULL, '{');
        json_text(j, "kind", info_kind_name(kind));
        json_number(j, "entities", c->kind[kind].entities);
        json_number(j, "samples", c->kind[kind].samples);
        json_number(j, "idle_samples", c->kind[kind].idle);
        put_metrics(j, rec, kind, c);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void put_missing(struct json *j, const struct tacho_recording *rec)
{
    json_begin(j, "missing", '[');
    for (size_t i = 0; i < tacho_missing_count(rec); i++) {
        const struct tacho_missing *m = tacho_missing(rec, i);
        json_begin(j, NULL, '{');
        j->flat = true;
        json_text(j, "kind", info_kind_name(m->kind));
        json_begin(j, "metrics", '[');
        for (unsigned k = 0; k < tacho_metric_count(rec, m->kind); k++) {
            const struct tacho_metric *metric = tacho_metric(rec, m->kind, k);
            if (metric != NULL && metric->group == m->group)
                json_text(j, NULL, metric->name);
        }
        json_end(j, ']');
        json_text(j, "error", strerrorname_np(m->error));
        json_text(j, "cause", cause_of((uint64_t)m->error));
        json_number(j, "count", m->count);
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

void info_put_json(struct buffer *ret, const char *path, const struct summary *s,
                   const struct contents *c)
{
    struct tacho_recording *rec = s->rec;
    struct json j = {.out = ret};
    json_begin(&j, NULL, '{');
    json_text(&j, "schema", "tacho.info/1");
    put_salvage(&j, path, rec);
    put_facts(&j, rec);
    put_ticks(&j, rec, c);
    put_gaps(&j, rec);
    json_put_receipt(&j, s);
    put_blocks(&j, rec);
    json_number(&j, "values", c->values);
    json_real(&j, "bytes_per_value",
              c->values > 0 ? (double)info_sample_bytes(rec) / (double)c->values : NAN);
    put_kinds(&j, rec, c);
    put_missing(&j, rec);
    json_end(&j, '}');
}
