/* report/quantity and report/json: figures as people and programs read them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "report/json.h"
#include "report/quantity.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static struct buffer out;

static const char *taken(void)
{
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    out.len = 0;
    return (const char *)out.data;
}

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

#define EXPECT(call, text) ((void)(call), assert_string_equal(taken(), text))

static void energies(void **state)
{
    EXPECT(put_energy(&out, 0), "0.00 mJ");
    EXPECT(put_energy(&out, 0.9994), "999 mJ");
    EXPECT(put_energy(&out, 1), "1.00 J");
    EXPECT(put_energy(&out, 12345), "12.3 kJ");
    EXPECT(put_energy(&out, 3.6e6), "3.60 MJ");
    EXPECT(put_energy(&out, 1e30), "? TJ");
    EXPECT(put_mass(&out, 0.00053), "0.53 mg");
    EXPECT(put_mass(&out, 1500), "1.50 kg");
}

static void durations(void **state)
{
    EXPECT(put_duration(&out, 0), "0 s");
    EXPECT(put_duration(&out, 4200000), "4.20 ms");
    EXPECT(put_duration(&out, 99 * MS), "99.0 ms");
    EXPECT(put_duration(&out, 100 * MS), "0.10 s");
    EXPECT(put_duration(&out, 5020 * MS), "5.02 s");
    EXPECT(put_duration(&out, 9994 * MS), "9.99 s");
    EXPECT(put_duration(&out, 9996 * MS), "10.0 s");
    EXPECT(put_duration(&out, 59940 * MS), "59.9 s");
    EXPECT(put_duration(&out, 59960 * MS), "1:00");
    EXPECT(put_duration(&out, 65400 * MS), "1:05");
    EXPECT(put_duration(&out, 3599600 * MS), "1:00:00");
    EXPECT(put_duration(&out, 93851 * S), "26:04:11");
    EXPECT(put_duration(&out, UINT64_MAX), "5124095:34:34");
    EXPECT(put_interval(&out, 100 * MS), "100 ms");
    EXPECT(put_interval(&out, 2 * S), "2 s");
    EXPECT(put_interval(&out, 33333333), "33.3 ms");
    EXPECT(put_interval(&out, 0), "0 s");
}

static void bytes(void **state)
{
    EXPECT(put_bytes(&out, 0), "0 B");
    EXPECT(put_bytes(&out, 999), "999 B");
    EXPECT(put_bytes(&out, 1000), "0.98 KiB");
    EXPECT(put_bytes(&out, 1024), "1.00 KiB");
    EXPECT(put_bytes(&out, 10235), "10.0 KiB");
    EXPECT(put_bytes(&out, 1023 * 1024), "1.00 MiB");
    EXPECT(put_bytes(&out, UINT64_C(61) << 20), "61.0 MiB");
    EXPECT(put_bytes(&out, UINT64_C(312) << 20), "312 MiB");
    EXPECT(put_bytes(&out, UINT64_C(1100) << 20), "1.07 GiB");
    EXPECT(put_bytes(&out, UINT64_MAX), "16.0 EiB");
}

static void counts_and_shares(void **state)
{
    EXPECT(put_count(&out, 0), "0");
    EXPECT(put_count(&out, 999), "999");
    EXPECT(put_count(&out, 1000), "1,000");
    EXPECT(put_count(&out, 12345678), "12,345,678");
    EXPECT(put_decimal(&out, 1.725, 2), "1.73");
    EXPECT(put_decimal(&out, 1.999, 2), "2.00");
    EXPECT(put_decimal(&out, -0.001, 2), "0.00");
    EXPECT(put_decimal(&out, -1.5, 1), "-1.5");
    EXPECT(put_decimal(&out, NAN, 2), "?");
    EXPECT(put_decimal(&out, INFINITY, 2), "?");
    EXPECT(put_percent(&out, 0), "0.0 %");
    EXPECT(put_percent(&out, 0.0004), "<0.1 %");
    EXPECT(put_percent(&out, 0.0444), "4.4 %");
    EXPECT(put_percent(&out, 0.0996), "10 %");
    EXPECT(put_percent(&out, 1), "100 %");
    EXPECT(put_signal(&out, 9), "SIGKILL");
    EXPECT(put_signal(&out, 40), "signal 40");
}

static void times(void **state)
{
    setenv("TZ", "CET-1", 1);
    tzset();
    EXPECT(put_local_time(&out, UINT64_C(1700000000) * S), "2023-11-14 23:13:20 +0100");
    EXPECT(put_rfc3339(&out, UINT64_C(1700000000) * S + 5), "2023-11-14T22:13:20.000000005Z");
    EXPECT(put_rfc3339(&out, 0), "1970-01-01T00:00:00.000000000Z");
    put_rfc3339(&out, UINT64_MAX);
    put_local_time(&out, UINT64_MAX);
    taken();
}

static void writes_json(void **state)
{
    struct json j = {.out = &out};
    json_begin(&j, NULL, '{');
    json_text(&j, "a", "x\"\n");
    json_text(&j, "b", NULL);
    json_number(&j, "c", 12);
    json_number(&j, "d", UINT64_MAX);
    json_signed(&j, "e", -3);
    json_bool(&j, "f", true);
    json_begin(&j, "g", '[');
    json_end(&j, ']');
    json_begin(&j, "h", '{');
    json_real(&j, "i", 1.5);
    json_real(&j, "j", NAN);
    json_end(&j, '}');
    json_list(&j, "k", "make\0-j2\0", 9);
    json_list(&j, "l", "a\0\0b", 4);
    json_list(&j, "m", NULL, 0);
    json_end(&j, '}');
    assert_string_equal(taken(), "{\n  \"a\": \"x\\\"\\n\",\n  \"b\": null,\n  \"c\": 12,\n"
                                 "  \"d\": null,\n  \"e\": -3,\n  \"f\": true,\n  \"g\": [],\n"
                                 "  \"h\": {\n    \"i\": 1.500000,\n    \"j\": null\n  },\n"
                                 "  \"k\": [\"make\", \"-j2\"],\n  \"l\": [\"a\", \"\", \"b\"],\n"
                                 "  \"m\": null\n}\n");
}

static void writes_seconds_exactly(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "0.000000001"},
                 {100 * MS, "0.1"},
                 {65531670513, "65.531670513"},
                 {20 * S, "20"},
                 {UINT64_MAX - 1, "18446744073.709551614"},
                 {UINT64_MAX, "null"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json j = {.out = &out};
        json_seconds(&j, NULL, cases[i].ns);
        assert_string_equal(taken(), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energies),    cmocka_unit_test(durations),
        cmocka_unit_test(bytes),       cmocka_unit_test(counts_and_shares),
        cmocka_unit_test(times),

        cmocka_unit_test(writes_json), cmocka_unit_test(writes_seconds_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
