/* Walks, series and peaks against what was put in. */
#include "read/opened.h"
#include "test_read_build.h"

#ifdef HAVE_ZSTD
#define CODEC &codec_zstd
#else
#define CODEC NULL
#endif

static void every_value_comes_back(const struct codec *codec)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct made m;
        made_init(&m, codec);
        play(&m, seed, 24, seed % 3 == 0 ? 60 : 12, PROCESS_ACTORS - 1, 1 + (unsigned)seed % 7);
        struct tacho_recording *rec = open_made(&m);
        assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, m.file.len);
        assert_int_equal(tacho_recording_salvage(rec)->undecodable_blocks, 0);
        assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
        tacho_recording_close(rec);
        made_done(&m);
    }
}

static void test_values_plain(void **state)
{
    every_value_comes_back(NULL);
}

static void test_values_compressed(void **state)
{
    every_value_comes_back(CODEC);
}

static void test_windows_and_kinds(void **state)
{
    struct made m;
    made_init(&m, CODEC);
    play(&m, 77, 40, 10, 12, 5);
    struct tacho_recording *rec = open_made(&m);
    uint64_t chances = 3, first = tacho_first_ns(rec), span = tacho_last_ns(rec) - first;
    for (int i = 0; i < 200; i++) {
        uint64_t from = first + below(&chances, span), to = first + below(&chances, span);
        unsigned kinds = (unsigned)chance(&chances) | (i % 2 == 0 ? 1u << TACHO_PROCESS : 0);
        assert_walk(rec, &m, from, to, kinds, m.file.len);
    }
    /* Bounds are inclusive. */
    const struct expected *e = &m.expected[m.expected_count / 2];
    assert_walk(rec, &m, e->time_ns, e->time_ns, ALL_KINDS, m.file.len);
    tacho_recording_close(rec);
    made_done(&m);
}

static void test_walks_are_independent(void **state)
{
    struct made m;
    struct tacho_walk *walk[4];
    size_t at[4] = {0};
    uint64_t chances = 9;
    made_init(&m, NULL);
    play(&m, 5, 6, 10, 8, 3);
    struct tacho_recording *rec = open_made(&m);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, ALL_KINDS, &walk[i]), 0);
    for (size_t steps = 0; steps < m.expected_count * 3; steps++) {
        struct tacho_sample sample;
        size_t w = below(&chances, 4);
        int r = tacho_walk_next(walk[w], &sample);
        assert_int_equal(r, at[w] < m.expected_count);
        if (r == 1)
            assert_sample(&sample, &m.expected[at[w]++]);
    }
    for (int i = 0; i < 4; i++)
        tacho_walk_close(walk[i]);
    tacho_recording_close(rec);
    made_done(&m);
}

static void test_tick_numbers(void **state)
{
    struct made m;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    made_init(&m, NULL);
    play(&m, 21, 8, 10, 6, 4);
    struct tacho_recording *rec = open_made(&m);
    uint64_t last_ns = 0, ticks = 0;
    uint64_t from_ns = m.expected[m.expected_count / 3].time_ns;
    assert_int_equal(tacho_walk_open(rec, from_ns, UINT64_MAX, ALL_KINDS, &walk), 0);
    for (bool first = true; tacho_walk_next(walk, &sample) == 1; first = false) {
        if (sample.time_ns != last_ns && !first)
            ticks++;
        last_ns = sample.time_ns;
        assert_int_equal(sample.tick, ticks);
    }
    assert_true(ticks > 10);
    tacho_walk_close(walk);
    tacho_recording_close(rec);
    made_done(&m);
}

/* One of the two blocks of a second is missing: the other's ticks stand alone. */
static void test_one_stream_alone(void **state)
{
    struct made m;
    struct play p;
    made_init(&m, NULL);
    play_begin(&m, &p, 4);
    for (int second = 0; second < 6; second++) {
        for (int t = 0; t < 5; t++)
            play_tick(&m, &p, 5);
        made_journal(&m);
        if (second != 2)
            made_samples(&m, false, second == 3);
        if (second != 4)
            made_samples(&m, true, second == 0 || second == 5);
        if (second == 2) { /* leaves the stage, as after a failed write */
            struct buffer dropped = {0};
            uint64_t first_ns, last_ns;
            assert_int_equal(stage_encode(m.overview, false, &dropped, &first_ns, &last_ns), 0);
            buffer_done(&dropped);
        }
        if (second == 4) {
            struct buffer dropped = {0};
            uint64_t first_ns, last_ns;
            assert_int_equal(stage_encode(m.processes, false, &dropped, &first_ns, &last_ns), 0);
            buffer_done(&dropped);
        }
        for (size_t i = 0; i < m.expected_count; i++)
            if (m.expected[i].block_end == 0)
                m.expected[i].block_end = SIZE_MAX; /* never written */
    }
    /* Overview before the first keyframe was never said: those blocks do not decode. */
    for (size_t i = 0; i < m.expected_count; i++)
        if (m.expected[i].kind != ENTITY_PROCESS && m.expected[i].block_end <= m.block_end[5])
            m.expected[i].block_end = SIZE_MAX;
    struct tacho_recording *rec = open_made(&m);
    struct tacho_walk *walk;
    struct tacho_sample sample;
    uint64_t last_ns = 0;
    bool process_at_tick = false;
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, ALL_KINDS, &walk), 0);
    while (tacho_walk_next(walk, &sample) == 1) {
        assert_true(sample.time_ns >= last_ns);
        process_at_tick = process_at_tick && sample.time_ns == last_ns;
        assert_false(process_at_tick && sample.kind != TACHO_PROCESS);
        process_at_tick = sample.kind == TACHO_PROCESS;
        last_ns = sample.time_ns;
    }
    tacho_walk_close(walk);
    assert_int_equal(tacho_recording_salvage(rec)->undecodable_blocks, 2);
    assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, m.file.len);
    tacho_recording_close(rec);
    made_done(&m);
}

static bool stays_when_idle(const char *name)
{
    return strstr(name, "rss") == NULL && strstr(name, "ss") == NULL &&
           strstr(name, "swap") == NULL && strstr(name, "tcp") == NULL &&
           strcmp(name, "ppid") != 0 && strcmp(name, "status") != 0 &&
           strcmp(name, "num_fds") != 0 && strstr(name, "switches") == NULL &&
           strstr(name, "package") == NULL && strcmp(name, "num_cores") != 0 &&
           strstr(name, "drm") == NULL && strstr(name, "gpu") == NULL;
}

static void assert_series(struct tacho_recording *rec, const struct made *m, uint32_t entity,
                          unsigned kind, unsigned position, uint64_t from_ns, uint64_t to_ns)
{
    const struct tacho_metric *metric = tacho_metric(rec, kind, position);
    bool carry = stays_when_idle(metric->name);
    struct tacho_series series;
    assert_int_equal(tacho_series_read(rec, entity, position, from_ns, to_ns, &series), 0);
    size_t n = 0;
    for (size_t i = 0; i < m->expected_count; i++) {
        const struct expected *e = &m->expected[i];
        uint64_t good = e->fresh | (e->idle && carry ? e->known : 0);
        if (e->entity != entity || (good >> position & 1) == 0 || e->time_ns < from_ns ||
            e->time_ns > to_ns)
            continue;
        assert_true(n < series.count);
        assert_int_equal(series.time_ns[n], e->time_ns);
        assert_int_equal(series.value[n], e->value[position]);
        n++;
    }
    assert_int_equal(series.count, n);
    tacho_series_done(&series);
}

static void assert_peak(struct tacho_recording *rec, const struct made *m, uint32_t entity,
                        unsigned position)
{
    const struct expected *best = NULL;
    for (size_t i = 0; i < m->expected_count; i++) {
        const struct expected *e = &m->expected[i];
        if (e->entity == entity && (e->fresh >> position & 1) != 0 &&
            (best == NULL || e->value[position] > best->value[position]))
            best = e;
    }
    uint64_t value = 1, time_ns = 2;
    int r = tacho_peak(rec, entity, position, &value, &time_ns);
    assert_int_equal(r, best != NULL ? 0 : -ENODATA);
    assert_int_equal(value, best != NULL ? best->value[position] : 1);
    assert_int_equal(time_ns, best != NULL ? best->time_ns : 2);
}

static void test_series_and_peaks(void **state)
{
    struct made m;
    made_init(&m, CODEC);
    play(&m, 31, 10, 8, 10, 4);
    struct tacho_recording *rec = open_made(&m);
    uint64_t chances = 8;
    assert_true(tacho_entity_count(rec) > 10);
    for (size_t i = 0; i < tacho_entity_count(rec); i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        for (unsigned k = 0; k < 8; k++) {
            unsigned position = (unsigned)below(&chances, tacho_metric_count(rec, e->kind));
            assert_series(rec, &m, e->id, e->kind, position, 0, UINT64_MAX);
            assert_series(rec, &m, e->id, e->kind, position, m.now_ns / 2, m.now_ns - 900000000);
            assert_peak(rec, &m, e->id, position);
        }
    }
    tacho_recording_close(rec);
    made_done(&m);
}

static void test_series_of_nothing(void **state)
{
    struct made m;
    struct tacho_series series;
    uint64_t value, time_ns;
    made_init(&m, NULL);
    made_metrics(&m);
    made_birth(&m, 3, "x");
    made_journal(&m);
    struct tacho_recording *rec = open_made(&m);
    assert_int_equal(tacho_series_read(rec, 4, 0, 0, UINT64_MAX, &series), -ENOENT);
    assert_int_equal(tacho_series_read(rec, 0, 0, 0, UINT64_MAX, &series), -ENOENT);
    assert_int_equal(tacho_series_read(rec, 3, 63, 0, UINT64_MAX, &series), -ENOENT);
    assert_int_equal(tacho_series_read(rec, 3, 1000, 0, UINT64_MAX, &series), -ENOENT);
    assert_int_equal(tacho_series_read(rec, 3, 0, 0, UINT64_MAX, &series), 0);
    assert_int_equal(series.count, 0);
    tacho_series_done(&series);
    assert_int_equal(tacho_peak(rec, 3, 0, &value, &time_ns), -ENODATA);
    assert_int_equal(tacho_peak(rec, 9, 0, &value, &time_ns), -ENOENT);
    tacho_recording_close(rec);
    made_done(&m);
}

/* A metric that the recording does not define is not guessed at. */
static void test_undefined_metrics_are_unknown(void **state)
{
    struct made m;
    struct play p;
    struct tacho_walk *walk;
    struct tacho_sample sample;
    made_init(&m, NULL);
    play_begin(&m, &p, 12);
    buffer_clear(&m.journal);
    record_put(&m.journal, &(struct record){.type = RECORD_METRIC,
                                            .metric = {.kind = ENTITY_PROCESS,
                                                       .position = PROCESS_RSS,
                                                       .group = GROUP_MEMORY,
                                                       .name = span_text("rss")}});
    for (int i = 0; i < 30; i++)
        play_tick(&m, &p, 6);
    made_flush(&m, true);
    for (size_t i = 0; i < m.expected_count; i++) {
        uint64_t defined = m.expected[i].kind == ENTITY_PROCESS ? UINT64_C(1) << PROCESS_RSS : 0;
        m.expected[i].known &= defined;
        m.expected[i].fresh &= defined;
    }
    struct tacho_recording *rec = open_made(&m);
    assert_walk(rec, &m, 0, UINT64_MAX, ALL_KINDS, m.file.len);
    assert_int_equal(tacho_metric_count(rec, TACHO_PROCESS), PROCESS_RSS + 1);
    assert_int_equal(tacho_metric_find(rec, TACHO_PROCESS, "rss"), PROCESS_RSS);
    assert_int_equal(tacho_metric_find(rec, TACHO_PROCESS, ""), -1);
    assert_string_equal(tacho_metric(rec, TACHO_PROCESS, 0)->name, "");
    assert_int_equal(tacho_walk_open(rec, 9, 8, ALL_KINDS, &walk), 0);
    assert_int_equal(tacho_walk_next(walk, &sample), 0);
    tacho_walk_close(walk);
    tacho_recording_close(rec);
    made_done(&m);
}

/* At any bound on memory: the samples before a block that does not fit, none that is wrong, no leak. */
static void test_short_of_memory(void **state)
{
    struct made m;
    size_t refused = 0;
    made_init(&m, CODEC);
    play(&m, 51, 12, 10, 20, 3);
    struct tacho_recording *rec = open_made(&m);
    const uint64_t used = rec->allowance.used;
    for (uint64_t more = 0; more < 170000; more += 339) {
        struct tacho_walk *walk;
        struct tacho_sample sample;
        size_t at = 0, got = 0;
        int r;
        rec->allowance.limit = used + more;
        assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, ALL_KINDS, &walk), 0);
        for (; (r = tacho_walk_next(walk, &sample)) == 1; got++) {
            while (at < m.expected_count && (m.expected[at].time_ns != sample.time_ns ||
                                             m.expected[at].entity != sample.entity))
                at++;
            assert_true(at < m.expected_count);
            assert_sample(&sample, &m.expected[at++]);
        }
        assert_int_equal(r, 0);
        tacho_walk_close(walk);
        assert_true(rec->allowance.used == used);
        refused += got < m.expected_count;
    }
    assert_true(refused > 100 && refused < 580);
    tacho_recording_close(rec);
    made_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_plain),
        cmocka_unit_test(test_values_compressed),
        cmocka_unit_test(test_windows_and_kinds),
        cmocka_unit_test(test_walks_are_independent),
        cmocka_unit_test(test_tick_numbers),
        cmocka_unit_test(test_one_stream_alone),
        cmocka_unit_test(test_series_and_peaks),
        cmocka_unit_test(test_series_of_nothing),
        cmocka_unit_test(test_undefined_metrics_are_unknown),
        cmocka_unit_test(test_short_of_memory),
    };
    return cmocka_run_group_tests_name("read_walk", tests, NULL, NULL);
}
