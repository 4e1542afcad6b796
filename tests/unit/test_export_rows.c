/* export/rows: which values a row shows, which fields there are, CPU time as a rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "export/rows.h"

#define BIT(metric) (UINT64_C(1) << (metric))
#define START (10 * NS_PER_S)

static struct buffer out;
static struct rows *rows;
static uint64_t value[PROCESS_METRICS];

static int clean_up(void **state)
{
    rows_free(rows);
    rows = NULL;
    buffer_clear(&out);
    return 0;
}

static int clean_all(void **state)
{
    buffer_done(&out);
    return 0;
}

static void begin(const char *fields, bool fill)
{
    struct tacho_error error;
    int r = rows_new(
        &(struct rows_options){
            .format = &export_csv, .fields = fields, .start_ns = START, .fill = fill},
        NULL, &rows, &error);
    assert_int_equal(r, 0);
}

/* A sample of process 100 that many milliseconds after the start; the row it made, without CR LF.
 */
static const char *put(uint64_t ms, bool idle, uint64_t known, uint64_t fresh)
{
    buffer_clear(&out);
    rows_put(rows, &out,
             &(struct row_sample){.time_ns = START + ms * NS_PER_MS,
                                  .entity = 7,
                                  .pid = 100,
                                  .comm = "sh",
                                  .idle = idle,
                                  .known = known,
                                  .fresh = fresh,
                                  .value = value});
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    char *end = strstr((char *)out.data, "\r\n");
    if (end != NULL)
        *end = '\0';
    return (const char *)out.data;
}

static void shows_what_was_sampled(void **state)
{
    begin("time,pid,entity,comm,rss,num_threads,status", false);
    rows_begin(rows, &out);
    buffer_put_byte(&out, 0);
    assert_string_equal((const char *)out.data, "time,pid,entity,comm,rss,num_threads,status\r\n");
    uint64_t all = BIT(PROCESS_RSS) | BIT(PROCESS_THREADS) | BIT(PROCESS_STATE);
    value[PROCESS_RSS] = 4096;
    value[PROCESS_THREADS] = 2;
    value[PROCESS_STATE] = 'R';
    assert_string_equal(put(100, false, all, all), "0.100000,100,7,sh,4096,2,R");
    /* It ran, and only memory was looked at: the rest may have changed. */
    assert_string_equal(put(200, false, all, BIT(PROCESS_RSS)), "0.200000,100,7,sh,4096,,");
    /* Known to nobody. */
    assert_string_equal(put(300, false, BIT(PROCESS_RSS), all), "0.300000,100,7,sh,4096,,");
    assert_int_equal(rows_count(rows), 3);
}

static void an_idle_process_keeps_what_held(void **state)
{
    begin("cpu,rss,num_threads,ppid", false);
    uint64_t all =
        BIT(PROCESS_CPU) | BIT(PROCESS_RSS) | BIT(PROCESS_THREADS) | BIT(PROCESS_PARENT_PID);
    value[PROCESS_CPU] = NS_PER_S;
    value[PROCESS_RSS] = 4096;
    value[PROCESS_THREADS] = 2;
    value[PROCESS_PARENT_PID] = 1;
    assert_string_equal(put(0, false, all, all), "1.000000,4096,2,1");
    /* The kernel may take its pages and its parent may die while it sleeps. */
    assert_string_equal(put(100, true, all, BIT(PROCESS_CPU)), "1.000000,,2,");
    assert_string_equal(put(200, true, all, BIT(PROCESS_CPU)), "1.000000,,2,");
    /* It ran and was not asked for its threads; that it slept later does not make the old count
     * true. */
    assert_string_equal(put(300, false, all, BIT(PROCESS_CPU)), "1.000000,,,");
    assert_string_equal(put(400, true, all, BIT(PROCESS_CPU)), "1.000000,,,");
    assert_string_equal(put(500, true, all, BIT(PROCESS_CPU) | BIT(PROCESS_RSS)),
                        "1.000000,4096,,");
}

static void fills_when_asked(void **state)
{
    begin("cpu,rss,num_threads,cpu_percent", true);
    uint64_t all = BIT(PROCESS_CPU) | BIT(PROCESS_RSS) | BIT(PROCESS_THREADS);
    value[PROCESS_CPU] = NS_PER_S;
    value[PROCESS_RSS] = 4096;
    value[PROCESS_THREADS] = 2;
    assert_string_equal(put(0, false, BIT(PROCESS_CPU), BIT(PROCESS_CPU)), "1.000000,,,");
    assert_string_equal(put(100, false, all, all), "1.000000,4096,2,0.00");
    /* A rate is not carried, nor made of a value that is. */
    assert_string_equal(put(200, false, all, 0), "1.000000,4096,2,");
}

static void makes_no_row_of_nothing(void **state)
{
    begin("time,rss", false);
    assert_string_equal(put(0, false, BIT(PROCESS_RSS), 0), "");
    assert_string_equal(put(100, false, 0, BIT(PROCESS_RSS)), "");
    assert_string_equal(put(200, true, BIT(PROCESS_CPU), BIT(PROCESS_CPU)), "0.200000,");
    assert_int_equal(rows_count(rows), 1);
}

static void makes_rates_of_cpu_time(void **state)
{
    uint64_t cpu = BIT(PROCESS_CPU);
    begin("cpu_percent", false);
    value[PROCESS_CPU] = 0;
    assert_string_equal(put(0, false, cpu, cpu), "\"\"");
    value[PROCESS_CPU] = 50 * NS_PER_MS;
    assert_string_equal(put(100, false, cpu, cpu), "50.00");
    value[PROCESS_CPU] += 400 * NS_PER_MS;
    assert_string_equal(put(200, false, cpu, cpu), "400.00");
    assert_string_equal(put(300, true, cpu, cpu), "0.00");
    value[PROCESS_CPU] += 1;
    assert_string_equal(put(400, true, cpu, cpu), "0.00");
    /* Not known at this tick: the next rate is since the last known. */
    value[PROCESS_CPU] += 100 * NS_PER_MS;
    assert_string_equal(put(500, false, cpu | BIT(PROCESS_RSS), BIT(PROCESS_RSS)), "\"\"");
    assert_string_equal(put(600, false, cpu, cpu), "50.00");
    value[PROCESS_CPU] = 0;
    assert_string_equal(put(700, false, cpu, cpu), "\"\"");
    value[PROCESS_CPU] = 30 * NS_PER_MS;
    assert_string_equal(put(800, false, cpu, cpu), "30.00");
    rows_forget(rows, 7);
    assert_string_equal(put(900, false, cpu, cpu), "\"\"");
}

static void rates_hold_out_absurd_counters(void **state)
{
    uint64_t cpu = BIT(PROCESS_CPU);
    begin("cpu_percent", false);
    value[PROCESS_CPU] = 0;
    put(0, false, cpu, cpu);
    value[PROCESS_CPU] = 1000000 * NS_PER_S;
    assert_string_equal(put(1000, false, cpu, cpu), "100000000.00");
    put(2000, false, cpu, cpu);
    value[PROCESS_CPU] = UINT64_MAX;
    put(2001, false, cpu, cpu);
}

static void tells_processes_apart(void **state)
{
    uint64_t cpu = BIT(PROCESS_CPU);
    begin("pid,cpu_percent", false);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t entity = 1; entity <= 1000; entity++) {
            value[PROCESS_CPU] = round * entity * NS_PER_MS / 10;
            buffer_clear(&out);
            rows_put(rows, &out,
                     &(struct row_sample){.time_ns = START + round * 100 * NS_PER_MS,
                                          .entity = entity,
                                          .pid = 5,
                                          .known = cpu,
                                          .fresh = cpu,
                                          .value = value});
            buffer_put_byte(&out, 0);
            char expected[32];
            if (round == 0)
                strcpy(expected, "5,\r\n");
            else
                snprintf(expected, sizeof expected, "5,%u.%u0\r\n", entity / 10, entity % 10);
            assert_string_equal((const char *)out.data, expected);
        }
    }
}

static void a_letter_that_is_none_is_missing(void **state)
{
    begin("pid,status", false);
    value[PROCESS_STATE] = ',';
    assert_string_equal(put(0, false, BIT(PROCESS_STATE), BIT(PROCESS_STATE)), "100,");
}

static const char *refusal(const char *fields)
{
    static struct tacho_error error;
    struct rows *none = NULL;
    int r = rows_new(&(struct rows_options){.format = &export_csv, .fields = fields}, NULL, &none,
                     &error);
    assert_int_equal(r, -EINVAL);
    assert_null(none);
    return error.message;
}

static void names_what_comes_nearest(void **state)
{
    assert_string_equal(refusal("time,rs"), "unknown field 'rs'; nearest: rss");
    assert_string_equal(refusal("max_rss"), "unknown field 'max_rss'; nearest: rss");
    assert_string_equal(refusal("cpu_precent"),
                        "unknown field 'cpu_precent'; nearest: cpu_percent, cpu");
    assert_string_equal(refusal("zzzzzzzz"), "unknown field 'zzzzzzzz'; --fields help lists all");
    assert_non_null(strstr(refusal("rss,"), "unknown field ''"));
    char longer[300];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_non_null(strstr(refusal(longer), "unknown field 'xxx"));
}

static void chooses_sets_and_each_once(void **state)
{
    begin("rss,all,rss", false);
    rows_begin(rows, &out);
    buffer_put_byte(&out, 0);
    const char *head = (const char *)out.data;
    assert_memory_equal(head, "rss,time,pid,entity,comm,cpu_percent,cpu,vms,user,", 50);
    assert_null(strstr(head + 3, ",rss,"));
    for (unsigned m = 0; m < PROCESS_METRICS; m++)
        assert_non_null(strstr(head, kind_info(ENTITY_PROCESS)->metrics[m].name));
    clean_up(state);
    begin(NULL, false);
    rows_begin(rows, &out);
    buffer_put_byte(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "time,pid,entity,comm,cpu_percent,cpu,vms,rss,user,system,num_threads,status,"
        "read_chars,write_chars,read_bytes,write_bytes,pss\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(shows_what_was_sampled, clean_up),
        cmocka_unit_test_teardown(an_idle_process_keeps_what_held, clean_up),
        cmocka_unit_test_teardown(fills_when_asked, clean_up),
        cmocka_unit_test_teardown(makes_no_row_of_nothing, clean_up),
        cmocka_unit_test_teardown(makes_rates_of_cpu_time, clean_up),
        cmocka_unit_test_teardown(rates_hold_out_absurd_counters, clean_up),
        cmocka_unit_test_teardown(tells_processes_apart, clean_up),
        cmocka_unit_test_teardown(a_letter_that_is_none_is_missing, clean_up),
        cmocka_unit_test_teardown(names_what_comes_nearest, clean_up),
        cmocka_unit_test_teardown(chooses_sets_and_each_once, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, clean_all);
}
