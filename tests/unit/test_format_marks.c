/* Marks payloads: what is encoded comes back, a regular loop is small, and no bytes do harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/marks.h"

static uint64_t chance(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void encode(struct buffer *ret, uint64_t thread, uint64_t first, const struct mark *mark,
                   size_t n)
{
    struct marks_encoder *e = marks_encoder_new();
    assert_non_null(e);
    marks_put(e, ret, thread, first, mark, n);
    assert_false(ret->failed);
    marks_encoder_free(e);
}

static void assert_marks(const struct mark *got, const struct mark *mark, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i].time_ns, mark[i].time_ns);
        assert_int_equal(got[i].value, mark[i].value);
        assert_int_equal(got[i].site, mark[i].site);
        assert_int_equal(got[i].kind, mark[i].kind);
    }
}

/* How many bytes the section took. */
static size_t round_trip(const struct mark *mark, size_t n)
{
    struct buffer b = {0};
    struct marks_section section;
    const struct mark *got;
    struct marks_decoder *d = marks_decoder_new();
    encode(&b, 7, 1000, mark, n);
    struct cursor c = {b.data, b.data + b.len, false};
    assert_int_equal(marks_next(d, &c, &section, &got), 1);
    assert_int_equal(section.thread, 7);
    assert_int_equal(section.first_index, 1000);
    assert_int_equal(section.count, n);
    assert_marks(got, mark, n);
    assert_int_equal(marks_next(d, &c, &section, &got), 0);
    size_t len = b.len;
    marks_decoder_free(d);
    buffer_done(&b);
    return len;
}

static void test_few(void **state)
{
    const struct mark marks[] = {
        {.time_ns = 5000000000, .site = 1, .kind = MARK_BEGIN},
        {.time_ns = 5000000000, .site = 2, .kind = MARK_BEGIN_CPU, .value = 77},
        {.time_ns = 5000000010, .site = 3, .kind = MARK_COUNTER, .value = bits_of(1.5)},
        {.time_ns = 5000000020, .site = 2, .kind = MARK_END_CPU, .value = 99},
        {.time_ns = 5000000030, .site = 0, .kind = MARK_END},
        {.time_ns = UINT64_MAX, .site = MARK_SITES_MAX - 1, .kind = MARK_COUNTER},
    };
    for (size_t n = 1; n <= sizeof marks / sizeof marks[0]; n++)
        round_trip(marks, n);
}

#define LOOP_SCOPES (MARKS_MAX / 2)

/* A scope of about 500 ns each microsecond. */
static void test_regular_loop_is_small(void **state)
{
    uint64_t seed = 1, now = UINT64_C(123456789012345);
    struct mark *mark = calloc(MARKS_MAX, sizeof *mark);
    for (size_t i = 0; i < MARKS_MAX; i++) {
        mark[i].site = i % 2 == 0 ? 5 : 0;
        mark[i].kind = i % 2 == 0 ? MARK_BEGIN : MARK_END;
        mark[i].time_ns = now;
        now += 480 + chance(&seed) % 41;
    }
    size_t bytes = round_trip(mark, MARKS_MAX);
    assert_true(bytes <= 2 * LOOP_SCOPES + 64);
    free(mark);
}

static void test_nested_loop_is_small(void **state)
{
    static const struct mark body[] = {
        {.site = 1, .kind = MARK_BEGIN}, {.site = 2, .kind = MARK_BEGIN},
        {.site = 2, .kind = MARK_END},   {.site = 3, .kind = MARK_BEGIN},
        {.site = 3, .kind = MARK_END},   {.site = 1, .kind = MARK_END},
    };
    static const uint64_t distance[] = {100, 2000, 300, 40000, 500, 60000};
    uint64_t seed = 2, now = 1;
    struct mark *mark = calloc(60000, sizeof *mark);
    for (size_t i = 0; i < 60000; i++) {
        mark[i] = body[i % 6];
        mark[i].time_ns = now += distance[i % 6] + chance(&seed) % 41;
    }
    assert_true(round_trip(mark, 60000) <= 60000 + 64);
    for (size_t i = 0; i < 60000; i++) /* ends that name no site say as much */
        mark[i].site = mark[i].kind == MARK_END ? 0 : mark[i].site;
    assert_true(round_trip(mark, 60000) <= 60000 + 64);
    free(mark);
}

static void test_counters(void **state)
{
    uint64_t seed = 3;
    struct mark mark[1000] = {{0}};
    for (size_t i = 0; i < 1000; i++)
        mark[i] = (struct mark){
            .time_ns = 1 + 100 * i, .site = 4, .kind = MARK_COUNTER, .value = bits_of((double)i)};
    assert_true(round_trip(mark, 1000) < 5 * 1000); /* round numbers are short */
    for (size_t i = 0; i < 1000; i++)
        mark[i].value = chance(&seed);
    assert_true(round_trip(mark, 1000) <= 9 * 1000 + 64); /* any: 8 bytes, and one for the time */
}

static void make_chaos(struct mark *mark, size_t n, uint64_t seed)
{
    uint64_t now = chance(&seed) >> 8;
    for (size_t i = 0; i < n; i++) {
        uint32_t kind = (uint32_t)(chance(&seed) % MARK_KINDS);
        now += chance(&seed) >> (20 + chance(&seed) % 44);
        mark[i] =
            (struct mark){.time_ns = now,
                          .kind = kind,
                          .site = (uint32_t)(chance(&seed) % MARK_SITES_MAX) >> chance(&seed) % 20,
                          .value = mark_has_value(kind) ? chance(&seed) : 0};
    }
}

static void test_anything_comes_back(void **state)
{
    struct mark *mark = calloc(MARKS_MAX, sizeof *mark);
    for (uint64_t seed = 0; seed < 200; seed++) {
        make_chaos(mark, 1 + seed * 3, seed);
        round_trip(mark, 1 + seed * 3);
    }
    for (uint32_t i = 0; i < MARKS_MAX; i++) /* all words are different */
        mark[i] = (struct mark){.time_ns = i, .site = i + 1};
    round_trip(mark, MARKS_MAX);
    free(mark);
}

static void test_sections_follow_each_other(void **state)
{
    struct mark mark[64];
    struct buffer b = {0};
    struct marks_section section;
    const struct mark *got;
    struct marks_encoder *e = marks_encoder_new();
    struct marks_decoder *d = marks_decoder_new();
    make_chaos(mark, 64, 9);
    for (uint64_t t = 1; t <= 5; t++)
        marks_put(e, &b, t, 10 * t, mark + t, 64 - t);
    struct cursor c = {b.data, b.data + b.len, false};
    for (uint64_t t = 1; t <= 5; t++) {
        assert_int_equal(marks_next(d, &c, &section, &got), 1);
        assert_int_equal(section.thread, t);
        assert_int_equal(section.first_index, 10 * t);
        assert_int_equal(section.count, 64 - t);
        assert_marks(got, mark + t, 64 - t);
    }
    assert_int_equal(marks_next(d, &c, &section, &got), 0);
    marks_encoder_free(e);
    marks_decoder_free(d);
    buffer_done(&b);
}

/* The section that docs/FORMAT.md takes apart. */
static void test_bytes_of_the_specification(void **state)
{
    static const uint8_t bytes[] = {1, 0, 2, 6, 0, 0, 8, 0, 0, 1, 2, 5, 8, 0};
    const struct mark mark[] = {{.time_ns = 5, .site = 1, .kind = MARK_BEGIN},
                                {.time_ns = 9, .site = 0, .kind = MARK_END}};
    struct buffer b = {0};
    encode(&b, 1, 0, mark, 2);
    assert_int_equal(b.len, sizeof bytes);
    assert_memory_equal(b.data, bytes, sizeof bytes);
    buffer_done(&b);
}

/* ---- hostile bytes ---- */

static int decode(const void *bytes, size_t n)
{
    struct marks_section section;
    const struct mark *got;
    struct marks_decoder *d = marks_decoder_new();
    uint8_t *copy = malloc(n + 1); /* of this size: a read past the end is found */
    memcpy(copy, bytes, n);
    struct cursor c = {copy, copy + n, false};
    int r;
    while ((r = marks_next(d, &c, &section, &got)) == 1)
        assert_true(section.count <= MARKS_MAX);
    free(copy);
    marks_decoder_free(d);
    return r;
}

static void test_every_truncation_is_told(void **state)
{
    struct mark mark[100];
    struct buffer b = {0};
    make_chaos(mark, 100, 5);
    encode(&b, 1, 0, mark, 100);
    assert_int_equal(decode(b.data, b.len), 0);
    for (size_t n = 1; n < b.len; n++)
        assert_int_equal(decode(b.data, n), -EPROTO);
    buffer_done(&b);
}

static void test_changed_bytes_do_no_harm(void **state)
{
    struct mark mark[50];
    struct buffer b = {0};
    uint64_t seed = 6;
    make_chaos(mark, 50, 5);
    encode(&b, 1, 0, mark, 50);
    for (int i = 0; i < 2000; i++) {
        size_t at = chance(&seed) % b.len;
        uint8_t was = b.data[at];
        b.data[at] = (uint8_t)chance(&seed);
        int r = decode(b.data, b.len);
        assert_true(r == 0 || r == -EPROTO);
        b.data[at] = was;
    }
    buffer_done(&b);
}

static void test_hostile_numbers(void **state)
{
    /* thread 1, index 0, one mark: words 0 (run), 0 (new), site 1 BEGIN; time 5; no values */
    assert_int_equal(decode("\x01\x00\x01\x03\x00\x00\x08\x01\x05\x00", 10), 0);
    static const struct {
        const char *bytes;
        size_t n;
    } broken[] = {
        {"\x01\x00\x00\x00\x00\x00", 6},                                  /* no marks */
        {"\x01\x00\xff\xff\xff\xff\x0f\x03\x00\x00\x08\x01\x05\x00", 14}, /* too many */
        {"\x01\x00\x02\x03\x00\x00\x08\x01\x05\x00", 10},                 /* more than times */
        {"\x01\x00\x01\x01\x01\x01\x05\x00", 8},                          /* nothing to foresee */
        {"\x01\x00\x01\x02\x00\x01\x01\x05\x00", 9},                      /* a word never seen */
        {"\x01\x00\x01\x03\x00\x00\x0d\x01\x05\x00", 10},                 /* kind 5 */
        {"\x01\x00\x01\x06\x00\x00\x80\x80\x80\x04\x01\x05\x00", 13},     /* site 2^20 */
        {"\x01\x00\x01\x04\x00\x00\x08\x00\x01\x05\x00", 11},             /* words left over */
        {"\x01\x00\x01\x03\x00\x00\x08\x02\x05\x05\x00", 11},             /* times left over */
        {"\x01\x00\x01\x03\x00\x00\x08\x01\x05\x01\x00", 11},             /* values of none */
        {"\x01\x00\x01\x03\x00\x00\x0a\x01\x05\x00", 10},                 /* a counter without */
        {"\x01\x00\x01\x03\x00\x00\x0a\x01\x05\x02\x02\x00", 12},         /* in a layout of none */
        {"\x01\x00\x02\x04\x00\x00\x08\x01\x02\x05\x01\x00", 12},         /* back in time */
        {"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x03\x00\x00\x08\x01\x05\x00", 19},
        {"\x01\x00\x01\x7f\x00\x00\x08\x01\x05\x00", 10}, /* a column past the end */
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_int_equal(decode(broken[i].bytes, broken[i].n), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_regular_loop_is_small),
        cmocka_unit_test(test_nested_loop_is_small),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_anything_comes_back),
        cmocka_unit_test(test_sections_follow_each_other),
        cmocka_unit_test(test_bytes_of_the_specification),
        cmocka_unit_test(test_every_truncation_is_told),
        cmocka_unit_test(test_changed_bytes_do_no_harm),
        cmocka_unit_test(test_hostile_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
