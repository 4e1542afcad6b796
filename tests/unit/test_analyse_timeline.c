/* analyse/timeline: amounts over time, never lost, never above what the processors can give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "analyse/timeline.h"

#define S UINT64_C(1000000000)

static double total(const struct timeline *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += t->amount[i];
    return sum;
}

static void near(double a, double b)
{
    assert_true(a > b - 1e-6 * (1 + b) && a < b + 1e-6 * (1 + b));
}

static void spreads_evenly(void **state)
{
    struct timeline t;
    assert_int_equal(timeline_init(&t, 100 * S, 110 * S, S), 0);
    assert_int_equal(t.count, 10);
    timeline_add(&t, 100 * S + S / 2, 103 * S + S / 2, 3e9); /* a half, two whole, a half */
    timeline_add(&t, 105 * S, 105 * S + S / 4, 1e8);
    timeline_finish(&t, 0);
    static const double expected[] = {5e8, 1e9, 1e9, 5e8, 0, 1e8, 0, 0, 0, 0};
    for (size_t i = 0; i < t.count; i++)
        near(t.amount[i], expected[i]);
    timeline_done(&t);
}

static void keeps_what_lies_outside(void **state)
{
    struct timeline t;
    assert_int_equal(timeline_init(&t, 100 * S, 110 * S, S), 0);
    timeline_add(&t, 0, 50 * S, 1);
    timeline_add(&t, 200 * S, 300 * S, 2);
    timeline_add(&t, 50 * S, 300 * S, 4);
    timeline_add(&t, 105 * S, 105 * S, 8);
    timeline_add(&t, 0, UINT64_MAX, 16);
    timeline_finish(&t, 0);
    near(total(&t), 31);
    timeline_done(&t);
}

static void never_exceeds_the_capacity(void **state)
{
    struct timeline t;
    assert_int_equal(timeline_init(&t, 0, 10 * S, S), 0);
    timeline_add(&t, 5 * S, 6 * S, 5e9); /* five seconds of CPU in one, on two processors */
    timeline_add(&t, 0, S / 2, 3e9);
    timeline_finish(&t, 2);
    near(total(&t), 8e9);
    for (size_t i = 0; i < t.count; i++)
        assert_true(t.amount[i] <= 2e9 + 1);
    near(t.amount[5], 2e9);
    near(t.amount[4], 2e9);
    near(t.amount[3], 1e9);
    near(t.amount[0], 2e9);
    near(t.amount[1], 1e9);
    near(timeline_peak_rate(&t, S), 2);
    timeline_done(&t);
}

static void finds_the_peak_of_a_sliding_window(void **state)
{
    struct timeline t;
    assert_int_equal(timeline_init(&t, 0, 10 * S, S / 10), 0);
    timeline_add(&t, 3 * S + S / 2, 4 * S + S / 2, 1.5e9);
    timeline_finish(&t, 4);
    near(timeline_peak_rate(&t, S), 1.5);
    near(timeline_peak_rate(&t, 100 * S), 0.15); /* the window is longer than the recording */
    double cell[100];
    for (size_t n = 1; n <= 100; n += 9) {
        double most = 0;
        timeline_cells(&t, S, n, cell);
        for (size_t i = 0; i < n; i++)
            most = cell[i] > most ? cell[i] : most;
        near(most, 1.5);
    }
    timeline_done(&t);
}

static void bounds_its_memory(void **state)
{
    struct timeline t;
    struct gauge_line g;
    assert_int_equal(timeline_init(&t, 0, UINT64_MAX, 1), 0);
    assert_true(t.count <= TIMELINE_BUCKETS_MAX);
    timeline_add(&t, 0, UINT64_MAX, 1e18);
    timeline_finish(&t, 2);
    near(total(&t), 1e18);
    timeline_done(&t);
    assert_int_equal(timeline_init(&t, 5, 5, 100), 0);
    assert_int_equal(t.count, 1);
    timeline_add(&t, 5, 5, 1);
    timeline_finish(&t, 0);
    timeline_peak_rate(&t, S);
    timeline_done(&t);
    assert_int_equal(gauge_line_init(&g, 9, 5, 100), 0);
    gauge_line_put(&g, 0, 7);
    assert_int_equal(g.largest[0], 7);
    gauge_line_done(&g);
}

static void gauges_keep_peaks_and_carry_on(void **state)
{
    struct gauge_line g;
    assert_int_equal(gauge_line_init(&g, 0, 10 * S, S), 0);
    gauge_line_put(&g, 2 * S, 5);
    gauge_line_put(&g, 2 * S + 1, 9);
    gauge_line_put(&g, 2 * S + 2, 3);
    gauge_line_put(&g, 7 * S, 0);
    uint64_t cell[10];
    gauge_line_cells(&g, 10, cell);
    static const uint64_t expected[] = {TIMELINE_UNKNOWN, TIMELINE_UNKNOWN, 9, 9, 9, 9, 9, 0, 0, 0};
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(cell[i], expected[i]);
    gauge_line_cells(&g, 2, cell);
    assert_int_equal(cell[0], 9);
    assert_int_equal(cell[1], 0);
    gauge_line_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_evenly),
        cmocka_unit_test(keeps_what_lies_outside),
        cmocka_unit_test(never_exceeds_the_capacity),
        cmocka_unit_test(finds_the_peak_of_a_sliding_window),
        cmocka_unit_test(bounds_its_memory),
        cmocka_unit_test(gauges_keep_peaks_and_carry_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
