/* Two sets of runs: which values are compared, and in which order they come. */
#include <math.h>

#include "analyse/comparison.h"
#include "test_marks_build.h"

static void put_number(struct scene *scene, const char *key, uint64_t number)
{
    MADE(&scene->m, RECORD_FACT, fact, .key = span_text(key), .type = FACT_NUMBER,
         .number = number);
}

static void put_text(struct scene *scene, const char *key, const char *text)
{
    MADE(&scene->m, RECORD_FACT, fact, .key = span_text(key), .type = FACT_TEXT,
         .text = span_text(text));
}

static void run_begin(struct scene *scene, uint64_t wall_ms)
{
    scene_begin(scene);
    put_number(scene, "started_ns", scene->base_ns);
    put_number(scene, "wall_ns", wall_ms * MS);
    scene_samples(scene, 0);
    made_exit(&scene->m, 1);
    made_site(&scene->m, 1, "solve", "Core");
    made_site(&scene->m, 2, "load", "I/O");
}

static void run_end(struct comparison *c, enum comparison_side side, struct scene *scene)
{
    struct summary summary;
    struct scopes scopes;
    struct tacho_recording *rec = scene_end(scene);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(summary_make_scopes(&summary, &scopes), 0);
    assert_int_equal(comparison_add(c, side, &summary, &scopes), 0);
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
}

/* solve, `calls` times 10 ms, and then load for `load_ms`, if that is more than 0. */
static void add_run(struct comparison *c, enum comparison_side side, uint64_t calls,
                    uint64_t load_ms)
{
    struct scene scene;
    struct mark mark[32];
    size_t n = 0;
    uint64_t at_ns = 0;
    run_begin(&scene, 400 + calls);
    for (uint64_t i = 0; i < calls; i++, at_ns += 10 * MS) {
        mark[n++] = (struct mark)BEGIN(at_ns, 1);
        mark[n++] = (struct mark)END(at_ns + 10 * MS, 0);
    }
    if (load_ms > 0) {
        mark[n++] = (struct mark)BEGIN(at_ns, 2);
        mark[n++] = (struct mark)END(at_ns + load_ms * MS, 0);
    }
    scene_marks(&scene, 1, 0, mark, n);
    run_end(c, side, &scene);
}

/* Of A, solve 4 to 8 times, of B 10 to 14 times; load only in B, and there not in every run. */
static void compare(struct comparison *c)
{
    *c = (struct comparison){0};
    for (uint64_t i = 0; i < 5; i++) {
        add_run(c, SIDE_A, 4 + i, 0);
        add_run(c, SIDE_B, 10 + i, i % 2 == 0 ? 20 + i : 0);
    }
    assert_int_equal(comparison_finish(c), 0);
}

static const struct comparison_group *group(const struct comparison_table *table, size_t i,
                                            const char *name)
{
    assert_true(i < table->names);
    if (name == NULL)
        assert_null(table->group[i].name);
    else
        assert_string_equal(table->group[i].name, name);
    return &table->group[i];
}

static void the_whole_is_compared(void **state)
{
    struct comparison c;
    compare(&c);
    assert_true(c.side[SIDE_A].runs == 5 && c.side[SIDE_B].runs == 5);
    assert_true(c.side[SIDE_A].marking == 5 && c.side[SIDE_B].marking == 5);
    const struct change *wall = &c.metric[COMPARE_WALL];
    assert_true(wall->median[0] == 406e6 && wall->median[1] == 412e6);
    assert_true(wall->difference == 6e6 && wall->verdict == CHANGE_MORE);
    /* The third smallest of b - a, which are 2, 3 3, 4 4 4, … ms. */
    assert_true(wall->by.low == 3e6 && wall->by.high == 9e6);
    assert_int_equal(c.metric[COMPARE_PEAK_RSS].verdict, CHANGE_NONE);
    assert_int_equal(c.metric[COMPARE_PEAK_PSS].verdict, CHANGE_UNKNOWN);
    comparison_done(&c);
}

static void scopes_are_compared_and_the_most_changed_is_first(void **state)
{
    struct comparison c;
    compare(&c);
    assert_int_equal(c.scopes.names, 2);
    const struct comparison_group *solve = group(&c.scopes, 0, "solve");
    assert_string_equal(solve->category, "Core");
    assert_true(solve->figure[FIGURE_TOTAL].median[0] == 60e6);
    assert_true(solve->figure[FIGURE_TOTAL].median[1] == 120e6);
    assert_true(solve->figure[FIGURE_SELF].median[1] == 120e6);
    assert_true(solve->figure[FIGURE_COUNT].median[0] == 6);
    assert_true(solve->figure[FIGURE_COUNT].share == 1);
    assert_int_equal(solve->figure[FIGURE_MEAN].verdict, CHANGE_NONE);
    assert_true(solve->figure[FIGURE_MEAN].median[0] == 10e6);
    comparison_done(&c);
}

/* What a run that marks does not have took 0 s in it; a mean of nothing is no value. */
static void what_a_run_lacks_is_0_of_it(void **state)
{
    struct comparison c;
    compare(&c);
    const struct comparison_group *load = group(&c.scopes, 1, "load");
    const struct change *total = &load->figure[FIGURE_TOTAL];
    assert_true(total->runs[0] == 5 && total->most[0] == 0);
    assert_true(total->runs[1] == 5 && total->least[1] == 0 && total->median[1] == 20e6);
    assert_true(isinf(total->share) && total->verdict == CHANGE_NOT_SEEN);
    assert_true(load->figure[FIGURE_COUNT].median[1] == 1);
    assert_int_equal(load->figure[FIGURE_MEAN].runs[0], 0);
    assert_int_equal(load->figure[FIGURE_MEAN].runs[1], 3);
    assert_int_equal(load->figure[FIGURE_MEAN].verdict, CHANGE_UNKNOWN);
    comparison_done(&c);
}

static void categories_are_compared(void **state)
{
    struct comparison c;
    compare(&c);
    assert_int_equal(c.categories.names, 3);
    /* What Core has more, nobody has less: the recordings are as long, the processes too. */
    const struct comparison_group *others = group(&c.categories, 0, NULL);
    const struct comparison_group *core = group(&c.categories, 1, "Core");
    group(&c.categories, 2, "I/O");
    assert_true(core->figure[FIGURE_TOTAL].median[1] == 120e6);
    assert_true(core->figure[FIGURE_TOTAL].difference == 60e6);
    assert_int_equal(others->figure[FIGURE_TOTAL].verdict, CHANGE_LESS);
    comparison_done(&c);
}

/* A run in which nobody marks is no run of 0 s. */
static void runs_without_marks_are_left_out_of_scopes(void **state)
{
    struct comparison c = {0};
    struct scene scene;
    for (unsigned side = SIDE_A; side <= SIDE_B; side++) {
        for (uint64_t i = 0; i < 4; i++)
            add_run(&c, side, 3, 0);
        scene = (struct scene){0};
        made_init(&scene.m, NULL);
        made_birth(&scene.m, 1, "program");
        put_number(&scene, "wall_ns", 500 * MS);
        run_end(&c, side, &scene);
    }
    assert_int_equal(comparison_finish(&c), 0);
    assert_true(c.side[SIDE_A].runs == 5 && c.side[SIDE_A].marking == 4);
    const struct change *total = &group(&c.scopes, 0, "solve")->figure[FIGURE_TOTAL];
    assert_true(total->runs[0] == 4 && total->least[0] == 30e6 && total->verdict == CHANGE_NONE);
    assert_int_equal(c.metric[COMPARE_WALL].runs[0], 5);
    comparison_done(&c);
}

static void what_fails_is_counted(void **state)
{
    struct comparison c;
    struct comparison_limit limit = {.judged = COMPARE_ALL, .share = 0};
    compare(&c);
    /* wall by 0.7 to 2.2 %; solve by 40 % at least; so is Core. */
    assert_true(comparison_fails(&limit, COMPARE_WALL, &c.metric[COMPARE_WALL]));
    assert_int_equal(comparison_failing_scopes(&c, &limit), 1);
    limit.share = 0.01;
    assert_false(comparison_fails(&limit, COMPARE_WALL, &c.metric[COMPARE_WALL]));
    assert_int_equal(comparison_failing(&c, &limit), 2);
    limit.judged = COMPARE_BIT(COMPARE_SCOPES);
    assert_int_equal(comparison_failing(&c, &limit), 1);
    assert_int_equal(comparison_failing_categories(&c, &limit), 0);
    limit.judged = 0;
    assert_int_equal(comparison_failing(&c, &limit), 0);
    comparison_done(&c);
}

static void what_differs_within_a_side_is_known(void **state)
{
    struct comparison c = {0};
    struct scene scene;
    static const char *const hosts[] = {"one", "one", "two"};
    for (unsigned i = 0; i < 3; i++) {
        run_begin(&scene, 500);
        put_text(&scene, "hostname", hosts[i]);
        put_number(&scene, "root_wait_status", i == 1 ? 256 : 0);
        put_number(&scene, "rank_size", i < 2 ? 1 : 4);
        run_end(&c, i == 2 ? SIDE_B : SIDE_A, &scene);
    }
    run_begin(&scene, 500);
    put_text(&scene, "hostname", "three");
    run_end(&c, SIDE_B, &scene);
    const struct comparison_runs *a = &c.side[SIDE_A], *b = &c.side[SIDE_B];
    assert_true(!a->hosts && strcmp(a->host, "one") == 0 && b->hosts);
    assert_true(a->failed == 1 && b->failed == 0 && !a->commands && !b->commands);
    assert_true(a->ranks == 0 && b->ranks == 1);
    assert_int_equal(comparison_finish(&c), 0);
    assert_int_equal(c.metric[COMPARE_WALL].verdict, CHANGE_UNBOUNDED);
    comparison_done(&c);
}

static void nothing_at_all(void **state)
{
    struct comparison c = {0};
    assert_int_equal(comparison_finish(&c), 0);
    assert_int_equal(c.metric[COMPARE_WALL].verdict, CHANGE_UNKNOWN);
    assert_int_equal(c.scopes.names, 0);
    comparison_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_is_compared),
        cmocka_unit_test(scopes_are_compared_and_the_most_changed_is_first),
        cmocka_unit_test(what_a_run_lacks_is_0_of_it),
        cmocka_unit_test(categories_are_compared),
        cmocka_unit_test(runs_without_marks_are_left_out_of_scopes),
        cmocka_unit_test(what_fails_is_counted),
        cmocka_unit_test(what_differs_within_a_side_is_known),
        cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
