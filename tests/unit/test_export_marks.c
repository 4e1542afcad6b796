/* export/: tables of what the code marked. */
#include "test_marks_build.h"

#include <locale.h>
#include <math.h>

#include "export/digits.h"
#include "export/tables.h"

static struct buffer out;

static int take(void *context, const void *bytes, size_t n)
{
    return buffer_put(&out, bytes, n);
}

static void assert_table(struct tacho_recording *rec, const char *name, const char *format,
                         const char *fields, const char *expected)
{
    struct export *export;
    struct tacho_error error;
    const struct export_options options = {
        .format = export_format_find(format), .table = export_table_find(name), .fields = fields};
    assert_non_null(options.table);
    assert_int_equal(export_open(rec, &options, &export, &error), 0);
    buffer_clear(&out);
    assert_int_equal(export_run(export, take, NULL), 0);
    buffer_put_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    export_free(export);
}

static void test_scopes(void **state)
{
    struct scene scene;
    scene_example(&scene);
    record_put_number(&scene.m.journal, "started_ns", scene.base_ns);
    struct tacho_recording *rec = scene_end(&scene);
    assert_table(rec, "scopes", "tsv", NULL,
                 "start\tend\tduration\tpid\ttid\tthread\tname\tcategory\tdepth\tend_seen\n"
                 "0.000000030\t0.000000034\t0.000000004\t1001\t1001\t\tsolve\tCore\t2\t1\n"
                 "0.000000050\t0.000000055\t0.000000005\t1001\t1001\t\tparse\t\t3\t0\n"
                 "0.000000040\t0.000000055\t0.000000015\t1001\t1001\t\tload\tI/O\t2\t1\n"
                 "0.000000020\t0.000000060\t0.000000040\t1001\t1001\t\tinner\t\t1\t1\n"
                 "0.000000010\t0.000000070\t0.000000060\t1001\t1001\t\tsolve\tCore\t0\t1\n"
                 "0.000000090\t0.000000100\t0.000000010\t1001\t1001\t\ttail\t\t0\t0\n");
    assert_table(rec, "counters", "csv", NULL, "time,pid,tid,name,value\r\n");
    assert_table(rec, "labels", "csv", NULL, "time,pid,text\r\n");
    tacho_recording_close(rec);
}

static void test_counters_and_labels(void **state)
{
    const struct mark marks[] = {
        {.time_ns = 1000, .site = 1, .kind = MARK_COUNTER, .value = double_bits(0.1)},
        {.time_ns = 2000, .site = 9, .kind = MARK_COUNTER, .value = double_bits(-3)},
        {.time_ns = 3000, .site = 1, .kind = MARK_COUNTER, .value = double_bits((double)NAN)},
        {.time_ns = 4000, .site = 1, .kind = MARK_BEGIN_CPU, .value = 500},
        {.time_ns = 6000, .site = 1, .kind = MARK_END_CPU, .value = 1500},
    };
    struct scene scene;
    scene_begin(&scene);
    record_put_number(&scene.m.journal, "started_ns", scene.base_ns);
    made_site(&scene.m, 1, "a\x1B", "");
    MADE(&scene.m, RECORD_LABEL, label, .entity = 1, .time_ns = scene.base_ns + 1000,
         .text = span_text("x,\"y\""));
    MADE(&scene.m, RECORD_LABEL, label, .time_ns = scene.base_ns, .text = span_text(""));
    scene_marks(&scene, 1, 0, marks, 5);
    struct tacho_recording *rec = scene_end(&scene);
    assert_table(rec, "counters", "jsonl", "time,tid,name,value",
                 "{\"time\":0.000001,\"tid\":1001,\"name\":\"a\\u001b\",\"value\":0.1}\n"
                 "{\"time\":0.000002,\"tid\":1001,\"name\":null,\"value\":-3}\n"
                 "{\"time\":0.000003,\"tid\":1001,\"name\":\"a\\u001b\",\"value\":null}\n");
    assert_table(rec, "labels", "csv", NULL,
                 "time,pid,text\r\n0.000001,1001,\"x,\"\"y\"\"\"\r\n0.000000,,\"\"\r\n");
    assert_table(rec, "scopes", "csv", "duration,cpu", "duration,cpu\r\n0.000002,0.000001\r\n");
    tacho_recording_close(rec);
}

static void assert_real(double real, const char *expected)
{
    char text[DIGITS_MAX + 1];
    *digits_write_real(text, real) = '\0';
    assert_string_equal(text, expected);
}

static void test_reals(void **state)
{
    assert_real(0, "0");
    assert_real(-0.25, "-0.25");
    assert_real(1.0 / 3, "0.3333333333333333");
    assert_real(1e300, "1e+300");
    assert_real(-1.7976931348623157e308, "-1.7976931348623157e+308");
    assert_real(5e-324, "4.94065645841247e-324");
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL)
        assert_real(1.5, "1.5");
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(cell_real((double)INFINITY).type, CELL_MISSING);
}

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

/* The third example of docs/SCOPES.md; scopes as they end. */
static void test_started_inside(void **state)
{
    struct scene scene;
    scene_shell(&scene);
    struct tacho_recording *rec = scene_end(&scene);
    assert_table(rec, "scopes", "csv", "name,pid,processes,children_cpu",
                 "name,pid,processes,children_cpu\r\n"
                 "compile,1001,2,0.014000\r\n"
                 "build,1001,3,0.028000\r\n"
                 "build,1004,0,0.000000\r\n");
    tacho_recording_close(rec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_started_inside),
        cmocka_unit_test(test_counters_and_labels),
        cmocka_unit_test(test_reals),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
