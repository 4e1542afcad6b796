/* Children with a known behaviour, for tests that look at them through the kernel's files. */
#ifndef TACHO_TEST_SOURCE_CHILD_H
#define TACHO_TEST_SOURCE_CHILD_H

#include <assert.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Both sides' memory. Semaphores in it, and no pipe, so that keeping step is not itself counted as
 * I/O. A step is: the child does something, posts `done` and waits for `go`.
 */
struct child {
    pid_t pid;
    sem_t done, go;
    int64_t number[8]; /* what the child says */
};

static inline void child_step(struct child *child)
{
    sem_post(&child->done);
    while (sem_wait(&child->go) != 0)
        ;
}

/* A body: one step, then the end. */
static inline void child_sleeps(struct child *child)
{
    child_step(child);
}

/* Forks a child that runs `body` and waits until its first step or end. It dies with this process.
 */
static inline struct child *child_start(void (*body)(struct child *child))
{
    struct child *child =
        mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(child != MAP_FAILED);
    sem_init(&child->done, 1, 0);
    sem_init(&child->go, 1, 0);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        child->pid = getpid();
        body(child);
        _exit(0);
    }
    child->pid = pid;
    return child;
}

static inline void child_wait(struct child *child)
{
    while (sem_wait(&child->done) != 0)
        ;
}

/* Lets the child go on and waits for its next step. */
static inline void child_go(struct child *child)
{
    sem_post(&child->go);
    child_wait(child);
}

/* Until it is a zombie, which stays. */
static inline void child_wait_zombie(struct child *child)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) != 0)
        ;
}

static inline int child_reap(struct child *child)
{
    int status = -1;
    while (waitpid(child->pid, &status, 0) < 0)
        ;
    return status;
}

static inline void child_free(struct child *child)
{
    munmap(child, sizeof *child);
}

static inline void child_kill(struct child *child)
{
    kill(child->pid, SIGKILL);
    child_reap(child);
    child_free(child);
}

#endif
