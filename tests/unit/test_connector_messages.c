/*
 * What follow/follow_connector makes of messages: netlink_socket's parts, connector_socket's events
 * and their numbers, and exit_taskstats' accounts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "follow/thread_groups.h"

/* ---- bytes ---- */

static uint8_t bytes[4096];
static size_t used;

static void put(const void *from, size_t n)
{
    assert_true(used + n <= sizeof bytes);
    memcpy(bytes + used, from, n);
    used += n;
}

static void put_u32(uint32_t v)
{
    put(&v, sizeof v);
}

static void put_u64(uint64_t v)
{
    put(&v, sizeof v);
}

static void put_head(uint16_t length, uint16_t type)
{
    put(&length, sizeof length);
    put(&type, sizeof type);
}

static void put_u64_at(size_t at, uint64_t v)
{
    assert_true(at + sizeof v <= used);
    memcpy(bytes + at, &v, sizeof v);
}

/* The bytes in memory of exactly that size, so that a read past their end is seen. */
static struct span exactly(size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    return (struct span){copy, n};
}

static void drop(struct span s)
{
    free((void *)(uintptr_t)s.bytes);
}

/* ---- events ---- */

#define WHAT_FORK 1u
#define WHAT_EXEC 2u
#define WHAT_SESSION 0x80u
#define WHAT_EXIT 0x80000000u

/* connector.h and cn_proc.h, as on the wire; `fields` of data. */
static struct span event_bytes(uint32_t what, uint32_t processor, uint32_t number, size_t fields,
                               const uint32_t *field)
{
    used = 0;
    put_u32(1);                                    /* idx: CN_IDX_PROC */
    put_u32(1);                                    /* val: CN_VAL_PROC */
    put_u32(number);                               /* seq */
    put_u32(0);                                    /* ack */
    uint32_t length = (uint32_t)(16 + 4 * fields); /* and flags */
    put_u32(length);
    put_u32(what);
    put_u32(processor);
    put_u64(123456789);
    for (size_t i = 0; i < fields; i++)
        put_u32(field[i]);
    return exactly(used);
}

static int parse(struct span s, struct task_event *ret)
{
    int r = task_event_parse(s, ret);
    drop(s);
    return r;
}

static void events_are_read(void **state)
{
    struct task_event e;
    assert_int_equal(parse(event_bytes(WHAT_FORK, 3, 7, 4, (uint32_t[]){10, 11, 12, 13}), &e), 0);
    assert_int_equal(e.kind, TASK_FORKED);
    assert_int_equal(e.processor, 3);
    assert_int_equal(e.number, 7);
    assert_int_equal(e.time_ns, 123456789);
    assert_int_equal(e.parent, 11);
    assert_int_equal(e.tid, 12);
    assert_int_equal(e.process, 13);
    assert_int_equal(parse(event_bytes(WHAT_EXEC, 0, 8, 2, (uint32_t[]){12, 13}), &e), 0);
    assert_int_equal(e.kind, TASK_EXECED);
    assert_int_equal(e.process, 13);
    assert_int_equal(parse(event_bytes(WHAT_SESSION, 0, 9, 2, (uint32_t[]){14, 14}), &e), 0);
    assert_int_equal(e.kind, TASK_SESSION);
    /* Before Linux 4.18 without the parent. */
    assert_int_equal(parse(event_bytes(WHAT_EXIT, 0, 9, 4, (uint32_t[]){12, 13, 0x300, 17}), &e),
                     0);
    assert_int_equal(e.kind, TASK_EXITED);
    assert_int_equal(e.tid, 12);
    assert_int_equal(e.process, 13);
    assert_int_equal(e.status, 0x300);
    assert_int_equal(parse(event_bytes(0x200, 0, 9, 0, NULL), &e), 0);
    assert_int_equal(e.kind, TASK_SOMETHING);
}

static void what_is_no_event_is_refused(void **state)
{
    struct task_event untouched = {.number = 77}, e = untouched;
    const uint32_t fields[] = {10, 11, 12, 13, 14, 15};
    static const struct {
        uint32_t what;
        size_t least;
    } kinds[] = {{WHAT_FORK, 4}, {WHAT_EXEC, 2}, {WHAT_SESSION, 2}, {WHAT_EXIT, 3}, {0x200, 0}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t n = 0; n < 6; n++) {
            int r = parse(event_bytes(kinds[k].what, 0, 1, n, fields), &e);
            assert_int_equal(r, n < kinds[k].least ? -EPROTO : 0);
        }
    e = untouched;
    drop(event_bytes(WHAT_FORK, 0, 1, 4, fields));
    for (size_t n = 0; n < used; n++) {
        assert_int_equal(parse(exactly(n), &e), -EPROTO);
        assert_int_equal(e.number, 77);
    }
    /* Of another connector; longer than what it came in; ids and statuses that there are not. */
    for (size_t word = 0; word < 2; word++) {
        drop(event_bytes(WHAT_FORK, 0, 1, 4, fields));
        bytes[4 * word]++;
        assert_int_equal(parse(exactly(used), &e), -EPROTO);
    }
    drop(event_bytes(WHAT_FORK, 0, 1, 4, fields));
    memset(bytes + 16, 0xFF, 4);
    assert_int_equal(parse(exactly(used), &e), -EPROTO);
    for (size_t i = 1; i < 4; i++) {
        uint32_t bad[4] = {10, 11, 12, 13};
        bad[i] = 0x80000001;
        assert_int_equal(parse(event_bytes(WHAT_FORK, 0, 1, 4, bad), &e), -EPROTO);
        assert_int_equal(parse(event_bytes(WHAT_EXIT, 0, 1, 3, bad), &e), i < 3 ? -EPROTO : 0);
    }
    e = untouched;
    assert_int_equal(parse(event_bytes(WHAT_FORK, 0, 1, 4, (uint32_t[]){1, 1, 0, 5}), &e), -EPROTO);
    assert_int_equal(e.number, 77);
}

static void take(struct event_numbers *numbers, uint32_t processor, uint32_t number, int r)
{
    struct task_event e = {.processor = processor, .number = number};
    assert_int_equal(event_numbers_take(numbers, &e), r);
}

static void numbers_tell_what_was_lost(void **state)
{
    struct event_numbers numbers = {0};
    take(&numbers, 0, 100, 0);
    take(&numbers, 0, 101, 0);
    take(&numbers, 500, 7, 0);
    take(&numbers, 500, 8, 0);
    assert_int_equal(numbers.lost, 0);
    take(&numbers, 0, 105, 0);
    assert_int_equal(numbers.lost, 3);
    take(&numbers, 500, 10, 0);
    assert_int_equal(numbers.lost, 4);
    take(&numbers, 0, 104, 0); /* overtaken, not lost */
    assert_int_equal(numbers.lost, 3);
    take(&numbers, 0, 106, 0);
    assert_int_equal(numbers.lost, 3);
    take(&numbers, UINT32_MAX, 5, 0); /* an answer */
    assert_int_equal(numbers.lost, 3);
    take(&numbers, 1000000, 5, -EPROTO);
    assert_int_equal(numbers.lost, 3);
    take(&numbers, 1, UINT32_MAX, 0);
    take(&numbers, 1, 0, 0);
    take(&numbers, 1, 2, 0);
    assert_int_equal(numbers.lost, 4);
    event_numbers_done(&numbers);
    assert_int_equal(numbers.cap, 0);
}

/* ---- accounts ---- */

#define STATS_LEAST 288 /* up to the switches: version 3 */
#define STATS_NOW 560   /* Linux 6.18 */
#define AT_VERSION 0
#define AT_FLAG 8
#define AT_COUNT 16
#define AT_WAITED 24
#define AT_CPU 72
#define AT_COMM 80
#define AT_PID 128
#define AT_LIVED 144
#define AT_USER 152
#define AT_SYSTEM 160
#define AT_MINOR 168
#define AT_MAJOR 176
#define AT_PEAK 200
#define AT_VOLUNTARY 272
#define AT_INVOLUNTARY 280
#define AT_PROCESS 368

/* A generic head, and a task's account of that size; where the struct begins. */
static size_t account_bytes(size_t size, uint16_t version, uint32_t tid, uint32_t process)
{
    static const uint8_t nothing[STATS_NOW];
    used = 0;
    put((const uint8_t[]){2, 1, 0, 0}, 4);     /* TASKSTATS_CMD_NEW, version 1 */
    put_head(4, 6);                            /* what aligns the rest on some machines */
    put_head((uint16_t)(4 + 8 + 4 + size), 4); /* TASKSTATS_TYPE_AGGR_PID */
    put_head(8, 1);
    put_u32(tid);
    put_head((uint16_t)(4 + size), 3); /* TASKSTATS_TYPE_STATS */
    size_t at = used;
    put(nothing, size);
    memcpy(bytes + at + AT_VERSION, &version, sizeof version);
    memcpy(bytes + at + AT_PID, &tid, sizeof tid);
    if (size >= AT_PROCESS + 4)
        memcpy(bytes + at + AT_PROCESS, &process, sizeof process);
    return at;
}

static int parse_account(size_t n, struct task_account *ret)
{
    struct span s = exactly(n);
    int r = task_account_parse(s, ret);
    drop(s);
    return r;
}

static void accounts_are_read(void **state)
{
    struct task_account a;
    size_t at = account_bytes(STATS_NOW, 16, 12, 13);
    bytes[at + AT_FLAG] = 0x20;
    put_u64_at(at + AT_CPU, 1000001);
    put_u64_at(at + AT_USER, 500);
    put_u64_at(at + AT_SYSTEM, 250);
    put_u64_at(at + AT_MINOR, 3);
    put_u64_at(at + AT_MAJOR, 4);
    put_u64_at(at + AT_PEAK, 100);
    memset(bytes + at + AT_COMM, 'x', 40); /* it has no end, and 32 bytes */
    put_u64_at(at + AT_VOLUNTARY, 5);
    put_u64_at(at + AT_INVOLUNTARY, 6);
    assert_int_equal(parse_account(used, &a), 0);
    assert_int_equal(a.tid, 12);
    assert_int_equal(a.process, 13);
    assert_true(a.last);
    assert_int_equal(a.cpu_ns, 1000001);
    assert_int_equal(a.user_ns, 500000);
    assert_int_equal(a.system_ns, 250000);
    assert_int_equal(a.minor_faults, 3);
    assert_int_equal(a.major_faults, 4);
    assert_int_equal(a.peak_rss_bytes, 102400);
    assert_int_equal(a.voluntary_switches, 5);
    assert_int_equal(a.involuntary_switches, 6);
    assert_string_equal(a.comm, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    put_u64_at(at + AT_PEAK, UINT64_MAX / 2);
    assert_int_equal(parse_account(used, &a), 0);
    assert_true(a.peak_rss_bytes == UINT64_MAX);
}

/* The flag and the process are version 12's; what stands there before means nothing. */
static void older_accounts_tell_less(void **state)
{
    struct task_account a;
    size_t at = account_bytes(STATS_LEAST, 8, 12, 0);
    bytes[at + AT_FLAG] = 0xFF;
    assert_int_equal(parse_account(used, &a), 0);
    assert_int_equal(a.tid, 12);
    assert_int_equal(a.process, 0);
    assert_false(a.last);
    account_bytes(STATS_NOW, 11, 12, 13);
    assert_int_equal(parse_account(used, &a), 0);
    assert_int_equal(a.process, 0);
    account_bytes(STATS_LEAST - 8, 8, 12, 0);
    assert_int_equal(parse_account(used, &a), -EPROTO);
}

static uint64_t cpu_of(uint64_t counted_ns, uint64_t lived_us, uint64_t waited_ns, uint64_t count,
                       uint64_t voluntary)
{
    struct task_account a;
    size_t at = account_bytes(STATS_NOW, 16, 12, 13);
    put_u64_at(at + AT_CPU, counted_ns);
    put_u64_at(at + AT_LIVED, lived_us);
    put_u64_at(at + AT_WAITED, waited_ns);
    put_u64_at(at + AT_COUNT, count);
    put_u64_at(at + AT_VOLUNTARY, voluntary);
    assert_int_equal(parse_account(used, &a), 0);
    return a.cpu_ns;
}

static void who_never_waited_ran_all_its_life(void **state)
{
    assert_int_equal(cpu_of(0, 600, 100000, 1, 0), 500000);
    assert_int_equal(cpu_of(400000, 600, 100000, 2, 0), 500000);
    assert_int_equal(cpu_of(450000, 600, 200000, 2, 0), 450000); /* what was counted is certain */
    assert_int_equal(cpu_of(400000, 600, 700000, 2, 0), 400000);
    assert_int_equal(cpu_of(400000, 600, 100000, 2, 1), 400000); /* it did wait */
    assert_int_equal(cpu_of(0, 600, 0, 0, 0), 0);                /* waiting is not measured */
    assert_int_equal(cpu_of(NS_PER_S, 5000000, 0, 9, 0), NS_PER_S + 10 * NS_PER_MS); /* no more */
    assert_true(cpu_of(5, UINT64_MAX, 0, 9, 0) == 5 + 10 * NS_PER_MS);
}

static void what_is_no_account_is_refused(void **state)
{
    struct task_account a = {.tid = 77};
    account_bytes(STATS_NOW, 16, 12, 13);
    for (size_t n = 0; n < used; n++) {
        assert_int_equal(parse_account(n, &a), -EPROTO);
        assert_int_equal(a.tid, 77);
    }
    size_t at = account_bytes(STATS_NOW, 16, 0, 13);
    assert_int_equal(parse_account(used, &a), -EPROTO);
    account_bytes(STATS_NOW, 16, 0x80000000, 13);
    assert_int_equal(parse_account(used, &a), -EPROTO);
    account_bytes(STATS_NOW, 16, 12, 0x80000000);
    assert_int_equal(parse_account(used, &a), -EPROTO);
    account_bytes(STATS_NOW, 16, 12, 13);
    bytes[0] = 1; /* a request */
    assert_int_equal(parse_account(used, &a), -EPROTO);
    /* Attributes that are longer than what holds them, or shorter than their own heads. */
    for (size_t head = 4; head < at; head += 4)
        for (unsigned length = 0; length < 4; length++) {
            account_bytes(STATS_NOW, 16, 12, 13);
            if (head == 16) /* a number, no head */
                continue;
            memset(bytes + head, 0, 2);
            bytes[head] = (uint8_t)length;
            assert_int_equal(parse_account(used, &a), -EPROTO);
            memset(bytes + head, 0xFF, 2);
            assert_int_equal(parse_account(used, &a), -EPROTO);
        }
    assert_int_equal(a.tid, 77);
}

static void accounts_wait_in_order(void **state)
{
    struct task_account waiting[4] = {{.tid = 1}, {.tid = 2}, {.tid = 3}, {.tid = 4}};
    struct exit_taskstats t = {.socket = {.fd = -1}, .waiting = waiting, .count = 4, .cap = 4};
    exit_taskstats_drop(&t, 3);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.waiting[0].tid, 4);
    exit_taskstats_drop(&t, 1);
    exit_taskstats_drop(&t, 0);
    assert_int_equal(t.count, 0);
}

/* ---- parts of a datagram ---- */

static void datagrams_come_apart(void **state)
{
    struct netlink_part part;
    used = 0;
    put_u32(16 + 3); /* nlmsg_len */
    put_head(31, 0); /* type, flags */
    put_u64(0);
    put("abc\0", 4);
    put_u32(16);
    put_head(3, 0);
    put_u64(0);
    put("rest", 4);
    struct span all = exactly(used), rest = all;
    assert_true(netlink_next_message(&rest, &part));
    assert_int_equal(part.type, 31);
    assert_int_equal(part.payload.n, 3);
    assert_memory_equal(part.payload.bytes, "abc", 3);
    assert_true(netlink_next_message(&rest, &part));
    assert_int_equal(part.type, 3);
    assert_int_equal(part.payload.n, 0);
    assert_false(netlink_next_message(&rest, &part));
    drop(all);
    /* The last need not be padded. */
    all = rest = exactly(16 + 3);
    assert_true(netlink_next_message(&rest, &part));
    assert_int_equal(part.payload.n, 3);
    assert_false(netlink_next_message(&rest, &part));
    drop(all);
    for (size_t n = 0; n < 16 + 3; n++) {
        all = rest = exactly(n);
        assert_false(netlink_next_message(&rest, &part));
        drop(all);
    }
    memset(bytes, 0xFF, 4);
    all = rest = exactly(used);
    assert_false(netlink_next_message(&rest, &part));
    drop(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(numbers_tell_what_was_lost),
        cmocka_unit_test(accounts_are_read),
        cmocka_unit_test(older_accounts_tell_less),
        cmocka_unit_test(who_never_waited_ran_all_its_life),
        cmocka_unit_test(what_is_no_account_is_refused),
        cmocka_unit_test(accounts_wait_in_order),
        cmocka_unit_test(datagrams_come_apart),
    };
    return cmocka_run_group_tests_name("connector_messages", tests, NULL, NULL);
}
