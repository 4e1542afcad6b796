/*
 * Load for the sampling benchmark: `many N sleep` holds N child processes that sleep, `many N run`
 * N that each run a little every 50 ms, so that between two ticks of 100 ms every one of them ran.
 * Prints "ready" once all are there; ends when standard input does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static void nibble(void)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    for (volatile unsigned turn = 0;; turn++)
        nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: many N sleep|run\n", stderr);
        return 2;
    }
    long n = strtol(argv[1], NULL, 10);
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            perror("fork");
            kill(0, SIGTERM);
            return 1;
        }
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (strcmp(argv[2], "run") == 0)
                nibble();
            for (;;)
                pause();
        }
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
