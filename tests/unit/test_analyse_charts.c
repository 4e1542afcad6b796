/* analyse/charts: lines over time whose every value is known by hand. */
#include "test_analyse_build.h"

#include <math.h>

#include "analyse/charts.h"
#include "format/marks.h"

static struct told {
    struct story story;
    struct tacho_recording *rec;
    struct summary s;
    struct charts charts;
} t;

static void draw(size_t buckets_max, size_t top)
{
    if (t.rec == NULL) {
        t.rec = story_open(&t.story);
        assert_int_equal(summary_make(t.rec, &t.s), 0);
    }
    charts_done(&t.charts);
    assert_int_equal(charts_make(&t.s, buckets_max, top, &t.charts), 0);
}

static int end(void **state)
{
    charts_done(&t.charts);
    if (t.rec != NULL)
        summary_done(&t.s);
    tacho_recording_close(t.rec);
    story_done(&t.story);
    memset(&t, 0, sizeof t);
    return 0;
}

static const struct chart_line *line_of(const char *key, const char *name)
{
    const struct chart *chart = charts_find(&t.charts, key);
    if (chart == NULL)
        fail_msg("no chart %s", key);
    for (size_t i = 0; i < chart->lines; i++)
        if (strcmp(chart->line[i].name, name) == 0)
            return &chart->line[i];
    fail_msg("no line %s in %s", name, key);
    return NULL;
}

#define X NAN

static void expect(const double *is, const double *should, size_t n)
{
    assert_int_equal(t.charts.buckets, n);
    for (size_t i = 0; i < n; i++)
        if (isnan(should[i]) ? !isnan(is[i])
                             : !(fabs(is[i] - should[i]) < 1e-6 * (1 + fabs(should[i]))))
            fail_msg("bucket %zu is %g, not %g", i, is[i], should[i]);
}

#define EXPECT(is, ...)                                            \
    do {                                                           \
        const double should_[] = {__VA_ARGS__};                    \
        expect((is), should_, sizeof should_ / sizeof should_[0]); \
    } while (0)

/* What a rate comes to over the whole time. */
static double amount_of(const struct chart_line *line)
{
    double amount = 0;
    for (size_t b = 0; b < t.charts.buckets; b++)
        amount += isnan(line->mean[b]) ? 0 : line->mean[b];
    return amount * (double)t.charts.bucket_ns / 1e9;
}

#define NEW_ROOT (BIRTH_ROOT | BIRTH_FORKED)

/*
 * make runs cc for ten ticks of 100 ms and something that is never seen: 5 and 90 ms of CPU a tick,
 * then 230 ms that nobody owns, which is more than two processors have in a tick.
 */
static void tell_of_make(void)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *make = story_birth(s, 10, NULL, NEW_ROOT, "make");
    struct actor *cc = story_birth(s, 11, make, BIRTH_FORKED, "cc");
    for (uint64_t i = 1; i <= 10; i++) {
        story_tick(s);
        actor_cpu(make, 5 * i, 0);
        actor_set(make, PROCESS_RSS, 2 * MIB);
        actor_set(make, PROCESS_READ_CHARS, 100 * i);
        actor_set(make, PROCESS_READ_BYTES, 0);
        actor_set(make, PROCESS_MINOR_FAULTS, 7 * i);
        actor_cpu(cc, 90 * i, 0);
        actor_set(cc, PROCESS_RSS, i == 5 ? 90 * MIB : 10 * MIB);
        actor_set(cc, PROCESS_READ_CHARS, 1000 * i);
        actor_set(cc, PROCESS_MINOR_FAULTS, i < 4 ? 0 : 30);
        story_put(s, make);
        story_put(s, cc);
        actor_set(&s->tree, TREE_RSS, (i == 5 ? 92 : 12) * MIB);
        actor_set(&s->tree, TREE_TCP_ESTABLISHED, i % 3);
        story_reaped(s, 0, 0);
        story_put(s, &s->tree);
    }
    story_tick(s);
    story_exit(s, cc, &(struct record_exit){.flags = EXIT_STATUS});
    actor_cpu(make, 50, 1130);
    actor_set(make, PROCESS_READ_CHARS, 1000 + 10500 + 300); /* cc's, and 300 by the unseen */
    story_put(s, make);
    story_tick(s);
    story_reaped(s, 1100, 80);
    story_put(s, &s->tree);
    story_exit(s, make, &(struct record_exit){.flags = EXIT_STATUS});
    story_end(s, 1100, 80);
}

static void counts_cpu_once(void **state)
{
    tell_of_make();
    draw(1000, 4);
    assert_int_equal(t.charts.bucket_ns, 100 * MS);
    assert_int_equal(t.charts.from_ns, STORY_START_NS);
    const struct chart_line *all = line_of("cpu", "all processes");
    EXPECT(all->mean, .95, .95, .95, .95, .95, .95, .95, .95, .95, 1.25, 2, 0);
    EXPECT(all->max, .95, .95, .95, .95, .95, .95, .95, .95, .95, 1.25, 2, 0);
    assert_int_equal(t.s.cpu.total_ns, 1180 * MS);
    assert_true(fabs(amount_of(all) - 1.18) < 1e-9);
    const struct chart_line *cc = line_of("cpu", "cc");
    EXPECT(cc->mean, .9, .9, .9, .9, .9, .9, .9, .9, .9, .9, 0, X);
    assert_int_equal(cc->role, CHART_PART);
    assert_int_equal(cc->entity, tacho_process(t.rec, 1)->entity);
    EXPECT(line_of("cpu", "make")->mean, .05, .05, .05, .05, .05, .05, .05, .05, .05, .05, 0, 0);
    EXPECT(line_of("cpu", "others")->mean, 0, 0, 0, 0, 0, 0, 0, 0, 0, .3, 2, 0);
    assert_int_equal(charts_find(&t.charts, "cpu")->lines, 4);
}

static void shows_memory_as_it_was_seen(void **state)
{
    tell_of_make();
    draw(1000, 4);
    const double m = MIB;
    EXPECT(line_of("memory", "all processes")->mean, X, 12 * m, 12 * m, 12 * m, 12 * m, 92 * m,
           12 * m, 12 * m, 12 * m, 12 * m, 12 * m, 2 * m);
    /* At the tick that it was not there any more it has none. */
    EXPECT(line_of("memory", "cc")->mean, X, 10 * m, 10 * m, 10 * m, 10 * m, 90 * m, 10 * m, 10 * m,
           10 * m, 10 * m, 10 * m, X);
    EXPECT(line_of("memory", "make")->mean, X, 2 * m, 2 * m, 2 * m, 2 * m, 2 * m, 2 * m, 2 * m,
           2 * m, 2 * m, 2 * m, 2 * m);
    EXPECT(line_of("memory", "others")->mean, X, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

/* Of 300 ms each: the mean is by time, the peak of one tick is kept. */
static void keeps_peaks_in_wide_buckets(void **state)
{
    tell_of_make();
    draw(4, 0);
    assert_int_equal(t.charts.bucket_ns, 300 * MS);
    const struct chart_line *cpu = line_of("cpu", "all processes");
    EXPECT(cpu->mean, .95, .95, .95, 3.25 / 3);
    EXPECT(cpu->min, .95, .95, .95, 0);
    EXPECT(cpu->max, .95, .95, .95, 2);
    assert_int_equal(charts_find(&t.charts, "cpu")->lines, 1);
    const double m = MIB;
    const struct chart_line *rss = line_of("memory", "all processes");
    EXPECT(rss->mean, 12 * m, 116 * m / 3, 12 * m, 26 * m / 3);
    EXPECT(rss->min, 12 * m, 12 * m, 12 * m, 2 * m);
    EXPECT(rss->max, 12 * m, 92 * m, 12 * m, 12 * m);
}

static void tells_0_from_unknown(void **state)
{
    tell_of_make();
    draw(1000, 4);
    const struct chart *storage = charts_find(&t.charts, "storage");
    assert_non_null(storage);
    assert_true(storage->zero && storage->lines == 1);
    EXPECT(storage->line[0].mean, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_null(charts_find(&t.charts, "virtual"));
    assert_null(charts_find(&t.charts, "machine-cpu"));
    assert_int_equal(charts_find(&t.charts, "tcp")->lines, 1);
    EXPECT(line_of("tcp", "established")->mean, X, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 1);
}

static void counts_what_children_hand_on_once(void **state)
{
    tell_of_make();
    draw(1000, 4);
    assert_int_equal(t.s.io[SUMMARY_READ_CHARS], 11800);
    assert_true(fabs(amount_of(line_of("calls", "read")) - 11800) < 1e-6);
    /* Of make's last two ticks lineage cannot tell until cc's end whether they are of cc. */
    EXPECT(line_of("calls", "read")->mean, 11000, 11000, 11000, 11000, 11000, 11000, 11000, 11000,
           10000, 10000, 10000, 0);
    /* make's 7 a tick; cc's 30 at once. */
    EXPECT(line_of("faults", "minor")->mean, 70, 70, 70, 370, 70, 70, 70, 70, 70, 70, 0, 0);
}

/* No one process says much of a build: its programs do. */
static void shows_programs_of_many_processes(void **state)
{
    struct story *s = &t.story;
    struct actor *a[6];
    story_begin(s, "launch");
    for (unsigned i = 0; i < 6; i++)
        a[i] = story_birth(s, 20 + i, NULL, NEW_ROOT, i % 2 == 0 ? "cc1" : "ld");
    for (uint64_t n = 1; n <= 2; n++) {
        story_tick(s);
        for (unsigned i = 0; i < 6; i++) {
            actor_cpu(a[i], i % 2 == 0 ? 20 * n : 10 * n, 0);
            actor_set(a[i], PROCESS_RSS, MIB);
            story_put(s, a[i]);
        }
    }
    draw(1000, 1);
    const struct chart_line *cc1 = line_of("cpu", "cc1");
    EXPECT(cc1->mean, .6, .6);
    assert_int_equal(cc1->entity, 0);
    assert_int_equal(cc1->processes, 3);
    EXPECT(line_of("cpu", "others")->mean, .3, .3);
    EXPECT(line_of("memory", "cc1")->mean, X, 3.0 * MIB);
    draw(1000, 3);
    assert_int_equal(line_of("cpu", "cc1")->processes, 1);
}

static void shows_the_machine(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "machine");
    for (uint64_t i = 1; i <= 4; i++) {
        story_tick(s);
        actor_set(&s->machine, MACHINE_USER, 1000 * MS + i * 100 * MS);
        actor_set(&s->machine, MACHINE_SYSTEM, i * 50 * MS);
        actor_set(&s->machine, MACHINE_MEMORY_TOTAL, 1000);
        actor_set(&s->machine, MACHINE_MEMORY_AVAILABLE, 1000 - 100 * i);
        actor_set(&s->machine, MACHINE_LOAD1, 1500);
        actor_set(&s->machine, MACHINE_PRESSURE_IO_SOME, 25 * MS * i);
        story_put(s, &s->machine);
    }
    draw(1000, 4);
    EXPECT(line_of("cpu", "machine")->mean, X, 1.5, 1.5, 1.5);
    assert_int_equal(line_of("cpu", "machine")->role, CHART_MACHINE);
    EXPECT(line_of("machine-cpu", "system")->mean, X, .5, .5, .5);
    /* The sample at the very end is of the last bucket, which has one of its own as well. */
    EXPECT(line_of("machine-memory", "used")->mean, X, 100, 200, 400);
    EXPECT(line_of("machine-memory", "used")->min, X, 100, 200, 300);
    EXPECT(line_of("load", "load, 1 minute")->mean, X, 1.5, 1.5, 1.5);
    EXPECT(line_of("pressure", "some waited for I/O")->mean, X, .25, .25, .25);
    assert_null(charts_find(&t.charts, "memory"));
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void put_site(struct story *s, uint64_t site, const char *name, const char *category)
{
    record_put(&s->journal, &(struct record){.type = RECORD_SITE,
                                             .site = {.site = site,
                                                      .name = story_span(name),
                                                      .category = story_span(category)}});
}

static void put_thread(struct story *s, uint64_t thread, const struct actor *of)
{
    record_put(&s->journal, &(struct record){.type = RECORD_THREAD,
                                             .thread = {.thread = thread,
                                                        .entity = of->entity,
                                                        .tid = of->pid,
                                                        .time_ns = STORY_START_NS}});
}

#define SET(ms, of, v)                                                           \
    {                                                                            \
        .time_ns = STORY_START_NS + (ms)*MS, .site = (of), .kind = MARK_COUNTER, \
        .value = bits_of(v)                                                      \
    }

/* Two threads of a process set it by turns, another process has a value of its own. */
static void shows_counters_of_the_code(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *solve = story_birth(s, 10, NULL, NEW_ROOT, "solve");
    struct actor *other = story_birth(s, 11, solve, BIRTH_FORKED, "other");
    put_site(s, 1, "residual", "Maths");
    put_site(s, 2, "alone", "");
    put_thread(s, 1, solve);
    put_thread(s, 2, solve);
    put_thread(s, 3, other);
    for (uint64_t i = 1; i <= 4; i++) {
        story_tick(s);
        actor_cpu(solve, 10 * i, 0);
        story_put(s, solve);
    }
    story_flush(s);
    struct marks_encoder *encoder = marks_encoder_new();
    struct buffer payload = {0};
    const struct mark first[] = {SET(0, 1, 8.0), SET(250, 1, 2.0)};
    const struct mark second[] = {SET(150, 1, -4.0), SET(350, 1, (double)NAN), SET(360, 2, 5.0)};
    const struct mark third[] = {SET(200, 1, 100.0)};
    marks_put(encoder, &payload, 1, 0, first, 2);
    marks_put(encoder, &payload, 2, 0, second, 3);
    marks_put(encoder, &payload, 3, 0, third, 1);
    story_block(s, BLOCK_MARKS, 0, STORY_START_NS, s->now_ns, payload.data, payload.len);
    marks_encoder_free(encoder);
    buffer_done(&payload);
    draw(1000, 4);
    const struct chart *chart = charts_find(&t.charts, "counter:residual");
    assert_non_null(chart);
    assert_string_equal(chart->title, "residual");
    assert_string_equal(chart->category, "Maths");
    EXPECT(line_of("counter:residual", "solve")->mean, 8, 2, -1, 2);
    EXPECT(line_of("counter:residual", "solve")->min, 8, -4, -4, 2);
    EXPECT(line_of("counter:residual", "solve")->max, 8, 8, 2, 2);
    EXPECT(line_of("counter:residual", "other")->mean, X, X, 100, 100);
    EXPECT(line_of("counter:alone", "alone")->mean, X, X, X, 5);
    draw(1000, 1);
    EXPECT(line_of("counter:residual", "others")->mean, X, X, 100, 100);
    assert_int_equal(line_of("counter:residual", "others")->role, CHART_REST);
}

/* The last bucket ends with the recording, and rates in it are over what there is of it. */
static void ends_the_last_bucket_in_time(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *a = story_birth(s, 10, NULL, NEW_ROOT, "a");
    struct actor *b = story_birth(s, 11, a, BIRTH_FORKED, "b");
    story_tick(s);
    s->interval_ns = 50 * MS;
    for (uint64_t i = 1; i <= 2; i++) {
        actor_cpu(a, 30 * i, 0);
        actor_cpu(b, 20 * i, 0);
        story_put(s, a);
        story_put(s, b);
        if (i == 1)
            story_tick(s);
    }
    story_end(s, 0, 0);
    draw(1000, 4);
    assert_int_equal(t.charts.to_ns - t.charts.from_ns, 150 * MS);
    EXPECT(line_of("cpu", "a")->mean, .3, .6);
    EXPECT(line_of("cpu", "b")->mean, .2, .4);
    EXPECT(line_of("cpu", "all processes")->mean, .5, 1);
}

/* A recorder that stood still does not know what the memory was meanwhile. */
static void leaves_gaps(void **state)
{
    struct story *s = &t.story;
    story_begin(s, "launch");
    struct actor *a = story_birth(s, 10, NULL, NEW_ROOT, "a");
    for (uint64_t i = 1; i <= 2; i++) {
        story_tick(s);
        s->now_ns += i == 2 ? 2700 * MS : 0;
        if (i == 2) {
            story_flush(s);
            assert_int_equal(stage_tick(s->processes, s->now_ns), 0);
            assert_int_equal(stage_tick(s->overview, s->now_ns), 0);
        }
        actor_cpu(a, 29 * i, 0);
        actor_set(a, PROCESS_RSS, MIB);
        story_put(s, a);
        actor_set(&s->tree, TREE_RSS, MIB);
        story_put(s, &s->tree);
    }
    draw(29, 4);
    const struct chart_line *rss = line_of("memory", "all processes");
    assert_true(rss->mean[1] == (double)MIB && isnan(rss->mean[3]) && isnan(rss->mean[27]));
    /* CPU is a counter: what was used in between is known, when in between is not. */
    assert_true(fabs(line_of("cpu", "all processes")->mean[3] - 0.01) < 1e-3);
    assert_true(fabs(amount_of(line_of("cpu", "all processes")) - 0.058) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(counts_cpu_once, end),
        cmocka_unit_test_teardown(shows_memory_as_it_was_seen, end),
        cmocka_unit_test_teardown(keeps_peaks_in_wide_buckets, end),
        cmocka_unit_test_teardown(tells_0_from_unknown, end),
        cmocka_unit_test_teardown(counts_what_children_hand_on_once, end),
        cmocka_unit_test_teardown(shows_programs_of_many_processes, end),
        cmocka_unit_test_teardown(shows_the_machine, end),
        cmocka_unit_test_teardown(shows_counters_of_the_code, end),
        cmocka_unit_test_teardown(ends_the_last_bucket_in_time, end),
        cmocka_unit_test_teardown(leaves_gaps, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
