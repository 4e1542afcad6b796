/* analyse/summary: recordings whose every figure is known by hand. */
#include "test_analyse_build.h"

#include <math.h>

#include "analyse/contents.h"
#include "analyse/programs.h"
#include "analyse/summary.h"

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

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-6 * (1 + fabs(b)));
}

#define NEW_ROOT (BIRTH_ROOT | BIRTH_FORKED)

/*
 * make runs cc for ten ticks and something that is never seen; cc fails.
 *     own CPU: make 50 ms, cc 900 ms; unseen 200 ms; cc's last slice 30 ms.
 */
static void tell_of_make(void)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    story_number(s, "pids_given_out", 7);
    record_put_text(&s->journal, "command", "make\0-j2", 9);
    struct actor *make = story_birth(s, 10, NULL, NEW_ROOT, "make");
    struct actor *cc = story_birth(s, 11, make, BIRTH_FORKED, "cc");
    for (uint64_t i = 1; i <= 10; i++) {
        story_tick(s);
        actor_cpu(make, 5 * i, 0);
        actor_set(make, PROCESS_RSS, 2 * MIB);
        actor_set(make, PROCESS_READ_CHARS, 100 * i);
        actor_set(make, PROCESS_READ_BYTES, 0);
        actor_cpu(cc, 90 * i, 0);
        actor_set(cc, PROCESS_RSS, i == 5 ? 90 * MIB : 10 * MIB);
        actor_set(cc, PROCESS_PEAK_RSS, i >= 5 ? 91 * MIB : 10 * MIB);
        actor_set(cc, PROCESS_THREADS, i == 7 ? 3 : 1);
        actor_set(cc, PROCESS_READ_CHARS, 1000 * i);
        story_put(s, make);
        story_put(s, cc);
        actor_set(&s->tree, TREE_RSS, (i == 5 ? 92 : 12) * MIB);
        actor_set(&s->tree, TREE_PROCESSES, 2);
        actor_set(&s->tree, TREE_THREADS, i == 7 ? 4 : 2);
        actor_set(&s->tree, TREE_TCP_ESTABLISHED, i % 3);
        story_reaped(s, 0, 0);
        story_put(s, &s->tree);
    }
    story_tick(s);
    story_exit(s, cc, &(struct record_exit){.flags = EXIT_STATUS, .status = 2 << 8});
    actor_cpu(make, 50, 1130);
    actor_set(make, PROCESS_READ_CHARS, 1000 + 10500 + 300); /* cc's, and 300 by the unseen */
    story_put(s, make);
    story_tick(s);
    story_reaped(s, 1100, 80);
    story_put(s, &s->tree);
    actor_set(&s->recorder, RECORDER_CPU, 11 * MS);
    story_put(s, &s->recorder);
    story_exit(s, make,
               &(struct record_exit){.flags = EXIT_STATUS | EXIT_RUSAGE,
                                     .user_ns = 1100 * MS,
                                     .system_ns = 80 * MS,
                                     .peak_rss_bytes = 91 * MIB});
}

static void counts_a_job(void **state)
{
    tell_of_make();
    story_number(&t.story, "root_wait_status", 0);
    story_end(&t.story, 1100, 80);
    summarise();
    const struct summary *s = &t.s;
    assert_true(s->ended && s->cpu.exact);
    assert_int_equal(s->cpu.total_ns, 1180 * MS);
    assert_int_equal(s->cpu.user_ns, 1100 * MS);
    assert_int_equal(s->cpu.system_ns, 80 * MS);
    assert_int_equal(s->wall_ns, 1200 * MS);
    near(s->cpu.mean_cores, 1180.0 / 1200);
    /* 0.95 of a core for a second, then 230 ms in the tick after it. */
    near(s->cpu.peak_cores, 0.95 * 0.9 + 0.23);
    assert_int_equal(s->completeness.accounted_ns, 950 * MS);
    assert_int_equal(s->completeness.unaccounted_ns, 230 * MS);
    assert_int_equal(s->root_status, 0);
    assert_int_equal(s->started_real_ns, STORY_REAL_NS);

    assert_int_equal(s->memory.peak_rss_bytes, 92 * MIB);
    assert_false(s->memory.peak_from_kernel);
    assert_int_equal(s->memory.peak_after_ns, 500 * MS);
    assert_int_equal(s->memory.owner, 1);
    assert_int_equal(s->memory.owner_rss_bytes, 90 * MIB);
    assert_true(s->memory.peak_pss_bytes == SUMMARY_UNKNOWN);

    assert_int_equal(s->io[SUMMARY_READ_CHARS], 1000 + 10500 + 300);
    assert_int_equal(s->io[SUMMARY_READ_BYTES], 0);
    assert_true(s->io[SUMMARY_WRITE_BYTES] == SUMMARY_UNKNOWN);

    assert_int_equal(s->processes.exact, 1);
    assert_int_equal(s->processes.sampled, 1);
    assert_int_equal(s->processes.missed, 7 - 1 - 2); /* cc, and two threads of it */
    assert_true(s->processes.missed_is_bound);
    assert_int_equal(s->processes.total, 2 + 4);
    assert_int_equal(s->processes.failed, 1);
    assert_int_equal(s->processes.peak_concurrent, 2);
    assert_int_equal(s->threads_peak, 4);
    assert_int_equal(s->tcp_peak, 2);
    assert_int_equal(s->recorder.cpu_ns, 12 * MS); /* the last word, not the last sample */
    assert_int_equal(s->rows[0].cpu_ns, 50 * MS);
    assert_int_equal(s->rows[1].cpu_ns, 900 * MS);
    assert_true(s->rows[0].has_children && !s->rows[0].cpu_exact);
}

/* The kernel told that it used so much itself, and was handed so much, in ms. */
static void end_with_account(struct actor *a, uint64_t own_ms, uint64_t children_ms)
{
    story_exit(&t.story, a, &(struct record_exit){.flags = EXIT_STATUS});
    record_put(&t.story.journal,
               &(struct record){.type = RECORD_ACCOUNT,
                                .account = {.entity = a->entity,
                                            .known = ACCOUNT_CPU | ACCOUNT_SPLIT | ACCOUNT_CHILDREN,
                                            .cpu_ns = own_ms * MS,
                                            .user_ns = own_ms * MS,
                                            .children_user_ns = children_ms * MS}});
}

#define ORPHANS 50

/*
 * The root is its tree's subreaper. Its child leaves orphans of 1 ms each, which it reaps long after
 * they ended: all of it is in the accounts, and nothing of it was used by anybody else.
 */
static void what_a_subreaper_is_handed_counts_once(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    story_text(s, "follow", "bpf");
    struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "init");
    struct actor *middle = story_birth(s, 11, root, BIRTH_FORKED, "middle");
    struct actor *orphan[ORPHANS];
    story_tick(s);
    for (uint32_t i = 0; i < ORPHANS; i++)
        orphan[i] = story_birth(s, 100 + i, middle, BIRTH_FORKED, "orphan");
    end_with_account(middle, 2, 0);
    story_tick(s);
    for (uint32_t i = 0; i < ORPHANS; i++)
        end_with_account(orphan[i], 1, 0);
    for (unsigned i = 0; i < 10; i++) {
        story_tick(s);
        actor_cpu(root, 10 + i, i < 5 ? 0 : 2 + ORPHANS);
        story_put(s, root);
    }
    story_tick(s);
    end_with_account(root, 20, 2 + ORPHANS);
    story_end(s, 20 + 2 + ORPHANS, 0);
    summarise();
    assert_int_equal(t.s.cpu.total_ns, (20 + 2 + ORPHANS) * MS);
    assert_int_equal(t.s.completeness.unaccounted_ns, 0);
    for (size_t i = 0; i < t.s.row_count; i++)
        assert_int_equal(t.s.rows[i].unseen_ns, 0);
    assert_int_equal(t.s.rows[0].cpu_ns, 20 * MS);
}

/* An orphan that nobody waits for is in no sum but that of the accounts. */
static void what_is_handed_to_nobody_counts(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    story_text(s, "follow", "bpf");
    struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "ignores");
    struct actor *child = story_birth(s, 11, root, BIRTH_FORKED, "ignored");
    story_tick(s);
    end_with_account(child, 7, 0);
    story_tick(s);
    end_with_account(root, 3, 0);
    story_end(s, 3, 0);
    summarise();
    assert_int_equal(t.s.cpu.total_ns, 10 * MS);
    assert_int_equal(t.s.cpu.user_ns, 10 * MS);
}

static void knows_what_a_killed_recorder_left(void **state)
{
    tell_of_make();
    summarise();
    const struct summary *s = &t.s;
    assert_false(s->ended || s->cpu.exact);
    assert_int_equal(s->cpu.total_ns, 1180 * MS); /* the last sample of the tree says it */
    assert_int_equal(s->wall_ns, 1200 * MS);
    assert_int_equal(s->root_status, 0); /* of the root's own end */
}

static void the_kernels_peak_counts(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "spike");
    for (int i = 0; i < 3; i++) {
        story_tick(s);
        actor_set(root, PROCESS_RSS, 5 * MIB);
        story_put(s, root);
        actor_set(&s->tree, TREE_RSS, 5 * MIB);
        story_put(s, &s->tree);
    }
    story_exit(s, root,
               &(struct record_exit){.flags = EXIT_STATUS | EXIT_RUSAGE,
                                     .status = 9,
                                     .user_ns = 70 * MS,
                                     .peak_rss_bytes = 300 * MIB});
    story_end(s, 70, 0);
    summarise();
    assert_int_equal(t.s.memory.peak_rss_bytes, 300 * MIB);
    assert_true(t.s.memory.peak_from_kernel);
    assert_true(t.s.memory.peak_after_ns == SUMMARY_UNKNOWN);
    assert_int_equal(t.s.memory.owner, 0);
    assert_int_equal(t.s.root_status, 9);
    assert_int_equal(t.s.processes.failed, 1);
    assert_true(t.s.rows[0].cpu_exact);
    assert_int_equal(t.s.completeness.unaccounted_ns, 0);
    assert_int_equal(process_largest_rss(&t.s, 0), 300 * MIB);
}

static void an_attached_processs_past_does_not_count(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "attach");
    struct actor *server = story_birth(s, 10, NULL, BIRTH_ROOT, "server");
    for (uint64_t i = 0; i < 20; i++) {
        story_tick(s);
        actor_cpu(server, 70000 + 10 * i, 5000);
        actor_set(server, PROCESS_RSS, 50 * MIB);
        actor_set(server, PROCESS_PEAK_RSS, 900 * MIB);
        actor_set(server, PROCESS_WRITE_BYTES, 1000000 + 10 * i);
        story_put(s, server);
        actor_set(&s->tree, TREE_RSS, 50 * MIB);
        story_put(s, &s->tree);
    }
    summarise();
    assert_int_equal(t.s.cpu.total_ns, 190 * MS);
    assert_false(t.s.cpu.exact);
    assert_int_equal(t.s.memory.peak_rss_bytes, 50 * MIB);
    assert_int_equal(t.s.io[SUMMARY_WRITE_BYTES], 190);
    assert_int_equal(t.s.processes.alive, 1);
    near(t.s.cpu.peak_cores, 0.1);
}

/* The recorder replaced a shell that had children: their CPU is none of the job's. */
static void the_recorders_past_does_not_count(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "job");
    story_tick(s);
    actor_cpu(root, 10, 0);
    story_put(s, root);
    story_reaped(s, 60000, 5000);
    story_put(s, &s->tree);
    story_tick(s);
    story_exit(s, root, &(struct record_exit){.flags = EXIT_RUSAGE, .user_ns = 40 * MS});
    story_reaped(s, 60040, 5000);
    story_put(s, &s->tree);
    story_end(s, 60040, 5000);
    summarise();
    assert_true(t.s.cpu.exact);
    assert_int_equal(t.s.cpu.total_ns, 40 * MS);
    assert_int_equal(t.s.cpu.user_ns, 40 * MS);
    assert_int_equal(t.s.completeness.unaccounted_ns, 0);
}

static void adds_up_gpus(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *one = story_birth(s, 10, NULL, NEW_ROOT, "one");
    struct actor *two = story_birth(s, 11, one, BIRTH_FORKED, "two");
    struct actor *none = story_birth(s, 12, one, BIRTH_FORKED, "none");
    for (uint64_t i = 1; i <= 2; i++) {
        story_tick(s);
        actor_set(one, PROCESS_DRM_ENGINE, i * 100 * MS);
        actor_set(one, PROCESS_DRM_MEMORY, 9 * MIB / i);
        actor_set(two, PROCESS_DRM_ENGINE, i * 30 * MS);
        actor_set(two, PROCESS_DRM_MEMORY, i * 4 * MIB);
        actor_cpu(none, i, 0);
        story_put(s, one);
        story_put(s, two);
        story_put(s, none);
    }
    story_end(s, 0, 0);
    summarise();
    assert_int_equal(t.s.drm_engine_ns, 260 * MS);
    assert_int_equal(t.s.drm_peak_memory_bytes, 9 * MIB);
}

static void nothing_known_is_nothing_said(void **state)
{
    struct story *s = &t.story;
    *s = (struct story){.now_ns = STORY_START_NS, .interval_ns = 100 * MS, .next_entity = 1};
    s->processes = stage_new(ENTITY_PROCESS, s->interval_ns, 0);
    s->overview = stage_new(0, s->interval_ns, 0);
    story_text(s, "something", "else");
    summarise();
    assert_true(t.s.cpu.total_ns == SUMMARY_UNKNOWN);
    assert_true(isnan(t.s.cpu.mean_cores) && isnan(t.s.cpu.peak_cores));
    assert_true(t.s.memory.peak_rss_bytes == SUMMARY_UNKNOWN);
    assert_true(t.s.processes.total == SUMMARY_UNKNOWN);
    assert_true(t.s.processes.missed == SUMMARY_UNKNOWN);
    assert_true(t.s.threads_peak == SUMMARY_UNKNOWN);
    assert_true(t.s.drm_engine_ns == SUMMARY_UNKNOWN);
    assert_true(t.s.drm_peak_memory_bytes == SUMMARY_UNKNOWN);
    assert_true(t.s.recorder.cpu_ns == SUMMARY_UNKNOWN);
    assert_true(t.s.machine.busy_ns == SUMMARY_UNKNOWN);
    for (int i = 0; i < SUMMARY_IOS; i++)
        assert_true(t.s.io[i] == SUMMARY_UNKNOWN);
    assert_null(t.s.host);
}

/* PSS that was looked at for a small part of the memory only is no figure for the whole. */
static void partial_pss_is_unknown(void **state)
{
    for (int covered = 0; covered < 2; covered++) {
        struct story *s = &t.story;
        story_begin(s, "launch");
        struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "a");
        struct actor *child = story_birth(s, 11, root, BIRTH_FORKED, "b");
        for (int i = 0; i < 3; i++) {
            story_tick(s);
            actor_set(root, PROCESS_RSS, 50 * MIB);
            actor_set(root, PROCESS_PSS, 30 * MIB);
            story_put(s, root);
            actor_set(child, PROCESS_RSS, 50 * MIB);
            if (covered == 1 && i > 0)
                actor_set(child, PROCESS_PSS, 25 * MIB);
            story_put(s, child);
        }
        summarise();
        assert_true(t.s.memory.peak_pss_bytes == (covered ? 55 * MIB : SUMMARY_UNKNOWN));
        assert_int_equal(t.s.memory.peak_rss_bytes, 100 * MIB); /* without the tree's own sum */
        end(NULL);
    }
}

static void tells_of_the_machine(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "machine");
    for (uint64_t i = 0; i <= 20; i++) {
        story_tick(s);
        actor_set(&s->machine, MACHINE_USER, 1000000 * MS + 150 * MS * i);
        actor_set(&s->machine, MACHINE_SYSTEM, 5000 * MS);
        actor_set(&s->machine, MACHINE_MEMORY_TOTAL, 8192 * MIB);
        actor_set(&s->machine, MACHINE_MEMORY_AVAILABLE, (8192 - 100 * i) * MIB);
        story_put(s, &s->machine);
    }
    summarise();
    assert_int_equal(t.s.machine.busy_ns, 3000 * MS);
    assert_int_equal(t.s.machine.span_ns, 2000 * MS);
    near(t.s.machine.peak_cores, 1.5);
    assert_int_equal(t.s.machine.peak_used_bytes, 2000 * MIB);
    assert_true(t.s.cpu.total_ns == SUMMARY_UNKNOWN);
    assert_true(t.s.processes.total == SUMMARY_UNKNOWN);
    double cell[4];
    timeline_cells(&t.s.cpu_line, 1000 * MS, 4, cell);
    near(cell[3], 1.5);
}

static void counts_what_went_wrong(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *root = story_birth(s, 10, NULL, NEW_ROOT, "a");
    story_tick(s);
    actor_cpu(root, 10, 0);
    story_put(s, root);
    record_put(&s->journal, &(struct record){.type = RECORD_LATE, .late = {s->now_ns, 70 * MS, 3}});
    record_put(&s->journal, &(struct record){.type = RECORD_LATE, .late = {s->now_ns, 60 * MS, 0}});
    record_put(&s->journal,
               &(struct record){.type = RECORD_GAP, .gap = {s->now_ns, s->now_ns + 250 * MS, 28}});
    summarise();
    assert_int_equal(t.s.completeness.late_ticks, 2);
    assert_int_equal(t.s.completeness.skipped_ticks, 3);
    assert_int_equal(t.s.completeness.gaps, 1);
    assert_int_equal(t.s.completeness.gap_ns, 250 * MS);
    assert_true(t.s.processes.missed == SUMMARY_UNKNOWN); /* polling, but no word of pids */
    struct contents contents;
    assert_int_equal(contents_count(t.rec, &contents), 0);
    assert_int_equal(contents.kind[TACHO_PROCESS].entities, 1);
    assert_int_equal(contents.kind[TACHO_PROCESS].samples, 1);
    assert_int_equal(contents.kind[TACHO_PROCESS].values[PROCESS_CPU], 1);
    assert_int_equal(contents.kind[TACHO_PROCESS].values[PROCESS_RSS], 0);
    assert_int_equal(contents.ticks, 1);
}

static void groups_programs(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *make = story_birth(s, 10, NULL, NEW_ROOT, "make"), *cc[6];
    for (uint32_t i = 0; i < 6; i++)
        cc[i] = story_birth(s, 11 + i, make, BIRTH_FORKED, i < 4 ? "cc1" : "as");
    story_birth(s, 30, make, BIRTH_FORKED, "never-sampled");
    story_tick(s);
    actor_cpu(make, 1, 0);
    story_put(s, make);
    for (uint64_t i = 0; i < 6; i++) {
        actor_cpu(cc[i], 100 + i, 0);
        actor_set(cc[i], PROCESS_RSS, (10 + i) * MIB);
        story_put(s, cc[i]);
    }
    story_exit(s, cc[2], &(struct record_exit){.flags = EXIT_STATUS, .status = 11});
    summarise();
    struct program *programs;
    size_t n;
    assert_int_equal(programs_make(&t.s, &programs, &n), 0);
    assert_int_equal(n, 4);
    assert_string_equal(programs[0].name, "cc1");
    assert_int_equal(programs[0].processes, 4);
    assert_int_equal(programs[0].failed, 1);
    assert_int_equal(programs[0].cpu_ns, 406 * MS);
    assert_int_equal(programs[0].largest_rss_bytes, 13 * MIB);
    assert_string_equal(programs[1].name, "as");
    assert_string_equal(programs[2].name, "make");
    assert_string_equal(programs[3].name, "never-sampled");
    assert_true(programs[3].cpu_ns == SUMMARY_UNKNOWN);
    free(programs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(counts_a_job, end),
        cmocka_unit_test_teardown(what_a_subreaper_is_handed_counts_once, end),
        cmocka_unit_test_teardown(what_is_handed_to_nobody_counts, end),
        cmocka_unit_test_teardown(knows_what_a_killed_recorder_left, end),
        cmocka_unit_test_teardown(the_kernels_peak_counts, end),
        cmocka_unit_test_teardown(an_attached_processs_past_does_not_count, end),
        cmocka_unit_test_teardown(the_recorders_past_does_not_count, end),
        cmocka_unit_test_teardown(adds_up_gpus, end),
        cmocka_unit_test_teardown(nothing_known_is_nothing_said, end),
        cmocka_unit_test_teardown(partial_pss_is_unknown, end),
        cmocka_unit_test_teardown(tells_of_the_machine, end),
        cmocka_unit_test_teardown(counts_what_went_wrong, end),
        cmocka_unit_test_teardown(groups_programs, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
