/*
 * For the tests of recordings under way: entities that are sampled by chance, what a reader should
 * see of them, and whether it does.
 */
#ifndef TACHO_TEST_RECORDING_PLAY_H
#define TACHO_TEST_RECORDING_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/recording.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "config.h"
#include "record/recording_sink.h"

#define BIT(metric) (UINT64_C(1) << (metric))
#define GROUP(group) (UINT32_C(1) << (group))
#define INTERVAL (100 * NS_PER_MS)

#ifdef HAVE_ZSTD
#define CODEC &codec_zstd
#else
#define CODEC NULL
#endif

static inline uint64_t chance(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- what is put, and so expected ---- */

struct expected {
    uint64_t time_ns;
    uint32_t entity;
    unsigned kind;
    bool idle;
    uint64_t known, fresh;
    uint64_t value[METRICS_MAX];
};

/* An entity with the state that a reader should have of it. */
struct actor {
    uint32_t entity;
    unsigned kind;
    bool seen;
    void *handle;
    uint64_t value[METRICS_MAX], known;
};

#define ACTORS_MAX 4096
#define EXPECTED_MAX 32768

static char dir[64], path[96];
static struct recording *recording;
static struct sample_sink sink;
static struct actor *actors; /* the overview's first, then processes; ids ascend */
static size_t actor_count;
static struct expected *expected;
static size_t expected_count;
static uint64_t now_ns, seed;
static unsigned births;
static int troubles[16];
static size_t trouble_count;

static inline void on_trouble(void *user, int error)
{
    assert_ptr_equal(user, troubles);
    assert_true(trouble_count < 16);
    troubles[trouble_count++] = error;
}

static inline int begin(void **state)
{
    strcpy(dir, "/tmp/tacho-recording-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/a.tacho", dir);
    actors = calloc(ACTORS_MAX, sizeof *actors);
    expected = malloc(EXPECTED_MAX * sizeof *expected);
    actor_count = expected_count = trouble_count = 0;
    births = 0;
    seed = 1;
    return actors == NULL || expected == NULL;
}

static inline int clean_up(void **state)
{
    recording_close(recording);
    recording = NULL;
    free(actors);
    free(expected);
    unlink(path);
    return rmdir(dir);
}

static inline void start(const struct codec *codec)
{
    struct recording_options options = {.path = path,
                                        .interval_ns = INTERVAL,
                                        .codec = codec,
                                        .on_trouble = on_trouble,
                                        .user = troubles};
    assert_int_equal(recording_create(&options, &recording), 0);
    sink = recording_sink(recording);
    now_ns = clock_mono_ns();
}

static inline void finish(int error)
{
    struct recording *r = recording;
    recording = NULL;
    assert_int_equal(recording_close(r), error);
}

static inline struct span span_of(const void *bytes, size_t n)
{
    return (struct span){bytes, n};
}

static inline struct actor *add(unsigned kind, const char *name)
{
    assert_true(actor_count < ACTORS_MAX);
    struct actor *a = &actors[actor_count];
    *a = (struct actor){.entity = (uint32_t)++actor_count, .kind = kind};
    struct record record = {
        .type = RECORD_ENTITY,
        .entity = {a->entity, kind, now_ns, span_of(name, strlen(name))},
    };
    if (kind == ENTITY_PROCESS)
        record = (struct record){.type = RECORD_BIRTH,
                                 .birth = {.entity = a->entity,
                                           .time_ns = now_ns,
                                           .pid = 1000 + a->entity,
                                           .comm = span_of(name, strlen(name)),
                                           .argv = span_of(name, strlen(name))}};
    births += kind == ENTITY_PROCESS;
    sink.record(sink.user, &record);
    a->handle = sink.add(sink.user, a->entity, kind);
    assert_non_null(a->handle);
    return a;
}

static inline void expect(const struct actor *a, bool idle, uint64_t fresh)
{
    assert_true(expected_count < EXPECTED_MAX);
    struct expected *e = &expected[expected_count++];
    *e = (struct expected){now_ns, a->entity, a->kind, idle, a->known, fresh & a->known, {0}};
    memcpy(e->value, a->value, sizeof e->value);
}

static inline uint64_t metrics_of(unsigned kind, uint32_t groups)
{
    uint64_t metrics = 0;
    for (unsigned g = 0; g < kind_info(kind)->group_count; g++)
        if ((groups >> g & 1) != 0)
            metrics |= kind_group_mask(kind, g);
    return metrics;
}

/* Puts these groups with values that have changed a little, some of them missing. */
static inline void put(struct actor *a, uint32_t groups, bool idle)
{
    uint64_t metrics = metrics_of(a->kind, groups), known = 0, value[METRICS_MAX];
    for (unsigned m = 0; m < kind_info(a->kind)->metric_count; m++) {
        uint64_t dice = chance(&seed) % 16;
        value[m] = a->value[m] + (dice < 4    ? 0
                                  : dice < 12 ? chance(&seed) % 10000000
                                  : dice < 15 ? 0 - chance(&seed) % 5000
                                              : chance(&seed));
        known |= chance(&seed) % 20 != 0 ? BIT(m) : 0;
        if ((metrics & known & BIT(m)) != 0)
            a->value[m] = value[m];
    }
    a->known = (a->known & ~metrics) | (metrics & known);
    a->seen = true;
    sink.put(sink.user, a->handle, a->kind, groups, idle, value, known);
    expect(a, idle, metrics);
}

/* A process of which nothing is said stood still. */
static inline void leave(struct actor *a)
{
    if (a->kind == ENTITY_PROCESS && a->seen)
        expect(a, true, kind_group_mask(ENTITY_PROCESS, GROUP_CLOCK));
}

static inline void remove_actor(struct actor *a)
{
    sink.remove(sink.user, a->handle, a->kind);
    a->handle = NULL;
}

static inline void tick_begin(uint64_t distance_ns)
{
    now_ns += distance_ns;
    sink.tick(sink.user, now_ns);
}

static inline void put_by_chance(struct actor *a)
{
    uint32_t all = GROUP(kind_info(a->kind)->group_count) - 1;
    switch (chance(&seed) % 8) {
    case 0: put(a, all, false); break;
    case 1:
    case 2:
    case 3: put(a, (uint32_t)chance(&seed) & all, chance(&seed) % 4 == 0); break;
    default: leave(a);
    }
}

static inline void tick_by_chance(void)
{
    tick_begin(INTERVAL + chance(&seed) % 3 * (INTERVAL / 50));
    if (births < 60 && chance(&seed) % 2 == 0)
        add(ENTITY_PROCESS, "worker");
    for (size_t i = 0; i < actor_count; i++) {
        struct actor *a = &actors[i];
        if (a->handle == NULL)
            continue;
        bool ends = a->kind == ENTITY_PROCESS && chance(&seed) % 40 == 0;
        if (!ends)
            put_by_chance(a);
        else if (chance(&seed) % 2 == 0)
            put(a, GROUP(GROUP_CLOCK) | GROUP(GROUP_STAT), false); /* its last */
        if (ends)
            remove_actor(a);
    }
    sink.tick_end(sink.user);
}

static inline void add_overview(void)
{
    add(ENTITY_TREE, "");
    add(ENTITY_RECORDER, "");
    add(ENTITY_MACHINE, "");
    add(ENTITY_PROCESSOR, "0");
    add(ENTITY_PROCESSOR, "1");
    add(ENTITY_NETWORK, "eth0");
}

/* ---- what is in the file ---- */

static inline int compare_expected(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->entity > b->entity) - (a->entity < b->entity);
}

static inline struct tacho_recording *open_recording(void)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    if (tacho_recording_open(path, &rec, &error) != 0)
        fail_msg("%s", error.message);
    return rec;
}

/* All samples that are expected, but those of times in (lost_from, lost_to], and no others. */
static inline void assert_samples(struct tacho_recording *rec, uint64_t lost_from, uint64_t lost_to)
{
    struct tacho_walk *walk;
    struct tacho_sample got;
    qsort(expected, expected_count, sizeof *expected, compare_expected);
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, UINT32_MAX, &walk), 0);
    for (size_t i = 0; i < expected_count; i++) {
        const struct expected *e = &expected[i];
        if (e->time_ns > lost_from && e->time_ns <= lost_to)
            continue;
        assert_int_equal(tacho_walk_next(walk, &got), 1);
        assert_int_equal(got.time_ns, e->time_ns);
        assert_int_equal(got.entity, e->entity);
        assert_int_equal(got.kind, e->kind);
        assert_int_equal(got.idle, e->idle);
        assert_int_equal(got.known, e->known);
        assert_int_equal(got.fresh, e->fresh);
        for (uint64_t left = e->known; left != 0; left &= left - 1) {
            int m = __builtin_ctzll(left);
            assert_int_equal(got.value[m], e->value[m]);
        }
    }
    assert_int_equal(tacho_walk_next(walk, &got), 0);
    tacho_walk_close(walk);
    assert_int_equal(tacho_recording_salvage(rec)->undecodable_blocks, 0);
}

/* Whole blocks from beginning to end, numbered without holes. Returns how many of samples. */
static inline unsigned assert_blocks(void)
{
    static uint8_t bytes[BLOCK_STORED_MAX];
    uint64_t sequence = 0;
    unsigned samples = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t n; (n = fread(bytes, 1, BLOCK_HEADER_BYTES, file)) > 0; sequence++) {
        struct block_header header;
        assert_int_equal(n, BLOCK_HEADER_BYTES);
        assert_int_equal(block_header_decode(bytes, &header), BLOCK_OK);
        assert_int_equal(header.sequence, sequence);
        assert_true(header.first_ns <= header.last_ns);
        n = fread(bytes, 1, header.stored_bytes, file);
        assert_int_equal(n, header.stored_bytes);
        assert_int_equal(crc32c(0, bytes, n), header.payload_crc);
        samples += header.type == BLOCK_OVERVIEW;
    }
    fclose(file);
    return samples;
}

static inline void assert_all_is_there(void)
{
    assert_blocks();
    struct tacho_recording *rec = open_recording();
    assert_samples(rec, 0, 0);
    assert_int_equal(tacho_process_count(rec), births);
    assert_int_equal(tacho_entity_count(rec), actor_count);
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 0);
    assert_int_equal(trouble_count, 0);
    tacho_recording_close(rec);
}

#endif
