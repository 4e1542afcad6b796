/* follow/follow_bpf on real processes: what the kernel's events tell, and what is left when they are lost. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "config.h"
#include "follow/follow.h"

#ifndef HAVE_BPF

int main(void)
{
    puts("1..0 # SKIP this build has no BPF");
    return 77;
}

#else

/* ---- what is announced ---- */

struct seen {
    struct follow_birth birth;
    unsigned execs, ends, accounts;
    int status;
    struct record_account account;
    char *argv;
    size_t argv_bytes;
    bool argv_cut, alive;
};

static struct seen *seen; /* entity - 1 */
static size_t count, cap;
static struct source_root root;
static struct follow *follow;
static struct follow_reason why;

static struct seen *living(pid_t pid)
{
    for (size_t i = count; i-- > 0;)
        if (seen[i].birth.pid == pid && seen[i].alive)
            return &seen[i];
    return NULL;
}

static void on_birth(void *user, const struct follow_birth *birth)
{
    assert_null(living(birth->pid)); /* nobody twice */
    if (count == cap) {
        cap = cap == 0 ? 1024 : 2 * cap;
        seen = realloc(seen, cap * sizeof *seen);
        assert_non_null(seen);
    }
    seen[count++] = (struct seen){.birth = *birth, .status = -1, .alive = true};
}

static void on_exec(void *user, const struct follow_exec *exec)
{
    struct seen *s = living(exec->pid);
    if (s == NULL)
        return; /* of the machine, and older than we */
    s->execs++;
    free(s->argv);
    s->argv = malloc(exec->argv.n + 1);
    assert_non_null(s->argv);
    memcpy(s->argv, exec->argv.bytes, exec->argv.n);
    s->argv_bytes = exec->has_argv ? exec->argv.n : 0;
    s->argv_cut = exec->argv_cut;
}

static uint32_t on_ended(void *user, const struct follow_end *end)
{
    struct seen *s = living(end->pid);
    if (s == NULL)
        return 0;
    s->alive = false;
    s->ends++;
    s->status = end->status;
    return (uint32_t)(s - seen) + 1;
}

static void on_account(void *user, const struct record_account *account)
{
    assert_in_range(account->entity, 1, count);
    struct seen *s = &seen[account->entity - 1];
    s->accounts++;
    s->account = *account;
}

static void forget_all(void)
{
    for (size_t i = 0; i < count; i++)
        free(seen[i].argv);
    free(seen);
    seen = NULL;
    count = cap = 0;
}

/* ---- the tree ---- */

/* A child that waits until the follower is open, and then does what it is told. */
static int gate[2];
static pid_t child;

static void start(void (*work)(void))
{
    assert_int_equal(pipe(gate), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;
        close(gate[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(gate[0], &byte, 1) == 1)
            work();
        _exit(0);
    }
    close(gate[0]);
}

static int open_with(struct follow_config config)
{
    struct follow_sink sink = {
        .birth = on_birth, .exec = on_exec, .ended = on_ended, .account = on_account};
    config.root = &root;
    config.recorder = getpid();
    return follow_bpf.open(&config, &sink, &follow, &why);
}

static int opened;

static void launch(void (*work)(void))
{
    if (opened != 0) {
        print_message("# not here: %s\n", why.text);
        skip();
    }
    start(work);
    assert_int_equal(
        open_with((struct follow_config){.roots = &child, .root_count = 1, .launched = true}), 0);
}

static void go(void)
{
    assert_int_equal(write(gate[1], "x", 1), 1);
    close(gate[1]);
}

/* Waits for the child, and then for all accounts. */
static int finish(struct rusage *ret)
{
    int status;
    struct rusage usage;
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_int_equal(follow_bpf.poll(follow, clock_mono_ns()), 0);
    follow_bpf.settle(follow, 30 * NS_PER_S);
    if (ret != NULL)
        *ret = usage;
    return status;
}

static int end_test(void **state)
{
    if (follow != NULL)
        follow_bpf.close(follow);
    follow = NULL;
    forget_all();
    return 0;
}

static void burn(uint64_t ns)
{
    uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        continue;
}

static size_t born_of(pid_t parent)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += seen[i].birth.parent_pid == parent && !seen[i].birth.root;
    return n;
}

static size_t accounts_of(pid_t parent)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += seen[i].birth.parent_pid == parent ? seen[i].accounts : 0;
    return n;
}

/* ---- tests ---- */

#define CHILDREN 50

/*
 * On one processor: a process that another one reaps while it still runs its last instructions
 * loses, in the kernel's own account too, what it ran since the last tick.
 */
static void fork_many(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (fork() == 0)
                _exit(100 + i);
            wait(NULL);
            burn(NS_PER_MS);
            _exit(i);
        }
        waitpid(pid, NULL, 0);
    }
}

static void each_has_its_end_and_account(void **state)
{
    struct rusage usage;
    launch(fork_many);
    go();
    finish(&usage);
    assert_int_equal(count, 1 + 2 * CHILDREN);
    assert_int_equal(born_of(child), CHILDREN);
    uint64_t cpu_ns = 0, early = 0;
    unsigned next = 0;
    for (size_t i = 0; i < count; i++) {
        const struct seen *s = &seen[i];
        assert_int_equal(s->ends, 1);
        assert_int_equal(s->accounts, 1);
        assert_int_equal(s->account.known & ACCOUNT_CPU, ACCOUNT_CPU);
        bool is_early = (s->account.known & ACCOUNT_EARLY) != 0;
        early += is_early;
        if (!is_early)
            assert_int_equal(s->account.user_ns + s->account.system_ns, s->account.cpu_ns);
        assert_true(s->birth.root || (s->birth.fresh && s->birth.forked));
        assert_true(s->birth.start_boot_ns > 0);
        assert_true(s->birth.root || s->birth.session == getsid(0));
        cpu_ns += s->account.cpu_ns;
        if (s->birth.parent_pid == child && !s->birth.root) {
            assert_int_equal(s->status, next << 8);
            assert_int_equal(born_of(s->birth.pid), 1);
            next++;
            if (is_early)
                continue;
            assert_true(s->account.cpu_ns >= NS_PER_MS);
            assert_true(s->account.children_user_ns + s->account.children_system_ns > 0);
        }
    }
    /* The sum is the kernel's own, to its microseconds a process. */
    uint64_t truth = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    if (early == 0)
        assert_true(cpu_ns >= truth - truth / 100);
    assert_true(cpu_ns <= truth + truth / 100);
    /* Some kernels at times free a few without telling. */
    assert_true(early <= CHILDREN);
    struct follow_receipt receipt;
    follow_bpf.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 2 * CHILDREN);
    assert_int_equal(receipt.missed, 0);
    assert_true(receipt.lost_events <= early);
}

/* What a parent that forks by vfork has is not the peak of its child. */
static void exec_true_from_much_memory(void)
{
    size_t bytes = 64u << 20;
    char *much = malloc(bytes);
    memset(much, 1, bytes);
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/true", "true", "a b", "", "c\nd", (char *)NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

static void an_exec_tells_its_arguments(void **state)
{
    launch(exec_true_from_much_memory);
    go();
    finish(NULL);
    assert_int_equal(count, 2);
    assert_int_equal(seen[1].execs, 1);
    assert_int_equal(seen[1].argv_bytes, sizeof "true\0a b\0\0c\nd");
    assert_memory_equal(seen[1].argv, "true\0a b\0\0c\nd", seen[1].argv_bytes);
    assert_true((seen[0].account.known & ACCOUNT_PEAK_RSS) != 0);
    assert_true(seen[0].account.peak_rss_bytes > 64u << 20);
    if ((seen[1].account.known & ACCOUNT_PEAK_RSS) != 0)
        assert_true(seen[1].account.peak_rss_bytes < 32u << 20);
}

#define LONG_ARGUMENTS 18 /* of just under the kernel's 128 KiB each: more than 2 MB */

static char *long_argument(char letter)
{
    const size_t n = (128 << 10) - 1;
    char *text = malloc(n + 1);
    memset(text, letter, n);
    text[n] = '\0';
    return text;
}

static void exec_with_very_much(void)
{
    char *argv[LONG_ARGUMENTS + 2] = {0};
    char *no_environment[] = {NULL};
    argv[0] = (char *)"true";
    for (int i = 0; i < LONG_ARGUMENTS; i++)
        argv[1 + i] = i < 15 ? long_argument((char)('a' + i)) : (char *)"";
    execve("/bin/true", argv, no_environment);
    _exit(99);
}

static void long_arguments_are_whole(void **state)
{
    launch(exec_with_very_much);
    go();
    assert_int_equal(finish(NULL), 0);
    assert_int_equal(seen[0].execs, 1);
    assert_false(seen[0].argv_cut);
    assert_int_equal(seen[0].argv_bytes, 5 + 15 * (128 << 10) + 3);
    const char *at = seen[0].argv + 5;
    for (int i = 0; i < 15; i++, at += 128 << 10) {
        assert_int_equal(at[0], 'a' + i);
        assert_int_equal(strlen(at), (128 << 10) - 1);
        assert_int_equal(at[(128 << 10) - 2], 'a' + i);
    }
}

static void *exec_in_thread(void *arg)
{
    execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
    return arg;
}

static void exec_by_another_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exec_in_thread, NULL);
    for (;;)
        pause();
}

static void a_thread_that_execs_is_the_process(void **state)
{
    launch(exec_by_another_thread);
    go();
    assert_int_equal(WEXITSTATUS(finish(NULL)), 7);
    assert_int_equal(count, 1);
    assert_int_equal(seen[0].execs, 1);
    assert_int_equal(seen[0].ends, 1);
    assert_int_equal(seen[0].status, 7 << 8);
    assert_int_equal(seen[0].accounts, 1);
}

static void *burn_and_fork(void *arg)
{
    usleep(20000);
    burn(20 * NS_PER_MS);
    if (fork() == 0)
        _exit(3);
    _exit(5);
    return arg;
}

static void leave_threads_behind(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, burn_and_fork, NULL);
    pthread_exit(NULL);
}

static void it_ends_with_its_last_thread(void **state)
{
    launch(leave_threads_behind);
    go();
    assert_int_equal(WEXITSTATUS(finish(NULL)), 5);
    assert_int_equal(count, 2); /* the thread's child is the process's */
    assert_int_equal(seen[1].birth.parent_pid, child);
    assert_int_equal(seen[0].status, 5 << 8);
    /* Not all of the 20: reaped elsewhere, it loses what it ran since the last tick. */
    assert_true(seen[0].account.cpu_ns >= 10 * NS_PER_MS);
}

static void orphan_a_session(void)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            usleep(20000);
            kill(getpid(), SIGKILL);
        }
        _exit(0);
    }
    wait(NULL);
}

static void orphans_belong(void **state)
{
    launch(orphan_a_session);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    go();
    int status;
    assert_int_equal(waitpid(child, NULL, 0), child);
    pid_t orphan = wait(&status);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    follow_bpf.settle(follow, 30 * NS_PER_S);
    assert_int_equal(count, 3);
    assert_int_equal(seen[2].birth.pid, orphan);
    assert_int_equal(seen[2].birth.session, seen[1].birth.pid);
    assert_int_equal(seen[2].status, SIGKILL);
    assert_int_equal(seen[2].accounts, 1);
}

static void sleep_for_ever(void)
{
    for (int i = 0; i < 5; i++)
        if (fork() == 0)
            for (;;)
                pause();
    for (;;) {
        if (fork() == 0)
            _exit(0);
        wait(NULL);
    }
}

static void what_was_there_is_found_once(void **state)
{
    if (opened != 0)
        skip();
    start(sleep_for_ever);
    go();
    usleep(50000);
    assert_int_equal(open_with((struct follow_config){.roots = &child, .root_count = 1}), 0);
    assert_true(seen[0].birth.root);
    size_t old = 0, fresh = 0;
    for (int i = 0; i < 5000 && fresh <= 10;
         i++) { /* children are quick only where there is a CPU */
        usleep(5000);
        assert_int_equal(follow_bpf.poll(follow, clock_mono_ns()), 0);
        old = fresh = 0;
        for (size_t j = 1; j < count; j++) {
            assert_int_equal(seen[j].birth.parent_pid, child);
            old += !seen[j].birth.forked;
            fresh += seen[j].birth.forked;
        }
    }
    assert_true(old >= 5); /* and those that lived for the moment of a listing */
    assert_true(fresh > 10);
    for (size_t i = 1; i < count; i++)
        if (!seen[i].birth.forked && seen[i].alive)
            kill(seen[i].birth.pid, SIGKILL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

#define STORM 16000 /* of some 350 bytes each, for a ring of 4 MiB */

static void storm(void)
{
    for (volatile int i = 0; i < STORM; i++) {
        pid_t pid = vfork();
        if (pid == 0)
            _exit(i % 3);
        waitpid(pid, NULL, 0);
    }
    if (fork() == 0)
        for (;;)
            pause();
    for (;;)
        pause();
}

/* Nobody empties the ring while far more happens than it holds. */
static void what_is_lost_is_counted(void **state)
{
    launch(storm);
    go();
    struct follow_receipt receipt;
    do {
        usleep(20000);
        follow_bpf.receipt(follow, &receipt);
    } while (receipt.births < STORM + 1);
    assert_true(receipt.lost_events > 0);
    assert_int_equal(follow_bpf.poll(follow, clock_mono_ns()), 0);
    follow_bpf.receipt(follow, &receipt);
    assert_int_equal(receipt.births, STORM + 1);
    assert_true(receipt.missed > 0);
    assert_false(receipt.missed_is_bound);
    assert_int_equal(receipt.missed + (count - 1), STORM + 1);
    assert_true(receipt.resyncs > 0);
    /* Those that live were found, those that are gone have ended. */
    size_t alive = 0;
    for (size_t i = 0; i < count; i++)
        alive += seen[i].alive;
    assert_int_equal(alive, 2);
    for (size_t i = 0; i < count; i++)
        if (seen[i].alive && !seen[i].birth.root)
            kill(seen[i].birth.pid, SIGKILL);
    /* And from then on nothing is lost again. */
    uint64_t lost = receipt.lost_events;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(follow_bpf.poll(follow, clock_mono_ns()), 0);
    follow_bpf.receipt(follow, &receipt);
    assert_int_equal(receipt.lost_events, lost);
    assert_int_equal(seen[0].ends, 1);
}

static void the_machine_is_everybody(void **state)
{
    if (opened != 0)
        skip();
    start(fork_many);
    assert_int_equal(open_with((struct follow_config){.machine = true}), 0);
    assert_int_equal(count, 0);
    go();
    assert_int_equal(waitpid(child, NULL, 0), child);
    follow_bpf.settle(follow, 2 * NS_PER_S); /* others' zombies have accounts that never come */
    assert_true(born_of(child) >= CHILDREN); /* others may be born of one with the same pid */
    assert_true(accounts_of(child) >= CHILDREN);
}

static void a_root_that_is_gone_is_told(void **state)
{
    if (opened != 0)
        skip();
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    assert_int_equal(open_with((struct follow_config){.roots = &gone, .root_count = 1}), -ESRCH);
    assert_null(follow);
}

static void without_leave_there_is_a_reason(void **state)
{
    if (getuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        if (setresuid(65534, 65534, 65534) != 0)
            _exit(2);
        pid_t self = getpid();
        int r = open_with((struct follow_config){.roots = &self, .root_count = 1});
        _exit(r == -EPERM && strstr(why.text, "CAP_BPF") != NULL ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_has_its_end_and_account, end_test),
        cmocka_unit_test_teardown(an_exec_tells_its_arguments, end_test),
        cmocka_unit_test_teardown(long_arguments_are_whole, end_test),
        cmocka_unit_test_teardown(a_thread_that_execs_is_the_process, end_test),
        cmocka_unit_test_teardown(it_ends_with_its_last_thread, end_test),
        cmocka_unit_test_teardown(orphans_belong, end_test),
        cmocka_unit_test_teardown(what_was_there_is_found_once, end_test),
        cmocka_unit_test_teardown(what_is_lost_is_counted, end_test),
        cmocka_unit_test_teardown(the_machine_is_everybody, end_test),
        cmocka_unit_test_teardown(a_root_that_is_gone_is_told, end_test),
        cmocka_unit_test_teardown(without_leave_there_is_a_reason, end_test),
    };
    if (source_root_open(&root, "/") != 0)
        return 1;
    pid_t self = getpid();
    opened = open_with((struct follow_config){.roots = &self, .root_count = 1});
    end_test(NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    source_root_close(&root);
    return failed;
}

#endif
