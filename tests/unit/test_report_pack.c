/* Columns for the page: what is packed reads back, by web/README.md. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "report/html.h"
#include "report/pack.h"

#define BLOCK_CAP (1 << 20)

static unsigned digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);
    assert_true(c != '\0' && at != NULL);
    return (unsigned)(at - digits);
}

static size_t unbase64(const char *text, size_t n, uint8_t *ret)
{
    size_t bytes = 0;
    assert_int_equal(n % 4, 0);
    for (size_t i = 0; i < n; i += 4) {
        unsigned pad = text[i + 3] == '=' ? text[i + 2] == '=' ? 2 : 1 : 0;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++)
            group = group << 6 | (k >= 4 - pad ? 0 : digit_of(text[i + k]));
        for (unsigned k = 0; k < 3 - pad; k++)
            ret[bytes++] = (uint8_t)(group >> (16 - 8 * k));
    }
    return bytes;
}

/* Inflates block `number` of the page's text. */
static size_t unpack(const struct pack *pack, size_t number, uint8_t *ret)
{
    static uint8_t deflated[BLOCK_CAP];
    char id[64];
    struct buffer text = {0};
    buffer_put(&text, pack->blocks.data, pack->blocks.len);
    buffer_put_byte(&text, '\0');
    snprintf(id, sizeof id, "<script type=\"text/plain\" id=\"block-%zu\">", number);
    const char *from = strstr((const char *)text.data, id);
    assert_non_null(from);
    from += strlen(id);
    const char *to = strstr(from, "</script>\n");
    assert_non_null(to);
    z_stream z = {.next_in = deflated,
                  .avail_in = (uInt)unbase64(from, (size_t)(to - from), deflated),
                  .next_out = ret,
                  .avail_out = BLOCK_CAP};
    assert_int_equal(inflateInit2(&z, -15), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    size_t n = z.total_out;
    inflateEnd(&z);
    buffer_done(&text);
    return n;
}

static const uint8_t *value_of(const uint8_t *p, int64_t *last, bool *ret_known)
{
    uint64_t u = 0;
    unsigned shift = 0;
    for (;; shift += 7) {
        u |= (uint64_t)(*p & 0x7f) << shift;
        if ((*p++ & 0x80) == 0)
            break;
    }
    *ret_known = u != 0;
    if (u != 0) {
        uint64_t z = u - 1;
        *last += (z & 1) != 0 ? -(int64_t)(z / 2) - 1 : (int64_t)(z / 2);
    }
    return p;
}

static uint8_t inflated[BLOCK_CAP];

static void assert_column(const struct packed *at, const int64_t *want, const bool *known, size_t n)
{
    const uint8_t *p = inflated + at->at, *end = p + at->bytes;
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_known;
        assert_true(p < end);
        p = value_of(p, &last, &is_known);
        assert_int_equal(is_known, known == NULL || known[i]);
        if (is_known)
            assert_int_equal(last, want[i]);
    }
    assert_ptr_equal(p, end);
}

static void test_integers_and_unknowns(void **state)
{
    const int64_t want[] = {0, 5, 0, -7, PACK_INT_MAX, -PACK_INT_MAX, 3};
    const bool known[] = {true, true, false, true, true, true, true};
    struct pack pack = {0};
    pack_begin(&pack);
    for (size_t i = 0; i < 7; i++) {
        if (known[i])
            pack_int(&pack, want[i]);
        else
            pack_unknown(&pack);
    }
    struct packed first = pack_end(&pack, 0), second;
    pack_begin(&pack);
    pack_int(&pack, INT64_MAX); /* cut to what the script can count */
    second = pack_end(&pack, 0);
    pack_cut(&pack);
    assert_false(pack.failed);
    assert_int_equal(unpack(&pack, 0, inflated), first.bytes + second.bytes);
    assert_column(&first, want, known, 7);
    assert_column(&second, (const int64_t[]){PACK_INT_MAX}, NULL, 1);
    pack_done(&pack);
}

static void test_doubles_are_rounded_to_their_digits(void **state)
{
    const double value[] = {0.12345, NAN, -2.5, 1e300, -INFINITY};
    const int64_t want[] = {12, 0, -250, PACK_INT_MAX, -PACK_INT_MAX};
    const bool known[] = {true, false, true, true, true};
    struct pack pack = {0};
    struct packed at = pack_doubles(&pack, value, 5, 2);
    struct packed coarse = pack_doubles(&pack, (const double[]){123456}, 1, -3);
    pack_cut(&pack);
    unpack(&pack, 0, inflated);
    assert_column(&at, want, known, 5);
    assert_column(&coarse, (const int64_t[]){123}, NULL, 1);
    assert_int_equal(coarse.digits, -3);
    pack_done(&pack);
}

static void test_blocks_stand_alone(void **state)
{
    struct pack pack = {0};
    struct packed first = pack_bytes(&pack, "one", 3), second, third;
    pack_cut(&pack);
    pack_cut(&pack); /* nothing: no empty block */
    second = pack_bytes(&pack, "three", 5);
    third = pack_bytes(&pack, "<!--", 4);
    pack_cut(&pack);
    assert_int_equal(first.block, 0);
    assert_int_equal(second.block, 1);
    assert_int_equal(third.block, 1);
    assert_int_equal(third.at, 5);
    assert_int_equal(unpack(&pack, 0, inflated), 3);
    assert_memory_equal(inflated, "one", 3);
    assert_int_equal(unpack(&pack, 1, inflated), 9);
    assert_memory_equal(inflated, "three<!--", 9);
    pack_done(&pack);
}

static void test_a_long_block(void **state)
{
    struct pack pack = {0};
    static int64_t want[100000];
    for (size_t i = 0; i < 100000; i++)
        want[i] = (int64_t)(i * i % 1000);
    pack_begin(&pack);
    for (size_t i = 0; i < 100000; i++)
        pack_int(&pack, want[i]);
    struct packed at = pack_end(&pack, 0);
    pack_cut(&pack);
    assert_int_equal(unpack(&pack, 0, inflated), at.bytes);
    assert_column(&at, want, NULL, 100000);
    pack_done(&pack);
}

/* ---- markup ---- */

static void assert_html(const char *text, size_t n, const char *want)
{
    struct buffer html = {0};
    html_text(&html, text, n);
    buffer_put_byte(&html, '\0');
    assert_string_equal((const char *)html.data, want);
    buffer_done(&html);
}

static void test_no_text_becomes_markup(void **state)
{
    assert_html("a<b>&\"'", 7, "a&lt;b&gt;&amp;&quot;&#39;");
    assert_html("</script>", 9, "&lt;/script&gt;");
    assert_html("x\0\x1b[31m\n", 8, "x\\x00\\x1b[31m\\n");
    assert_html("\xff\xe2\x80\xae", 4, "\xef\xbf\xbd\\u202e");
    assert_html("\u00e9", 2, "\u00e9");
}

static void put_words(struct buffer *ret, uint64_t value)
{
    buffer_printf(ret, "%d words", (int)value);
}

static void test_numbers_are_those_of_the_json(void **state)
{
    struct buffer html = {0};
    html_seconds(&html, "wall_s", 1500000001, put_words);
    html_number(&html, NULL, 7, put_words);
    html_number(&html, "x", UINT64_MAX, put_words);
    html_real(&html, "y", NAN, 1);
    html_real(&html, "y", 0.25, 1);
    buffer_put_byte(&html, '\0');
    assert_string_equal((const char *)html.data,
                        "<data value=\"1.500000001\" data-json=\"wall_s\">1500000001 words</data>"
                        "<data value=\"7\">7 words</data>"
                        "<data value=\"0.250000\" data-json=\"y\">0.3</data>");
    buffer_done(&html);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_and_unknowns),
        cmocka_unit_test(test_doubles_are_rounded_to_their_digits),
        cmocka_unit_test(test_blocks_stand_alone),
        cmocka_unit_test(test_a_long_block),
        cmocka_unit_test(test_no_text_becomes_markup),
        cmocka_unit_test(test_numbers_are_those_of_the_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
