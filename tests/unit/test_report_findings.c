/* Findings with figures known by hand: those that no job of a test can bring about, and their bounds. */
#include "test_analyse_build.h"

#include <math.h>

#include "analyse/findings.h"
#include "report/finding_words.h"

#define NEW_ROOT (BIRTH_ROOT | BIRTH_FORKED)
#define GIB (1024 * MIB)
#define TICKS 40

static struct told {
    struct story story;
    struct actor *job;
    struct tacho_recording *rec;
    struct summary s;
    struct findings f;
} t;

/* A job of four seconds that uses `cores_percent` of a core, while `tell` says of each tick what else is. */
static void tell(unsigned cores_percent, void (*tell_tick)(struct story *s, uint64_t tick))
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    t.job = story_birth(s, 10, NULL, NEW_ROOT, "job");
    for (uint64_t i = 1; i <= TICKS; i++) {
        story_tick(s);
        actor_cpu(t.job, i * cores_percent, 0);
        if (tell_tick != NULL)
            tell_tick(s, i);
        story_put(s, t.job);
        if (s->tree.known != 0)
            story_put(s, &s->tree);
        if (s->machine.known != 0)
            story_put(s, &s->machine);
    }
}

static void look(bool whole)
{
    if (whole)
        story_end(&t.story, 0, 0);
    t.rec = story_open(&t.story);
    assert_int_equal(summary_make(t.rec, &t.s), 0);
    t.s.ended = whole; /* the builder writes no end block */
    assert_int_equal(findings_make(&t.s, NULL, &t.f), 0);
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

static const struct finding *found(enum finding_kind kind)
{
    for (size_t i = 0; i < t.f.count; i++)
        if (t.f.finding[i].kind == kind)
            return &t.f.finding[i];
    return NULL;
}

static void assert_said(enum finding_kind kind, enum severity severity, const char *words)
{
    const struct finding *it = found(kind);
    struct buffer text = {0};
    assert_non_null(it);
    assert_int_equal(it->severity, severity);
    put_finding(&text, it, &t.s);
    buffer_put_byte(&text, '\0');
    assert_string_equal((const char *)text.data, words);
    buffer_done(&text);
}

/* ---- memory ---- */

static uint64_t killed_at_the_end;

static void tell_kills(struct story *s, uint64_t tick)
{
    actor_set(&s->machine, MACHINE_OOM_KILLS, 7 + (tick == TICKS ? killed_at_the_end : 0));
}

static void test_kills_before_it_began_are_not_its(void **state)
{
    killed_at_the_end = 0;
    tell(50, tell_kills);
    look(true);
    assert_null(found(FINDING_OOM));
}

static void test_kills_for_want_of_memory(void **state)
{
    killed_at_the_end = 2;
    tell(50, tell_kills);
    look(true);
    assert_said(FINDING_OOM, SEVERITY_BAD,
                "The kernel killed 2 processes on this machine for want of memory");
    assert_ptr_equal(found(FINDING_OOM), &t.f.finding[0]); /* the worst first */
}

static uint64_t swapped_bytes;

static void tell_swap(struct story *s, uint64_t tick)
{
    actor_set(&s->tree, TREE_SWAP, tick == 20 ? swapped_bytes : 0);
}

static void test_swap(void **state)
{
    swapped_bytes = 3 * MIB;
    tell(50, tell_swap);
    look(true);
    assert_said(FINDING_SWAP, SEVERITY_WARNING,
                "Up to 3.00 MiB of the job's memory were swapped out");
}

static void test_a_little_swap_is_nothing(void **state)
{
    swapped_bytes = MIB - 1;
    tell(50, tell_swap);
    look(true);
    assert_null(found(FINDING_SWAP));
}

static uint64_t available_bytes;

static void tell_memory(struct story *s, uint64_t tick)
{
    actor_set(&s->machine, MACHINE_MEMORY_TOTAL, 8 * GIB);
    actor_set(&s->machine, MACHINE_MEMORY_AVAILABLE, tick == 20 ? available_bytes : 6 * GIB);
}

static void test_memory_nearly_full(void **state)
{
    available_bytes = GIB / 2;
    tell(50, tell_memory);
    look(true);
    assert_said(FINDING_MEMORY_FULL, SEVERITY_WARNING,
                "7.50 GiB of the machine's 8.00 GiB of memory were in use");
}

static void test_memory_not_full(void **state)
{
    available_bytes = GIB;
    tell(50, tell_memory);
    look(true);
    assert_null(found(FINDING_MEMORY_FULL));
}

/* ---- processors and disks ---- */

static void tell_waits(struct story *s, uint64_t tick)
{
    actor_set(t.job, PROCESS_IOWAIT, tick * 25 * MS);
}

static void test_waiting_for_disks(void **state)
{
    tell(50, tell_waits);
    look(true);
    assert_said(FINDING_IO_WAIT, SEVERITY_WARNING,
                "Processes waited 1.00 s for disks, 25 % of the wall time");
}

/* ---- GPUs ---- */

static struct actor gpu;

/* It is 4 % in use until `gpu_share` says otherwise, and its clocks are held down in every other tick. */
static unsigned gpu_share;

static void tell_gpu(struct story *s, uint64_t tick)
{
    if (tick == 1) {
        gpu = (struct actor){.entity = s->next_entity++, .kind = ENTITY_GPU};
        gpu.track = stage_add(s->overview, gpu.entity, ENTITY_GPU);
        record_put(&s->journal, &(struct record){.type = RECORD_ENTITY,
                                                 .entity = {.entity = gpu.entity,
                                                            .kind = ENTITY_GPU,
                                                            .time_ns = s->now_ns,
                                                            .name = story_span("1")}});
    }
    actor_set(&gpu, GPU_UTILIZATION, gpu_share);
    actor_set(&gpu, GPU_TARGET_MEMORY, 3 * GIB);
    actor_set(&gpu, GPU_THROTTLE, tick % 2 == 0 ? 4 : 0);
    actor_set(&gpu, GPU_ECC_UNCORRECTED, tick < 20 ? 1 : 2);
    story_put(s, &gpu);
}

static void test_a_gpu_that_waits(void **state)
{
    gpu_share = 40;
    tell(5, tell_gpu);
    look(true);
    assert_said(FINDING_GPU_ERRORS, SEVERITY_BAD,
                "GPU 1 had 1 memory error that could not be put right");
    assert_said(FINDING_GPU_HELD, SEVERITY_WARNING,
                "The clocks of GPU 1 were held down for 2.00 s, 50 % of the time");
    assert_said(
        FINDING_GPU_IDLE, SEVERITY_NOTE,
        "GPU 1 was in use for 4.0 % of the time; up to 3.00 GiB of its memory were the job's");
    assert_non_null(found(FINDING_WAITING));
}

static void test_a_job_that_waits_for_its_gpu(void **state)
{
    gpu_share = 900;
    tell(5, tell_gpu);
    look(true);
    assert_null(found(FINDING_GPU_IDLE));
    assert_null(found(FINDING_WAITING));
}

static void test_how_many_cores(void **state)
{
    tell(100, NULL);
    look(true);
    assert_non_null(found(FINDING_ONE_CORE));
    assert_null(found(FINDING_ALL_CORES));
    assert_null(found(FINDING_WAITING));
    end(state);
    tell(200, NULL);
    look(true);
    assert_non_null(found(FINDING_ALL_CORES));
    assert_null(found(FINDING_ONE_CORE));
    end(state);
    tell(5, NULL);
    look(true);
    assert_said(FINDING_WAITING, SEVERITY_NOTE, "0.05 of 2 processors were in use on average");
    end(state);
    tell(50, NULL); /* nothing to wonder about */
    look(true);
    assert_int_equal(t.f.count, 0);
}

/* ---- the recorder ---- */

static void test_gaps_and_a_missing_end(void **state)
{
    struct story *s = &t.story;
    tell(50, NULL);
    record_put(&s->journal,
               &(struct record){.type = RECORD_GAP, .gap = {s->now_ns, s->now_ns + 250 * MS, 28}});
    look(false);
    assert_said(FINDING_GAPS, SEVERITY_WARNING, "Nothing was recorded for 0.25 s in 1 gap");
    assert_said(FINDING_UNFINISHED, SEVERITY_WARNING, "The recording ends without its end");
}

static void test_skipped_ticks(void **state)
{
    struct story *s = &t.story;
    tell(50, NULL);
    record_put(&s->journal, &(struct record){.type = RECORD_LATE, .late = {s->now_ns, 70 * MS, 3}});
    look(true);
    assert_said(FINDING_GAPS, SEVERITY_WARNING, "3 ticks were skipped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_kills_before_it_began_are_not_its, end),
        cmocka_unit_test_teardown(test_kills_for_want_of_memory, end),
        cmocka_unit_test_teardown(test_swap, end),
        cmocka_unit_test_teardown(test_a_little_swap_is_nothing, end),
        cmocka_unit_test_teardown(test_memory_nearly_full, end),
        cmocka_unit_test_teardown(test_memory_not_full, end),
        cmocka_unit_test_teardown(test_waiting_for_disks, end),
        cmocka_unit_test_teardown(test_a_gpu_that_waits, end),
        cmocka_unit_test_teardown(test_a_job_that_waits_for_its_gpu, end),
        cmocka_unit_test_teardown(test_how_many_cores, end),
        cmocka_unit_test_teardown(test_gaps_and_a_missing_end, end),
        cmocka_unit_test_teardown(test_skipped_ticks, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
