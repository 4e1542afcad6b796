/* base/json_reader: what is JSON is read, what is none is refused, whatever the bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json_reader.h"

/* All values as "outer.key=text" with blanks between; the last call's result. */
static int walk(const char *json, char *ret, size_t cap)
{
    struct json_reader reader = json_read(text_of(json, strlen(json)));
    struct json_value v;
    int r, at = 0;
    ret[0] = '\0';
    while ((r = json_next(&reader, &v)) == 1)
        at +=
            snprintf(ret + at, cap - (size_t)at, "%s%u:%.*s.%.*s=%.*s", at > 0 ? " " : "", v.depth,
                     (int)(v.outer.end - v.outer.at), v.outer.at, (int)(v.key.end - v.key.at),
                     v.key.at, (int)(v.text.end - v.text.at), v.text.at);
    return r;
}

static void assert_walk(const char *json, const char *expected)
{
    char got[512];
    assert_int_equal(walk(json, got, sizeof got), 0);
    assert_string_equal(got, expected);
}

static void values_come_with_their_keys(void **state)
{
    assert_walk("{}", "");
    assert_walk(" [ ] ", "");
    assert_walk("{\"a\": 1, \"b\": {\"c\": \"x\", \"d\": null}, \"e\": true}",
                "1:.a=1 2:b.c=x 2:b.d=null 1:.e=true");
    assert_walk("{\"a\":[1,[2,{\"b\":3}],4],\"c\":-0.5e+3}",
                "2:a.=1 3:.=2 4:.b=3 2:a.=4 1:.c=-0.5e+3");
    assert_walk("{\"a\":{},\"b\":[]} and what follows", "");
    assert_walk("{\"a\\\"b\":\"c\\u0041\"}", "1:.a\\\"b=c\\u0041");
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "",           "x",
        "1",          "{",
        "[",          "{\"a\"}",
        "{\"a\":}",   "{\"a\":1,}",
        "[1,]",       "[,1]",
        "[1 2]",      "{\"a\":1]",
        "[1}",        "{a:1}",
        "{\"a\":01}", "{\"a\":+1}",
        "[.5]",       "[1.]",
        "[1e]",       "[-]",
        "[NaN]",      "[Infinity]",
        "[nul]",      "[\"a]",
        "[\"\\x\"]",  "[\"\\u12g4\"]",
        "[\"\n\"]",   "[\"a\\\"]",
        "[tru",       "[\"\\u12\"]",
    };
    char got[512];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (walk(bad[i], got, sizeof got) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
}

static void depth_is_bounded(void **state)
{
    char json[200], got[512];
    for (int depth = 1; depth <= 40; depth++) {
        memset(json, '[', (size_t)depth);
        memset(json + depth, ']', (size_t)depth);
        json[2 * depth] = '\0';
        assert_int_equal(walk(json, got, sizeof got), depth <= JSON_DEPTH_MAX ? 0 : -EPROTO);
    }
}

static void assert_number(const char *text, uint64_t scale, uint64_t expected)
{
    uint64_t got = 77;
    if (!json_scaled(text_of(text, strlen(text)), scale, &got))
        fail_msg("refused: %s", text);
    assert_int_equal(got, expected);
}

static void numbers_are_exact(void **state)
{
    static const char *const bad[] = {"-1", "-0.6", "1e20", "1e999999999999999999999",
                                      "18446744073.8"};
    assert_number("0", 1, 0);
    assert_number("-0.0", 1, 0);
    assert_number("0e99999999", 1, 0);
    assert_number("1234567890123456789", 1, UINT64_C(1234567890123456789));
    assert_number("0.1", NS_PER_S, 100000000);
    assert_number("12.345678901", NS_PER_S, UINT64_C(12345678901));
    assert_number("1.5e-05", NS_PER_S, 15000);
    assert_number("25E2", 1, 2500);
    assert_number("1e-400", NS_PER_S, 0);
    assert_number("0.0000000005", NS_PER_S, 1); /* to the nearest */
    assert_number("0.00000000049", NS_PER_S, 0);
    assert_number("0.33333333333333333333333333333333333333333", NS_PER_S, 333333333);
    assert_number("18446744073.7", NS_PER_S, UINT64_C(18446744073700000000));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t got = 77;
        if (json_scaled(text_of(bad[i], strlen(bad[i])), NS_PER_S, &got))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(got, 77);
    }
}

static void strings_are_decoded(void **state)
{
    static const struct {
        const char *raw, *said;
    } strings[] = {
        {"", ""},
        {"a\\n\\t\\\"\\\\\\/b", "a\n\t\"\\/b"},
        {"\\u00e4\\u20AC", "\xc3\xa4\xe2\x82\xac"},
        {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"},
        {"\\ud83d!", "\xef\xbf\xbd!"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd"
                           "A"},
        {"\\ude00", "\xef\xbf\xbd"},
        {"\\u0000", "\xef\xbf\xbd"},
        {"\xff", "\xff"},
    };
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        struct buffer said = {0};
        json_string_put(&said, text_of(strings[i].raw, strlen(strings[i].raw)));
        buffer_put_byte(&said, 0);
        assert_string_equal((const char *)said.data, strings[i].said);
        buffer_done(&said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_with_their_keys),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(strings_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
