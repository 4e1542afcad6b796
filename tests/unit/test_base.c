/* base: numbers and durations from text, CRC-32C, the map, the growable buffer. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/map.h"
#include "base/number.h"

static uint64_t chance(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- CRC-32C ---- */

static void crc_of_rfc_3720(void **state)
{
    uint8_t bytes[32];
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, bytes, 32), 0x113FDB5C);
    static const uint8_t read_command[48] = {
        0x01, 0xC0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
        0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
        0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    assert_int_equal(crc32c(0, read_command, sizeof read_command), 0xD9963A56);
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c_portable(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(0, NULL, 0), 0);
}

/* One bit at a time, as the definition has it. */
static uint32_t crc_by_bits(uint32_t crc, const uint8_t *bytes, size_t n)
{
    crc = ~crc;
    for (; n > 0; n--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0x82F63B78) : 0);
    }
    return ~crc;
}

static void crc_is_the_same_by_every_way(void **state)
{
    uint64_t seed = 1;
    for (size_t n = 0; n <= 300; n++) {
        for (size_t offset = 0; offset <= 300; offset += n % 7 == 0 ? 1 : 37) {
            /* Memory of its own length, so that AddressSanitizer sees a step too far. */
            uint8_t *bytes = malloc(offset + n + 1);
            assert_non_null(bytes);
            for (size_t i = 0; i < offset + n; i++)
                bytes[i] = (uint8_t)chance(&seed);
            uint32_t begin = (uint32_t)chance(&seed);
            uint32_t expected = crc_by_bits(begin, bytes + offset, n);
            assert_int_equal(crc32c_portable(begin, bytes + offset, n), expected);
            assert_int_equal(crc32c(begin, bytes + offset, n), expected);
            size_t half = n == 0 ? 0 : (size_t)chance(&seed) % n;
            uint32_t first = crc32c(begin, bytes + offset, half);
            assert_int_equal(crc32c(first, bytes + offset + half, n - half), expected);
            free(bytes);
        }
    }
}

/* ---- numbers ---- */

static bool take(const char *s, size_t n, uint64_t *ret, size_t *ret_used)
{
    char *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, s, n);
    struct text t = text_of(exact, n);
    bool taken = text_take_u64(&t, ret);
    *ret_used = (size_t)(t.at - exact);
    free(exact);
    return taken;
}

static void takes_numbers_up_to_64_bits(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
        size_t used;
    } good[] = {{"0", 0, 1},
                {"7x", 7, 1},
                {"42 43", 42, 2},
                {"18446744073709551615", UINT64_MAX, 20},
                {"18446744073709551609", UINT64_MAX - 6, 20},
                {"18446744073709551615 ", UINT64_MAX, 20},
                {"0000000000000000000000000000000001", 1, 34},
                {"1/2", 1, 1},
                {"1:2", 1, 1}};
    static const char *const bad[] = {"18446744073709551616",
                                      "18446744073709551620",
                                      "18446744073709551700",
                                      "28446744073709551615",
                                      "99999999999999999999",
                                      "184467440737095516150",
                                      "100000000000000000000000000000",
                                      "",
                                      "x",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "/",
                                      ":",
                                      "\xb1"};
    uint64_t value;
    size_t used;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(take(good[i].text, strlen(good[i].text), &value, &used));
        assert_int_equal(value, good[i].value);
        assert_int_equal(used, good[i].used);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 5;
        assert_false(take(bad[i], strlen(bad[i]), &value, &used));
        assert_int_equal(used, 0);
        assert_int_equal(value, 5);
    }
}

static void takes_no_step_past_the_end(void **state)
{
    uint64_t value;
    size_t used;
    assert_true(take("123456", 3, &value, &used));
    assert_int_equal(value, 123);
    assert_int_equal(used, 3);
    assert_false(take("1", 0, &value, &used));
    struct text t = text_of("ab\t cd\nef", 9);
    assert_false(text_take_literal(&t, "abc"));
    assert_true(text_take_literal(&t, "ab"));
    text_skip_blanks(&t);
    assert_ptr_equal(t.at, t.end - 5);
    text_skip_line(&t);
    assert_ptr_equal(t.at, t.end - 2);
    assert_false(text_take_literal(&t, "efg"));
    text_skip_line(&t);
    assert_ptr_equal(t.at, t.end);
    text_skip_line(&t);
    text_skip_blanks(&t);
    assert_ptr_equal(t.at, t.end);
}

static void parses_whole_numbers_only(void **state)
{
    static const char *const bad[] = {
        "", " ", "1 ", " 1", "1.0", "0x1", "1e3", "-0", "+0", "1\n", "18446744073709551616"};
    uint64_t value = 5;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_u64(bad[i], &value));
    assert_int_equal(value, 5);
    assert_true(parse_u64("18446744073709551615", &value));
    assert_int_equal(value, UINT64_MAX);
    assert_true(parse_u64("0", &value));
    assert_int_equal(value, 0);
}

/* ---- durations ---- */

#define DAY_NS (86400 * NS_PER_S)

static void parses_durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"0", 0},
        {"0.1", 100000000},
        {"30", 30 * NS_PER_S},
        {".5", 500000000},
        {"1.", NS_PER_S},
        {"00.10", 100000000},
        {"1s", NS_PER_S},
        {"1.5ms", 1500000},
        {"500ms", 500000000},
        {"250us", 250000},
        {"1ns", 1},
        {"1.9ns", 1}, /* what is shorter than a nanosecond falls away */
        {"0.001us", 1},
        {"5m", 300 * NS_PER_S},
        {"5min", 300 * NS_PER_S},
        {"2h", 7200 * NS_PER_S},
        {"0.5d", DAY_NS / 2},
        {".25h", 900 * NS_PER_S},
        {"0.123456789", 123456789},
        {"0.1234567899", 123456789},
        {"0.000000001", 1},
        {"0.0000000001", 0},
        {"1.000000000000000000000000000000000000000000000000001", NS_PER_S},
        {"0.99999999999999999999999999999999999", 999999999},
        {"0000000000000000000000000000000000000000000000001", NS_PER_S},
        {"36500d", 36500 * DAY_NS}, /* 100 years, short of some days */
        {"3153600000", 36500 * DAY_NS},
        {"3153600000000000000ns", 36500 * DAY_NS},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t ns = 12345;
        if (!parse_duration_ns(good[i].text, &ns))
            fail_msg("'%s' is refused", good[i].text);
        if (ns != good[i].ns)
            fail_msg("'%s' is %llu ns", good[i].text, (unsigned long long)ns);
    }
}

static void decimals(void **state)
{
    static const char *const bad[] = {
        "",    ".",   "-1",    "+1",  " 1",  "1 ", "1e3",
        "0x1", "1,5", "1.2.3", "nan", "inf", "1s", "99999999999999999999"};
    double value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_decimal(bad[i], &value));
    assert_true(value == 77);
    assert_true(parse_decimal("400", &value) && value == 400);
    assert_true(parse_decimal("0.25", &value) && value == 0.25);
    assert_true(parse_decimal(".5", &value) && value == 0.5);
    assert_true(parse_decimal("3.", &value) && value == 3);
    assert_true(parse_decimal("0.0000000001", &value) && value == 0);
}

static void refuses_what_is_no_duration(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "1..",
        "1.2.3",
        ".s",
        "s",
        "ms",
        " 1",
        "1 ",
        "1 s",
        "\t1",
        "1\n",
        "-1",
        "-0",
        "+1",
        "1e3",
        "1E3",
        "1e-3",
        "0x1",
        "0x",
        "1,5",
        "1'000",
        "inf",
        "nan",
        "INFINITY",
        "infinity",
        "1S",
        "1M",
        "1w",
        "1y",
        "1sec",
        "1mss",
        "1s1",
        "1.5.ms",
        "1h30m",
        "1:30",
        "\xb2",
        "18446744073709551615",       /* fits 64 bits as seconds, not as nanoseconds */
        "18446744073709551616",       /* 2^64 */
        "18446744073.709551616",      /* 2^64 ns */
        "18446744074",                /* more than 2^64 ns */
        "18446744073709551616ns",     /* 2^64 ns */
        "36893488147419103232",       /* 2^65 */
        "99999999999999999999999999", /* */
        "213503982334602d",           /* a little more than 2^64 s */
        "36892d",                     /* 101 years */
        "885396h",                    /* 101 years */
        "3187296000",                 /* 101 years */
        "3187296000000000000ns",      /* 101 years */
        "36600.9d",                   /* the limit, and a little */
        "3162240000.000000001",       /* the limit, and a nanosecond */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t ns = 12345;
        if (parse_duration_ns(bad[i], &ns))
            fail_msg("'%s' is taken for %llu ns", bad[i], (unsigned long long)ns);
        assert_int_equal(ns, 12345);
    }
}

/* ---- the map ---- */

/* The place a key has in an empty map. */
static size_t home_of(uint32_t key)
{
    struct map map = {0};
    size_t home = 0;
    assert_int_equal(map_put(&map, key, 1), 0);
    while (map.slots[home].key != key)
        home++;
    map_done(&map);
    return home;
}

/* Keys that all want the last two places and the first of the smallest map. */
static size_t colliding_keys(uint32_t *keys, size_t n)
{
    struct map map = {0};
    assert_int_equal(map_put(&map, 1, 1), 0);
    size_t cap = map.cap, found = 0;
    map_done(&map);
    for (uint32_t key = 1; found < n; key++) {
        size_t home = home_of(key);
        if (home == 0 || home >= cap - 2)
            keys[found++] = key;
    }
    return found;
}

#define KEYS_MAX 5000

/* Random puts and removals of these keys, compared with an array at each step. */
static void play_map(const uint32_t *keys, size_t n, unsigned steps, uint64_t seed)
{
    static uint64_t value[KEYS_MAX];
    static bool there[KEYS_MAX];
    struct map map = {0};
    size_t count = 0;
    memset(there, 0, sizeof there);
    for (unsigned step = 0; step < steps; step++) {
        size_t i = (size_t)(chance(&seed) % n);
        uint64_t what = chance(&seed);
        /* It fills up and empties by turns. */
        bool put = (what >> 8) % 100 < ((step / 2000) % 2 == 0 ? 70 : 30);
        if (put) {
            assert_int_equal(map_put(&map, keys[i], what), 0);
            count += !there[i];
            there[i] = true;
            value[i] = what;
        } else {
            assert_int_equal(map_remove(&map, keys[i]), there[i]);
            count -= there[i];
            there[i] = false;
        }
        assert_int_equal(map.count, count);
        for (size_t probe = 0; probe < (step % 1000 == 0 ? n : 2); probe++) {
            size_t k = step % 1000 == 0 ? probe : (size_t)(chance(&seed) % n);
            const uint64_t *at = map_get(&map, keys[k]);
            assert_int_equal(at != NULL, there[k]);
            if (at != NULL)
                assert_int_equal(*at, value[k]);
        }
    }
    map_done(&map);
    assert_null(map_get(&map, keys[0]));
}

static void map_agrees_with_an_array(void **state)
{
    static uint32_t keys[KEYS_MAX];
    uint64_t seed = 3;
    for (uint32_t i = 0; i < KEYS_MAX; i++)
        keys[i] = i < KEYS_MAX / 2 ? i + 1 : (uint32_t)(chance(&seed) >> 33) + KEYS_MAX;
    play_map(keys, KEYS_MAX, 60000, 4);
    play_map(keys, 40, 20000, 5);
    play_map((const uint32_t[]){UINT32_MAX, UINT32_MAX - 1, 1}, 3, 1000, 6);
}

/* Clusters that run over the end of the table are where moving back goes wrong. */
static void map_agrees_where_keys_collide(void **state)
{
    uint32_t keys[60];
    colliding_keys(keys, 60);
    play_map(keys, 30, 20000, 7); /* the table never grows */
    play_map(keys, 60, 20000, 8);
}

static void map_knows_no_key_0(void **state)
{
    struct map map = {0};
    assert_null(map_get(&map, 0));
    assert_null(map_get(&map, 1));
    assert_false(map_remove(&map, 1));
    assert_int_equal(map_put(&map, 0, 1), -EINVAL);
    assert_int_equal(map_put(&map, 1, 2), 0);
    assert_null(map_get(&map, 0));
    assert_false(map_remove(&map, 0));
    *map_get(&map, 1) = 3;
    assert_int_equal(*map_get(&map, 1), 3);
    assert_int_equal(map.count, 1);
    map_done(&map);
}

/* ---- the buffer ---- */

static void buffer_grows(void **state)
{
    struct buffer b = {0};
    uint64_t seed = 9, again = 9;
    size_t len = 0;
    uint8_t bytes[700];
    for (int i = 0; i < 3000; i++) {
        size_t n = (size_t)(chance(&seed) % (i % 50 == 0 ? sizeof bytes : 5));
        memset(bytes, (int)(n & 0xff), sizeof bytes);
        assert_int_equal(buffer_put(&b, bytes, n), 0);
        buffer_put_byte(&b, 0xEE);
        len += n + 1;
        assert_int_equal(b.len, len);
        assert_true(b.cap >= b.len);
    }
    assert_false(b.failed);
    const uint8_t *at = b.data;
    for (int i = 0; i < 3000; i++) {
        size_t n = (size_t)(chance(&again) % (i % 50 == 0 ? sizeof bytes : 5));
        for (size_t k = 0; k < n; k++)
            assert_int_equal(at[k], n & 0xff);
        assert_int_equal(at[n], 0xEE);
        at += n + 1;
    }
    size_t cap = b.cap;
    const uint8_t *data = b.data;
    buffer_clear(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
    assert_ptr_equal(b.data, data);
    assert_int_equal(buffer_put(&b, NULL, 0), 0);
    assert_int_equal(buffer_put_text(&b, "text"), 0);
    assert_memory_equal(b.data, "text", 4);
    buffer_done(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
}

static void buffer_reserves_what_is_asked(void **state)
{
    struct buffer b = {0};
    assert_int_equal(buffer_reserve(&b, 0), 0);
    assert_int_equal(buffer_reserve(&b, 1), 0);
    assert_true(b.cap >= 1);
    assert_int_equal(buffer_reserve(&b, 1000000), 0);
    assert_true(b.cap >= 1000000);
    memset(b.data, 1, 1000000);
    b.len = 999999;
    size_t cap = b.cap;
    assert_int_equal(buffer_reserve(&b, cap - b.len), 0);
    assert_int_equal(b.cap, cap);
    assert_int_equal(buffer_reserve(&b, cap - b.len + 1), 0);
    assert_true(b.cap > cap);
    assert_int_equal(b.data[999998], 1);
    buffer_done(&b);
}

static void buffer_prints_texts_of_any_length(void **state)
{
    struct buffer b = {0};
    char *expected = malloc(100000);
    assert_non_null(expected);
    for (int width = 0; width < 3000; width = width < 240 || width > 270 ? width + 13 : width + 1) {
        buffer_clear(&b);
        assert_int_equal(buffer_put_text(&b, "before:"), 0);
        assert_int_equal(buffer_printf(&b, "%*d|%s", width, 7, "end"), 0);
        int n = sprintf(expected, "before:%*d|%s", width, 7, "end");
        assert_int_equal(b.len, n);
        assert_memory_equal(b.data, expected, (size_t)n);
    }
    buffer_clear(&b);
    assert_int_equal(buffer_printf(&b, "%090000d", 5), 0);
    assert_int_equal(b.len, 90000);
    assert_int_equal(b.data[89999], '5');
    assert_int_equal(buffer_printf(&b, "%s", ""), 0);
    assert_int_equal(b.len, 90000);
    free(expected);
    buffer_done(&b);
}

static void buffer_stays_failed(void **state)
{
    struct buffer b = {0};
    assert_int_equal(buffer_put_text(&b, "kept"), 0);
    assert_int_equal(buffer_reserve(&b, SIZE_MAX), -ENOMEM);
    assert_true(b.failed);
    assert_int_equal(buffer_put(&b, "x", 1), -ENOMEM);
    assert_int_equal(buffer_put_text(&b, "x"), -ENOMEM);
    assert_int_equal(buffer_printf(&b, "x"), -ENOMEM);
    assert_int_equal(buffer_printf(&b, "%500d", 1), -ENOMEM);
    buffer_put_byte(&b, 'x');
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "kept", 4);
    buffer_clear(&b);
    assert_false(b.failed);
    assert_int_equal(buffer_put_text(&b, "again"), 0);
    assert_memory_equal(b.data, "again", 5);
    b.failed = false;
    assert_int_equal(buffer_reserve(&b, SIZE_MAX / 2), -ENOMEM);
    assert_true(b.failed);
    buffer_done(&b);
    assert_false(b.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_of_rfc_3720),
        cmocka_unit_test(crc_is_the_same_by_every_way),
        cmocka_unit_test(takes_numbers_up_to_64_bits),
        cmocka_unit_test(takes_no_step_past_the_end),
        cmocka_unit_test(parses_whole_numbers_only),
        cmocka_unit_test(parses_durations),
        cmocka_unit_test(decimals),
        cmocka_unit_test(refuses_what_is_no_duration),
        cmocka_unit_test(map_agrees_with_an_array),
        cmocka_unit_test(map_agrees_where_keys_collide),
        cmocka_unit_test(map_knows_no_key_0),
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test(buffer_reserves_what_is_asked),
        cmocka_unit_test(buffer_prints_texts_of_any_length),
        cmocka_unit_test(buffer_stays_failed),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
