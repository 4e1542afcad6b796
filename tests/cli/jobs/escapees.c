/*
 * Processes that are easily missed, and the truth about each.
 *
 *   escapees TRUTH MODE [ARGUMENT...]
 *
 * TRUTH gets a line of JSON for each process that was started: its pid and its parent's as they see
 * themselves, its kind, its number, and its wait status as whoever waited for it was told (orphans:
 * as they end themselves). Several modes may follow one another, with `+` between. The last line on
 * standard output is what the kernel accounts to this process and the children it waited for, in
 * seconds, as the burner's is.
 *
 * Modes:
 *   four N             N processes in four equal parts: A an exec'd child with two threads, I that
 *                      only forks, G its exec'd child, O its exec'd child in a new session, orphaned
 *   short N            N children one after the other that end at once; not told one by one
 *   bomb N LIMIT       N processes each of which forks more, under a limit of LIMIT processes
 *   odd                children by unusual flags of clone(2), children that signals kill
 *   threads            exec by a thread that does not lead, leaders that end before their threads
 *   reuse N            N children, all with the same pid
 *   rename SECONDS X   a child that gives itself the name X
 *   rewrite SECONDS    a child whose command line changes all the time
 *   long KIB SECONDS   a child whose command line is that long
 *   exec FILE ARG...   a child that is FILE; to be the last mode
 *   sleep SECONDS
 *   wait               for a line on standard input; prints "waiting" first
 *   exit STATUS        ends with it
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRUTH_FD 100
#define ORPHANS_FD 101 /* a pipe's end that each orphan holds until it has ended */
#define SELF "/proc/self/exe"
#define LIFE_NS (1000 * 1000)
#define STACK_BYTES (64 * 1024)
#define STRING_BYTES (100 * 1024) /* the kernel takes 128 KiB each */

/* Not through libc: children that share our memory call it too. */
static void nap(double seconds)
{
    struct timespec ts = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    syscall(SYS_nanosleep, &ts, NULL);
}

static void live(void)
{
    nap(LIFE_NS / 1e9);
}

static void tell(pid_t pid, pid_t parent, const char *kind, long number, int status)
{
    char line[160];
    int n =
        snprintf(line, sizeof line,
                 "{\"pid\": %d, \"ppid\": %d, \"kind\": \"%s\", \"number\": %ld, \"status\": %d}\n",
                 (int)pid, (int)parent, kind, number, status);
    if (write(TRUTH_FD, line, (size_t)n) != n)
        _exit(99);
}

static void must(int success, const char *what)
{
    if (success)
        return;
    perror(what);
    exit(98);
}

/* Waits for one child and tells of it. */
static void reap(pid_t pid, const char *kind, long number)
{
    int status;
    pid_t reaped;
    must(pid > 0, kind);
    do
        reaped = waitpid(pid, &status, __WALL);
    while (reaped < 0 && errno == EINTR);
    must(reaped == pid, "waitpid");
    tell(pid, getpid(), kind, number, status);
}

static _Noreturn void become(const char *kind, long number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%ld", number);
    execl(SELF, "escapee", kind, digits, (char *)NULL);
    _exit(97);
}

static pid_t spawn(const char *kind, long number)
{
    pid_t pid = fork();
    if (pid == 0)
        become(kind, number);
    return pid;
}

/* ---- what they do once they are exec'd ---- */

static void *live_in_thread(void *unused)
{
    live();
    return unused;
}

static void *exec_in_thread(void *number)
{
    become("threaded", (long)(intptr_t)number);
}

static void *end_all(void *status)
{
    live();
    syscall(SYS_exit_group, (int)(intptr_t)status);
    return NULL;
}

static void *end_alone(void *status)
{
    live();
    syscall(SYS_exit, (int)(intptr_t)status);
    return NULL;
}

static void start_thread(void *(*run)(void *), long argument)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, run, (void *)(intptr_t)argument) == 0, "pthread_create");
}

static int live_as(const char *kind, long number)
{
    int status = (int)(number % 3);
    if (strcmp(kind, "A") == 0) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, live_in_thread, NULL) == 0, "pthread_create");
        live();
        pthread_join(thread, NULL);
        return status;
    }
    if (strcmp(kind, "thread-exec") == 0) {
        start_thread(exec_in_thread, number);
        for (;;)
            pause();
    }
    if (strcmp(kind, "leader-first") == 0) {
        start_thread(end_all, status);
        syscall(SYS_exit, 77);
    }
    if (strcmp(kind, "all-alone") == 0) { /* nobody ends all: each thread ends itself */
        start_thread(end_alone, status);
        syscall(SYS_exit, 77);
    }
    live();
    if (strcmp(kind, "O") == 0)
        tell(getpid(), getppid(), kind, number, status << 8);
    return status;
}

/* ---- four kinds ---- */

static pid_t spawn_orphan(long number)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    setsid();
    while (getppid() == parent)
        nap(0.0001);
    become("O", number);
}

static pid_t spawn_intermediate(long number, int orphans_fd)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    reap(spawn("G", number), "G", number);
    dup2(orphans_fd, ORPHANS_FD);
    spawn_orphan(number);
    _exit((int)(number % 3));
}

static void four(long n)
{
    int orphans[2];
    char byte;
    must(pipe2(orphans, O_CLOEXEC) == 0, "pipe");
    for (long i = 0; i < n / 4; i++) {
        pid_t child = spawn("A", i), intermediate = spawn_intermediate(i, orphans[1]);
        reap(child, "A", i);
        reap(intermediate, "I", i);
    }
    close(orphans[1]);
    must(read(orphans[0], &byte, 1) == 0, "orphans");
    close(orphans[0]);
}

/* ---- many ---- */

static void many(long n)
{
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        must(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
    }
}

struct bomb {
    atomic_long started, refused;
};

/* Forks and forks. Those that are refused wait for a child, or make room. */
static void explode(struct bomb *bomb, long n)
{
    for (long children = 0;;) {
        if (atomic_fetch_add(&bomb->started, 1) >= n) {
            atomic_fetch_sub(&bomb->started, 1);
            while (wait(NULL) > 0)
                ;
            return;
        }
        pid_t pid = fork();
        if (pid == 0)
            children = 0;
        else if (pid > 0)
            children++;
        if (pid >= 0)
            continue;
        atomic_fetch_sub(&bomb->started, 1);
        atomic_fetch_add(&bomb->refused, 1);
        if (children-- == 0 || wait(NULL) < 0)
            return;
    }
}

static void explode_under_limit(long n, long limit)
{
    struct bomb *bomb =
        mmap(NULL, sizeof *bomb, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(bomb != MAP_FAILED, "mmap");
    struct rlimit processes = {(rlim_t)limit, (rlim_t)limit};
    pid_t first = fork();
    if (first == 0) {
        /* Nobody limits root: the limit counts the processes of a user that has no others. */
        if (geteuid() == 0)
            must(setgid(61234) == 0 && setuid(61234) == 0, "setuid");
        must(setrlimit(RLIMIT_NPROC, &processes) == 0, "setrlimit");
        pid_t self = getpid();
        while (atomic_load(&bomb->started) < n) {
            explode(bomb, n);
            if (getpid() != self)
                _exit(0);
        }
        _exit(0);
    }
    must(waitpid(first, NULL, 0) == first, "waitpid");
    printf("{\"started\": %ld, \"refused\": %ld}\n", atomic_load(&bomb->started) + 1,
           atomic_load(&bomb->refused));
}

/* ---- unusual births ---- */

struct odd {
    const char *kind;
    unsigned flags;
    int signal;
};

static const struct odd odd[] = {
    {"plain", SIGCHLD, 0},
    {"memory", CLONE_VM | SIGCHLD, 0},
    {"waited", CLONE_VFORK | SIGCHLD, 0},
    {"vfork", CLONE_VM | CLONE_VFORK | SIGCHLD, 0},
    {"shared", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, 0},
    {"silent", 0, 0},
    {"signalled", SIGUSR1, 0},
    {"untraced", CLONE_UNTRACED | SIGCHLD, 0},
    {"io", CLONE_IO | CLONE_SYSVSEM | SIGCHLD, 0},
    {"new-pids", CLONE_NEWPID | SIGCHLD, 0}, /* for root alone */
    {"killed", SIGCHLD, SIGKILL},
    {"crashed", SIGCHLD, SIGSEGV},
    {"terminated", CLONE_VM | SIGCHLD, SIGTERM},
};
#define ODD (long)(sizeof odd / sizeof odd[0])

static _Alignas(64) char stack[STACK_BYTES];

/* May share our memory: system calls only. */
static int live_oddly(void *argument)
{
    long number = (long)(intptr_t)argument;
    live();
    if (odd[number].signal != 0)
        syscall(SYS_kill, (pid_t)syscall(SYS_getpid), odd[number].signal);
    syscall(SYS_exit_group, (int)(number % 3));
    return 0;
}

static int live_beside(void *number)
{
    live();
    syscall(SYS_exit_group, (int)((intptr_t)number % 3));
    return 0;
}

/* A brother instead of a child: whoever forked it is not its parent. */
static void brother(long number)
{
    pid_t pids[2];
    int status, channel[2];
    must(pipe(channel) == 0, "pipe");
    pids[0] = fork();
    if (pids[0] == 0) {
        pid_t pid = clone(live_beside, stack + sizeof stack, CLONE_PARENT | SIGCHLD,
                          (void *)(intptr_t)number);
        _exit(write(channel[1], &pid, sizeof pid) == sizeof pid ? 0 : 96);
    }
    must(read(channel[0], &pids[1], sizeof pids[1]) == sizeof pids[1] && pids[1] > 0, "brother");
    for (int i = 0; i < 2; i++) {
        must(waitpid(pids[i], &status, 0) == pids[i], "waitpid");
        tell(pids[i], getpid(), i == 0 ? "elder" : "brother", number, status);
    }
    close(channel[0]);
    close(channel[1]);
}

static void be_odd(void)
{
    signal(SIGUSR1, SIG_IGN);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (long i = 0; i < ODD; i++) {
        pid_t pid = clone(live_oddly, stack + sizeof stack, (int)odd[i].flags, (void *)(intptr_t)i);
        if (pid < 0 && (odd[i].flags & CLONE_NEWPID) != 0)
            continue;
        reap(pid, odd[i].kind, i);
    }
    brother(ODD);
}

static void be_threaded(void)
{
    static const char *const kinds[] = {"thread-exec", "leader-first", "all-alone"};
    static const char *const at_last[] = {"threaded", "leader-first", "all-alone"};
    for (long i = 0; i < 9; i++)
        reap(spawn(kinds[i % 3], i), at_last[i % 3], i);
}

/* The next child has this pid; -1 with EEXIST while somebody has it, and what forbids it. */
static pid_t fork_as(pid_t pid)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void reuse(long n)
{
    pid_t pid = spawn("R", 0), same = pid;
    reap(pid, "R", 0);
    for (long i = 1; i < n; i++) {
        do
            same = fork_as(pid);
        while (same < 0 && errno == EEXIST);
        if (same == 0)
            become("R", i);
        reap(same, "R", i);
    }
}

/* ---- hostile texts ---- */

static void rename_child(double seconds, const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, name);
        nap(seconds);
        _exit(0);
    }
    reap(pid, "rename", 0);
}

/* The last argument is its own: written over while the recorder may be reading. */
static int rewrite_self(double seconds, char *text)
{
    size_t n = strlen(text);
    struct timespec now, begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        for (int turn = 0; turn < 1000; turn++) {
            memset(text, "\n\x1b\xff\x01y"[turn % 5], n);
            text[turn % (int)n] = '\0';
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9 <
             seconds);
    return 0;
}

static void rewrite(const char *seconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        static char text[STRING_BYTES];
        memset(text, 'x', sizeof text - 1);
        execl(SELF, "escapee", "rewrite", seconds, text, (char *)NULL);
        _exit(97);
    }
    reap(pid, "rewrite", 0);
}

/* Numbers, so that a part that is missing or twice shows: "00000000 00000001 ..." */
static void be_long(long kib, const char *seconds)
{
    char *argv[40] = {"escapee", "long", (char *)(uintptr_t)seconds};
    unsigned number = 0;
    int count = 3;
    for (long left = kib * 1024; left > 0 && count < 39; left -= STRING_BYTES) {
        long n = left < STRING_BYTES ? left : STRING_BYTES;
        char *text = calloc(1, (size_t)n + 16);
        must(text != NULL, "calloc");
        for (long at = 0; at + 9 <= n; at += 9)
            snprintf(text + at, 16, "%08u ", number++ % 100000000);
        argv[count++] = text;
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv(SELF, argv);
        perror("long");
        _exit(97);
    }
    reap(pid, "long", 0);
}

static void exec_child(char **argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], argv);
        perror(argv[0]);
        _exit(97);
    }
    reap(pid, "exec", 0);
}

/* ---- main ---- */

static void wait_for_line(void)
{
    char byte;
    puts("waiting");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        ;
}

static double rusage_s(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void finish(int status)
{
    printf("%.6f\n", rusage_s(RUSAGE_SELF) + rusage_s(RUSAGE_CHILDREN));
    exit(status);
}

/* How many words it took. */
static int do_mode(int argc, char **argv)
{
    const char *mode = argv[0];
    const char *text = argc > 1 ? argv[1] : "0";
    long a = strtol(text, NULL, 10), b = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    fflush(stdout); /* or children print it too */
    if (strcmp(mode, "four") == 0)
        return four(a), 2;
    if (strcmp(mode, "short") == 0)
        return many(a), 2;
    if (strcmp(mode, "bomb") == 0)
        return explode_under_limit(a, b), 3;
    if (strcmp(mode, "odd") == 0)
        return be_odd(), 1;
    if (strcmp(mode, "threads") == 0)
        return be_threaded(), 1;
    if (strcmp(mode, "reuse") == 0)
        return reuse(a), 2;
    if (strcmp(mode, "rename") == 0 && argc > 2)
        return rename_child(strtod(text, NULL), argv[2]), 3;
    if (strcmp(mode, "rewrite") == 0)
        return rewrite(text), 2;
    if (strcmp(mode, "long") == 0 && argc > 2)
        return be_long(a, argv[2]), 3;
    if (strcmp(mode, "exec") == 0 && argc > 1)
        return exec_child(argv + 1), argc;
    if (strcmp(mode, "sleep") == 0)
        return nap(strtod(text, NULL)), 2;
    if (strcmp(mode, "wait") == 0)
        return wait_for_line(), 1;
    if (strcmp(mode, "exit") == 0)
        finish((int)a);
    fprintf(stderr, "escapees: no mode %s\n", mode);
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[0], "escapee") == 0) {
        double seconds = strtod(argv[2], NULL);
        if (strcmp(argv[1], "rewrite") == 0 && argc > 3)
            return rewrite_self(seconds, argv[3]);
        if (strcmp(argv[1], "long") != 0)
            return live_as(argv[1], strtol(argv[2], NULL, 10));
        nap(seconds);
        return 0;
    }
    if (argc < 3)
        return 2;
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    must(fd >= 0 && dup2(fd, TRUTH_FD) == TRUTH_FD, argv[1]);
    for (int at = 2; at < argc;) {
        at += do_mode(argc - at, argv + at);
        at += at < argc && strcmp(argv[at], "+") == 0;
    }
    finish(0);
}
