/* format/log_line: what is put is read back, and hostile lines are refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/text.h"
#include "format/log_line.h"

#define EXAMPLE_NS (UINT64_C(1714979289123456) * NS_PER_US) /* 2024-05-06 07:08:09.123456 UTC */

static struct buffer scratch;
static struct log_line_error wrong;

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static int parse(const char *line, struct log_line *ret)
{
    return log_line_parse(line, strlen(line), &scratch, ret, &wrong);
}

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static struct log_line example(void)
{
    return (struct log_line){
        .kind = LOG_LINE_FIRST,
        .time_ns = EXAMPLE_NS,
        .known = ((1u << LOG_LINE_FIELDS) - 1) & ~(1u << LOG_LINE_IOWAIT),
        .value = {[LOG_LINE_RSS] = 1048576,
                  [LOG_LINE_VMS] = 2097152,
                  [LOG_LINE_FAULTS] = 300,
                  [LOG_LINE_MAJOR_FAULTS] = 2,
                  [LOG_LINE_USER] = 1250000000,
                  [LOG_LINE_SYSTEM] = 10000000,
                  [LOG_LINE_CHILDREN_USER] = 0,
                  [LOG_LINE_CHILDREN_SYSTEM] = 2000000000,
                  [LOG_LINE_ELAPSED] = 60000000001,
                  [LOG_LINE_PID] = 4711},
        .label = span_of("first\nsecond \"quoted\""),
    };
}

static void a_line_has_its_form(void **state)
{
    struct buffer text = {0};
    struct log_line line = example();
    log_line_put(&text, &line);
    buffer_put_byte(&text, 0);
    assert_string_equal(
        (const char *)text.data,
        "ProcessLoggingThread-JSON-START {\"timestamp\": \"2024-05-06 07:08:09.123456\", "
        "\"memory_info\": {\"rss\": 1048576, \"vms\": 2097152, \"pfaults\": 300, \"pageins\": 2}, "
        "\"cpu_times\": {\"user\": 1.25, \"system\": 0.01, \"children_user\": 0.0, "
        "\"children_system\": 2.0}, \"elapsed_time\": 60.000000001, \"pid\": 4711, "
        "\"label\": \"first\\nsecond \\\"quoted\\\"\"}");
    buffer_done(&text);
}

static void assert_same(const struct log_line *a, const struct log_line *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->time_ns, b->time_ns);
    assert_int_equal(a->known, b->known);
    assert_memory_equal(a->value, b->value, sizeof a->value);
    assert_int_equal(a->label.n, b->label.n);
    if (a->label.n > 0)
        assert_memory_equal(a->label.bytes, b->label.bytes, a->label.n);
}

static void what_is_put_is_read(void **state)
{
    for (int known = 0; known < 1 << LOG_LINE_FIELDS; known += 37) {
        struct log_line line = example(), back;
        struct buffer text = {0};
        line.kind = (enum log_line_kind)(known % 3);
        line.known = (uint32_t)known;
        for (int f = 0; f < LOG_LINE_FIELDS; f++)
            line.value[f] = (known >> f & 1) != 0 ? line.value[f] + (uint64_t)known : 0;
        if (known % 2 == 0)
            line.label.n = 0;
        buffer_put_text(&text, "2024-05-06 [main] INFO: {not this} ");
        log_line_put(&text, &line);
        buffer_put_text(&text, " {nor} that\r");
        assert_false(text.failed);
        assert_int_equal(log_line_parse((const char *)text.data, text.len, &scratch, &back, &wrong),
                         1);
        assert_same(&line, &back);
        buffer_done(&text);
    }
}

static void hostile_labels_do_no_harm(void **state)
{
    for (int round = 0; round < 256; round++) {
        char label[] = {'a', (char)round, '\n', '"', '\\', (char)(255 - round), 'z'};
        struct log_line line = example(), back;
        struct buffer text = {0};
        line.label = (struct span){(const uint8_t *)label, sizeof label};
        log_line_put(&text, &line);
        assert_true(utf8_valid(text.data, text.len));
        for (size_t i = 0; i < text.len; i++)
            assert_true(text.data[i] >= 0x20);
        assert_int_equal(log_line_parse((const char *)text.data, text.len, &scratch, &back, &wrong),
                         1);
        assert_int_equal(back.label.bytes[0], 'a');
        assert_int_equal(back.label.bytes[back.label.n - 1], 'z');
        if (round >= 0x20 && round < 0x7f)
            assert_int_equal(back.label.bytes[1], round);
        buffer_done(&text);
    }
}

/* As another program writes it, in an older form: neither suffix nor pid, and keys unknown here. */
static void a_foreign_line_is_read(void **state)
{
    struct log_line line;
    assert_int_equal(
        parse(
            "INFO:root:ProcessLoggingThread-JSON: {\"cpu_times\": {\"user\": 1e-05, \"system\": "
            "0.5, \"children_user\": 0.0, \"children_system\": 0.0, \"iowait\": 0.25}, "
            "\"memory_info\": {\"rss\": 1.0e6, \"vms\": 5, \"shared\": 1, \"text\": 2, \"lib\": "
            "0, \"data\": 3, \"dirty\": 0}, \"elapsed_time\": 3, \"timestamp\": \"2024-05-06 "
            "07:08:09\", \"label\": null, \"rss\": \"x\", \"more\": {\"pid\": \"y\", \"rss\": []}}",
            &line),
        1);
    assert_int_equal(line.kind, LOG_LINE_NEXT);
    assert_int_equal(line.time_ns, EXAMPLE_NS / NS_PER_S * NS_PER_S);
    assert_int_equal(line.value[LOG_LINE_USER], 10000);
    assert_int_equal(line.value[LOG_LINE_RSS], 1000000);
    assert_int_equal(line.value[LOG_LINE_IOWAIT], 250000000);
    assert_int_equal(line.value[LOG_LINE_ELAPSED], 3 * NS_PER_S);
    assert_int_equal(line.known & (1u << LOG_LINE_PID | 1u << LOG_LINE_FAULTS), 0);
    assert_int_equal(line.label.n, 0);
}

static void other_lines_are_let_be(void **state)
{
    static const char *const other[] = {
        "",
        "something else",
        "ProcessLoggingThread",
        "ProcessLoggingThread-JSON",
        "the ProcessLoggingThread-JSON begins",
        "{\"timestamp\": \"2024-05-06 07:08:09\"}",
    };
    struct log_line line;
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_int_equal(parse(other[i], &line), 0);
}

#define HEAD "ProcessLoggingThread-JSON {\"timestamp\": \"2024-05-06 07:08:09.5\""

static void what_cannot_be_is_refused(void **state)
{
    static const char *const bad[] = {
        "ProcessLoggingThread-JSON {}",
        "ProcessLoggingThread-JSON {\"timestamp\": 5}",
        "ProcessLoggingThread-JSON {\"timestamp\": null}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"2024-05-06\"}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"2024-13-06 07:08:09\"}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"2024-00-06 07:08:09\"}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"2024-05-06 07:08:09.\"}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"2024-05-06 07:08:09 \"}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"1969-05-06 07:08:09\"}",
        "ProcessLoggingThread-JSON {\"timestamp\": \"9999-05-06 07:08:09\"}",
        HEAD,
        HEAD ", \"pid\": -1}",
        HEAD ", \"pid\": 0}",
        HEAD ", \"pid\": 2147483648}",
        HEAD ", \"pid\": \"7\"}",
        HEAD ", \"pid\": NaN}",
        HEAD ", \"elapsed_time\": -0.1}",
        HEAD ", \"elapsed_time\": 1e12}",
        HEAD ", \"memory_info\": {\"rss\": 1e30}}",
        HEAD ", \"memory_info\": {\"rss\": true}}",
        HEAD ", \"cpu_times\": {\"user\": -1}}",
        HEAD ", \"cpu_times\": {\"user\": 1e11}}",
        HEAD ", \"label\": \"\x01\"}",
        HEAD ", \"x\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    };
    struct log_line line = {.time_ns = 77};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i], &line) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
        assert_true(wrong.message != NULL && wrong.offset <= strlen(bad[i]));
    }
    assert_int_equal(line.time_ns, 77);
}

static void every_cut_is_noticed(void **state)
{
    struct log_line line = example(), back;
    struct buffer text = {0};
    log_line_put(&text, &line);
    for (size_t n = 0; n < text.len; n++) {
        char *cut = malloc(n + 1); /* its own, for the sanitizer to watch its end */
        memcpy(cut, text.data, n);
        int expected = memchr(cut, '{', n) != NULL ? -EPROTO : 0;
        assert_int_equal(log_line_parse(cut, n, &scratch, &back, &wrong), expected);
        free(cut);
    }
    buffer_done(&text);
}

/* The hour that comes twice when summer ends: 2024-10-27 02:00 to 03:00 in Berlin. */
static void an_hour_that_comes_twice_has_two_moments(void **state)
{
    struct log_line line;
    const char *ambiguous = "ProcessLoggingThread-JSON {\"timestamp\": \"2024-10-27 02:30:00\"}";
    const char *plain = "ProcessLoggingThread-JSON {\"timestamp\": \"2024-10-27 03:30:00\"}";
    const char *never = "ProcessLoggingThread-JSON {\"timestamp\": \"2024-03-31 02:30:00\"}";
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    for (int round = 0; round < 4; round++) {
        assert_int_equal(parse(plain, &line), 1);
        assert_int_equal(line.time_ns, UINT64_C(1729996200) * NS_PER_S);
        assert_int_equal(calendar_later_ns(line.time_ns), line.time_ns);
        assert_int_equal(parse(ambiguous, &line), 1);
        assert_int_equal(line.time_ns, UINT64_C(1729989000) * NS_PER_S);
        assert_int_equal(calendar_later_ns(line.time_ns), line.time_ns + 3600 * NS_PER_S);
        assert_int_equal(parse(never, &line), 1);
    }
    use_zone("UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_form),
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(hostile_labels_do_no_harm),
        cmocka_unit_test(a_foreign_line_is_read),
        cmocka_unit_test(other_lines_are_let_be),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(an_hour_that_comes_twice_has_two_moments),
    };
    use_zone("UTC");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_done(&scratch);
    return failed;
}
