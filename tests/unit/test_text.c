/* base/text: hostile bytes come out harmless, and no wider than asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"

static struct buffer out;

static const char *finished(void)
{
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    return (const char *)out.data;
}

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

#define BYTES(s) (s), sizeof(s) - 1

static const char *json(const char *s, size_t n)
{
    buffer_clear(&out);
    text_put_json(&out, s, n);
    return finished();
}

static const char *terminal(const char *s, size_t n, bool utf8)
{
    buffer_clear(&out);
    text_put_terminal(&out, s, n, utf8);
    return finished();
}

static const char *fitted(const char *s, size_t n, size_t width, bool utf8, size_t *ret_used)
{
    buffer_clear(&out);
    *ret_used = text_put_fitted(&out, s, n, width, utf8);
    return finished();
}

static const char *shell(const char *s, size_t n)
{
    buffer_clear(&out);
    text_put_shell(&out, s, n);
    return finished();
}

static void decodes_every_character(void **state)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        buffer_clear(&out);
        utf8_put(&out, c);
        uint32_t back;
        assert_int_equal(utf8_next(out.data, out.data + out.len, &back), out.len);
        assert_int_equal(back, c);
        for (size_t cut = 1; cut < out.len; cut++) {
            assert_int_equal(utf8_next(out.data, out.data + cut, &back), cut);
            assert_int_equal(back, UTF8_INVALID);
        }
    }
    buffer_clear(&out);
    utf8_put(&out, 0xD800);
    utf8_put(&out, 0x110000);
    assert_string_equal(finished(), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

/* The examples of the Unicode standard, tables 3-8 to 3-11: as many pieces as it recommends. */
static void refuses_what_is_no_utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t n, pieces;
    } cases[] = {
        {BYTES("\x80"), 1},
        {BYTES("\xC0\xAF"), 2},         /* overlong */
        {BYTES("\xE0\x80\xBF"), 3},     /* overlong */
        {BYTES("\xF0\x81\x82"), 3},     /* overlong */
        {BYTES("\xED\xA0\x80"), 3},     /* a surrogate */
        {BYTES("\xF4\x91\x92\x93"), 4}, /* beyond U+10FFFF */
        {BYTES("\xFF\xFE"), 2},
        {BYTES("\xE1\x80"), 1},     /* cut */
        {BYTES("\xF0\x9F\x98"), 1}, /* cut */
        {BYTES("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"), 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *p = (const uint8_t *)cases[i].bytes, *end = p + cases[i].n;
        size_t pieces = 0;
        for (uint32_t c; p < end; pieces++) {
            p += utf8_next(p, end, &c);
            assert_int_equal(c, UTF8_INVALID);
        }
        assert_ptr_equal(p, end);
        assert_int_equal(pieces, cases[i].pieces);
        assert_false(utf8_valid(cases[i].bytes, cases[i].n));
    }
    assert_true(utf8_valid(BYTES("na\xC3\xAFve \xF0\x9F\x98\x80")));
}

static void knows_widths(void **state)
{
    assert_int_equal(text_width(BYTES("abc")), 3);
    assert_int_equal(text_width(BYTES("\u65E5\u672C")), 4);
    assert_int_equal(text_width(BYTES("e\u0301")), 1);
    assert_int_equal(text_width(BYTES("\U0001F600!")), 3);
    assert_int_equal(text_width(BYTES("\u2581\u2588\u2026\u2192\u2713")), 5);
    assert_int_equal(text_width(BYTES("\xFF")), 1);
    assert_int_equal(utf8_width(0x10FFFF), 1);
    assert_int_equal(utf8_width(0x3FFFD), 2);
    assert_int_equal(utf8_width(0x3FFFE), 1);
}

static void escapes_json(void **state)
{
    assert_string_equal(json(BYTES("a\"b\\c\n\t\x01\x7F")), "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
    assert_string_equal(json(BYTES("</script>&\u2028")), "\"\\u003c/script\\u003e\\u0026\\u2028\"");
    assert_string_equal(json(BYTES("\xFF\xC3")), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_string_equal(json(BYTES("a\0b")), "\"a\\u0000b\"");
    assert_string_equal(json(BYTES("\u00E9\U0001F600")), "\"\u00E9\U0001F600\"");
    assert_string_equal(json("", 0), "\"\"");
    assert_string_equal(json(NULL, 0), "\"\"");
    assert_int_equal(text_width(NULL, 0), 0);
    assert_true(utf8_valid(NULL, 0));
}

static void disarms_terminals(void **state)
{
    assert_string_equal(terminal(BYTES("\x1B[31mred\x1B]0;t\a"), true), "\\x1b[31mred\\x1b]0;t\\a");
    assert_string_equal(terminal(BYTES("one\ntwo\r\0"), true), "one\\ntwo\\r\\x00");
    assert_string_equal(terminal(BYTES("\u202Etxt.exe\u200B\uFEFF"), true),
                        "\\u202etxt.exe\\u200b\\ufeff");
    assert_string_equal(terminal(BYTES("\xC2\x9B"
                                       "31m\U000E0041"),
                                 true),
                        "\\u009b31m\\U000e0041");
    assert_string_equal(terminal(BYTES("\x9B"
                                       "31m"),
                                 true),
                        "\xEF\xBF\xBD"
                        "31m");
    assert_string_equal(terminal(BYTES("caf\u00E9 \xFF"), false), "caf? ?");
    assert_string_equal(terminal(BYTES("caf\u00E9"), true), "caf\u00E9");
}

static void never_puts_a_control_character(void **state)
{
    srand(1);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[24];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)rand();
        bool utf8 = round % 2 == 0;
        size_t width = (size_t)rand() % 12, used;
        const char *s[3] = {NULL};
        for (int how = 0; how < 3; how++) {
            s[how] = how == 0   ? fitted((char *)bytes, sizeof bytes, width, utf8, &used)
                     : how == 1 ? terminal((char *)bytes, sizeof bytes, utf8)
                                : shell((char *)bytes, sizeof bytes);
            size_t n = out.len - 1;
            assert_true(utf8_valid(s[how], n));
            if (how == 0) {
                assert_true(text_width(s[how], n) <= width);
                assert_int_equal(text_width(s[how], n), used);
            }
            for (size_t i = 0; i < n; i++)
                assert_true((uint8_t)s[how][i] >= 0x20 && s[how][i] != 0x7F);
        }
    }
}

static void fits_a_width(void **state)
{
    size_t used;
    assert_string_equal(fitted(BYTES("abcdef"), 6, true, &used), "abcdef");
    assert_int_equal(used, 6);
    assert_string_equal(fitted(BYTES("abcdefg"), 6, true, &used), "abcde\u2026");
    assert_int_equal(used, 6);
    assert_string_equal(fitted(BYTES("abcdefg"), 6, false, &used), "abc...");
    assert_string_equal(fitted(BYTES("abcdefg"), 2, false, &used), "..");
    assert_string_equal(fitted(BYTES("abcdefg"), 1, true, &used), "\u2026");
    assert_string_equal(fitted(BYTES("abcdefg"), 0, true, &used), "");
    assert_int_equal(used, 0);
    assert_string_equal(fitted("", 0, 0, true, &used), "");
    /* A wide character is not halved. */
    assert_string_equal(fitted(BYTES("\u65E5\u672C\u8A9E"), 4, true, &used), "\u65E5\u2026");
    assert_int_equal(used, 3);
    /* Nor is an escape. */
    assert_string_equal(fitted(BYTES("ab\x1B"
                                     "cd"),
                               5, true, &used),
                        "ab\u2026");
    /* A pile of marks takes no more bytes than needed. */
    assert_string_equal(fitted(BYTES("e\u0301\u0301\u0301\u0301\u0301\u0301x"), 2, true, &used),
                        "e\u0301\u0301\u0301\u0301x");
}

static void quotes_as_a_person_would(void **state)
{
    assert_string_equal(shell(BYTES("make\0-j2\0")), "make -j2");
    assert_string_equal(shell(BYTES("make\0-j2")), "make -j2");
    assert_string_equal(shell(BYTES("sh\0-c\0echo $HOME; ls\0")), "sh -c 'echo $HOME; ls'");
    assert_string_equal(shell(BYTES("echo\0\0it's\0~\0")), "echo '' 'it'\\''s' '~'");
    assert_string_equal(shell(BYTES("a\nb\0\x1B[0m\0\xFF'\\\0")),
                        "$'a\\nb' $'\\x1b[0m' $'\\xff\\'\\\\'");
    assert_string_equal(shell(BYTES("\u202Egpj.exe\0caf\u00E9\0")), "$'\\u202egpj.exe' caf\u00E9");
    assert_string_equal(shell("", 0), "");
    assert_string_equal(shell(BYTES("\0")), "''");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_character),
        cmocka_unit_test(refuses_what_is_no_utf8),
        cmocka_unit_test(knows_widths),
        cmocka_unit_test(escapes_json),
        cmocka_unit_test(disarms_terminals),
        cmocka_unit_test(never_puts_a_control_character),
        cmocka_unit_test(fits_a_width),
        cmocka_unit_test(quotes_as_a_person_would),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
