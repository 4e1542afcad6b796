/* source/cpu_clocks: the clocks of many processes at once are those that each tells by itself. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/cpu_clocks.h"
#include "source/proc_process.h"

static struct cpu_clocks clocks;
static int opened;

static void need_clocks(void)
{
    if (opened == 0)
        return;
    print_message("# not here: %s\n", strerrordesc_np(-opened));
    skip();
}

static void *wait_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void burn(uint64_t ns)
{
    uint64_t until = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ns;
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < until)
        continue;
}

static void *burn_a_little(void *arg)
{
    burn(2 * NS_PER_MS);
    return arg;
}

/* A child that has burned some, in dead threads too, has `threads` more, and sleeps. */
static pid_t sleeper(unsigned threads)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pthread_t thread;
        pthread_create(&thread, NULL, burn_a_little, NULL);
        pthread_join(thread, NULL);
        for (unsigned i = 0; i < threads; i++)
            pthread_create(&thread, NULL, wait_for_ever, NULL);
        burn(3 * NS_PER_MS);
        if (write(ready[1], "x", 1) == 1)
            wait_for_ever(NULL);
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    /* It goes to sleep after writing: until its clock stands still. */
    for (uint64_t before = 0, now = 1; before != now;) {
        before = now;
        usleep(20000);
        assert_int_equal(cpu_clock_read(pid, &now), 0);
    }
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static struct cpu_clock asked(pid_t pid)
{
    return (struct cpu_clock){.pid = (uint32_t)pid};
}

static void they_are_what_each_tells(void **state)
{
    const unsigned threads[] = {0, 1, 20};
    pid_t pids[3];
    need_clocks();
    for (unsigned i = 0; i < 3; i++)
        clocks.clock[i] = asked(pids[i] = sleeper(threads[i]));
    assert_int_equal(cpu_clocks_read(&clocks, 3), 0);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t own;
        assert_int_equal(cpu_clock_read(pids[i], &own), 0);
        assert_int_equal(clocks.clock[i].cpu_ns, own);
        assert_true(own >= 5 * NS_PER_MS);
        end(pids[i]);
    }
}

static void who_is_gone_has_none(void **state)
{
    need_clocks();
    pid_t pid = sleeper(0), other = sleeper(0);
    end(pid);
    clocks.clock[0] = asked(pid);
    clocks.clock[1] = asked(other);
    clocks.clock[2] = asked(0);
    assert_int_equal(cpu_clocks_read(&clocks, 3), 0);
    assert_true(clocks.clock[0].cpu_ns == CPU_CLOCK_GONE);
    assert_true(clocks.clock[1].cpu_ns < CPU_CLOCK_UNKNOWN);
    assert_true(clocks.clock[2].cpu_ns == CPU_CLOCK_GONE);
    end(other);
}

static void many_threads_are_left_to_their_clock(void **state)
{
    need_clocks();
    pid_t pid = sleeper(100);
    clocks.clock[0] = asked(pid);
    assert_int_equal(cpu_clocks_read(&clocks, 1), 0);
    assert_true(clocks.clock[0].cpu_ns == CPU_CLOCK_UNKNOWN);
    end(pid);
}

static void a_full_list_is_read(void **state)
{
    need_clocks();
    pid_t pid = sleeper(0);
    for (size_t i = 0; i < CPU_CLOCKS_MAX; i++)
        clocks.clock[i] = asked(pid);
    assert_int_equal(cpu_clocks_read(&clocks, SIZE_MAX), 0);
    for (size_t i = 1; i < CPU_CLOCKS_MAX; i++)
        assert_int_equal(clocks.clock[i].cpu_ns, clocks.clock[0].cpu_ns);
    assert_true(clocks.clock[0].cpu_ns < CPU_CLOCK_UNKNOWN);
    end(pid);
}

static void a_found_task_is_not_looked_for_again(void **state)
{
    need_clocks();
    int go[2];
    char byte;
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(go[0], &byte, 1) == 1)
            burn(5 * NS_PER_MS);
        wait_for_ever(NULL);
    }
    usleep(20000);
    clocks.clock[0] = asked(pid);
    assert_int_equal(cpu_clocks_read(&clocks, 1), 0);
    uint64_t task = clocks.clock[0].task, before = clocks.clock[0].cpu_ns;
    assert_true(task != 0);
    clocks.clock[0].pid = 0; /* nobody's: it must not be asked for */
    assert_int_equal(cpu_clocks_read(&clocks, 1), 0);
    assert_true(clocks.clock[0].task == task && clocks.clock[0].cpu_ns == before);
    clocks.clock[0].pid = (uint32_t)pid;
    assert_int_equal(write(go[1], "x", 1), 1);
    for (unsigned tries = 0; clocks.clock[0].cpu_ns < before + 5 * NS_PER_MS && tries < 3000;
         tries++) {
        usleep(10000);
        assert_int_equal(cpu_clocks_read(&clocks, 1), 0);
    }
    assert_true(clocks.clock[0].cpu_ns >= before + 5 * NS_PER_MS);
    end(pid);
    close(go[0]);
    close(go[1]);
}

static void closing_twice_is_harmless(void **state)
{
    struct cpu_clocks closed = {0};
    cpu_clocks_close(&closed);
    cpu_clocks_close(&clocks);
    cpu_clocks_close(&clocks);
    assert_null(clocks.programs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_what_each_tells),
        cmocka_unit_test(who_is_gone_has_none),
        cmocka_unit_test(many_threads_are_left_to_their_clock),
        cmocka_unit_test(a_full_list_is_read),
        cmocka_unit_test(a_found_task_is_not_looked_for_again),
        cmocka_unit_test(closing_twice_is_harmless),
    };
    opened = cpu_clocks_open(&clocks);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
