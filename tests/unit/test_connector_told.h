/*
 * For the tests of follow/follow_connector: what it tells, in order, and children that do something
 * when told to. Each group runs once with taskstats and once without, and where that was as root
 * once more as nobody in particular.
 */
#ifndef TACHO_TEST_CONNECTOR_TOLD_H
#define TACHO_TEST_CONNECTOR_TOLD_H

#include "test_follow_puppets.h"

#include <dirent.h>
#include <grp.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define TOLD_MAX 65536
#define MIB (1 << 20)

/* ---- what is told ---- */

enum told_kind { BIRTH, EXEC, END, ACCOUNT };

static struct told {
    enum told_kind kind;
    pid_t pid, parent;
    bool root, forked, fresh;
    uint64_t time_ns, heard_ns;
    int status;
    uint32_t entity; /* of an end or account; the place of the birth, beginning with 1 */
    char comm[COMM_CAP];
    struct record_account account;
} told[TOLD_MAX];
static size_t told_count;
static int ends; /* of these */

static struct told *next_told(enum told_kind kind, pid_t pid)
{
    assert_true(told_count < TOLD_MAX);
    told[told_count] = (struct told){.kind = kind, .pid = pid, .heard_ns = clock_mono_ns()};
    return &told[told_count++];
}

/* The last birth of that pid. */
static inline uint32_t entity_of(pid_t pid)
{
    for (size_t i = told_count; i > 0; i--)
        if (told[i - 1].kind == BIRTH && told[i - 1].pid == pid)
            return (uint32_t)i;
    return 0;
}

static inline void take_birth(void *user, const struct follow_birth *birth)
{
    struct told *t = next_told(BIRTH, birth->pid);
    assert_ptr_equal(user, told);
    t->parent = birth->parent_pid;
    t->root = birth->root;
    t->forked = birth->forked;
    t->fresh = birth->fresh;
    t->time_ns = birth->time_ns;
}

static inline void take_exec(void *user, const struct follow_exec *exec)
{
    struct told *t = next_told(EXEC, exec->pid);
    t->time_ns = exec->time_ns;
    assert_false(exec->has_argv);
    memcpy(t->comm, exec->comm, sizeof t->comm);
}

static inline uint32_t take_ended(void *user, const struct follow_end *end)
{
    struct told *t = next_told(END, end->pid);
    t->time_ns = end->time_ns;
    t->status = end->status;
    t->entity = entity_of(end->pid);
    ends++;
    return t->entity;
}

static inline void take_account(void *user, const struct record_account *account)
{
    assert_in_range(account->entity, 1, told_count);
    assert_int_equal(told[account->entity - 1].kind, BIRTH);
    struct told *t = next_told(ACCOUNT, told[account->entity - 1].pid);
    t->entity = (uint32_t)account->entity;
    t->account = *account;
}

static inline size_t count_of(enum told_kind kind, pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < told_count; i++)
        n += told[i].kind == kind && told[i].pid == pid;
    return n;
}

/* Where the only one of that kind is. */
static const struct told *only(enum told_kind kind, pid_t pid)
{
    size_t n = count_of(kind, pid);
    if (n != 1)
        fail_msg("%zu of kind %d of process %d", n, (int)kind, (int)pid);
    const struct told *t = told;
    while (t->kind != kind || t->pid != pid)
        t++;
    return t;
}

static inline void assert_told(size_t n)
{
    if (told_count != n)
        for (size_t i = 0; i < told_count; i++)
            print_message("# %s %d, child of %d, status %x\n",
                          (const char *[]){"birth", "exec", "end", "account"}[told[i].kind],
                          (int)told[i].pid, (int)told[i].parent, (unsigned)told[i].status);
    assert_int_equal(told_count, n);
}

/* Accounts come only to some, and only from some kernels: they are counted elsewhere. */
static inline void assert_told_but_accounts(size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < told_count; i++)
        if (told[i].kind != ACCOUNT)
            told[kept++] = told[i];
    told_count = kept;
    assert_told(n);
}

/* ---- following ---- */

static struct follow_reason why;

static inline int try_to_open(const struct follow_config *config)
{
    struct follow_sink sink = {.user = told,
                               .birth = take_birth,
                               .exec = take_exec,
                               .ended = take_ended,
                               .account = take_account};
    struct follow_config filled = *config;
    filled.root = &root;
    told_count = 0;
    ends = 0;
    return mechanism->open(&filled, &sink, &follow, &why);
}

static inline void open_connector(const struct follow_config *config)
{
    int r = try_to_open(config);
    if (r != 0)
        fail_msg("%d: %s", r, why.text);
}

static inline void launch_pid(pid_t pid)
{
    open_connector(&(struct follow_config){.roots = &pid,
                                           .root_count = 1,
                                           .subreaper = getpid(),
                                           .launched = true,
                                           .recorder = getpid()});
}

static inline void attach_to(pid_t pid)
{
    open_connector(&(struct follow_config){.roots = &pid, .root_count = 1, .recorder = getpid()});
}

static inline struct follow_receipt receipt_now(void)
{
    struct follow_receipt receipt;
    mechanism->receipt(follow, &receipt);
    return receipt;
}

static bool losses_expected; /* in the test that runs */

/*
 * Who is not root has little room for events, and everybody's fill it: a thousand forks of other
 * tests at once are too many. What a test then sees says nothing.
 */
static inline void look(void)
{
    assert_int_equal(mechanism->poll(follow, clock_mono_ns()), 0);
    if (geteuid() == 0 || losses_expected || receipt_now().lost_events == 0)
        return;
    print_message("# others forked so much that events were lost\n");
    skip();
}

/*
 * Looks until there are so many of that kind, or for long. A process can be waited for a little
 * before its exit is told.
 */
static inline void look_for(enum told_kind kind, pid_t pid, size_t n)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    look();
    while (count_of(kind, pid) < n) {
        if (clock_mono_ns() > until)
            fail_msg("kind %d of process %d does not come", (int)kind, (int)pid);
        usleep(100);
        look();
    }
}

static inline void end_puppet(int number)
{
    pid_t pid = puppets[number].pid;
    end(number);
    look();
    look_for(END, pid, count_of(BIRTH, pid));
}

static inline void assert_nothing_lost(uint64_t births)
{
    struct follow_receipt receipt = receipt_now();
    assert_int_equal(receipt.births, births);
    assert_int_equal(receipt.missed, 0);
    assert_false(receipt.missed_is_bound);
    assert_int_equal(receipt.lost_events, 0);
    assert_int_equal(receipt.resyncs, 0);
    assert_int_equal(receipt.pids_given_out, 0);
}

static inline void assert_born(pid_t pid, pid_t parent, uint64_t since_ns)
{
    const struct told *t = only(BIRTH, pid);
    assert_int_equal(t->parent, parent);
    assert_true(t->forked && t->fresh);
    assert_false(t->root);
    assert_true(since_ns <= t->time_ns && t->time_ns <= clock_mono_ns());
}

static bool taskstats; /* to be had by who runs the group */

static inline int set_up(void **state)
{
    told_count = 0;
    losses_expected = false;
    return begin(state);
}

/* ---- bodies ---- */

/* A child that runs `body` when its puppet is told to go on; it says `done` before. */
static inline pid_t child_of_body(int number, void (*body)(int number))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!sem_wait_patiently(&puppets[number].go, 60))
            _exit(1);
        body(number);
        _exit(0);
    }
    puppets[number].pid = pid;
    return pid;
}

static inline void let_go(int number)
{
    sem_post(&puppets[number].go);
}

static inline void pause_in_body(int number)
{
    sem_post(&puppets[number].done);
    if (!sem_wait_patiently(&puppets[number].go, 60))
        _exit(1);
}

static inline void await_pause(int number)
{
    if (!sem_wait_patiently(&puppets[number].done, PATIENCE_S))
        fail_msg("puppet %d does not answer", number);
}

/* Reaps a child of ours, and gives its status. */
static inline int reap(int number, struct rusage *usage)
{
    int status = -1;
    pid_t pid = puppets[number].pid;
    assert_int_equal(wait4(pid, &status, 0, usage), pid);
    puppets[number].pid = 0;
    return status;
}

/* Until it shows as a zombie: its main thread is one. */
static inline void await_zombie(pid_t pid)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat = {0};
    while (stat.value[STAT_STATE] != 'Z') {
        assert_int_equal(proc_stat_read(&root, &files, &stat), 0);
        assert_true(clock_mono_ns() < until);
    }
}

static inline int leave_with(void *code)
{
    syscall(SYS_exit_group, *(int *)code);
    return 0;
}

/* One after the other, each with a status of its own. */
static inline void body_of_short_lives(int number)
{
    static _Alignas(16) char stack[65536];
    for (int i = 0; i < puppets[number].arg; i++) {
        int code = i % 251, status;
        pid_t pid =
            clone(leave_with, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &code);
        if (pid < 0)
            _exit(1);
        if (waitpid(pid, &status, 0) != pid || status != code << 8)
            _exit(2);
    }
}

/* ---- all of it ---- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)

/* Runs them all under this name. */
typedef int group_fn(const char *name);

static inline void it_does_not_work_here(void **state)
{
    print_message("# %s: %s\n", mechanism->name, why.text);
    skip();
}

static inline bool works(const struct follow_mechanism *m)
{
    pid_t self = getpid();
    mechanism = m;
    if (source_root_open(&root, "/") != 0)
        return false;
    int r = try_to_open(&(struct follow_config){.roots = &self, .root_count = 1});
    if (r == 0)
        m->close(follow);
    source_root_close(&root);
    return r == 0;
}

static inline int run_with(const struct follow_mechanism *m, const char *name, group_fn *group)
{
    const struct CMUnitTest none[] = {cmocka_unit_test(it_does_not_work_here)};
    return works(m) ? group(name) : cmocka_run_group_tests_name(name, none, NULL, NULL);
}

/* In a process of its own: there is no way back. */
static inline int run_as_nobody(group_fn *group)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid > 0 ? wait_for(pid) : 1;
    if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
        setresuid(65534, 65534, 65534) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
        exit(1);
    taskstats = false;
    exit(run_with(&follow_connector, "connector as nobody", group));
}

static inline int run_everywhere(group_fn *group)
{
    taskstats = works(&follow_connector_taskstats);
    int failed = run_with(&follow_connector_taskstats, "connector+taskstats", group);
    failed += run_with(&follow_connector, "connector", group);
    return failed + (geteuid() == 0 ? run_as_nobody(group) : 0);
}

#endif
