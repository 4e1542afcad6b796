/*
 * speedscope's own format, https://www.speedscope.app/file-format-schema.json: a profile for each thread
 * that had scopes, of openings and closings in order of time, in nanoseconds since the start of
 * the recording. A thread's events must stand together, marks come by turns: they wait in a spool.
 */
#include <errno.h>
#include <string.h>

#include "analyse/scope_stacks.h"
#include "base/text.h"
#include "export/digits.h"
#include "export/export_table.h"
#include "export/spool.h"

struct speedscope {
    struct export *export;
    struct spool spool;
    struct buffer event;
    struct map threads; /* id -> place in the spool */
    size_t places;
};

static struct buffer *out_of(struct speedscope *s)
{
    return &s->export->drain.buffer;
}

static void put_number(struct buffer *out, const char *key, uint64_t number)
{
    char digits[DIGITS_MAX];
    buffer_put_text(out, key);
    buffer_put(out, digits, (size_t)(digits_write(digits, number) - digits));
}

static uint64_t since_start(const struct speedscope *s, uint64_t time_ns)
{
    return time_ns > s->export->start_ns ? time_ns - s->export->start_ns : 0;
}

/* The place of a site is its frame; that of sites that are lost follows them. */
static int put_frames(struct speedscope *s)
{
    struct buffer *out = out_of(s);
    const struct tacho_recording *rec = s->export->rec;
    size_t n = tacho_site_count(rec);
    buffer_put_text(out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
                         "\"exporter\":\"tacho\",\"shared\":{\"frames\":[\n");
    for (size_t i = 0; i <= n; i++) {
        const struct tacho_site *site = i < n ? tacho_site(rec, i) : NULL;
        const char *name = site == NULL ? "(lost)" : site->name;
        buffer_put_text(out, i == 0 ? "{\"name\":" : ",\n{\"name\":");
        text_put_json(out, name, strlen(name));
        if (site != NULL && site->category[0] != '\0') {
            buffer_put_text(out, ",\"file\":");
            text_put_json(out, site->category, strlen(site->category));
        }
        buffer_put_byte(out, '}');
        int r = drain_row(&s->export->drain);
        if (r < 0)
            return r;
    }
    buffer_put_text(out, "\n]},\"profiles\":[");
    return 0;
}

static int put_event(struct speedscope *s, const struct scope_thread *t, char type, uint32_t frame,
                     uint64_t time_ns)
{
    const uint64_t *known = map_get(&s->threads, t->thread->id);
    size_t place = known != NULL ? (size_t)*known : s->places++;
    if (known == NULL && map_put(&s->threads, t->thread->id, place) != 0)
        return -ENOMEM;
    const char head[] = {'\n', '{', '"', 't', 'y', 'p', 'e', '"', ':', '"', type, '"'};
    buffer_clear(&s->event);
    if (known != NULL)
        buffer_put_byte(&s->event, ',');
    buffer_put(&s->event, head, sizeof head);
    put_number(&s->event, ",\"frame\":", frame);
    put_number(&s->event, ",\"at\":", since_start(s, time_ns));
    buffer_put_byte(&s->event, '}');
    if (s->event.failed)
        return -ENOMEM;
    s->export->now_ns = time_ns;
    return spool_put(&s->spool, place, s->event.data, s->event.len);
}

static int on_begin(void *user, struct scope_thread *t, struct scope_frame *frame)
{
    return put_event(user, t, 'O', frame->site, frame->begin_ns);
}

static int on_end(void *user, struct scope_thread *t, struct scope_frame *frame,
                  const struct scope_end *end)
{
    return put_event(user, t, 'C', frame->site, frame->begin_ns + scope_duration(frame, end));
}

static int put_piece(void *user, const void *bytes, size_t n)
{
    struct speedscope *s = user;
    buffer_put(out_of(s), bytes, n);
    return drain_row(&s->export->drain);
}

/* "solver 4711, worker (4712)" */
static void put_thread_name(struct speedscope *s, const struct tacho_marking_thread *thread)
{
    const struct tacho_process *p = tacho_process_of(s->export->rec, thread->entity);
    buffer_clear(&s->event);
    buffer_printf(&s->event, "%s", p == NULL ? "unknown process" : p->comm);
    if (p != NULL && p->pid > 0)
        buffer_printf(&s->event, " %d", p->pid);
    if (p == NULL || p->pid != thread->tid || thread->name[0] != '\0')
        buffer_printf(&s->event, ", %s (%d)", thread->name[0] == '\0' ? "thread" : thread->name,
                      thread->tid);
    text_put_json(out_of(s), s->event.data, s->event.len);
    out_of(s)->failed |= s->event.failed;
}

static int put_profile(struct speedscope *s, const struct tacho_marking_thread *thread,
                       size_t place)
{
    struct buffer *out = out_of(s);
    buffer_put_text(out, "\n{\"type\":\"evented\",\"unit\":\"nanoseconds\",\"name\":");
    put_thread_name(s, thread);
    put_number(out, ",\"startValue\":", 0);
    put_number(out, ",\"endValue\":", since_start(s, tacho_last_ns(s->export->rec)));
    buffer_put_text(out, ",\"events\":[");
    return spool_read(&s->spool, place, s, put_piece);
}

static int put_profiles(struct speedscope *s)
{
    const struct tacho_recording *rec = s->export->rec;
    int r = 0;
    for (size_t i = 0, n = 0; r == 0 && i < tacho_marking_thread_count(rec); i++) {
        const struct tacho_marking_thread *thread = tacho_marking_thread(rec, i);
        const uint64_t *place = map_get(&s->threads, thread->id);
        if (place == NULL)
            continue;
        if (n++ > 0)
            buffer_put_byte(out_of(s), ',');
        r = put_profile(s, thread, (size_t)*place);
        buffer_put_text(out_of(s), "]}");
    }
    return r;
}

static int put_all(struct speedscope *s)
{
    const struct scope_listener listener = {.user = s, .begin = on_begin, .end = on_end};
    struct scope_losses losses;
    int r = put_frames(s);
    if (r == 0)
        r = scope_stacks_run(s->export->rec, &listener, &losses);
    if (r == 0)
        r = put_profiles(s);
    if (r < 0)
        return r;
    buffer_put_text(out_of(s), "\n]}\n");
    return drain_flush(&s->export->drain);
}

static int speedscope_whole(struct export *export)
{
    struct speedscope s = {.export = export, .spool = {.fd = -1}};
    int r = put_all(&s);
    spool_done(&s.spool);
    map_done(&s.threads);
    buffer_done(&s.event);
    return r;
}

const struct export_format export_speedscope = {
    .name = "speedscope", .whole = speedscope_whole, .needs_marks = true};
