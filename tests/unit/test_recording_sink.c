/* record/recording_sink: what is sampled is read back, from blocks of the right size. */
#include <errno.h>

#include "test_recording_play.h"

/* ---- reading back ---- */

static void all_is_read_back(const struct codec *codec, uint64_t first_seed)
{
    start(codec);
    seed = first_seed;
    add_overview();
    for (int i = 0; i < 250; i++) /* more flushes than from one keyframe to the next */
        tick_by_chance();
    assert_true(sink.bytes_written(sink.user) > 0);
    assert_int_equal(sink.bytes_written(sink.user), recording_bytes(recording));
    finish(0);
    assert_all_is_there();
    assert_in_range(assert_blocks(), 25, 27);
}

static void all_is_read_back_uncompressed(void **state)
{
    all_is_read_back(NULL, 1);
}

static void all_is_read_back_compressed(void **state)
{
    all_is_read_back(CODEC, 2);
}

static void records_are_read_back(void **state)
{
    start(CODEC);
    add(ENTITY_PROCESS, "sh");
    sink_fact_text(&sink, "hostname", "here");
    sink_fact_number(&sink, "interval_ns", INTERVAL);
    sink_note(&sink, now_ns, "a note");
    sink.record(sink.user, &(struct record){.type = RECORD_MISSING,
                                            .missing = {ENTITY_PROCESS, GROUP_IO, EACCES, 3}});
    sink.record(
        sink.user,
        &(struct record){
            .type = RECORD_EXIT,
            .exit = {.entity = 1, .time_ns = now_ns + 5, .flags = EXIT_STATUS, .status = 256}});
    sink_fact_number(&sink, "ended_ns", now_ns);
    finish(0);
    struct tacho_recording *rec = open_recording();
    uint64_t number;
    assert_string_equal(tacho_fact_text(rec, "hostname", NULL), "here");
    assert_true(tacho_fact_number(rec, "interval_ns", &number) && number == INTERVAL);
    assert_int_equal(tacho_missing(rec, 0)->count, 3);
    assert_int_equal(tacho_process(rec, 0)->wait_status, 256);
    assert_int_equal(tacho_process(rec, 0)->end_ns, now_ns + 5);
    assert_true(tacho_recording_salvage(rec)->ended);
    /* All metrics of the catalogue, and the wall clock. */
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind)) {
        assert_int_equal(tacho_metric_count(rec, kind), kind_info(kind)->metric_count);
        for (unsigned m = 0; m < kind_info(kind)->metric_count; m++) {
            const struct metric *metric = &kind_info(kind)->metrics[m];
            assert_string_equal(tacho_metric(rec, kind, m)->name, metric->name);
            assert_string_equal(tacho_metric(rec, kind, m)->unit, metric->unit);
            assert_int_equal(tacho_metric(rec, kind, m)->cumulative, metric->cumulative);
            assert_int_equal(tacho_metric(rec, kind, m)->group, metric->group);
        }
    }
    uint64_t mono_ns = clock_mono_ns(), real_ns = clock_real_ns();
    int64_t off = (int64_t)(tacho_real_ns(rec, mono_ns) - real_ns);
    assert_true(off < (int64_t)NS_PER_S && off > -(int64_t)NS_PER_S);
    tacho_recording_close(rec);
}

/* What was flushed is there while the rest is still to come. */
static void it_is_read_while_it_is_written(void **state)
{
    start(CODEC);
    add_overview();
    for (int i = 0; i < 5; i++)
        tick_by_chance();
    assert_int_equal(recording_flush(recording), 0);
    assert_all_is_there();
    for (int i = 0; i < 5; i++)
        tick_by_chance();
    assert_int_equal(recording_flush(recording), 0);
    assert_int_equal(recording_flush(recording), 0);
    assert_all_is_there();
}

/* ---- when it flushes ---- */

/* The first samples are readable whatever was flushed before. */
static void a_flush_without_ticks_is_no_keyframe(void **state)
{
    start(CODEC);
    assert_int_equal(recording_flush(recording), 0);
    add_overview();
    assert_int_equal(recording_flush(recording), 0);
    for (int i = 0; i < 30; i++)
        tick_by_chance();
    finish(0);
    assert_all_is_there();
}

/* Ticks so short that a block is full long before its second is over. */
static void many_ticks_make_a_block(void **state)
{
    start(CODEC);
    add(ENTITY_TREE, "");
    struct actor *p = add(ENTITY_PROCESS, "sh");
    for (int i = 0; i < 2000; i++) {
        tick_begin(100000);
        put(&actors[0], 1, false);
        if (i % 3 == 0)
            put(p, GROUP(GROUP_CLOCK) | GROUP(GROUP_MEMORY), false);
        else
            leave(p);
        sink.tick_end(sink.user);
    }
    finish(0);
    assert_all_is_there();
    assert_int_equal(assert_blocks(), 2000 / 256 + 1);
}

static void much_staged_makes_a_block(void **state)
{
    const unsigned n = 1000;
    start(CODEC);
    tick_begin(1);
    for (unsigned i = 0; i < n; i++)
        add(ENTITY_PROCESS, "sh");
    sink.tick_end(sink.user);
    uint64_t before = recording_bytes(recording);
    unsigned ticks = 0;
    for (; recording_bytes(recording) == before; ticks++) {
        assert_true(ticks < 30);
        tick_begin(1000);
        for (unsigned i = 0; i < n; i++)
            put(&actors[i], GROUP(PROCESS_GROUPS) - 1, false);
        sink.tick_end(sink.user);
    }
    const uint64_t each = n * PROCESS_METRICS * sizeof(uint64_t); /* of a tick, at least */
    assert_true(ticks > 1 && (ticks - 1) * each <= RECORDING_STAGE_BYTES);
    finish(0);
    assert_all_is_there();
}

static void a_long_journal_makes_a_block(void **state)
{
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    start(NULL);
    add(ENTITY_TREE, "");
    for (int i = 0; i < 30; i++) {
        tick_begin(1000);
        put(&actors[0], 1, false);
        if (i < 12)
            add(ENTITY_PROCESS, text);
        sink.tick_end(sink.user);
        assert_int_equal(recording_bytes(recording) > 0, i >= 5);
    }
    finish(0);
    assert_all_is_there();
}

/* ---- the file ---- */

static void an_existing_file_is_kept_or_replaced(void **state)
{
    struct recording *untouched = recording;
    start(CODEC);
    finish(0);
    struct recording_options options = {.path = path, .interval_ns = INTERVAL, .codec = CODEC};
    assert_int_equal(recording_create(&options, &recording), -EEXIST);
    assert_ptr_equal(recording, untouched);
    options.replace = true;
    assert_int_equal(recording_create(&options, &recording), 0);
    assert_false(recording_unlinked(recording));
    assert_int_equal(recording_bytes(recording), 0);
    finish(0);
    assert_int_equal(recording_close(NULL), 0);
}

static void it_notices_that_its_name_is_gone(void **state)
{
    char moved[128];
    snprintf(moved, sizeof moved, "%s/moved", dir);
    /* The path is borrowed for the call alone. */
    char borrowed[96];
    strcpy(borrowed, path);
    struct recording_options options = {.path = borrowed, .interval_ns = INTERVAL};
    assert_int_equal(recording_create(&options, &recording), 0);
    memset(borrowed, 'x', sizeof borrowed - 1);
    assert_false(recording_unlinked(recording));
    assert_int_equal(rename(path, moved), 0);
    assert_true(recording_unlinked(recording));
    FILE *file = fopen(path, "wx");
    assert_non_null(file);
    fclose(file);
    assert_true(recording_unlinked(recording));
    assert_int_equal(rename(moved, path), 0);
    assert_false(recording_unlinked(recording));
    assert_int_equal(symlink(path, moved), 0);
    assert_int_equal(unlink(path), 0);
    assert_true(recording_unlinked(recording));
    assert_int_equal(unlink(moved), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_read_back_uncompressed),
        TEST(all_is_read_back_compressed),
        TEST(records_are_read_back),
        TEST(it_is_read_while_it_is_written),
        TEST(a_flush_without_ticks_is_no_keyframe),
        TEST(many_ticks_make_a_block),
        TEST(much_staged_makes_a_block),
        TEST(a_long_journal_makes_a_block),
        TEST(an_existing_file_is_kept_or_replaced),
        TEST(it_notices_that_its_name_is_gone),
    };
    return cmocka_run_group_tests_name("recording_sink", tests, NULL, NULL);
}
