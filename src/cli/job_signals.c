#include "cli/job_signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"

static const int stopping[] = {SIGTSTP, SIGTTIN, SIGTTOU};

static void add_unignored(sigset_t *set, const int *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(set, numbers[i]);
    }
}

int job_signals_open(bool stops)
{
    static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    add_unignored(&set, passed, ARRAY_LEN(passed));
    if (stops)
        add_unignored(&set, stopping, ARRAY_LEN(stopping));
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int job_signals_next(int fd, struct job_signal *ret)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    *ret = (struct job_signal){.number = (int)info.ssi_signo,
                               .sender = (pid_t)info.ssi_pid,
                               .from_terminal = info.ssi_code == SI_KERNEL};
    return 1;
}

bool job_signal_ends(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

bool job_signal_stops(int number)
{
    return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

void job_signals_let_stop(bool stops)
{
    sigset_t set;
    sigemptyset(&set);
    add_unignored(&set, stopping, ARRAY_LEN(stopping));
    sigprocmask(stops ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

void job_signals_stop(int number)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, number);
    kill(getpid(), number);
    sigprocmask(SIG_UNBLOCK, &set, &before); /* stands still here */
    sigprocmask(SIG_SETMASK, &before, NULL);
}
