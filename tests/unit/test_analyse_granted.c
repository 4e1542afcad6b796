/* analyse/granted and ending: what was granted, what became of it, and why the command ended. */
#include "test_analyse_build.h"

#include <math.h>
#include <signal.h>

#include "analyse/ending.h"
#include "analyse/findings.h"

static struct told {
    struct story story;
    struct tacho_recording *rec;
    struct summary s;
} t;

static void summarise(void)
{
    t.rec = story_open(&t.story);
    assert_int_equal(summary_make(t.rec, &t.s), 0);
}

static int end(void **state)
{
    if (t.rec != NULL)
        summary_done(&t.s);
    tacho_recording_close(t.rec);
    story_done(&t.story);
    memset(&t, 0, sizeof t);
    return 0;
}

#define NEW_ROOT (BIRTH_ROOT | BIRTH_FORKED)

/* A group as it stood at one tick: memory, its peak, limit hits, OOMs, kills, periods, throttled, ns. */
static void put_group(struct actor *group, const uint64_t value[CGROUP_METRICS])
{
    for (unsigned m = 0; m < CGROUP_METRICS; m++)
        if (value[m] != UINT64_MAX)
            actor_set(group, m, value[m]);
    story_put(&t.story, group);
}

#define NONE UINT64_MAX

/* A job that is killed by `status`, in a group that stood so before and after. */
static void tell(const uint64_t before[CGROUP_METRICS], const uint64_t after[CGROUP_METRICS],
                 int status, uint64_t cpu_ms)
{
    struct story *s = &t.story;
    struct actor group;
    story_begin(s, "launch");
    story_text(s, "cgroup_path", "/job");
    story_number(s, "cgroup_version", 2);
    story_number(s, "cgroup_memory_max_bytes", 1000);
    story_number(s, "cgroup_cpu_max_milli", 1500);
    story_number(s, "limit_cpu_hard_s", 2);
    struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "job");
    story_entity(s, &group, ENTITY_CGROUP);
    for (unsigned i = 0; i < 2; i++) {
        story_tick(s);
        actor_cpu(root, cpu_ms * i, 0);
        story_put(s, root);
        if (before != NULL)
            put_group(&group, i == 0 ? before : after);
    }
    story_exit(s, root,
               &(struct record_exit){.flags = EXIT_STATUS | EXIT_RUSAGE,
                                     .status = (uint64_t)status,
                                     .user_ns = cpu_ms * MS});
    story_number(s, "root_wait_status", (uint64_t)status);
    story_end(s, cpu_ms, 0);
}

static const struct finding *find(const struct findings *f, enum finding_kind kind)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->finding[i].kind == kind)
            return &f->finding[i];
    return NULL;
}

static void killed_at_the_group_s_limit(void **state)
{
    struct findings f;
    tell((const uint64_t[]){100, 150, 5, 1, 2, 10, 1, 1000},
         (const uint64_t[]){200, 990, 9, 2, 4, 30, 6, 6000}, SIGKILL, 100);
    summarise();
    const struct granted *g = &t.s.granted;
    assert_string_equal(g->path, "/job");
    assert_int_equal(g->memory_max_bytes, 1000);
    assert_int_equal(g->memory_high_bytes, SUMMARY_UNKNOWN);
    assert_true(g->cores == 1.5); /* of the machine's two */
    /* What had been before is not the job's. */
    assert_int_equal(g->memory_peak_bytes, 990);
    assert_int_equal(g->limit_hits, 4);
    assert_int_equal(g->oom_kills, 2);
    assert_int_equal(g->periods, 20);
    assert_int_equal(g->throttled_periods, 5);
    assert_int_equal(g->throttled_ns, 5000);
    struct ending ending = ending_of(&t.s);
    assert_int_equal(ending.reason, ENDING_CGROUP_OOM);
    assert_int_equal(ending.signal, SIGKILL);
    assert_int_equal(ending.row, 0);
    assert_int_equal(findings_make(&t.s, NULL, &f), 0);
    const struct finding *oom = find(&f, FINDING_GROUP_OOM);
    assert_non_null(oom);
    assert_int_equal(oom->count, 2);
    assert_int_equal(oom->of, 1);
    assert_int_equal(oom->of_bytes, 1000);
    assert_null(find(&f, FINDING_GROUP_MEMORY)); /* said already */
    const struct finding *throttled = find(&f, FINDING_THROTTLED);
    assert_non_null(throttled);
    assert_true(throttled->share == 0.25 && throttled->cores == 1.5 && throttled->ns == 5000);
}

static void killed_for_the_machine_s_memory(void **state)
{
    struct findings f;
    tell((const uint64_t[]){100, 150, 5, 1, 2, NONE, NONE, NONE},
         (const uint64_t[]){200, 150, 5, 1, 3, NONE, NONE, NONE}, SIGKILL, 100);
    summarise();
    assert_int_equal(t.s.granted.memory_peak_bytes, 200); /* the kernel's is an older one */
    assert_int_equal(t.s.granted.periods, SUMMARY_UNKNOWN);
    assert_int_equal(ending_of(&t.s).reason, ENDING_MACHINE_OOM);
    assert_int_equal(findings_make(&t.s, NULL, &f), 0);
    assert_int_equal(find(&f, FINDING_GROUP_OOM)->of, 0);
    assert_null(find(&f, FINDING_THROTTLED));
}

/* Version 1 has no count of its limit's own kills: that the limit was hit must do. */
static void version_1(void **state)
{
    tell((const uint64_t[]){100, 150, 0, NONE, 0, NONE, NONE, NONE},
         (const uint64_t[]){200, 999, 7, NONE, 1, NONE, NONE, NONE}, SIGKILL, 100);
    summarise();
    assert_int_equal(t.s.granted.ooms, SUMMARY_UNKNOWN);
    assert_int_equal(ending_of(&t.s).reason, ENDING_CGROUP_OOM);
}

static void near_the_limit(void **state)
{
    struct findings f;
    tell((const uint64_t[]){100, NONE, 0, 0, 0, 100, 4, 1000},
         (const uint64_t[]){900, NONE, 0, 0, 0, 200, 8, 9000}, 0, 100);
    summarise();
    assert_int_equal(ending_of(&t.s).reason, ENDING_SUCCESS);
    assert_int_equal(findings_make(&t.s, NULL, &f), 0);
    assert_int_equal(find(&f, FINDING_GROUP_MEMORY)->bytes, 900);
    assert_null(find(&f, FINDING_GROUP_OOM));
    assert_null(find(&f, FINDING_THROTTLED)); /* in 4 % of its periods */
}

/* A job with no group's samples, so ended and with so much CPU. */
static enum ending_reason reason_of(int status, uint64_t cpu_ms)
{
    tell(NULL, NULL, status, cpu_ms);
    summarise();
    enum ending_reason reason = ending_of(&t.s).reason;
    end(NULL);
    return reason;
}

static void by_status_alone(void **state)
{
    assert_int_equal(reason_of(0, 10), ENDING_SUCCESS);
    assert_int_equal(reason_of(3 << 8, 10), ENDING_ERROR);
    assert_int_equal(reason_of(200 << 8, 10), ENDING_ERROR); /* nobody was killed by 72 */
    assert_int_equal(reason_of(SIGSEGV | 0x80, 10), ENDING_SIGNAL);
    assert_int_equal(reason_of(SIGXCPU, 10), ENDING_CPU_LIMIT);
    assert_int_equal(reason_of(SIGXFSZ, 10), ENDING_FILE_LIMIT);
    assert_int_equal(reason_of(SIGKILL, 900), ENDING_SIGNAL);
    assert_int_equal(reason_of(SIGKILL, 1900), ENDING_CPU_LIMIT); /* of 2 s, counted in ticks */
    assert_int_equal(reason_of(SIGTERM, 1900), ENDING_SIGNAL);
}

/* sh says 137 of a child that was killed. */
static void a_shell_s_word(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *sh = story_birth(s, 10, NULL, NEW_ROOT, "sh");
    struct actor *one = story_birth(s, 11, sh, BIRTH_FORKED, "one");
    struct actor *two = story_birth(s, 12, sh, BIRTH_FORKED, "two");
    story_tick(s);
    story_exit(s, two, &(struct record_exit){.flags = EXIT_STATUS, .status = SIGKILL});
    story_tick(s);
    story_exit(s, one, &(struct record_exit){.flags = EXIT_STATUS, .status = SIGTERM});
    story_exit(s, sh, &(struct record_exit){.flags = EXIT_STATUS, .status = 137 << 8});
    story_number(s, "root_wait_status", 137 << 8);
    story_number(s, "job_end_real_s", STORY_REAL_NS / 1000000000 + 1);
    story_end(s, 0, 0);
    summarise();
    struct ending ending = ending_of(&t.s);
    assert_int_equal(ending.signal, SIGKILL);
    assert_int_equal(ending.row, 2);
    assert_int_equal(ending.reason, ENDING_TIME_LIMIT);
    assert_string_equal(ending_reason_name(ending.reason), "time_limit");
}

static void groups_one_after_the_other(void **state)
{
    struct story *s = &t.story;
    struct actor first, second;
    story_begin(s, "attach");
    story_number(s, "allowed_processors", 1); /* the recorder's own */
    story_entity(s, &first, ENTITY_CGROUP);
    story_tick(s);
    put_group(&first, (const uint64_t[]){5000, 6000, 1, 1, 0, 10, 1, 100});
    story_tick(s);
    put_group(&first, (const uint64_t[]){9000, 9500, 2, 2, 1, 20, 2, 300});
    stage_remove(s->overview, first.track);
    story_entity(s, &second, ENTITY_CGROUP);
    story_tick(s);
    put_group(&second, (const uint64_t[]){10, 20, 0, 0, 7, 500, 50, 5000});
    story_tick(s);
    put_group(&second, (const uint64_t[]){30, 40, 0, 0, 9, 600, 60, 5500});
    story_end(s, 0, 0);
    summarise();
    const struct granted *g = &t.s.granted;
    assert_null(g->path);
    assert_true(g->cores == 2);
    assert_int_equal(g->memory_peak_bytes, 40);
    assert_int_equal(g->limit_hits, 0);
    assert_int_equal(g->oom_kills, 3);
    assert_int_equal(g->throttled_ns, 700);
    assert_int_equal(ending_of(&t.s).reason, ENDING_UNKNOWN);
    assert_null(ending_reason_name(ENDING_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(killed_at_the_group_s_limit, end),
        cmocka_unit_test_teardown(killed_for_the_machine_s_memory, end),
        cmocka_unit_test_teardown(version_1, end),
        cmocka_unit_test_teardown(near_the_limit, end),
        cmocka_unit_test(by_status_alone),
        cmocka_unit_test_teardown(a_shell_s_word, end),
        cmocka_unit_test_teardown(groups_one_after_the_other, end),
    };
    return cmocka_run_group_tests_name("analyse_granted", tests, NULL, NULL);
}
