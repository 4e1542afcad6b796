#include "report/together_json.h"

#include <math.h>

#include "report/quantity.h"
#include "report/summary_parts.h"

#define SCOPES_MAX 1000

static void put_moment(struct json *j, const char *key, uint64_t real_ns)
{
    struct buffer text = {0};
    if (real_ns == SUMMARY_UNKNOWN) {
        json_null(j, key);
        return;
    }
    put_rfc3339(&text, real_ns);
    json_bytes(j, key, text.data, text.len);
    buffer_done(&text);
}

/* ---- each ---- */

static void put_categories(struct json *j, const struct together *t, size_t member)
{
    uint64_t all = t->member[member].marked_ns;
    json_begin(j, "categories", '[');
    for (size_t i = 0; t->member[member].marks && i < t->categories.groups; i++) {
        const struct together_group *g = &t->categories.group[i];
        uint64_t ns = together_time_of(&t->categories, g, member);
        json_begin(j, NULL, '{');
        j->flat = true;
        json_text(j, "name", g->name != NULL ? g->name : "Others");
        json_seconds(j, "total_s", ns);
        json_real(j, "share", all > 0 ? (double)ns / (double)all : NAN);
        json_end(j, '}');
        j->flat = false;
    }
    json_end(j, ']');
}

static void put_member(struct json *j, const struct together *t, size_t member)
{
    const struct together_member *m = &t->member[member];
    json_begin(j, NULL, '{');
    json_number(j, "recording", m->place);
    json_text(j, "path", m->path);
    json_number(j, "rank", m->rank);
    json_number(j, "size", m->rank_size);
    json_text(j, "job", m->job);
    json_text(j, "host", m->host);
    json_number(j, "pid", m->pid > 0 ? (uint64_t)m->pid : SUMMARY_UNKNOWN);
    put_moment(j, "started", m->started_real_ns);
    json_seconds(j, "wall_s", m->wall_ns);
    json_seconds(j, "cpu_s", m->cpu_ns);
    json_number(j, "peak_rss_bytes", m->peak_rss_bytes);
    json_put_exit(j, m->root_status);
    json_bool(j, "ended", m->ended);
    json_number(j, "calls", m->marks ? m->calls : SUMMARY_UNKNOWN);
    put_categories(j, t, member);
    json_end(j, '}');
}

/* ---- all ---- */

static void put_spread(struct json *j, const char *key, const struct together_spread *spread,
                       void (*put)(struct json *json, const char *key, uint64_t value), double unit)
{
    json_begin(j, key, '{');
    put(j, "min", spread->min);
    json_real(j, "mean", together_mean(spread) / unit);
    put(j, "max", spread->of > 0 ? spread->max : SUMMARY_UNKNOWN);
    json_real(j, "imbalance", together_imbalance(spread));
    json_number(j, "most", spread->of > 0 ? spread->most : SUMMARY_UNKNOWN);
    json_number(j, "of", spread->of);
    json_end(j, '}');
}

static void put_groups(struct json *j, const char *key, const struct together_table *table,
                       bool scopes)
{
    json_begin(j, key, '[');
    for (size_t i = 0; i < table->groups && (!scopes || i < SCOPES_MAX); i++) {
        const struct together_group *g = &table->group[i];
        json_begin(j, NULL, '{');
        json_text(j, "name", scopes || g->name != NULL ? g->name : "Others");
        if (scopes)
            json_text(j, "category", g->category);
        json_seconds(j, "total_s", g->time.sum);
        json_number(j, "count", g->count.sum);
        j->flat = true;
        put_spread(j, "time_s", &g->time, json_seconds, 1e9);
        put_spread(j, "calls", &g->count, json_number, 1);
        j->flat = false;
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void put_imbalance(struct json *j, const struct together *t)
{
    json_begin(j, "imbalance", '{');
    j->flat = true;
    put_spread(j, "wall_s", &t->wall, json_seconds, 1e9);
    put_spread(j, "cpu_s", &t->cpu, json_seconds, 1e9);
    put_spread(j, "peak_rss_bytes", &t->peak_rss, json_number, 1);
    j->flat = false;
    put_groups(j, "categories", &t->categories, false);
    put_groups(j, "scopes", &t->scopes, true);
    json_end(j, '}');
}

static void put_ranks(struct json *j, const struct together *t)
{
    uint64_t shown = t->missing < TOGETHER_MISSING_MAX ? t->missing : TOGETHER_MISSING_MAX;
    json_number(j, "recordings", t->members);
    json_number(j, "ranks", t->ranks);
    json_number(j, "size", t->rank_size);
    json_number(j, "missing", t->missing);
    json_begin(j, "missing_ranks", '[');
    j->flat = true;
    for (uint64_t i = 0; t->missing != SUMMARY_UNKNOWN && i < shown; i++)
        json_number(j, NULL, t->missing_rank[i]);
    json_end(j, ']');
    j->flat = false;
    json_number(j, "jobs", t->jobs);
    json_number(j, "hosts", t->hosts);
}

static void put_together(struct json *j, const struct together *t)
{
    json_begin(j, "together", '{');
    put_ranks(j, t);
    put_moment(j, "started", t->started_real_ns);
    json_seconds(j, "wall_s", together_after_ns(t, t->ended_real_ns));
    json_seconds(j, "cpu_s", t->cpu.of > 0 ? t->cpu.sum : SUMMARY_UNKNOWN);
    json_number(j, "peak_rss_bytes", t->peak_rss_bytes);
    if (t->peak_rss_bytes == SUMMARY_UNKNOWN)
        json_null(j, "peak_rss_is");
    else
        json_text(j, "peak_rss_is", t->peak_of_one ? "largest_recording" : "sampled_sum");
    json_number(j, "peak_of", t->lines);
    put_moment(j, "peak_at", t->peak_real_ns);
    json_seconds(j, "peak_at_s", together_after_ns(t, t->peak_real_ns));
    json_seconds(j, "peak_window_s", t->rss.count > 0 ? t->rss.bucket_ns : SUMMARY_UNKNOWN);
    put_imbalance(j, t);
    json_end(j, '}');
}

void together_begin_json(struct json *j)
{
    json_begin(j, NULL, '{');
    json_text(j, "schema", "tacho.together/1");
    json_begin(j, "recordings", '[');
}

void together_end_json(struct json *j, const struct together *t)
{
    json_end(j, ']');
    json_begin(j, "ranks", '[');
    for (size_t i = 0; i < t->members; i++)
        put_member(j, t, i);
    json_end(j, ']');
    put_together(j, t);
    json_end(j, '}');
}
