/*
 * For the tests of following: puppets that fork, end and change session on demand, what is announced
 * of them, and a pid namespace for all of it where that is allowed.
 */
#ifndef TACHO_TEST_FOLLOW_PUPPETS_H
#define TACHO_TEST_FOLLOW_PUPPETS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "follow/follow.h"

#define PUPPETS 32
#define PATIENCE_S 30 /* for what happens at once */

/* ---- puppets ---- */

enum act {
    ACT_FORK,             /* puppet `arg` */
    ACT_FORK_FROM_THREAD, /* puppet `arg`, by a thread that ends */
    ACT_FORK_AS,          /* puppet `arg` with the pid `pid`, by /proc/sys/kernel/ns_last_pid */
    ACT_FORK_MANY,        /* `arg` children that only wait, told in the list */
    ACT_THREADS,          /* starts `arg` threads that only wait */
    ACT_SETSID,
    ACT_EXIT
};

static struct puppet {
    sem_t go, done;
    enum act act;
    int arg, error;
    pid_t pid;
} * puppets; /* in shared memory, the list behind them */

#define LIST_MAX 4096
static pid_t *list; /* children of ACT_FORK_MANY */

static inline bool sem_wait_patiently(sem_t *sem, int seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    while (sem_timedwait(sem, &until) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

static inline _Noreturn void puppet_run(int self);

static inline pid_t puppet_fork(int number)
{
    pid_t pid = fork();
    if (pid == 0)
        puppet_run(number);
    puppets[number].pid = pid;
    return pid;
}

static inline void *fork_in_thread(void *arg)
{
    puppet_fork(*(int *)arg);
    return NULL;
}

static inline void *wait_in_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static inline bool write_last_pid(pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", (int)pid);
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        close(fd);
    return written;
}

/* A process is out of sight a little before its pid is free. */
static inline int fork_as(int number, pid_t pid)
{
    for (int i = 0; i < 1000; i++) {
        if (!write_last_pid(pid - 1))
            return EACCES;
        pid_t got = puppet_fork(number);
        if (got == pid)
            return 0;
        while (kill(got, SIGKILL) == 0)
            usleep(100);
    }
    return EBUSY;
}

static inline int fork_many(int n)
{
    for (int i = 0; i < n; i++) {
        pid_t parent = getpid(), pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            while (getppid() == parent)
                pause();
            _exit(0);
        }
        if (pid < 0)
            return errno;
        list[i] = pid;
    }
    return 0;
}

static inline int puppet_act(struct puppet *p)
{
    pthread_t thread;
    switch (p->act) {
    case ACT_FORK: return puppet_fork(p->arg) < 0 ? errno : 0;
    case ACT_FORK_FROM_THREAD:
        if (pthread_create(&thread, NULL, fork_in_thread, &p->arg) != 0)
            return EAGAIN;
        return pthread_join(thread, NULL);
    case ACT_FORK_AS: return fork_as(p->arg, puppets[p->arg].pid);
    case ACT_FORK_MANY: return fork_many(p->arg);
    case ACT_THREADS:
        for (int i = 0; i < p->arg; i++)
            if (pthread_create(&thread, NULL, wait_in_thread, NULL) != 0)
                return EAGAIN;
        return 0;
    case ACT_SETSID: return setsid() < 0 ? errno : 0;
    case ACT_EXIT: break;
    }
    return 0;
}

static inline _Noreturn void puppet_run(int self)
{
    struct puppet *p = &puppets[self];
    signal(SIGCHLD, SIG_IGN); /* children leave no zombies */
    for (;;) {
        if (!sem_wait_patiently(&p->go, 60))
            _exit(1); /* the test is gone */
        p->error = puppet_act(p);
        if (p->act == ACT_EXIT)
            _exit(0);
        sem_post(&p->done);
    }
}

static inline int try_act(int number, enum act act, int arg)
{
    struct puppet *p = &puppets[number];
    p->act = act;
    p->arg = arg;
    sem_post(&p->go);
    if (!sem_wait_patiently(&p->done, PATIENCE_S))
        fail_msg("puppet %d does not answer", number);
    return p->error;
}

static inline void act(int number, enum act what, int arg)
{
    assert_int_equal(try_act(number, what, arg), 0);
}

static struct source_root root;

/* Whether nothing is left of it, or a zombie that init may reap when it likes. */
static inline bool has_ended(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    return proc_stat_read(&root, &files, &stat) != 0 ||
           (stat.value[STAT_STATE] == 'Z' && stat.value[STAT_PARENT_PID] == 1);
}

static inline void await_end(pid_t pid)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (!has_ended(pid)) {
        waitpid(pid, NULL, WNOHANG);
        assert_true(clock_mono_ns() < until);
        usleep(200);
    }
}

static inline void end(int number)
{
    puppets[number].act = ACT_EXIT;
    sem_post(&puppets[number].go);
    await_end(puppets[number].pid);
    puppets[number].pid = 0;
}

/* A puppet whose parent is neither this process nor a puppet. */
static inline void start_elsewhere(int number)
{
    pid_t between = fork();
    assert_true(between >= 0);
    if (between == 0) {
        puppet_fork(number);
        _exit(0);
    }
    assert_int_equal(waitpid(between, NULL, 0), between);
}

/* ---- what is announced ---- */

#define ANNOUNCED_MAX 8192

static struct announced {
    struct follow_birth birth;
    bool ended; /* it is the end of birth.pid */
} announced[ANNOUNCED_MAX];
static size_t announcements;

static struct follow *follow;
static const struct follow_mechanism *mechanism = &follow_poll; /* a test of another one sets it */

static inline void on_birth(void *user, const struct follow_birth *birth)
{
    assert_ptr_equal(user, announced);
    assert_true(announcements < ANNOUNCED_MAX);
    announced[announcements++] = (struct announced){*birth, false};
}

static inline uint32_t on_ended(void *user, const struct follow_end *end)
{
    assert_true(announcements < ANNOUNCED_MAX);
    announced[announcements++] = (struct announced){{.pid = end->pid}, true};
    return (uint32_t)announcements;
}

static inline int try_open(const struct follow_config *config)
{
    struct follow_sink sink = {.user = announced, .birth = on_birth, .ended = on_ended};
    struct follow_config filled = *config;
    filled.root = &root;
    struct follow_reason why;
    return mechanism->open(&filled, &sink, &follow, &why);
}

static inline void open_follow(const struct follow_config *config)
{
    assert_int_equal(try_open(config), 0);
    assert_non_null(follow);
}

static inline void launch(int number)
{
    puppet_fork(number);
    open_follow(&(struct follow_config){.roots = &puppets[number].pid,
                                        .root_count = 1,
                                        .subreaper = getpid(),
                                        .launched = true,
                                        .recorder = getpid()});
}

static inline void attach(int number)
{
    open_follow(&(struct follow_config){
        .roots = &puppets[number].pid, .root_count = 1, .recorder = getpid()});
}

static inline void poll_follow(void)
{
    assert_int_equal(mechanism->poll(follow, clock_mono_ns()), 0);
}

static inline size_t births_of(pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < announcements; i++)
        n += announced[i].birth.pid == pid && !announced[i].ended;
    return n;
}

/* The place of the only announcement of a puppet. */
static inline size_t place_of(int number)
{
    pid_t pid = puppets[number].pid;
    if (births_of(pid) != 1)
        fail_msg("%zu births of puppet %d", births_of(pid), number);
    size_t i = 0;
    while (announced[i].birth.pid != pid || announced[i].ended)
        i++;
    return i;
}

static inline void assert_announced(int number, pid_t parent, bool as_root, bool forked)
{
    const struct follow_birth *birth = &announced[place_of(number)].birth;
    assert_int_equal(birth->parent_pid, parent);
    assert_int_equal(birth->root, as_root);
    assert_int_equal(birth->forked, forked);
    assert_string_equal(birth->comm, announced[0].birth.comm);
    assert_true(birth->start_boot_ns > 0);
}

/* Nothing but these; and nothing new however often one asks. */
static inline void assert_count(size_t n)
{
    if (announcements != n)
        for (size_t i = 0; i < announcements; i++)
            print_message("# %s %d, child of %d\n", announced[i].ended ? "ended" : "born",
                          (int)announced[i].birth.pid, (int)announced[i].birth.parent_pid);
    assert_int_equal(announcements, n);
    for (int i = 0; i < 3; i++)
        poll_follow();
    assert_int_equal(announcements, n);
}

/* ---- every test ---- */

static inline int begin(void **state)
{
    size_t bytes = PUPPETS * sizeof *puppets + LIST_MAX * sizeof *list;
    puppets = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (puppets == MAP_FAILED || source_root_open(&root, "/") != 0)
        return -1;
    list = (pid_t *)(puppets + PUPPETS);
    for (int i = 0; i < PUPPETS; i++) {
        sem_init(&puppets[i].go, 1, 0);
        sem_init(&puppets[i].done, 1, 0);
    }
    announcements = 0;
    follow = NULL;
    return 0;
}

static inline int clean_up(void **state)
{
    mechanism->close(follow);
    source_root_close(&root);
    for (int i = 0; i < LIST_MAX && list[i] > 0; i++)
        kill(list[i], SIGKILL);
    for (int i = 0; i < PUPPETS; i++)
        if (puppets[i].pid > 0)
            kill(puppets[i].pid, SIGKILL);
    for (int i = 0; i < PUPPETS; i++)
        if (puppets[i].pid > 0)
            await_end(puppets[i].pid);
    while (waitpid(-1, NULL, 0) > 0) /* all that became ours */
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    return munmap(puppets, PUPPETS * sizeof *puppets + LIST_MAX * sizeof *list);
}

/* In a pid namespace of our own, where pids can be chosen and nobody else takes any. */
__attribute__((unused)) static bool alone;

/* ---- a world of our own ---- */

static inline bool write_text(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

/* The next child will be the first process of a new namespace; who is not root needs more for it. */
static inline bool leave_company(void)
{
    char map[32];
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) == 0)
        return true;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)getuid());
    return unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/uid_map", map);
}

static inline bool see_own_processes(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getpid() == 1 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("proc", "/proc", "proc", 0, NULL) == 0 && write_last_pid(100);
}

static inline int wait_for(pid_t pid)
{
    int status = 1;
    for (pid_t ended = 0; ended != pid;)
        if ((ended = waitpid(-1, &status, 0)) < 0 && errno != EINTR)
            return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Runs `body` as a child of the first process there; all that it leaves behind ends with that. */
static inline int in_new_world(int (*body)(void))
{
    if (!leave_company())
        return 1;
    pid_t first = fork();
    if (first != 0)
        return first > 0 ? wait_for(first) : 1;
    if (!see_own_processes())
        _exit(1);
    pid_t pid = fork();
    if (pid == 0)
        exit(body());
    _exit(pid > 0 ? wait_for(pid) : 1);
}

/* In a process of its own: who has left cannot fork any more once that world has ended. */
static inline int run_alone(int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(in_new_world(body));
    return pid > 0 ? wait_for(pid) : 1;
}

static inline int nothing_to_do(void)
{
    return 0;
}

#endif
