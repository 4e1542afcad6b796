/* follow/perf_ring on rings written here instead of by the kernel: what is read, what is refused. */
#include <errno.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "follow/perf_ring.h"

#define PAGE 4096
#define SIZE 512

/* Two rings in memory, and what the kernel would do. */
static _Alignas(4096) uint8_t memory[2][PAGE + SIZE];
static struct perf_ring ring[2];
static struct perf_rings rings;

static struct perf_event_mmap_page *page_of(int i)
{
    return (struct perf_event_mmap_page *)(void *)memory[i];
}

static void put(int i, const void *bytes, size_t n)
{
    uint64_t head = page_of(i)->data_head;
    for (size_t at = 0; at < n; at++)
        memory[i][PAGE + (head + at) % SIZE] = ((const uint8_t *)bytes)[at];
    page_of(i)->data_head = head + n;
}

struct task_bytes {
    struct perf_event_header header;
    uint32_t pid, parent_pid, tid, parent_tid;
    uint64_t time_ns, sample_time_ns;
};

static struct task_bytes task(uint32_t type, uint32_t pid, uint32_t parent, uint32_t tid,
                              uint64_t time_ns)
{
    return (struct task_bytes){
        {type, 0, sizeof(struct task_bytes)}, pid, parent, tid, parent + 1, time_ns, time_ns + 1};
}

static void put_task(int i, uint32_t type, uint32_t pid, uint32_t parent, uint32_t tid,
                     uint64_t time_ns)
{
    struct task_bytes bytes = task(type, pid, parent, tid, time_ns);
    put(i, &bytes, sizeof bytes);
}

/* A comm of up to 15 bytes, as the kernel pads it. */
static void put_comm(int i, uint16_t misc, uint32_t pid, const char *comm, uint64_t time_ns)
{
    uint8_t bytes[64] = {0};
    size_t room = (strlen(comm) + 8) & ~(size_t)7;
    struct perf_event_header header = {PERF_RECORD_COMM, misc, (uint16_t)(24 + room)};
    memcpy(bytes, &header, 8);
    memcpy(bytes + 8, &pid, 4);
    memcpy(bytes + 12, &pid, 4);
    memcpy(bytes + 16, comm, strlen(comm));
    memcpy(bytes + 16 + room, &time_ns, 8);
    put(i, bytes, header.size);
}

static void put_lost(int i, uint64_t lost)
{
    struct {
        struct perf_event_header header;
        uint64_t id, lost, time_ns;
    } bytes = {{PERF_RECORD_LOST, 0, sizeof bytes}, 1, lost, 5};
    put(i, &bytes, sizeof bytes);
}

static void put_header(int i, uint32_t type, uint16_t size)
{
    struct perf_event_header header = {type, 0, size};
    put(i, &header, sizeof header);
}

/* Both rings begin `at` bytes into their life. */
static int begin_at(uint64_t at)
{
    memset(memory, 0xA5, sizeof memory);
    for (int i = 0; i < 2; i++) {
        memset(memory[i], 0, PAGE);
        page_of(i)->data_head = page_of(i)->data_tail = at;
        perf_ring_lay(&ring[i], memory[i], PAGE, SIZE);
    }
    rings = (struct perf_rings){.count = 2, .ring = ring, .epoll_fd = -1};
    return 0;
}

static int begin(void **state)
{
    return begin_at(0);
}

static const struct perf_record *next(int i)
{
    ring[i].has_next = false;
    return perf_ring_peek(&ring[i]);
}

static void assert_empty(int i)
{
    assert_null(next(i));
    assert_int_equal(ring[i].tail, page_of(i)->data_head);
}

/* ---- records ---- */

static void forks_and_exits(void **state)
{
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
    put_task(0, PERF_RECORD_EXIT, 10, 9, 12, 2000);
    perf_ring_look(&ring[0]);
    const struct perf_record *r = next(0);
    assert_non_null(r);
    assert_ptr_equal(perf_ring_peek(&ring[0]), r); /* it stays the next */
    assert_int_equal(r->kind, PERF_FORK);
    assert_int_equal(r->pid, 10);
    assert_int_equal(r->tid, 10);
    assert_int_equal(r->parent_pid, 9);
    assert_int_equal(r->parent_tid, 10);
    assert_int_equal(r->time_ns, 1000);
    r = next(0);
    assert_int_equal(r->kind, PERF_EXIT);
    assert_int_equal(r->tid, 12);
    assert_int_equal(r->time_ns, 2000);
    assert_empty(0);
    assert_int_equal(ring[0].lost, 0);
}

static void execs_but_no_renames(void **state)
{
    put_comm(0, 0, 10, "renamed", 1000);
    put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 10, "a", 2000);
    put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 11, "fifteen letters", 3000);
    put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 12, "", 4000);
    perf_ring_look(&ring[0]);
    const struct perf_record *r = next(0);
    assert_int_equal(r->kind, PERF_EXEC);
    assert_int_equal(r->pid, 10);
    assert_string_equal(r->comm, "a");
    assert_int_equal(r->time_ns, 2000);
    r = next(0);
    assert_string_equal(r->comm, "fifteen letters");
    assert_int_equal(r->time_ns, 3000);
    r = next(0);
    assert_string_equal(r->comm, "");
    assert_empty(0);
    assert_int_equal(ring[0].lost, 0);
}

/* The kernel ends a comm with NUL; nobody else need. */
static void a_comm_without_end(void **state)
{
    put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 10, "fifteen letters", 1000);
    memory[0][PAGE + 16 + 15] = '!';
    perf_ring_look(&ring[0]);
    assert_string_equal(next(0)->comm, "fifteen letters");
}

static void those_without_a_pid_here(void **state)
{
    put_task(0, PERF_RECORD_FORK, 0, 9, 0, 1000);
    put_task(0, PERF_RECORD_EXIT, UINT32_MAX, 9, UINT32_MAX, 1000);
    put_task(0, PERF_RECORD_EXIT, 10, 9, UINT32_MAX, 1000);
    put_task(0, PERF_RECORD_FORK, 1 << 30, 9, 1 << 30, 1000);
    put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 0, "a", 1000);
    put_task(0, PERF_RECORD_FORK, 11, 0, 11, 2000); /* its parent alone has none */
    perf_ring_look(&ring[0]);
    const struct perf_record *r = next(0);
    assert_int_equal(r->pid, 11);
    assert_int_equal(r->parent_pid, 0);
    assert_empty(0);
    assert_int_equal(ring[0].lost, 0);
}

static void unknown_types_are_passed_over(void **state)
{
    uint8_t large[200] = {0};
    struct perf_event_header header = {77, 0, sizeof large};
    memcpy(large, &header, sizeof header);
    put(0, large, sizeof large);
    put_header(0, 78, 8);
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
    perf_ring_look(&ring[0]);
    assert_int_equal(next(0)->pid, 10);
    assert_empty(0);
    assert_int_equal(ring[0].lost, 0);
}

static void across_the_end(void **state)
{
    for (uint64_t at = SIZE - 48; at <= SIZE; at += 8) {
        begin_at(at);
        put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
        put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 10, "0123456789", 2000);
        perf_ring_look(&ring[0]);
        assert_int_equal(next(0)->time_ns, 1000);
        const struct perf_record *r = next(0);
        assert_string_equal(r->comm, "0123456789");
        assert_int_equal(r->time_ns, 2000);
        assert_empty(0);
    }
}

/* Positions count on past 64 bits as past the ring. */
static void across_the_end_of_numbers(void **state)
{
    begin_at(UINT64_MAX - 15);
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
    perf_ring_look(&ring[0]);
    assert_int_equal(next(0)->pid, 10);
    assert_empty(0);
    perf_ring_release(&ring[0]);
    assert_int_equal(page_of(0)->data_tail, 24);
}

/* ---- what makes no sense ---- */

static void a_size_that_makes_no_sense(void **state)
{
    static const uint16_t sizes[] = {0, 4, 7, 12, 36, 48, 1024, UINT16_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        begin_at(0);
        put_header(0, PERF_RECORD_FORK, sizes[i]);
        put(0, memory[1], 32);
        perf_ring_look(&ring[0]);
        assert_null(next(0));
        assert_int_equal(ring[0].tail, 40); /* nothing behind it can be trusted */
        assert_true(ring[0].lost >= 1 && ring[0].lost <= 2);
        put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
        perf_ring_look(&ring[0]);
        assert_int_equal(next(0)->pid, 10);
    }
}

/* Of a type we know, but not as we asked for it: that one alone is lost. */
static void a_record_of_another_size(void **state)
{
    static const uint32_t types[] = {PERF_RECORD_FORK, PERF_RECORD_EXIT, PERF_RECORD_COMM,
                                     PERF_RECORD_LOST};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        for (uint16_t size = 8; size <= 128; size += 8) {
            bool task_size = size == 40, comm_size = size == 32 || size == 40,
                 lost_size = size > 16;
            if (types[i] == PERF_RECORD_LOST
                    ? lost_size
                    : (types[i] == PERF_RECORD_COMM ? comm_size : task_size))
                continue;
            begin_at(0);
            put_header(0, types[i], size);
            put(0, memory[1] + PAGE, (size_t)size - 8);
            put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
            perf_ring_look(&ring[0]);
            assert_int_equal(next(0)->pid, 10);
            assert_int_equal(ring[0].lost, 1);
        }
}

static void a_head_that_makes_no_sense(void **state)
{
    page_of(0)->data_head = SIZE + 8; /* more than fits */
    perf_ring_look(&ring[0]);
    assert_null(next(0));
    assert_true(ring[0].lost >= SIZE / 40);
    perf_ring_release(&ring[0]);
    assert_int_equal(page_of(0)->data_tail, SIZE + 8);

    page_of(0)->data_head = 4; /* back, and no record long */
    perf_ring_look(&ring[0]);
    assert_null(next(0));
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
    perf_ring_look(&ring[0]);
    assert_int_equal(next(0)->pid, 10);
}

/* ---- room ---- */

static void what_is_read_can_be_filled(void **state)
{
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
    put_task(0, PERF_RECORD_FORK, 11, 9, 11, 1001);
    perf_ring_look(&ring[0]);
    next(0);
    assert_int_equal(page_of(0)->data_tail, 0);
    perf_ring_release(&ring[0]);
    assert_int_equal(page_of(0)->data_tail, 40);
    next(0);
    perf_ring_release(&ring[0]);
    assert_int_equal(page_of(0)->data_tail, 80);
    assert_int_equal(page_of(0)->data_head, 80);
}

static void a_tight_ring(void **state)
{
    for (uint32_t i = 0; i < 10; i++)
        put_task(0, PERF_RECORD_FORK, 10 + i, 9, 10 + i, 1000 + i);
    perf_ring_look(&ring[0]);
    assert_false(ring[0].tight);
    for (uint32_t i = 10; i < 12; i++) /* 480 of 512 bytes */
        put_task(0, PERF_RECORD_FORK, 10 + i, 9, 10 + i, 1000 + i);
    while (next(0) != NULL)
        ;
    perf_ring_release(&ring[0]); /* the last chance to see it */
    assert_true(ring[0].tight);
    assert_int_equal(perf_rings_release(&rings), 0);
    assert_false(ring[0].tight);
}

static void lost_ones_are_counted(void **state)
{
    put_lost(0, 7);
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 1000);
    put_lost(1, 5);
    perf_rings_look(&rings);
    struct perf_record r;
    assert_true(perf_rings_take(&rings, &r));
    assert_int_equal(r.pid, 10);
    assert_false(perf_rings_take(&rings, &r));
    assert_int_equal(perf_rings_release(&rings), 12);
}

/* ---- several rings ---- */

static void the_earliest_first(void **state)
{
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 100);
    put_task(0, PERF_RECORD_FORK, 13, 9, 13, 400);
    put_task(1, PERF_RECORD_FORK, 11, 9, 11, 200);
    put_task(1, PERF_RECORD_FORK, 12, 9, 12, 300);
    put_task(1, PERF_RECORD_FORK, 14, 9, 14, 500);
    perf_rings_look(&rings);
    struct perf_record r;
    for (int pid = 10; pid < 15; pid++) {
        assert_true(perf_rings_take(&rings, &r));
        assert_int_equal(r.pid, pid);
    }
    assert_false(perf_rings_take(&rings, &r));
    perf_rings_release(&rings);
    assert_int_equal(page_of(0)->data_tail, 80);
    assert_int_equal(page_of(1)->data_tail, 120);
}

/*
 * The fork comes into its ring just after that was looked at, the child's exec into the other just
 * before: the second look finds the fork. What came later waits for the next turn.
 */
static void what_came_between_the_looks(void **state)
{
    struct perf_record r;
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 100);
    perf_ring_mark(&ring[0]);
    put_task(0, PERF_RECORD_FORK, 11, 10, 11, 200);
    put_comm(1, PERF_RECORD_MISC_COMM_EXEC, 11, "child", 300);
    perf_ring_mark(&ring[1]);
    put_task(0, PERF_RECORD_FORK, 12, 10, 12, 400);
    put_task(1, PERF_RECORD_EXIT, 11, 10, 11, 500);
    perf_ring_look(&ring[0]);
    perf_ring_look(&ring[1]);
    for (uint64_t time_ns = 100; time_ns <= 300; time_ns += 100) {
        assert_true(perf_rings_take(&rings, &r));
        assert_int_equal(r.time_ns, time_ns);
    }
    assert_false(perf_rings_take(&rings, &r));
    perf_rings_release(&rings); /* of those that wait there are copies */

    perf_rings_look(&rings);
    for (uint64_t time_ns = 400; time_ns <= 500; time_ns += 100) {
        assert_true(perf_rings_take(&rings, &r));
        assert_int_equal(r.time_ns, time_ns);
    }
    assert_false(perf_rings_take(&rings, &r));
}

static void room_is_made_on_the_way(void **state)
{
    struct perf_record r;
    for (uint32_t i = 0; i < 10; i++)
        put_task(0, PERF_RECORD_FORK, 10 + i, 9, 10 + i, 1000 + i);
    perf_rings_look(&rings);
    for (uint32_t i = 0; i < 10; i++)
        assert_true(perf_rings_take(&rings, &r));
    assert_true(page_of(0)->data_tail >= SIZE / 2);
}

static void more_of_a_process(void **state)
{
    struct perf_record r;
    put_task(0, PERF_RECORD_FORK, 10, 9, 10, 100);
    put_task(1, PERF_RECORD_EXIT, 11, 9, 11, 300);
    assert_false(perf_rings_hold_more_of(&rings, 10)); /* a birth is no news of it */
    assert_true(perf_rings_hold_birth_of(&rings, 10));
    assert_true(perf_rings_hold_more_of(&rings, 11));
    assert_false(perf_rings_hold_birth_of(&rings, 11));
    put_comm(0, PERF_RECORD_MISC_COMM_EXEC, 10, "again", 200);
    assert_true(perf_rings_hold_more_of(&rings, 10));
    assert_false(perf_rings_take(&rings, &r)); /* nothing was taken */
    perf_rings_look(&rings);
    for (uint64_t time_ns = 100; time_ns <= 300; time_ns += 100) {
        assert_true(perf_rings_take(&rings, &r));
        assert_int_equal(r.time_ns, time_ns);
    }
    assert_false(perf_rings_hold_more_of(&rings, 10));
    assert_false(perf_rings_hold_more_of(&rings, 11));
}

static void without_rings(void **state)
{
    struct perf_record r;
    memset(ring, 0, sizeof ring);
    perf_rings_look(&rings);
    assert_false(perf_rings_take(&rings, &r));
    assert_false(perf_rings_hold_more_of(&rings, 1));
    assert_int_equal(perf_rings_release(&rings), 0);
    perf_rings_done(&(struct perf_rings){.epoll_fd = -1});
}

/* ---- reasons ---- */

static void reasons_name_what_helps(void **state)
{
    static const struct {
        int error;
        const char *word;
    } reasons[] = {
        {-EACCES, "CAP_PERFMON"}, {-EPERM, "--cap-add PERFMON"}, {-ENOBUFS, "perf_event_mlock_kb"},
        {-EMFILE, "ulimit -n"},   {-ENOSYS, "kernel"},           {-EINVAL, "4.1"},
        {-ESRCH, "process"},      {-EIO, "perf_event_open"}};
    struct source_root root;
    struct follow_reason why;
    assert_int_equal(source_root_open(&root, "/"), 0);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        assert_int_equal(perf_rings_explain(&rings, &root, reasons[i].error, &why),
                         reasons[i].error);
        assert_non_null(strstr(why.text, reasons[i].word));
        assert_true(strlen(why.text) + 1 < sizeof why.text);
    }
    source_root_close(&root);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forks_and_exits),
        TEST(execs_but_no_renames),
        TEST(a_comm_without_end),
        TEST(those_without_a_pid_here),
        TEST(unknown_types_are_passed_over),
        TEST(across_the_end),
        TEST(across_the_end_of_numbers),
        TEST(a_size_that_makes_no_sense),
        TEST(a_record_of_another_size),
        TEST(a_head_that_makes_no_sense),
        TEST(what_is_read_can_be_filled),
        TEST(a_tight_ring),
        TEST(lost_ones_are_counted),
        TEST(the_earliest_first),
        TEST(what_came_between_the_looks),
        TEST(room_is_made_on_the_way),
        TEST(more_of_a_process),
        TEST(without_rings),
        TEST(reasons_name_what_helps),
    };
    return cmocka_run_group_tests_name("perf_ring", tests, NULL, NULL);
}
