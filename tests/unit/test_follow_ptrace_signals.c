/*
 * follow/follow_ptrace above all: that the job does not notice. Signals, stops, exit statuses, and a
 * recorder that comes or goes.
 */
#include <sys/epoll.h>
#include <sys/resource.h>

#include "test_follow_ptraced.h"

/* ---- signals ---- */

static volatile sig_atomic_t signals_got;
static volatile siginfo_t signal_got;

static void on_signal(int number, siginfo_t *info, void *context)
{
    *(siginfo_t *)&signal_got = *info;
    signals_got++;
}

/* Each signal arrives once, from whom it is and with its value, and a waiting system call goes on. */
static int takes_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    const int numbers[] = {SIGUSR1, SIGTRAP, SIGRTMIN + 3, SIGTERM, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
        union sigval value = {.sival_int = 1000 + (int)i};
        signals_got = 0;
        sigqueue(getpid(), numbers[i], value);
        if (signals_got != 1 || signal_got.si_signo != numbers[i] ||
            signal_got.si_code != SI_QUEUE || signal_got.si_pid != getpid() ||
            signal_got.si_value.sival_int != 1000 + (int)i)
            return 1 + (int)i;
    }
    return 0;
}

static void skip_where_signals_wait(void)
{
#ifdef __SANITIZE_THREAD__
    print_message("# the thread sanitizer holds signals back\n");
    skip();
#endif
}

static void signals_arrive_as_sent(void **state)
{
    skip_where_signals_wait();
    assert_int_equal(run_job(takes_signals), 0);
}

static int reads_while_signalled(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    char byte;
    sigaction(SIGUSR1, &action, NULL);
    shared->number[2] = getpid();
    sem_post(&shared->up);
    ssize_t n = read(shared->number[0], &byte, 1);
    return n == 1 && byte == 'x' && signals_got == 3 ? 0 : 1;
}

/* Signals come while it reads from a pipe; an ignored one is not even an interruption. */
static void a_read_is_restarted(void **state)
{
    int fd[2];
    skip_where_signals_wait();
    assert_int_equal(pipe(fd), 0);
    shared->number[0] = fd[0];
    pid_t pid = job(reads_while_signalled);
    trace_launched(pid);
    job_go();
    job_up();
    for (int i = 0; i < 3; i++) {
        await_state(pid, "S");
        kill(pid, SIGUSR1);
        kill(pid, SIGCHLD);
        kill(pid, SIGWINCH);
        usleep(2000);
    }
    await_state(pid, "S");
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_int_equal(reap(pid), 0);
    close(fd[0]);
    close(fd[1]);
}

static int is_killed(void)
{
    pid_t pid = fork_mortal();
    if (pid == 0)
        for (;;)
            pause();
    shared->number[0] = pid;
    kill(pid, SIGKILL);
    if (wait_of(pid) != SIGKILL)
        return 1;
    pid = fork_mortal();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka has a handler */
        raise(SIGSEGV);
        _exit(0);
    }
    shared->number[1] = pid;
    int status = wait_of(pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        return 2;
    raise(SIGTERM);
    return 3;
}

static void deaths_by_signal(void **state)
{
    struct rlimit before;
    getrlimit(RLIMIT_CORE, &before);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, before.rlim_max}); /* no core file */
    int status = run_job(is_killed);
    setrlimit(RLIMIT_CORE, &before);
    assert_int_equal(status, SIGTERM);
    assert_end(shared->number[0], SIGKILL);
    assert_end(shared->number[1], SIGSEGV);
    assert_end(job_pid, SIGTERM);
}

/* Killed again and again while they exit, some do not stop to say so: still no zombie stays. */
static int kills_many(void)
{
    for (int i = 0; i < VICTIMS; i++) {
        pid_t pid = fork_mortal();
        if (pid == 0) {
            if (i % 3 == 0)
                _exit(0);
            pthread_t thread;
            if (i % 3 == 1)
                pthread_create(&thread, NULL, waits, NULL);
            for (;;)
                pause();
        }
        shared->victim[i].pid = pid;
        for (int k = 0; k < 50; k++)
            kill(pid, SIGKILL);
    }
    for (int i = 0; i < VICTIMS; i++) {
        int status = wait_of(shared->victim[i].pid);
        if (status != SIGKILL && (status != 0 || i % 3 != 0))
            return 1;
        shared->victim[i].status = status;
    }
    return 0;
}

static void killed_again_and_again(void **state)
{
    assert_int_equal(run_job(kills_many), 0);
    for (int i = 0; i < VICTIMS; i++) {
        await_told(TOLD_END, shared->victim[i].pid, 1);
        assert_end(shared->victim[i].pid, shared->victim[i].status);
    }
    assert_int_equal(count(TOLD_BIRTH, 0), VICTIMS + 1);
}

/* The same for children of the recorder: the storm hits the root. */
static int waits_forever(void)
{
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, waits, NULL);
    sem_post(&shared->up);
    waits(NULL);
    return 1;
}

static void a_killed_root_is_the_recorders(void **state)
{
    for (int i = 0; i < 30; i++) {
        pid_t pid = job(waits_forever);
        trace_launched(pid);
        job_go();
        if (i % 2 == 0)
            job_up();
        for (int k = 0; k < 1 + i; k++)
            kill(pid, SIGKILL);
        assert_int_equal(reap(pid), SIGKILL);
        await_told(TOLD_END, pid, 1);
        assert_end(pid, SIGKILL);
        stop_tracing();
        while (sem_trywait(&shared->up) == 0 || sem_trywait(&shared->go) == 0)
            ;
        announcements = 0;
    }
}

/* ---- stops ---- */

static int stops_its_child(void)
{
    pthread_t thread;
    int status;
    pid_t pid = fork_mortal();
    if (pid == 0) {
        setpgid(0, 0); /* SIGTSTP stops only where somebody is left to continue it */
        pthread_create(&thread, NULL, waits, NULL);
        for (;;) {
            shared->value[0]++;
            usleep(100);
        }
    }
    setpgid(pid, pid);
    for (int i = 0; i < 20; i++) {
        kill(pid, i % 2 == 0 ? SIGSTOP : SIGTSTP);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
            WSTOPSIG(status) != (i % 2 == 0 ? SIGSTOP : SIGTSTP))
            return 1;
        long long before = shared->value[0];
        usleep(3000);
        if (shared->value[0] != before)
            return 2;
        kill(pid, SIGCONT);
        if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
            return 3;
        for (int k = 0; shared->value[0] == before; k++) {
            if (k > 100000)
                return 4;
            usleep(100);
        }
    }
    kill(pid, SIGSTOP);
    if (waitpid(pid, &status, WUNTRACED) != pid)
        return 5;
    kill(pid, SIGKILL); /* ends it, stopped or not */
    return wait_of(pid) == SIGKILL ? 0 : 6;
}

/* As its parent sees it: stopped until SIGCONT, and told of both. */
static void stops_are_kept(void **state)
{
    if (run_job(stops_its_child) != 0)
        fail_msg("step %d", WEXITSTATUS(find(TOLD_END, job_pid)->end.status));
    assert_int_equal(count(TOLD_BIRTH, 0), 2);
}

static int counts(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waits, NULL);
    sem_post(&shared->up);
    while (shared->number[0] == 0) {
        shared->value[0]++;
        usleep(100);
    }
    return 1;
}

static void assert_stands_still(void)
{
    long long before = shared->value[0];
    usleep(5000);
    assert_int_equal(shared->value[0], before);
}

static void await_progress(void)
{
    long long before = shared->value[0];
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (shared->value[0] == before) {
        assert_true(clock_mono_ns() < until);
        usleep(200);
    }
}

/* What was stopped before we came, or stops while we are there, is so after we have gone. */
static void a_stopped_one_is_attached_to_and_left(void **state)
{
    pid_t pid = job(counts);
    job_go();
    job_up();
    kill(pid, SIGSTOP);
    await_state(pid, "T");
    trace_running(pid);
    await_state(pid, "t");
    assert_stands_still();
    stop_tracing();
    await_state(pid, "T");
    assert_stands_still();
    trace_running(pid);
    kill(pid, SIGCONT);
    await_progress();
    kill(pid, SIGSTOP);
    await_state(pid, "t");
    stop_tracing();
    await_state(pid, "T");
    assert_stands_still();
    kill(pid, SIGCONT);
    await_progress();
    kill(pid, SIGKILL);
    assert_int_equal(wait_of(pid), SIGKILL);
}

/* ---- coming and going ---- */

static void *polls_events(void *arg)
{
    struct epoll_event event;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    for (;;) {
        if (epoll_wait(fd, &event, 1, -1) < 0 && errno == EINTR)
            shared->number[1]++;
    }
    return arg;
}

/* Blocked, since while it is traced a SIGCHLD that is ignored would interrupt one of them. */
static int works_in_threads(void)
{
    pthread_t thread;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, polls_events, NULL);
    sem_post(&shared->up);
    while (shared->number[0] == 0) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(6);
        if (wait_of(pid) != 6 << 8)
            return 1;
        shared->value[0]++;
    }
    return 8;
}

/* Attached to and let go of at any moment, again and again: it never notices. */
static void it_goes_on_unharmed(void **state)
{
    pid_t pid = job(works_in_threads);
    job_go();
    job_up();
    for (int i = 0; i < 20; i++) {
        trace_running(pid);
        assert_int_equal(count(TOLD_BIRTH, pid), 1);
        await_progress();
        if (i % 2 == 0) {
            assert_true(traced_threads(pid) >= 5);
            await_some(TOLD_END, 0, 3);
        }
        stop_tracing();
        assert_int_equal(traced_threads(pid), 0);
        await_progress();
        announcements = 0;
    }
    assert_int_equal(shared->number[1], 0);
    shared->number[0] = 1;
    assert_int_equal(wait_of(pid), 8 << 8);
}

static int signals_itself(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sem_post(&shared->up);
    for (int i = 1; i <= 3000; i++) {
        kill(getpid(), SIGUSR1);
        if (signals_got != i)
            return 1;
        if (i % 10 == 0) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(6);
            if (wait_of(pid) != 6 << 8)
                return 2;
        }
    }
    return 0;
}

/* A recorder is killed while signals, births and ends are under way: none of them is lost. */
static void the_recorder_dies(void **state)
{
    pid_t pid = job(signals_itself);
    int status = -1;
    job_go();
    job_up();
    for (int i = 0; i < 20; i++) {
        pid_t recorder = fork();
        assert_true(recorder >= 0);
        if (recorder == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (try_trace(&(struct follow_config){.roots = &pid, .root_count = 1}) != 0)
                _exit(1);
            for (;;)
                pause();
        }
        usleep(500 + 400 * (useconds_t)i);
        kill(recorder, SIGKILL);
        assert_int_equal(wait_of(recorder), SIGKILL);
    }
    status = wait_of(pid);
    if (status != 0)
        fail_msg("the job ended with %x", (unsigned)status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signals_arrive_as_sent),
        TEST(a_read_is_restarted),
        TEST(deaths_by_signal),
        TEST(killed_again_and_again),
        TEST(a_killed_root_is_the_recorders),
        TEST(stops_are_kept),
        TEST(a_stopped_one_is_attached_to_and_left),
        TEST(it_goes_on_unharmed),
        TEST(the_recorder_dies),
    };
    return run_traced("follow_ptrace_signals", tests, sizeof tests / sizeof *tests);
}
