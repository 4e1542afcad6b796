/*
 * For the tests of follow/follow_ptrace: what is told of the traced, jobs that launched children do,
 * and the waits that do not disturb a tracer.
 */
#ifndef TACHO_TEST_FOLLOW_PTRACED_H
#define TACHO_TEST_FOLLOW_PTRACED_H

#include <stdatomic.h>

#include "follow/follow_try.h"
#include "source/numbered_entries.h"
#include "test_follow_puppets.h"

/* ---- what is told ---- */

#define TOLD_MAX 16384
#define KEPT_BYTES (4u << 20)

enum told_kind { TOLD_BIRTH, TOLD_EXEC, TOLD_END, TOLD_ACCOUNT };

static struct told {
    enum told_kind kind;
    pid_t pid;
    union {
        struct follow_birth birth;
        struct follow_exec exec; /* its texts are in `kept` */
        struct follow_end end;
        struct record_account account;
    };
} told[TOLD_MAX];
static size_t told_count, kept_bytes;
static uint8_t kept[KEPT_BYTES];

static inline struct told *tell(enum told_kind kind, pid_t pid)
{
    assert_true(told_count < TOLD_MAX);
    struct told *t = &told[told_count++];
    *t = (struct told){.kind = kind, .pid = pid};
    return t;
}

static inline struct span keep(struct span text)
{
    assert_true(kept_bytes + text.n <= KEPT_BYTES);
    uint8_t *at = kept + kept_bytes;
    if (text.n > 0)
        memcpy(at, text.bytes, text.n);
    kept_bytes += text.n;
    return (struct span){at, text.n};
}

static inline void tell_birth(void *user, const struct follow_birth *birth)
{
    on_birth(user, birth);
    tell(TOLD_BIRTH, birth->pid)->birth = *birth;
}

static inline void tell_exec(void *user, const struct follow_exec *exec)
{
    struct told *t = tell(TOLD_EXEC, exec->pid);
    t->exec = *exec;
    t->exec.exe = keep(exec->exe);
    t->exec.argv = keep(exec->argv);
}

/* As entity the place of the end, which is never 0: a birth comes before. */
static inline uint32_t tell_end(void *user, const struct follow_end *end)
{
    on_ended(user, end);
    tell(TOLD_END, end->pid)->end = *end;
    return (uint32_t)told_count - 1;
}

static inline void tell_account(void *user, const struct record_account *account)
{
    assert_true(account->entity > 0 && account->entity < told_count);
    const struct told *end = &told[account->entity];
    assert_int_equal(end->kind, TOLD_END);
    tell(TOLD_ACCOUNT, end->pid)->account = *account;
}

static inline struct told *find_from(size_t i, enum told_kind kind, pid_t pid)
{
    for (; i < told_count; i++)
        if (told[i].kind == kind && told[i].pid == pid)
            return &told[i];
    return NULL;
}

static inline struct told *find(enum told_kind kind, pid_t pid)
{
    return find_from(0, kind, pid);
}

static inline size_t count(enum told_kind kind, pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < told_count; i++)
        n += told[i].kind == kind && (pid == 0 || told[i].pid == pid);
    return n;
}

static struct follow_reason why;

static inline int try_trace(const struct follow_config *config)
{
    struct follow_sink sink = {.user = announced,
                               .birth = tell_birth,
                               .exec = tell_exec,
                               .ended = tell_end,
                               .account = tell_account};
    struct follow_config filled = *config;
    filled.root = &root;
    filled.recorder = getpid();
    told_count = kept_bytes = 0;
    return mechanism->open(&filled, &sink, &follow, &why);
}

static inline void trace_launched(pid_t pid)
{
    int r = try_trace(&(struct follow_config){
        .roots = &pid, .root_count = 1, .subreaper = getpid(), .launched = true});
    if (r != 0)
        fail_msg("%s", why.text);
}

static inline void trace_running(pid_t pid)
{
    int r = try_trace(&(struct follow_config){.roots = &pid, .root_count = 1});
    if (r != 0)
        fail_msg("%s", why.text);
}

static inline void stop_tracing(void)
{
    mechanism->close(follow);
    follow = NULL;
}

/* Until it has been told so often, of this one or (0) of all. */
static inline void await_some(enum told_kind kind, pid_t pid, size_t times)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    for (;;) {
        poll_follow();
        if (count(kind, pid) >= times)
            break;
        if (clock_mono_ns() > until)
            fail_msg("only %zu of %zu times told of %d", count(kind, pid), times, (int)pid);
        usleep(200);
    }
}

static inline void await_told(enum told_kind kind, pid_t pid, size_t times)
{
    await_some(kind, pid, times);
    assert_int_equal(count(kind, pid), times);
}

/* A process is told of as it first stops, which may be after fork has returned in its parent. */
static inline void await_births(size_t n)
{
    await_told(TOLD_BIRTH, 0, n);
}

/* ---- the recorder's side ---- */

/* A traced child must be waited for as tracer.h says. Its status. */
static inline int reap(pid_t pid)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    int status = -1;
    for (;;) {
        siginfo_t info = {0};
        int r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD);
        assert_int_equal(r, 0);
        if (info.si_pid == pid && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
            break;
        if (clock_mono_ns() > until)
            fail_msg("%d does not end", (int)pid);
        usleep(200);
    }
    assert_int_equal(waitpid(pid, &status, __WNOTHREAD), pid);
    return status;
}

/* A letter of PID/stat, 0 when it is gone. */
static inline int state_of(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    return proc_stat_read(&root, &files, &stat) == 0 ? (int)stat.value[STAT_STATE] : 0;
}

static inline void await_state(pid_t pid, const char *states)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    int state;
    while ((state = state_of(pid)) == 0 || strchr(states, state) == NULL) {
        if (clock_mono_ns() > until)
            fail_msg("%d is in state %c, not %s", (int)pid, state, states);
        usleep(200);
    }
}

static inline unsigned traced_threads(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct numbered_entries entries;
    int fd = process_files_open_below(&root, &files, "task", O_RDONLY | O_DIRECTORY);
    unsigned n = 0;
    uint64_t tid;
    assert_true(fd >= 0);
    numbered_entries_init(&entries, fd);
    while (numbered_entries_next(&entries, &tid) == 1) {
        char path[64], text[4096];
        snprintf(path, sizeof path, "%d/task/%d/status", (int)pid, (int)tid);
        ssize_t got = source_read_at(root.proc_fd, path, text, sizeof text - 1);
        text[got > 0 ? got : 0] = '\0';
        const char *at = strstr(text, "TracerPid:\t");
        n += at != NULL && strtol(at + 11, NULL, 10) != 0;
    }
    close(fd);
    return n;
}

/* Ends a puppet that is not our child, without a wait that could take a stop. */
static inline void end_puppet(int number)
{
    pid_t pid = puppets[number].pid;
    puppets[number].act = ACT_EXIT;
    sem_post(&puppets[number].go);
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (!has_ended(pid)) {
        assert_true(clock_mono_ns() < until);
        usleep(200);
    }
    puppets[number].pid = 0;
}

/* ---- jobs: what a launched child does ---- */

#define VICTIMS 200

static struct shared {
    sem_t go, up;
    atomic_int number[8];
    atomic_llong value[8];
    struct {
        pid_t pid;
        int status;
    } victim[VICTIMS];
} * shared;

static pid_t job_pid;

/* Forks a child that waits until job_go. It dies with this process. */
static inline pid_t job(int (*body)(void))
{
    job_pid = fork();
    assert_true(job_pid >= 0);
    if (job_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!sem_wait_patiently(&shared->go, 60))
            _exit(99);
        _exit(body());
    }
    return job_pid;
}

static inline void job_go(void)
{
    sem_post(&shared->go);
}

static inline void job_up(void)
{
    assert_true(sem_wait_patiently(&shared->up, PATIENCE_S));
}

/* Runs it traced to its end. Its status. */
static inline int run_job(int (*body)(void))
{
    pid_t pid = job(body);
    trace_launched(pid);
    job_go();
    int status = reap(pid);
    await_told(TOLD_END, pid, 1);
    return status;
}

/* A child of a job's that ends with it. */
static inline pid_t fork_mortal(void)
{
    pid_t pid = fork();
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static inline void *waits(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static inline pid_t start_sh(const char *script)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static inline int wait_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static inline void assert_same_argv(const struct told *t, const char *argv, size_t n)
{
    assert_non_null(t);
    assert_true(t->exec.has_argv && !t->exec.argv_cut);
    assert_int_equal(t->exec.argv.n, n);
    assert_memory_equal(t->exec.argv.bytes, argv, n);
}

static inline void assert_argv(pid_t pid, const char *argv, size_t n)
{
    assert_same_argv(find(TOLD_EXEC, pid), argv, n);
}

static inline void assert_told_once(enum told_kind kind, pid_t pid)
{
    if (count(kind, pid) == 1)
        return;
    static const char *const kinds[] = {"birth", "exec", "end", "account"};
    for (size_t i = 0; i < told_count; i++)
        if (told[i].pid == pid)
            print_message("# %zu: %s of %d, parent %d, status %x\n", i, kinds[told[i].kind],
                          (int)pid, told[i].kind == TOLD_BIRTH ? told[i].birth.parent_pid : 0,
                          told[i].kind == TOLD_END ? (unsigned)told[i].end.status : 0);
    fail_msg("told %zu times", count(kind, pid));
}

static inline void assert_end(pid_t pid, int status)
{
    assert_told_once(TOLD_BIRTH, pid);
    assert_told_once(TOLD_END, pid);
    assert_told_once(TOLD_ACCOUNT, pid);
    assert_int_equal(find(TOLD_END, pid)->end.status, status);
    assert_true(find(TOLD_END, pid) > find(TOLD_BIRTH, pid));
}

/* ---- every test ---- */

/* One that was waited for is not: its pid may be somebody else's by now. */
static inline bool is_our_child(pid_t pid)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static inline int set_up(void **state)
{
    if (begin(state) != 0)
        return -1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    sem_init(&shared->go, 1, 0);
    sem_init(&shared->up, 1, 0);
    return 0;
}

static inline int tear_down(void **state)
{
    if (job_pid > 0 && is_our_child(job_pid)) /* a test that failed */
        kill(job_pid, SIGKILL);
    job_pid = 0;
    int r = clean_up(state);
    follow = NULL;
    return munmap(shared, sizeof *shared) == 0 ? r : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static inline void not_here(void **state)
{
    print_message("# %s\n", why.text);
    skip();
}

/* Whether a child may be traced here at all. */
static inline bool may_trace(void)
{
    void *state = NULL;
    if (set_up(&state) != 0)
        return false;
    puppet_fork(0);
    bool may = try_trace(&(struct follow_config){
                   .roots = &puppets[0].pid, .root_count = 1, .launched = true}) == 0;
    tear_down(&state);
    return may;
}

/* The tests, or one that is skipped where none may be traced. */
static inline int run_traced(const char *name, const struct CMUnitTest *tests, size_t n)
{
    alone = false; /* pids are not chosen here */
    mechanism = &follow_ptrace;
    const struct CMUnitTest none[] = {cmocka_unit_test(not_here)};
    bool may = may_trace();
    return _cmocka_run_group_tests(name, may ? tests : none, may ? n : 1, NULL, NULL);
}

#endif
