/*
 * For the tests of following by perf events: what is announced, processes that follow a script, and
 * every test once as we are, and where that is root once more as nobody in particular, who may open
 * events of its own processes alone.
 */
#ifndef TACHO_TEST_FOLLOW_PERF_H
#define TACHO_TEST_FOLLOW_PERF_H

#include "test_follow_puppets.h"

#include <grp.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define EXECS_MAX 2048

static bool privileged; /* in the group that runs */

/* ---- what is announced, further ---- */

static struct told_exec {
    pid_t pid;
    bool has_argv;
    size_t argv_bytes;
    char comm[COMM_CAP], argv[64], exe[256];
} execs[EXECS_MAX];
static size_t exec_count;

/* As much as there is room for; a NUL behind it where there is. */
static inline void copy_text(char *ret, size_t cap, struct span text)
{
    for (size_t i = 0; i < cap && i < text.n; i++)
        ret[i] = (char)text.bytes[i];
}

static inline void on_exec(void *user, const struct follow_exec *exec)
{
    assert_ptr_equal(user, announced);
    assert_true(exec_count < EXECS_MAX);
    struct told_exec *e = &execs[exec_count++];
    *e = (struct told_exec){
        .pid = exec->pid, .has_argv = exec->has_argv, .argv_bytes = exec->argv.n};
    memcpy(e->comm, exec->comm, sizeof e->comm);
    copy_text(e->argv, sizeof e->argv, exec->argv);
    copy_text(e->exe, sizeof e->exe, exec->exe);
}

static inline size_t execs_of(pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < exec_count; i++)
        n += execs[i].pid == pid;
    return n;
}

static inline size_t ends_of(pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < announcements; i++)
        n += announced[i].birth.pid == pid && announced[i].ended;
    return n;
}

static struct follow_reason why;
static bool attached; /* to processes that were there */

static inline int try_open_perf(const struct follow_config *config)
{
    struct follow_sink sink = {
        .user = announced, .birth = on_birth, .exec = on_exec, .ended = on_ended};
    struct follow_config filled = *config;
    filled.root = &root;
    attached = !config->launched;
    return follow_perf.open(&filled, &sink, &follow, &why);
}

static inline void open_perf(const struct follow_config *config)
{
    int r = try_open_perf(config);
    if (r != 0)
        fail_msg("%d: %s", r, why.text);
}

static inline void launch_perf(pid_t pid)
{
    open_perf(&(struct follow_config){.roots = &pid,
                                      .root_count = 1,
                                      .subreaper = getpid(),
                                      .launched = true,
                                      .recorder = getpid()});
}

static inline void launch_puppet(int number)
{
    launch_perf(puppet_fork(number));
}

static inline void attach_perf(pid_t pid)
{
    open_perf(&(struct follow_config){.roots = &pid, .root_count = 1, .recorder = getpid()});
}

/* A birth told of as it happened. */
static inline void assert_born(int number, pid_t parent)
{
    const struct follow_birth *birth = &announced[place_of(number)].birth;
    assert_int_equal(birth->parent_pid, parent);
    assert_false(birth->root);
    assert_true(birth->forked && birth->fresh);
    assert_true(birth->time_ns > 0 && birth->time_ns <= clock_mono_ns());
}

/* One that was there before. */
static inline void assert_found(int number, bool as_root)
{
    const struct follow_birth *birth = &announced[place_of(number)].birth;
    assert_int_equal(birth->root, as_root);
    assert_false(birth->forked || birth->fresh);
    assert_string_equal(birth->comm, announced[0].birth.comm);
    assert_true(birth->start_boot_ns > 0);
}

static struct follow_receipt receipt_now(void)
{
    struct follow_receipt receipt;
    follow_perf.receipt(follow, &receipt);
    return receipt;
}

/* Events of the whole machine may be too many for their rings, by the doing of others. */
static inline bool lost_in_the_crowd(void)
{
    return privileged && attached && receipt_now().lost_events > 0;
}

/* Of processes that are kept from running while they are attached to, less is certain. */
static inline void assert_receipt(uint64_t births)
{
    struct follow_receipt receipt = receipt_now();
    if (lost_in_the_crowd())
        return;
    assert_int_equal(receipt.births, births);
    assert_int_equal(receipt.missed_is_bound, receipt.missed > 0);
    if (!attached)
        assert_int_equal(receipt.missed, 0);
    assert_int_equal(receipt.lost_events, 0);
    assert_int_equal(receipt.resyncs, 0);
}

/* Polls until `condition` holds; as if time went faster, for what happens some times a second. */
#define POLL_UNTIL(condition)                                                                     \
    do {                                                                                          \
        uint64_t until_ns_ = clock_mono_ns() + PATIENCE_S * NS_PER_S;                             \
        for (uint64_t now_ns_ = clock_mono_ns(); follow_perf.poll(follow, now_ns_), !(condition); \
             now_ns_ += 10 * NS_PER_MS) {                                                         \
            assert_true(clock_mono_ns() < until_ns_);                                             \
            usleep(200);                                                                          \
        }                                                                                         \
    } while (0)

static inline bool readable(int timeout_ms)
{
    struct pollfd fd = {.fd = follow_perf.fd(follow), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

/* ---- processes that follow a script ---- */

static struct script {
    sem_t go, done;
    int pipe[2]; /* its programs end when the test closes pipe[1] */
    pid_t root, pid;
    volatile uint64_t number[4];
    volatile bool flag;
} * script; /* in shared memory */

static inline void script_step(void)
{
    sem_post(&script->done);
    if (!sem_wait_patiently(&script->go, 60))
        _exit(1);
}

static inline void script_await(void)
{
    assert_true(sem_wait_patiently(&script->done, PATIENCE_S));
}

static inline void script_go(void)
{
    sem_post(&script->go);
}

/* The child runs `body` and ends; its pid is known to the test. */
static inline pid_t fork_to(void (*body)(void), volatile pid_t *ret_pid)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        _exit(0);
    }
    return *ret_pid = pid;
}

static inline void nothing(void) {}

static inline void wait_for_ever(void)
{
    for (;;)
        pause();
}

/* A process that waits at a gate: script_go opens it. */
static inline pid_t script_fork(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(script->pipe[1]);
        dup2(script->pipe[0], STDIN_FILENO);
        if (!sem_wait_patiently(&script->go, 60))
            _exit(1);
        body();
        _exit(0);
    }
    return script->root = pid;
}

static inline void script_launch(void (*body)(void))
{
    launch_perf(script_fork(body));
    script_go();
}

static inline void script_close_pipe(void)
{
    if (script->pipe[1] >= 0)
        close(script->pipe[1]);
    script->pipe[1] = -1;
}

static inline int script_reap(void)
{
    int status = -1;
    assert_int_equal(waitpid(script->root, &status, 0), script->root);
    script->root = 0;
    return status;
}

static inline int begin_perf(void **state)
{
    script = mmap(NULL, sizeof *script, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (script == MAP_FAILED || pipe2(script->pipe, O_CLOEXEC) != 0)
        return -1;
    sem_init(&script->go, 1, 0);
    sem_init(&script->done, 1, 0);
    exec_count = 0;
    mechanism = &follow_perf;
    return begin(state);
}

static inline int clean_up_perf(void **state)
{
    script_close_pipe();
    close(script->pipe[0]);
    if (script->root > 0)
        kill(script->root, SIGKILL);
    munmap(script, sizeof *script);
    return clean_up(state);
}

/* ---- groups ---- */

static inline void perf_events(void **state)
{
    print_message("# perf events are refused here\n");
    skip();
}

static inline bool perf_allowed(pid_t pid)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_DUMMY,
                                   .exclude_kernel = 1};
    int fd =
        (int)syscall(SYS_perf_event_open, &attr, pid, pid == -1 ? 0 : -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static inline int run_as_we_are(int (*tests)(const char *name))
{
    const struct CMUnitTest refused[] = {cmocka_unit_test(perf_events)};
    if (!perf_allowed(0))
        return cmocka_run_group_tests_name("follow_perf", refused, NULL, NULL);
    privileged = perf_allowed(-1);
    return tests(privileged ? "follow_perf, privileged" : "follow_perf, unprivileged");
}

/* Somebody of whom there are no other processes, whose share of memory for rings is its own. */
static inline int run_as_nobody(int (*tests)(const char *name))
{
    uid_t uid = 100000 + (uid_t)getpid();
    const struct rlimit none = {0, 0}, few = {8192, 8192};
    if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0 ||
        setrlimit(RLIMIT_MEMLOCK, &none) != 0 || setrlimit(RLIMIT_NOFILE, &few) != 0 ||
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
        return 1;
    return run_as_we_are(tests);
}

static inline int run_everywhere(int (*tests)(const char *name))
{
    int failed = run_as_we_are(tests);
    fflush(NULL);
    if (getuid() != 0)
        return failed;
    pid_t pid = fork();
    if (pid == 0)
        exit(run_as_nobody(tests));
    return failed | wait_for(pid);
}

#endif
