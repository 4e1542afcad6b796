/* Scopes one by one: their order, threads, and what is merged where there is no room. */
#include "analyse/slices.h"
#include "test_marks_build.h"

static void assert_slice(const struct slices *s, size_t i, const struct scene *scene,
                         uint64_t from_ns, uint64_t to_ns, unsigned depth, uint32_t site)
{
    const struct slice *it = &s->slice[i];
    assert_int_equal(it->from_ns - scene->base_ns, from_ns);
    assert_int_equal(it->to_ns - scene->base_ns, to_ns);
    assert_int_equal(it->depth, depth);
    assert_int_equal(it->site, site);
}

/* The first example of docs/SCOPES.md: also scopes that an outer one's end, or the thread's, ends. */
static void test_each_scope_is_a_slice(void **state)
{
    struct scene scene;
    struct slices s;
    scene_example(&scene);
    struct tacho_recording *rec = scene_end(&scene);
    assert_int_equal(slices_make(rec, 100, &s), 0);
    assert_int_equal(s.threads, 1);
    assert_int_equal(s.thread[0].count, 6);
    assert_slice(&s, 0, &scene, 10, 70, 0, 0);
    assert_slice(&s, 1, &scene, 20, 60, 1, 1);
    assert_slice(&s, 2, &scene, 30, 34, 2, 0);
    assert_slice(&s, 3, &scene, 40, 55, 2, 2);
    assert_slice(&s, 4, &scene, 50, 55, 3, 3);
    assert_slice(&s, 5, &scene, 90, 100, 0, 4);
    assert_int_equal(s.merged_ns, 0);
    assert_int_equal(s.left_out, 0);
    slices_done(&s);
    tacho_recording_close(rec);
}

static void test_threads_are_told_apart(void **state)
{
    const struct mark first[] = {BEGIN(0, 1), END(10, 1)}, second[] = {BEGIN(5, 2), END(6, 2)};
    struct scene scene;
    struct slices s;
    scene_begin(&scene);
    made_thread(&scene.m, 2, 1, 1002, scene.base_ns);
    made_thread(&scene.m, 3, 1, 1003, scene.base_ns); /* marks nothing */
    made_site(&scene.m, 1, "a", "");
    made_site(&scene.m, 2, "b", "");
    scene_marks(&scene, 2, 0, second, 2);
    scene_marks(&scene, 1, 0, first, 2);
    struct tacho_recording *rec = scene_end(&scene);
    assert_int_equal(slices_make(rec, 100, &s), 0);
    assert_int_equal(s.threads, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct slice_thread *t = &s.thread[i];
        assert_int_equal(t->count, 1);
        assert_int_equal(s.slice[t->first].thread, i);
        assert_int_equal(s.slice[t->first].site, t->thread->tid == 1001 ? 0 : 1);
    }
    slices_done(&s);
    tacho_recording_close(rec);
}

#define STEPS 40000
#define STEP_NS 1000
#define BLOCK_MARKS_PUT 10000

/* Outer scopes of 1 ms, with a short "a" and a shorter "b" each µs inside. */
static struct tacho_recording *many(struct scene *scene)
{
    static struct mark mark[2 * STEPS * 2 + 2 * STEPS / 1000];
    size_t n = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        uint64_t at = i * STEP_NS;
        if (i % 1000 == 0)
            mark[n++] = (struct mark)BEGIN(at, 3);
        mark[n++] = (struct mark)BEGIN(at + 100, 1);
        mark[n++] = (struct mark)END(at + 700, 1);
        mark[n++] = (struct mark)BEGIN(at + 800, 2);
        mark[n++] = (struct mark)END(at + 900, 2);
        if (i % 1000 == 999)
            mark[n++] = (struct mark)END(at + 950, 3);
    }
    scene_begin(scene);
    made_site(&scene->m, 1, "a", "");
    made_site(&scene->m, 2, "b", "");
    made_site(&scene->m, 3, "outer", "");
    for (size_t at = 0; at < n; at += BLOCK_MARKS_PUT) {
        scene_marks(scene, 1, at, mark + at, n - at < BLOCK_MARKS_PUT ? n - at : BLOCK_MARKS_PUT);
        made_marks_block(&scene->m, &scene->k);
    }
    return scene_end(scene);
}

static void test_the_short_are_merged_and_no_time_is_invented(void **state)
{
    struct scene scene;
    struct slices s;
    struct tacho_recording *rec = many(&scene);
    assert_int_equal(slices_make(rec, 16384, &s), 0);
    assert_true(s.count <= 16384);
    assert_true(s.merged_ns > 600); /* as long as an "a" */
    assert_int_equal(s.left_out, 0);
    size_t outer = 0;
    for (size_t i = 0; i < s.count; i++) {
        const struct slice *it = &s.slice[i];
        assert_true(it->to_ns > it->from_ns && it->to_ns - scene.base_ns <= STEPS * STEP_NS);
        if (it->depth == 0) {
            outer++;
            assert_int_equal(it->site, 2);
            assert_int_equal(it->to_ns - it->from_ns, 999950);
        } else if (it->to_ns - it->from_ns > 600) { /* merged ones: a took most */
            assert_int_equal(it->site, 0);
        }
        if (i > 0)
            assert_true(it->from_ns >= s.slice[i - 1].from_ns);
    }
    assert_int_equal(outer, STEPS / 1000);
    slices_done(&s);
    tacho_recording_close(rec);
}

/* Long ones cannot be merged: what there is no room for is counted. */
static void test_what_has_no_room_is_counted(void **state)
{
    struct mark mark[2 * 64];
    struct scene scene;
    struct slices s;
    for (uint64_t i = 0; i < 64; i++) {
        mark[2 * i] = (struct mark)BEGIN(i * 1000, 1);
        mark[2 * i + 1] = (struct mark)END(i * 1000 + 900, 1);
    }
    scene_begin(&scene);
    made_site(&scene.m, 1, "a", "");
    scene_marks(&scene, 1, 0, mark, 128);
    struct tacho_recording *rec = scene_end(&scene);
    assert_int_equal(slices_make(rec, 16, &s), 0);
    assert_true(s.count <= 16);
    assert_int_equal(s.count + s.left_out, 64);
    slices_done(&s);
    tacho_recording_close(rec);
}

static void test_without_marks_there_are_none(void **state)
{
    struct scene scene;
    struct slices s;
    scene_begin(&scene);
    struct tacho_recording *rec = scene_end(&scene);
    assert_int_equal(slices_make(rec, 16, &s), 0);
    assert_int_equal(s.threads, 0);
    slices_done(&s);
    tacho_recording_close(rec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_scope_is_a_slice),
        cmocka_unit_test(test_threads_are_told_apart),
        cmocka_unit_test(test_the_short_are_merged_and_no_time_is_invented),
        cmocka_unit_test(test_what_has_no_room_is_counted),
        cmocka_unit_test(test_without_marks_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
