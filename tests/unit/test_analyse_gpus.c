/* analyse/gpus and the charts of GPUs: recordings whose every figure is known by hand. */
#include "test_analyse_build.h"

#include <math.h>

#include "analyse/charts.h"

#define GIB (1024 * MIB)

static struct told {
    struct story story;
    struct tacho_recording *rec;
    struct summary s;
    struct actor gpu[2];
} t;

static void begin_gpus(const char *first, const char *second)
{
    const char *const names[] = {first, second};
    story_begin(&t.story, "launch");
    for (size_t i = 0; i < 2; i++) {
        struct actor *a = &t.gpu[i];
        *a = (struct actor){.entity = t.story.next_entity++, .kind = ENTITY_GPU};
        a->track = stage_add(t.story.overview, a->entity, ENTITY_GPU);
        record_put(&t.story.journal, &(struct record){.type = RECORD_ENTITY,
                                                      .entity = {.entity = a->entity,
                                                                 .kind = ENTITY_GPU,
                                                                 .time_ns = t.story.now_ns,
                                                                 .name = story_span(names[i])}});
    }
}

static void summarise(void)
{
    story_end(&t.story, 0, 0);
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
    assert_true(fabs(a - b) < 1e-9 * (1 + fabs(b)));
}

static void figures_of_a_gpu(void **state)
{
    begin_gpus("0", "3");
    story_text(&t.story, "gpu_0_name", "Big");
    for (uint64_t i = 1; i <= 11; i++) { /* ten stretches of 100 ms */
        story_tick(&t.story);
        if (i == 6)
            continue; /* not read: the next speaks of 200 ms */
        actor_set(&t.gpu[0], GPU_UTILIZATION, i == 7 ? 600 : i > 8 ? 300 : 0);
        actor_set(&t.gpu[0], GPU_MEMORY_USED, i * GIB);
        actor_set(&t.gpu[0], GPU_MEMORY_TOTAL, 80 * GIB);
        actor_set(&t.gpu[0], GPU_TARGET_MEMORY, i == 3 ? 2 * GIB : GIB);
        actor_set(&t.gpu[0], GPU_ENERGY, 7000000 + 1000 * i);
        actor_set(&t.gpu[0], GPU_POWER, i == 4 ? 333000 : 10000);
        actor_set(&t.gpu[0], GPU_THROTTLE, i == 2 ? 4 | 1 : i == 9 ? 0x40 : i == 10 ? 3 : 0);
        actor_set(&t.gpu[0], GPU_ECC_UNCORRECTED, i < 5 ? 2 : 5);
        story_put(&t.story, &t.gpu[0]);
    }
    summarise();
    assert_int_equal(t.s.gpus.count, 2);
    const struct gpu_row *gpu = &t.s.gpus.row[0];
    assert_string_equal(gpu->number, "0");
    assert_string_equal(gpu->name, "Big");
    assert_string_equal(gpu->label, "GPU 0");
    near(gpu->utilization, (2 * 0.6 + 3 * 0.3) / 10);
    near(gpu->peak_utilization, 0.6);
    assert_int_equal(gpu->peak_memory_bytes, 11 * GIB);
    assert_int_equal(gpu->memory_bytes, 80 * GIB);
    assert_int_equal(gpu->peak_target_bytes, 2 * GIB);
    assert_int_equal(gpu->energy_uj, 10000);
    assert_int_equal(gpu->peak_power_mw, 333000);
    assert_int_equal(gpu->throttled_ns, 200 * MS);
    assert_string_equal(gpu_throttle_word(gpu->throttle_reasons, 0), "power");
    assert_string_equal(gpu_throttle_word(gpu->throttle_reasons, 1), "heat");
    assert_null(gpu_throttle_word(gpu->throttle_reasons, 2));
    assert_int_equal(gpu->ecc_uncorrected, 3);
    assert_true(gpu->peak_temperature_c == GPU_UNKNOWN);
    assert_true(gpu->peak_unmapped_bytes == GPU_UNKNOWN);
}

static void what_was_never_read_is_unknown(void **state)
{
    begin_gpus("0", "3");
    story_tick(&t.story);
    actor_set(&t.gpu[0], GPU_UTILIZATION, 500);
    story_put(&t.story, &t.gpu[0]);
    summarise();
    near(t.s.gpus.row[0].utilization, 0.5); /* one reading alone */
    const struct gpu_row *gpu = &t.s.gpus.row[1];
    assert_string_equal(gpu->label, "GPU 3");
    assert_null(gpu->name);
    assert_true(isnan(gpu->utilization) && isnan(gpu->peak_utilization));
    assert_true(gpu->energy_uj == GPU_UNKNOWN && gpu->throttled_ns == GPU_UNKNOWN);
    assert_true(gpu->memory_bytes == GPU_UNKNOWN && gpu->ecc_uncorrected == GPU_UNKNOWN);
}

static void a_counter_that_begins_anew_is_no_growth(void **state)
{
    static const uint64_t energy[] = {5000, 6000, 100, 5500};
    begin_gpus("0", "1");
    for (size_t i = 0; i < 4; i++) {
        story_tick(&t.story);
        actor_set(&t.gpu[1], GPU_ENERGY, energy[i]);
        story_put(&t.story, &t.gpu[1]);
    }
    summarise();
    assert_int_equal(t.s.gpus.row[1].energy_uj, 500);
}

static const struct chart_line *line_of(const struct charts *charts, const char *key,
                                        const char *name)
{
    const struct chart *chart = charts_find(charts, key);
    assert_non_null(chart);
    for (size_t i = 0; i < chart->lines; i++)
        if (strcmp(chart->line[i].name, name) == 0)
            return &chart->line[i];
    fail_msg("%s has no line %s", key, name);
    return NULL;
}

static void lines_hold_until_the_next_reading(void **state)
{
    struct charts charts;
    begin_gpus("0", "1");
    for (uint64_t i = 1; i <= 10; i++) {
        story_tick(&t.story);
        if (i == 4 || i == 5)
            continue;
        for (size_t g = 0; g < 2; g++) {
            actor_set(&t.gpu[g], GPU_UTILIZATION, 100 * i);
            actor_set(&t.gpu[g], GPU_TARGET_MEMORY, (g + 1) * GIB);
            if (i == 8) /* the reading says that it is missing */
                t.gpu[g].known &= ~(UINT64_C(1) << GPU_UTILIZATION);
            if (i == 8)
                actor_set(&t.gpu[g], GPU_TEMPERATURE, 50);
            story_put(&t.story, &t.gpu[g]);
        }
    }
    summarise();
    assert_int_equal(charts_make(&t.s, 1000, 0, &charts), 0);
    assert_int_equal(charts.buckets, 10);
    const struct chart_line *busy = line_of(&charts, "gpu", "GPU 1");
    near(busy->mean[3], 0.3); /* from the third tick on */
    near(busy->mean[5], 0.3);
    near(busy->mean[6], 0.6);
    assert_true(isnan(busy->mean[8]));
    near(busy->mean[9], 0.9);
    near(line_of(&charts, "gpu-memory", "recorded processes")->mean[5], (double)(3 * GIB));
    charts_done(&charts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(figures_of_a_gpu, end),
        cmocka_unit_test_teardown(what_was_never_read_is_unknown, end),
        cmocka_unit_test_teardown(a_counter_that_begins_anew_is_no_growth, end),
        cmocka_unit_test_teardown(lines_hold_until_the_next_reading, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
