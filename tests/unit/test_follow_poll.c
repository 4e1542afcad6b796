/* follow/follow_poll on real processes: who belongs, who never does, and pids given out again. */
#include "test_follow_puppets.h"

/* ---- who belongs ---- */

static void children_and_grandchildren(void **state)
{
    launch(0);
    assert_announced(0, getpid(), true, true);
    assert_count(1);
    act(0, ACT_FORK, 1);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_count(2);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    act(0, ACT_FORK, 4);
    poll_follow();
    assert_announced(2, puppets[1].pid, false, true);
    assert_announced(3, puppets[2].pid, false, true);
    assert_announced(4, puppets[0].pid, false, true);
    assert_true(place_of(2) < place_of(3));
    assert_count(5);
}

static void threads_are_no_processes(void **state)
{
    launch(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_THREADS, 5);
    act(1, ACT_FORK_FROM_THREAD, 2);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_announced(2, puppets[1].pid, false, true);
    assert_count(3);
    act(1, ACT_THREADS, 5);
    poll_follow();
    assert_count(3);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 3);
    assert_true(receipt.pids_given_out >= 2 + 5 + 1 + 5);
}

/* The middle one of a daemon's three generations is gone before anybody looks. */
static void a_daemon_becomes_our_child(void **state)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    launch(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_SETSID, 0);
    act(1, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    pid_t middle = puppets[1].pid;
    end(1);
    poll_follow();
    assert_announced(2, getpid(), false, true);
    assert_int_equal(announced[place_of(2)].birth.session, puppets[2].pid);
    assert_int_equal(births_of(middle), 0);
    assert_count(2);
    act(2, ACT_FORK, 3);
    poll_follow();
    assert_announced(3, puppets[2].pid, false, true);
    assert_count(3);
}

static void a_session_tells_an_orphan(void **state)
{
    start_elsewhere(0);
    act(0, ACT_SETSID, 0);
    act(0, ACT_FORK, 1);
    attach(0);
    assert_announced(1, puppets[0].pid, false, false);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    end(2);
    poll_follow();
    size_t orphan = place_of(3);
    assert_true(announced[orphan].birth.forked);
    assert_int_not_equal(announced[orphan].birth.parent_pid, puppets[1].pid);
    assert_count(3);

    /* Its leader has ended, the session lives on. */
    pid_t leader = puppets[0].pid;
    end(0);
    follow_poll.forget(follow, leader);
    act(1, ACT_FORK, 4);
    act(4, ACT_FORK, 5);
    end(4);
    poll_follow();
    assert_true(announced[place_of(5)].birth.forked);
    assert_int_equal(announced[place_of(5)].birth.session, leader);
    assert_count(4);
}

static void what_was_there_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(1, ACT_FORK, 3);
    act(3, ACT_SETSID, 0);
    start_elsewhere(10);
    act(10, ACT_FORK, 11);
    const pid_t roots[] = {puppets[0].pid, puppets[10].pid, puppets[0].pid};
    open_follow(&(struct follow_config){.roots = roots, .root_count = 3, .recorder = getpid()});
    assert_true(announced[place_of(0)].birth.root);
    assert_false(announced[place_of(0)].birth.forked);
    assert_true(announced[place_of(10)].birth.root);
    assert_announced(1, puppets[0].pid, false, false);
    assert_announced(2, puppets[1].pid, false, false);
    assert_announced(3, puppets[1].pid, false, false);
    assert_announced(11, puppets[10].pid, false, false);
    assert_true(place_of(1) < place_of(2) && place_of(1) < place_of(3));
    assert_count(6);
    act(3, ACT_FORK, 4);
    poll_follow();
    assert_announced(4, puppets[3].pid, false, true);
    assert_count(7);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 1);
    assert_true(receipt.pids_given_out >= receipt.births);
}

/* A root below another one is announced once, as a root. */
static void a_root_below_a_root(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    const pid_t roots[] = {puppets[0].pid, puppets[1].pid};
    open_follow(&(struct follow_config){.roots = roots, .root_count = 2, .recorder = getpid()});
    assert_announced(1, puppets[0].pid, true, false);
    assert_count(2);
}

static void the_recorder_never_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_SETSID, 0);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    open_follow(&(struct follow_config){
        .roots = &puppets[0].pid, .root_count = 1, .recorder = puppets[1].pid});
    assert_announced(2, puppets[0].pid, false, false);
    assert_count(2);
}

static void a_root_that_is_gone(void **state)
{
    struct follow *untouched = follow;
    puppet_fork(0);
    pid_t dead = puppets[0].pid;
    end(0);
    int r = try_open(&(struct follow_config){.roots = &dead, .root_count = 1});
    assert_int_equal(r, -ESRCH);
    assert_ptr_equal(follow, untouched);
    assert_int_equal(announcements, 0);
    start_elsewhere(1);
    const pid_t roots[] = {puppets[1].pid, dead};
    r = try_open(&(struct follow_config){.roots = roots, .root_count = 2, .launched = true});
    assert_int_equal(r, -ESRCH);
    assert_ptr_equal(follow, untouched);
}

static void strangers_never_belong(void **state)
{
    start_elsewhere(10);
    start_elsewhere(11);
    act(11, ACT_SETSID, 0);
    launch(0);
    poll_follow();
    for (int i = 12; i < 16; i++)
        act(i < 14 ? 10 : 11, ACT_FORK, i);
    act(12, ACT_SETSID, 0);
    act(12, ACT_FORK, 20);
    act(20, ACT_FORK, 21);
    end(20); /* an orphan, but of somebody else */
    act(0, ACT_FORK, 1);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_count(2);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 2);
    assert_true(receipt.pids_given_out >= 1 + 4 + 2);
}

/* ---- when it gets difficult ---- */

/* What is forked while the poll is under way is found by this one or the next. */
static void a_storm_of_births(void **state)
{
    const int n = 1000;
    struct puppet *p = &puppets[1];
    launch(0);
    act(0, ACT_FORK, 1);
    p->act = ACT_FORK_MANY;
    p->arg = n;
    sem_post(&p->go);
    while (sem_trywait(&p->done) != 0)
        poll_follow();
    assert_int_equal(p->error, 0);
    poll_follow();
    int missed = 0;
    for (int i = 0; i < n; i++) {
        size_t births = births_of(list[i]);
        assert_true(births <= 1);
        missed += births == 0;
    }
    assert_int_equal(missed, 0);
    assert_count(2 + (size_t)n);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 2 + n);
    assert_true(receipt.pids_given_out >= receipt.births - 1); /* the root had its before */
}

static int nothing(void *arg)
{
    return 0;
}

/*
 * Uses pids up, without the cost of a fork. A pid that is chosen later must lie before the one given
 * out last, or what polling sees is no pids that begin anew but a few more of them.
 */
static void use_pids(int n)
{
    static _Alignas(16) char stack[65536];
    for (int i = 0; i < n; i++) {
        pid_t pid = clone(nothing, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

/* More new pids than are looked at one by one. */
static void more_pids_than_are_probed(void **state)
{
    launch(0);
    poll_follow();
    act(0, ACT_FORK, 1);
    use_pids(9000);
    act(1, ACT_FORK, 2);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_announced(2, puppets[1].pid, false, true);
    assert_count(3);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_true(receipt.pids_given_out >= 9002);
    assert_int_equal(receipt.births, 3);
}

/* ---- pids given out again ---- */

static void skip_in_company(void)
{
    if (!alone) {
        print_message("# no pid namespace of its own here: pids cannot be chosen\n");
        skip();
    }
}

/* Forks puppet `arg` with that pid, which must be free. */
static void act_fork_as(int number, int arg, pid_t pid)
{
    puppets[arg].pid = pid;
    act(number, ACT_FORK_AS, arg);
}

/* Start times have the resolution of the kernel's tick: two of one pid must differ. */
static void await_new_start(void)
{
    uint64_t tick = clock_boot_ns() / root.tick_ns;
    while (clock_boot_ns() / root.tick_ns <= tick + 1)
        usleep(1000);
}

/* Announcements of a pid in their order: 'b' and 'e'. */
static const char *story_of(pid_t pid)
{
    static char story[64];
    size_t n = 0;
    for (size_t i = 0; i < announcements && n + 1 < sizeof story; i++)
        if (announced[i].birth.pid == pid)
            story[n++] = announced[i].ended ? 'e' : 'b';
    story[n] = '\0';
    return story;
}

static void a_member_takes_a_dead_members_pid(void **state)
{
    skip_in_company();
    start_elsewhere(0);
    attach(0);
    act(0, ACT_FORK, 1);
    use_pids(3);
    poll_follow();
    pid_t reused = puppets[1].pid;
    uint64_t first_start = announced[place_of(1)].birth.start_boot_ns;
    end(1);
    await_new_start();
    act_fork_as(0, 2, reused);
    poll_follow();
    assert_string_equal(story_of(reused), "beb");
    assert_int_equal(announced[3].birth.pid, reused);
    assert_true(announced[3].birth.start_boot_ns > first_start);
    assert_true(announced[3].birth.forked);
    assert_count(4);
}

static void a_stranger_takes_a_dead_members_pid(void **state)
{
    skip_in_company();
    start_elsewhere(0);
    start_elsewhere(10);
    attach(0);
    act(0, ACT_FORK, 1);
    use_pids(3);
    poll_follow();
    pid_t reused = puppets[1].pid;
    end(1);
    await_new_start();
    act_fork_as(10, 11, reused);
    act(11, ACT_FORK, 12);
    poll_follow();
    assert_string_equal(story_of(reused), "be");
    assert_count(3);
    act(11, ACT_FORK, 13);
    poll_follow();
    assert_count(3);
}

static void a_member_takes_a_strangers_pid(void **state)
{
    skip_in_company();
    start_elsewhere(0);
    start_elsewhere(10);
    act(10, ACT_FORK, 11);
    use_pids(3);
    attach(0);
    pid_t reused = puppets[11].pid;
    end(11);
    act_fork_as(0, 1, reused);
    poll_follow();
    assert_string_equal(story_of(reused), "b");
    assert_count(2);
}

/* The pids begin anew, and all children have lower ones than their parents. */
static void pids_wrap(void **state)
{
    skip_in_company();
    pid_t pid_max = (pid_t)proc_pid_max(&root);
    assert_true(pid_max > 10000);
    start_elsewhere(10);
    launch(0);
    act_fork_as(0, 1, pid_max - 100);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    for (int i = 2; i < 10; i++)
        act_fork_as(i - 1, i, 9000 - 500 * i);
    act(10, ACT_FORK, 11);
    poll_follow();
    for (int i = 2; i < 10; i++) {
        assert_announced(i, puppets[i - 1].pid, false, true);
        assert_true(place_of(i - 1) < place_of(i));
    }
    assert_count(10);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 10);
    assert_true(receipt.pids_given_out >= receipt.births);
}

/*
 * A stranger gets the pid that a member had, and makes a session of that name before anybody sees
 * it. The members' session is known to be gone since all processes were looked at.
 */
static void a_session_named_as_a_dead_one(void **state)
{
    skip_in_company();
    start_elsewhere(0);
    start_elsewhere(10);
    attach(0);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    act(2, ACT_FORK, 3);
    poll_follow();
    assert_count(4);
    pid_t leader = puppets[2].pid, reused = puppets[1].pid;
    end(1);
    follow_poll.forget(follow, reused);
    end(2);
    follow_poll.forget(follow, leader);
    /* Far ahead, or back: either way all processes are looked at. */
    assert_true(write_last_pid((uint64_t)leader > proc_pid_max(&root) / 2 ? 1000 : leader + 9000));
    use_pids(1);
    poll_follow();
    act_fork_as(10, 11, reused);
    act(11, ACT_SETSID, 0);
    act(11, ACT_FORK, 12);
    end(11);
    poll_follow();
    assert_count(4);
    /* But one whose session lives on is not forgotten. */
    act(3, ACT_FORK, 4);
    act(4, ACT_FORK, 5);
    end(4);
    poll_follow();
    assert_int_equal(announced[place_of(5)].birth.session, leader);
    assert_count(5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

static int all_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(children_and_grandchildren),
        TEST(threads_are_no_processes),
        TEST(a_daemon_becomes_our_child),
        TEST(a_session_tells_an_orphan),
        TEST(what_was_there_belongs),
        TEST(a_root_below_a_root),
        TEST(the_recorder_never_belongs),
        TEST(a_root_that_is_gone),
        TEST(strangers_never_belong),
        TEST(a_storm_of_births),
        TEST(more_pids_than_are_probed),
        TEST(a_member_takes_a_dead_members_pid),
        TEST(a_stranger_takes_a_dead_members_pid),
        TEST(a_member_takes_a_strangers_pid),
        TEST(pids_wrap),
        TEST(a_session_named_as_a_dead_one),
    };
    return cmocka_run_group_tests_name("follow_poll", tests, NULL, NULL);
}

int main(void)
{
    alone = run_alone(nothing_to_do) == 0;
    return alone ? run_alone(all_tests) : all_tests();
}
