/*
 * Following by the kernel's proc connector: every fork, exec and exit of the machine as it happens,
 * root or not (since Linux 6.6), but in no namespace of pids or networks. Whose they are is decided
 * here. Where the taskstats exit listener works too (root), each process's account comes with it.
 *
 * Each event wakes us, also those of strangers. What a process is called when it execs must be read
 * before it ends: a few tens of microseconds, so that of the shortest some keep their parent's
 * command line.
 *
 * Losses: when the socket's room is used up the kernel drops events. It says so, and the events'
 * numbers tell how many. All processes are then looked at; a process that was born and ended
 * meanwhile may be missed, at most as many as events were lost.
 *
 * A child made with CLONE_PARENT is told of as its maker's sibling. It is recognised where that
 * parent belongs, or is the subreaper; one made by a root that was attached to is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "follow/connector_socket.h"
#include "follow/exit_taskstats.h"
#include "follow/members.h"
#include "follow/thread_groups.h"

#define SILENT_MAX 3  /* so many looks in vain while pids are given out, and we must be deaf */
#define PAST_MAX 4096 /* sessions of ended leaders, until it is looked which are empty */
#define EXIT_SEEN_NS (2 * NS_PER_MS) /* an exit is told of so late at most, after it was seen */

struct follow {
    struct members members;
    struct follow_sink sink;
    struct netlink_socket events;
    struct exit_taskstats accounts; /* its socket is -1 without taskstats */
    int epoll_fd;                   /* of both; -1 without taskstats */
    struct event_numbers numbers;
    struct thread_groups groups;
    pid_t recorder, subreaper;
    bool machine, busy;
    uint64_t since_boot_ns; /* began to follow */
    uint64_t looked_ns;     /* all processes were looked at last */
    uint64_t births, found; /* of these, found after a loss */
    uint64_t dropped;       /* as the socket tells, or how often it said so */
    uint64_t unheard;       /* pids given out while we were deaf */
    uint64_t unplaced;      /* births for which there was no memory */
    uint64_t answered;      /* of the losses, those that all processes were looked at for */
    uint64_t resyncs;
    bool resyncing;
    /* Whether we are deaf: every pid that is given out should be told of. */
    int loadavg_fd;
    unsigned silent;
    pid_t last_pid, last_told;
    bool heard;
};

/* ---- what looking at /proc finds, on its way to the receiver ---- */

static void on_found(void *user, const struct follow_birth *birth)
{
    struct follow *f = user;
    struct follow_birth told = *birth;
    struct thread_group *g = thread_groups_add(&f->groups, birth->pid, true);
    if (g != NULL)
        g->session_leader = birth->session == birth->pid;
    /* What was born while we looked began while it was followed. */
    told.forked |= !birth->root && birth->start_boot_ns > f->since_boot_ns;
    f->births += told.forked && !birth->root;
    f->found += f->resyncing;
    f->sink.birth(f->sink.user, &told);
}

static uint32_t on_gone(void *user, const struct follow_end *end)
{
    struct follow *f = user;
    struct thread_group *g = thread_groups_find(&f->groups, end->pid);
    struct follow_end told = *end;
    struct process_files files = process_files_unkept(end->pid);
    struct proc_stat stat;
    if (told.status < 0 && proc_stat_read(&f->members.root, &files, &stat) == 0)
        told.status = stat.exit_code;
    uint32_t entity = f->sink.ended(f->sink.user, &told);
    if (g != NULL)
        thread_groups_await(&f->groups, g, entity);
    return entity;
}
