/* Varints, zigzag and the cursor over bytes from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/varint.h"

static void assert_round_trip(uint64_t v, size_t bytes)
{
    struct buffer b = {0};
    varint_put(&b, v);
    assert_int_equal(b.len, bytes);
    struct cursor c = {b.data, b.data + b.len, false};
    assert_true(cursor_varint(&c) == v);
    assert_false(c.bad);
    assert_int_equal(cursor_left(&c), 0);
    for (size_t n = 0; n < b.len; n++) { /* cut short */
        c = (struct cursor){b.data, b.data + n, false};
        assert_int_equal(cursor_varint(&c), 0);
        assert_true(c.bad);
        assert_int_equal(cursor_left(&c), 0);
    }
    buffer_done(&b);
}

static void test_limits(void **state)
{
    assert_round_trip(0, 1);
    assert_round_trip(1, 1);
    for (unsigned bits = 7; bits < 64; bits += 7) {
        assert_round_trip((UINT64_C(1) << bits) - 1, bits / 7);
        assert_round_trip(UINT64_C(1) << bits, bits / 7 + 1);
    }
    assert_round_trip(UINT64_MAX, VARINT_MAX);
}

static void assert_bad(const char *bytes, size_t n)
{
    struct cursor c = {(const uint8_t *)bytes, (const uint8_t *)bytes + n, false};
    assert_int_equal(cursor_varint(&c), 0);
    assert_true(c.bad);
    assert_int_equal(cursor_varint(&c), 0);
}

static void test_over_64_bits(void **state)
{
    assert_bad("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
    assert_bad("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11);
    assert_bad("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
}

/* Longer than need be is no error: nothing depends on there being one way only. */
static void test_overlong(void **state)
{
    const uint8_t bytes[] = {0x85, 0x80, 0x00, 7};
    struct cursor c = {bytes, bytes + sizeof bytes, false};
    assert_int_equal(cursor_varint(&c), 5);
    assert_int_equal(cursor_varint(&c), 7);
    assert_false(c.bad);
}

static void test_zigzag(void **state)
{
    const int64_t values[] = {0, -1, 1, -2, 2, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_true(unzigzag(zigzag(values[i])) == values[i]);
    assert_int_equal(zigzag(0), 0);
    assert_int_equal(zigzag(-1), 1);
    assert_int_equal(zigzag(1), 2);
    assert_true(zigzag(INT64_MIN) == UINT64_MAX);
    assert_true(zigzag(INT64_MAX) == UINT64_MAX - 1);
}

static void test_cursor_bytes(void **state)
{
    const uint8_t bytes[] = "abc";
    struct cursor c = {bytes, bytes + 3, false};
    assert_ptr_equal(cursor_bytes(&c, 0), bytes);
    assert_ptr_equal(cursor_bytes(&c, 2), bytes);
    assert_null(cursor_bytes(&c, 2));
    assert_true(c.bad);
    assert_int_equal(cursor_left(&c), 0);
    c = (struct cursor){bytes, bytes + 3, false};
    assert_null(cursor_bytes(&c, UINT64_MAX));
    assert_true(c.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_over_64_bits),
        cmocka_unit_test(test_overlong),     cmocka_unit_test(test_zigzag),
        cmocka_unit_test(test_cursor_bytes),
    };
    return cmocka_run_group_tests_name("format_varint", tests, NULL, NULL);
}
