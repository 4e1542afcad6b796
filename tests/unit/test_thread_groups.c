/*
 * follow/thread_groups: the ends and accounts of threads add up to those of their process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "follow/thread_groups.h"

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
    return cmocka_run_group_tests_name("thread_groups", tests, NULL, NULL);
}
