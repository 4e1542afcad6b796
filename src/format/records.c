#include "format/records.h"

#include <errno.h>
#include <stddef.h>

/* The wire order of each type's fields: 'n' a number, 't' a text. One table encodes and decodes. */
struct field {
    char kind;
    uint16_t offset;
};

#define N(type, member)                             \
    {                                               \
        'n', offsetof(struct record_##type, member) \
    }
#define T(type, member)                             \
    {                                               \
        't', offsetof(struct record_##type, member) \
    }

static const struct field fact_fields[] = {
    T(fact, key), N(fact, type), N(fact, number), T(fact, text), {0}};
static const struct field metric_fields[] = {N(metric, kind),
                                             N(metric, position),
                                             N(metric, group),
                                             N(metric, cumulative),
                                             T(metric, name),
                                             T(metric, unit),
                                             {0}};
static const struct field entity_fields[] = {
    N(entity, entity), N(entity, kind), N(entity, time_ns), T(entity, name), {0}};
static const struct field birth_fields[] = {
    N(birth, entity),        N(birth, time_ns),       N(birth, pid),           N(birth, inner_pid),
    N(birth, parent_entity), N(birth, parent_pid),    N(birth, process_group), N(birth, session),
    N(birth, uid),           N(birth, start_boot_ns), N(birth, flags),         T(birth, comm),
    T(birth, exe),           T(birth, cwd),           T(birth, argv),          {0}};
static const struct field exec_fields[] = {N(exec, entity),
                                           N(exec, time_ns),
                                           N(exec, flags),
                                           T(exec, comm),
                                           T(exec, exe),
                                           T(exec, argv),
                                           {0}};
static const struct field exit_fields[] = {N(exit, entity),
                                           N(exit, time_ns),
                                           N(exit, flags),
                                           N(exit, status),
                                           N(exit, user_ns),
                                           N(exit, system_ns),
                                           N(exit, peak_rss_bytes),
                                           N(exit, minor_faults),
                                           N(exit, major_faults),
                                           N(exit, read_blocks),
                                           N(exit, write_blocks),
                                           N(exit, voluntary_switches),
                                           N(exit, involuntary_switches),
                                           {0}};
static const struct field anchor_fields[] = {
    N(anchor, mono_ns), N(anchor, real_ns), N(anchor, boot_ns), {0}};
static const struct field late_fields[] = {
    N(late, time_ns), N(late, late_ns), N(late, skipped), {0}};
static const struct field gap_fields[] = {N(gap, from_ns), N(gap, to_ns), N(gap, error), {0}};
static const struct field missing_fields[] = {
    N(missing, kind), N(missing, group), N(missing, error), N(missing, count), {0}};
static const struct field note_fields[] = {N(note, time_ns), T(note, text), {0}};
static const struct field look_fields[] = {N(look, entity),
                                           N(look, flags),
                                           N(look, inner_pid),
                                           N(look, process_group),
                                           N(look, session),
                                           N(look, uid),
                                           T(look, comm),
                                           T(look, exe),
                                           T(look, cwd),
                                           T(look, argv),
                                           {0}};
static const struct field account_fields[] = {N(account, entity),
                                              N(account, known),
                                              N(account, cpu_ns),
                                              N(account, user_ns),
                                              N(account, system_ns),
                                              N(account, children_user_ns),
                                              N(account, children_system_ns),
                                              N(account, peak_rss_bytes),
                                              N(account, minor_faults),
                                              N(account, major_faults),
                                              N(account, voluntary_switches),
                                              N(account, involuntary_switches),
                                              N(account, read_chars),
                                              N(account, write_chars),
                                              N(account, read_count),
                                              N(account, write_count),
                                              N(account, read_bytes),
                                              N(account, write_bytes),
                                              {0}};

static const struct field site_fields[] = {N(site, site), T(site, name), T(site, category), {0}};
static const struct field thread_fields[] = {N(thread, thread),
                                             N(thread, entity),
                                             N(thread, tid),
                                             N(thread, time_ns),
                                             N(thread, flags),
                                             T(thread, name),
                                             {0}};
static const struct field label_fields[] = {
    N(label, entity), N(label, thread), N(label, time_ns), T(label, text), {0}};
static const struct field total_fields[] = {
    N(total, entity), N(total, site), N(total, count), N(total, total_ns), {0}};
static const struct field lost_fields[] = {
    N(lost, entity), N(lost, scopes), N(lost, others), N(lost, unbalanced), {0}};

static const struct field *const layouts[] = {
    [RECORD_FACT] = fact_fields,       [RECORD_METRIC] = metric_fields,
    [RECORD_ENTITY] = entity_fields,   [RECORD_BIRTH] = birth_fields,
    [RECORD_EXEC] = exec_fields,       [RECORD_EXIT] = exit_fields,
    [RECORD_ANCHOR] = anchor_fields,   [RECORD_LATE] = late_fields,
    [RECORD_GAP] = gap_fields,         [RECORD_MISSING] = missing_fields,
    [RECORD_NOTE] = note_fields,       [RECORD_LOOK] = look_fields,
    [RECORD_ACCOUNT] = account_fields, [RECORD_SITE] = site_fields,
    [RECORD_THREAD] = thread_fields,   [RECORD_LABEL] = label_fields,
    [RECORD_TOTAL] = total_fields,     [RECORD_LOST] = lost_fields,
};

static const struct field *layout_of(uint64_t type)
{
    return type < sizeof layouts / sizeof layouts[0] ? layouts[type] : NULL;
}

/* All members of the union begin at the same address, so an offset within one is one within it. */
static const void *member(const struct record *record, const struct field *field)
{
    return (const uint8_t *)&record->fact + field->offset;
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

static size_t fields_size(const struct record *record, const struct field *fields)
{
    size_t n = 0;
    for (const struct field *f = fields; f->kind != 0; f++) {
        if (f->kind == 'n') {
            n += varint_size(*(const uint64_t *)member(record, f));
        } else {
            const struct span *text = member(record, f);
            n += varint_size(text->n) + text->n;
        }
    }
    return n;
}

void record_put(struct buffer *ret, const struct record *record)
{
    const struct field *fields = layout_of(record->type);
    if (fields == NULL)
        return;
    varint_put(ret, record->type);
    varint_put(ret, fields_size(record, fields));
    for (const struct field *f = fields; f->kind != 0; f++) {
        if (f->kind == 'n') {
            varint_put(ret, *(const uint64_t *)member(record, f));
        } else {
            const struct span *text = member(record, f);
            varint_put(ret, text->n);
            buffer_put(ret, text->bytes, text->n);
        }
    }
}

static struct span span_of(const void *bytes, size_t n)
{
    return (struct span){bytes, n};
}

void record_put_number(struct buffer *ret, const char *key, uint64_t number)
{
    record_put(ret, &(struct record){.type = RECORD_FACT,
                                     .fact = {.key = span_of(key, strlen(key)),
                                              .type = FACT_NUMBER,
                                              .number = number}});
}

void record_put_text(struct buffer *ret, const char *key, const void *text, size_t n)
{
    record_put(ret, &(struct record){.type = RECORD_FACT,
                                     .fact = {.key = span_of(key, strlen(key)),
                                              .type = FACT_TEXT,
                                              .text = span_of(text, n)}});
}

int record_next(struct cursor *payload, struct record *ret)
{
    if (cursor_left(payload) == 0)
        return 0;
    *ret = (struct record){.type = cursor_varint(payload)};
    uint64_t n = cursor_varint(payload);
    const uint8_t *bytes = cursor_bytes(payload, n);
    const struct field *fields = layout_of(ret->type);
    if (payload->bad)
        return -EPROTO;
    if (fields == NULL)
        return 1;
    struct cursor body = {bytes, bytes + n, false};
    for (const struct field *f = fields; f->kind != 0; f++) {
        uint8_t *to = (uint8_t *)&ret->fact + f->offset;
        uint64_t v = cursor_varint(&body);
        if (f->kind == 'n')
            memcpy(to, &v, sizeof v);
        else
            memcpy(to, &(struct span){cursor_bytes(&body, v), body.bad ? 0 : (size_t)v},
                   sizeof(struct span));
    }
    return body.bad ? -EPROTO : 1;
}
