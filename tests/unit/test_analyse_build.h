/*
 * Recordings with known contents, for the tests of analyse/ and report/: a story is told tick by
 * tick and written with format's encoder into a memfd.
 *
 *     struct story story;
 *     story_begin(&story, "launch");
 *     struct actor *make = story_birth(&story, 10, NULL, BIRTH_ROOT | BIRTH_FORKED, "make");
 *     story_tick(&story);
 *     actor_cpu(make, 5, 0), story_put(&story, make);
 *     …
 *     struct tacho_recording *rec = story_open(&story);
 */
#ifndef TEST_ANALYSE_BUILD_H
#define TEST_ANALYSE_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/recording.h>

#include "format/block.h"
#include "format/metric.h"
#include "format/records.h"
#include "format/samples.h"

#define MS UINT64_C(1000000)
#define KIB UINT64_C(1024)
#define MIB UINT64_C(1048576)
#define STORY_START_NS UINT64_C(5000000000)
#define STORY_REAL_NS UINT64_C(1700000000000000000) /* 2023-11-14T22:13:20Z */
#define STORY_RECORDER_PID 9

/* Something that is sampled. What is set of `value` is put at the next story_put, and gone. */
struct actor {
    uint32_t entity, pid;
    unsigned kind;
    struct track *track;
    uint64_t value[METRICS_MAX], known;
};

#define STORY_ACTORS 64

struct story {
    struct buffer file, journal;
    struct stage *processes, *overview;
    uint64_t sequence, now_ns, interval_ns;
    uint32_t next_entity;
    struct actor tree, recorder, machine;
    struct actor actor[STORY_ACTORS];
    unsigned actors, staged_ticks;
};

static inline struct span story_span(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static inline void story_number(struct story *s, const char *key, uint64_t number)
{
    record_put_number(&s->journal, key, number);
}

static inline void story_text(struct story *s, const char *key, const char *text)
{
    record_put_text(&s->journal, key, text, strlen(text));
}

static inline void story_block(struct story *s, unsigned type, unsigned flags, uint64_t first_ns,
                               uint64_t last_ns, const uint8_t *payload, size_t n)
{
    struct block_header header = {.type = (uint8_t)type,
                                  .flags = (uint8_t)flags,
                                  .sequence = s->sequence++,
                                  .first_ns = first_ns,
                                  .last_ns = last_ns};
    assert_int_equal(block_append(&s->file, &header, payload, n, NULL, NULL), 0);
}

static inline void story_flush_stage(struct story *s, struct stage *stage, unsigned type)
{
    struct buffer payload = {0};
    uint64_t first_ns, last_ns;
    if (stage_encode(stage, true, &payload, &first_ns, &last_ns) == 0)
        story_block(s, type, BLOCK_KEYFRAME, first_ns, last_ns, payload.data, payload.len);
    buffer_done(&payload);
}

static inline void story_flush(struct story *s)
{
    if (s->journal.len > 0)
        story_block(s, BLOCK_JOURNAL, 0, s->now_ns, s->now_ns, s->journal.data, s->journal.len);
    buffer_clear(&s->journal);
    story_flush_stage(s, s->overview, BLOCK_OVERVIEW);
    story_flush_stage(s, s->processes, BLOCK_PROCESSES);
    s->staged_ticks = 0;
}

static inline void story_metrics(struct story *s)
{
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind)) {
        const struct kind_info *info = kind_info(kind);
        for (unsigned i = 0; i < info->metric_count; i++)
            record_put(&s->journal,
                       &(struct record){.type = RECORD_METRIC,
                                        .metric = {.kind = kind,
                                                   .position = i,
                                                   .group = info->metrics[i].group,
                                                   .cumulative = info->metrics[i].cumulative,
                                                   .name = story_span(info->metrics[i].name),
                                                   .unit = story_span(info->metrics[i].unit)}});
    }
}

static inline void story_entity(struct story *s, struct actor *a, unsigned kind)
{
    *a = (struct actor){.entity = s->next_entity++, .kind = kind};
    a->track = stage_add(kind == ENTITY_PROCESS ? s->processes : s->overview, a->entity, kind);
    assert_non_null(a->track);
    if (kind != ENTITY_PROCESS)
        record_put(
            &s->journal,
            &(struct record){.type = RECORD_ENTITY,
                             .entity = {.entity = a->entity, .kind = kind, .time_ns = s->now_ns}});
}

/* `target`: launch, attach, machine. Two processors, a tick every 100 ms. */
static inline void story_begin(struct story *s, const char *target)
{
    *s = (struct story){.now_ns = STORY_START_NS, .interval_ns = 100 * MS, .next_entity = 1};
    s->processes = stage_new(ENTITY_PROCESS, s->interval_ns, 0);
    s->overview = stage_new(0, s->interval_ns, 0);
    assert_non_null(s->processes);
    assert_non_null(s->overview);
    record_put(&s->journal, &(struct record){.type = RECORD_ANCHOR,
                                             .anchor = {.mono_ns = STORY_START_NS,
                                                        .real_ns = STORY_REAL_NS,
                                                        .boot_ns = STORY_START_NS}});
    story_metrics(s);
    story_text(s, "target", target);
    story_text(s, "follow", "poll");
    story_text(s, "hostname", "node-07");
    story_number(s, "interval_ns", s->interval_ns);
    story_number(s, "started_ns", STORY_START_NS);
    story_number(s, "started_real_ns", STORY_REAL_NS);
    story_number(s, "processors", 2);
    story_number(s, "memory_bytes", 8 * KIB * MIB);
    story_number(s, "recorder_pid", STORY_RECORDER_PID);
    story_entity(s, &s->tree, ENTITY_TREE);
    story_entity(s, &s->recorder, ENTITY_RECORDER);
    story_entity(s, &s->machine, ENTITY_MACHINE);
}

static inline void story_done(struct story *s)
{
    buffer_done(&s->file);
    buffer_done(&s->journal);
    stage_free(s->processes);
    stage_free(s->overview);
}

/* `argv` is NUL-separated, `argv_bytes` long. */
static inline struct actor *story_birth_argv(struct story *s, uint32_t pid,
                                             const struct actor *parent, uint64_t flags,
                                             const char *comm, const char *argv, size_t argv_bytes)
{
    assert_true(s->actors < STORY_ACTORS);
    struct actor *a = &s->actor[s->actors++];
    story_entity(s, a, ENTITY_PROCESS);
    a->pid = pid;
    record_put(
        &s->journal,
        &(struct record){.type = RECORD_BIRTH,
                         .birth = {.entity = a->entity,
                                   .time_ns = s->now_ns,
                                   .pid = pid,
                                   .parent_entity = parent == NULL ? 0 : parent->entity,
                                   .parent_pid = parent == NULL ? STORY_RECORDER_PID : parent->pid,
                                   .start_boot_ns = s->now_ns,
                                   .flags = flags,
                                   .comm = story_span(comm),
                                   .argv = {(const uint8_t *)argv, argv_bytes}}});
    return a;
}

static inline struct actor *story_birth(struct story *s, uint32_t pid, const struct actor *parent,
                                        uint64_t flags, const char *comm)
{
    return story_birth_argv(s, pid, parent, flags, comm, comm, strlen(comm) + 1);
}

static inline void story_exit(struct story *s, struct actor *a, const struct record_exit *exit)
{
    struct record r = {.type = RECORD_EXIT, .exit = *exit};
    r.exit.entity = a->entity;
    r.exit.time_ns = s->now_ns;
    record_put(&s->journal, &r);
    stage_remove(s->processes, a->track);
    a->track = NULL;
}

/* The end of one nobody waited for as far as is known: polling found it gone. */
static inline void story_gone(struct story *s, struct actor *a)
{
    story_exit(s, a, &(struct record_exit){0});
}

static inline void story_tick(struct story *s)
{
    if (s->staged_ticks++ == 10)
        story_flush(s);
    s->now_ns += s->interval_ns;
    assert_int_equal(stage_tick(s->processes, s->now_ns), 0);
    assert_int_equal(stage_tick(s->overview, s->now_ns), 0);
}

static inline void actor_set(struct actor *a, unsigned metric, uint64_t value)
{
    a->value[metric] = value;
    a->known |= UINT64_C(1) << metric;
}

/* Puts what was set: the groups of those metrics are sampled, the rest of them missing. */
static inline void story_put(struct story *s, struct actor *a)
{
    uint32_t groups = 0;
    for (unsigned g = 0; g < kind_info(a->kind)->group_count; g++)
        if ((kind_group_mask(a->kind, g) & a->known) != 0)
            groups |= 1u << g;
    struct stage *stage = a->kind == ENTITY_PROCESS ? s->processes : s->overview;
    assert_int_equal(stage_put(stage, a->track, groups, false, a->value, a->known), 0);
    a->known = 0;
}

/* CPU of its own and of its children in ms, all of it in user mode. */
static inline void actor_cpu(struct actor *a, uint64_t own_ms, uint64_t children_ms)
{
    actor_set(a, PROCESS_CPU, own_ms * MS);
    actor_set(a, PROCESS_USER, own_ms / 10 * 10 * MS);
    actor_set(a, PROCESS_SYSTEM, 0);
    actor_set(a, PROCESS_CHILDREN_USER, children_ms / 10 * 10 * MS);
    actor_set(a, PROCESS_CHILDREN_SYSTEM, 0);
    actor_set(a, PROCESS_THREADS, 1);
}

static inline void story_reaped(struct story *s, uint64_t user_ms, uint64_t system_ms)
{
    actor_set(&s->tree, TREE_REAPED_USER, user_ms * MS);
    actor_set(&s->tree, TREE_REAPED_SYSTEM, system_ms * MS);
}

/* The recorder's last words; without them it was killed. */
static inline void story_end(struct story *s, uint64_t user_ms, uint64_t system_ms)
{
    story_number(s, "reaped_user_ns", user_ms * MS);
    story_number(s, "reaped_system_ns", system_ms * MS);
    story_number(s, "recorder_cpu_ns", 12 * MS);
    story_number(s, "recorder_peak_rss_bytes", 3 * MIB);
    story_text(s, "end_reason", "ended");
    story_number(s, "wall_ns", s->now_ns - STORY_START_NS);
    story_number(s, "ended_ns", s->now_ns);
}

static inline struct tacho_recording *story_open(struct story *s)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    story_flush(s);
    int fd = memfd_create("story", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t at = 0; at < s->file.len;) {
        ssize_t n = write(fd, s->file.data + at, s->file.len - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    if (tacho_recording_open_fd(fd, &rec, &error) != 0)
        fail_msg("%s", error.message);
    return rec;
}

#endif
