/*
 * What follow/follow_connector makes of messages: netlink_socket's parts, connector_socket's events
 * and their numbers, exit_taskstats' accounts, and thread_groups, which adds them up.
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

/* ---- processes ---- */

static struct thread_groups groups;

static int begin(void **state)
{
    groups = (struct thread_groups){0};
    return 0;
}

static int finish(void **state)
{
    thread_groups_done(&groups);
    return 0;
}

static enum thread_group_state exits(pid_t pid, pid_t tid, int status)
{
    struct task_event e = {.kind = TASK_EXITED, .tid = tid, .process = pid, .status = status};
    return thread_group_shrinks(thread_groups_find(&groups, pid), &e);
}

static struct thread_group *born(pid_t pid, unsigned threads)
{
    struct thread_group *g = thread_groups_add(&groups, pid, 0);
    assert_non_null(g);
    while (threads-- > 1)
        thread_group_grows(g);
    return g;
}

static void a_process_ends_with_its_last_thread(void **state)
{
    born(100, 1);
    assert_int_equal(exits(100, 100, 0), GROUP_ENDED);
    born(200, 3);
    assert_int_equal(exits(200, 200, 0), GROUP_LIVES);
    assert_int_equal(exits(200, 202, 0), GROUP_LIVES);
    assert_int_equal(exits(200, 201, 0), GROUP_ENDED);
    /* An exec by another thread: the main thread's exit may be told under either's id. */
    born(300, 2);
    assert_int_equal(exits(300, 301, 0), GROUP_LIVES);
    assert_int_equal(exits(300, 300, 0x300), GROUP_ENDED);
    assert_int_equal(thread_group_status(thread_groups_find(&groups, 300)), 0x300);
    born(400, 2);
    assert_int_equal(exits(400, 400, 0x300), GROUP_LIVES);
    assert_int_equal(exits(400, 400, 0), GROUP_ENDED); /* told later than the end of the program */
    assert_int_equal(thread_group_status(thread_groups_find(&groups, 400)), 0x300);
}

static void one_that_was_found_must_be_looked_at(void **state)
{
    struct thread_group *g = thread_groups_add(&groups, 100, 5);
    thread_group_grows(g);
    assert_int_equal(g->threads, 0);
    g->leader_ended = false; /* as a look says */
    assert_int_equal(exits(100, 101, 0), GROUP_LIVES);
    assert_int_equal(exits(100, 100, 0), GROUP_UNSURE);
    assert_int_equal(exits(100, 102, 0), GROUP_UNSURE);
    born(200, 3);
    thread_groups_doubt(&groups);
    assert_int_equal(exits(200, 201, 0), GROUP_UNSURE);
}

static int status_after(unsigned n, const int *status)
{
    born(100, n);
    for (unsigned i = 1; i <= n; i++) /* the main thread last */
        exits(100, 100 + (pid_t)(i % n), status[i % n]);
    struct thread_group *g = thread_groups_find(&groups, 100);
    int r = thread_group_status(g);
    thread_groups_drop(&groups, g);
    return r;
}

static void threads_agree_on_a_status(void **state)
{
    assert_int_equal(status_after(1, (int[]){0x700}), 0x700);
    assert_int_equal(status_after(3, (int[]){0x700, 0, 0x700}), 0x700);
    assert_int_equal(status_after(3, (int[]){0x500, 0, 0}), 0x500); /* threads had ended before */
    assert_int_equal(status_after(2, (int[]){9, 9}), 9);
    assert_int_equal(status_after(2, (int[]){11, 11 | 0x80}), 11 | 0x80); /* it dumped core */
    assert_int_equal(status_after(2, (int[]){11 | 0x80, 11}), 11 | 0x80);
    assert_int_equal(status_after(2, (int[]){0, 0x700}), -1);
    assert_int_equal(status_after(2, (int[]){0x100, 0x700}), -1);
}

static struct record_account settled[8];
static size_t settled_count;

static void on_settled(void *user, const struct thread_group *g)
{
    assert_ptr_equal(user, settled);
    assert_true(settled_count < 8);
    thread_group_account(g, &settled[settled_count++]);
}

static const struct record_account *settle(size_t n)
{
    settled_count = 0;
    thread_groups_settle(&groups, on_settled, settled);
    assert_int_equal(settled_count, n);
    return settled;
}

static struct task_account account_of(pid_t process, pid_t tid, uint64_t cpu_ns)
{
    return (struct task_account){.tid = tid,
                                 .process = process,
                                 .cpu_ns = cpu_ns,
                                 .user_ns = cpu_ns / 2,
                                 .system_ns = cpu_ns / 2,
                                 .minor_faults = 1,
                                 .major_faults = 2,
                                 .voluntary_switches = 3,
                                 .involuntary_switches = 4,
                                 .peak_rss_bytes = 4096};
}

static void take_account(struct task_account a)
{
    assert_non_null(thread_groups_take_account(&groups, &a));
}

#define WHOLE                                                                             \
    (ACCOUNT_CPU | ACCOUNT_SPLIT | ACCOUNT_PEAK_RSS | ACCOUNT_FAULTS | ACCOUNT_SWITCHES | \
     ACCOUNT_EARLY)

static void threads_add_up(void **state)
{
    struct thread_group *g = born(100, 3);
    take_account(account_of(100, 101, 1000));
    exits(100, 101, 0);
    struct task_account last = account_of(100, 100, 3000);
    take_account(account_of(100, 102, 2000));
    last.last = true;
    last.peak_rss_bytes = 8192;
    take_account(last);
    exits(100, 102, 0);
    assert_int_equal(exits(100, 100, 0), GROUP_ENDED);
    thread_groups_await(&groups, g, 42);
    assert_null(thread_groups_find(&groups, 100));
    const struct record_account *a = settle(1);
    assert_int_equal(a->entity, 42);
    assert_int_equal(a->known, WHOLE);
    assert_int_equal(a->cpu_ns, 6000);
    assert_int_equal(a->user_ns, 3000);
    assert_int_equal(a->system_ns, 3000);
    assert_int_equal(a->minor_faults, 3);
    assert_int_equal(a->major_faults, 6);
    assert_int_equal(a->voluntary_switches, 9);
    assert_int_equal(a->involuntary_switches, 12);
    assert_int_equal(a->peak_rss_bytes, 8192);
    settle(0);
}

/* After an exec by another thread the memory is another; the account comes after the end. */
static void the_last_threads_peak_counts(void **state)
{
    struct thread_group *g = born(100, 2);
    struct task_account old = account_of(100, 100, 1000), last = account_of(100, 100, 1000);
    old.peak_rss_bytes = 1 << 30;
    last.last = true;
    take_account(old);
    exits(100, 101, 0);
    assert_int_equal(exits(100, 100, 0), GROUP_ENDED);
    thread_groups_await(&groups, g, 42);
    take_account(last);
    const struct record_account *a = settle(1);
    assert_int_equal(a->known, WHOLE);
    assert_int_equal(a->peak_rss_bytes, 4096);
    assert_int_equal(a->cpu_ns, 2000);
}

static void its_clock_knows_more(void **state)
{
    struct thread_group *g = born(100, 1);
    take_account(account_of(100, 100, 1000));
    thread_group_take_clock(g, 5000);
    thread_group_take_clock(g, 4000); /* its pid is another's by now */
    exits(100, 100, 0);
    thread_groups_await(&groups, g, 42);
    const struct record_account *a = settle(1);
    assert_int_equal(a->known, WHOLE);
    assert_int_equal(a->cpu_ns, 5000);
    assert_int_equal(a->user_ns + a->system_ns, 5000);
    assert_int_equal(a->user_ns, 2500);
}

static void an_account_that_is_not_whole_says_less(void **state)
{
    /* A thread's was lost. */
    struct thread_group *g = born(100, 2);
    take_account(account_of(100, 100, 1000));
    exits(100, 101, 0);
    exits(100, 100, 0);
    thread_groups_await(&groups, g, 1);
    assert_int_equal(settle(1)->known, ACCOUNT_PEAK_RSS | ACCOUNT_EARLY);
    /* Threads may have ended before it was found; but its clock knows them all. */
    g = thread_groups_add(&groups, 200, 5);
    take_account(account_of(200, 200, 1000));
    exits(200, 200, 0);
    thread_group_take_clock(g, 700);
    thread_groups_await(&groups, g, 2);
    const struct record_account *a = settle(1);
    assert_int_equal(a->known, ACCOUNT_CPU | ACCOUNT_PEAK_RSS | ACCOUNT_EARLY);
    assert_int_equal(a->cpu_ns, 700);
    /* Nothing came. */
    g = born(300, 1);
    exits(300, 300, 0);
    thread_groups_await(&groups, g, 3);
    assert_int_equal(settle(1)->known, 0);
}

/* A kernel that does not say whose a thread is. */
static void before_linux_5_19(void **state)
{
    struct thread_group *single = born(100, 1), *g;
    take_account(account_of(0, 100, 1000));
    exits(100, 100, 0);
    thread_groups_await(&groups, single, 1);
    assert_int_equal(settle(1)->known, WHOLE);
    g = born(200, 2);
    struct task_account thread = account_of(0, 201, 1000);
    assert_null(thread_groups_take_account(&groups, &thread));
    take_account(account_of(0, 200, 1000));
    exits(200, 201, 0);
    exits(200, 200, 0);
    thread_groups_await(&groups, g, 2);
    assert_int_equal(settle(1)->known, ACCOUNT_PEAK_RSS | ACCOUNT_EARLY);
}

/* One that has ended is still due its account when its pid is another's already. */
static void a_pid_given_out_again(void **state)
{
    struct thread_group *first = born(100, 1);
    exits(100, 100, 0);
    thread_groups_await(&groups, first, 1);
    struct thread_group *second = born(100, 1);
    take_account(account_of(100, 100, 1000));
    take_account(account_of(100, 100, 2000));
    exits(100, 100, 0);
    assert_int_equal(settle(1)->cpu_ns, 1000);
    thread_groups_await(&groups, second, 2);
    assert_int_equal(settle(1)->cpu_ns, 2000);
    /* Both within one look: the first one is given up. */
    first = born(100, 1);
    thread_groups_await(&groups, first, 3);
    second = born(100, 1);
    thread_groups_await(&groups, second, 4);
    assert_int_equal(settle(1)->entity, 4);
}

static void count_settled(void *user, const struct thread_group *g)
{
    (*(size_t *)user)++;
}

/* Places are used again: memory is for those who live at once. */
static void memory_is_bounded_by_who_lives(void **state)
{
    size_t count = 0;
    for (pid_t pid = 1; pid <= 100000; pid++) {
        born(pid, 1);
        if (pid > 50)
            thread_groups_await(&groups, thread_groups_find(&groups, pid - 50), 1);
        if (pid % 10 == 0)
            thread_groups_settle(&groups, count_settled, &count);
    }
    assert_int_equal(count, 100000 - 50);
    assert_int_equal(groups.by_pid.count, 50);
    assert_true(groups.cap <= 128);
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
        cmocka_unit_test_setup_teardown(a_process_ends_with_its_last_thread, begin, finish),
        cmocka_unit_test_setup_teardown(one_that_was_found_must_be_looked_at, begin, finish),
        cmocka_unit_test_setup_teardown(threads_agree_on_a_status, begin, finish),
        cmocka_unit_test_setup_teardown(threads_add_up, begin, finish),
        cmocka_unit_test_setup_teardown(the_last_threads_peak_counts, begin, finish),
        cmocka_unit_test_setup_teardown(its_clock_knows_more, begin, finish),
        cmocka_unit_test_setup_teardown(an_account_that_is_not_whole_says_less, begin, finish),
        cmocka_unit_test_setup_teardown(before_linux_5_19, begin, finish),
        cmocka_unit_test_setup_teardown(a_pid_given_out_again, begin, finish),
        cmocka_unit_test_setup_teardown(memory_is_bounded_by_who_lives, begin, finish),
    };
    return cmocka_run_group_tests_name("connector_messages", tests, NULL, NULL);
}
