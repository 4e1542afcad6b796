/*
 * A trace of Perfetto, in protobuf: https://perfetto.dev/docs/reference/synthetic-track-event. Field
 * numbers are those of Perfetto's own .proto files; what is used of them stands in
 * tests/cli/perfetto.proto, with which the tests decode what is written here.
 *
 * Names and categories of scopes are told once and then referred to. All packets are of one sequence.
 * Times are those of the recording: they are said to be CLOCK_BOOTTIME, which is what viewers count
 * by unless told otherwise, with the wall clock beside it.
 */
#include <string.h>

#include "export/protobuf.h"
#include "export/trace.h"

enum { TRACE_PACKET = 1 };

enum {
    PACKET_CLOCK_SNAPSHOT = 6,
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE_ID = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_INTERNED = 12,
    PACKET_SEQUENCE_FLAGS = 13,
    PACKET_TRACK_DESCRIPTOR = 60
};
enum { SEQUENCE_CLEARED = 1, SEQUENCE_NEEDS_STATE = 2 };

enum { SNAPSHOT_CLOCKS = 1, CLOCK_ID = 1, CLOCK_TIMESTAMP = 2, REALTIME_ID = 1, BOOTTIME_ID = 6 };

enum { INTERNED_CATEGORIES = 1, INTERNED_NAMES = 2, INTERNED_IID = 1, INTERNED_TEXT = 2 };

enum { TRACK_UUID = 1, TRACK_NAME, TRACK_PROCESS, TRACK_THREAD, TRACK_PARENT, TRACK_COUNTER = 8 };
enum { PROCESS_PID = 1, PROCESS_CMDLINE, PROCESS_NAME = 6, PROCESS_START = 7 };
enum { THREAD_PID = 1, THREAD_TID, THREAD_NAME = 5 };
enum { COUNTER_UNIT = 3, COUNTER_UNIT_NAME = 6, UNIT_COUNT = 2, UNIT_BYTES = 3 };

enum {
    EVENT_CATEGORY_IID = 3,
    EVENT_TYPE = 9,
    EVENT_NAME_IID = 10,
    EVENT_TRACK = 11,
    EVENT_CATEGORY = 22,
    EVENT_NAME = 23,
    EVENT_COUNTER = 30,
    EVENT_COUNTER_DOUBLE = 44
};
enum { TYPE_BEGIN = 1, TYPE_END, TYPE_INSTANT, TYPE_COUNTER };

/* Tracks of different kinds have different numbers; all stay short as varints. */
static uint64_t process_uuid(uint32_t entity)
{
    return (uint64_t)entity * 4 + 1;
}
static uint64_t thread_uuid(uint32_t thread)
{
    return (uint64_t)thread * 4 + 2;
}
static uint64_t counter_uuid(uint32_t counter)
{
    return (uint64_t)counter * 4 + 3;
}

static size_t open_packet(struct buffer *out)
{
    size_t packet = protobuf_open(out, TRACE_PACKET);
    protobuf_put_number(out, PACKET_SEQUENCE_ID, 1);
    return packet;
}

struct event {
    size_t packet, event;
};

static struct event open_event(struct buffer *out, uint64_t time_ns, unsigned type, uint64_t track)
{
    struct event e;
    e.packet = open_packet(out);
    protobuf_put_number(out, PACKET_TIMESTAMP, time_ns);
    if (type == TYPE_BEGIN)
        protobuf_put_number(out, PACKET_SEQUENCE_FLAGS, SEQUENCE_NEEDS_STATE);
    e.event = protobuf_open(out, PACKET_TRACK_EVENT);
    protobuf_put_number(out, EVENT_TYPE, type);
    if (track != 0)
        protobuf_put_number(out, EVENT_TRACK, track);
    return e;
}

static void close_event(struct buffer *out, struct event e)
{
    protobuf_close(out, e.event);
    protobuf_close(out, e.packet);
}

static void put_clock(struct buffer *out, unsigned id, uint64_t ns)
{
    size_t clock = protobuf_open(out, SNAPSHOT_CLOCKS);
    protobuf_put_number(out, CLOCK_ID, id);
    protobuf_put_number(out, CLOCK_TIMESTAMP, ns);
    protobuf_close(out, clock);
}

static void put_interned(struct buffer *out, unsigned field, uint64_t iid, const char *text)
{
    size_t interned = protobuf_open(out, field);
    protobuf_put_number(out, INTERNED_IID, iid);
    protobuf_put_text(out, INTERNED_TEXT, text);
    protobuf_close(out, interned);
}

/* A site's place + 1 is the number of its name, and of its category. */
static void put_sites(const struct tacho_recording *rec, struct buffer *out)
{
    for (size_t i = 0; i < tacho_site_count(rec); i++) {
        const struct tacho_site *site = tacho_site(rec, i);
        size_t packet = open_packet(out);
        size_t interned = protobuf_open(out, PACKET_INTERNED);
        put_interned(out, INTERNED_NAMES, i + 1, site->name);
        if (site->category[0] != '\0')
            put_interned(out, INTERNED_CATEGORIES, i + 1, site->category);
        protobuf_close(out, interned);
        protobuf_close(out, packet);
    }
}

static void perfetto_begin(struct trace *t, struct buffer *out)
{
    uint64_t start_ns = trace_start_ns(t), real_ns = tacho_real_ns(trace_recording(t), start_ns);
    size_t packet = open_packet(out);
    protobuf_put_number(out, PACKET_SEQUENCE_FLAGS, SEQUENCE_CLEARED);
    size_t snapshot = protobuf_open(out, PACKET_CLOCK_SNAPSHOT);
    put_clock(out, BOOTTIME_ID, start_ns);
    if (real_ns != 0)
        put_clock(out, REALTIME_ID, real_ns);
    protobuf_close(out, snapshot);
    protobuf_close(out, packet);
    put_sites(trace_recording(t), out);
}

static void put_life(struct buffer *out, const struct trace_process *process)
{
    uint64_t track = process_uuid(process->process->entity);
    struct event begin = open_event(out, process->from_ns, TYPE_BEGIN, track);
    protobuf_put_text(out, EVENT_CATEGORY, "process");
    protobuf_put_text(out, EVENT_NAME, process->process->comm);
    close_event(out, begin);
    close_event(out, open_event(out, process->to_ns, TYPE_END, track));
}

static void perfetto_process(struct trace *t, struct buffer *out,
                             const struct trace_process *process)
{
    (void)t;
    const struct tacho_process *p = process->process;
    size_t packet = open_packet(out), track = protobuf_open(out, PACKET_TRACK_DESCRIPTOR);
    protobuf_put_number(out, TRACK_UUID, process_uuid(p->entity));
    size_t described = protobuf_open(out, TRACK_PROCESS);
    protobuf_put_number(out, PROCESS_PID, process->pid);
    for (size_t at = 0; at < p->argv_bytes; at += strlen(p->argv + at) + 1)
        protobuf_put_text(out, PROCESS_CMDLINE, p->argv + at);
    protobuf_put_text(out, PROCESS_NAME, p->comm);
    protobuf_put_number(out, PROCESS_START, process->from_ns);
    protobuf_close(out, described);
    protobuf_close(out, track);
    protobuf_close(out, packet);
    put_life(out, process);
}

static void perfetto_thread(struct trace *t, struct buffer *out, const struct trace_thread *thread)
{
    (void)t;
    size_t packet = open_packet(out), track = protobuf_open(out, PACKET_TRACK_DESCRIPTOR);
    protobuf_put_number(out, TRACK_UUID, thread_uuid(thread->thread->id));
    size_t described = protobuf_open(out, TRACK_THREAD);
    protobuf_put_number(out, THREAD_PID, thread->pid);
    protobuf_put_number(out, THREAD_TID, thread->tid);
    if (thread->thread->name[0] != '\0')
        protobuf_put_text(out, THREAD_NAME, thread->thread->name);
    protobuf_close(out, described);
    protobuf_close(out, track);
    protobuf_close(out, packet);
}

static void perfetto_scope_begin(struct trace *t, struct buffer *out,
                                 const struct trace_scope *scope)
{
    (void)t;
    struct event e =
        open_event(out, scope->frame->begin_ns, TYPE_BEGIN, thread_uuid(scope->thread.thread->id));
    if (scope->site == NULL)
        protobuf_put_text(out, EVENT_NAME, "(lost)");
    else
        protobuf_put_number(out, EVENT_NAME_IID, scope->frame->site + UINT64_C(1));
    if (scope->site != NULL && scope->site->category[0] != '\0')
        protobuf_put_number(out, EVENT_CATEGORY_IID, scope->frame->site + UINT64_C(1));
    close_event(out, e);
}

static void perfetto_scope_end(struct trace *t, struct buffer *out, const struct trace_scope *scope)
{
    (void)t;
    uint64_t end_ns = scope->frame->begin_ns + scope_duration(scope->frame, scope->end);
    close_event(out, open_event(out, end_ns, TYPE_END, thread_uuid(scope->thread.thread->id)));
}

static void describe_counter(struct buffer *out, const struct trace_value *value)
{
    size_t packet = open_packet(out), track = protobuf_open(out, PACKET_TRACK_DESCRIPTOR);
    protobuf_put_number(out, TRACK_UUID, counter_uuid(value->number));
    if (value->entity != 0)
        protobuf_put_number(out, TRACK_PARENT, process_uuid(value->entity));
    protobuf_put_text(out, TRACK_NAME, value->name);
    size_t counter = protobuf_open(out, TRACK_COUNTER);
    if (strcmp(value->unit, "bytes") == 0)
        protobuf_put_number(out, COUNTER_UNIT, UNIT_BYTES);
    else if (strcmp(value->unit, "count") == 0)
        protobuf_put_number(out, COUNTER_UNIT, UNIT_COUNT);
    else if (value->unit[0] != '\0')
        protobuf_put_text(out, COUNTER_UNIT_NAME, value->unit);
    protobuf_close(out, counter);
    protobuf_close(out, track);
    protobuf_close(out, packet);
}

static void perfetto_value(struct trace *t, struct buffer *out, const struct trace_value *value)
{
    (void)t;
    if (value->first)
        describe_counter(out, value);
    struct event e = open_event(out, value->time_ns, TYPE_COUNTER, counter_uuid(value->number));
    const struct cell *cell = &value->value;
    if (cell->type == CELL_REAL)
        protobuf_put_double(out, EVENT_COUNTER_DOUBLE, cell->real);
    else if (cell->type == CELL_HUNDREDTHS)
        protobuf_put_double(out, EVENT_COUNTER_DOUBLE, (double)cell->number / 100);
    else
        protobuf_put_number(out, EVENT_COUNTER, cell->number);
    close_event(out, e);
}

static void perfetto_label(struct trace *t, struct buffer *out, const struct trace_label *label)
{
    (void)t;
    uint64_t track = label->tid != 0             ? thread_uuid(label->label->thread)
                     : label->label->entity != 0 ? process_uuid(label->label->entity)
                                                 : 0;
    struct event e = open_event(out, label->label->time_ns, TYPE_INSTANT, track);
    protobuf_put_text(out, EVENT_CATEGORY, "label");
    protobuf_put_text(out, EVENT_NAME, label->label->text);
    close_event(out, e);
}

static void perfetto_end(struct trace *t, struct buffer *out)
{
    (void)t, (void)out;
}

static int perfetto_whole(struct export *export)
{
    static const struct trace_writer writer = {.begin = perfetto_begin,
                                               .process = perfetto_process,
                                               .thread = perfetto_thread,
                                               .scope_begin = perfetto_scope_begin,
                                               .scope_end = perfetto_scope_end,
                                               .value = perfetto_value,
                                               .label = perfetto_label,
                                               .end = perfetto_end};
    return trace_run(export, &writer, NULL);
}

const struct export_format export_perfetto = {.name = "perfetto", .whole = perfetto_whole};
