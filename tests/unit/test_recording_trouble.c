/* record/recording_sink: what becomes of a recording whose file cannot be written for a while. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test_recording_play.h"

/* In a process of its own: limits of a file's size hold for all of it. */
static void in_child(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGXFSZ, SIG_IGN);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void limit_file_bytes(rlim_t bytes)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, RLIM_INFINITY}), 0);
}

static void assert_told_once(int error)
{
    assert_int_equal(trouble_count, 2);
    assert_int_equal(troubles[0], error);
    assert_int_equal(troubles[1], 0);
}

static const struct tacho_happening *only_gap(struct tacho_recording *rec)
{
    const struct tacho_happening *gap = NULL;
    for (size_t i = 0; i < tacho_happening_count(rec); i++) {
        if (tacho_happening(rec, i)->type != TACHO_GAP)
            continue;
        assert_null(gap);
        gap = tacho_happening(rec, i);
    }
    assert_non_null(gap);
    return gap;
}

static size_t count_notes(struct tacho_recording *rec)
{
    size_t n = 0;
    for (size_t i = 0; i < tacho_happening_count(rec); i++)
        n += tacho_happening(rec, i)->type == TACHO_NOTE;
    return n;
}

/* All but one stretch, of which the recording says that it is missing, and why. */
static void assert_one_gap(size_t notes)
{
    assert_blocks();
    struct tacho_recording *rec = open_recording();
    const struct tacho_happening *gap = only_gap(rec);
    assert_int_equal(gap->b, EFBIG);
    assert_true(gap->time_ns < gap->a);
    assert_samples(rec, gap->time_ns, gap->a);
    assert_int_equal(count_notes(rec), notes);
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
    assert_int_equal(tacho_recording_salvage(rec)->missing_blocks, 0);
    if (notes == 0) {
        assert_int_equal(tacho_process_count(rec), births);
        assert_int_equal(tacho_entity_count(rec), actor_count);
    }
    tacho_recording_close(rec);
    assert_told_once(-EFBIG);
}

static void fill_up_and_go_on(void)
{
    start(CODEC);
    add_overview();
    for (int i = 0; i < 35; i++)
        tick_by_chance();
    uint64_t good = recording_bytes(recording);
    unsigned before = births;
    limit_file_bytes(good + 10);
    for (int i = 0; i < 45; i++) {
        tick_by_chance();
        assert_int_equal(recording_bytes(recording), good);
    }
    assert_blocks();
    assert_true(births > before);
    limit_file_bytes(RLIM_INFINITY);
    for (int i = 0; i < 45; i++)
        tick_by_chance();
    finish(0);
    assert_one_gap(0);
}

static void a_full_disk_leaves_a_gap(void **state)
{
    in_child(fill_up_and_go_on);
}

/* A flush without ticks between, as a signal brings one: what follows must not build on the lost. */
static void flush_between(void)
{
    start(CODEC);
    add_overview();
    for (int i = 0; i < 20; i++)
        tick_by_chance();
    assert_int_equal(recording_flush(recording), 0);
    limit_file_bytes(recording_bytes(recording));
    for (int i = 0; i < 5; i++)
        tick_by_chance();
    assert_int_equal(recording_flush(recording), -EFBIG);
    limit_file_bytes(RLIM_INFINITY);
    assert_int_equal(recording_flush(recording), 0);
    assert_int_equal(recording_flush(recording), 0);
    for (int i = 0; i < 15; i++)
        tick_by_chance();
    finish(0);
    assert_one_gap(0);
}

static void samples_after_a_gap_stand_alone(void **state)
{
    in_child(flush_between);
}

/* Room for the journal, and none for the samples: the gap begins again. */
static void fill_up_between_blocks(void)
{
    start(NULL);
    add_overview();
    for (int i = 0; i < 15; i++)
        tick_by_chance();
    assert_int_equal(recording_flush(recording), 0);
    uint64_t from_ns = now_ns;
    limit_file_bytes(recording_bytes(recording) + 150);
    sink_note(&sink, now_ns, "fits");
    for (int i = 0; i < 9; i++) {
        tick_begin(INTERVAL);
        for (unsigned k = 0; k < 6; k++)
            put(&actors[k], GROUP(kind_info(actors[k].kind)->group_count) - 1, false);
        for (size_t k = 6; k < actor_count; k++)
            if (actors[k].handle != NULL)
                leave(&actors[k]);
        sink.tick_end(sink.user);
    }
    assert_int_equal(recording_flush(recording), -EFBIG);
    uint64_t to_ns = now_ns;
    limit_file_bytes(RLIM_INFINITY);
    for (int i = 0; i < 15; i++)
        tick_by_chance();
    finish(0);
    assert_one_gap(1);
    struct tacho_recording *rec = open_recording();
    assert_int_equal(only_gap(rec)->time_ns, from_ns);
    assert_int_equal(only_gap(rec)->a, to_ns);
    tacho_recording_close(rec);
}

static void a_gap_is_told_to_the_tick(void **state)
{
    in_child(fill_up_between_blocks);
}

/* More births than are kept while nothing can be written: some are lost, and it says so. */
static void lose_births(void)
{
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    start(NULL);
    add_overview();
    for (int i = 0; i < 12; i++)
        tick_by_chance();
    limit_file_bytes(recording_bytes(recording));
    unsigned before = births;
    for (int i = 0; i < 120; i++) {
        add(ENTITY_PROCESS, text);
        remove_actor(&actors[actor_count - 1]);
        if (i % 10 == 0)
            tick_by_chance();
    }
    for (int i = 0; i < 25; i++) /* more attempts, with nothing new to lose */
        tick_by_chance();
    limit_file_bytes(RLIM_INFINITY);
    for (int i = 0; i < 25; i++)
        tick_by_chance();
    finish(0);
    assert_one_gap(1);
    struct tacho_recording *rec = open_recording();
    size_t kept = tacho_process_count(rec);
    assert_in_range(kept, before + RECORDING_JOURNAL_KEPT / 200100, births - 1);
    tacho_recording_close(rec);
}

static void lost_births_are_told(void **state)
{
    in_child(lose_births);
}

/* A journal too long for the next tick is not tried at each: what is sampled then is not lost. */
static void try_again(void)
{
    static char text[1000];
    uint64_t first_ns = 0;
    memset(text, 'x', sizeof text - 1);
    start(CODEC);
    add_overview();
    for (int i = 0; i < 12; i++)
        tick_by_chance();
    assert_int_equal(recording_flush(recording), 0);
    limit_file_bytes(recording_bytes(recording));
    for (int i = 0; i < 3000; i++) {
        add(ENTITY_PROCESS, text);
        remove_actor(&actors[actor_count - 1]);
    }
    for (int i = 0; i < 100; i++) {
        tick_begin(NS_PER_MS);
        put(&actors[0], 1, false);
        for (size_t k = 6; k < actor_count; k++)
            if (actors[k].handle != NULL)
                leave(&actors[k]);
        sink.tick_end(sink.user);
        first_ns = i == 0 ? now_ns : first_ns;
    }
    limit_file_bytes(RLIM_INFINITY);
    finish(0);
    assert_one_gap(0);
    struct tacho_recording *rec = open_recording();
    assert_int_equal(only_gap(rec)->a, first_ns);
    tacho_recording_close(rec);
}

static void a_long_journal_is_tried_once_a_second(void **state)
{
    in_child(try_again);
}

static void end_in_trouble(void)
{
    start(CODEC);
    add_overview();
    for (int i = 0; i < 25; i++)
        tick_by_chance();
    limit_file_bytes(recording_bytes(recording));
    for (int i = 0; i < 5; i++)
        tick_by_chance();
    finish(-EFBIG);
    assert_int_equal(trouble_count, 1);
    assert_blocks();
}

static void closing_tells_what_is_missing(void **state)
{
    in_child(end_in_trouble);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_leaves_a_gap),
        TEST(samples_after_a_gap_stand_alone),
        TEST(a_gap_is_told_to_the_tick),
        TEST(lost_births_are_told),
        TEST(a_long_journal_is_tried_once_a_second),
        TEST(closing_tells_what_is_missing),
    };
    return cmocka_run_group_tests_name("recording_trouble", tests, NULL, NULL);
}
