/*
 * follow/follow_ptrace on real processes: who belongs, what is told of them, and above all that the
 * job does not notice: signals, stops, exit statuses, threads, and a recorder that comes or goes.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "follow/follow_try.h"
#include "source/numbered_entries.h"
#include "test_follow_puppets.h"

extern char **environ;

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

static struct told *tell(enum told_kind kind, pid_t pid)
{
    assert_true(told_count < TOLD_MAX);
    struct told *t = &told[told_count++];
    *t = (struct told){.kind = kind, .pid = pid};
    return t;
}

static struct span keep(struct span text)
{
    assert_true(kept_bytes + text.n <= KEPT_BYTES);
    uint8_t *at = kept + kept_bytes;
    if (text.n > 0)
        memcpy(at, text.bytes, text.n);
    kept_bytes += text.n;
    return (struct span){at, text.n};
}

static void tell_birth(void *user, const struct follow_birth *birth)
{
    on_birth(user, birth);
    tell(TOLD_BIRTH, birth->pid)->birth = *birth;
}

static void tell_exec(void *user, const struct follow_exec *exec)
{
    struct told *t = tell(TOLD_EXEC, exec->pid);
    t->exec = *exec;
    t->exec.exe = keep(exec->exe);
    t->exec.argv = keep(exec->argv);
}

/* As entity the place of the end, which is never 0: a birth comes before. */
static uint32_t tell_end(void *user, const struct follow_end *end)
{
    on_ended(user, end);
    tell(TOLD_END, end->pid)->end = *end;
    return (uint32_t)told_count - 1;
}

static void tell_account(void *user, const struct record_account *account)
{
    assert_true(account->entity > 0 && account->entity < told_count);
    const struct told *end = &told[account->entity];
    assert_int_equal(end->kind, TOLD_END);
    tell(TOLD_ACCOUNT, end->pid)->account = *account;
}

static struct told *find_from(size_t i, enum told_kind kind, pid_t pid)
{
    for (; i < told_count; i++)
        if (told[i].kind == kind && told[i].pid == pid)
            return &told[i];
    return NULL;
}

static struct told *find(enum told_kind kind, pid_t pid)
{
    return find_from(0, kind, pid);
}

static size_t count(enum told_kind kind, pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < told_count; i++)
        n += told[i].kind == kind && (pid == 0 || told[i].pid == pid);
    return n;
}

static struct follow_reason why;

static int try_trace(const struct follow_config *config)
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

static void trace_launched(pid_t pid)
{
    int r = try_trace(&(struct follow_config){
        .roots = &pid, .root_count = 1, .subreaper = getpid(), .launched = true});
    if (r != 0)
        fail_msg("%s", why.text);
}

static void trace_running(pid_t pid)
{
    int r = try_trace(&(struct follow_config){.roots = &pid, .root_count = 1});
    if (r != 0)
        fail_msg("%s", why.text);
}

static void stop_tracing(void)
{
    mechanism->close(follow);
    follow = NULL;
}

/* Until it has been told so often, of this one or (0) of all. */
static void await_some(enum told_kind kind, pid_t pid, size_t times)
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

static void await_told(enum told_kind kind, pid_t pid, size_t times)
{
    await_some(kind, pid, times);
    assert_int_equal(count(kind, pid), times);
}

/* A process is told of as it first stops, which may be after fork has returned in its parent. */
static void await_births(size_t n)
{
    await_told(TOLD_BIRTH, 0, n);
}

/* ---- the recorder's side ---- */

/* A traced child must be waited for as tracer.h says. Its status. */
static int reap(pid_t pid)
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
static int state_of(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    return proc_stat_read(&root, &files, &stat) == 0 ? (int)stat.value[STAT_STATE] : 0;
}

static void await_state(pid_t pid, const char *states)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    int state;
    while ((state = state_of(pid)) == 0 || strchr(states, state) == NULL) {
        if (clock_mono_ns() > until)
            fail_msg("%d is in state %c, not %s", (int)pid, state, states);
        usleep(200);
    }
}

/* Ends a puppet that is not our child, without a wait that could take a stop. */
static void end_puppet(int number)
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
static pid_t job(int (*body)(void))
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

static void job_go(void)
{
    sem_post(&shared->go);
}

static void job_up(void)
{
    assert_true(sem_wait_patiently(&shared->up, PATIENCE_S));
}

/* Runs it traced to its end. Its status. */
static int run_job(int (*body)(void))
{
    pid_t pid = job(body);
    trace_launched(pid);
    job_go();
    int status = reap(pid);
    await_told(TOLD_END, pid, 1);
    return status;
}

/* A child of a job's that ends with it. */
static pid_t fork_mortal(void)
{
    pid_t pid = fork();
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static pid_t start_sh(const char *script)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static int wait_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void assert_same_argv(const struct told *t, const char *argv, size_t n)
{
    assert_non_null(t);
    assert_true(t->exec.has_argv && !t->exec.argv_cut);
    assert_int_equal(t->exec.argv.n, n);
    assert_memory_equal(t->exec.argv.bytes, argv, n);
}

static void assert_argv(pid_t pid, const char *argv, size_t n)
{
    assert_same_argv(find(TOLD_EXEC, pid), argv, n);
}

static void assert_told_once(enum told_kind kind, pid_t pid)
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

static void assert_end(pid_t pid, int status)
{
    assert_told_once(TOLD_BIRTH, pid);
    assert_told_once(TOLD_END, pid);
    assert_told_once(TOLD_ACCOUNT, pid);
    assert_int_equal(find(TOLD_END, pid)->end.status, status);
    assert_true(find(TOLD_END, pid) > find(TOLD_BIRTH, pid));
}

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

static void *waits(void *arg)
{
    for (;;)
        pause();
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

static unsigned traced_threads(pid_t pid)
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

/* ---- where it is refused ---- */

static void one_that_is_traced_already(void **state)
{
    start_elsewhere(0);
    assert_int_equal(ptrace(PTRACE_SEIZE, puppets[0].pid, 0, 0), 0);
    int r = try_trace(&(struct follow_config){.roots = &puppets[0].pid, .root_count = 1});
    assert_int_equal(r, -EPERM);
    assert_null(follow);
    assert_non_null(strstr(why.text, "is traced already"));
    assert_int_equal(told_count, 0);
}

/* Without the right to: the reason names it, and nothing is left traced. */
static int tries_as_nobody(void)
{
    start_elsewhere(1);
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        return 2;
    const pid_t roots[] = {shared->number[0]};
    if (try_trace(&(struct follow_config){.roots = roots, .root_count = 1}) != -EPERM)
        return 1;
    return strstr(why.text, "another user") != NULL ? 0 : 3;
}

static int status_apart(int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    return wait_of(pid);
}

static void another_users(void **state)
{
    if (getuid() != 0) {
        print_message("# only root can be another user\n");
        skip();
    }
    start_elsewhere(0);
    shared->number[0] = puppets[0].pid;
    assert_int_equal(status_apart(tries_as_nobody), 0);
    assert_int_equal(traced_threads(puppets[0].pid), 0);
}

static int tries_filtered(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 2;
    const pid_t roots[] = {shared->number[0]};
    if (try_trace(&(struct follow_config){.roots = roots, .root_count = 1}) != -EPERM)
        return 1;
    return strstr(why.text, "seccomp") != NULL ? 0 : 3;
}

static void a_seccomp_filter(void **state)
{
    start_elsewhere(0);
    shared->number[0] = puppets[0].pid;
    assert_int_equal(status_apart(tries_filtered), 0);
}

/* ---- whether a mechanism works is tried ---- */

static void assert_nothing_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void what_works_is_found_to(void **state)
{
    for (int i = 0; i < 5; i++) {
        if (follow_try(&follow_ptrace, &root, &why) != 0 ||
            follow_try(&follow_poll, &root, &why) != 0)
            fail_msg("%s", why.text);
        assert_nothing_left();
    }
}

/* One that opens, and then does not tell what it says it does. */
static void who_promises_too_much(void **state)
{
    struct follow_mechanism lying = follow_poll;
    lying.tells |= FOLLOW_TELLS_ENDS;
    assert_int_not_equal(follow_try(&lying, &root, &why), 0);
    assert_true(strstr(why.text, "ends") != NULL || strstr(why.text, "birth") != NULL);
    assert_nothing_left();
}

static int never_polls(struct follow *untouched, uint64_t now_ns)
{
    return 0;
}

static void who_tells_nothing(void **state)
{
    struct follow_mechanism deaf = follow_poll;
    deaf.poll = never_polls;
    assert_int_not_equal(follow_try(&deaf, &root, &why), 0);
    assert_non_null(strstr(why.text, "birth"));
    assert_nothing_left();
}

static int does_not_open(const struct follow_config *config, const struct follow_sink *sink,
                         struct follow **ret, struct follow_reason *ret_why)
{
    return follow_fail(ret_why, -EPERM, "ask your administrator");
}

static void who_does_not_open_says_why(void **state)
{
    struct follow_mechanism refused = follow_poll;
    refused.open = does_not_open;
    assert_int_equal(follow_try(&refused, &root, &why), -EPERM);
    assert_string_equal(why.text, "ask your administrator");
    assert_nothing_left();
}

/* ---- every test ---- */

/* One that was waited for is not: its pid may be somebody else's by now. */
static bool is_our_child(pid_t pid)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
    if (job_pid > 0 && is_our_child(job_pid)) /* a test that failed */
        kill(job_pid, SIGKILL);
    job_pid = 0;
    int r = clean_up(state);
    follow = NULL;
    return munmap(shared, sizeof *shared) == 0 ? r : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int all_tests(void)
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
        TEST(signals_arrive_as_sent),
        TEST(a_read_is_restarted),
        TEST(deaths_by_signal),
        TEST(killed_again_and_again),
        TEST(a_killed_root_is_the_recorders),
        TEST(stops_are_kept),
        TEST(a_stopped_one_is_attached_to_and_left),
        TEST(it_goes_on_unharmed),
        TEST(the_recorder_dies),
        TEST(one_that_is_traced_already),
        TEST(another_users),
        TEST(a_seccomp_filter),
        TEST(what_works_is_found_to),
        TEST(who_promises_too_much),
        TEST(who_tells_nothing),
        TEST(who_does_not_open_says_why),
    };
    return cmocka_run_group_tests_name("follow_ptrace", tests, NULL, NULL);
}

static void not_here(void **state)
{
    print_message("# %s\n", why.text);
    skip();
}

/* Whether a child may be traced here at all. */
static bool may_trace(void)
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

int main(void)
{
    alone = false; /* pids are not chosen here */
    mechanism = &follow_ptrace;
    if (may_trace())
        return all_tests();
    const struct CMUnitTest none[] = {cmocka_unit_test(not_here)};
    return cmocka_run_group_tests_name("follow_ptrace", none, NULL, NULL);
}
