/* import: what a log says is gathered, at its times and for its processes, whatever else is in it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/recording.h>

#include "base/clock.h"
#include "format/block.h"
#include "import/import_log.h"

#define NOON_NS (UINT64_C(1714996800) * NS_PER_S) /* 2024-05-06 12:00:00 UTC */

static struct buffer text;
static struct gathered gathered;
static struct import_result result;

static int begin(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    text = (struct buffer){0};
    gathered = (struct gathered){0};
    return 0;
}

static int clean_up(void **state)
{
    buffer_done(&text);
    gathered_done(&gathered);
    return 0;
}

static int file_of(const void *bytes, size_t n)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int read_text(void)
{
    int fd = file_of(text.data, text.len);
    int r = import_read(fd, "a.log", &gathered, &result);
    close(fd);
    return r;
}

/* A line: `at` is the time of day, `rest` what follows it in the object. */
static void put(const char *suffix, const char *at, const char *rest)
{
    buffer_printf(&text,
                  "app: ProcessLoggingThread-JSON%s {\"timestamp\": \"2024-05-06 %s\"%s%s}\n",
                  suffix, at, rest[0] != '\0' ? ", " : "", rest);
}

static const struct gathered_point *point(size_t i)
{
    assert_true(i < gathered.points.count);
    return (const struct gathered_point *)gathered.points.items + i;
}

static void assert_point(size_t i, uint32_t process, double after_noon_s)
{
    assert_int_equal(point(i)->entity, process);
    assert_int_equal(point(i)->time_ns, NOON_NS + (uint64_t)(after_noon_s * 1e9 + 0.5));
}

static void moments_lie_as_far_apart_as_time_elapsed(void **state)
{
    put("-START", "12:00:00.5", "\"elapsed_time\": 2.0, \"pid\": 7");
    put("", "12:00:01.7", "\"elapsed_time\": 3.0, \"pid\": 7");
    put("", "13:00:02.5", "\"elapsed_time\": 4.0, \"pid\": 7"); /* summer begins */
    put("", "11:00:02.5", "\"elapsed_time\": 5.5, \"pid\": 7"); /* and is over */
    put("", "10:00:02.5", "\"elapsed_time\": 1.5, \"pid\": 7"); /* somebody set the clock */
    put("", "10:00:03.5", "\"elapsed_time\": 2.5, \"pid\": 7");
    put("-STOP", "10:00:03.5", "\"elapsed_time\": 2.5, \"pid\": 7");
    assert_int_equal(read_text(), 0);
    assert_int_equal(result.taken, 7);
    assert_int_equal(gathered.entities.count, 1);
    static const double expected[] = {0.5, 1.5, 2.5, 4, 5.5, 6.5, 6.500001};
    for (size_t i = 0; i < 7; i++)
        assert_point(i, 0, expected[i]);
    assert_int_equal(gathered_entity(&gathered, 0)->start_ns, NOON_NS - 3 * NS_PER_S / 2);
    assert_true(gathered_entity(&gathered, 0)->stopped);
}

static void without_elapsed_time_timestamps_must_do(void **state)
{
    put("", "12:00:00", "");
    put("", "12:00:02", "");
    put("", "12:00:04", "");
    put("", "11:00:06", ""); /* back: as far as usual */
    put("", "12:00:08", "");
    assert_int_equal(read_text(), 0);
    for (size_t i = 0; i < 5; i++)
        assert_point(i, 0, (double)(2 * i));
    assert_int_equal(gathered_entity(&gathered, 0)->start_ns, 0);
    assert_int_equal(gathered_entity(&gathered, 0)->pid, 0);
}

static void pids_are_given_out_again(void **state)
{
    put("-START", "12:00:00", "\"elapsed_time\": 1, \"pid\": 7");
    put("-START", "12:00:01", "\"elapsed_time\": 1, \"pid\": 8");
    put("", "12:00:05", "\"elapsed_time\": 6, \"pid\": 7");
    put("-STOP", "12:00:06", "\"elapsed_time\": 7, \"pid\": 7");
    put("-START", "12:00:10", "\"elapsed_time\": 11, \"pid\": 7"); /* the same logs on */
    put("-STOP", "12:00:11", "\"elapsed_time\": 12, \"pid\": 7");
    put("-START", "12:01:00", "\"elapsed_time\": 20, \"pid\": 7"); /* another */
    put("", "12:01:01", "\"elapsed_time\": 21, \"pid\": 7");
    put("", "12:01:05", "\"elapsed_time\": 0.5, \"pid\": 7"); /* and one more, without a word */
    put("", "12:01:06", "\"elapsed_time\": 5, \"pid\": 8");
    assert_int_equal(read_text(), 0);
    static const uint32_t process[] = {0, 1, 0, 0, 0, 0, 2, 2, 3, 1};
    static const uint64_t pid[] = {7, 8, 7, 7};
    assert_int_equal(gathered.entities.count, 4);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(point(i)->entity, process[i]);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(gathered_entity(&gathered, i)->pid, pid[i]);
    assert_true(gathered_entity(&gathered, 0)->stopped);
    assert_false(gathered_entity(&gathered, 1)->stopped);
}

static void an_hour_that_comes_twice_is_told_by_its_neighbours(void **state)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    for (int i = 0; i < 2; i++) /* both processes begin at half past two, an hour apart */
        buffer_printf(&text,
                      "ProcessLoggingThread-JSON {\"timestamp\": \"2024-10-27 02:30:00\", \"pid\": "
                      "%d}\nProcessLoggingThread-JSON {\"timestamp\": \"2024-10-27 02:59:00\", "
                      "\"pid\": %d}\n",
                      i + 1, i + 1);
    assert_int_equal(read_text(), 0);
    assert_int_equal(point(0)->time_ns, UINT64_C(1729989000) * NS_PER_S);
    assert_int_equal(point(2)->time_ns, UINT64_C(1729992600) * NS_PER_S);
    assert_int_equal(point(3)->time_ns, UINT64_C(1729994340) * NS_PER_S);
}

static void labels_are_one_a_line(void **state)
{
    static const char *const expected[] = {"one", "two", "three\xff"};
    put("", "12:00:00", "\"label\": \"one\\n\\ntwo\\n\"");
    put("", "12:00:01", "\"label\": \"\"");
    put("", "12:00:02", "\"label\": \"three\xff\"");
    assert_int_equal(read_text(), 0);
    assert_int_equal(gathered.labels.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct gathered_label *label = (struct gathered_label *)gathered.labels.items + i;
        assert_int_equal(label->point, i / 2 * 2);
        assert_int_equal(label->bytes, strlen(expected[i]));
        assert_memory_equal(gathered.texts.data + label->at, expected[i], label->bytes);
    }
}

static void what_is_wrong_is_counted_and_passed_over(void **state)
{
    buffer_put_text(&text, "hello\n");
    put("", "12:00:00", "\"pid\": 7");
    put("", "12:00:01", "\"pid\": -7");
    put("", "12:00:02", "\"pid\": 7");
    for (int i = 0; i < 5; i++)
        buffer_put_text(&text, "ProcessLoggingThread-JSON {\"timest\n");
    put("", "12:00:03", "\"pid\": 7");
    text.len--; /* the last newline */
    assert_int_equal(read_text(), 0);
    assert_int_equal(result.lines, 10);
    assert_int_equal(result.taken, 3);
    assert_int_equal(result.wrong, 6);
    assert_int_equal(result.first_wrong[0].line, 3);
    assert_int_equal(result.first_wrong[2].line, 6);
    assert_string_equal(result.first_wrong[1].why, "cut off");
}

static void long_lines_and_garbage_cost_nothing_else(void **state)
{
    put("", "12:00:00", "");
    for (int i = 0; i < 5 << 20; i++)
        buffer_put_byte(&text, (uint8_t)(i % 251 == '\n' ? 0 : i % 251));
    put("", "12:00:01", ""); /* the end of a line too long */
    put("", "12:00:02", "");
    assert_int_equal(read_text(), 0);
    assert_int_equal(result.taken, 2);
    assert_int_equal(result.lines, 3);
}

static void nothing_is_nothing(void **state)
{
    assert_int_equal(read_text(), -ENODATA);
    buffer_put_text(&text, "just a log\n");
    assert_int_equal(read_text(), -ENODATA);
    buffer_clear(&text);
    for (int i = 0; i < 4; i++)
        buffer_put_byte(&text, (uint8_t)(BLOCK_MAGIC >> 8 * i));
    assert_int_equal(read_text(), -EPROTO);
    assert_int_equal(gathered_write(&gathered, &(struct recording_options){.fd = -1}), -ENODATA);
}

/* Times that add up beyond all bounds are refused, not wrapped around. */
static void time_does_not_overflow(void **state)
{
    for (int i = 0; i < 400; i++) {
        put("", "12:00:00", "\"elapsed_time\": 3e9");
        put("", "11:00:00", "\"elapsed_time\": 0");
    }
    assert_int_equal(read_text(), 0);
    assert_true(result.wrong > 0);
    for (size_t i = 1; i < gathered.points.count; i++)
        assert_true(point(i)->time_ns > point(i - 1)->time_ns ||
                    point(i)->entity != point(i - 1)->entity);
}

static struct tacho_recording *written(void)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_int_equal(gathered_write(&gathered, &(struct recording_options){.fd = dup(fd)}), 0);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, &error), 0);
    return rec;
}

static void a_recording_says_what_the_log_said(void **state)
{
    put("-START", "12:00:00",
        "\"memory_info\": {\"rss\": 10, \"vms\": 20, \"pfaults\": 7, \"pageins\": 3}, "
        "\"cpu_times\": {\"user\": 1.5, \"system\": 0.25}, \"elapsed_time\": 4, \"pid\": 7");
    put("", "12:00:01", "\"memory_info\": {\"rss\": 11}, \"elapsed_time\": 5, \"pid\": 7");
    put("-STOP", "12:00:02", "\"elapsed_time\": 6, \"pid\": 7, \"label\": \"bye\"");
    assert_int_equal(read_text(), 0);
    struct tacho_recording *rec = written();
    uint64_t number;
    assert_string_equal(tacho_fact_text(rec, "target", NULL), "log");
    assert_string_equal(tacho_fact_text(rec, "imported_from", NULL), "a.log");
    assert_string_equal(tacho_fact_text(rec, "end_reason", NULL), "ended");
    assert_true(tacho_fact_number(rec, "interval_ns", &number) && number == NS_PER_S);
    assert_true(tacho_fact_number(rec, "wall_ns", &number) && number == 6 * NS_PER_S);
    const struct tacho_process *p = tacho_process(rec, 0);
    assert_int_equal(p->pid, 7);
    assert_int_equal(p->start_real_ns, NOON_NS - 4 * NS_PER_S);
    assert_int_equal(tacho_real_ns(rec, p->end_ns), NOON_NS + 2 * NS_PER_S);
    assert_int_equal(p->flags & TACHO_PROCESS_STATUS, 0);
    assert_string_equal(tacho_label_at(rec, 0)->text, "bye");
    struct tacho_walk *walk;
    struct tacho_sample s;
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk), 0);
    assert_int_equal(tacho_walk_next(walk, &s), 1);
    assert_int_equal(s.known, 1u << PROCESS_CPU | 1u << PROCESS_VMS | 1u << PROCESS_RSS |
                                  1u << PROCESS_USER | 1u << PROCESS_SYSTEM |
                                  1u << PROCESS_MINOR_FAULTS | 1u << PROCESS_MAJOR_FAULTS);
    assert_int_equal(s.value[PROCESS_CPU], 1750000000);
    assert_int_equal(s.value[PROCESS_MINOR_FAULTS], 4);
    assert_int_equal(tacho_walk_next(walk, &s), 1);
    assert_int_equal(s.known & s.fresh, 1u << PROCESS_RSS);
    assert_int_equal(s.value[PROCESS_RSS], 11);
    assert_int_equal(tacho_walk_next(walk, &s), 1);
    assert_int_equal(s.fresh, 0);
    assert_int_equal(tacho_walk_next(walk, &s), 0);
    tacho_walk_close(walk);
    tacho_recording_close(rec);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moments_lie_as_far_apart_as_time_elapsed),
        TEST(without_elapsed_time_timestamps_must_do),
        TEST(pids_are_given_out_again),
        TEST(an_hour_that_comes_twice_is_told_by_its_neighbours),
        TEST(labels_are_one_a_line),
        TEST(what_is_wrong_is_counted_and_passed_over),
        TEST(long_lines_and_garbage_cost_nothing_else),
        TEST(nothing_is_nothing),
        TEST(time_does_not_overflow),
        TEST(a_recording_says_what_the_log_said),
    };
    return cmocka_run_group_tests_name("import_log", tests, NULL, NULL);
}
