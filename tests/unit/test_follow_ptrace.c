/*
 * follow/follow_ptrace on real processes: who belongs and what is told of them, also of short ones and
 * of threads that do what a process does.
 */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "test_follow_ptraced.h"

extern char **environ;

/* ---- who belongs ---- */

static void launch_puppet(int number)
{
    puppet_fork(number);
    trace_launched(puppets[number].pid);
}

static void children_and_grandchildren(void **state)
{
    launch_puppet(0);
    assert_announced(0, getpid(), true, true);
    assert_count(1);
    act(0, ACT_FORK, 1);
    await_births(2);
    assert_announced(1, puppets[0].pid, false, true);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    act(0, ACT_FORK, 4);
    await_births(5);
    assert_announced(2, puppets[1].pid, false, true);
    assert_announced(3, puppets[2].pid, false, true);
    assert_announced(4, puppets[0].pid, false, true);
    assert_true(place_of(2) < place_of(3));
    assert_count(5);
    pid_t last = puppets[3].pid;
    end_puppet(3);
    await_told(TOLD_END, last, 1);
    assert_end(last, 0);
    struct follow_receipt receipt;
    mechanism->receipt(follow, &receipt);
    assert_int_equal(receipt.births, 5);
    assert_int_equal(receipt.missed, 0);
    assert_int_equal(receipt.lost_events, 0);
}

static void threads_are_no_processes(void **state)
{
    launch_puppet(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_THREADS, 5);
    act(1, ACT_FORK_FROM_THREAD, 2);
    await_births(3);
    assert_announced(1, puppets[0].pid, false, true);
    assert_announced(2, puppets[1].pid, false, true);
    assert_count(3);
    act(1, ACT_THREADS, 5);
    poll_follow();
    assert_count(3);
}

/* The middle one of a daemon's three generations ends at once; its child is the recorder's then. */
static void a_daemon_becomes_our_child(void **state)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    launch_puppet(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_SETSID, 0);
    act(1, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    pid_t middle = puppets[1].pid, daemon = puppets[2].pid;
    end_puppet(1);
    act(2, ACT_FORK, 3);
    await_births(4);
    assert_announced(2, middle, false, true);
    assert_announced(3, daemon, false, true);
    await_told(TOLD_END, middle, 1);
    assert_end(middle, 0);
    puppets[2].act = ACT_EXIT;
    sem_post(&puppets[2].go);
    puppets[2].pid = 0;
    assert_int_equal(reap(daemon), 0);
    poll_follow();
    assert_end(daemon, 0);
}

static void what_was_there_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(1, ACT_THREADS, 3);
    act(2, ACT_SETSID, 0);
    start_elsewhere(10);
    trace_running(puppets[0].pid);
    assert_true(announced[place_of(0)].birth.root);
    assert_false(announced[place_of(0)].birth.forked);
    assert_announced(1, puppets[0].pid, false, false);
    assert_announced(2, puppets[1].pid, false, false);
    assert_count(3);
    act(1, ACT_FORK_FROM_THREAD, 3);
    act(2, ACT_FORK, 4);
    act(10, ACT_FORK, 11);
    await_births(5);
    assert_announced(3, puppets[1].pid, false, true);
    assert_announced(4, puppets[2].pid, false, true);
    assert_count(5);
}

static void a_root_that_is_gone(void **state)
{
    struct follow *untouched = follow;
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    wait_of(dead);
    assert_int_equal(try_trace(&(struct follow_config){.roots = &dead, .root_count = 1}), -ESRCH);
    assert_ptr_equal(follow, untouched);
    assert_int_equal(told_count, 0);
    start_elsewhere(0);
    const pid_t roots[] = {puppets[0].pid, dead};
    assert_int_equal(try_trace(&(struct follow_config){.roots = roots, .root_count = 2}), -ESRCH);
    assert_int_equal(told_count, 0);
    act(0, ACT_FORK, 1);
}

/* All are children of one that forks as fast as it can. */
static void a_storm_of_births(void **state)
{
    const int n = 500;
    launch_puppet(0);
    act(0, ACT_FORK_MANY, n);
    await_births(1 + (size_t)n);
    for (int i = 0; i < n; i++)
        assert_int_equal(births_of(list[i]), 1);
    assert_count(1 + (size_t)n);
}

/* ---- short processes ---- */

#define SHORT 1000

static int starts_short_ones(void)
{
    for (int i = 0; i < SHORT; i++) {
        char script[64];
        snprintf(script, sizeof script, "exit %d; number %d", i % 251, i);
        if (wait_of(start_sh(script)) != (i % 251) << 8)
            return 1;
    }
    return 0;
}

/* The one that was born at this place. */
static void assert_short_one(int number, const struct told *born)
{
    size_t at = (size_t)(born - told);
    char argv[96];
    int n = snprintf(argv, sizeof argv, "sh%c-c%cexit %d; number %d", 0, 0, number % 251, number);
    const struct told *exec = find_from(at, TOLD_EXEC, born->pid);
    const struct told *end = find_from(at, TOLD_END, born->pid);
    const struct told *account = find_from(at, TOLD_ACCOUNT, born->pid);
    assert_same_argv(exec, argv, (size_t)n + 1);
    assert_string_equal(exec->exec.comm, "sh");
    assert_true(end > exec && account == end + 1);
    assert_int_equal(end->end.status, (number % 251) << 8);
    const struct record_account *a = &account->account;
    assert_true(a->cpu_ns > 0 && a->peak_rss_bytes > 0 && a->minor_faults > 0);
    assert_int_equal(a->known & ACCOUNT_EARLY, 0);
}

/* Pids may be given out again meanwhile: they are told apart by the order of their births. */
static void short_processes_are_all_seen(void **state)
{
    int number = 0;
    assert_int_equal(run_job(starts_short_ones), 0);
    for (size_t i = 0; i < told_count; i++)
        if (told[i].kind == TOLD_BIRTH && told[i].birth.parent_pid == job_pid)
            assert_short_one(number++, &told[i]);
    assert_int_equal(number, SHORT);
    for (enum told_kind kind = TOLD_BIRTH; kind <= TOLD_ACCOUNT; kind++)
        assert_int_equal(count(kind, 0), SHORT + (kind != TOLD_EXEC));
}

/* The account is what the parent's wait4 says. */
static int burns_and_reports(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rusage usage = {0};
        char *held = mmap(NULL, 32u << 20, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (held == MAP_FAILED)
            _exit(2);
        int fd = open("/dev/zero", O_RDONLY);
        char bytes[5000];
        if (read(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
            _exit(1);
        while (usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec < 30000)
            getrusage(RUSAGE_SELF, &usage);
        _exit(0);
    }
    struct rusage usage;
    int status;
    while (wait4(pid, &status, 0, &usage) < 0)
        ;
    shared->number[0] = pid;
    shared->value[0] = (long long)(timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime));
    shared->value[1] = usage.ru_maxrss * 1024;
    shared->value[2] = usage.ru_minflt;
    shared->value[3] = usage.ru_nvcsw;
    return status;
}

static void assert_near(long long a, long long b, long long by)
{
    if (llabs(a - b) > by)
        fail_msg("%lld is not within %lld of %lld", a, by, b);
}

static void accounts_are_the_kernels(void **state)
{
    assert_int_equal(run_job(burns_and_reports), 0);
    assert_end(shared->number[0], 0);
    const struct record_account *a = &find(TOLD_ACCOUNT, shared->number[0])->account;
    assert_int_equal(a->known, ACCOUNT_CPU | ACCOUNT_SPLIT | ACCOUNT_CHILDREN | ACCOUNT_PEAK_RSS |
                                   ACCOUNT_FAULTS | ACCOUNT_SWITCHES | ACCOUNT_IO);
    assert_true(a->cpu_ns >= 30 * NS_PER_MS);
    /* Nothing but the last steps of its end come after. */
    assert_near((long long)a->cpu_ns, shared->value[0], NS_PER_MS / 2);
    assert_true(a->peak_rss_bytes >= 32u << 20);
    assert_near((long long)a->peak_rss_bytes, shared->value[1], 4 << 20);
    assert_near((long long)a->minor_faults, shared->value[2], 0);
    assert_near((long long)a->voluntary_switches, shared->value[3], 20);
    assert_true(a->read_chars >= 5000 && a->read_count >= 1);
    /* The root's is taken as it begins to exit: the recorder has a better one. */
    const struct record_account *of_root = &find(TOLD_ACCOUNT, job_pid)->account;
    assert_true((of_root->known & ACCOUNT_EARLY) != 0);
    assert_true(of_root->children_user_ns + of_root->children_system_ns > 0);
}

#define LONG_ARGS 64
#define LONG_ARG 16000

static int execs_with_long_arguments(void)
{
    static char arg[LONG_ARGS][LONG_ARG + 1];
    char *argv[LONG_ARGS + 4] = {"sh", "-c", "exit 3"};
    for (int i = 0; i < LONG_ARGS; i++) {
        memset(arg[i], 'a' + i % 26, LONG_ARG);
        argv[i + 3] = arg[i];
    }
    execve("/bin/sh", argv, environ);
    return 1;
}

static void long_command_lines_are_whole(void **state)
{
    assert_int_equal(run_job(execs_with_long_arguments), 3 << 8);
    const struct follow_exec *exec = &find(TOLD_EXEC, job_pid)->exec;
    assert_int_equal(exec->argv.n, 3 + 3 + 7 + LONG_ARGS * (LONG_ARG + 1));
    assert_int_equal(exec->argv.bytes[exec->argv.n - 2], 'a' + (LONG_ARGS - 1) % 26);
    char exe[64] = "";
    memcpy(exe, exec->exe.bytes, exec->exe.n < sizeof exe ? exec->exe.n : 0);
    assert_true(exec->exe.n > 4 && strstr(exe, "/bin/") != NULL);
}

/* ---- threads ---- */

static void *execs(void *arg)
{
    execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
    return arg;
}

static int execs_from_a_thread(void)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, waits, NULL);
    pthread_create(&thread, NULL, execs, NULL);
    waits(NULL);
    return 1;
}

static void a_thread_execs(void **state)
{
    assert_int_equal(run_job(execs_from_a_thread), 5 << 8);
    assert_end(job_pid, 5 << 8);
    assert_argv(job_pid, "sh\0-c\0exit 5", 13);
    assert_int_equal(count(TOLD_EXEC, 0), 1);
    assert_int_equal(count(TOLD_BIRTH, 0), 1);
}

/* The same as a child of the job's, whose zombie is awaited. */
static int has_a_child_that_execs_from_a_thread(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(execs_from_a_thread());
    shared->number[0] = pid;
    return wait_of(pid) == 5 << 8 ? 0 : 1;
}

static void a_childs_thread_execs(void **state)
{
    assert_int_equal(run_job(has_a_child_that_execs_from_a_thread), 0);
    assert_end(shared->number[0], 5 << 8);
    assert_argv(shared->number[0], "sh\0-c\0exit 5", 13);
    assert_int_equal(count(TOLD_EXEC, 0), 1);
}

/* After its main thread has exited. */
static void *forks_and_exits(void *arg)
{
    while (state_of(getpid()) != 'Z')
        usleep(200);
    pid_t pid = fork();
    if (pid == 0)
        _exit(4);
    shared->number[1] = pid;
    if (wait_of(pid) != 4 << 8)
        _exit(1);
    _exit(9);
    return arg;
}

static int main_thread_exits_first(void)
{
    pthread_t thread;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_create(&thread, NULL, forks_and_exits, NULL);
        syscall(SYS_exit, 2);
    }
    shared->number[0] = pid;
    return wait_of(pid) == 9 << 8 ? 0 : 1;
}

static void the_main_thread_exits_first(void **state)
{
    assert_int_equal(run_job(main_thread_exits_first), 0);
    assert_end(shared->number[0], 9 << 8);
    assert_end(shared->number[1], 4 << 8);
    assert_int_equal(find(TOLD_BIRTH, shared->number[1])->birth.parent_pid, shared->number[0]);
}

static int root_s_main_thread_exits_first(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, forks_and_exits, NULL);
    syscall(SYS_exit, 2);
    return 0;
}

static void the_roots_main_thread_exits_first(void **state)
{
    assert_int_equal(run_job(root_s_main_thread_exits_first), 9 << 8);
    assert_end(job_pid, 9 << 8);
    assert_end(shared->number[1], 4 << 8);
}

/* Nobody waits for a thread: they must vanish by themselves. */
static void *ends(void *arg)
{
    return arg;
}

static int makes_threads(void)
{
    for (int i = 0; i < 300; i++) {
        pthread_t thread[2];
        for (int k = 0; k < 2; k++)
            if (pthread_create(&thread[k], NULL, ends, NULL) != 0)
                return 1;
        for (int k = 0; k < 2; k++)
            pthread_join(thread[k], NULL);
    }
    return 0;
}

static void threads_come_and_go(void **state)
{
    assert_int_equal(run_job(makes_threads), 0);
    assert_int_equal(count(TOLD_BIRTH, 0), 1);
    assert_end(job_pid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(children_and_grandchildren),
        TEST(threads_are_no_processes),
        TEST(a_daemon_becomes_our_child),
        TEST(what_was_there_belongs),
        TEST(a_root_that_is_gone),
        TEST(a_storm_of_births),
        TEST(short_processes_are_all_seen),
        TEST(accounts_are_the_kernels),
        TEST(long_command_lines_are_whole),
        TEST(a_thread_execs),
        TEST(a_childs_thread_execs),
        TEST(the_main_thread_exits_first),
        TEST(the_roots_main_thread_exits_first),
        TEST(threads_come_and_go),
    };
    return run_traced("follow_ptrace", tests, sizeof tests / sizeof *tests);
}
