/* Energy in the report: the example of docs/ENERGY.md, for people and for programs. */
#include <fcntl.h>
#include <math.h>

#include "analyse/summary.h"
#include "base/text.h"
#include "report/summary_json.h"
#include "report/summary_text.h"
#include "test_marks_build.h"
#include "test_says.h"

#define J UINT64_C(1000000) /* in uJ */

struct domain {
    const char *name;
    uint64_t first_uj, last_uj;
};

static const struct domain domains[] = {{"package-0", 10 * J, 14 * J},
                                        {"package-0/core", 2 * J, 5 * J},
                                        {"package-0/dram", 7 * J, 7800000},
                                        {"psys", 0, 9 * J}};

/* Two ticks 100 ms apart: `n` of the domains, and the machine busy for 160 ms if that is asked for. */
static void put_energy_samples(struct scene *scene, size_t n, bool busy)
{
    struct made *m = &scene->m;
    struct track *machine = stage_add(m->overview, 50, ENTITY_MACHINE), *track[8];
    made_entity(m, 50, ENTITY_MACHINE, "");
    for (uint32_t i = 0; i < n; i++) {
        made_entity(m, 60 + i, ENTITY_ENERGY, domains[i].name);
        track[i] = stage_add(m->overview, 60 + i, ENTITY_ENERGY);
    }
    for (uint64_t tick = 0; tick < 2; tick++) {
        uint64_t value[METRICS_MAX] = {
            [MACHINE_USER] = tick * 150 * MS, [MACHINE_SYSTEM] = tick * 10 * MS};
        uint64_t known = UINT64_C(1) << MACHINE_USER | UINT64_C(1) << MACHINE_SYSTEM;
        made_tick(m, scene->base_ns + (tick + 2) * 100 * MS);
        if (busy)
            assert_int_equal(
                stage_put(m->overview, machine, 1u << MACHINE_GROUP_CPU, false, value, known), 0);
        for (size_t i = 0; i < n; i++) {
            value[0] = tick == 0 ? domains[i].first_uj : domains[i].last_uj;
            assert_int_equal(stage_put(m->overview, track[i], 1, false, value, 1), 0);
        }
    }
    made_flush(m, true);
}

/* Both renderings, one after the other, terminated. */
static struct buffer render(struct scene *scene, double carbon, struct energy_use *ret)
{
    struct buffer out = {0};
    struct summary summary;
    struct scopes scopes;
    struct tacho_recording *rec = scene_end(scene);
    struct page page = page_of(&out, 120, true, false);
    assert_int_equal(summary_make(rec, &summary), 0);
    assert_int_equal(summary_make_scopes(&summary, &scopes), 0);
    summary.energy.carbon_g_per_kwh = carbon;
    summary_put_text(&page, &summary, &scopes);
    summary_put_json(&out, &summary, &scopes);
    *ret = summary.energy;
    scopes_done(&scopes);
    summary_done(&summary);
    tacho_recording_close(rec);
    assert_false(out.failed);
    buffer_put_byte(&out, 0);
    return out;
}

static void the_example(void **state)
{
    struct scene scene;
    struct energy_use energy;
    scene_overlap(&scene);
    put_energy_samples(&scene, 4, true);
    struct buffer out = render(&scene, 400, &energy);
    assert_int_equal(energy.total_uj, 4800000);
    assert_int_equal(energy.span_ns, 100 * MS);
    assert_true(fabs(energy.joules_per_cpu_s - 30) < 1e-9);
    assert_says(&out, "4.80 J");
    assert_says(&out, "48.0 W on average");
    assert_says(&out, "~3.60 J of it the job's, by its share of the CPU time in use");
    assert_says(&out, "0.53 mg of CO2, ~0.40 mg of it the job's");
    assert_says(&out, "~2.16 J  Core      step");
    assert_says(&out, "~360 mJ  Net       send");
    assert_says(&out, "~1.80 J  Core\n");
    assert_says(&out, "~1.44 J  Others\n");
    assert_says(&out, "\"total_j\": 4.800000,");
    assert_says(&out, "\"joules_per_cpu_s\": 30.000000,");
    assert_says(&out, "\"job_j\": 3.600000,");
    assert_says(&out, "\"name\": \"psys\",\n        \"joules\": 9.000000\n");
    assert_says(&out, "\"g_per_kwh\": 400.000000,");
    assert_says(&out, "\"energy_j\": 2.160000");
    assert_says(&out, "\"energy_j\": 1.440000");
    buffer_done(&out);
}

/* What the machine did is not known: then nobody's part is either. */
static void without_the_machine(void **state)
{
    struct scene scene;
    struct energy_use energy;
    scene_overlap(&scene);
    put_energy_samples(&scene, 1, false);
    struct buffer out = render(&scene, NAN, &energy);
    assert_int_equal(energy.total_uj, 4000000);
    assert_true(isnan(energy.joules_per_cpu_s));
    assert_says(&out, "4.00 J");
    assert_silent(&out, "of it the job's");
    assert_silent(&out, "CO2");
    assert_says(&out, "\"job_j\": null,");
    assert_says(&out, "\"carbon\": null");
    assert_says(&out, "\"energy_j\": null");
    buffer_done(&out);
}

static void none(void **state)
{
    struct scene scene;
    struct energy_use energy;
    scene_overlap(&scene);
    put_energy_samples(&scene, 0, true);
    struct buffer out = render(&scene, 400, &energy);
    assert_silent(&out, "Energy");
    assert_says(&out, "\"energy\": null,");
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example),
        cmocka_unit_test(without_the_machine),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests_name("report_energy", tests, NULL, NULL);
}
