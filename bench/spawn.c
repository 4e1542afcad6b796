/*
 * Load for the benchmark of following: `spawn N PROGRAM` starts PROGRAM N times, one after the other,
 * by vfork and exec, and waits for it. Prints the CPU of it all and the wall time, in microseconds a
 * process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double cpu_s(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: spawn N PROGRAM\n", stderr);
        return 2;
    }
    long n = strtol(argv[1], NULL, 10);
    double begun_s = wall_s();
    for (long i = 0; i < n; i++) {
        int status;
        pid_t pid = vfork();
        if (pid == 0) {
            execl(argv[2], argv[2], (char *)NULL);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            perror(argv[2]);
            return 1;
        }
    }
    printf("%.3f %.3f\n", (cpu_s(RUSAGE_SELF) + cpu_s(RUSAGE_CHILDREN)) / (double)n * 1e6,
           (wall_s() - begun_s) / (double)n * 1e6);
    return 0;
}
