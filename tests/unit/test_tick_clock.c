/* mark/tick_clock: ticks on the recording's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "mark/shared.h"
#include "mark/tick_clock.h"

#define MS NS_PER_MS

static void nothing_is_known_without_a_pair(void **state)
{
    struct tick_clock clock = {0};
    assert_int_equal(tick_clock_mono_ns(&clock, 12345), 0);
    assert_int_equal(tick_clock_length_ns(&clock, 12345), 0);
}

/* 2.5 ticks a ns, and then 2: a clock that is slewed. */
static void lines_go_through_the_pairs(void **state)
{
    struct tick_clock clock = {0};
    tick_clock_put(&clock, 1000, 500);
    tick_clock_put(&clock, 1000 + 250 * MS, 500 + 100 * MS);
    tick_clock_put(&clock, 1000 + 450 * MS, 500 + 200 * MS);
    assert_int_equal(tick_clock_mono_ns(&clock, 1000), 500);
    assert_in_range(tick_clock_mono_ns(&clock, 1000 + 125 * MS), 499 + 50 * MS, 501 + 50 * MS);
    assert_in_range(tick_clock_mono_ns(&clock, 1000 + 250 * MS), 499 + 100 * MS, 501 + 100 * MS);
    assert_in_range(tick_clock_mono_ns(&clock, 1000 + 350 * MS), 499 + 150 * MS, 501 + 150 * MS);
    /* Before the first and after the last the nearest goes on. */
    assert_in_range(tick_clock_mono_ns(&clock, 1000 + 470 * MS), 499 + 210 * MS, 501 + 210 * MS);
    assert_in_range(tick_clock_mono_ns(&clock, 500), 299, 301);
}

static void the_last_line_turns_until_it_is_long_enough(void **state)
{
    struct tick_clock clock = {0};
    tick_clock_put(&clock, 0, 0);
    tick_clock_put(&clock, 2 * MS, 1 * MS);
    assert_int_equal(clock.count, 1);
    assert_in_range(tick_clock_mono_ns(&clock, 4 * MS), 2 * MS - 1, 2 * MS + 1);
    tick_clock_put(&clock, 3 * MS, 3 * MS);
    assert_in_range(tick_clock_mono_ns(&clock, 4 * MS), 4 * MS - 1, 4 * MS + 1);
    tick_clock_put(&clock, 60 * MS, 60 * MS);
    assert_int_equal(clock.count, 2);
}

static void pairs_that_go_back_are_nothing(void **state)
{
    struct tick_clock clock = {0};
    tick_clock_put(&clock, 100 * MS, 100 * MS);
    tick_clock_put(&clock, 200 * MS, 200 * MS);
    tick_clock_put(&clock, 150 * MS, 300 * MS);
    tick_clock_put(&clock, 250 * MS, 150 * MS);
    assert_in_range(tick_clock_mono_ns(&clock, 180 * MS), 180 * MS - 1, 180 * MS + 1);
}

/* More lines than are kept: what is older than all of them is still put near. */
static void old_lines_are_forgotten(void **state)
{
    struct tick_clock clock = {0};
    uint64_t lines = 3 * TICK_LINES, line = 0, last = 0;
    for (uint64_t i = 0; i <= lines; i++)
        tick_clock_put(&clock, i * 200 * MS, i * 100 * MS);
    line = tick_clock_oldest(&clock);
    for (uint64_t ticks = 0; ticks < lines * 200 * MS; ticks += 37 * MS) {
        uint64_t ns = tick_clock_next_ns(&clock, &line, ticks);
        assert_in_range(ns, ticks / 2 < 2 ? 0 : ticks / 2 - 2, ticks / 2 + 2);
        assert_true(ns >= last);
        last = ns;
    }
    assert_in_range(tick_clock_length_ns(&clock, 1000 * MS), 500 * MS - 1, 500 * MS + 1);
}

/* Where there is one. */
static void the_processors_counter(void **state)
{
    struct tick_clock clock = {0};
    if (!tick_clock_usable())
        skip();
    tick_clock_take(&clock);
    for (uint64_t begin = clock_mono_ns(); clock_mono_ns() - begin < 5 * MS;)
        ;
    tick_clock_take(&clock);
    uint64_t before = clock_mono_ns(), ns = tick_clock_mono_ns(&clock, tsc_now()),
             after = clock_mono_ns();
    assert_in_range(ns, before - 20 * NS_PER_US, after + 20 * NS_PER_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_without_a_pair),
        cmocka_unit_test(lines_go_through_the_pairs),
        cmocka_unit_test(the_last_line_turns_until_it_is_long_enough),
        cmocka_unit_test(pairs_that_go_back_are_nothing),
        cmocka_unit_test(old_lines_are_forgotten),
        cmocka_unit_test(the_processors_counter),
    };
    return cmocka_run_group_tests_name("tick_clock", tests, NULL, NULL);
}
