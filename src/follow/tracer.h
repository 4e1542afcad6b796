/*
 * The tracer of follow_ptrace: seizes the threads of those who belong, takes their stops, lets them
 * go on, and tells a sink what the stops meant. All of it in one thread, which is the kernel's rule:
 * of a tracee only the thread that seized it may ask anything, and its tracees are let go of when it
 * ends, without so much as an interrupted system call.
 *
 * Stops are looked at (WNOWAIT) and not consumed, so that, should the recorder be killed with one in
 * hand, the kernel goes on with it as if nobody had been there: a signal is still delivered.
 *
 * A process is kept until it is a zombie: only then is all of its CPU counted. Having been waited for
 * here it is shown to its parent as ever. But who is the recorder's own to reap, and any thread but
 * the main one, is let go of as it begins to exit: the kernel ends it as if it had never been traced,
 * and no exit status passes through here.
 *
 * For the rest of the recorder: until its children have ended, each wait(2) that may find one of
 * them, whatever it asks for, also finds it in a stop, which is for the tracer to take. Use
 * waitid(2) with WNOWAIT, look at si_code, and say __WNOTHREAD.
 */
#ifndef TACHO_FOLLOW_TRACER_H
#define TACHO_FOLLOW_TRACER_H

#include <stdatomic.h>

#include "follow/members.h"

/* What the tracer calls. Parents are announced before children. */
struct tracer_sink {
    void *user;
    void (*birth)(void *user, const struct follow_birth *birth);
    void (*exec)(void *user, const struct follow_exec *exec);
    /* The account's entity is for the receiver to fill in; where nothing is known `known` is 0. */
    void (*end)(void *user, const struct follow_end *end, const struct record_account *account);
    /* A signal has stopped the process, with all its threads; 0: it goes on. */
    void (*stop)(void *user, pid_t pid, int signal);
};

struct tracer {
    struct source_root root;
    struct tracer_sink sink;
    struct members members; /* who is there at the beginning */
    pid_t *found;           /* of those who is not seized yet */
    size_t found_count, found_cap;
    struct map threads;   /* seized: thread -> pid of its process */
    struct map processes; /* pid -> struct traced */
    pid_t left;           /* a zombie that the recorder is to reap; 0 none */
    struct buffer exe, argv;
};

/*
 * Seizes the roots with the descendants they have and announces them. 0, or -errno with a reason:
 * then some may be seized, and are let go of when the thread ends.
 */
int tracer_begin(struct tracer *t, const struct follow_config *config,
                 const struct tracer_sink *sink, struct follow_reason *ret_why);

/* Takes what comes until nobody is traced any more, or, on a signal to this thread, `stop` is set. */
void tracer_run(struct tracer *t, const atomic_bool *stop);

void tracer_done(struct tracer *t);

/* What a thread's status says; zeros when it is gone. */
struct tracer_thread {
    pid_t pid, tracer; /* its process; the thread that traces it */
};
struct tracer_thread tracer_thread(const struct source_root *root, pid_t tid);

/* Why the kernel refused to let this thread, or process, be traced. Returns `error`. */
int tracer_refusal(const struct source_root *root, pid_t tid, int error,
                   struct follow_reason *ret_why);

#endif
