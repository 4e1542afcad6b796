/* follow/follow_poll on real processes: puppets that fork, end and change session on demand. */
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
#include <sys/prctl.h>
#include <sys/syscall.h>
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

static bool sem_wait_patiently(sem_t *sem, int seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    while (sem_timedwait(sem, &until) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

static _Noreturn void puppet_run(int self);

static pid_t puppet_fork(int number)
{
    pid_t pid = fork();
    if (pid == 0)
        puppet_run(number);
    puppets[number].pid = pid;
    return pid;
}

static void *fork_in_thread(void *arg)
{
    puppet_fork(*(int *)arg);
    return NULL;
}

static void *wait_in_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static bool write_last_pid(pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", (int)pid);
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        close(fd);
    return written;
}

/* Somebody else on this machine may be faster: tried until it is ours. */
static int fork_as(int number, pid_t pid)
{
    for (int i = 0; i < 200; i++) {
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

static int fork_many(int n)
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

static int puppet_act(struct puppet *p)
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

static _Noreturn void puppet_run(int self)
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

static int try_act(int number, enum act act, int arg)
{
    struct puppet *p = &puppets[number];
    p->act = act;
    p->arg = arg;
    sem_post(&p->go);
    if (!sem_wait_patiently(&p->done, PATIENCE_S))
        fail_msg("puppet %d does not answer", number);
    return p->error;
}

static void act(int number, enum act what, int arg)
{
    assert_int_equal(try_act(number, what, arg), 0);
}

static struct source_root root;

/* Whether nothing is left of it, or a zombie that init may reap when it likes. */
static bool has_ended(pid_t pid)
{
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    return proc_stat_read(&root, &files, &stat) != 0 ||
           (stat.value[STAT_STATE] == 'Z' && stat.value[STAT_PARENT_PID] == 1);
}

static void await_end(pid_t pid)
{
    uint64_t until = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (!has_ended(pid)) {
        waitpid(pid, NULL, WNOHANG);
        assert_true(clock_mono_ns() < until);
        usleep(200);
    }
}

static void end(int number)
{
    puppets[number].act = ACT_EXIT;
    sem_post(&puppets[number].go);
    await_end(puppets[number].pid);
    puppets[number].pid = 0;
}

/* A puppet whose parent is neither this process nor a puppet. */
static void start_elsewhere(int number)
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

static void on_birth(void *user, const struct follow_birth *birth)
{
    assert_ptr_equal(user, announced);
    assert_true(announcements < ANNOUNCED_MAX);
    announced[announcements++] = (struct announced){*birth, false};
}

static void on_ended(void *user, pid_t pid)
{
    assert_true(announcements < ANNOUNCED_MAX);
    announced[announcements++] = (struct announced){{.pid = pid}, true};
}

static int try_open(const struct follow_config *config)
{
    struct follow_sink sink = {.user = announced, .birth = on_birth, .ended = on_ended};
    struct follow_config filled = *config;
    filled.root = &root;
    return follow_poll.open(&filled, &sink, &follow);
}

static void open_follow(const struct follow_config *config)
{
    assert_int_equal(try_open(config), 0);
    assert_non_null(follow);
}

static void launch(int number)
{
    puppet_fork(number);
    open_follow(&(struct follow_config){.roots = &puppets[number].pid,
                                        .root_count = 1,
                                        .subreaper = getpid(),
                                        .launched = true,
                                        .recorder = getpid()});
}

static void attach(int number)
{
    open_follow(&(struct follow_config){
        .roots = &puppets[number].pid, .root_count = 1, .recorder = getpid()});
}

static void poll_follow(void)
{
    assert_int_equal(follow_poll.poll(follow, clock_mono_ns()), 0);
}

static size_t births_of(pid_t pid)
{
    size_t n = 0;
    for (size_t i = 0; i < announcements; i++)
        n += announced[i].birth.pid == pid && !announced[i].ended;
    return n;
}

/* The place of the only announcement of a puppet. */
static size_t place_of(int number)
{
    pid_t pid = puppets[number].pid;
    if (births_of(pid) != 1)
        fail_msg("%zu births of puppet %d", births_of(pid), number);
    size_t i = 0;
    while (announced[i].birth.pid != pid || announced[i].ended)
        i++;
    return i;
}

static void assert_announced(int number, pid_t parent, bool as_root, bool forked)
{
    const struct follow_birth *birth = &announced[place_of(number)].birth;
    assert_int_equal(birth->stat.parent_pid, parent);
    assert_int_equal(birth->root, as_root);
    assert_int_equal(birth->forked, forked);
    assert_string_equal(birth->stat.comm, announced[0].birth.stat.comm);
    assert_true(birth->stat.start_ticks > 0);
}

/* Nothing but these; and nothing new however often one asks. */
static void assert_count(size_t n)
{
    if (announcements != n)
        for (size_t i = 0; i < announcements; i++)
            print_message("# %s %d, child of %d\n", announced[i].ended ? "ended" : "born",
                          (int)announced[i].birth.pid, (int)announced[i].birth.stat.parent_pid);
    assert_int_equal(announcements, n);
    for (int i = 0; i < 3; i++)
        poll_follow();
    assert_int_equal(announcements, n);
}

/* ---- every test ---- */

static int begin(void **state)
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

static int clean_up(void **state)
{
    follow_poll.close(follow);
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

/* ---- who belongs ---- */

static void children_and_grandchildren(void **state)
{
    launch(0);
    assert_announced(0, getpid(), true, true);
    assert_count(1);
    act(0, ACT_FORK, 1);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_count(2);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    act(0, ACT_FORK, 4);
    poll_follow();
    assert_announced(2, puppets[1].pid, false, true);
    assert_announced(3, puppets[2].pid, false, true);
    assert_announced(4, puppets[0].pid, false, true);
    assert_true(place_of(2) < place_of(3));
    assert_count(5);
}

static void threads_are_no_processes(void **state)
{
    launch(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_THREADS, 5);
    act(1, ACT_FORK_FROM_THREAD, 2);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_announced(2, puppets[1].pid, false, true);
    assert_count(3);
    act(1, ACT_THREADS, 5);
    poll_follow();
    assert_count(3);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 3);
    assert_true(receipt.pids_given_out >= 2 + 5 + 1 + 5);
}

/* The middle one of a daemon's three generations is gone before anybody looks. */
static void a_daemon_becomes_our_child(void **state)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    launch(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_SETSID, 0);
    act(1, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    pid_t middle = puppets[1].pid;
    end(1);
    poll_follow();
    assert_announced(2, getpid(), false, true);
    assert_int_equal(announced[place_of(2)].birth.stat.session, puppets[2].pid);
    assert_int_equal(births_of(middle), 0);
    assert_count(2);
    act(2, ACT_FORK, 3);
    poll_follow();
    assert_announced(3, puppets[2].pid, false, true);
    assert_count(3);
}

static void a_session_tells_an_orphan(void **state)
{
    start_elsewhere(0);
    act(0, ACT_SETSID, 0);
    act(0, ACT_FORK, 1);
    attach(0);
    assert_announced(1, puppets[0].pid, false, false);
    act(1, ACT_FORK, 2);
    act(2, ACT_FORK, 3);
    end(2);
    poll_follow();
    size_t orphan = place_of(3);
    assert_true(announced[orphan].birth.forked);
    assert_int_not_equal(announced[orphan].birth.stat.parent_pid, puppets[1].pid);
    assert_count(3);

    /* Its leader has ended, the session lives on. */
    pid_t leader = puppets[0].pid;
    end(0);
    follow_poll.forget(follow, leader);
    act(1, ACT_FORK, 4);
    act(4, ACT_FORK, 5);
    end(4);
    poll_follow();
    assert_true(announced[place_of(5)].birth.forked);
    assert_int_equal(announced[place_of(5)].birth.stat.session, leader);
    assert_count(4);
}

static void what_was_there_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    act(1, ACT_FORK, 2);
    act(1, ACT_FORK, 3);
    act(3, ACT_SETSID, 0);
    start_elsewhere(10);
    act(10, ACT_FORK, 11);
    const pid_t roots[] = {puppets[0].pid, puppets[10].pid, puppets[0].pid};
    open_follow(&(struct follow_config){.roots = roots, .root_count = 3, .recorder = getpid()});
    assert_true(announced[place_of(0)].birth.root);
    assert_false(announced[place_of(0)].birth.forked);
    assert_true(announced[place_of(10)].birth.root);
    assert_announced(1, puppets[0].pid, false, false);
    assert_announced(2, puppets[1].pid, false, false);
    assert_announced(3, puppets[1].pid, false, false);
    assert_announced(11, puppets[10].pid, false, false);
    assert_true(place_of(1) < place_of(2) && place_of(1) < place_of(3));
    assert_count(6);
    act(3, ACT_FORK, 4);
    poll_follow();
    assert_announced(4, puppets[3].pid, false, true);
    assert_count(7);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 1);
    assert_true(receipt.pids_given_out >= receipt.births);
}

/* A root below another one is announced once, as a root. */
static void a_root_below_a_root(void **state)
{
    start_elsewhere(0);
    act(0, ACT_FORK, 1);
    const pid_t roots[] = {puppets[0].pid, puppets[1].pid};
    open_follow(&(struct follow_config){.roots = roots, .root_count = 2, .recorder = getpid()});
    assert_announced(1, puppets[0].pid, true, false);
    assert_count(2);
}

static void the_recorder_never_belongs(void **state)
{
    start_elsewhere(0);
    act(0, ACT_SETSID, 0);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    open_follow(&(struct follow_config){
        .roots = &puppets[0].pid, .root_count = 1, .recorder = puppets[1].pid});
    assert_announced(2, puppets[0].pid, false, false);
    assert_count(2);
}

static void a_root_that_is_gone(void **state)
{
    struct follow *untouched = follow;
    puppet_fork(0);
    pid_t dead = puppets[0].pid;
    end(0);
    int r = try_open(&(struct follow_config){.roots = &dead, .root_count = 1});
    assert_int_equal(r, -ESRCH);
    assert_ptr_equal(follow, untouched);
    assert_int_equal(announcements, 0);
    start_elsewhere(1);
    const pid_t roots[] = {puppets[1].pid, dead};
    r = try_open(&(struct follow_config){.roots = roots, .root_count = 2, .launched = true});
    assert_int_equal(r, -ESRCH);
    assert_ptr_equal(follow, untouched);
}

static void strangers_never_belong(void **state)
{
    start_elsewhere(10);
    start_elsewhere(11);
    act(11, ACT_SETSID, 0);
    launch(0);
    poll_follow();
    for (int i = 12; i < 16; i++)
        act(i < 14 ? 10 : 11, ACT_FORK, i);
    act(12, ACT_SETSID, 0);
    act(12, ACT_FORK, 20);
    act(20, ACT_FORK, 21);
    end(20); /* an orphan, but of somebody else */
    act(0, ACT_FORK, 1);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_count(2);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 2);
    assert_true(receipt.pids_given_out >= 1 + 4 + 2);
}

/* ---- when it gets difficult ---- */

/* What is forked while the poll is under way is found by this one or the next. */
static void a_storm_of_births(void **state)
{
    const int n = 1000;
    struct puppet *p = &puppets[1];
    launch(0);
    act(0, ACT_FORK, 1);
    p->act = ACT_FORK_MANY;
    p->arg = n;
    sem_post(&p->go);
    while (sem_trywait(&p->done) != 0)
        poll_follow();
    assert_int_equal(p->error, 0);
    poll_follow();
    int missed = 0;
    for (int i = 0; i < n; i++) {
        size_t births = births_of(list[i]);
        assert_true(births <= 1);
        missed += births == 0;
    }
    assert_int_equal(missed, 0);
    assert_count(2 + (size_t)n);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 2 + n);
    assert_true(receipt.pids_given_out >= receipt.births - 1); /* the root had its before */
}

static int nothing(void *arg)
{
    return 0;
}

/*
 * Uses pids up, without the cost of a fork. A pid that is chosen later must lie well before the one
 * given out last, or what polling sees is no pids that begin anew but a few more of them.
 */
static void use_pids(int n)
{
    static _Alignas(16) char stack[65536];
    for (int i = 0; i < n; i++) {
        pid_t pid = clone(nothing, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

/* More new pids than are looked at one by one. */
static void more_pids_than_are_probed(void **state)
{
    launch(0);
    poll_follow();
    act(0, ACT_FORK, 1);
    use_pids(9000);
    act(1, ACT_FORK, 2);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    assert_announced(2, puppets[1].pid, false, true);
    assert_count(3);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_true(receipt.pids_given_out >= 9002);
    assert_int_equal(receipt.births, 3);
}

/* ---- pids given out again ---- */

/* Only who may write ns_last_pid can choose the pid of a new process. */
static void skip_without_choice(void)
{
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    bool may = fd >= 0 && write_last_pid((pid_t)syscall(SYS_gettid));
    if (fd >= 0)
        close(fd);
    if (!may) {
        print_message("# ns_last_pid cannot be written here: pids cannot be chosen\n");
        skip();
    }
}

/* Forks puppet `arg` with that pid. */
static void act_fork_as(int number, int arg, pid_t pid)
{
    puppets[arg].pid = pid;
    int error = try_act(number, ACT_FORK_AS, arg);
    if (error == EBUSY) {
        puppets[arg].pid = 0;
        print_message("# somebody else on this machine got the chosen pid\n");
        skip();
    }
    assert_int_equal(error, 0);
}

/* Start times have the resolution of the kernel's tick: two of one pid must differ. */
static void await_new_start(void)
{
    uint64_t tick = clock_boot_ns() / root.tick_ns;
    while (clock_boot_ns() / root.tick_ns <= tick + 1)
        usleep(1000);
}

/* Announcements of a pid in their order: 'b' and 'e'. */
static const char *story_of(pid_t pid)
{
    static char story[64];
    size_t n = 0;
    for (size_t i = 0; i < announcements && n + 1 < sizeof story; i++)
        if (announced[i].birth.pid == pid)
            story[n++] = announced[i].ended ? 'e' : 'b';
    story[n] = '\0';
    return story;
}

static void a_member_takes_a_dead_members_pid(void **state)
{
    skip_without_choice();
    start_elsewhere(0);
    attach(0);
    act(0, ACT_FORK, 1);
    use_pids(500);
    poll_follow();
    pid_t reused = puppets[1].pid;
    uint64_t first_start = announced[place_of(1)].birth.stat.start_ticks;
    end(1);
    await_new_start();
    act_fork_as(0, 2, reused);
    poll_follow();
    assert_string_equal(story_of(reused), "beb");
    assert_int_equal(announced[3].birth.pid, reused);
    assert_true(announced[3].birth.stat.start_ticks > first_start);
    assert_true(announced[3].birth.forked);
    assert_count(4);
}

static void a_stranger_takes_a_dead_members_pid(void **state)
{
    skip_without_choice();
    start_elsewhere(0);
    start_elsewhere(10);
    attach(0);
    act(0, ACT_FORK, 1);
    use_pids(500);
    poll_follow();
    pid_t reused = puppets[1].pid;
    end(1);
    await_new_start();
    act_fork_as(10, 11, reused);
    act(11, ACT_FORK, 12);
    poll_follow();
    assert_string_equal(story_of(reused), "be");
    assert_count(3);
    act(11, ACT_FORK, 13);
    poll_follow();
    assert_count(3);
}

static void a_member_takes_a_strangers_pid(void **state)
{
    skip_without_choice();
    start_elsewhere(0);
    start_elsewhere(10);
    act(10, ACT_FORK, 11);
    use_pids(500);
    attach(0);
    pid_t reused = puppets[11].pid;
    end(11);
    act_fork_as(0, 1, reused);
    poll_follow();
    assert_string_equal(story_of(reused), "b");
    assert_count(2);
}

/* Forks puppet `arg` with a pid not far below `pid`. */
static void act_fork_near(int number, int arg, pid_t pid)
{
    int error;
    do {
        while (kill(--pid, 0) == 0)
            ;
        puppets[arg].pid = pid;
        error = try_act(number, ACT_FORK_AS, arg);
    } while (error == EBUSY);
    assert_int_equal(error, 0);
}

/* The pids begin anew, and all children have lower ones than their parents. */
static void pids_wrap(void **state)
{
    skip_without_choice();
    pid_t pid_max = (pid_t)proc_pid_max(&root);
    assert_true(pid_max > 10000);
    start_elsewhere(10);
    launch(0);
    act_fork_near(0, 1, pid_max - 100);
    poll_follow();
    assert_announced(1, puppets[0].pid, false, true);
    for (int i = 2; i < 10; i++)
        act_fork_near(i - 1, i, 9000 - 500 * i);
    act(10, ACT_FORK, 11);
    poll_follow();
    for (int i = 2; i < 10; i++) {
        assert_announced(i, puppets[i - 1].pid, false, true);
        assert_true(place_of(i - 1) < place_of(i));
    }
    assert_count(10);
    struct follow_receipt receipt;
    follow_poll.receipt(follow, &receipt);
    assert_int_equal(receipt.births, 10);
    assert_true(receipt.pids_given_out >= receipt.births);
}

/*
 * A stranger gets the pid that a member had, and makes a session of that name before anybody sees
 * it. The members' session is known to be gone since all processes were looked at.
 */
static void a_session_named_as_a_dead_one(void **state)
{
    skip_without_choice();
    start_elsewhere(0);
    start_elsewhere(10);
    attach(0);
    act(0, ACT_FORK, 1);
    act(0, ACT_FORK, 2);
    act(2, ACT_SETSID, 0);
    act(2, ACT_FORK, 3);
    poll_follow();
    assert_count(4);
    pid_t leader = puppets[2].pid, reused = puppets[1].pid;
    end(1);
    follow_poll.forget(follow, reused);
    end(2);
    follow_poll.forget(follow, leader);
    /* Far ahead, or back: either way all processes are looked at. */
    assert_true(write_last_pid((uint64_t)leader > proc_pid_max(&root) / 2 ? 1000 : leader + 9000));
    use_pids(1);
    poll_follow();
    act_fork_as(10, 11, reused);
    act(11, ACT_SETSID, 0);
    act(11, ACT_FORK, 12);
    end(11);
    poll_follow();
    assert_count(4);
    /* But one whose session lives on is not forgotten. */
    act(3, ACT_FORK, 4);
    act(4, ACT_FORK, 5);
    end(4);
    poll_follow();
    assert_int_equal(announced[place_of(5)].birth.stat.session, leader);
    assert_count(5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(children_and_grandchildren),
        TEST(threads_are_no_processes),
        TEST(a_daemon_becomes_our_child),
        TEST(a_session_tells_an_orphan),
        TEST(what_was_there_belongs),
        TEST(a_root_below_a_root),
        TEST(the_recorder_never_belongs),
        TEST(a_root_that_is_gone),
        TEST(strangers_never_belong),
        TEST(a_storm_of_births),
        TEST(more_pids_than_are_probed),
        TEST(a_member_takes_a_dead_members_pid),
        TEST(a_stranger_takes_a_dead_members_pid),
        TEST(a_member_takes_a_strangers_pid),
        TEST(pids_wrap),
        TEST(a_session_named_as_a_dead_one),
    };
    return cmocka_run_group_tests_name("follow_poll", tests, NULL, NULL);
}
