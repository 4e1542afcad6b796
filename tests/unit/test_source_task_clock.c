/* source/task_clock against what the kernel says to the parent in the end. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/task_clock.h"
#include "test_source_child.h"

/* Opens, or skips the test where the kernel refuses it to anybody like us. */
static int open_or_skip(pid_t pid)
{
    int fd = task_clock_open(pid);
    if (fd == -EACCES || fd == -EPERM || fd == -ENOSYS || fd == -ENOENT) {
        print_message("# perf events are refused here: %s\n", strerror(-fd));
        skip();
    }
    assert_true(fd >= 0);
    return fd;
}

static uint64_t read_clock(int fd)
{
    uint64_t ns = UINT64_MAX;
    assert_int_equal(task_clock_read(fd, &ns), 0);
    return ns;
}

/* ---- work ---- */

static void burn(uint64_t ns)
{
    uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        ;
}

/* In the kernel, nearly all of it. */
static void burn_in_kernel(uint64_t ns)
{
    static char page[1 << 16];
    uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        if (read(fd, page, sizeof page) < 0)
            break;
    close(fd);
}

static pid_t fork_to(void (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        _exit(0);
    }
    return pid;
}

static void grandchild(void)
{
    burn_in_kernel(30 * NS_PER_MS);
}

static void child(void)
{
    burn(20 * NS_PER_MS);
    waitpid(fork_to(grandchild), NULL, 0);
}

static void short_one(void)
{
    burn(NS_PER_MS / 4);
}

static void *burn_in_thread(void *arg)
{
    burn(30 * NS_PER_MS);
    return arg;
}

/* Children at once and one after the other, threads, an exec; all waited for. */
static void tree(struct child *c)
{
    pthread_t thread;
    child_step(c);
    pid_t first = fork_to(child), second = fork_to(child);
    pthread_create(&thread, NULL, burn_in_thread, NULL);
    for (int i = 0; i < 50; i++)
        waitpid(fork_to(short_one), NULL, 0);
    pid_t program = fork();
    if (program == 0) {
        execl("/bin/sh", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done", NULL);
        _exit(127);
    }
    waitpid(program, NULL, 0);
    waitpid(first, NULL, 0);
    waitpid(second, NULL, 0);
    pthread_join(thread, NULL);
    burn(10 * NS_PER_MS);
}

#define TREE_PROCESSES 66
#ifdef __SANITIZE_ADDRESS__
#define ENDING_NS NS_PER_MS /* there is a shadow to take down, too */
#else
#define ENDING_NS (NS_PER_MS * 3 / 10)
#endif

/*
 * Within a tenth and what the ends of all cost: of that only the account knows, and of what was
 * before the clock was there.
 */
static void assert_agrees(uint64_t clock_ns, uint64_t account_ns)
{
    uint64_t slack = account_ns / 10 + TREE_PROCESSES * ENDING_NS;
    if (clock_ns > account_ns + slack || clock_ns + slack < account_ns)
        fail_msg("%llu ns by the clock, %llu by the account", (unsigned long long)clock_ns,
                 (unsigned long long)account_ns);
}

static void a_tree_against_its_account(void **state)
{
    struct child *c = child_start(tree);
    child_wait(c);
    int fd = open_or_skip(c->pid);
    uint64_t before = read_clock(fd);
    sem_post(&c->go);
    child_wait_zombie(c);
    uint64_t after = read_clock(fd);
    struct rusage usage;
    assert_int_equal(wait4(c->pid, NULL, 0, &usage), c->pid);
    assert_agrees(after, timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime));
    assert_true(before < 10 * NS_PER_MS);
    assert_true(after > 100 * NS_PER_MS);
    assert_int_equal(read_clock(fd), after); /* kept when all are gone */
    close(fd);
    child_free(c);
}

static void burns_by_steps(struct child *c)
{
    for (int i = 0; i < 3; i++) {
        child_step(c);
        burn(20 * NS_PER_MS);
    }
    child_step(c);
}

static void it_counts_while_they_run(void **state)
{
    struct child *c = child_start(burns_by_steps);
    child_wait(c);
    int fd = open_or_skip(c->pid);
    uint64_t last = read_clock(fd);
    for (int i = 0; i < 3; i++) {
        child_go(c);
        uint64_t now = read_clock(fd);
        assert_true(now - last >= 19 * NS_PER_MS);
        last = now;
    }
    close(fd);
    child_kill(c);
}

static void spins(struct child *c)
{
    child_step(c);
    for (;;)
        ;
}

/* Of one that runs on another processor, or is only about to, each read says more or the same. */
static void it_never_goes_back(void **state)
{
    struct child *c = child_start(spins);
    child_wait(c);
    int fd = open_or_skip(c->pid);
    sem_post(&c->go);
    uint64_t last = 0;
    while (last < 30 * NS_PER_MS) {
        uint64_t now = read_clock(fd);
        assert_true(now >= last);
        last = now;
    }
    close(fd);
    child_kill(c);
}

/* Nobody waits for them, and they leave the session. */
static void orphans(struct child *c)
{
    child_step(c);
    pid_t between = fork();
    if (between == 0) {
        setsid();
        if (fork() == 0) {
            burn(40 * NS_PER_MS);
            child_step(c);
            _exit(0);
        }
        _exit(0);
    }
    waitpid(between, NULL, 0);
}

static void orphans_count(void **state)
{
    struct child *c = child_start(orphans);
    child_wait(c);
    int fd = open_or_skip(c->pid);
    child_go(c);
    assert_true(read_clock(fd) >= 39 * NS_PER_MS);
    sem_post(&c->go);
    close(fd);
    child_reap(c);
    child_free(c);
}

static void nobody_there(void **state)
{
    struct child *c = child_start(child_sleeps);
    child_wait(c);
    pid_t pid = c->pid;
    close(open_or_skip(pid));
    sem_post(&c->go);
    child_reap(c);
    child_free(c);
    assert_int_equal(task_clock_open(pid), -ESRCH);
    assert_int_equal(task_clock_open(0), -ESRCH);
    assert_int_equal(task_clock_open(-1), -ESRCH);
    uint64_t ns = 7;
    assert_int_equal(task_clock_read(-1, &ns), -EBADF);
    assert_int_equal(ns, 7);
}

static void it_is_not_inherited(void **state)
{
    int fd = open_or_skip(getpid());
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}

/* ---- */

static int all_tests(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_against_its_account),
        cmocka_unit_test(it_counts_while_they_run),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(orphans_count),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(it_is_not_inherited),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

static int unprivileged_tests(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
        setresuid(65534, 65534, 65534) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
        return 1;
    return all_tests("source_task_clock, unprivileged");
}

int main(void)
{
    int failed = all_tests("source_task_clock");
    if (getuid() == 0) {
        int status = 1;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            exit(unprivileged_tests());
        while (waitpid(pid, &status, 0) < 0)
            ;
        failed |= WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    return failed;
}
