/*
 * Launching the job so that it notices nothing: the same terminal, process group, signal mask,
 * dispositions and limits that tacho was given; no descriptor of ours; only what it is told in the
 * environment is added.
 */
#ifndef TACHO_CLI_LAUNCH_H
#define TACHO_CLI_LAUNCH_H

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* What tacho changes in itself and the job must not inherit. */
struct inherited {
    sigset_t mask;
    struct sigaction on_pipe, on_file_size, on_child;
    struct rlimit descriptors;
};

/*
 * Saves what the job is to have, then: SIGPIPE and SIGXFSZ become errors of write, ended children
 * can be waited for even where our parent ignored SIGCHLD, and as many descriptors are allowed as
 * the hard limit grants.
 */
void inherited_save(struct inherited *ret);

/* Undoes it, in a child. */
void inherited_give_back(const struct inherited *inherited);

struct launch {
    pid_t pid;
    int gate_fd;  /* the child waits for it to close */
    int error_fd; /* the child's errno, when it cannot start */
};

/* For the job's environment; without a value it stays as it is. The last has no name. */
struct launch_variable {
    const char *name, *value;
};

/* Forks a child that waits at a gate. Call before any thread is made. 0 or -errno. */
int launch_fork(char *const argv[], const struct inherited *inherited,
                const struct launch_variable *variables, struct launch *ret);

/* Opens the gate and waits until the command has started. 0, or the errno of exec (positive). */
int launch_go(struct launch *launch);

/* The exit status a shell gives for it: 127 not found, 126 cannot be run. */
int launch_failure_status(int exec_errno);

/* Lets the child go without ever running the command. */
void launch_cancel(struct launch *launch);

#endif
