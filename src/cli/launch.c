#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Standard descriptors that came closed are occupied, or the recording would get one of their numbers
 * and messages would be written into it. For the job they stay closed.
 */
static void occupy_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void inherited_save(struct inherited *ret)
{
    occupy_standard_descriptors();
    const struct sigaction ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
    sigprocmask(SIG_SETMASK, NULL, &ret->mask);
    sigaction(SIGPIPE, &ignore, &ret->on_pipe);
    sigaction(SIGXFSZ, &ignore, &ret->on_file_size);
    sigaction(SIGCHLD, &normal, &ret->on_child);
    if (getrlimit(RLIMIT_NOFILE, &ret->descriptors) == 0) {
        struct rlimit most = {ret->descriptors.rlim_max, ret->descriptors.rlim_max};
        setrlimit(RLIMIT_NOFILE, &most);
    }
}

void inherited_give_back(const struct inherited *inherited)
{
    sigaction(SIGPIPE, &inherited->on_pipe, NULL);
    sigaction(SIGXFSZ, &inherited->on_file_size, NULL);
    sigaction(SIGCHLD, &inherited->on_child, NULL);
    setrlimit(RLIMIT_NOFILE, &inherited->descriptors);
    sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}

/* Waits at the gate: 0 when it was opened, not when tacho went away. */
static int gate_wait(int fd)
{
    char go;
    ssize_t n;
    do
        n = read(fd, &go, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : -1;
}

static _Noreturn void child_run(char *const argv[], const struct inherited *inherited,
                                const struct launch_variable *variables, int gate_fd, int error_fd)
{
    for (const struct launch_variable *v = variables; v->name != NULL; v++)
        if (v->value != NULL)
            setenv(v->name, v->value, 1);
    inherited_give_back(inherited);
    if (gate_wait(gate_fd) != 0)
        _exit(127);
    execvp(argv[0], argv);
    int error = errno;
    ssize_t ignored = write(error_fd, &error, sizeof error);
    (void)ignored;
    _exit(launch_failure_status(error));
}

int launch_fork(char *const argv[], const struct inherited *inherited,
                const struct launch_variable *variables, struct launch *ret)
{
    int gate[2], error[2];
    if (pipe2(gate, O_CLOEXEC) != 0)
        return -errno;
    if (pipe2(error, O_CLOEXEC) != 0) {
        int r = -errno;
        close(gate[0]);
        close(gate[1]);
        return r;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[1]);
        close(error[0]);
        child_run(argv, inherited, variables, gate[0], error[1]);
    }
    int r = pid < 0 ? -errno : 0;
    close(gate[0]);
    close(error[1]);
    if (r != 0) {
        close(gate[1]);
        close(error[0]);
        return r;
    }
    *ret = (struct launch){.pid = pid, .gate_fd = gate[1], .error_fd = error[0]};
    return 0;
}

int launch_go(struct launch *launch)
{
    int error = 0;
    ssize_t n = write(launch->gate_fd, "", 1);
    close(launch->gate_fd);
    do
        n = read(launch->error_fd, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    close(launch->error_fd);
    return n == (ssize_t)sizeof error ? error : 0;
}

void launch_cancel(struct launch *launch)
{
    close(launch->gate_fd);
    close(launch->error_fd);
    waitpid(launch->pid, NULL, 0);
}

int launch_failure_status(int exec_errno)
{
    return exec_errno == ENOENT || exec_errno == ENOTDIR ? 127 : 126;
}
