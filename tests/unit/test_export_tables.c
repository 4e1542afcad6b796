/* export/: whole tables of recordings built here, byte by byte as a recorder would write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/tables.h"
#include "format/block.h"
#include "format/records.h"
#include "format/samples.h"

#define START (1000 * NS_PER_S)
#define REAL UINT64_C(1735689600000000000) /* 2025-01-01 at START */
#define TICK (100 * NS_PER_MS)
#define BIT(metric) (UINT64_C(1) << (metric))

/* ---- building recordings ---- */

static struct buffer file;
static uint64_t sequence;
static struct tacho_recording *rec;

static struct span span(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void put_block(enum block_type type, uint8_t flags, uint64_t first_ns, uint64_t last_ns,
                      const struct buffer *payload)
{
    struct block_header header = {.type = (uint8_t)type,
                                  .flags = flags,
                                  .sequence = sequence++,
                                  .first_ns = first_ns,
                                  .last_ns = last_ns};
    assert_int_equal(block_append(&file, &header, payload->data, payload->len, NULL, NULL), 0);
}

static void put_metrics(struct buffer *journal, unsigned kind)
{
    const struct kind_info *info = kind_info(kind);
    for (unsigned m = 0; m < info->metric_count; m++)
        record_put(journal, &(struct record){.type = RECORD_METRIC,
                                             .metric = {.kind = kind,
                                                        .position = m,
                                                        .group = info->metrics[m].group,
                                                        .cumulative = info->metrics[m].cumulative,
                                                        .name = span(info->metrics[m].name),
                                                        .unit = span(info->metrics[m].unit)}});
}

static void put_head(struct buffer *journal, bool anchored)
{
    record_put_number(journal, "started_ns", START);
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind))
        put_metrics(journal, kind);
    if (anchored)
        record_put(journal,
                   &(struct record){
                       .type = RECORD_ANCHOR,
                       .anchor = {.mono_ns = START, .real_ns = REAL, .boot_ns = START + NS_PER_S}});
}

static void put_birth(struct buffer *journal, uint32_t entity, int pid, const char *comm,
                      const char *argv, size_t argv_bytes)
{
    record_put(journal, &(struct record){.type = RECORD_BIRTH,
                                         .birth = {.entity = entity,
                                                   .time_ns = START + TICK,
                                                   .pid = (uint64_t)pid,
                                                   .parent_entity = entity - 1,
                                                   .parent_pid = (uint64_t)pid - 1,
                                                   .uid = 1000,
                                                   .start_boot_ns = START + NS_PER_S - TICK / 2,
                                                   .flags = entity == 1 ? BIRTH_ROOT | BIRTH_FORKED
                                                                        : BIRTH_FORKED,
                                                   .comm = span(comm),
                                                   .exe = span("/bin/x"),
                                                   .cwd = span("/tmp"),
                                                   .argv = {(const uint8_t *)argv, argv_bytes}}});
}

static void put_exit(struct buffer *journal, uint32_t entity, uint64_t status)
{
    record_put(journal, &(struct record){.type = RECORD_EXIT,
                                         .exit = {.entity = entity,
                                                  .time_ns = START + NS_PER_S,
                                                  .flags = EXIT_STATUS | EXIT_RUSAGE,
                                                  .status = status,
                                                  .user_ns = 1500000001,
                                                  .system_ns = 250000000,
                                                  .peak_rss_bytes = 8192}});
}

static void put_journal(const struct buffer *journal)
{
    put_block(BLOCK_JOURNAL, 0, START, START, journal);
}

static void put_stage(struct stage *stage, enum block_type type)
{
    struct buffer payload = {0};
    uint64_t first_ns, last_ns;
    assert_int_equal(stage_encode(stage, true, &payload, &first_ns, &last_ns), 0);
    put_block(type, BLOCK_KEYFRAME, first_ns, last_ns, &payload);
    buffer_done(&payload);
}

static void open_file(void)
{
    struct tacho_error error;
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_int_equal(write(fd, file.data, file.len), file.len);
    if (tacho_recording_open_fd(fd, &rec, &error) != 0)
        fail_msg("%s", error.message);
}

static int clean_up(void **state)
{
    tacho_recording_close(rec);
    rec = NULL;
    buffer_done(&file);
    sequence = 0;
    return 0;
}

/* ---- reading tables ---- */

static int take(void *context, const void *bytes, size_t n)
{
    return buffer_put(context, bytes, n);
}

/* The table as text; freed by the caller. */
static char *table(const char *name, const char *format, const char *fields, enum moment_style time,
                   bool fill)
{
    struct export_options options = {.format = export_format_find(format),
                                     .table = export_table_find(name),
                                     .fields = fields,
                                     .time = time,
                                     .fill = fill};
    struct export *export;
    struct tacho_error error;
    struct buffer out = {0};
    if (export_open(rec, &options, &export, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(export_run(export, take, &out), 0);
    export_free(export);
    buffer_put_byte(&out, 0);
    return (char *)out.data;
}

static void assert_table(const char *name, const char *format, const char *fields,
                         const char *expected)
{
    char *text = table(name, format, fields, MOMENT_ELAPSED, false);
    assert_string_equal(text, expected);
    free(text);
}

/* ---- processes ---- */

#define HOSTILE "sh\0-c\0echo \"a,b\";\nexit\0\xFF\x1B[2J\0it's\0"

static void build_processes(void)
{
    struct buffer journal = {0};
    put_head(&journal, true);
    put_birth(&journal, 1, 100, "sh", HOSTILE, sizeof HOSTILE - 1);
    put_birth(&journal, 2, 101, "a,\"b\"\n", "", 0);
    put_birth(&journal, 3, 102, "kid", "kid", 3);
    put_exit(&journal, 1, 3 << 8);
    put_exit(&journal, 2, 9);
    put_birth(&journal, 4, 103, "leaf", "leaf", 5);
    put_exit(&journal, 4, 0);
    put_journal(&journal);
    buffer_done(&journal);
    struct stage *stage = stage_new(ENTITY_PROCESS, TICK, 0);
    struct track *tracks[2];
    for (uint32_t i = 0; i < 2; i++)
        tracks[i] = stage_add(stage, i + 1, ENTITY_PROCESS);
    const uint32_t all = (1u << GROUP_CLOCK) | (1u << GROUP_MEMORY);
    uint64_t value[PROCESS_METRICS] = {0};
    uint64_t known = BIT(PROCESS_CPU) | BIT(PROCESS_RSS) | BIT(PROCESS_VMS);
    static const uint64_t rss[] = {4096, 65536, 8192};
    for (unsigned t = 0; t < 3; t++) {
        assert_int_equal(stage_tick(stage, START + (t + 1) * TICK), 0);
        value[PROCESS_CPU] = t * 40 * NS_PER_MS + 1;
        value[PROCESS_RSS] = rss[t];
        assert_int_equal(stage_put(stage, tracks[0], all, false, value, known), 0);
        value[PROCESS_CPU] = 5;
        uint32_t groups = t == 0 ? all : 1u << GROUP_CLOCK;
        assert_int_equal(stage_put(stage, tracks[1], groups, t > 0, value, known), 0);
    }
    put_stage(stage, BLOCK_PROCESSES);
    stage_free(stage);
    open_file();
}

static void samples_are_a_row_a_process_and_tick(void **state)
{
    build_processes();
    assert_table("samples", "csv", "time,pid,entity,comm,cpu,cpu_percent,rss,vms,pss",
                 "time,pid,entity,comm,cpu,cpu_percent,rss,vms,pss\r\n"
                 "0.100000,100,1,sh,0.000000001,,4096,0,\r\n"
                 "0.100000,101,2,\"a,\"\"b\"\"\n\",0.000000005,,4096,0,\r\n"
                 "0.200000,100,1,sh,0.040000001,40.00,65536,0,\r\n"
                 "0.200000,101,2,\"a,\"\"b\"\"\n\",0.000000005,0.00,,0,\r\n"
                 "0.300000,100,1,sh,0.080000001,40.00,8192,0,\r\n"
                 "0.300000,101,2,\"a,\"\"b\"\"\n\",0.000000005,0.00,,0,\r\n");
}

static void samples_fill_in_what_was_known(void **state)
{
    build_processes();
    char *text = table("samples", "tsv", "pid,rss,pss", MOMENT_ELAPSED, true);
    assert_string_equal(text, "pid\trss\tpss\n100\t4096\t\n101\t4096\t\n100\t65536\t\n101\t4096\t\n"
                              "100\t8192\t\n101\t4096\t\n");
    free(text);
}

static void samples_tell_the_wall_clock(void **state)
{
    build_processes();
    char *text = table("samples", "csv", "time,pid", MOMENT_RFC3339, false);
    assert_memory_equal(text,
                        "time,pid\r\n2025-01-01T00:00:00.100000Z,100\r\n"
                        "2025-01-01T00:00:00.100000Z,101\r\n",
                        76);
    free(text);
    text = table("samples", "jsonl", "time", MOMENT_EPOCH, false);
    assert_memory_equal(text, "{\"time\":1735689600.100000}\n", 27);
    free(text);
}

static void processes_say_who_they_were(void **state)
{
    build_processes();
    assert_table("processes", "csv",
                 "entity,pid,ppid,parent,uid,start,seen,end,exit_code,signal,comm,exe,cwd,flags,"
                 "accounting,samples",
                 "entity,pid,ppid,parent,uid,start,seen,end,exit_code,signal,comm,exe,cwd,flags,"
                 "accounting,samples\r\n"
                 "1,100,99,,1000,-0.050000,0.100000,1.000000,3,,sh,/bin/x,/tmp,root forked,exact,3"
                 "\r\n"
                 "2,101,100,1,1000,-0.050000,0.100000,1.000000,,9,\"a,\"\"b\"\"\n\",/bin/x,/tmp,"
                 "forked,exact,3\r\n"
                 "3,102,101,2,1000,-0.050000,0.100000,,,,kid,/bin/x,/tmp,forked,missed,0\r\n"
                 "4,103,102,3,1000,-0.050000,0.100000,1.000000,0,,leaf,/bin/x,/tmp,forked,exact,0"
                 "\r\n");
}

/* The kernel's account of a process includes its children: it stands for childless ones alone. */
static void processes_say_what_they_used(void **state)
{
    build_processes();
    assert_table("processes", "csv", "cpu,max_rss,max_pss,peak_rss,rusage_user,rusage_system,user",
                 "cpu,max_rss,max_pss,peak_rss,rusage_user,rusage_system,user\r\n"
                 "0.080000001,65536,,,1.500000001,0.250000,\r\n"
                 "0.000000005,4096,,,1.500000001,0.250000,\r\n"
                 ",,,,,,\r\n"
                 "1.750000001,,,8192,1.500000001,0.250000,1.500000001\r\n");
}

static void hostile_commands_stay_in_their_field(void **state)
{
    build_processes();
    assert_table("processes", "csv", "pid,command",
                 "pid,command\r\n"
                 "100,\"sh -c $'echo \"\"a,b\"\";\\nexit' $'\\xff\\x1b[2J' 'it'\\''s'\"\r\n"
                 "101,\r\n102,kid\r\n103,leaf\r\n");
    assert_table(
        "processes", "jsonl", "command",
        "{\"command\":\"sh -c $'echo \\\"a,b\\\";\\\\nexit' $'\\\\xff\\\\x1b[2J' 'it'\\\\''s'\"}"
        "\n{\"command\":null}\n{\"command\":\"kid\"}\n{\"command\":\"leaf\"}\n");
}

static void processes_without_samples_read_none(void **state)
{
    build_processes();
    assert_table("processes", "csv", "pid", "pid\r\n100\r\n101\r\n102\r\n103\r\n");
    assert_int_equal(tacho_recording_salvage(rec)->undecodable_blocks, 0);
}

/* ---- the machine ---- */

static void build_machine(bool anchored)
{
    struct buffer journal = {0};
    put_head(&journal, anchored);
    static const struct {
        unsigned kind;
        const char *name;
    } things[] = {{ENTITY_MACHINE, ""},
                  {ENTITY_TREE, ""},
                  {ENTITY_PROCESSOR, "0"},
                  {ENTITY_DISK, "sd,a"},
                  {ENTITY_RECORDER, ""}};
    struct stage *stage = stage_new(0, TICK, 0);
    struct track *tracks[5];
    for (uint32_t i = 0; i < 5; i++) {
        record_put(&journal, &(struct record){.type = RECORD_ENTITY,
                                              .entity = {.entity = i + 1,
                                                         .kind = things[i].kind,
                                                         .time_ns = START,
                                                         .name = span(things[i].name)}});
        tracks[i] = stage_add(stage, i + 1, things[i].kind);
    }
    put_journal(&journal);
    buffer_done(&journal);
    for (unsigned t = 0; t < 2; t++) {
        uint64_t value[METRICS_MAX];
        assert_int_equal(stage_tick(stage, START + t * TICK), 0);
        for (unsigned m = 0; m < METRICS_MAX; m++)
            value[m] = t * 10 * NS_PER_MS;
        value[MACHINE_LOAD1] = 1250;
        for (unsigned i = 0; i < 5; i++) {
            const struct kind_info *info = kind_info(things[i].kind);
            uint32_t groups = (1u << info->group_count) - 1;
            if (i == 0 && t == 0)
                groups = 1u << MACHINE_GROUP_KERNEL;
            assert_int_equal(
                stage_put(stage, tracks[i], groups, false, value, BIT(info->metric_count) - 1), 0);
        }
    }
    put_stage(stage, BLOCK_OVERVIEW);
    stage_free(stage);
    open_file();
}

static void the_machine_is_a_row_for_each_thing(void **state)
{
    build_machine(true);
    assert_table("machine", "csv", "time,kind,name,cpu_percent,user,load1,processes,busy",
                 "time,kind,name,cpu_percent,user,load1,processes,busy\r\n"
                 "0.000000,machine,,,,1.250,,\r\n"
                 "0.000000,tree,,,,,0,\r\n"
                 "0.000000,processor,0,,0.000000,,,\r\n"
                 "0.000000,disk,\"sd,a\",,,,,0.000000\r\n"
                 "0.000000,recorder,,,,,,\r\n"
                 "0.100000,machine,,,0.010000,1.250,,\r\n"
                 "0.100000,tree,,,,,10000000,\r\n"
                 "0.100000,processor,0,60.00,0.010000,,,\r\n"
                 "0.100000,disk,\"sd,a\",,,,,0.010000\r\n"
                 "0.100000,recorder,,10.00,,,,\r\n");
}

static void wall_time_needs_a_wall_clock(void **state)
{
    build_machine(false);
    struct export *export = NULL;
    struct tacho_error error;
    struct export_options options = {.format = &export_csv, .time = MOMENT_RFC3339};
    assert_int_equal(export_open(rec, &options, &export, &error), -ENODATA);
    assert_null(export);
    assert_string_equal(error.message,
                        "the recording has no wall clock; --time elapsed needs none");
}

/* ---- the way out ---- */

static int take_some(void *context, const void *bytes, size_t n)
{
    size_t *calls = context;
    assert_true(n <= 2 * DRAIN_BYTES);
    return ++*calls == 3 ? -ENOSPC : 0;
}

static void build_many(unsigned processes, unsigned ticks)
{
    struct buffer journal = {0};
    put_head(&journal, true);
    struct stage *stage = stage_new(ENTITY_PROCESS, TICK, 0);
    struct track **tracks = calloc(processes, sizeof(struct track *));
    for (uint32_t i = 0; i < processes; i++) {
        put_birth(&journal, i + 1, (int)i + 100, "worker", "worker", 7);
        tracks[i] = stage_add(stage, i + 1, ENTITY_PROCESS);
    }
    put_journal(&journal);
    buffer_done(&journal);
    uint64_t value[PROCESS_METRICS] = {0};
    for (unsigned t = 0; t < ticks; t++) {
        assert_int_equal(stage_tick(stage, START + t * TICK), 0);
        for (unsigned i = 0; i < processes; i++)
            assert_int_equal(stage_put(stage, tracks[i], 1, false, value, 1), 0);
    }
    put_stage(stage, BLOCK_PROCESSES);
    stage_free(stage);
    free(tracks);
    open_file();
}

static void a_refusal_ends_the_table(void **state)
{
    build_many(100, 100);
    struct export *export;
    struct export_options options = {.format = &export_jsonl};
    size_t calls = 0;
    assert_int_equal(export_open(rec, &options, &export, NULL), 0);
    assert_int_equal(export_run(export, take_some, &calls), -ENOSPC);
    assert_int_equal(calls, 3);
    assert_true(export_write_failed(export));
    assert_in_range(export_rows(export), 300, 9000);
    export_free(export);
}

static void unknown_fields_are_refused_before_anything_is_written(void **state)
{
    build_machine(true);
    struct export *export = NULL;
    struct tacho_error error;
    struct export_options options = {
        .format = &export_csv, .table = export_table_find("processes"), .fields = "rss"};
    assert_int_equal(export_open(rec, &options, &export, &error), -EINVAL);
    assert_null(export);
    assert_string_equal(error.message,
                        "unknown field 'rss'; nearest: max_rss, max_rss_anon, max_rss_file");
}

/* Names are the file's: one that would break a head is left out, a newer tacho's is offered. */
static void takes_metrics_as_the_file_names_them(void **state)
{
    struct buffer journal = {0};
    static const char *const names[] = {"cpu", "joules", "evil\r\nname", "cpu"};
    record_put_number(&journal, "started_ns", START);
    for (unsigned m = 0; m < 4; m++)
        record_put(&journal, &(struct record){.type = RECORD_METRIC,
                                              .metric = {.kind = ENTITY_PROCESS,
                                                         .position = m,
                                                         .name = span(names[m]),
                                                         .unit = span(m == 1 ? "J" : "ns")}});
    put_birth(&journal, 1, 100, "x", "x", 1);
    put_journal(&journal);
    buffer_done(&journal);
    open_file();
    char *text = table("samples", "csv", "all", MOMENT_ELAPSED, false);
    assert_memory_equal(text, "time,pid,entity,comm,cpu_percent,cpu,joules,vms,rss,", 51);
    assert_null(strstr(text, "evil"));
    free(text);
    assert_table("samples", "csv", "joules,pss", "joules,pss\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(samples_are_a_row_a_process_and_tick, clean_up),
        cmocka_unit_test_teardown(samples_fill_in_what_was_known, clean_up),
        cmocka_unit_test_teardown(samples_tell_the_wall_clock, clean_up),
        cmocka_unit_test_teardown(processes_say_who_they_were, clean_up),
        cmocka_unit_test_teardown(processes_say_what_they_used, clean_up),
        cmocka_unit_test_teardown(hostile_commands_stay_in_their_field, clean_up),
        cmocka_unit_test_teardown(processes_without_samples_read_none, clean_up),
        cmocka_unit_test_teardown(the_machine_is_a_row_for_each_thing, clean_up),
        cmocka_unit_test_teardown(wall_time_needs_a_wall_clock, clean_up),
        cmocka_unit_test_teardown(a_refusal_ends_the_table, clean_up),
        cmocka_unit_test_teardown(unknown_fields_are_refused_before_anything_is_written, clean_up),
        cmocka_unit_test_teardown(takes_metrics_as_the_file_names_them, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
