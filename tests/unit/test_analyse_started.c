/* Processes started inside scopes, and which rows they are billed to: beside a slow reference. */
#include "analyse/summary.h"
#include "test_marks_build.h"

#define PROCESSES 24
#define SITES 4
#define THREADS (2 * PROCESSES)
#define STRETCHES 4000
#define END_MS 1000

struct stretch {
    uint32_t process, site;
    uint64_t begin_ns, end_ns;
};

/* What happened, by entity. */
struct truth {
    uint64_t random;
    uint32_t parent[PROCESSES + 1];
    uint64_t birth_ns[PROCESSES + 1], cpu_ns[PROCESSES + 1];
    struct stretch stretch[STRETCHES];
    size_t stretches;
};

static void make_processes(struct truth *truth, struct scene *scene)
{
    for (uint32_t e = 2; e <= PROCESSES; e++) {
        uint32_t parent = truth->parent[e] = 1 + (uint32_t)below(&truth->random, e - 1);
        uint64_t ms = truth->birth_ns[parent] / MS;
        ms += below(&truth->random, END_MS - ms);
        truth->birth_ns[e] = ms * MS;
        truth->cpu_ns[e] = below(&truth->random, 50) * MS;
        scene_start(scene, ms, e, parent);
        scene_account(scene, END_MS, e, truth->cpu_ns[e] / MS, 0, 0);
    }
}

/* Begins and ends that match, on one thread. */
static void make_marks(struct truth *truth, struct scene *scene, uint32_t process, uint32_t thread)
{
    struct mark marks[80];
    struct stretch *open[40];
    size_t n = 0, depth = 0, wanted = 2 * below(&truth->random, 40);
    uint64_t now = truth->birth_ns[process];
    for (size_t left = wanted; left > 0; left--) {
        now += below(&truth->random, 2 * (END_MS * MS - now) / (left + 1) + 1);
        bool begin = depth < left && (depth == 0 || below(&truth->random, 2) == 0);
        if (begin) {
            struct stretch *s = &truth->stretch[truth->stretches++];
            *s = (struct stretch){process, 1 + (uint32_t)below(&truth->random, SITES), now, 0};
            open[depth++] = s;
            marks[n++] = (struct mark)BEGIN(now, s->site);
        } else {
            open[--depth]->end_ns = now;
            marks[n++] = (struct mark)END(now, 0);
        }
    }
    if (n > 0)
        scene_marks(scene, thread, 0, marks, n);
}

static bool started_in(const struct truth *truth, uint32_t child, uint32_t site)
{
    for (size_t i = 0; i < truth->stretches; i++) {
        const struct stretch *s = &truth->stretch[i];
        if (s->process == truth->parent[child] && s->site == site &&
            s->begin_ns <= truth->birth_ns[child] && truth->birth_ns[child] < s->end_ns)
            return true;
    }
    return false;
}

/* Once, whether it or any it descends from was started in the row. */
static bool billed(const struct truth *truth, uint32_t process, uint32_t site)
{
    for (; process > 1; process = truth->parent[process])
        if (started_in(truth, process, site))
            return true;
    return false;
}

static void assert_billed(const struct truth *truth, const struct scopes *s)
{
    for (size_t i = 0; i < s->rows; i++) {
        uint32_t site = (uint32_t)(s->row[i].name[0] - '0');
        uint64_t processes = 0, cpu_ns = 0;
        for (uint32_t e = 2; e <= PROCESSES; e++)
            if (billed(truth, e, site)) {
                processes++;
                cpu_ns += truth->cpu_ns[e];
            }
        assert_int_equal(s->row[i].use.processes, processes);
        assert_int_equal(s->row[i].use.children_cpu_ns, cpu_ns);
        assert_true(s->row[i].use.cpu_ns == SCOPES_UNKNOWN || s->row[i].use.cpu_ns >= cpu_ns);
    }
}

/* Each process is in one category at a time: together they have all, but for rounding. */
static void assert_divided(const struct truth *truth, const struct scopes *s)
{
    uint64_t cpu_ns = 0, divided_ns = 0, unmarked = PROCESSES - s->processes, processes = 0;
    for (uint32_t e = 2; e <= PROCESSES; e++)
        cpu_ns += truth->cpu_ns[e];
    for (size_t i = 0; i < s->categories; i++) {
        divided_ns += s->category[i].use.cpu_ns == SCOPES_UNKNOWN ? 0 : s->category[i].use.cpu_ns;
        processes += s->category[i].use.processes;
    }
    assert_true(divided_ns + 4 * PROCESSES >= cpu_ns && divided_ns <= cpu_ns + 4 * PROCESSES);
    assert_int_equal(processes, unmarked);
}

static void make_scopes(struct scene *scene, struct scopes *ret, struct tacho_recording **ret_rec)
{
    struct summary summary;
    *ret_rec = scene_end(scene);
    assert_int_equal(summary_make(*ret_rec, &summary), 0);
    assert_int_equal(scopes_make(&summary, 0, 0, ret), 0);
    summary_done(&summary);
}

static void test_like_the_reference(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct truth *truth = calloc(1, sizeof *truth);
        struct scene scene;
        struct scopes s;
        struct tacho_recording *rec;
        assert_non_null(truth);
        truth->random = seed;
        scene_begin(&scene);
        made_metrics(&scene.m);
        made_journal(&scene.m); /* it begins now, not with the first mark */
        make_processes(truth, &scene);
        for (uint32_t i = 1; i <= SITES; i++)
            made_site(&scene.m, i, (const char[]){(char)('0' + i), 0}, i % 2 == 0 ? "even" : "");
        for (uint32_t t = 1; t <= THREADS; t++) {
            uint32_t process = (t + 1) / 2;
            if (below(&truth->random, 3) == 0)
                continue;
            if (t > 1)
                made_thread(&scene.m, t, process, 1000 + process, scene.base_ns);
            make_marks(truth, &scene, process, t);
        }
        scene.m.now_ns = scene.base_ns + END_MS * MS;
        make_scopes(&scene, &s, &rec);
        assert_billed(truth, &s);
        assert_divided(truth, &s);
        scopes_done(&s);
        tacho_recording_close(rec);
        free(truth);
    }
}

/* Parents in a ring, and one that is its own: nothing to be billed, nothing to hang on. */
static void test_rings(void **state)
{
    const struct mark marks[] = {BEGIN(0, 1), END(50 * MS, 1)};
    struct scene scene;
    struct scopes s;
    struct tacho_recording *rec;
    scene_begin(&scene);
    made_site(&scene.m, 1, "a", "");
    scene_start(&scene, 10, 2, 3);
    scene_start(&scene, 10, 3, 2);
    scene_start(&scene, 10, 4, 4);
    scene_start(&scene, 10, 5, 1);
    made_thread(&scene.m, 2, 2, 1002, scene.base_ns);
    made_thread(&scene.m, 3, 4, 1004, scene.base_ns);
    for (uint32_t t = 1; t <= 3; t++)
        scene_marks(&scene, t, 0, marks, 2);
    make_scopes(&scene, &s, &rec);
    assert_int_equal(s.rows, 1);
    assert_true(s.row[0].use.processes >= 1);
    assert_true(s.row[0].use.children_cpu_ns == SCOPES_UNKNOWN && s.row[0].use.cpu_estimated);
    scopes_done(&s);
    tacho_recording_close(rec);
}

/* Found by looking, long after it was born in the step in which a scope began: that is billed. */
static void test_found_late(void **state)
{
    const struct mark marks[] = {BEGIN(28 * MS, 1), END(40 * MS, 1), BEGIN(60 * MS, 2),
                                 END(90 * MS, 2)};
    struct scene scene;
    struct scopes s;
    struct tacho_recording *rec;
    scene_begin(&scene);
    made_site(&scene.m, 1, "a", "");
    made_site(&scene.m, 2, "b", "");
    MADE(&scene.m, RECORD_ANCHOR, anchor, .mono_ns = scene.base_ns, .boot_ns = scene.base_ns);
    MADE(&scene.m, RECORD_BIRTH, birth, .entity = 2, .time_ns = scene.base_ns + 80 * MS,
         .pid = 1002, .parent_entity = 1, .parent_pid = 1001, .flags = BIRTH_FORKED,
         .start_boot_ns = scene.base_ns + 20 * MS);
    scene_account(&scene, 85, 2, 7, 0, 0);
    scene_marks(&scene, 1, 0, marks, 4);
    make_scopes(&scene, &s, &rec);
    assert_string_equal(s.row[0].name, "b");
    assert_int_equal(s.row[0].use.processes, 0);
    assert_int_equal(s.row[0].use.children_cpu_ns, 0);
    assert_int_equal(s.row[1].use.processes, 1);
    assert_int_equal(s.row[1].use.children_cpu_ns, 7 * MS);
    scopes_done(&s);
    tacho_recording_close(rec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_the_reference),
        cmocka_unit_test(test_rings),
        cmocka_unit_test(test_found_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
