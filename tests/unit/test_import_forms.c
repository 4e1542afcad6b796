/* import: what each form of log says is taken as its tool means it, and what it cannot say is left out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/recording.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "import/command_words.h"
#include "import/import_log.h"
#include "import/log_table.h"

#define MB (UINT64_C(1) << 20)

static struct gathered gathered;
static struct import_result result;

static int begin(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    gathered = (struct gathered){0};
    return 0;
}

static int clean_up(void **state)
{
    gathered_done(&gathered);
    return 0;
}

static int read_text(const char *text)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    int r = import_read(fd, NULL, &gathered, &result);
    close(fd);
    return r;
}

static void assert_form(const char *text, const char *name)
{
    gathered_done(&gathered);
    read_text(text);
    assert_non_null(result.format);
    assert_string_equal(result.format->name, name);
}

static const struct gathered_point *point(size_t i)
{
    assert_true(i < gathered.points.count);
    return (const struct gathered_point *)gathered.points.items + i;
}

static bool knows(size_t i, unsigned metric)
{
    return (point(i)->known >> metric & 1) != 0;
}

static uint64_t value(size_t i, unsigned metric)
{
    assert_true(knows(i, metric));
    uint64_t before = point(i)->known & ((UINT64_C(1) << metric) - 1);
    return ((const uint64_t *)
                gathered.values.items)[point(i)->values + (size_t)__builtin_popcountll(before)];
}

static const struct gathered_scope *scope(size_t i)
{
    assert_true(i < gathered.scopes.count);
    return (const struct gathered_scope *)gathered.scopes.items + i;
}

static struct text text(const char *s)
{
    return text_of(s, strlen(s));
}

/* ---- what forms share ---- */

static void assert_cell(struct text cell, const char *is)
{
    struct buffer said = {0};
    cell_put_text(&said, cell);
    buffer_put_byte(&said, '\0');
    assert_string_equal((const char *)said.data, is);
    buffer_done(&said);
}

static void cells_may_be_quoted(void **state)
{
    struct table_row row;
    table_cells(text(" a ,\"b, \"\"c\"\"\",, \"open"), ',', &row);
    assert_int_equal(row.n, 4);
    assert_cell(row.cell[0], "a");
    assert_cell(row.cell[1], "b, \"c\"");
    assert_cell(row.cell[2], "");
    assert_cell(row.cell[3], "\"open");
    table_cells(text(""), ',', &row);
    assert_int_equal(row.n, 1);
    table_cells(text("a\tb \t"), '\t', &row);
    assert_int_equal(row.n, 3);
    assert_cell(row.cell[1], "b");
}

static void a_row_may_have_any_number_of_cells(void **state)
{
    char many[1000];
    struct table_row row;
    memset(many, ',', sizeof many);
    table_cells(text_of(many, sizeof many), ',', &row);
    assert_int_equal(row.n, TABLE_CELLS_MAX);
}

static void numbers_are_read_strictly(void **state)
{
    static const char *const wrong[] = {"",     "-1",  "1x",  "x",    ".",  "1e",
                                        "0x10", "1 2", "--1", "1e99", "inf"};
    static const struct {
        const char *cell;
        uint64_t is;
    } right[] = {{"1.5", 1572864}, {"+2", 2097152}, {".5", 524288}, {"-0.0", 0}, {"1e1", 10485760}};
    uint64_t number = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(cell_number(text(wrong[i]), MB, &number));
    assert_int_equal(number, 7);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(cell_number(text(right[i].cell), MB, &number));
        assert_int_equal(number, right[i].is);
    }
    assert_false(cell_seconds(text("9e18"), &number));
    assert_int_equal(cpu_of_percent(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(cpu_of_percent(12500, 4 * NS_PER_S), NS_PER_S / 2);
}

static void moments_may_name_their_zone(void **state)
{
    static const struct {
        const char *text;
        uint64_t after_ms;
    } moments[] = {{"2024-05-06 12:00:00", 0},
                   {"2024-05-06T12:00:00.25Z", 250},
                   {"2024-05-06T14:00:01+02:00", 1000},
                   {"2024-05-06T06:30:00-0530", 0}};
    static const char *const wrong[] = {"2024-05-06", "2024-05-06 12:00:00x",
                                        "2024-05-06T12:00:00+2", "2024-00-06 12:00:00",
                                        "1969-01-01 00:00:00"};
    uint64_t ns;
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        assert_true(calendar_parse(text(moments[i].text), &ns));
        assert_int_equal(ns, UINT64_C(1714996800) * NS_PER_S + moments[i].after_ms * NS_PER_MS);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(calendar_parse(text(wrong[i]), &ns));
}

static void commands_fall_into_words(void **state)
{
    static const char expected[] = "/bin/sh\0-c\0echo it's; x\0it's\0";
    struct buffer words = {0};
    command_words_put(&words, text("  /bin/sh -c 'echo it'\"'\"'s; x'  it's "));
    assert_int_equal(words.len, sizeof expected - 1);
    assert_memory_equal(words.data, expected, words.len);
    assert_cell(command_name(words.data, words.len), "sh");
    assert_cell(command_name(NULL, 0), "");
    buffer_done(&words);
}

static void forms_are_told_by_their_content(void **state)
{
    assert_form("1.5,start,f,0\n", "event-log");
    assert_form("x\ny:1\ntime,cpu_percent,cpu_percent_global,rss_mb\n", "resource-log");
    assert_form("0//2//@f//1//2//3//4//I/O\n", "rank-log");
    assert_form("# Elapsed time   CPU (%)\n", "psrecord");
    assert_form("MEM 1.5 1700000000.5\n", "mprof");
    assert_form("Time\tVMEM\tPSS\tRSS\tSwap\twtime\n", "prmon");
    assert_form("{\n  \"Avg\": {}, \"Max\": {}}\n", "prmon-summary");
    assert_form("{\"timestamp\": \"\", \"processes\": {\"1\": {\"pcpu\": 1}}}\n", "duct");
    assert_form("name\tstatus\trealtime\trss\n", "nextflow");
    assert_form("MEM is short\n", "log-lines");
    assert_form("# Title\n", "log-lines");
    assert_form("a,start,b,c\n", "log-lines");
}

/* ---- one by one ---- */

static void resources_do_not_go_back(void **state)
{
    assert_int_equal(
        read_text("time,cpu_percent,cpu_percent_global,rss_mb\n1,50,1,10\n3,50,1,20\n2,50,1,30\n"
                  "3,100,1,40\n5,100,,\n1e300,1,1,1\n"),
        0);
    assert_int_equal(result.wrong, 2);
    assert_int_equal(result.first_wrong[0].line, 4);
    assert_int_equal(gathered.points.count, 4);
    assert_int_equal(value(1, PROCESS_CPU), NS_PER_S);
    assert_int_equal(value(2, PROCESS_CPU), NS_PER_S);
    assert_int_equal(value(3, PROCESS_CPU), 3 * NS_PER_S);
    assert_false(knows(3, PROCESS_RSS));
    assert_int_equal(gathered.clock, GATHERED_OWN_CLOCK);
}

static void starts_without_ends_end_with_what_they_are_in(void **state)
{
    assert_int_equal(read_text("1,start,a,0\n2,start,b,0\n3,start,b,1\n4,end,a,0\n5,start,c,0\n"),
                     0);
    assert_int_equal(scope(0)->end_ns, 4 * NS_PER_S);
    assert_int_equal(scope(1)->end_ns, 4 * NS_PER_S);
    assert_int_equal(scope(2)->end_ns, 4 * NS_PER_S);
    assert_true(scope(3)->end_ns == GATHERED_UNENDED);
    assert_int_equal(scope(1)->site, scope(2)->site);
    assert_int_equal(gathered.sites.count, 3);
}

static void numbers_of_events_begin_anew(void **state)
{
    assert_int_equal(read_text("1,start,a,0\n2,end,a,0\n3,start,a,0\n5,end,a,0\n"), 0);
    assert_int_equal(result.wrong, 0);
    assert_int_equal(scope(1)->begin_ns, 3 * NS_PER_S);
    assert_int_equal(scope(1)->end_ns, 5 * NS_PER_S);
}

static void a_rank_log_is_of_one_rank(void **state)
{
    assert_int_equal(
        read_text(
            "1//4//@f//1//2//0//20.5//@f\n2//4//@f//1//2//3//4//@f\n1//4//@g//0//3//1//1//a//b\n"
            "1//1//@f//1//2//3//4//@f\n1//4//@f//2//1//3//4//@f\n"),
        0);
    assert_int_equal(result.taken, 2);
    assert_int_equal(result.wrong, 3);
    assert_int_equal(gathered.clock, GATHERED_OWN_CLOCK);
    assert_int_equal(gathered.rank, 1);
    assert_int_equal(gathered.rank_size, 4);
    assert_false(knows(0, PROCESS_PEAK_RSS)); /* 0 is not known */
    assert_int_equal(value(1, PROCESS_PEAK_RSS), 41 * MB / 2);
    const struct gathered_site *sites = gathered.sites.items;
    assert_int_equal(sites[0].category.bytes, 0);
    assert_int_equal(gathered.sites.count, 3);    /* and the counter */
    assert_int_equal(sites[2].category.bytes, 4); /* a//b: the last part takes the rest */
    /* Another clock does not go with it. */
    assert_int_equal(read_text("0//4//@f//1714996800//1714996801//3//4//@f\n"), -EXDEV);
}

static void unknown_columns_of_psrecord_are_passed_over(void **state)
{
    assert_int_equal(
        read_text(
            "# Elapsed time   CPU (%)      Magic (xx)    Real (MB)  \n 0.0 0 7 1.5\n 1 10 8 2\n"),
        0);
    assert_int_equal(value(1, PROCESS_RSS), 2 * MB);
    assert_int_equal(value(1, PROCESS_CPU), NS_PER_S / 10);
    assert_false(knows(1, PROCESS_VMS));
}

static void children_of_mprof_are_processes(void **state)
{
    assert_int_equal(
        read_text(
            "MEM 1 1714996800\nCHLD 1 2 1714996800\nCHLD 0 3 1714996800\nCHLD 1 4 1714996801\n"
            "CHLD 99999999999 1 1\nFUNC f 1 5 1 4 0\n"),
        0);
    assert_int_equal(gathered.entities.count, 3);
    assert_int_equal(point(1)->entity, point(3)->entity);
    assert_int_equal(value(3, PROCESS_RSS), 4 * MB);
    assert_int_equal(result.wrong, 2);
}

static void younger_processes_of_con_duct_are_others(void **state)
{
    assert_int_equal(
        read_text("{\"timestamp\": \"2024-05-06T12:00:00Z\", \"processes\": {\"7\": {\"pcpu\": "
                  "50.0, \"rss\": 5, "
                  "\"etime\": \"1-00:00:10\", \"cmd\": \"a b\", \"stat\": {\"Rl\": 1}}}}\n"
                  "{\"timestamp\": \"2024-05-06T12:01:00Z\", \"processes\": {\"7\": {\"pcpu\": "
                  "10.0, \"rss\": 6, "
                  "\"etime\": \"00:20\", \"cmd\": \"c\"}}}\n"),
        0);
    assert_int_equal(gathered.entities.count, 2);
    assert_int_equal(value(0, PROCESS_CPU), 43205 * NS_PER_S);
    assert_int_equal(value(0, PROCESS_STATE), 'R');
    assert_int_equal(value(1, PROCESS_CPU), 2 * NS_PER_S);
    assert_false(knows(1, PROCESS_STATE));
}

static void older_heads_of_prmon_are_read(void **state)
{
    assert_int_equal(
        read_text("Time\tVMEM\tPSS\tRSS\tSwap\twtime\tutime\tstime\n"
                  "1714996801\t8\t0\t4\t0\t1\t3\t2\nx\n1714996803\t8\t2\t4\t0\t3\t4\t2\n"),
        0);
    assert_int_equal(value(0, PROCESS_VMS), 8192);
    assert_false(knows(0, PROCESS_PSS));
    assert_int_equal(value(1, PROCESS_PSS), 2048);
    assert_int_equal(value(1, PROCESS_CPU), 6 * NS_PER_S);
    assert_int_equal(gathered_entity(&gathered, 0)->start_ns, UINT64_C(1714996800) * NS_PER_S);
    assert_int_equal(result.wrong, 1);
}

static void nextflow_has_units_or_none(void **state)
{
    assert_int_equal(
        read_text("name\tstatus\texit\tstart\tcomplete\trealtime\t%cpu\trss\tpeak_rss\n"
                  "a\tCOMPLETED\t0\t2024-05-06 12:00:00\t-\t1d 2h 3m 4.5s\t100%\t1.5 GB\t12 B\n"
                  "b\tFAILED\t137\t1714996800000\t1714996801500\t1500\t50.0\t4096\t-\n"
                  "c\tCOMPLETED\t0\t-\t-\t5 parsecs\t-\t-\t-\n"
                  "d\tCOMPLETED\t0\t-\t-\t5s\t-\t-\t-\n"),
        0);
    const uint64_t long_ns = UINT64_C(93784500) * NS_PER_MS;
    assert_int_equal(point(1)->time_ns - point(0)->time_ns, long_ns);
    assert_int_equal(value(1, PROCESS_CPU), long_ns);
    assert_int_equal(value(1, PROCESS_RSS), 3 * MB * 512);
    assert_int_equal(value(1, PROCESS_PEAK_RSS), 12);
    assert_int_equal(point(3)->time_ns - point(2)->time_ns, 1500 * NS_PER_MS);
    assert_int_equal(value(3, PROCESS_CPU), 750 * NS_PER_MS);
    assert_int_equal(gathered_entity(&gathered, 1)->status, 137 << 8);
    assert_int_equal(result.wrong, 2); /* without a time, and without a date beside dates */
}

/* ---- as a recording ---- */

static struct tacho_recording *written(void)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_int_equal(gathered_write(&gathered, &(struct recording_options){.fd = dup(fd)}), 0);
    assert_int_equal(tacho_recording_open_fd(fd, &rec, &error), 0);
    return rec;
}

static void an_own_clock_has_no_date(void **state)
{
    uint64_t number;
    assert_int_equal(read_text("# Elapsed time   CPU (%)     Real (MB)\n0 0 1\n2 0 1\n"), 0);
    struct tacho_recording *rec = written();
    assert_int_equal(tacho_real_ns(rec, tacho_first_ns(rec)), 0);
    assert_false(tacho_fact_number(rec, "started_real_ns", &number));
    assert_true(tacho_fact_number(rec, "wall_ns", &number) && number == 2 * NS_PER_S);
    tacho_recording_close(rec);
}

static void what_is_said_last_of_a_moment_holds(void **state)
{
    uint64_t values[METRICS_MAX] = {0};
    uint32_t process;
    assert_int_equal(gathered_begin(&gathered, 7, 0, &process), 0);
    values[PROCESS_RSS] = 5;
    gathered_add(&gathered, process, 20, UINT64_C(1) << PROCESS_RSS, values);
    values[PROCESS_RSS] = 6;
    values[PROCESS_VMS] = 9;
    gathered_add(&gathered, process, 10, UINT64_C(1) << PROCESS_VMS, values);
    gathered_add(&gathered, process, 20, UINT64_C(1) << PROCESS_RSS | UINT64_C(1) << PROCESS_VMS,
                 values);
    struct tacho_recording *rec = written();
    struct tacho_walk *walk;
    struct tacho_sample s;
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk), 0);
    assert_int_equal(tacho_walk_next(walk, &s), 1);
    assert_int_equal(s.time_ns, 10);
    assert_int_equal(tacho_walk_next(walk, &s), 1);
    assert_int_equal(s.value[PROCESS_RSS], 6);
    assert_int_equal(tacho_walk_next(walk, &s), 0);
    tacho_walk_close(walk);
    assert_int_equal(tacho_process(rec, 0)->end_ns, 20);
    tacho_recording_close(rec);
}

/* Two that overlap are of two threads; more of them than there may be threads are counted. */
static void overlapping_scopes_are_of_several_threads(void **state)
{
    enum { MANY = 1100 };
    uint32_t process, site;
    struct span name = {(const uint8_t *)"f", 1};
    assert_int_equal(gathered_begin(&gathered, 0, 0, &process), 0);
    assert_int_equal(gathered_site(&gathered, name, (struct span){0}, &site), 0);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(gathered_scope(&gathered, process, site, 10 + i, 10 + MANY + i), 0);
    gathered_add(&gathered, process, 10, 0, NULL);
    gathered_add(&gathered, process, 10 + 2 * MANY, 0, NULL);
    struct tacho_recording *rec = written();
    assert_int_equal(tacho_marking_thread_count(rec), 1024);
    assert_int_equal(tacho_lost_marks(rec, 0)->others, MANY - 1024);
    tacho_recording_close(rec);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cells_may_be_quoted),
        TEST(a_row_may_have_any_number_of_cells),
        TEST(numbers_are_read_strictly),
        TEST(moments_may_name_their_zone),
        TEST(commands_fall_into_words),
        TEST(forms_are_told_by_their_content),
        TEST(resources_do_not_go_back),
        TEST(starts_without_ends_end_with_what_they_are_in),
        TEST(numbers_of_events_begin_anew),
        TEST(a_rank_log_is_of_one_rank),
        TEST(unknown_columns_of_psrecord_are_passed_over),
        TEST(children_of_mprof_are_processes),
        TEST(younger_processes_of_con_duct_are_others),
        TEST(older_heads_of_prmon_are_read),
        TEST(nextflow_has_units_or_none),
        TEST(an_own_clock_has_no_date),
        TEST(what_is_said_last_of_a_moment_holds),
        TEST(overlapping_scopes_are_of_several_threads),
    };
    return cmocka_run_group_tests_name("import_forms", tests, NULL, NULL);
}
