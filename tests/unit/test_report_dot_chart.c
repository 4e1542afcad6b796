/* report/dot_chart, report/grid: what is drawn, cell by cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "report/dot_chart.h"

static struct buffer out;

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

static const char *text_of_grid(struct grid *grid, bool colour)
{
    struct page page = page_of(&out, grid->columns, grid->utf8, colour);
    buffer_clear(&out);
    grid_put_page(grid, &page);
    grid_done(grid);
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    return (const char *)out.data;
}

static struct grid grid_of(unsigned rows, unsigned columns, bool utf8)
{
    struct grid grid;
    assert_int_equal(grid_init(&grid, rows, columns, utf8), 0);
    return grid;
}

/* 0 is known and has a dot, unknown has none, a little more than a dot's height is two. */
static const uint64_t values[] = {
    0, CHART_UNKNOWN, 1, 125, 126, 250, 500, 501, 750, 1000, 5000, UINT64_MAX - 1,
};

static void test_area_of_dots(void **state)
{
    struct grid grid = grid_of(2, 8, true);
    chart_draw(&grid, 0, 1, &(struct dot_chart){values, 6, 2, 1000, INK_CPU});
    assert_string_equal(text_of_grid(&grid, false), "    ⢀⣼⣿\n"
                                                    " ⡀⣀⣤⣿⣿⣿\n");
}

static void test_area_of_ascii(void **state)
{
    struct grid grid = grid_of(2, 8, false);
    chart_draw(&grid, 0, 1, &(struct dot_chart){values, 6, 2, 1000, INK_CPU});
    assert_string_equal(text_of_grid(&grid, false), "    .##\n"
                                                    " ..:###\n");
}

static void test_nothing_but_zeros_is_a_line(void **state)
{
    static const uint64_t zeros[4];
    struct grid grid = grid_of(2, 4, true);
    chart_draw(&grid, 0, 1, &(struct dot_chart){zeros, 2, 2, 0, INK_CPU});
    assert_string_equal(text_of_grid(&grid, false), "\n ⣀⣀\n");
}

static void draw_with_axes(struct grid *grid)
{
    static const uint64_t ramp[] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100};
    struct dot_chart chart = {ramp, 6, 2, 100, INK_CPU};
    struct buffer top = {0};
    put_cores_top(&top, 1500000);
    chart_draw(grid, 0, 18, &chart);
    chart_y_axis(grid, 0, 18, &chart, "CPU", &top);
    chart_time_axis(grid, 2, 18, 6, 0, 10 * NS_PER_S);
    buffer_done(&top);
}

static void test_axes(void **state)
{
    struct grid grid = grid_of(4, 26, true);
    draw_with_axes(&grid);
    assert_string_equal(text_of_grid(&grid, false), "  CPU  1.5 cores ┤   ⣠⣾⣿\n"
                                                    "               0 ┤⣀⣴⣿⣿⣿⣿\n"
                                                    "                 └┬─────\n"
                                                    "                  0 s\n");
}

static void test_axes_in_ascii(void **state)
{
    struct grid grid = grid_of(4, 26, false);
    draw_with_axes(&grid);
    assert_string_equal(text_of_grid(&grid, false), "  CPU  1.5 cores |   :##\n"
                                                    "               0 |.:####\n"
                                                    "                 ++-----\n"
                                                    "                  0 s\n");
}

static void test_ticks(void **state)
{
    static const struct {
        uint64_t from_ns, length_ns;
        const char *text;
    } cases[] = {
        {0, 2 * NS_PER_S, "└┬───────────────────┬────────────────────\n 0 s                 1 s\n"},
        {0, 90 * NS_PER_S,
         "└┬────────────┬─────────────┬─────────────\n 0 s          30 s          1:00\n"},
        {3600 * NS_PER_S, 7200 * NS_PER_S,
         "└┬───────────────────┬────────────────────\n 1:00:00             2:00:00\n"},
        {3000 * NS_PER_S, 7200 * NS_PER_S,
         "└───┬───────────────────┬─────────────────\n    1:00:00             2:00:00\n"},
        {0, 400 * NS_PER_MS,
         "└┬───────────────────┬────────────────────\n 0 s                 200 ms\n"},
        {0, 40 * 86400 * NS_PER_S,
         "└┬───────────────┬───────────────┬────────\n 0 s             384:00:00       "
         "768:00:00\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grid grid = grid_of(2, 42, true);
        chart_time_axis(&grid, 0, 1, 41, cases[i].from_ns, cases[i].length_ns);
        assert_string_equal(text_of_grid(&grid, false), cases[i].text);
    }
}

static void test_tops_are_not_below(void **state)
{
    assert_int_equal(chart_top_decimal(0), 10);
    assert_int_equal(chart_top_decimal(1000000), 1000000);
    assert_int_equal(chart_top_decimal(1000001), 1500000);
    assert_int_equal(chart_top_decimal(6500000), 8000000);
    assert_int_equal(chart_top_binary(0), 1024);
    assert_int_equal(chart_top_binary(1025), 1536);
    assert_int_equal(chart_top_binary(200 << 20), 256 << 20);
    for (uint64_t most = 1; most < UINT64_MAX / 16; most = most * 3 + 1) {
        assert_true(chart_top_decimal(most) >= most);
        assert_true(chart_top_binary(most) >= most);
        assert_true(most < 1024 || chart_top_binary(most) < 2 * most);
    }
    assert_int_equal(chart_top_decimal(UINT64_MAX), UINT64_MAX);
    assert_int_equal(chart_top_binary(UINT64_MAX), UINT64_MAX);
}

static void test_cell_of_a_moment(void **state)
{
    assert_int_equal(chart_cell_of(0, 100, 10), 0);
    assert_int_equal(chart_cell_of(55, 100, 10), 5);
    assert_int_equal(chart_cell_of(100, 100, 10), 9);
    assert_int_equal(chart_cell_of(UINT64_MAX, 100, 10), 9);
    assert_int_equal(chart_cell_of(5, 0, 10), 0);
    assert_int_equal(chart_cell_of(5, 100, 0), 0);
}

/* Nothing of it may be obeyed, and nothing leaves its place. */
static void test_hostile_text(void **state)
{
    static const char text[] = "a\x1B[31mb\nc\xE2\x80\xAE"
                               "d\xFF\xE4\xB8\xADx\xCC\x81\xCC\x82\xCC\x83\xCC\x84\xCC\x85\xCC\x86";
    struct grid grid = grid_of(2, 40, true);
    assert_int_equal(grid_put(&grid, 0, 2, 36, INK_PLAIN, text, sizeof text - 1), 24);
    assert_string_equal(text_of_grid(&grid, false),
                        "  a\\x1b[31mb\\nc\\u202ed\xEF\xBF\xBD\xE4\xB8\xADx"
                        "\xCC\x81\xCC\x82\xCC\x83\xCC\x84\n\n");
}

static void test_text_is_cut_at_the_edge(void **state)
{
    struct grid grid = grid_of(1, 6, true);
    assert_int_equal(grid_put_text(&grid, 0, 2, INK_PLAIN, "中中中"), 3);
    assert_int_equal(grid_put_text(&grid, 1, 0, INK_PLAIN, "no such row"), 0);
    assert_int_equal(grid_put_text(&grid, 0, 6, INK_PLAIN, "no such column"), 0);
    assert_string_equal(text_of_grid(&grid, false), "  中…\n");
}

static void test_colours_where_asked_for(void **state)
{
    struct grid grid = grid_of(1, 6, true);
    grid_put_text(&grid, 0, 0, INK_CPU, "ab");
    grid_put_text(&grid, 0, 3, INK_PLAIN, "c");
    assert_string_equal(text_of_grid(&grid, true), "\x1b[36mab\x1b[0m c\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_area_of_dots),
        cmocka_unit_test(test_area_of_ascii),
        cmocka_unit_test(test_nothing_but_zeros_is_a_line),
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_axes_in_ascii),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_tops_are_not_below),
        cmocka_unit_test(test_cell_of_a_moment),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_text_is_cut_at_the_edge),
        cmocka_unit_test(test_colours_where_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
