/* What scopes took: the example of docs/SCOPES.md, recursion, unbalanced ends, totals, many threads. */
#include "analyse/summary.h"
#include "test_marks_build.h"

static struct tacho_recording *scene_open(struct scene *scene, struct scopes *ret)
{
    struct summary summary;
    struct tacho_recording *rec = scene_end(scene);
    assert_true(scopes_any(rec));
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(scopes_make(&summary, 0, 0, ret), 0);
    summary_done(&summary);
    return rec;
}

static void scene_done(struct scopes *s, struct tacho_recording *rec)
{
    uint64_t all = 0, walls = 0;
    for (size_t i = 0; i < s->categories; i++)
        all += s->category[i].total_ns;
    assert_int_equal(all, s->wall_ns);
    for (size_t i = 0; i < s->processes; i++) {
        const struct scope_process *p = &s->process[i];
        uint64_t parts = 0, wall = p->to_ns - p->from_ns;
        for (size_t k = 0; k < p->parts; k++) {
            parts += p->part[k].ns;
            assert_true((p->part[k].category == 0) == (k + 1 == p->parts));
            assert_true(k < 1 || k + 1 == p->parts || p->part[k].ns <= p->part[k - 1].ns);
        }
        assert_true(parts == wall && p->parts > 0);
        walls += wall;
    }
    assert_int_equal(walls, s->wall_ns);
    scopes_done(s);
    tacho_recording_close(rec);
}

static const struct scope_row *row_of(const struct scopes *s, const char *name)
{
    for (size_t i = 0; i < s->rows; i++)
        if (s->row[i].name != NULL && strcmp(s->row[i].name, name) == 0)
            return &s->row[i];
    fail_msg("no row %s", name);
    return NULL;
}

static const struct scope_category *category_of(const struct scopes *s, const char *name)
{
    for (size_t i = 0; i < s->categories; i++)
        if (strcmp(s->category[i].name, name) == 0)
            return &s->category[i];
    fail_msg("no category %s", name);
    return NULL;
}

static uint64_t category_ns(const struct scopes *s, const char *name)
{
    return category_of(s, name)->total_ns;
}

static void assert_category(const struct scopes *s, const char *name, uint64_t count,
                            uint64_t cpu_ms, uint64_t peak_mb)
{
    const struct scope_category *category = category_of(s, name);
    assert_int_equal(category->count, count);
    assert_int_equal(category->use.cpu_ns, cpu_ms * MS);
    assert_int_equal(category->use.rss_peak_bytes, peak_mb * 1000000);
}

static void assert_row(const struct scopes *s, const char *name, uint64_t count, uint64_t total,
                       uint64_t self, uint64_t min, uint64_t max, uint64_t mean)
{
    const struct scope_row *row = row_of(s, name);
    assert_int_equal(row->count, count);
    assert_int_equal(row->total_ns, total);
    assert_int_equal(row->self_ns, self);
    assert_int_equal(row->min_ns, min);
    assert_int_equal(row->max_ns, max);
    assert_int_equal(row->sum_ns / row->count, mean);
}

static void test_the_example(void **state)
{
    struct scene scene;
    struct scopes s;
    scene_example(&scene);
    struct tacho_recording *rec = scene_open(&scene, &s);
    assert_int_equal(s.rows, 5);
    assert_row(&s, "solve", 2, 60, 24, 4, 60, 32);
    assert_row(&s, "inner", 1, 40, 21, 40, 40, 40);
    assert_row(&s, "load", 1, 15, 10, 15, 15, 15);
    assert_row(&s, "tail", 1, 10, 10, 10, 10, 10);
    assert_row(&s, "parse", 1, 5, 5, 5, 5, 5);
    assert_string_equal(s.row[0].name, "solve");
    assert_int_equal(s.losses.unbalanced, 2);
    assert_int_equal(s.wall_ns, 100);
    assert_int_equal(category_ns(&s, "Core"), 45);
    assert_int_equal(category_ns(&s, "I/O"), 15);
    assert_int_equal(category_ns(&s, "Others"), 40);
    assert_string_equal(s.category[s.by_time[0]].name, "Core");
    assert_string_equal(s.category[s.by_time[2]].name, "Others");
    scene_done(&s, rec);
}

static void assert_parts(const struct scopes *s, size_t process, uint32_t entity, uint64_t wall_ms,
                         const char *names, const uint64_t *ms)
{
    const struct scope_process *p = &s->process[process];
    char said[128] = "";
    assert_int_equal(p->entity, entity);
    assert_int_equal(p->to_ns - p->from_ns, wall_ms * MS);
    for (size_t i = 0; i < p->parts; i++) {
        assert_int_equal(p->part[i].ns, ms[i] * MS);
        strcat(said, i > 0 ? " " : "");
        strcat(said, s->category[p->part[i].category].name);
    }
    assert_string_equal(said, names);
}

static void assert_used(const struct scope_row *row, uint64_t cpu_ms, uint64_t peak_mb,
                        uint64_t delta_mb)
{
    assert_int_equal(row->use.cpu_ns, cpu_ms * MS);
    assert_int_equal(row->use.rss_peak_bytes, peak_mb * 1000000);
    assert_true(row->use.rss_delta_known);
    assert_int_equal(row->use.rss_delta_bytes, delta_mb * 1000000);
    assert_false(row->use.cpu_estimated);
    assert_false(row->use.io_estimated);
}

/* The second example of docs/SCOPES.md, number by number. */
static void test_two_processes(void **state)
{
    struct scene scene;
    struct summary summary;
    struct scopes s;
    scene_overlap(&scene);
    struct tacho_recording *rec = scene_end(&scene);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(summary_make_scopes(&summary, &s), 0);
    assert_int_equal(s.rows, 2);
    assert_row(&s, "step", 4, 120 * MS, 110 * MS, 10 * MS, 60 * MS, 32500000);
    assert_row(&s, "send", 1, 10 * MS, 10 * MS, 10 * MS, 10 * MS, 10 * MS);
    assert_used(row_of(&s, "step"), 72, 40, 16);
    assert_used(row_of(&s, "send"), 12, 40, 10);
    assert_int_equal(s.losses.unbalanced, 0);
    assert_int_equal(s.wall_ns, 160 * MS);
    assert_int_equal(category_ns(&s, "Core"), 70 * MS);
    assert_int_equal(category_ns(&s, "Net"), 10 * MS);
    assert_int_equal(category_ns(&s, "Others"), 80 * MS);
    assert_category(&s, "Core", 4, 60, 30);
    assert_category(&s, "Net", 1, 12, 40);
    assert_category(&s, "Others", 0, 48, 34);
    assert_parts(&s, 0, 1, 100, "Core Net Others", (const uint64_t[]){50, 10, 40});
    assert_parts(&s, 1, 2, 60, "Core Others", (const uint64_t[]){20, 40});
    assert_int_equal(summary.memory.peak_rss_bytes, 70000000);
    assert_int_equal(summary.memory.peak_after_ns, 40 * MS);
    assert_int_equal(s.moment.entity, 1);
    assert_int_equal(s.moment.stacks, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(s.moment.stack[i].depth, 1);
        assert_string_equal(tacho_site(rec, s.moment.stack[i].site[0])->name, "step");
    }
    assert_string_equal(s.moment.label->text, "half");
    summary_done(&summary);
    scene_done(&s, rec);
}

static void assert_children(const struct scope_row *row, uint64_t processes, uint64_t cpu_ms,
                            uint64_t children_cpu_ms, uint64_t read_bytes, uint64_t peak_mb)
{
    assert_int_equal(row->use.processes, processes);
    assert_int_equal(row->use.cpu_ns, cpu_ms * MS);
    assert_int_equal(row->use.children_cpu_ns, children_cpu_ms * MS);
    assert_int_equal(row->use.read_bytes, read_bytes);
    assert_int_equal(row->use.children_rss_peak_bytes, peak_mb * 1000000);
    assert_false(row->use.cpu_estimated);
}

/* The third example of docs/SCOPES.md, number by number. */
static void test_shelling_out(void **state)
{
    struct scene scene;
    struct scopes s;
    scene_shell(&scene);
    struct tacho_recording *rec = scene_open(&scene, &s);
    const struct scope_row *build = row_of(&s, "build"), *compile = row_of(&s, "compile");
    assert_row(&s, "build", 2, 70 * MS, 35 * MS, 10 * MS, 60 * MS, 35 * MS);
    assert_row(&s, "compile", 1, 35 * MS, 35 * MS, 35 * MS, 35 * MS, 35 * MS);
    assert_children(compile, 2, 19, 14, 6000, 30);
    assert_children(build, 3, 44, 28, 8000, 30);
    assert_int_equal(compile->use.rss_begin_bytes, 8000000);
    assert_int_equal(compile->use.rss_end_bytes, 11500000);
    assert_int_equal(build->use.rss_begin_bytes, 8000000);
    assert_int_equal(build->use.rss_end_bytes, 10500000);
    assert_int_equal(build->use.rss_peak_bytes, 12000000);
    assert_category(&s, "Core", 3, 34, 12);
    assert_category(&s, "Others", 0, 30, 9);
    assert_int_equal(category_of(&s, "Core")->use.processes, 2);
    assert_int_equal(category_of(&s, "Core")->use.children_cpu_ns, 14 * MS);
    assert_int_equal(category_of(&s, "Core")->use.read_bytes, 2000 + 6000);
    assert_int_equal(category_of(&s, "Others")->use.processes, 0);
    assert_int_equal(category_of(&s, "Others")->use.read_bytes, 2000);
    scene_done(&s, rec);
}

static void test_totals_and_losses(void **state)
{
    const struct mark marks[] = {BEGIN(0, 1), END(10, 1)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    made_site(&scene.m, 1, "kept", "");
    made_site(&scene.m, 2, "only counted", "");
    made_site(&scene.m, 3, "never used", "");
    scene_marks(&scene, 1, 5, marks, 2);
    MADE(&scene.m, RECORD_TOTAL, total, .entity = 1, .site = 1, .count = 9, .total_ns = 190);
    MADE(&scene.m, RECORD_TOTAL, total, .entity = 1, .site = 2, .count = 4, .total_ns = 40);
    MADE(&scene.m, RECORD_TOTAL, total, .entity = 1, .site = 77, .count = 3, .total_ns = 3);
    MADE(&scene.m, RECORD_LOST, lost, .entity = 1, .scopes = 13, .others = 7);
    struct tacho_recording *rec = scene_open(&scene, &s);
    assert_int_equal(s.rows, 3);
    assert_row(&s, "kept", 10, 200, 10, 10, 10, 20);
    assert_int_equal(row_of(&s, "kept")->p50_ns, 10);
    const struct scope_row *counted = row_of(&s, "only counted");
    assert_int_equal(counted->count, 4);
    assert_true(counted->min_ns == SCOPES_UNKNOWN && counted->max_ns == SCOPES_UNKNOWN);
    assert_true(counted->p99_ns == SCOPES_UNKNOWN);
    assert_null(s.row[2].name);
    assert_int_equal(s.row[2].count, 3);
    assert_int_equal(s.losses.missing, 5);
    assert_int_equal(s.dropped.scopes, 13);
    assert_int_equal(s.dropped.others, 7);
    scene_done(&s, rec);
}

/* Each thread has a stack of its own; the main one's says where the process's time went. */
static void test_threads(void **state)
{
    const struct mark worker[] = {BEGIN(0, 1), BEGIN(40, 2), END(60, 2)};
    const struct mark main_thread[] = {BEGIN(10, 2), END(30, 2), BEGIN(90, 1), END(100, 1)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    made_thread(&scene.m, 2, 1, 1002, scene.base_ns);
    made_site(&scene.m, 1, "a", "A");
    made_site(&scene.m, 2, "b", "B");
    made_thread_end(&scene.m, 2, scene.base_ns + 80);
    scene_marks(&scene, 2, 0, worker, 3);
    scene_marks(&scene, 1, 0, main_thread, 4);
    struct tacho_recording *rec = scene_open(&scene, &s);
    assert_row(&s, "a", 2, 90, 70, 10, 80, 45);
    assert_row(&s, "b", 2, 40, 40, 20, 20, 20);
    assert_int_equal(s.wall_ns, 100);
    assert_int_equal(category_ns(&s, "A"), 10);
    assert_int_equal(category_ns(&s, "B"), 20);
    assert_int_equal(category_ns(&s, "Others"), 70);
    scene_done(&s, rec);
}

/* After an exec the process marks as another thread of the same tid. */
static void test_exec(void **state)
{
    const struct mark before[] = {BEGIN(10, 1)}, after[] = {BEGIN(50, 2), END(90, 2)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    made_thread_end(&scene.m, 1, scene.base_ns + 30);
    made_thread(&scene.m, 2, 1, 1001, scene.base_ns + 40);
    made_site(&scene.m, 1, "a", "A");
    made_site(&scene.m, 2, "b", "B");
    scene_marks(&scene, 1, 0, before, 1);
    scene_marks(&scene, 2, 0, after, 2);
    struct tacho_recording *rec = scene_open(&scene, &s);
    assert_row(&s, "a", 1, 20, 20, 20, 20, 20);
    assert_int_equal(category_ns(&s, "A"), 20);
    assert_int_equal(category_ns(&s, "B"), 40);
    assert_int_equal(category_ns(&s, "Others"), 30);
    scene_done(&s, rec);
}

/* ---- what was used inside ---- */

/* A launched root is seen a moment before it is let go, with which its wall time begins. */
static void test_let_go_later(void **state)
{
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    record_put_number(&scene.m.journal, "started_ns", scene.base_ns + 30);
    made_site(&scene.m, 1, "step", "Core");
    scene_marks(&scene, 1, 0, (const struct mark[]){BEGIN(40, 1), END(90, 1)}, 2);
    struct tacho_recording *rec = scene_open(&scene, &s);
    assert_int_equal(s.wall_ns, 90 - 30);
    assert_int_equal(category_ns(&s, "Core"), 50);
    assert_int_equal(category_ns(&s, "Others"), 10);
    scene_done(&s, rec);
}

static void test_usage(void **state)
{
    const struct mark main_thread[] = {
        BEGIN(150 * MS, 1),
        BEGIN(160 * MS, 3),
        END(164 * MS, 3),
        END(350 * MS, 1),
        {.time_ns = 360 * MS, .site = 2, .kind = MARK_BEGIN_CPU, .value = 7 * MS},
        {.time_ns = 460 * MS, .site = 2, .kind = MARK_END_CPU, .value = 8 * MS},
    };
    /* It is inside the same site for a part of that, and a bit longer: billed once. */
    const struct mark worker[] = {BEGIN(200 * MS, 1), END(450 * MS, 1)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    scene_samples(&scene, 0);
    made_thread(&scene.m, 2, 1, 1002, scene.base_ns);
    made_site(&scene.m, 1, "a", "A");
    made_site(&scene.m, 2, "clocked", "");
    made_site(&scene.m, 3, "short", "");
    scene_marks(&scene, 2, 0, worker, 2);
    scene_marks(&scene, 1, 0, main_thread, 6);
    struct tacho_recording *rec = scene_open(&scene, &s);
    const struct scope_row *a = row_of(&s, "a"), *clocked = row_of(&s, "clocked");
    const struct scope_row *brief = row_of(&s, "short");
    assert_int_equal(a->use.cpu_ns, 150 * MS); /* from 150 to 450 ms */
    assert_int_equal(a->use.read_bytes, 3000);
    assert_true(a->use.write_bytes == SCOPES_UNKNOWN);
    assert_int_equal(a->use.rss_peak_bytes, 9999);
    assert_true(a->use.rss_delta_known);
    assert_int_equal(a->use.rss_delta_bytes, 4500 - 1500);
    assert_false(a->use.cpu_estimated);
    assert_false(a->use.io_estimated);
    assert_int_equal(clocked->use.cpu_ns, MS);
    assert_false(clocked->use.cpu_estimated);
    assert_int_equal(clocked->use.read_bytes, 1000);
    assert_int_equal(brief->use.cpu_ns, 2 * MS);
    assert_true(brief->use.cpu_estimated);
    assert_true(brief->use.rss_peak_bytes == SCOPES_UNKNOWN);
    scene_done(&s, rec);
}

static void test_usage_unknown(void **state)
{
    const struct mark marks[] = {BEGIN(0, 1), END(10, 1)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    made_site(&scene.m, 1, "a", "A");
    scene_marks(&scene, 1, 0, marks, 2);
    struct tacho_recording *rec = scene_open(&scene, &s);
    const struct scope_row *a = row_of(&s, "a");
    assert_true(a->use.cpu_ns == SCOPES_UNKNOWN && a->use.read_bytes == SCOPES_UNKNOWN);
    assert_true(a->use.rss_peak_bytes == SCOPES_UNKNOWN && !a->use.rss_delta_known);
    scene_done(&s, rec);
}

static void test_too_deep(void **state)
{
    struct mark *mark = calloc(2 * (SCOPE_DEPTH_MAX + 10), sizeof *mark);
    size_t n = 0;
    struct scene scene;
    struct scopes s;
    for (; n < SCOPE_DEPTH_MAX + 10; n++)
        mark[n] = (struct mark){.time_ns = n, .site = 1, .kind = MARK_BEGIN};
    for (; n < 2 * (SCOPE_DEPTH_MAX + 10); n++)
        mark[n] = (struct mark){.time_ns = n, .site = 1, .kind = MARK_END};
    scene_begin(&scene);
    made_site(&scene.m, 1, "a", "A");
    scene_marks(&scene, 1, 0, mark, n);
    struct tacho_recording *rec = scene_open(&scene, &s);
    assert_int_equal(s.losses.too_deep, 10);
    assert_int_equal(s.losses.unbalanced, 0);
    assert_int_equal(row_of(&s, "a")->count, SCOPE_DEPTH_MAX);
    assert_int_equal(row_of(&s, "a")->total_ns, n - 1);
    assert_int_equal(row_of(&s, "a")->self_ns, n - 1);
    scene_done(&s, rec);
    free(mark);
}

static struct mark any_mark(uint64_t *state, uint64_t *now)
{
    struct mark mark = {.site = (uint32_t)below(state, 6), .kind = (uint32_t)below(state, 5)};
    *now += below(state, 3) == 0 ? below(state, 1000 * MS) : below(state, 50);
    mark.time_ns = *now;
    mark.value = mark_has_value(mark.kind) ? chance(state) : 0;
    return mark;
}

/* Threads of two processes and of none mark anything, some of it lost: parts still sum to walls. */
static void test_chaos(void **state)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t random = seed, now[6], index[6] = {0};
        struct scene scene;
        struct scopes s;
        scene_begin(&scene);
        made_birth(&scene.m, 2, "other");
        scene_samples(&scene, 0);
        for (uint64_t i = 1; i <= 4; i++)
            made_site(&scene.m, i, "site", i % 2 == 0 ? "" : "category");
        for (uint64_t t = 0; t < 6; t++) {
            now[t] = below(&random, 10 * MS);
            if (t > 0)
                made_thread(&scene.m, t, t % 3, t < 3 ? 1000 + t : 1001, scene.base_ns);
        }
        for (unsigned i = 0; i < 12; i++) {
            struct mark marks[40];
            uint64_t t = below(&random, 6), n = 1 + below(&random, 40);
            for (uint64_t k = 0; k < n; k++)
                marks[k] = any_mark(&random, &now[t]);
            index[t] += below(&random, 4) == 0;
            scene_marks(&scene, t, index[t], marks, n);
            index[t] += n - (below(&random, 4) == 0);
            if (below(&random, 3) == 0)
                made_marks_block(&scene.m, &scene.k);
        }
        if (below(&random, 2) == 0)
            made_thread_end(&scene.m, 1 + below(&random, 5), scene.base_ns + below(&random, MS));
        if (below(&random, 2) == 0)
            made_exit(&scene.m, 2);
        struct tacho_recording *rec = scene_open(&scene, &s);
        for (size_t i = 0; i < s.rows; i++) {
            const struct scope_row *row = &s.row[i];
            assert_true(row->self_ns <= row->sum_ns && row->total_ns <= row->sum_ns);
            assert_true(row->min_ns <= row->p50_ns && row->p50_ns <= row->p99_ns);
            assert_true(row->p99_ns <= row->max_ns && row->timed == row->count);
        }
        scene_done(&s, rec);
    }
}

static void test_quantiles(void **state)
{
    struct histogram h = {0};
    uint64_t v = 1;
    for (uint64_t i = 1; i <= 100000; i++)
        assert_true(histogram_add(&h, i * 1000) >= 0);
    for (double share = 0.01; share < 1; share += 0.01) {
        double got = (double)histogram_quantile(&h, 100000, share), right = share * 1e8;
        assert_true(got > right * 0.992 - 1000 && got < right * 1.008 + 1000);
    }
    histogram_done(&h);
    for (; v < UINT64_MAX / 3; v = v * 3 + 1) { /* each alone */
        assert_true(histogram_add(&h, v) >= 0);
        uint64_t got = histogram_quantile(&h, 1, 0.5);
        assert_true((got > v ? got - v : v - got) <= v / 100);
        histogram_done(&h);
    }
    assert_true(histogram_add(&h, UINT64_MAX) >= 0);
    assert_true(histogram_quantile(&h, 1, 1) > UINT64_MAX / 100 * 99);
    histogram_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example),   cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_shelling_out),  cmocka_unit_test(test_totals_and_losses),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_exec),
        cmocka_unit_test(test_let_go_later),  cmocka_unit_test(test_usage),
        cmocka_unit_test(test_usage_unknown), cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_chaos),         cmocka_unit_test(test_quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
