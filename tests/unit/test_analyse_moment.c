/* What a process was doing at one moment: stacks of scopes, and the last label; a few of many labels. */
#include "analyse/labels.h"
#include "analyse/snapshot.h"
#include "analyse/summary.h"
#include "test_marks_build.h"

static struct tacho_recording *scene_look(struct scene *scene, uint32_t entity, uint64_t at_ns,
                                          struct scopes *ret)
{
    uint64_t time_ns = scene->base_ns + at_ns;
    struct summary summary;
    struct tacho_recording *rec = scene_end(scene);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(scopes_make(&summary, entity, time_ns, ret), 0);
    summary_done(&summary);
    return rec;
}

static void scene_done(struct scopes *s, struct tacho_recording *rec)
{
    scopes_done(s);
    tacho_recording_close(rec);
}

/* "a>b", of the kept ones. */
static void assert_stack(const struct scopes *s, size_t i, int tid, const char *path)
{
    char said[256] = "";
    assert_true(i < s->moment.stacks);
    const struct moment_stack *stack = &s->moment.stack[i];
    for (size_t k = 0; k < stack->scopes; k++) {
        const struct tacho_site *site = tacho_site(s->rec, stack->site[k]);
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s", k > 0 ? ">" : "",
                 site != NULL ? site->name : "?");
    }
    assert_string_equal(said, path);
    assert_int_equal(stack->thread->tid, tid);
}

static void make_sites(struct scene *scene)
{
    made_site(&scene->m, 1, "train", "Core");
    made_site(&scene->m, 2, "epoch", "");
    made_site(&scene->m, 3, "load", "I/O");
}

/* At each moment of one thread: what begins then is open, what ends then is not. */
static void test_each_moment(void **state)
{
    static const char *const path[] = {"",
                                       "train",
                                       "train",
                                       "train>epoch",
                                       "train>epoch>load",
                                       "train>epoch",
                                       "train>epoch>?",
                                       "train",
                                       ""};
    const struct mark marks[] = {BEGIN(10, 1), BEGIN(30, 2), BEGIN(40, 3), END(50, 3),
                                 BEGIN(60, 9), END(70, 2),   END(80, 1),   BEGIN(95, 1)};
    for (uint64_t at = 0; at < 90; at += 10) {
        struct scene scene;
        struct scopes s;
        scene_begin(&scene);
        make_sites(&scene);
        scene_marks(&scene, 1, 0, marks, 4);
        if (at % 20 == 0) /* blocks change nothing */
            made_marks_block(&scene.m, &scene.k);
        scene_marks(&scene, 1, 4, marks + 4, 4);
        struct tacho_recording *rec = scene_look(&scene, 1, at, &s);
        assert_int_equal(s.moment.threads, path[at / 10][0] != '\0');
        assert_int_equal(s.moment.stacks, s.moment.threads);
        if (s.moment.stacks > 0)
            assert_stack(&s, 0, 1001, path[at / 10]);
        scene_done(&s, rec);
    }
}

/* The main thread's stack comes first, then those that began something last; of this process. */
static void test_threads(void **state)
{
    const struct mark first[] = {BEGIN(5, 1)}, second[] = {BEGIN(20, 2), BEGIN(30, 3)};
    const struct mark third[] = {BEGIN(25, 3)}, fourth[] = {BEGIN(10, 1), END(40, 1)};
    const struct mark ended[] = {BEGIN(10, 2)}, others[] = {BEGIN(15, 1)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    make_sites(&scene);
    made_birth(&scene.m, 2, "other");
    for (uint64_t t = 2; t <= 6; t++)
        made_thread(&scene.m, t, t == 6 ? 2 : 1, 1000 + t, scene.base_ns);
    made_thread_end(&scene.m, 5, scene.base_ns + 45);
    scene_marks(&scene, 1, 0, first, 1);
    scene_marks(&scene, 2, 0, second, 2);
    scene_marks(&scene, 3, 0, third, 1);
    scene_marks(&scene, 4, 0, fourth, 2);
    scene_marks(&scene, 5, 0, ended, 1);
    scene_marks(&scene, 6, 0, others, 1);
    scene.m.now_ns += 50;
    made_exit(&scene.m, 1);
    struct tacho_recording *rec = scene_look(&scene, 1, 50, &s);
    assert_int_equal(s.moment.threads, 3);
    assert_stack(&s, 0, 1001, "train");
    assert_stack(&s, 1, 1002, "epoch>load");
    assert_stack(&s, 2, 1003, "load");
    scene_done(&s, rec);
}

#define VALUE(t, s, double_bits)                                                  \
    {                                                                             \
        .time_ns = (t), .site = (s), .kind = MARK_COUNTER, .value = (double_bits) \
    }
#define BITS_OF_1_5 UINT64_C(0x3FF8000000000000)
#define BITS_OF_2 UINT64_C(0x4000000000000000)

/* Of all processes: stacks, counters as they were last set, the last label of any. */
static void test_everybody(void **state)
{
    const struct mark first[] = {BEGIN(5, 1), VALUE(10, 4, BITS_OF_1_5), VALUE(60, 4, BITS_OF_2)};
    const struct mark other[] = {VALUE(20, 5, BITS_OF_2), BEGIN(30, 2), END(80, 2)};
    struct snapshot_marks m;
    struct scene scene;
    scene_begin(&scene);
    make_sites(&scene);
    made_site(&scene.m, 4, "residual", "");
    made_site(&scene.m, 5, "queue", "");
    made_birth(&scene.m, 2, "other");
    made_thread(&scene.m, 2, 2, 1002, scene.base_ns);
    scene_marks(&scene, 1, 0, first, 3);
    scene_marks(&scene, 2, 0, other, 3);
    MADE(&scene.m, RECORD_LABEL, label, .entity = 2, .time_ns = scene.base_ns + 40,
         .text = span_text("half"));
    MADE(&scene.m, RECORD_LABEL, label, .entity = 1, .time_ns = scene.base_ns + 90,
         .text = span_text("end"));
    uint64_t base = scene.base_ns;
    struct tacho_recording *rec = scene_end(&scene);
    assert_int_equal(snapshot_take_marks(rec, base + 50, &m), 0);
    assert_int_equal(m.moment.threads, 2);
    assert_string_equal(m.moment.label->text, "half");
    assert_int_equal(m.all_counters, 2);
    assert_string_equal(m.counter[0].site->name, "queue"); /* set last */
    assert_true(m.counter[0].value == 2);
    assert_true(m.counter[1].value == 1.5);
    assert_int_equal(snapshot_take_marks(rec, base + 80, &m), 0);
    assert_int_equal(m.moment.threads, 1);
    assert_string_equal(m.counter[0].site->name, "residual");
    assert_true(m.counter[0].value == 2);
    assert_int_equal(snapshot_take_marks(rec, base, &m), 0);
    assert_int_equal(m.moment.threads + m.counters, 0);
    assert_null(m.moment.label);
    tacho_recording_close(rec);
}

/* A recording that ends at the peak: what nobody ended is still open then. */
static void test_at_the_end(void **state)
{
    const struct mark marks[] = {BEGIN(10, 1), BEGIN(50, 2)};
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    make_sites(&scene);
    scene_marks(&scene, 1, 0, marks, 2);
    struct tacho_recording *rec = scene_look(&scene, 1, 50, &s);
    assert_int_equal(tacho_last_ns(rec), scene.base_ns + 50);
    assert_stack(&s, 0, 1001, "train>epoch");
    scene_done(&s, rec);
}

static void test_bounds(void **state)
{
    struct mark deep[100];
    struct scene scene;
    struct scopes s;
    scene_begin(&scene);
    for (uint32_t i = 0; i < 100; i++) {
        deep[i] = (struct mark)BEGIN(i, i + 1);
        made_site(&scene.m, i + 1, "a", "");
    }
    scene_marks(&scene, 1, 0, deep, 100);
    for (uint64_t t = 2; t < 42; t++) {
        made_thread(&scene.m, t, 1, 1000 + t, scene.base_ns);
        scene_marks(&scene, t, 0, &(struct mark)BEGIN(t * 7 % 41, 1), 1);
    }
    scene.m.now_ns += 200;
    made_exit(&scene.m, 1);
    struct tacho_recording *rec = scene_look(&scene, 1, 150, &s);
    assert_int_equal(s.moment.threads, 41);
    assert_int_equal(s.moment.stacks, MOMENT_STACKS_MAX);
    const struct moment_stack *stack = s.moment.stack;
    assert_int_equal(stack[0].thread->tid, 1001);
    assert_int_equal(stack[0].depth, 100);
    assert_int_equal(stack[0].scopes, MOMENT_SCOPES_MAX);
    for (uint32_t i = 0; i < MOMENT_SCOPES_MAX; i++)
        assert_int_equal(stack[0].site[i], i < MOMENT_SCOPES_MAX / 2 ? i : 100 - 64 + i);
    assert_int_equal(stack[1].begin_ns, scene.base_ns + 40);
    for (size_t i = 2; i < MOMENT_STACKS_MAX; i++)
        assert_int_equal(stack[i].begin_ns, stack[i - 1].begin_ns - 1);
    scene_done(&s, rec);
}

static void put_label(struct scene *scene, uint64_t entity, uint64_t at, const char *text)
{
    MADE(&scene->m, RECORD_LABEL, label, .entity = entity, .time_ns = scene->base_ns + at,
         .text = span_text(text));
}

/* The process's own last one, else anybody's; the file has them in any order. */
static void test_labels(void **state)
{
    static const struct {
        uint32_t entity;
        uint64_t at;
        const char *text;
    } cases[] = {{1, 4, NULL},        {1, 5, "of nobody"},     {1, 10, "of the other"},
                 {1, 20, "first"},    {1, 29, "first"},        {1, 30, "same, later"},
                 {1, 99, "the last"}, {2, 99, "of the other"}, {0, 99, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct scopes s;
        scene_begin(&scene);
        put_label(&scene, 1, 90, "the last");
        put_label(&scene, 1, 20, "first");
        put_label(&scene, 0, 5, "of nobody");
        put_label(&scene, 2, 10, "of the other");
        put_label(&scene, 1, 30, "same");
        put_label(&scene, 1, 30, "same, later");
        struct tacho_recording *rec = scene_look(&scene, cases[i].entity, cases[i].at, &s);
        const struct tacho_label *label = s.moment.label;
        assert_true((label == NULL) == (cases[i].text == NULL));
        if (label != NULL)
            assert_string_equal(label->text, cases[i].text);
        scene_done(&s, rec);
    }
}

/* Of `n` labels at the times that `when` says, which are chosen of them, by time. */
static void assert_spread(size_t n, uint64_t (*when)(size_t i), size_t most, const size_t *times,
                          size_t count)
{
    struct scene scene;
    size_t place[64], got;
    scene_begin(&scene);
    for (size_t i = 0; i < n; i++)
        put_label(&scene, 1, when(i), "x");
    struct tacho_recording *rec = scene_end(&scene);
    uint64_t from = scene.base_ns;
    assert_int_equal(labels_spread(rec, from, from + 1000, most, place, &got), 0);
    assert_int_equal(got, count);
    for (size_t i = 0; i < got; i++) {
        assert_true(i == 0 || tacho_label_at(rec, place[i])->time_ns >=
                                  tacho_label_at(rec, place[i - 1])->time_ns);
        if (times != NULL)
            assert_int_equal(tacho_label_at(rec, place[i])->time_ns - from, times[i]);
    }
    tacho_recording_close(rec);
}

static uint64_t backwards(size_t i)
{
    return 1000 - 10 * i;
}

static uint64_t early_but_one(size_t i)
{
    return i == 0 ? 990 : i;
}

static uint64_t after_the_end(size_t i)
{
    return 5000 + i;
}

static uint64_t at_once(size_t i)
{
    return i / 1000;
}

static void test_spread(void **state)
{
    assert_spread(0, backwards, 5, NULL, 0);
    assert_spread(1, backwards, 5, (const size_t[]){1000}, 1);
    assert_spread(5, backwards, 5, (const size_t[]){960, 970, 980, 990, 1000}, 5);
    /* Stretches of 251 ns, and the last. */
    assert_spread(100, backwards, 5, (const size_t[]){10, 260, 510, 760, 1000}, 5);
    /* Most in one stretch: what is left goes there, evenly. */
    assert_spread(100, early_but_one, 5, (const size_t[]){1, 18, 51, 83, 990}, 5);
    assert_spread(10, after_the_end, 2, (const size_t[]){5000, 5009}, 2);
    for (size_t n = 1; n < 100; n++) {
        assert_spread(n, at_once, 20, NULL, n < 20 ? n : 20);
        assert_spread(n, early_but_one, 7, NULL, n < 7 ? n : 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_moment), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_everybody),   cmocka_unit_test(test_at_the_end),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_labels),
        cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
