/* report/plot: units and ticks that are short numbers, and texts that stay texts in gnuplot's files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/plot_axes.h"
#include "report/plot_text.h"

static void near(double is, double should)
{
    if (!(is > should * (1 - 1e-9) && is < should * (1 + 1e-9)))
        fail_msg("%g is not %g", is, should);
}

static void ticks_are_round(void **state)
{
    near(plot_tick_step(2, 6, false), 0.5);
    near(plot_tick_step(2.0001, 4, false), 0.5); /* so little above is no reason for another tick */
    near(plot_tick_step(2.1, 4, false), 1);
    near(plot_tick_step(17, 6, false), 5);
    near(plot_tick_step(12, 6, false), 2);
    near(plot_tick_step(0.0009, 5, false), 0.0002);
    near(plot_tick_step(15, 6, false), 2.5);
    near(plot_tick_step(2, 6, true), 1);
    near(plot_tick_step(15, 6, true), 5); /* and not 2.5 of a thread */
    near(plot_tick_step(1.3e9, 4, true), 5e8);
    assert_true(plot_tick_step(0, 4, false) > 0);
    assert_true(plot_tick_step(1e308, 4, false) > 1e307);
}

static void units_fit(void **state)
{
    assert_string_equal(plot_time_unit(170).name, "s");
    assert_string_equal(plot_time_unit(181).name, "min");
    assert_string_equal(plot_time_unit(5 * 3600).name, "h");
    assert_string_equal(plot_time_unit(10 * 86400).name, "d");
    assert_string_equal(plot_value_unit("bytes", 1023).name, "B");
    assert_string_equal(plot_value_unit("bytes", 5e6).name, "MiB");
    near(plot_value_unit("bytes/s", 5e9).scale, 1073741824);
    assert_string_equal(plot_value_unit("1/s", 4999).name, "1/s");
    assert_string_equal(plot_value_unit("1/s", 5000).name, "thousand/s");
    assert_string_equal(plot_value_unit("count", 9999).name, "");
    near(plot_value_unit("share", 1).scale, 0.01);
    assert_string_equal(plot_value_unit("cores", 2).name, "cores");
}

static void expect(void (*put)(struct buffer *, const void *, size_t, size_t), const char *text,
                   size_t cells, const char *should)
{
    struct buffer is = {0};
    put(&is, text, strlen(text), cells);
    buffer_put_byte(&is, 0);
    assert_string_equal((const char *)is.data, should);
    buffer_done(&is);
}

static void texts_stay_texts(void **state)
{
    expect(plot_put_string, "", 10, "''");
    expect(plot_put_string, "'.system('x').'", 20, "'’.system(’x’).’'");
    expect(plot_put_string, "`a` \\ @b \"c\"", 20, "'`a` \\ @b \"c\"'");
    expect(plot_put_string, "a\nEOD\n", 20, "'a\\nEOD\\n'");
    expect(plot_put_string, "a]]>b ]>", 20, "'a]] >b ]>'");
    expect(plot_put_string, "\xff\xef\xbf\xbf", 20, "'\xef\xbf\xbd\xef\xbf\xbd'");
    expect(plot_put_string, "\xe2\x80\xaeright", 20, "'\\u202eright'");
    expect(plot_put_string, "abcdefgh", 5, "'abcd…'");
    expect(plot_put_cell, "it's \"a\\b\"", 20, "\"it's \\042a\\134b\\042\"");
    expect(plot_put_cell, "\t\n", 20, "\"\\134t\\134n\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(units_fit),
        cmocka_unit_test(texts_stay_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
