/*
 * The kernel's proc connector (CONFIG_PROC_EVENTS): a message for every fork, exec and exit of
 * every task of the machine, and some more, as it happens. To root, and since Linux 6.6 to
 * everybody.
 *
 * It counts its messages for each processor. All kinds are therefore subscribed to, though few are
 * wanted (the others are rare): with any filter, the kernel's own (6.6) or a socket's, a gap in the
 * numbers would no longer mean that a message was lost. Some kernels of early 2024 (6.6.15, 6.7.3)
 * even take a message that is filtered by every listener as a sign that there is none, and stop.
 */
#ifndef TACHO_FOLLOW_CONNECTOR_SOCKET_H
#define TACHO_FOLLOW_CONNECTOR_SOCKET_H

#include <sys/types.h>

#include "follow/follow.h"
#include "follow/netlink_socket.h"

enum task_event_kind {
    TASK_FORKED,    /* before it first runs, so before all else that is told of it */
    TASK_EXECED,    /* by now it has its process's id, whichever thread it was */
    TASK_EXITED,    /* after its parent was told, which may have reaped it */
    TASK_SESSION,   /* has made a session of its own */
    TASK_SOMETHING, /* else */
};

struct task_event {
    enum task_event_kind kind;
    uint32_t processor; /* UINT32_MAX: an answer to a listener, not numbered (before Linux 4.8) */
    uint32_t number;    /* counts up on each processor */
    uint64_t time_ns;   /* mono */
    pid_t tid, process; /* equal for a process's main thread */
    pid_t parent;       /* forked: the process that is its real parent (see clone(2)) */
    int status;         /* exited: this task's own, as waitpid(2) has it */
};

/* Of one netlink message's payload. 0, or -EPROTO for what is no such event. */
int task_event_parse(struct span payload, struct task_event *ret);

/* What the numbers tell. */
struct event_numbers {
    struct processor_numbers {
        uint32_t next;
        bool known;
    } * processors;
    size_t cap;
    uint64_t lost;
};

/* Counts an event in. 0 or -ENOMEM. */
int event_numbers_take(struct event_numbers *numbers, const struct task_event *e);

/* What comes next is not to be compared with what came. */
void event_numbers_restart(struct event_numbers *numbers);
void event_numbers_done(struct event_numbers *numbers);

/*
 * Opens a socket and subscribes, and forks to see that it works: in a pid namespace events
 * carry other pids than ours, in some other places none come. The child has no exit signal and is
 * reaped here, so that the caller gets no SIGCHLD and no wait of its own finds it. Events that come
 * meanwhile are only counted. 0 or -errno with a reason. 0.5 ms; 200 ms where nothing comes.
 */
int connector_open(struct netlink_socket *ret, struct event_numbers *numbers,
                   struct follow_reason *ret_why);

/*
 * Takes the socket's place with one that has subscribed anew, under the same descriptor: where the
 * kernel counts its listeners, another one's farewell can silence us.
 */
int connector_renew(struct netlink_socket *s);

/*
 * A socket that is readable when there is something that should be heard of at once: an exec, whose
 * command line can be read as long as the process lives, and with `exits` that of a main thread,
 * whose clock can be read until it is reaped. All the rest may wait for the next look, since a
 * wake-up costs 10 µs, more than everything else about an event; but it rings for some, chosen at
 * random, lest they fill the other socket. What comes here is to be thrown away.
 *
 * Open it before the other socket: the kernel delivers to the newest first, and the bell must not
 * ring before that has the event.
 */
int connector_bell_open(bool exits, struct netlink_socket *ret, struct follow_reason *ret_why);
void connector_bell_quiet(const struct netlink_socket *bell);

/* Says farewell, so that the kernel no longer makes events for nobody (before Linux 6.8). */
void connector_close(struct netlink_socket *s);

#endif
