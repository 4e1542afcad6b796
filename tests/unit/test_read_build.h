/*
 * Recordings for the tests of read/, made with format's encoder, and what a reader should say of them.
 * All of it is seeded: a failure comes again.
 */
#ifndef TEST_READ_BUILD_H
#define TEST_READ_BUILD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/recording.h>

#include "config.h"
#include "format/block.h"
#include "format/metric.h"
#include "format/records.h"
#include "format/samples.h"

/* ---- chance ---- */

static inline uint64_t chance(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static inline uint64_t below(uint64_t *state, uint64_t n)
{
    return chance(state) % n;
}

/* ---- a recording being made ---- */

/* What a walk should give out, and the end of the block it lies in. */
struct expected {
    uint64_t time_ns;
    uint32_t entity;
    unsigned kind;
    bool idle;
    uint64_t known, fresh;
    uint64_t value[METRICS_MAX];
    size_t block_end; /* 0 until it is written */
};

#define BLOCKS_MAX 4096

struct made {
    struct buffer file;
    struct buffer journal;
    struct stage *processes, *overview;
    const struct codec *codec;
    void *compressor;
    uint64_t sequence, now_ns, interval_ns;
    size_t block_end[BLOCKS_MAX];
    uint8_t block_type[BLOCKS_MAX], block_flags[BLOCKS_MAX];
    size_t blocks;
    struct expected *expected;
    size_t expected_count, expected_cap;
};

static inline struct span span_text(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static inline void made_init(struct made *m, const struct codec *codec)
{
    *m = (struct made){.codec = codec, .now_ns = 5000000000, .interval_ns = 100000000};
    m->processes = stage_new(ENTITY_PROCESS, m->interval_ns, 0);
    m->overview = stage_new(0, m->interval_ns, 0);
    m->compressor = codec != NULL ? codec->compressor_new() : NULL;
    assert_non_null(m->processes);
    assert_non_null(m->overview);
}

static inline void made_done(struct made *m)
{
    buffer_done(&m->file);
    buffer_done(&m->journal);
    stage_free(m->processes);
    stage_free(m->overview);
    if (m->codec != NULL)
        m->codec->compressor_free(m->compressor);
    free(m->expected);
}

static inline void made_block(struct made *m, unsigned type, unsigned flags, uint64_t first_ns,
                              uint64_t last_ns, const uint8_t *payload, size_t n)
{
    struct block_header header = {.type = (uint8_t)type,
                                  .flags = (uint8_t)flags,
                                  .sequence = m->sequence++,
                                  .first_ns = first_ns,
                                  .last_ns = last_ns};
    assert_int_equal(block_append(&m->file, &header, payload, n, m->codec, m->compressor), 0);
    assert_true(m->blocks < BLOCKS_MAX);
    m->block_type[m->blocks] = (uint8_t)type;
    m->block_flags[m->blocks] = (uint8_t)flags;
    m->block_end[m->blocks++] = m->file.len;
}

/* What was put into the journal becomes a block. */
static inline void made_journal(struct made *m)
{
    if (m->journal.len > 0)
        made_block(m, BLOCK_JOURNAL, 0, m->now_ns, m->now_ns, m->journal.data, m->journal.len);
    buffer_clear(&m->journal);
}

static inline void made_metrics(struct made *m)
{
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind)) {
        const struct kind_info *info = kind_info(kind);
        for (unsigned i = 0; i < info->metric_count; i++)
            record_put(&m->journal,
                       &(struct record){.type = RECORD_METRIC,
                                        .metric = {.kind = kind,
                                                   .position = i,
                                                   .group = info->metrics[i].group,
                                                   .cumulative = info->metrics[i].cumulative,
                                                   .name = span_text(info->metrics[i].name),
                                                   .unit = span_text(info->metrics[i].unit)}});
    }
}

static inline void made_entity(struct made *m, uint32_t entity, unsigned kind, const char *name)
{
    record_put(&m->journal, &(struct record){.type = RECORD_ENTITY,
                                             .entity = {.entity = entity,
                                                        .kind = kind,
                                                        .time_ns = m->now_ns,
                                                        .name = span_text(name)}});
}

static inline void made_birth(struct made *m, uint32_t entity, const char *comm)
{
    record_put(&m->journal, &(struct record){.type = RECORD_BIRTH,
                                             .birth = {.entity = entity,
                                                       .time_ns = m->now_ns,
                                                       .pid = 1000 + entity,
                                                       .comm = span_text(comm),
                                                       .argv = {(const uint8_t *)"a\0b", 4}}});
}

static inline void made_exit(struct made *m, uint32_t entity)
{
    record_put(&m->journal, &(struct record){.type = RECORD_EXIT,
                                             .exit = {.entity = entity, .time_ns = m->now_ns}});
}

static inline void made_samples(struct made *m, bool processes, bool keyframe)
{
    struct stage *stage = processes ? m->processes : m->overview;
    struct buffer payload = {0};
    uint64_t first_ns, last_ns;
    if (stage_encode(stage, keyframe, &payload, &first_ns, &last_ns) == 0)
        made_block(m, processes ? BLOCK_PROCESSES : BLOCK_OVERVIEW, keyframe ? BLOCK_KEYFRAME : 0,
                   first_ns, last_ns, payload.data, payload.len);
    buffer_done(&payload);
    for (size_t i = m->expected_count; i-- > 0;) {
        struct expected *e = &m->expected[i];
        if (e->block_end == 0 && (e->kind == ENTITY_PROCESS) == processes)
            e->block_end = m->file.len;
        else if (e->block_end != 0 && e->time_ns < first_ns)
            break;
    }
}

static inline void made_flush(struct made *m, bool keyframe)
{
    made_journal(m);
    made_samples(m, false, keyframe);
    made_samples(m, true, keyframe);
}

static inline void made_tick(struct made *m, uint64_t now_ns)
{
    m->now_ns = now_ns;
    assert_int_equal(stage_tick(m->processes, now_ns), 0);
    assert_int_equal(stage_tick(m->overview, now_ns), 0);
}

static inline void made_expect(struct made *m, const struct expected *e)
{
    if (m->expected_count == m->expected_cap) {
        m->expected_cap = m->expected_cap * 2 + 1024;
        m->expected = realloc(m->expected, m->expected_cap * sizeof *m->expected);
        assert_non_null(m->expected);
    }
    m->expected[m->expected_count++] = *e;
}

/* ---- entities that change by chance ---- */

struct actor {
    struct track *track;
    struct expected now; /* its carried state */
};

static inline void actor_begin(struct made *m, struct actor *a, uint32_t entity, unsigned kind)
{
    struct stage *stage = kind == ENTITY_PROCESS ? m->processes : m->overview;
    *a = (struct actor){.track = stage_add(stage, entity, kind),
                        .now = {.entity = entity, .kind = kind}};
    assert_non_null(a->track);
}

static inline uint64_t changed_value(uint64_t *state, uint64_t value)
{
    switch (below(state, 40)) {
    case 0: return chance(state);
    case 1: return 0;
    case 2: return UINT64_MAX - below(state, 2);
    case 3: return value + (UINT64_C(1) << 63);
    case 4: return value - below(state, 100000);
    case 5:
    case 6:
    case 7:
    case 8: return value + below(state, 5000000);
    default: return value;
    }
}

/* Samples the actor at the current tick and notes what a reader should see. */
static inline void actor_sample(struct made *m, struct actor *a, uint64_t *state)
{
    const struct kind_info *info = kind_info(a->now.kind);
    uint64_t value[METRICS_MAX], known = 0, sampled = 0;
    uint32_t groups = 0;
    for (unsigned g = 0; g < info->group_count; g++)
        if (below(state, g < 3 ? 8 : 3) != 0) {
            groups |= 1u << g;
            sampled |= kind_group_mask(a->now.kind, g);
        }
    bool idle = a->now.kind == ENTITY_PROCESS && below(state, 4) == 0;
    if (idle && below(state, 2) == 0)
        groups = 0, sampled = 0;
    for (unsigned i = 0; i < info->metric_count; i++) {
        value[i] = changed_value(state, a->now.value[i]);
        /* Some metrics are missing often, most never. */
        if (i % 5 == 3 ? below(state, 3) != 0 : below(state, 200) != 0)
            known |= UINT64_C(1) << i;
    }
    known &= sampled;
    a->now.known = (a->now.known & ~sampled) | known;
    for (unsigned i = 0; i < info->metric_count; i++)
        if ((known >> i & 1) != 0)
            a->now.value[i] = value[i];
    a->now.time_ns = m->now_ns;
    a->now.idle = idle;
    a->now.fresh = known;
    struct stage *stage = a->now.kind == ENTITY_PROCESS ? m->processes : m->overview;
    assert_int_equal(stage_put(stage, a->track, groups, idle, value, known), 0);
    made_expect(m, &a->now);
}

#define OVERVIEW_ACTORS 5
#define PROCESS_ACTORS 40

struct play {
    uint64_t state;
    struct actor overview[OVERVIEW_ACTORS];
    struct actor process[PROCESS_ACTORS]; /* track NULL: not there; in order of id */
    uint32_t next_entity;
};

static inline void play_begin(struct made *m, struct play *p, uint64_t seed)
{
    static const unsigned kinds[OVERVIEW_ACTORS] = {ENTITY_TREE, ENTITY_RECORDER, ENTITY_MACHINE,
                                                    ENTITY_PROCESSOR, ENTITY_PROCESSOR};
    static const char *const names[OVERVIEW_ACTORS] = {"", "", "", "0", "1"};
    *p = (struct play){.state = seed, .next_entity = 1};
    made_metrics(m);
    for (unsigned i = 0; i < OVERVIEW_ACTORS; i++) {
        made_entity(m, p->next_entity, kinds[i], names[i]);
        actor_begin(m, &p->overview[i], p->next_entity++, kinds[i]);
    }
}

static inline void play_births(struct made *m, struct play *p, unsigned living)
{
    size_t n = 0;
    for (size_t i = 0; i < PROCESS_ACTORS; i++) {
        struct actor a = p->process[i];
        if (a.track == NULL)
            continue;
        if (below(&p->state, 60) == 0) {
            made_exit(m, a.now.entity);
            stage_remove(m->processes, a.track);
            continue;
        }
        p->process[n++] = a;
    }
    memset(&p->process[n], 0, (PROCESS_ACTORS - n) * sizeof p->process[0]);
    while (n < living && below(&p->state, 3) != 0) {
        p->next_entity += 1 + (uint32_t)below(&p->state, 3);
        made_birth(m, p->next_entity, "worker");
        actor_begin(m, &p->process[n++], p->next_entity, ENTITY_PROCESS);
    }
}

static inline void play_tick(struct made *m, struct play *p, unsigned living)
{
    uint64_t jitter = below(&p->state, 3) == 0 ? below(&p->state, 20000000) : 0;
    made_tick(m, m->now_ns + m->interval_ns + jitter);
    play_births(m, p, living);
    for (size_t i = 0; i < OVERVIEW_ACTORS; i++)
        if (below(&p->state, 30) != 0)
            actor_sample(m, &p->overview[i], &p->state);
    for (size_t i = 0; i < PROCESS_ACTORS; i++)
        if (p->process[i].track != NULL && below(&p->state, 30) != 0)
            actor_sample(m, &p->process[i], &p->state);
}

/* `blocks` flushes of up to `ticks` ticks each, a keyframe among every `keyframe_every`. */
static inline void play(struct made *m, uint64_t seed, unsigned blocks, unsigned ticks,
                        unsigned living, unsigned keyframe_every)
{
    struct play p;
    play_begin(m, &p, seed);
    for (unsigned b = 0; b < blocks; b++) {
        unsigned n = 1 + (unsigned)below(&p.state, ticks);
        for (unsigned t = 0; t < n; t++)
            play_tick(m, &p, living);
        made_flush(m, b % keyframe_every == 0);
    }
}

/* ---- reading it back ---- */

static inline int file_of(const void *bytes, size_t n)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    return fd;
}

/* Opens bytes; the error's code, with *ret NULL. */
static inline int open_bytes(const void *bytes, size_t n, struct tacho_recording **ret)
{
    struct tacho_error error = {0};
    int fd = file_of(bytes, n);
    *ret = NULL;
    int r = tacho_recording_open_fd(fd, ret, &error);
    if (r != 0) {
        assert_null(*ret);
        assert_int_equal(error.code, r);
        assert_true(error.message[0] != '\0');
        close(fd);
    }
    return r;
}

static inline struct tacho_recording *open_made(const struct made *m)
{
    struct tacho_recording *rec;
    assert_int_equal(open_bytes(m->file.data, m->file.len, &rec), 0);
    return rec;
}

static inline void assert_sample(const struct tacho_sample *got, const struct expected *e)
{
    assert_int_equal(got->time_ns, e->time_ns);
    assert_int_equal(got->entity, e->entity);
    assert_int_equal(got->kind, e->kind);
    assert_int_equal(got->idle, e->idle);
    assert_int_equal(got->known, e->known);
    assert_int_equal(got->fresh, e->fresh);
    for (uint64_t left = e->known; left != 0; left &= left - 1) {
        int i = __builtin_ctzll(left);
        if (got->value[i] != e->value[i])
            fail_msg("entity %u position %d at %llu: %llu, not %llu", e->entity, i,
                     (unsigned long long)e->time_ns, (unsigned long long)got->value[i],
                     (unsigned long long)e->value[i]);
    }
}

#define ALL_KINDS UINT32_MAX

/* A walk of the kinds and times gives exactly what is expected of blocks that end by `bytes`. */
static inline void assert_walk(struct tacho_recording *rec, const struct made *m, uint64_t from_ns,
                               uint64_t to_ns, unsigned kinds, size_t bytes)
{
    struct tacho_walk *walk;
    struct tacho_sample sample;
    assert_int_equal(tacho_walk_open(rec, from_ns, to_ns, kinds, &walk), 0);
    for (size_t i = 0; i < m->expected_count; i++) {
        const struct expected *e = &m->expected[i];
        if (e->time_ns < from_ns || e->time_ns > to_ns || (kinds >> e->kind & 1) == 0 ||
            e->block_end > bytes || e->block_end == 0)
            continue;
        assert_int_equal(tacho_walk_next(walk, &sample), 1);
        assert_sample(&sample, e);
    }
    assert_int_equal(tacho_walk_next(walk, &sample), 0);
    assert_int_equal(tacho_walk_next(walk, &sample), 0);
    tacho_walk_close(walk);
}

#endif
