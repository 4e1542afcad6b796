/*
 * A program that marks what it does and lets others do it. `run COMMAND` runs a command by the shell
 * inside a scope; `leave COMMAND` starts one inside a scope and waits for it in the next; `fork SECONDS`
 * burns in a scope, and in a scope of the same name in a child.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tacho/tacho.h>

static double cpu_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void burn(double seconds)
{
    TACHO_SCOPE("work", "Core");
    for (double end = cpu_s() + seconds; cpu_s() < end;)
        continue;
}

static pid_t start(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* The parent's "work" is around the child's: one row, which must hold the child's CPU once. */
static int work_twice(double seconds)
{
    TACHO_SCOPE("work", "Core");
    pid_t child = fork();
    if (child == 0) {
        burn(seconds);
        _exit(0);
    }
    burn(seconds);
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    TACHO_SCOPE("all");
    if (strcmp(argv[1], "fork") == 0)
        return work_twice(atof(argv[2]));
    pid_t left = -1;
    if (strcmp(argv[1], "run") == 0) {
        TACHO_SCOPE("shell out", "Jobs");
        if (system(argv[2]) != 0)
            return 1;
    } else {
        TACHO_SCOPE("leave", "Jobs");
        left = start(argv[2]);
    }
    TACHO_SCOPE("after", "Jobs");
    if (left > 0)
        waitpid(left, NULL, 0);
    return 0;
}
