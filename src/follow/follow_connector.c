/*
 * Following by the kernel's proc connector: every fork, exec and exit of the machine as it happens,
 * root or not (since Linux 6.6), but in no namespace of pids or networks. Whose they are is decided
 * here. Where the taskstats exit listener works too (root), each process's account comes with it.
 *
 * Events wait until the next look. Only what must be read in time wakes us, be it a stranger's: the
 * command line after an exec, which of the shortest processes some keep from us; and the CPU clock
 * of one that has exited, before whoever waits for it reaps it. With taskstats accounts wake us for
 * the clock, which is earlier.
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

#define EVENTS_MAX 65536 /* taken at once: who forks faster than that must not hold us up */
#define ROUNDS_MAX 64    /* likewise, of looking for accounts */
#define SILENT_MAX 3     /* so many looks in vain while pids are given out, and we must be deaf */
#define EARLY_NS (100 * NS_PER_MS) /* at most so long a birth is told of after it can be seen */
#define PAST_MAX 4096 /* sessions of ended leaders, until it is looked which are empty */

struct follow {
    struct members members;
    struct follow_sink sink;
    struct netlink_socket events, bell;
    struct exit_taskstats accounts; /* its socket is -1 without taskstats */
    int epoll_fd;                   /* of bell and accounts; -1 without taskstats */
    struct event_numbers numbers;
    struct thread_groups groups;
    bool machine;
    uint64_t since_boot_ns;  /* began to follow */
    uint64_t births, ends;   /* announced; of births those while following, but for roots */
    uint64_t unplaced;       /* births for which there was no memory */
    uint64_t dropped;        /* events, as the socket tells */
    uint64_t dropped_before; /* by sockets before this one */
    bool dropping;           /* the kernel goes on until all that waits was taken */
    uint64_t unheard;        /* pids given out while we were deaf */
    uint64_t answered;       /* of what was lost, that after which all processes were looked at */
    uint64_t resyncs, found; /* births found then */
    bool resyncing;
    int loadavg_fd; /* whether we are deaf: every pid that is given out should be told of */
    pid_t last_pid, last_told;
    unsigned silent;
    bool heard;
};

static bool with_accounts(const struct follow *f)
{
    return f->accounts.socket.fd >= 0;
}

/* ---- ends ---- */

/*
 * A look at one whose threads are not counted. A process shows as a zombie as soon as its main
 * thread is one, whatever other threads it has.
 */
static bool has_ended(const struct follow *f, struct thread_group *g, int *ret_status)
{
    struct process_files files = process_files_unkept(g->pid);
    const uint64_t *start = map_get(&f->members.alive, (uint32_t)g->pid);
    struct proc_stat stat;
    uint64_t clock_ns;
    int r = proc_stat_read(&f->members.root, &files, &stat);
    if (r != 0) /* it is gone, or we have no descriptor left to look with */
        return r == -ESRCH || cpu_clock_read(g->pid, &clock_ns) != 0;
    if (start != NULL && *start != 0 && *start != stat.start_ticks)
        return true;
    uint64_t state = stat.value[STAT_STATE];
    g->leader_ended = state == 'Z' || state == 'X';
    *ret_status = stat.exit_code;
    return g->leader_ended && stat.value[STAT_THREADS] <= 1;
}

/* Sessions are remembered, other ended members need not be. */
static void forget_member(struct follow *f, const struct thread_group *g)
{
    if (g->session_leader)
        members_remove(&f->members, g->pid);
    else
        map_remove(&f->members.alive, (uint32_t)g->pid);
}

/* While nobody has reaped it, its clock tells what it has used, to the end. */
static void read_clock(struct thread_group *g)
{
    uint64_t clock_ns;
    if (cpu_clock_read(g->pid, &clock_ns) == 0)
        thread_group_take_clock(g, clock_ns);
}

static void announce_end(struct follow *f, struct thread_group *g, uint64_t time_ns, int status)
{
    forget_member(f, g);
    f->ends++;
    uint32_t entity = f->sink.ended(
        f->sink.user, &(struct follow_end){.pid = g->pid, .time_ns = time_ns, .status = status});
    thread_groups_await(&f->groups, g, entity);
}

static int status_of(const struct follow *f, struct thread_group *g)
{
    int told = thread_group_status(g), seen = -1;
    if (told >= 0)
        return told;
    return has_ended(f, g, &seen) && seen >= 0 ? seen : g->thread_status;
}

static void take_exit(struct follow *f, const struct task_event *e)
{
    struct thread_group *g = thread_groups_find(&f->groups, e->process);
    int status = -1;
    if (g == NULL)
        return;
    enum thread_group_state state = thread_group_shrinks(g, e);
    if (state == GROUP_LIVES || (state == GROUP_UNSURE && !has_ended(f, g, &status)))
        return;
    read_clock(g);
    announce_end(f, g, e->time_ns, status >= 0 ? status : status_of(f, g));
}

/* ---- births and execs ---- */

/* An orphan of the tree is the subreaper's child, and what it makes with CLONE_PARENT as well. */
static bool belongs(const struct follow *f, pid_t parent)
{
    const struct members *m = &f->members;
    return f->machine || members_has(m, parent) || (m->subreaper != 0 && m->subreaper == parent);
}

static void announce_birth(struct follow *f, const struct task_event *e)
{
    if (members_add(&f->members, e->process, 0) != 0 ||
        thread_groups_add(&f->groups, e->process, 0) == NULL) {
        map_remove(&f->members.alive, (uint32_t)e->process);
        f->unplaced++;
        return;
    }
    f->births++;
    f->sink.birth(f->sink.user, &(struct follow_birth){.pid = e->process,
                                                       .parent_pid = e->parent,
                                                       .uid = UINT32_MAX,
                                                       .time_ns = e->time_ns,
                                                       .forked = true,
                                                       .fresh = true});
}

/* The kernel shows a process a little before it tells of its birth: a look may come in between. */
static bool was_found_early(const struct follow *f, const struct thread_group *known,
                            const struct task_event *e)
{
    if (known->found_ns == 0 || e->time_ns > known->found_ns + EARLY_NS)
        return false;
    struct process_files files = process_files_unkept(e->process);
    const uint64_t *start = map_get(&f->members.alive, (uint32_t)e->process);
    struct proc_stat stat;
    return start == NULL || proc_stat_read(&f->members.root, &files, &stat) != 0 ||
           stat.start_ticks == *start;
}

static void take_fork(struct follow *f, const struct task_event *e)
{
    struct thread_group *known = thread_groups_find(&f->groups, e->process);
    f->last_told = e->tid;
    if (e->tid != e->process) {
        if (known != NULL)
            thread_group_grows(known);
        return;
    }
    if (known != NULL && (e->time_ns <= known->found_ns || was_found_early(f, known, e)))
        return; /* it was found before its birth was heard of */
    if (known != NULL)
        announce_end(f, known, e->time_ns, -1); /* its pid is another's now */
    if (belongs(f, e->parent))
        announce_birth(f, e);
}

/* Whether it could still be read. */
static bool read_comm(const struct follow *f, pid_t pid, char ret[COMM_CAP])
{
    struct process_files files = process_files_unkept(pid);
    _close_ int fd = process_files_open_below(&f->members.root, &files, "comm", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, COMM_CAP - 1);
    if (n <= 0)
        return false;
    ret[ret[n - 1] == '\n' ? n - 1 : n] = '\0';
    return true;
}

/* Of one that is gone: what it was in the end, which its account tells. */
static void find_comm(struct follow *f, pid_t pid, char ret[COMM_CAP])
{
    struct exit_taskstats *t = &f->accounts;
    exit_taskstats_receive(t);
    for (size_t i = t->count; i > 0; i--)
        if (t->waiting[i - 1].tid == pid) {
            memcpy(ret, t->waiting[i - 1].comm, COMM_CAP);
            return;
        }
}

static void take_exec(struct follow *f, const struct task_event *e)
{
    const struct thread_group *g = thread_groups_find(&f->groups, e->process);
    if (g == NULL || e->time_ns <= g->found_ns)
        return;
    struct follow_exec exec = {.pid = e->process, .time_ns = e->time_ns};
    if (!read_comm(f, e->process, exec.comm) && with_accounts(f))
        find_comm(f, e->process, exec.comm);
    f->sink.exec(f->sink.user, &exec);
}

static void take_session(struct follow *f, const struct task_event *e)
{
    struct thread_group *g = thread_groups_find(&f->groups, e->process);
    if (g != NULL)
        g->session_leader = true;
}

/* ---- what the kernel sends ---- */

static void take_event(struct follow *f, const struct task_event *e)
{
    f->heard = true;
    event_numbers_take(&f->numbers, e);
    switch (e->kind) {
    case TASK_FORKED: take_fork(f, e); break;
    case TASK_EXECED: take_exec(f, e); break;
    case TASK_EXITED: take_exit(f, e); break;
    case TASK_SESSION: take_session(f, e); break;
    case TASK_SOMETHING: break;
    }
}

static void take_events(struct follow *f, struct span datagram)
{
    struct netlink_part part;
    struct task_event e;
    while (netlink_next_message(&datagram, &part))
        if (task_event_parse(part.payload, &e) == 0)
            take_event(f, &e);
}

/* That something was dropped is told by an error in place of a message, once. */
static void count_dropped(struct follow *f, uint64_t least)
{
    uint64_t told = f->dropped_before + netlink_dropped(&f->events);
    f->dropped = told > least ? told : least;
}

static int drain_events(struct follow *f)
{
    int n = NETLINK_BATCH;
    for (int taken = 0; n == NETLINK_BATCH && taken < EVENTS_MAX; taken += n) {
        n = netlink_receive(&f->events);
        if (n == -ENOBUFS) {
            count_dropped(f, f->dropped + 1);
            f->dropping = true;
            n = NETLINK_BATCH;
            continue;
        }
        for (int i = 0; i < n; i++)
            take_events(f, netlink_datagram(&f->events, i));
    }
    if (f->dropping) {
        f->dropping = n == NETLINK_BATCH;
        count_dropped(f, f->dropped);
    }
    return n < 0 ? n : 0;
}

static void take_account(struct follow *f, const struct task_account *account)
{
    struct thread_group *g = thread_groups_take_account(&f->groups, account);
    /* The scheduler has not counted its last run yet: its clock has, and says so now. */
    if (g != NULL && g->entity == 0)
        read_clock(g);
}

/*
 * A task is told to be born before its account can come, and its account before its exit is told.
 * So events are taken after accounts have come and before these are looked at: then each is of
 * somebody known. And once no more ends were told than before, the accounts of all that have ended
 * are here, unless they were lost.
 */
static int drain_both(struct follow *f)
{
    struct exit_taskstats *t = &f->accounts;
    if (!with_accounts(f))
        return drain_events(f);
    for (int i = 0; i < ROUNDS_MAX; i++) {
        uint64_t ends = f->ends;
        int r = exit_taskstats_receive(t);
        size_t n = t->count;
        int r2 = drain_events(f);
        for (size_t at = 0; at < n; at++)
            take_account(f, &t->waiting[at]);
        exit_taskstats_drop(t, n); /* some may have come since */
        if (r != 0 || r2 != 0)
            return r != 0 ? r : r2;
        if (f->ends == ends && t->count == 0)
            break;
    }
    return 0;
}

static void on_settled(void *user, const struct thread_group *g)
{
    const struct follow *f = user;
    struct record_account account;
    thread_group_account(g, &account);
    if (account.entity != 0 && account.known != 0)
        f->sink.account(f->sink.user, &account);
}

/* ---- looking at all processes ---- */

static void on_found(void *user, const struct follow_birth *birth)
{
    struct follow *f = user;
    struct follow_birth told = *birth;
    bool launched = birth->root && birth->forked; /* it waits for us, and has one thread */
    struct thread_group *g =
        thread_groups_add(&f->groups, birth->pid, launched ? 0 : clock_mono_ns());
    if (g != NULL)
        g->session_leader = birth->session == birth->pid;
    /* What was born while we looked began while it was followed. */
    told.forked |= birth->start_boot_ns > f->since_boot_ns;
    f->births += told.forked && !birth->root;
    f->found += f->resyncing;
    f->sink.birth(f->sink.user, &told);
}

/* By members: one that is gone, or whose pid is another's. */
static uint32_t on_gone(void *user, const struct follow_end *end)
{
    struct follow *f = user;
    struct thread_group *g = thread_groups_find(&f->groups, end->pid);
    struct follow_end told = *end;
    if (g != NULL && has_ended(f, g, &told.status))
        read_clock(g);
    uint32_t entity = f->sink.ended(f->sink.user, &told);
    if (g != NULL)
        thread_groups_await(&f->groups, g, entity);
    return entity;
}

static bool is_gone(const void *user, pid_t pid)
{
    const struct follow *f = user;
    struct thread_group *g = thread_groups_find(&f->groups, pid);
    uint64_t clock_ns;
    int status;
    return g != NULL ? has_ended(f, g, &status) : cpu_clock_read(pid, &clock_ns) != 0;
}

static void consider_newborn(void *user, pid_t pid)
{
    struct follow *f = user;
    struct process_files files = process_files_unkept(pid);
    struct proc_stat stat;
    if (!members_has(&f->members, pid) && proc_stat_read(&f->members.root, &files, &stat) == 0 &&
        stat.start_ticks * f->members.root.tick_ns > f->since_boot_ns)
        members_consider(&f->members, pid);
}

/* Those who live and were not told of, and those who were and do not live. */
static int resync(struct follow *f, uint64_t now_ns)
{
    int r;
    f->resyncs++;
    f->resyncing = true;
    thread_groups_doubt(&f->groups);
    if (f->machine) {
        r = proc_scan(&f->members.root, consider_newborn, f);
        members_admit_all(&f->members, true);
    } else {
        r = members_list(&f->members);
        members_resolve(&f->members, true);
    }
    members_end_gone(&f->members, now_ns, is_gone, f);
    f->resyncing = false;
    return r;
}

/* The pids of ended session leaders may become others': who is in their sessions is looked up. */
static int tidy(struct follow *f)
{
    if (f->members.past.count <= PAST_MAX)
        return 0;
    int r = members_list(&f->members);
    members_resolve(&f->members, true);
    return r;
}

/* ---- losses ---- */

/* Gaps in the numbers show what was dropped once more comes, and what there was no memory for. */
static uint64_t lost(const struct follow *f)
{
    return (f->numbers.lost > f->dropped ? f->numbers.lost : f->dropped) + f->unheard;
}

static uint64_t given_out(const struct follow *f, pid_t from, pid_t to)
{
    uint64_t pid_max = proc_pid_max(&f->members.root);
    return to >= from ? (uint64_t)(to - from) : pid_max - (uint64_t)from + (uint64_t)to;
}

/* Pids are given out and nobody tells us: so it is when others end the kernel's sending. */
static int mend_deafness(struct follow *f)
{
    pid_t last;
    if (f->heard || proc_last_pid(f->loadavg_fd, &last) != 0 || last == f->last_pid ||
        last == f->last_told) {
        f->silent = f->heard ? 0 : f->silent;
        f->heard = false;
        return 0;
    }
    f->last_pid = last;
    if (++f->silent < SILENT_MAX)
        return 0;
    f->silent = 0;
    f->unheard += given_out(f, f->last_told, last);
    f->dropped_before = f->dropped;
    event_numbers_restart(&f->numbers);
    f->last_told = last;
    return connector_renew(&f->events);
}

static int connector_poll(struct follow *f, uint64_t now_ns)
{
    connector_bell_quiet(&f->bell); /* first: should it ring while we look, we look again */
    int r = drain_both(f), r2 = mend_deafness(f);
    if (lost(f) > f->answered) {
        f->answered = lost(f);
        r2 = r2 != 0 ? r2 : resync(f, now_ns);
    }
    thread_groups_settle(&f->groups, on_settled, f);
    r2 = r2 != 0 ? r2 : tidy(f);
    return r != 0 ? r : r2;
}

/* ---- the rest of the interface ---- */

static int connector_fd(const struct follow *f)
{
    return f->epoll_fd >= 0 ? f->epoll_fd : f->bell.fd;
}

/* Some member has been reaped, and its exit is told any moment. */
static bool any_untold(const struct follow *f)
{
    const struct map *alive = &f->members.alive;
    uint64_t clock_ns;
    for (size_t i = 0; i < alive->cap; i++)
        if (alive->slots[i].key != 0 && cpu_clock_read((pid_t)alive->slots[i].key, &clock_ns) != 0)
            return true;
    return false;
}

static void connector_settle(struct follow *f, uint64_t for_ns)
{
    uint64_t now_ns = clock_mono_ns(), until_ns = now_ns + for_ns;
    connector_poll(f, now_ns);
    while (any_untold(f) && (now_ns = clock_mono_ns()) < until_ns) {
        netlink_wait(&f->events, until_ns - now_ns);
        connector_poll(f, now_ns);
    }
}

static void connector_receipt(const struct follow *f, struct follow_receipt *ret)
{
    uint64_t missed = lost(f) > f->found ? lost(f) - f->found : 0;
    *ret = (struct follow_receipt){.births = f->births,
                                   .missed = missed + f->unplaced,
                                   .missed_is_bound = missed > 0,
                                   .lost_events = lost(f),
                                   .resyncs = f->resyncs};
}

static void connector_end(struct follow *f)
{
    if (f == NULL)
        return;
    exit_taskstats_close(&f->accounts);
    connector_close(&f->events);
    netlink_close(&f->bell);
    closep(&f->epoll_fd);
    closep(&f->loadavg_fd);
    event_numbers_done(&f->numbers);
    thread_groups_done(&f->groups);
    members_done(&f->members);
    free(f);
}

/* ---- opening ---- */

/* What readies our descriptor: the bell, and accounts, since clocks are read as they come. */
static int watch(struct follow *f)
{
    struct epoll_event readable = {.events = EPOLLIN};
    if (!with_accounts(f))
        return 0;
    f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (f->epoll_fd < 0 || epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, f->bell.fd, &readable) != 0 ||
        epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, f->accounts.socket.fd, &readable) != 0)
        return -errno;
    return 0;
}

/*
 * From here on births are told of. All processes are listed before anything is announced: should it
 * fail, another mechanism begins anew. What is born while we look is told of as well.
 */
static int begin(struct follow *f, const struct follow_config *config)
{
    f->since_boot_ns = clock_boot_ns();
    f->loadavg_fd = openat(config->root->proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    int r = f->loadavg_fd < 0 ? -errno : proc_last_pid(f->loadavg_fd, &f->last_told);
    if (r == 0)
        r = watch(f);
    if (r != 0 || config->machine)
        return r;
    bool attached = !config->launched;
    if (attached && (r = members_list(&f->members)) != 0)
        return r;
    if ((r = members_admit_roots(&f->members, config)) != 0)
        return r;
    members_resolve(&f->members, false);
    if (attached) /* zombies among them exited before we were told */
        members_end_gone(&f->members, 0, is_gone, f);
    thread_groups_settle(&f->groups, on_settled, f);
    return 0;
}

static int start(const struct follow_config *config, const struct follow_sink *sink, bool accounts,
                 struct follow **ret, struct follow_reason *ret_why)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return follow_fail(ret_why, -ENOMEM, "no memory");
    f->sink = *sink;
    f->machine = config->machine;
    f->epoll_fd = f->loadavg_fd = f->events.fd = f->bell.fd = f->accounts.socket.fd = -1;
    members_init(&f->members, config,
                 &(struct follow_sink){.user = f, .birth = on_found, .ended = on_gone});
    int r = accounts ? exit_taskstats_open(config->root, &f->accounts, ret_why) : 0;
    if (r == 0)
        r = connector_bell_open(!accounts, &f->bell, ret_why);
    if (r == 0)
        r = connector_open(&f->events, &f->numbers, ret_why);
    if (r == 0 && (r = begin(f, config)) != 0)
        follow_fail(ret_why, r, "cannot read /proc: %s", strerror(-r));
    if (r != 0) {
        connector_end(f);
        return r;
    }
    *ret = f;
    return 0;
}

static int open_plain(const struct follow_config *config, const struct follow_sink *sink,
                      struct follow **ret, struct follow_reason *ret_why)
{
    return start(config, sink, false, ret, ret_why);
}

static int open_with_taskstats(const struct follow_config *config, const struct follow_sink *sink,
                               struct follow **ret, struct follow_reason *ret_why)
{
    return start(config, sink, true, ret, ret_why);
}

#define TELLS (FOLLOW_TELLS_EXECS | FOLLOW_TELLS_ENDS | FOLLOW_TELLS_STATUS | FOLLOW_SEES_MACHINE)

const struct follow_mechanism follow_connector_taskstats = {
    .name = "connector+taskstats",
    .help = "the kernel's events and exit accounts; root, in the host's namespaces",
    .tells = TELLS | FOLLOW_TELLS_ACCOUNTS,
    .open = open_with_taskstats,
    .fd = connector_fd,
    .poll = connector_poll,
    .settle = connector_settle,
    .receipt = connector_receipt,
    .close = connector_end,
};

const struct follow_mechanism follow_connector = {
    .name = "connector",
    .help = "the kernel's events of every process; Linux 6.6 or root, in the host's namespaces",
    .tells = TELLS,
    .open = open_plain,
    .fd = connector_fd,
    .poll = connector_poll,
    .settle = connector_settle,
    .receipt = connector_receipt,
    .close = connector_end,
};
