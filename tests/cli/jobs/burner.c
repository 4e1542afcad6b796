/*
 * Jobs of known CPU time for the tests: each mode burns what it is told, measured by the CPU clock of
 * the process that burns. Starting and ending processes costs CPU time as well: the last line printed is
 * what the kernel accounts to this process and the children it waited for, in seconds.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double cpu_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Where results go that nobody wants, so that the work for them is done. */
static volatile unsigned long sink;

static void burn(double seconds)
{
    for (double end = cpu_s() + seconds; cpu_s() < end;)
        for (int i = 0; i < 10000; i++)
            sink += (unsigned long)i;
}

static void nap(double seconds)
{
    struct timespec ts = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&ts, NULL);
}

static pid_t fork_burner(double seconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        burn(seconds);
        _exit(0);
    }
    return pid;
}

/* N children one after the other, SECONDS each. */
static void children(int n, double seconds)
{
    for (int i = 0; i < n; i++)
        waitpid(fork_burner(seconds), NULL, 0);
}

/* The same with SIGCHLD ignored: the kernel reaps, and adds their time to nobody's. */
static void unreaped(int n, double seconds)
{
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < n; i++) {
        pid_t pid = fork_burner(seconds);
        while (kill(pid, 0) == 0)
            nap(0.002);
    }
}

static void in_new_session(double seconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        burn(seconds);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* The middle process ends at once; its child burns on without a parent of ours. */
static void orphan(double seconds)
{
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0) {
            setsid();
            burn(seconds);
            _exit(0);
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
}

static void renamed(const char *name, double seconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, name);
        burn(seconds);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void *thread_fork(void *seconds)
{
    waitpid(fork_burner(*(double *)seconds), NULL, 0);
    return NULL;
}

static void from_thread(double seconds)
{
    pthread_t thread;
    pthread_create(&thread, NULL, thread_fork, &seconds);
    pthread_join(thread, NULL);
}

/* N processes that all have the same BYTES resident, for SECONDS. */
static void shared(int n, size_t bytes, double seconds)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    memset(memory, 1, bytes);
    for (int i = 1; i < n; i++) {
        if (fork() == 0) {
            for (size_t at = 0; at < bytes; at += 4096)
                sink += (unsigned char)memory[at];
            for (double end = 0; end < seconds; end += 0.05) {
                burn(0.001); /* a process that does not run is not looked at again */
                nap(0.05);
            }
            _exit(0);
        }
    }
    for (double end = 0; end < seconds; end += 0.05) {
        burn(0.001);
        nap(0.05);
    }
    while (wait(NULL) > 0)
        ;
}

static double rusage_s(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    double a = argc > 2 ? strtod(argv[2], NULL) : 0, b = argc > 3 ? strtod(argv[3], NULL) : 0;
    double c = argc > 4 ? strtod(argv[4], NULL) : 0;
    if (strcmp(mode, "burn") == 0)
        burn(a);
    else if (strcmp(mode, "children") == 0)
        children((int)a, b);
    else if (strcmp(mode, "unreaped") == 0)
        unreaped((int)a, b);
    else if (strcmp(mode, "session") == 0)
        in_new_session(a);
    else if (strcmp(mode, "orphan") == 0)
        orphan(a);
    else if (strcmp(mode, "renamed") == 0)
        renamed(argv[3], a);
    else if (strcmp(mode, "thread") == 0)
        from_thread(a);
    else if (strcmp(mode, "shared") == 0)
        shared((int)a, (size_t)(b * 1048576), c);
    else
        return 2;
    printf("%.6f\n", rusage_s(RUSAGE_SELF) + rusage_s(RUSAGE_CHILDREN));
    return 0;
}
