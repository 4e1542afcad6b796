/* follow/follow_perf on real processes: who belongs, execs, threads, namespaces. */
#include "test_follow_perf.h"

/* ---- who belongs ---- */

static void children_and_grandchildren(void **state)
{
    launch_puppet(0);
    assert_announced(0, getpid(), true, true);
    assert_count(1);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    act(0, ACT_FORK, 4);
    poll_follow();
    assert_born(1, puppets[0].pid);
    assert_born(2, puppets[1].pid);
    assert_born(3, puppets[2].pid);
    assert_born(4, puppets[0].pid);
    assert_true(place_of(1) < place_of(2) && place_of(2) < place_of(3));
    assert_count(5);
    pid_t ended = puppets[3].pid;
    end(3);
    poll_follow();
    assert_int_equal(ends_of(ended), 1);
    assert_count(6);
    assert_receipt(4);
}

static void threads_are_no_processes(void **state)
{
    launch_puppet(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_THREADS, 5);
    act(1, ACT_FORK_FROM_THREAD, 2);
    poll_follow();
    assert_born(1, puppets[0].pid);
    assert_born(2, puppets[1].pid);
    assert_count(3);
    act(1, ACT_THREADS, 5);
    poll_follow();
    assert_count(3);
    pid_t ended = puppets[1].pid;
    end(1);
    poll_follow();
    assert_int_equal(ends_of(ended), 1);
    assert_count(4);
    assert_receipt(2);
}

static void orphans_and_sessions(void **state)
{
    launch_puppet(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_SETSID, 0);
    act(1, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    pid_t middle = puppets[1].pid;
    end(1);
    act(2, ACT_FORK, 3);
    poll_follow();
    assert_born(2, middle);
    assert_born(3, puppets[2].pid);
    assert_int_equal(births_of(middle), 1);
    assert_int_equal(ends_of(middle), 1);
    assert_count(5);
    assert_receipt(3);
}

static void what_was_there_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(1, ACT_THREADS, 3);
    act(1, ACT_FORK, 3);
    act(3, ACT_SETSID, 0);
    start_elsewhere(10);
    act(10, ACT_FORK, 11);
    const pid_t roots[] = {puppets[0].pid, puppets[10].pid, puppets[1].pid};
    open_perf(&(struct follow_config){.roots = roots, .root_count = 3, .recorder = getpid()});
    assert_found(0, true);
    assert_found(10, true);
    assert_found(1, true);
    assert_found(2, false);
    assert_found(3, false);
    assert_found(11, false);
    assert_count(6);
    act(3, ACT_FORK, 4);
    act(1, ACT_FORK_FROM_THREAD, 5);
    act(11, ACT_FORK, 12);
    poll_follow();
    assert_born(4, puppets[3].pid);
    assert_born(5, puppets[1].pid);
    assert_born(12, puppets[11].pid);
    assert_count(9);
    pid_t ended = puppets[1].pid;
    end(1); /* with the threads that were there and those that came */
    poll_follow();
    assert_int_equal(ends_of(ended), 1);
    assert_count(10);
    assert_receipt(3);
}

static void the_recorder_never_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    open_perf(&(struct follow_config){
        .roots = &puppets[0].pid, .root_count = 1, .recorder = puppets[1].pid});
    assert_found(2, false);
    assert_count(2);
    act(1, ACT_FORK, 3);
    act(1, ACT_THREADS, 1);
    poll_follow();
    assert_count(2);
    end(1);
    poll_follow();
    assert_count(2);
}

static void a_root_that_is_gone(void **state)
{
    struct follow *untouched = follow;
    puppet_fork(0);
    pid_t dead = puppets[0].pid;
    end(0);
    int r = try_open_perf(&(struct follow_config){.roots = &dead, .root_count = 1});
    assert_int_equal(r, -ESRCH);
    r = try_open_perf(&(struct follow_config){.roots = &dead, .root_count = 1, .launched = true});
    assert_int_equal(r, -ESRCH);
    assert_ptr_equal(follow, untouched);
    assert_int_equal(announcements, 0);
    assert_true(why.text[0] != '\0');
}

static void strangers_never_belong(void **state)
{
    start_elsewhere(10);
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    attach_perf(puppets[0].pid);
    act(10, ACT_FORK, 11);
    act(11, ACT_THREADS, 2);
    act(11, ACT_FORK, 12);
    end(11);
    act(1, ACT_FORK, 2);
    poll_follow();
    assert_born(2, puppets[1].pid);
    assert_count(3);
    assert_receipt(1);
}

/* Of everybody's births, those below a puppet. */
static void on_anybodys_birth(void *user, const struct follow_birth *birth)
{
    if (birth->parent_pid == puppets[10].pid || birth->parent_pid == puppets[11].pid)
        on_birth(user, birth);
}

static uint32_t on_anybodys_end(void *user, const struct follow_end *end)
{
    return births_of(end->pid) > 0 ? on_ended(user, end) : 0;
}

static void on_anybodys_exec(void *user, const struct follow_exec *exec) {}

static void the_whole_machine(void **state)
{
    const struct follow_sink sink = {.user = announced,
                                     .birth = on_anybodys_birth,
                                     .exec = on_anybodys_exec,
                                     .ended = on_anybodys_end};
    const struct follow_config config = {.root = &root, .machine = true, .recorder = getpid()};
    start_elsewhere(10);
    int r = follow_perf.open(&config, &sink, &follow, &why);
    if (!privileged) {
        assert_true(r == -EACCES || r == -EPERM);
        assert_non_null(strstr(why.text, "CAP_PERFMON"));
        return;
    }
    assert_int_equal(r, 0);
    act(10, ACT_FORK, 11);
    act(11, ACT_FORK, 12);
    pid_t ended = puppets[12].pid;
    end(12);
    poll_follow();
    if (receipt_now().lost_events > 0)
        return; /* others had too much to say */
    const struct follow_birth *birth = &announced[place_of(11)].birth;
    assert_int_equal(birth->parent_pid, puppets[10].pid);
    assert_false(birth->fresh); /* nobody was told of its parent */
    assert_true(birth->start_boot_ns > 0 && birth->comm[0] != '\0');
    assert_int_equal(births_of(ended), 1);
    assert_int_equal(ends_of(ended), 1);
    assert_count(3);
}

/* ---- execs and threads ---- */

static void run_true(void)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl("/bin/true", "true", "one", "two", NULL);
            _exit(127);
        }
        waitpid(pid, NULL, 0);
    }
}

/* Arguments of programs so short are known only when one is quick: never others' at least. */
static void vfork_and_exec(void **state)
{
    script_launch(run_true);
    pid_t pid = script->root;
    POLL_UNTIL(ends_of(pid) == 1);
    assert_int_equal(exec_count, 20);
    for (size_t i = 0; i < exec_count; i++) {
        assert_string_equal(execs[i].comm, "true");
        assert_int_equal(births_of(execs[i].pid), ends_of(execs[i].pid));
        if (execs[i].argv_bytes > 0)
            assert_memory_equal(execs[i].argv, "true\0one\0two", 13);
    }
    assert_receipt(20);
    script_reap();
}

static void run_cat(void)
{
    execl("/bin/cat", "cat", "-u", "-", NULL);
}

static void assert_cat(pid_t pid)
{
    assert_int_equal(execs_of(pid), 1);
    assert_string_equal(execs[0].comm, "cat");
    assert_true(execs[0].has_argv);
    assert_int_equal(execs[0].argv_bytes, 9);
    assert_memory_equal(execs[0].argv, "cat\0-u\0-", 9);
    assert_true(strstr(execs[0].exe, "cat") != NULL || strstr(execs[0].exe, "box") != NULL);
}

static void the_arguments_of_an_exec(void **state)
{
    script_launch(run_cat);
    pid_t pid = script->root;
    POLL_UNTIL(exec_count == 1);
    assert_cat(pid);
    assert_int_equal(announcements, 1);
    script_close_pipe();
    POLL_UNTIL(ends_of(pid) == 1);
    assert_count(2);
    script_reap();
}

/* The second program's arguments are not taken for the first one's. */
static void run_env(void)
{
    execl("/usr/bin/env", "env", "cat", "-u", "-", NULL);
}

static void an_exec_upon_an_exec(void **state)
{
    script_launch(run_env);
    POLL_UNTIL(exec_count == 2);
    assert_string_equal(execs[0].comm, "env");
    assert_string_equal(execs[1].comm, "cat");
    if (execs[0].argv_bytes > 0)
        assert_memory_equal(execs[0].argv, "env\0cat\0-u\0-", 13);
    assert_int_equal(execs[1].argv_bytes, 9);
    assert_memory_equal(execs[1].argv, "cat\0-u\0-", 9);
}

static bool is_cat(const struct proc_stat *stat)
{
    return strcmp(stat->comm, "cat") == 0;
}

static bool is_zombie(const struct proc_stat *stat)
{
    return stat->value[STAT_STATE] == 'Z';
}

static void await_stat(pid_t pid, bool (*wanted)(const struct proc_stat *stat))
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat = {0};
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (proc_stat_read(&root, &files, &stat) == 0 && !wanted(&stat))
        assert_true(clock_mono_ns() < until);
}

static void an_exec_heard_of_late(void **state)
{
    script_launch(run_env);
    await_stat(script->root, is_cat);
    usleep(1000);
    POLL_UNTIL(exec_count == 2);
    assert_string_equal(execs[0].comm, "env");
    assert_int_equal(execs[0].argv_bytes, 0); /* nobody knows any more */
    assert_int_equal(execs[1].argv_bytes, 9);
}

/* What waits for its arguments when all ends is told. */
static void an_exec_at_the_end(void **state)
{
    script_launch(run_cat);
    await_stat(script->root, is_cat);
    follow_perf.settle(follow, 0);
    assert_int_equal(execs_of(script->root), 1);
    assert_true(execs[0].argv_bytes == 0 || execs[0].argv_bytes == 9);
}

static void *cat_in_thread(void *arg)
{
    run_cat();
    _exit(127);
}

static void run_cat_from_thread(void)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, wait_in_thread, NULL);
    pthread_create(&thread, NULL, cat_in_thread, NULL);
    for (;;)
        pause();
}

static void an_exec_by_another_thread(void **state)
{
    script_launch(run_cat_from_thread);
    pid_t pid = script->root;
    POLL_UNTIL(exec_count == 1);
    assert_cat(pid);
    assert_count(1); /* it has not ended */
    script_close_pipe();
    POLL_UNTIL(ends_of(pid) == 1);
    assert_count(2);
    assert_receipt(0);
    script_reap();
}

static void *outlive_first(void *arg)
{
    script_step();
    waitpid(fork_to(nothing, &script->pid), NULL, 0);
    script_step();
    return NULL;
}

/* By the bare system call: the C library would make an end of it all. */
static void end_first_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, outlive_first, NULL);
    syscall(SYS_exit, 0);
}

/* From when the first thread has ended and another one lives. */
static void assert_first_thread_is_not_all(void)
{
    pid_t pid = script->root;
    assert_count(1);
    script_go();
    script_await();
    poll_follow();
    assert_int_equal(births_of(script->pid), 1);
    assert_int_equal(announced[1].birth.parent_pid, pid);
    assert_int_equal(ends_of(script->pid), 1);
    assert_count(3);
    script_go();
    POLL_UNTIL(ends_of(pid) == 1);
    assert_count(4);
    assert_receipt(1);
    script_reap();
}

static void a_first_thread_that_ends_first(void **state)
{
    script_launch(end_first_thread);
    script_await();
    await_stat(script->root, is_zombie);
    poll_follow();
    assert_first_thread_is_not_all();
}

static void a_first_thread_that_has_ended_before(void **state)
{
    script_fork(end_first_thread);
    script_go();
    script_await();
    await_stat(script->root, is_zombie);
    attach_perf(script->root);
    assert_first_thread_is_not_all();
}

static void leave_a_zombie(void)
{
    fork_to(nothing, &script->pid);
    waitid(P_PID, (id_t)script->pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
    script_step();
}

static void a_zombie_that_was_there(void **state)
{
    script_fork(leave_a_zombie);
    script_go();
    script_await();
    attach_perf(script->root);
    poll_follow();
    assert_count(1);
    pid_t pid = script->root;
    script_go();
    script_reap();
    poll_follow();
    assert_int_equal(ends_of(pid), 1);
    assert_count(2);
    assert_receipt(0);
}

/* ---- when it is readable ---- */

static void readable_when_there_is_news(void **state)
{
    launch_puppet(0);
    poll_follow();
    assert_false(readable(0));
    act(0, ACT_FORK, 1);
    assert_true(readable(PATIENCE_S * 1000));
    poll_follow();
    assert_born(1, puppets[0].pid);
    assert_false(readable(0));
}

/* What the first events were opened on is gone; those of others go on. */
static void readable_after_the_roots_end(void **state)
{
    start_elsewhere(0);
    start_elsewhere(10);
    const pid_t roots[] = {puppets[0].pid, puppets[10].pid};
    open_perf(&(struct follow_config){.roots = roots, .root_count = 2, .recorder = getpid()});
    end(0);
    for (int i = 0; i < 3; i++) {
        poll_follow();
        if (!privileged) /* else the machine is heard of */
            assert_false(readable(0));
    }
    act(10, ACT_FORK, 11);
    assert_true(readable(PATIENCE_S * 1000));
    poll_follow();
    assert_born(11, puppets[10].pid);
}

/* ---- pids given out again ---- */

static void skip_in_company(void)
{
    if (!alone) {
        print_message("# no pid namespace of its own here: pids cannot be chosen\n");
        skip();
    }
}

static void act_fork_as(int number, int arg, pid_t pid)
{
    puppets[arg].pid = pid;
    act(number, ACT_FORK_AS, arg);
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

static void await_new_start(void)
{
    uint64_t tick = clock_boot_ns() / root.tick_ns;
    while (clock_boot_ns() / root.tick_ns <= tick + 1)
        usleep(1000);
}

/* Before anybody has heard of the end of the first, or after. */
static void pids_are_given_out_again(void **state)
{
    skip_in_company();
    start_elsewhere(0);
    start_elsewhere(10);
    attach_perf(puppets[0].pid);
    act(0, ACT_FORK, 1);
    pid_t reused = puppets[1].pid;
    end(1);
    await_new_start();
    act_fork_as(0, 2, reused);
    poll_follow();
    if (lost_in_the_crowd())
        return;
    assert_string_equal(story_of(reused), "beb");
    end(2);
    poll_follow();
    assert_string_equal(story_of(reused), "bebe");
    size_t before = announcements;
    act_fork_as(10, 11, reused);
    act(11, ACT_FORK, 12);
    poll_follow();
    end(11);
    poll_follow();
    assert_count(before);
}

/* Within the same tick of the clock that start times are in. */
static void a_pid_is_given_out_again_at_once(void **state)
{
    skip_in_company();
    launch_puppet(0);
    for (int i = 1; i < 20; i++) {
        announcements = 0;
        act(0, ACT_FORK, i);
        pid_t reused = puppets[i].pid;
        end(i);
        act_fork_as(0, i, reused);
        poll_follow();
        assert_string_equal(story_of(reused), "beb");
        end(i);
        poll_follow();
        assert_string_equal(story_of(reused), "bebe");
    }
    assert_int_equal(receipt_now().missed, 0);
}

/* Strangers outside have no pids here. */
static void a_namespace_of_its_own(void **state)
{
    skip_in_company();
    launch_puppet(0);
    assert_true(puppets[0].pid > 0 && puppets[0].pid < 10000);
    act(0, ACT_FORK, 1);
    poll_follow();
    assert_born(1, puppets[0].pid);
    assert_count(2);
}

/* ---- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_perf, clean_up_perf)

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(children_and_grandchildren),
        TEST(threads_are_no_processes),
        TEST(orphans_and_sessions),
        TEST(what_was_there_belongs),
        TEST(the_recorder_never_belongs),
        TEST(a_root_that_is_gone),
        TEST(strangers_never_belong),
        TEST(the_whole_machine),
        TEST(vfork_and_exec),
        TEST(the_arguments_of_an_exec),
        TEST(an_exec_upon_an_exec),
        TEST(an_exec_heard_of_late),
        TEST(an_exec_at_the_end),
        TEST(an_exec_by_another_thread),
        TEST(a_first_thread_that_ends_first),
        TEST(a_first_thread_that_has_ended_before),
        TEST(a_zombie_that_was_there),
        TEST(readable_when_there_is_news),
        TEST(readable_after_the_roots_end),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

static int alone_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pids_are_given_out_again),
        TEST(a_pid_is_given_out_again_at_once),
        TEST(a_namespace_of_its_own),
    };
    return cmocka_run_group_tests_name("follow_perf, alone", tests, NULL, NULL);
}

int main(void)
{
    int failed = run_everywhere(run_group);
    if (!perf_allowed(0))
        return failed;
    privileged = perf_allowed(-1);
    alone = run_alone(nothing_to_do) == 0;
    fflush(NULL);
    return failed | (alone ? run_alone(alone_tests) : alone_tests());
}
