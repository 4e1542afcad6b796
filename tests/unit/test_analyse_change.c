/* The bound of a change: against tables that others printed, worked examples, and what must always hold. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyse/change.h"

#define RUNS_MAX 64

static struct change change(const double *a, size_t n, const double *b, size_t m)
{
    double left[RUNS_MAX], right[RUNS_MAX];
    struct change ret;
    memcpy(left, a, n * sizeof *a);
    memcpy(right, b, m * sizeof *b);
    change_make(left, n, right, m, &ret);
    return ret;
}

/*
 * One more than the critical values of U, two-sided 5 %, as statistics textbooks print them (for 5
 * and 5: 2, for 10 and 10: 23, for 20 and 20: 127).
 */
static void as_many_are_left_out_as_tables_say(void **state)
{
    static const size_t known[][3] = {
        {4, 4, 1},    {3, 5, 1},     {2, 8, 1},     {5, 5, 3},    {5, 8, 7},  {6, 6, 6},
        {7, 7, 9},    {8, 8, 14},    {9, 9, 18},    {10, 10, 24}, {5, 10, 9}, {10, 20, 56},
        {15, 15, 65}, {20, 20, 128}, {33, 33, 392}, {3, 40, 19},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(change_left_out(known[i][0], known[i][1]), known[i][2]);
        assert_int_equal(change_left_out(known[i][1], known[i][0]), known[i][2]);
    }
}

/*
 * These are beyond 64 bits. They were counted by Mann and Whitney's recurrence N(u,n,m) =
 * N(u-m,n-1,m) + N(u,n,m-1) with integers of any size; the approximation leaves out one less at most.
 */
static void many_runs_are_as_good_as_exact(void **state)
{
    static const size_t known[][3] = {{30, 40, 435}, {40, 40, 597}, {100, 50, 2009}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_in_range(change_left_out(known[i][0], known[i][1]), known[i][2] - 1, known[i][2]);
}

static void too_few_runs_have_no_bound(void **state)
{
    static const size_t few[][2] = {{0, 5}, {1, 1}, {1, 1000}, {2, 2}, {2, 7}, {3, 3}, {3, 4}};
    const double one[] = {10}, five[] = {1, 2, 3, 4, 5};
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++)
        assert_int_equal(change_left_out(few[i][0], few[i][1]), 0);
    struct change c = change(one, 1, five, 5);
    assert_int_equal(c.verdict, CHANGE_UNBOUNDED);
    assert_true(c.difference == -7 && c.share == -0.7);
    assert_false(change_exceeds(&c, -1));
    c = change(one, 1, one, 1);
    assert_int_equal(c.verdict, CHANGE_UNBOUNDED);
    c = change(five, 5, one, 0);
    assert_true(c.verdict == CHANGE_UNKNOWN && c.runs[0] == 5 && c.runs[1] == 0);
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-12 * larger(1, fabs(wanted))))
        fail_msg("%.17g is not %.17g", value, wanted);
}

/*
 * By hand: of 5 and 5 runs the third smallest and the third largest of 25 pairs. The pairs of the
 * first, b - a, from below: 10.9 - 10.4 = 0.5, 11.0 - 10.4 = 0.6, and twice 0.7 (10.9 - 10.2,
 * 11.1 - 10.4); from above 12.0 - 9.9 = 2.1, 2.0, 1.9 (12.0 - 10.1).
 */
static void bounds_are_those_worked_out_by_hand(void **state)
{
    const double a[] = {10.2, 9.9, 10.0, 10.1, 10.4}, b[] = {11.0, 10.9, 11.2, 11.1, 12.0};
    struct change c = change(a, 5, b, 5);
    assert_int_equal(c.verdict, CHANGE_MORE);
    assert_true(c.median[0] == 10.1 && c.median[1] == 11.1 && c.runs[0] == 5 && c.runs[1] == 5);
    assert_true(c.least[0] == 9.9 && c.most[0] == 10.4 && c.most[1] == 12.0);
    assert_near(c.difference, 1.0);
    assert_near(c.by.low, 10.9 - 10.2);
    assert_near(c.by.high, 12.0 - 10.1);
    assert_near(c.share, 11.1 / 10.1 - 1);
    assert_near(c.share_by.low, 11.1 / 10.4 - 1);
    assert_near(c.share_by.high, 12.0 / 10.1 - 1);
}

static void noise_hides_a_change(void **state)
{
    const double a[] = {10.2, 9.9, 10.0, 10.1, 12.4}, b[] = {10.0, 10.9, 9.2, 10.1, 12.0};
    struct change c = change(a, 5, b, 5);
    assert_int_equal(c.verdict, CHANGE_NOT_SEEN);
    assert_near(c.by.low, 10.1 - 12.4);
    assert_near(c.by.high, 12.0 - 10.1);
}

/* Sides of 4 and 6 runs, with ties and an even number: the third of 24 pairs from both ends. */
static void sides_may_have_different_numbers_of_runs(void **state)
{
    const double a[] = {11, 9, 7, 5}, b[] = {6, 20, 6, 40, 8, 30};
    struct change c = change(a, 4, b, 6);
    assert_true(c.median[0] == 8 && c.median[1] == 14);
    assert_true(c.by.low == -3 && c.by.high == 31);
    assert_near(c.share_by.low, 6.0 / 9 - 1);
    assert_near(c.share_by.high, 40.0 / 7 - 1);
}

static void nothing_and_something(void **state)
{
    const double none[] = {0, 0, 0, 0}, some[] = {3, 3, 3, 3}, mixed[] = {0, 0, 5, 5};
    struct change c = change(none, 4, some, 4);
    assert_int_equal(c.verdict, CHANGE_MORE);
    assert_true(isinf(c.share) && isinf(c.share_by.low) && c.by.low == 3 && c.by.high == 3);
    assert_true(change_exceeds(&c, 1e6));
    c = change(some, 4, none, 4);
    assert_true(c.verdict == CHANGE_LESS && c.share == -1 && c.share_by.high == -1);
    c = change(some, 4, some, 4);
    assert_true(c.verdict == CHANGE_NONE && c.by.low == 0 && c.by.high == 0 && c.share == 0);
    assert_false(signbit(c.by.low));
    c = change(none, 4, none, 4);
    assert_true(c.verdict == CHANGE_NONE && c.share == 0);
    c = change(none, 4, mixed, 4);
    assert_int_equal(c.verdict, CHANGE_NOT_SEEN);
}

/* Most pairs say that B is larger, the medians do not: then nothing is claimed. */
static void medians_and_pairs_may_disagree(void **state)
{
    double a[RUNS_MAX], b[RUNS_MAX];
    for (size_t i = 0; i < RUNS_MAX; i++) {
        a[i] = i < 33 ? 10 : 1;
        b[i] = i < 33 ? 10 : 20;
    }
    struct change c = change(a, RUNS_MAX, b, RUNS_MAX);
    assert_true(c.difference == 0 && c.by.low <= 0 && c.by.high >= 0);
    assert_int_equal(c.verdict, CHANGE_NOT_SEEN);
}

/* ---- what must hold for any runs ---- */

static uint64_t random_state;

/* From 0 to 1, with a long tail upwards as times have it. Always the same sequence. */
static double noise(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    double even = (double)(random_state >> 40) / (double)(1 << 24);
    return even * even * even;
}

static void fill(double *value, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        value[i] = scale * (1 + 0.2 * noise());
}

/* 95 % is promised: of 5 and 5 runs the exact level is 1 - 8/252 = 96.8 %, of 8 and 12 95.3 %. */
static void the_same_seldom_looks_changed(void **state)
{
    static const size_t runs[][2] = {{5, 5}, {8, 12}};
    double a[RUNS_MAX], b[RUNS_MAX];
    random_state = 1;
    for (size_t k = 0; k < 2; k++) {
        unsigned seen = 0, missed = 0;
        for (unsigned i = 0; i < 4000; i++) {
            struct change c;
            fill(a, runs[k][0], 10);
            fill(b, runs[k][1], 10);
            change_make(a, runs[k][0], b, runs[k][1], &c);
            seen += change_seen(&c);
            /* The same runs, 10 % slower: the bound holds these 10 %. */
            fill(b, runs[k][1], 11);
            change_make(a, runs[k][0], b, runs[k][1], &c);
            missed += c.share_by.low > 0.1 || c.share_by.high < 0.1;
        }
        assert_in_range(seen, 4000 * 2 / 100, 4000 * 5 / 100);
        assert_in_range(missed, 4000 * 2 / 100, 4000 * 5 / 100);
    }
}

static void a_change_beyond_the_noise_is_seen(void **state)
{
    double a[5], b[5];
    random_state = 2;
    for (unsigned i = 0; i < 1000; i++) {
        struct change c;
        fill(a, 5, 10);
        fill(b, 5, 12.1);
        change_make(a, 5, b, 5, &c);
        assert_int_equal(c.verdict, CHANGE_MORE);
        assert_true(change_exceeds(&c, 0) && !change_exceeds(&c, 1));
    }
}

static void swapped_sides_swap_the_change(void **state)
{
    double a[RUNS_MAX], b[RUNS_MAX];
    random_state = 3;
    for (unsigned i = 0; i < 1000; i++) {
        struct change there, back;
        size_t n = 2 + i % 9, m = 2 + i % 13;
        fill(a, n, 10);
        fill(b, m, 10 + i % 3);
        change_make(a, n, b, m, &there);
        change_make(b, m, a, n, &back);
        assert_true(there.difference == -back.difference);
        if (there.verdict == CHANGE_UNBOUNDED) {
            assert_int_equal(back.verdict, CHANGE_UNBOUNDED);
            continue;
        }
        assert_true(there.by.low == -back.by.high && there.by.high == -back.by.low);
        assert_near((1 + there.share_by.low) * (1 + back.share_by.high), 1);
        assert_true(there.by.low <= there.difference && there.difference <= there.by.high);
        assert_true((there.verdict == CHANGE_MORE) == (back.verdict == CHANGE_LESS));
        assert_true((there.verdict == CHANGE_LESS) == (back.verdict == CHANGE_MORE));
    }
}

/* All pairs in order, against which the search for one of them is held. */
static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void the_search_finds_what_sorting_finds(void **state)
{
    static double pair[RUNS_MAX * RUNS_MAX];
    double a[RUNS_MAX], b[RUNS_MAX];
    random_state = 4;
    for (size_t n = 4; n <= 40; n++) {
        struct change c;
        size_t m = 44 - n, pairs = 0, left_out = change_left_out(n, m);
        fill(a, n, 10);
        fill(b, m, 10);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < m; j++)
                pair[pairs++] = b[j] - a[i];
        qsort(pair, pairs, sizeof *pair, by_value);
        change_make(a, n, b, m, &c);
        assert_true(c.by.low == smaller(pair[left_out - 1], c.difference));
        assert_true(c.by.high == larger(pair[pairs - left_out], c.difference));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_are_left_out_as_tables_say),
        cmocka_unit_test(many_runs_are_as_good_as_exact),
        cmocka_unit_test(too_few_runs_have_no_bound),
        cmocka_unit_test(bounds_are_those_worked_out_by_hand),
        cmocka_unit_test(noise_hides_a_change),
        cmocka_unit_test(sides_may_have_different_numbers_of_runs),
        cmocka_unit_test(nothing_and_something),
        cmocka_unit_test(medians_and_pairs_may_disagree),
        cmocka_unit_test(the_same_seldom_looks_changed),
        cmocka_unit_test(a_change_beyond_the_noise_is_seen),
        cmocka_unit_test(swapped_sides_swap_the_change),
        cmocka_unit_test(the_search_finds_what_sorting_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
