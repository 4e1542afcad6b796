/* What the page's script draws along the time: labels, and the scopes of each thread. */
#include <errno.h>
#include <stdlib.h>

#include "analyse/labels.h"
#include "analyse/slices.h"
#include "base/text.h"
#include "report/html_parts.h"

#define LABELS_DRAWN 10000
#define NO_TEXT SIZE_MAX
#define FINE_DIGITS 9 /* of a second; where a recording is long, they only take room: */
#define FINE_BELOW_NS UINT64_C(60000000000)
#define COARSE_DIGITS 6
#define COARSE_NS 1000

size_t html_texts_add(struct html_texts *texts, const void *text, size_t n)
{
    struct buffer harmless = {0};
    text_put_terminal(&harmless, text, n, true);
    buffer_put_byte(&texts->json, texts->count == 0 ? '[' : ',');
    text_put_json(&texts->json, harmless.data, harmless.len);
    texts->json.failed |= harmless.failed;
    buffer_done(&harmless);
    return texts->count++;
}

static int digits_of(const struct summary *s)
{
    return s->wall_ns < FINE_BELOW_NS ? FINE_DIGITS : COARSE_DIGITS;
}

static void put_time(struct pack *pack, uint64_t ns, int digits)
{
    pack_int(pack, (int64_t)(digits == FINE_DIGITS ? ns : ns / COARSE_NS));
}

/* ---- labels ---- */

static void put_label_columns(struct json *j, struct pack *pack, struct html_texts *texts,
                              const struct summary *s, const size_t *place, size_t n)
{
    int digits = digits_of(s);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++)
        put_time(pack, html_since(s, tacho_label_at(s->rec, place[i])->time_ns), digits);
    struct packed at = pack_end(pack, digits);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++) {
        const char *text = tacho_label_at(s->rec, place[i])->text;
        pack_int(pack, (int64_t)html_texts_add(texts, text, strlen(text)));
    }
    struct packed text = pack_end(pack, 0);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++) {
        const struct tacho_process *p =
            tacho_process_of(s->rec, tacho_label_at(s->rec, place[i])->entity);
        if (p != NULL && p->pid != 0)
            pack_int(pack, p->pid);
        else
            pack_unknown(pack);
    }
    struct packed pid = pack_end(pack, 0);
    json_packed(j, "at", &at);
    json_packed(j, "text", &text);
    json_packed(j, "pid", &pid);
}

void json_put_labels(struct json *j, struct pack *pack, struct html_texts *texts,
                     const struct summary *s)
{
    size_t n = 0, *place = calloc(LABELS_DRAWN, sizeof *place);
    if (tacho_label_count(s->rec) > 0 &&
        (place == NULL || labels_spread(s->rec, s->started_ns, s->started_ns + s->wall_ns,
                                        LABELS_DRAWN, place, &n) != 0))
        pack->failed = true;
    json_begin(j, "labels", '{');
    json_number(j, "count", n);
    if (n > 0)
        put_label_columns(j, pack, texts, s, place, n);
    json_end(j, '}');
    pack_cut(pack);
    free(place);
}

/* ---- scopes ---- */

/* By site: the number of its name among the texts, and the place of its category, both lazily. */
struct names {
    size_t *text, *category;
    size_t sites;
};

static int names_make(const struct summary *s, const struct scopes *scopes, struct names *ret)
{
    size_t n = tacho_site_count(s->rec);
    *ret =
        (struct names){calloc(n + 1, sizeof *ret->text), calloc(n + 1, sizeof *ret->category), n};
    if (ret->text == NULL || ret->category == NULL)
        return -ENOMEM;
    for (size_t i = 0; i <= n; i++) {
        ret->text[i] = ret->category[i] = NO_TEXT;
        const char *category = i < n ? tacho_site(s->rec, i)->category : "";
        for (size_t c = 0; c + 1 < scopes->categories && category[0] != '\0'; c++)
            if (strcmp(scopes->category[scopes->by_time[c]].name, category) == 0)
                ret->category[i] = c;
    }
    return 0;
}

static size_t name_of(const struct summary *s, struct names *names, struct html_texts *texts,
                      uint32_t site)
{
    size_t at = site < names->sites ? site : names->sites;
    if (names->text[at] == NO_TEXT) {
        const char *name = at < names->sites ? tacho_site(s->rec, at)->name : "?";
        names->text[at] = html_texts_add(texts, name, strlen(name));
    }
    return names->text[at];
}

static void put_slices(struct json *j, struct pack *pack, struct html_texts *texts,
                       const struct summary *s, struct names *names, const struct slice *slice,
                       size_t n)
{
    int digits = digits_of(s);
    struct packed column;
    pack_begin(pack);
    for (size_t i = 0; i < n; i++)
        put_time(pack, html_since(s, slice[i].from_ns), digits);
    column = pack_end(pack, digits);
    json_packed(j, "start", &column);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++)
        put_time(pack, slice[i].to_ns - slice[i].from_ns, digits);
    column = pack_end(pack, digits);
    json_packed(j, "length", &column);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++)
        pack_int(pack, slice[i].depth);
    column = pack_end(pack, 0);
    json_packed(j, "depth", &column);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++)
        pack_int(pack, (int64_t)name_of(s, names, texts, slice[i].site));
    column = pack_end(pack, 0);
    json_packed(j, "scope", &column);
    pack_begin(pack);
    for (size_t i = 0; i < n; i++) {
        size_t category =
            names->category[slice[i].site < names->sites ? slice[i].site : names->sites];
        if (category == NO_TEXT)
            pack_unknown(pack);
        else
            pack_int(pack, (int64_t)category);
    }
    column = pack_end(pack, 0);
    json_packed(j, "category", &column);
    pack_cut(pack);
}

static void put_thread(struct json *j, struct pack *pack, struct html_texts *texts,
                       const struct summary *s, struct names *names, const struct slices *slices,
                       const struct slice_thread *t)
{
    const struct tacho_process *p = tacho_process_of(s->rec, t->thread->entity);
    struct buffer name = {0};
    const char *own = t->thread->name[0] != '\0' ? t->thread->name : p != NULL ? p->comm : "thread";
    text_put_terminal(&name, own, strlen(own), true);
    json_begin(j, NULL, '{');
    json_bytes(j, "name", name.data, name.len);
    json_number(j, "pid", p != NULL && p->pid != 0 ? (uint64_t)p->pid : SUMMARY_UNKNOWN);
    json_signed(j, "tid", t->thread->tid);
    json_number(j, "slices", t->count);
    json_seconds(j, "merged_s", slices->merged_ns);
    put_slices(j, pack, texts, s, names, &slices->slice[t->first], t->count);
    json_end(j, '}');
    pack->failed |= name.failed;
    buffer_done(&name);
}

int json_put_threads(struct json *j, struct pack *pack, struct html_texts *texts,
                     const struct summary *s, const struct scopes *scopes, size_t *ret_threads)
{
    struct names names = {0};
    struct slices slices = {0};
    int r = names_make(s, scopes, &names);
    if (r == 0)
        r = slices_make(s->rec, SLICES_MAX, &slices);
    json_begin(j, "categories", '[');
    for (size_t i = 0; i + 1 < scopes->categories; i++) {
        struct buffer name = {0};
        const char *category = scopes->category[scopes->by_time[i]].name;
        text_put_terminal(&name, category, strlen(category), true);
        json_bytes(j, NULL, name.data, name.len);
        buffer_done(&name);
    }
    json_end(j, ']');
    json_begin(j, "threads", '[');
    for (size_t i = 0; r == 0 && i < slices.threads; i++)
        put_thread(j, pack, texts, s, &names, &slices, &slices.thread[i]);
    json_end(j, ']');
    *ret_threads = r == 0 ? slices.threads : 0;
    slices_done(&slices);
    free(names.text);
    free(names.category);
    return r;
}
