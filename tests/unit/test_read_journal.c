/* What the journal says: facts, metrics, entities, processes, happenings, anchors. */
#include <limits.h>

#include "base/crc32c.h"
#include "test_read_build.h"

static void put(struct made *m, const struct record *record)
{
    record_put(&m->journal, record);
}

#define PUT(m, TYPE, field, ...) put(m, &(struct record){.type = TYPE, .field = {__VA_ARGS__}})

static struct tacho_recording *open_journal(struct made *m)
{
    made_journal(m);
    return open_made(m);
}

static void done(struct made *m, struct tacho_recording *rec)
{
    tacho_recording_close(rec);
    made_done(m);
}

static void test_facts(void **state)
{
    struct made m;
    uint64_t number = 0;
    size_t bytes = 0;
    const char *text;
    made_init(&m, NULL);
    record_put_number(&m.journal, "interval_ns", 100);
    record_put_text(&m.journal, "command", "ls\0-l\0", 6);
    record_put_text(&m.journal, "hostname", "a", 1);
    made_journal(&m);
    record_put_number(&m.journal, "interval_ns", UINT64_MAX);
    record_put_text(&m.journal, "hostname", "", 0);
    PUT(&m, RECORD_FACT, fact, .key = span_text("odd"), .type = 7, .number = 3);
    PUT(&m, RECORD_FACT, fact, .key = {(const uint8_t *)"a\0b", 3}, .number = 3);
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_fact_count(rec), 3);
    assert_true(tacho_fact_number(rec, "interval_ns", &number));
    assert_true(number == UINT64_MAX);
    assert_null(tacho_fact_text(rec, "interval_ns", &bytes));
    assert_memory_equal(tacho_fact_text(rec, "command", &bytes), "ls\0-l\0", 7);
    assert_int_equal(bytes, 6);
    assert_false(tacho_fact_number(rec, "command", &number));
    assert_string_equal(tacho_fact_text(rec, "hostname", NULL), "");
    assert_null(tacho_fact_text(rec, "odd", NULL));
    assert_string_equal(tacho_fact(rec, 0, &text, &bytes, &number), "interval_ns");
    assert_null(text);
    assert_string_equal(tacho_fact(rec, 2, &text, NULL, NULL), "hostname");
    assert_string_equal(text, "");
    assert_null(tacho_fact(rec, 3, &text, &bytes, &number));
    assert_false(tacho_recording_salvage(rec)->ended);
    done(&m, rec);
}

static void test_ended(void **state)
{
    struct made m;
    made_init(&m, NULL);
    record_put_number(&m.journal, "ended_ns", 3);
    struct tacho_recording *rec = open_journal(&m);
    assert_true(tacho_recording_salvage(rec)->ended);
    done(&m, rec);
}

static void test_too_many_facts(void **state)
{
    struct made m;
    char key[32];
    uint64_t number;
    made_init(&m, NULL);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "key%u", i);
        record_put_number(&m.journal, key, i);
    }
    record_put_number(&m.journal, "key5", 55);
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_fact_count(rec), 1024);
    assert_true(tacho_fact_number(rec, "key5", &number));
    assert_int_equal(number, 55);
    assert_false(tacho_fact_number(rec, "key2000", &number));
    done(&m, rec);
}

static void test_metrics(void **state)
{
    struct made m;
    made_init(&m, NULL);
    made_metrics(&m);
    /* The first definition stays; what no walk could hold is left out. */
    PUT(&m, RECORD_METRIC, metric, .kind = 1, .position = 0, .group = 5,
        .name = span_text("other"));
    PUT(&m, RECORD_METRIC, metric, .kind = 32, .position = 0, .name = span_text("far"));
    PUT(&m, RECORD_METRIC, metric, .kind = 0, .position = 0, .name = span_text("none"));
    PUT(&m, RECORD_METRIC, metric, .kind = 1, .position = 64, .name = span_text("high"));
    PUT(&m, RECORD_METRIC, metric, .kind = 1, .position = 60, .group = 24, .name = span_text("g"));
    PUT(&m, RECORD_METRIC, metric, .kind = 31, .position = 63, .group = 23, .name = span_text("z"));
    struct tacho_recording *rec = open_journal(&m);
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind)) {
        const struct kind_info *info = kind_info(kind);
        assert_int_equal(tacho_metric_count(rec, kind), info->metric_count);
        for (unsigned i = 0; i < info->metric_count; i++) {
            const struct tacho_metric *metric = tacho_metric(rec, kind, i);
            assert_string_equal(metric->name, info->metrics[i].name);
            assert_string_equal(metric->unit, info->metrics[i].unit);
            assert_int_equal(metric->cumulative, info->metrics[i].cumulative);
            assert_int_equal(metric->group, info->metrics[i].group);
            assert_int_equal(tacho_metric_find(rec, kind, info->metrics[i].name), i);
        }
        assert_null(tacho_metric(rec, kind, info->metric_count));
    }
    assert_int_equal(tacho_metric_find(rec, 1, "other"), -1);
    assert_int_equal(tacho_metric_count(rec, 0), 0);
    assert_int_equal(tacho_metric_count(rec, 32), 0);
    assert_int_equal(tacho_metric_count(rec, UINT_MAX), 0);
    assert_int_equal(tacho_metric_count(rec, 31), 64);
    assert_int_equal(tacho_metric_find(rec, 31, "z"), 63);
    done(&m, rec);
}

static void test_entities(void **state)
{
    struct made m;
    made_init(&m, NULL);
    made_entity(&m, 9, TACHO_MACHINE, "");
    made_entity(&m, 4, TACHO_DISK, "sda");
    made_entity(&m, 5, TACHO_DISK, "sdb");
    made_entity(&m, 4, TACHO_NETWORK, "eth0"); /* taken */
    made_entity(&m, 0, TACHO_NETWORK, "eth0"); /* no id */
    made_entity(&m, 6, TACHO_PROCESS, "fake"); /* processes are born */
    made_entity(&m, 7, 1000, "unheard of");
    PUT(&m, RECORD_ENTITY, entity, .entity = UINT64_C(1) << 32, .kind = TACHO_DISK);
    made_birth(&m, 2, "sh");
    made_birth(&m, 5, "no");
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_entity_count(rec), 5);
    assert_int_equal(tacho_entity(rec, 0)->id, 9);
    assert_string_equal(tacho_entity(rec, 1)->name, "sda");
    assert_int_equal(tacho_entity(rec, 3)->kind, 1000);
    assert_int_equal(tacho_entity(rec, 4)->kind, TACHO_PROCESS);
    assert_string_equal(tacho_entity(rec, 4)->name, "");
    assert_null(tacho_entity(rec, 5));
    assert_int_equal(tacho_entity_first(rec, TACHO_DISK), 4);
    assert_int_equal(tacho_entity_first(rec, TACHO_PROCESS), 2);
    assert_int_equal(tacho_entity_first(rec, TACHO_NETWORK), 0);
    assert_int_equal(tacho_entity_first(rec, 1000), 0);
    assert_int_equal(tacho_process_count(rec), 1);
    assert_null(tacho_process_of(rec, 4));
    assert_null(tacho_process_of(rec, 0));
    done(&m, rec);
}

static void test_a_life(void **state)
{
    struct made m;
    made_init(&m, NULL);
    PUT(&m, RECORD_BIRTH, birth, .entity = 7, .time_ns = 100, .pid = 42, .inner_pid = 2,
        .parent_entity = 3, .parent_pid = 41, .process_group = 40, .session = 39, .uid = 1000,
        .start_boot_ns = 5070, .flags = BIRTH_ROOT | BIRTH_ARGV_CUT | 64, .comm = span_text("sh"),
        .exe = span_text("/bin/sh"), .cwd = span_text("/tmp"),
        .argv = {(const uint8_t *)"sh\0-c\0", 6});
    PUT(&m, RECORD_ANCHOR, anchor, .mono_ns = 90, .real_ns = 1000090, .boot_ns = 5090);
    PUT(&m, RECORD_EXEC, exec, .entity = 7, .time_ns = 110, .flags = 0, .comm = span_text("cc"),
        .exe = span_text("/bin/cc"), .argv = {(const uint8_t *)"cc\0\0x\0", 6});
    PUT(&m, RECORD_EXIT, exit, .entity = 7, .time_ns = 120);
    PUT(&m, RECORD_EXIT, exit, .entity = 7, .time_ns = 125, .flags = EXIT_STATUS | EXIT_RUSAGE,
        .status = 0x8b, .user_ns = 1, .system_ns = 2, .peak_rss_bytes = 3, .minor_faults = 4,
        .major_faults = 5, .read_blocks = 6, .write_blocks = 7, .voluntary_switches = 8,
        .involuntary_switches = UINT64_MAX);
    PUT(&m, RECORD_BIRTH, birth, .entity = 7, .time_ns = 130, .pid = 1); /* taken */
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_process_count(rec), 1);
    const struct tacho_process *p = tacho_process(rec, 0);
    assert_ptr_equal(p, tacho_process_of(rec, 7));
    assert_int_equal(p->pid, 42);
    assert_int_equal(p->inner_pid, 2);
    assert_int_equal(p->parent_entity, 3);
    assert_int_equal(p->parent_pid, 41);
    assert_int_equal(p->process_group, 40);
    assert_int_equal(p->session, 39);
    assert_int_equal(p->uid, 1000);
    assert_int_equal(p->flags, TACHO_PROCESS_ROOT | TACHO_PROCESS_ENDED | TACHO_PROCESS_STATUS |
                                   TACHO_PROCESS_RUSAGE);
    assert_int_equal(p->start_ns, 70);
    assert_int_equal(p->start_real_ns, 1000070);
    assert_int_equal(p->seen_ns, 100);
    assert_int_equal(p->end_ns, 120);
    assert_int_equal(p->wait_status, 0x8b);
    assert_int_equal(p->execs, 1);
    assert_string_equal(p->comm, "cc");
    assert_string_equal(p->exe, "/bin/cc");
    assert_string_equal(p->cwd, "/tmp");
    assert_int_equal(p->argv_bytes, 6);
    assert_memory_equal(p->argv, "cc\0\0x\0", 7);
    assert_int_equal(p->exact.user_ns, 1);
    assert_int_equal(p->exact.write_blocks, 7);
    assert_true(p->exact.involuntary_switches == UINT64_MAX);
    assert_int_equal(tacho_happening_count(rec), 3);
    assert_int_equal(tacho_happening(rec, 0)->type, TACHO_BORN);
    assert_null(tacho_happening(rec, 0)->text);
    assert_int_equal(tacho_happening(rec, 1)->type, TACHO_EXEC);
    assert_string_equal(tacho_happening(rec, 1)->text, "cc  x");
    assert_int_equal(tacho_happening(rec, 2)->type, TACHO_ENDED);
    assert_int_equal(tacho_happening(rec, 2)->time_ns, 120);
    assert_null(tacho_happening(rec, 3));
    assert_null(tacho_process(rec, 1));
    done(&m, rec);
}

static void test_hostile_numbers(void **state)
{
    struct made m;
    made_init(&m, NULL);
    PUT(&m, RECORD_ANCHOR, anchor, .mono_ns = 100, .real_ns = 50, .boot_ns = 1000);
    PUT(&m, RECORD_BIRTH, birth, .entity = 1, .pid = UINT64_MAX, .inner_pid = UINT64_MAX - 1,
        .parent_entity = UINT64_MAX, .parent_pid = UINT64_C(1) << 63, .process_group = INT_MAX,
        .session = UINT64_C(1) << 40, .uid = UINT64_MAX, .start_boot_ns = 899);
    PUT(&m, RECORD_BIRTH, birth, .entity = 2, .start_boot_ns = UINT64_MAX);
    PUT(&m, RECORD_EXIT, exit, .entity = 2, .flags = EXIT_STATUS, .status = UINT64_MAX / 2);
    PUT(&m, RECORD_EXIT, exit, .entity = 77, .time_ns = 8);
    PUT(&m, RECORD_EXEC, exec, .entity = UINT64_MAX, .comm = span_text("x"));
    PUT(&m, RECORD_MISSING, missing, .kind = UINT64_MAX, .group = UINT64_MAX, .error = UINT64_MAX);
    struct tacho_recording *rec = open_journal(&m);
    const struct tacho_process *p = tacho_process(rec, 0);
    assert_int_equal(p->pid, -1);
    assert_int_equal(p->inner_pid, -2);
    assert_int_equal(p->parent_entity, 0);
    assert_int_equal(p->parent_pid, INT_MIN);
    assert_int_equal(p->process_group, INT_MAX);
    assert_int_equal(p->session, INT_MAX);
    assert_int_equal(p->uid, UINT32_MAX);
    assert_int_equal(p->start_ns, 0); /* before mono's beginning */
    assert_int_equal(p->start_real_ns, 0);
    assert_true(p->end_ns == TACHO_TIME_UNKNOWN);
    p = tacho_process(rec, 1);
    assert_int_equal(p->wait_status, INT_MAX);
    assert_true(p->start_ns == UINT64_MAX - 900);
    assert_int_equal(tacho_happening(rec, 3)->entity, 77);
    assert_null(tacho_process_of(rec, 77));
    assert_int_equal(tacho_happening(rec, 4)->entity, 0);
    assert_int_equal(tacho_missing(rec, 0)->kind, UINT_MAX);
    done(&m, rec);
}

static void test_no_anchor(void **state)
{
    struct made m;
    made_init(&m, NULL);
    PUT(&m, RECORD_BIRTH, birth, .entity = 1, .start_boot_ns = 899);
    struct tacho_recording *rec = open_journal(&m);
    assert_true(tacho_process(rec, 0)->start_ns == TACHO_TIME_UNKNOWN);
    assert_int_equal(tacho_process(rec, 0)->start_real_ns, 0);
    assert_int_equal(tacho_real_ns(rec, 5), 0);
    done(&m, rec);
}

static void test_anchors(void **state)
{
    struct made m;
    made_init(&m, NULL);
    PUT(&m, RECORD_ANCHOR, anchor, .mono_ns = 100, .real_ns = 1000, .boot_ns = 100);
    PUT(&m, RECORD_ANCHOR, anchor, .mono_ns = 200, .real_ns = 5000, .boot_ns = 200);
    PUT(&m, RECORD_ANCHOR, anchor, .mono_ns = 150, .real_ns = 9, .boot_ns = 200); /* backwards */
    PUT(&m, RECORD_ANCHOR, anchor, .mono_ns = 300, .real_ns = 4000, .boot_ns = 300);
    PUT(&m, RECORD_BIRTH, birth, .entity = 1, .start_boot_ns = 220);
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_real_ns(rec, 50), 950);
    assert_int_equal(tacho_real_ns(rec, 100), 1000);
    assert_int_equal(tacho_real_ns(rec, 199), 1099);
    assert_int_equal(tacho_real_ns(rec, 200), 5000);
    assert_int_equal(tacho_real_ns(rec, 299), 5099);
    assert_int_equal(tacho_real_ns(rec, 350), 4050);
    assert_true(tacho_real_ns(rec, UINT64_MAX) == UINT64_MAX);
    assert_int_equal(tacho_process(rec, 0)->start_ns, 220); /* by the first */
    done(&m, rec);
}

static void test_happenings(void **state)
{
    struct made m;
    made_init(&m, NULL);
    PUT(&m, RECORD_LATE, late, .time_ns = 1, .late_ns = 2, .skipped = 3);
    PUT(&m, RECORD_GAP, gap, .from_ns = 4, .to_ns = 5, .error = ENOSPC);
    PUT(&m, RECORD_NOTE, note, .time_ns = 6, .text = span_text("words"));
    struct tacho_recording *rec = open_journal(&m);
    const struct tacho_happening *h = tacho_happening(rec, 0);
    assert_int_equal(h->type, TACHO_LATE);
    assert_int_equal(h->time_ns, 1);
    assert_int_equal(h->a, 2);
    assert_int_equal(h->b, 3);
    assert_null(h->text);
    h = tacho_happening(rec, 1);
    assert_int_equal(h->type, TACHO_GAP);
    assert_int_equal(h->time_ns, 4);
    assert_int_equal(h->a, 5);
    assert_int_equal(h->b, ENOSPC);
    h = tacho_happening(rec, 2);
    assert_int_equal(h->type, TACHO_NOTE);
    assert_string_equal(h->text, "words");
    done(&m, rec);
}

/* Texts are found again by their CRC, which these have in common. */
static void test_texts_of_one_checksum(void **state)
{
    static const uint8_t polynomial[5] = {0xf1, 0x76, 0xec, 0x05, 0x01};
    struct made m;
    char twin[] = "aaaaaaaa";
    made_init(&m, NULL);
    for (size_t i = 0; i < sizeof polynomial; i++)
        twin[i] = (char)(twin[i] ^ polynomial[i]);
    assert_int_equal(crc32c(0, twin, 8), crc32c(0, "aaaaaaaa", 8));
    PUT(&m, RECORD_NOTE, note, .text = span_text("aaaaaaaa"));
    PUT(&m, RECORD_NOTE, note, .text = span_text(twin));
    record_put_number(&m.journal, "aaaaaaaa", 1);
    record_put_number(&m.journal, twin, 2);
    struct tacho_recording *rec = open_journal(&m);
    assert_string_equal(tacho_happening(rec, 0)->text, "aaaaaaaa");
    assert_string_equal(tacho_happening(rec, 1)->text, twin);
    assert_int_equal(tacho_fact_count(rec), 2);
    done(&m, rec);
}

static void test_missing(void **state)
{
    struct made m;
    made_init(&m, NULL);
    for (unsigned i = 1; i <= 300; i++)
        PUT(&m, RECORD_MISSING, missing, .kind = 1, .group = 2, .error = i, .count = i);
    PUT(&m, RECORD_MISSING, missing, .kind = 1, .group = 2, .error = EACCES, .count = 900);
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_missing_count(rec), 256);
    assert_int_equal(tacho_missing(rec, EACCES - 1)->error, EACCES);
    assert_int_equal(tacho_missing(rec, EACCES - 1)->count, 900);
    assert_int_equal(tacho_missing(rec, EACCES)->count, EACCES + 1);
    assert_null(tacho_missing(rec, 256));
    done(&m, rec);
}

static void test_records_from_the_future(void **state)
{
    struct made m;
    struct buffer record = {0};
    made_init(&m, NULL);
    made_birth(&m, 1, "a");
    varint_put(&m.journal, 1000); /* an unknown type */
    varint_put(&m.journal, 3);
    buffer_put(&m.journal, "xyz", 3);
    /* A note with a field more than is known. */
    varint_put(&record, 5);
    varint_put(&record, 2);
    buffer_put(&record, "hi", 2);
    varint_put(&record, 12345);
    varint_put(&m.journal, RECORD_NOTE);
    varint_put(&m.journal, record.len);
    buffer_put(&m.journal, record.data, record.len);
    made_birth(&m, 2, "b");
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_process_count(rec), 2);
    assert_string_equal(tacho_happening(rec, 1)->text, "hi");
    assert_int_equal(tacho_recording_salvage(rec)->lost_bytes, 0);
    buffer_done(&record);
    done(&m, rec);
}

/* Sound by its checksum, yet no records: what stands before the nonsense stays, the rest is lost. */
static void test_nonsense_records(void **state)
{
    struct made m;
    made_init(&m, NULL);
    made_birth(&m, 1, "a");
    made_journal(&m);
    made_birth(&m, 2, "b");
    buffer_put(&m.journal, "\x04\x05\x01", 3);
    made_journal(&m);
    made_birth(&m, 3, "c");
    struct tacho_recording *rec = open_journal(&m);
    const struct tacho_salvage *salvage = tacho_recording_salvage(rec);
    assert_int_equal(tacho_process_count(rec), 3);
    assert_int_equal(salvage->lost_stretches, 1);
    assert_int_equal(salvage->lost_offset, m.block_end[0]);
    assert_int_equal(salvage->lost_bytes, m.block_end[1] - m.block_end[0]);
    assert_int_equal(salvage->missing_blocks, 0);
    done(&m, rec);
}

static void test_many_processes(void **state)
{
    struct made m;
    const uint32_t n = 20000;
    char comm[16];
    made_init(&m, NULL);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(comm, sizeof comm, "p%u", i);
        made_birth(&m, 1 + i * 7919 % 1000003, comm); /* in no order */
        if (i % 1000 == 0)
            made_journal(&m);
    }
    struct tacho_recording *rec = open_journal(&m);
    assert_int_equal(tacho_process_count(rec), n);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(comm, sizeof comm, "p%u", i);
        const struct tacho_process *p = tacho_process(rec, i);
        assert_ptr_equal(tacho_process_of(rec, 1 + i * 7919 % 1000003), p);
        assert_string_equal(p->comm, comm);
    }
    done(&m, rec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_too_many_facts),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_entities),
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_hostile_numbers),
        cmocka_unit_test(test_no_anchor),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_happenings),
        cmocka_unit_test(test_texts_of_one_checksum),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_records_from_the_future),
        cmocka_unit_test(test_nonsense_records),
        cmocka_unit_test(test_many_processes),
    };
    return cmocka_run_group_tests_name("read_journal", tests, NULL, NULL);
}
