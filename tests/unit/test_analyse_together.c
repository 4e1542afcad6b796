/* Several recordings side by side: aligned by the wall clock, and what each of them marked. */
#include <math.h>

#include "analyse/together.h"
#include "test_marks_build.h"

#define EPOCH_NS UINT64_C(1700000000000000000)

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

/* A rank that begins `shift_ms` after the epoch, samples as scene_samples says, and ends. */
static void rank_begin(struct scene *scene, uint64_t rank, const char *host, uint64_t shift_ms)
{
    scene_begin(scene);
    put_number(scene, "rank", rank);
    put_number(scene, "rank_size", 4);
    put_text(scene, "job", "17");
    put_text(scene, "hostname", host);
    put_number(scene, "started_ns", scene->base_ns);
    put_number(scene, "wall_ns", 500 * MS);
    MADE(&scene->m, RECORD_ANCHOR, anchor, .mono_ns = scene->base_ns,
         .real_ns = EPOCH_NS + shift_ms * MS);
    scene_samples(scene, 0);
    made_exit(&scene->m, 1);
    made_site(&scene->m, 1, "step", "Core");
}

static void add(struct together *t, struct scene *scene, const char *path)
{
    struct summary summary;
    struct scopes scopes;
    struct tacho_recording *rec = scene_end(scene);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(summary_make_scopes(&summary, &scopes), 0);
    assert_int_equal(together_add(t, path, &summary, &scopes), 0);
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
}

/* Ranks 3, 1 and 0, of which the last two overlap by 400 ms; rank 3 is 10 s later. */
static void three(struct together *t)
{
    struct scene scene;
    const struct mark of_0[] = {BEGIN(0, 1), END(100 * MS, 0), BEGIN(200 * MS, 1),
                                END(300 * MS, 0)};
    const struct mark of_1[] = {BEGIN(0, 1), END(400 * MS, 0)};
    *t = (struct together){0};
    rank_begin(&scene, 3, "b", 10000);
    add(t, &scene, "3.tacho");
    rank_begin(&scene, 1, "a", 100);
    scene_marks(&scene, 1, 0, of_1, 2);
    add(t, &scene, "1.tacho");
    rank_begin(&scene, 0, "a", 0);
    scene_marks(&scene, 1, 0, of_0, 4);
    add(t, &scene, "0.tacho");
    assert_int_equal(together_finish(t), 0);
}

static void puts_ranks_in_order(void **state)
{
    struct together t;
    three(&t);
    assert_int_equal(t.members, 3);
    assert_string_equal(t.member[0].path, "0.tacho");
    assert_string_equal(t.member[1].path, "1.tacho");
    assert_string_equal(t.member[2].path, "3.tacho");
    assert_int_equal(t.member[0].place, 2);
    assert_true(t.ranks == 3 && t.jobs == 1 && t.hosts == 2 && t.rank_size == 4);
    assert_true(t.missing == 1 && t.missing_rank[0] == 2);
    assert_true(t.ended_real_ns - t.started_real_ns == 10500 * MS);
    together_done(&t);
}

static void sums_memory_at_one_time(void **state)
{
    struct together t;
    uint64_t cell[105];
    three(&t);
    /* Rank 0's last 5000 meet rank 1's 9999, at 400 ms; rank 3 is not there. */
    assert_int_equal(t.peak_rss_bytes, 5000 + 9999);
    assert_int_equal(t.lines, 3);
    assert_false(t.peak_of_one);
    assert_true(t.peak_real_ns == EPOCH_NS + 400 * MS && t.rss.bucket_ns == 100 * MS);
    together_cells(&t, &t.rss, t.rss.count, cell);
    assert_true(t.rss.count == 105 && cell[3] == 9999 + 2000 && cell[5] == 5000);
    assert_true(cell[50] == TIMELINE_UNKNOWN && cell[103] == 9999);
    together_done(&t);
}

static void knows_who_spent_what(void **state)
{
    struct together t;
    three(&t);
    assert_int_equal(t.categories.groups, 2);
    const struct together_group *core = &t.categories.group[0], *others = &t.categories.group[1];
    assert_string_equal(core->name, "Core");
    assert_null(others->name);
    assert_true(core->time.sum == 600 * MS && core->time.min == 0 && core->time.max == 400 * MS);
    assert_true(core->time.of == 3 && core->time.most == 1);
    assert_true(fabs(together_imbalance(&core->time) - 2) < 1e-9);
    for (size_t i = 0; i < 3; i++)
        assert_true(together_time_of(&t.categories, core, i) +
                        together_time_of(&t.categories, others, i) ==
                    t.member[i].marked_ns);
    assert_true(together_time_of(&t.categories, core, 2) == 0);
    assert_int_equal(t.scopes.groups, 1);
    assert_true(t.scopes.group[0].count.sum == 3 && t.scopes.group[0].count.max == 2);
    assert_true(fabs(together_imbalance(&t.scopes.group[0].count) - 2) < 1e-9);
    together_done(&t);
}

/* Neither rank nor wall clock: there is no moment at which they could be summed. */
static void sums_nothing_without_a_wall_clock(void **state)
{
    struct together t = {0};
    struct scene scene;
    for (int i = 0; i < 2; i++) {
        scene_begin(&scene);
        scene_samples(&scene, 0);
        add(&t, &scene, "x.tacho");
    }
    assert_int_equal(together_finish(&t), 0);
    assert_true(t.ranks == 0 && t.missing == SUMMARY_UNKNOWN && t.rss.count == 0);
    assert_true(t.lines == 0 && t.peak_of_one && t.peak_rss_bytes == 9999);
    assert_true(t.started_real_ns == SUMMARY_UNKNOWN && t.peak_real_ns == SUMMARY_UNKNOWN);
    together_done(&t);
}

static void is_empty_of_nothing(void **state)
{
    struct together t = {0};
    assert_int_equal(together_finish(&t), 0);
    assert_true(t.members == 0 && t.peak_rss_bytes == SUMMARY_UNKNOWN);
    assert_true(isnan(together_imbalance(&t.cpu)) && isnan(together_mean(&t.cpu)));
    together_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_ranks_in_order),  cmocka_unit_test(sums_memory_at_one_time),
        cmocka_unit_test(knows_who_spent_what), cmocka_unit_test(sums_nothing_without_a_wall_clock),
        cmocka_unit_test(is_empty_of_nothing),
    };
    return cmocka_run_group_tests_name("analyse_together", tests, NULL, NULL);
}
