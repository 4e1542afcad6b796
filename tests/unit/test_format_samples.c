/* Sample payloads: tokens, patterns, heads, and what the stage makes of samples. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/samples.h"

#define RSS_BIT (UINT64_C(1) << PROCESS_RSS)
#define MEMORY_GROUP (1u << GROUP_MEMORY)

/* ---- tokens ---- */

static struct column_walk column(const void *bytes, size_t n, uint64_t value, bool known)
{
    return (struct column_walk){
        .tokens = {bytes, (const uint8_t *)bytes + n, false}, .value = value, .known = known};
}

static void assert_steps(struct column_walk *w, unsigned ticks, bool known, uint64_t value)
{
    for (unsigned i = 0; i < ticks; i++) {
        assert_true(column_next(w));
        assert_int_equal(w->known, known);
        assert_int_equal(w->value, value);
    }
}

static void test_tokens(void **state)
{
    /* same 2, +1, -1, missing 3, same 1 (still missing), the escape, to the end */
    const uint8_t tokens[] = {4, 5, 3, 0, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 0x88};
    struct column_walk w = column(tokens, sizeof tokens, 10, true);
    assert_steps(&w, 2, true, 10);
    assert_steps(&w, 1, true, 11);
    assert_steps(&w, 1, true, 10);
    assert_steps(&w, 4, false, 10);
    assert_steps(&w, 1, true, UINT64_C(0x8807060504030201));
    assert_steps(&w, 300, true, UINT64_C(0x8807060504030201));
    assert_false(w.tokens.bad);
}

static void test_deltas_wrap(void **state)
{
    const uint8_t tokens[] = {3, 5};
    struct column_walk w = column(tokens, sizeof tokens, 0, false);
    assert_steps(&w, 1, true, UINT64_MAX);
    assert_steps(&w, 1, true, 0);
}

static void test_no_tokens(void **state)
{
    struct column_walk w = column("", 0, 5, false);
    assert_steps(&w, 10, false, 5);
}

static void test_broken_tokens(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } broken[] = {
        {"\x80", 1},             /* half a varint */
        {"\x00", 1},             /* missing, for how long? */
        {"\x00\x00", 2},         /* missing for no tick */
        {"\x01\x01\x02\x03", 4}, /* the escape without its value */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct column_walk w = column(broken[i].bytes, broken[i].n, 5, true);
        assert_false(column_next(&w));
        assert_true(w.tokens.bad);
    }
}

static void test_long_runs(void **state)
{
    const uint8_t same[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    const uint8_t missing[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    struct column_walk w = column(same, sizeof same, 5, true);
    assert_steps(&w, 300, true, 5);
    w = column(missing, sizeof missing, 5, true);
    assert_steps(&w, 300, false, 5);
}

/* ---- heads ---- */

static int open_head(const void *bytes, size_t n)
{
    struct samples s;
    int r = samples_open(bytes, n, 100, false, &s);
    if (r == 0)
        samples_done(&s);
    return r;
}

static void test_heads(void **state)
{
    /* interval 10, 3 ticks, +0 -1, one pattern of 3 x 5, kind 1, no entities */
    const uint8_t good[] = {10, 3, 0, 1, 1, 2, 3, 5, 1, 0};
    struct samples s;
    assert_int_equal(samples_open(good, sizeof good, 100, false, &s), 0);
    assert_int_equal(s.ticks, 3);
    assert_int_equal(s.time_ns[0], 100);
    assert_int_equal(s.time_ns[1], 110);
    assert_int_equal(s.time_ns[2], 119);
    assert_int_equal(s.patterns, 1);
    assert_int_equal(s.kind, 1);
    assert_int_equal(s.entities, 0);
    samples_done(&s);
    for (size_t n = 0; n < sizeof good; n++)
        assert_int_equal(open_head(good, n), -EPROTO);

    assert_int_equal(open_head("\x0a\x00\x00\x01\x00", 5), -EPROTO);             /* no tick */
    assert_int_equal(open_head("\x0a\x02\x15\x00\x01\x00", 6), -EPROTO);         /* back in time */
    assert_int_equal(open_head("\x0a\x01\x01\x02\x02\x05\x01\x00", 8), -EPROTO); /* run too long */
    assert_int_equal(open_head("\x0a\x02\x00\x01\x02\x01\x05\x01\x00", 9), -EPROTO); /* short */
    assert_int_equal(open_head("\x0a\x01\x01\x02\x00\x05\x01\x00", 8), -EPROTO);     /* run of 0 */
    assert_int_equal(open_head("\x0a\x01\x7f\x02\x01\x05\x01\x00", 8), -EPROTO); /* 127 patterns */
    assert_int_equal(open_head("\x0a\x01\x00\x80\x02\x00", 6), -EPROTO);         /* kind 256 */
    assert_int_equal(open_head("\x0a\x01\x00\x01\x01\x00\x00", 7), -EPROTO);     /* 1 entity in 2 */
}

static void test_entities_must_ascend(void **state)
{
    /* one tick, one pattern; two entities: id 3, then the step under test */
    uint8_t bytes[] = {10, 1, 1, 2, 1, 1, 1, 2, 3, 0, 0, 4, 0, 0};
    struct samples s;
    struct samples_entity e;
    assert_int_equal(samples_open(bytes, sizeof bytes, 0, false, &s), 0);
    assert_int_equal(samples_next(&s, &e), 1);
    assert_int_equal(e.entity, 3);
    assert_int_equal(samples_next(&s, &e), 1);
    assert_int_equal(e.entity, 7);
    assert_int_equal(samples_next(&s, &e), 0);
    samples_done(&s);
    bytes[11] = 0;
    assert_int_equal(samples_open(bytes, sizeof bytes, 0, false, &s), 0);
    assert_int_equal(samples_next(&s, &e), 1);
    assert_int_equal(samples_next(&s, &e), -EPROTO);
    samples_done(&s);
    bytes[11] = 4;
    bytes[12] = 1; /* a pattern that is not there */
    assert_int_equal(samples_open(bytes, sizeof bytes, 0, false, &s), 0);
    assert_int_equal(samples_next(&s, &e), 1);
    assert_int_equal(samples_next(&s, &e), -EPROTO);
    samples_done(&s);
}

/* ---- the stage ---- */

struct staged {
    struct stage *stage;
    struct track *track;
    uint64_t value[METRICS_MAX];
    struct buffer payload;
    struct samples samples;
};

static void staged_init(struct staged *s)
{
    *s = (struct staged){.stage = stage_new(ENTITY_PROCESS, 100, 0)};
    assert_non_null(s->stage);
    s->track = stage_add(s->stage, 5, ENTITY_PROCESS);
    assert_non_null(s->track);
}

static void staged_done(struct staged *s)
{
    samples_done(&s->samples);
    buffer_done(&s->payload);
    stage_free(s->stage);
}

static void put_rss(struct staged *s, uint64_t time_ns, uint64_t rss, bool known)
{
    s->value[PROCESS_RSS] = rss;
    assert_int_equal(stage_tick(s->stage, time_ns), 0);
    assert_int_equal(
        stage_put(s->stage, s->track, MEMORY_GROUP, false, s->value, known ? RSS_BIT : 0), 0);
}

static void encode(struct staged *s, bool keyframe)
{
    uint64_t first_ns, last_ns;
    samples_done(&s->samples);
    buffer_clear(&s->payload);
    assert_int_equal(stage_encode(s->stage, keyframe, &s->payload, &first_ns, &last_ns), 0);
    assert_int_equal(samples_open(s->payload.data, s->payload.len, first_ns, keyframe, &s->samples),
                     0);
    assert_int_equal(s->samples.time_ns[0], first_ns);
    assert_int_equal(s->samples.time_ns[s->samples.ticks - 1], last_ns);
}

static void test_what_a_block_holds(void **state)
{
    struct staged s;
    struct samples_entity e;
    staged_init(&s);
    put_rss(&s, 1000, 7, true);
    put_rss(&s, 1100, 7, true);
    put_rss(&s, 1199, 0, false);
    encode(&s, true);
    assert_int_equal(s.samples.ticks, 3);
    assert_int_equal(s.samples.kind, ENTITY_PROCESS);
    assert_int_equal(s.samples.entities, 1);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(e.entity, 5);
    assert_int_equal(e.snapshot_known, 0);
    assert_int_equal(e.columns, RSS_BIT);
    struct cursor c = e.column;
    assert_int_equal(cursor_varint(&c), 4);
    assert_memory_equal(c.at, "\x1d\x02\x00\x01", 4); /* +7, same 1, missing 1 */
    struct pattern_walk w = {.runs = s.samples.pattern[e.pattern]};
    for (int i = 0; i < 3; i++)
        assert_int_equal(pattern_next(&w), PATTERN_PRESENT | MEMORY_GROUP << PATTERN_GROUP_SHIFT);
    assert_int_equal(pattern_next(&w), 0);
    assert_int_equal(samples_next(&s.samples, &e), 0);
    staged_done(&s);
}

static void test_keyframe_repeats_what_is_known(void **state)
{
    struct staged s;
    struct samples_entity e;
    staged_init(&s);
    put_rss(&s, 1000, 7, true);
    encode(&s, true);
    put_rss(&s, 1100, 7, true);
    encode(&s, false);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(e.columns, 0); /* as before */
    put_rss(&s, 1200, 7, true);
    encode(&s, true);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(e.snapshot_known, RSS_BIT);
    struct cursor c = e.snapshot;
    assert_int_equal(cursor_varint(&c), 7);
    assert_int_equal(e.columns, 0);
    /* Unknown at a keyframe: the next delta starts from 0. */
    put_rss(&s, 1300, 0, false);
    encode(&s, false);
    put_rss(&s, 1400, 9, true);
    encode(&s, true);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(e.snapshot_known, 0);
    struct column_walk w = {.tokens = e.column};
    assert_int_equal(cursor_varint(&w.tokens), 1);
    assert_steps(&w, 1, true, 9);
    staged_done(&s);
}

static void test_who_is_listed(void **state)
{
    struct staged s;
    struct samples_entity e;
    staged_init(&s);
    struct track *second = stage_add(s.stage, 6, ENTITY_PROCESS);
    assert_non_null(second);
    put_rss(&s, 1000, 7, true);
    encode(&s, false);
    assert_int_equal(s.samples.entities, 1); /* not seen: not listed */
    put_rss(&s, 1100, 7, true);
    encode(&s, true);
    assert_int_equal(s.samples.entities, 2); /* but in a keyframe, as absent */
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(e.entity, 6);
    struct pattern_walk w = {.runs = s.samples.pattern[e.pattern]};
    assert_int_equal(pattern_next(&w), 0);
    /* One that ended is listed for the last time with what was staged before. */
    put_rss(&s, 1200, 8, true);
    stage_remove(s.stage, s.track);
    stage_remove(s.stage, second);
    encode(&s, true);
    assert_int_equal(s.samples.entities, 1);
    assert_int_equal(stage_tick(s.stage, 1300), 0);
    encode(&s, true);
    assert_int_equal(s.samples.entities, 0);
    staged_done(&s);
}

/* What `pattern` says of each of the block's ticks must be `expected`. */
static void assert_pattern(const struct samples *s, const struct samples_entity *e,
                           const uint32_t *expected)
{
    struct pattern_walk w = {.runs = s->pattern[e->pattern]};
    for (unsigned tick = 0; tick < s->ticks; tick++)
        assert_int_equal(pattern_next(&w), expected[tick]);
}

static void test_what_is_not_put_stood_still(void **state)
{
    const uint32_t put = PATTERN_PRESENT | MEMORY_GROUP << PATTERN_GROUP_SHIFT;
    const uint32_t quiet =
        PATTERN_PRESENT | PATTERN_IDLE | 1u << GROUP_CLOCK << PATTERN_GROUP_SHIFT;
    struct staged s = {.stage = stage_new(ENTITY_PROCESS, 100, 1u << GROUP_CLOCK)};
    struct samples_entity e;
    s.track = stage_add(s.stage, 5, ENTITY_PROCESS);
    stage_tick(s.stage, 1000); /* not there before its first sample */
    put_rss(&s, 1100, 7, true);
    stage_tick(s.stage, 1200);
    encode(&s, true);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_pattern(&s.samples, &e, (const uint32_t[]){0, put, quiet});
    stage_tick(s.stage, 1300); /* listed although nothing was staged */
    encode(&s, false);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_int_equal(e.columns, 0);
    assert_pattern(&s.samples, &e, (const uint32_t[]){quiet});
    stage_tick(s.stage, 1400);
    put_rss(&s, 1500, 8, true);
    stage_remove(s.stage, s.track); /* its last values, and no more */
    stage_tick(s.stage, 1600);
    encode(&s, false);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_pattern(&s.samples, &e, (const uint32_t[]){quiet, put, 0});
    stage_tick(s.stage, 1700);
    encode(&s, true);
    assert_int_equal(s.samples.entities, 0);
    /* Removed without last values: gone at that very tick. */
    s.track = stage_add(s.stage, 6, ENTITY_PROCESS);
    put_rss(&s, 1800, 8, true);
    stage_tick(s.stage, 1900);
    stage_remove(s.stage, s.track);
    encode(&s, false);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    assert_pattern(&s.samples, &e, (const uint32_t[]){put, 0});
    staged_done(&s);
}

static void test_mixed_kinds(void **state)
{
    struct stage *stage = stage_new(0, 100, 0);
    struct buffer payload = {0};
    struct samples s;
    struct samples_entity e;
    uint64_t value[METRICS_MAX] = {1, 2}, first_ns, last_ns;
    struct track *tree = stage_add(stage, 1, ENTITY_TREE);
    struct track *disk = stage_add(stage, 900, ENTITY_DISK);
    assert_int_equal(stage_tick(stage, 5), 0);
    assert_int_equal(stage_put(stage, tree, 1, false, value, 1), 0);
    assert_int_equal(stage_put(stage, disk, 1, false, value, 3), 0);
    assert_int_equal(stage_encode(stage, true, &payload, &first_ns, &last_ns), 0);
    assert_int_equal(samples_open(payload.data, payload.len, first_ns, true, &s), 0);
    assert_int_equal(s.kind, 0);
    assert_int_equal(samples_next(&s, &e), 1);
    assert_int_equal(e.kind, ENTITY_TREE);
    assert_int_equal(samples_next(&s, &e), 1);
    assert_int_equal(e.kind, ENTITY_DISK);
    assert_int_equal(e.entity, 900);
    assert_int_equal(e.columns, 3);
    assert_int_equal(samples_next(&s, &e), 0);
    samples_done(&s);
    buffer_done(&payload);
    stage_free(stage);
}

static void test_limits(void **state)
{
    struct staged s;
    uint64_t first_ns, last_ns;
    staged_init(&s);
    assert_int_equal(stage_encode(s.stage, true, &s.payload, &first_ns, &last_ns), -ENODATA);
    assert_int_equal(s.payload.len, 0);
    assert_int_equal(stage_put(s.stage, s.track, 1, false, s.value, 1), -EINVAL); /* no tick yet */
    for (unsigned i = 0; i < TICKS_MAX; i++)
        put_rss(&s, 1000 + 100 * i, i % 2 == 0 ? UINT64_MAX : 0, i % 3 != 0);
    assert_int_equal(stage_tick(s.stage, 9999999), -EOVERFLOW);
    assert_int_equal(stage_ticks(s.stage), TICKS_MAX);
    assert_true(stage_bytes(s.stage) > 0);
    encode(&s, true);
    assert_int_equal(s.samples.ticks, TICKS_MAX);
    assert_int_equal(stage_ticks(s.stage), 0);
    assert_int_equal(stage_bytes(s.stage), 0);
    staged_done(&s);
    stage_free(NULL);
}

static void test_extreme_values(void **state)
{
    const uint64_t values[] = {0,         UINT64_MAX,     1, UINT64_C(1) << 63, 0,
                               INT64_MAX, UINT64_MAX / 3, 2};
    const unsigned n = sizeof values / sizeof values[0];
    struct staged s;
    struct samples_entity e;
    staged_init(&s);
    for (unsigned i = 0; i < n; i++)
        put_rss(&s, 1000 + i, values[i], true);
    encode(&s, true);
    assert_int_equal(samples_next(&s.samples, &e), 1);
    struct column_walk w = {.tokens = e.column};
    w.tokens.end = w.tokens.at + 1 + *w.tokens.at; /* its length fits one byte */
    cursor_varint(&w.tokens);
    for (unsigned i = 0; i < n; i++)
        assert_steps(&w, 1, true, values[i]);
    staged_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_deltas_wrap),
        cmocka_unit_test(test_no_tokens),
        cmocka_unit_test(test_broken_tokens),
        cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_entities_must_ascend),
        cmocka_unit_test(test_what_a_block_holds),
        cmocka_unit_test(test_keyframe_repeats_what_is_known),
        cmocka_unit_test(test_who_is_listed),
        cmocka_unit_test(test_what_is_not_put_stood_still),
        cmocka_unit_test(test_mixed_kinds),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_extreme_values),
    };
    return cmocka_run_group_tests_name("format_samples", tests, NULL, NULL);
}
