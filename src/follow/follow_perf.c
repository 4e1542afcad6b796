/*
 * Following by perf events (perf_ring.h): each birth, exec and end as it happens, without privilege
 * where perf_event_paranoid is 2 or less. Events of the launched process or of each thread attached
 * to, which their descendants inherit; where events of the whole machine are allowed these, with
 * strangers left out here, when attaching.
 *
 * Who belongs is known from forks alone. An end is told of each thread: the process has ended with
 * its last one, so threads are kept account of too.
 *
 * Each record makes `fd` readable, so that a short program's command line can be read before it has
 * ended. The kernel does that by an interrupt of the processor to itself: in a virtual machine it
 * costs the job some 30 µs a record, three of them for a process, and elsewhere a few.
 *
 * Three things that no record tells:
 * - The command line. An exec's record comes some 50 µs before the kernel has laid out the new
 *   arguments, so it is announced a little later, when they can be read, or when the process ends.
 * - Losses: a full ring. Then all processes are looked at.
 * - When a program gains privileges by exec (sudo, mount), the kernel takes inherited events from it:
 *   it seems to end, and nothing is told of it or of what it starts. Whoever seems to end is
 *   therefore looked at; one that lives on is given new events if the caller may, and if not, the
 *   processes are looked at ten times a second for as long as it lives, and what may be missed is
 *   bounded by the pids given out meanwhile.
 *
 * A processor that comes online later has no events: what is forked or ends there is not told of.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "follow/perf_state.h"

#define INHERITED_PROCESSORS_MAX 64 /* a fork pays 0.9 µs for each */
#define NEWEST_EVERY_NS (10 * NS_PER_MS)

/* ---- births and ends ---- */

void perf_forget(struct follow *f, pid_t pid)
{
    perf_execs_give_up(&f->execs, pid);
    map_remove(&f->threads.count, (uint32_t)pid);
    map_remove(&f->found, (uint32_t)pid);
    perf_see_again(f, pid);
}

/* The end of a process by its own record, or of one that is known to be gone. */
static void announce_end(struct follow *f, pid_t pid, uint64_t time_ns, int status)
{
    perf_forget(f, pid);
    /*
     * Not members_remove: it would remember the pid as that of a session, but whom the kernel
     * gives it next we are not told.
     */
    map_remove(&f->members.alive, (uint32_t)pid);
    f->sink.ended(f->sink.user,
                  &(struct follow_end){.pid = pid, .time_ns = time_ns, .status = status});
}

void perf_take_exit(struct follow *f, pid_t pid, pid_t tid, uint64_t time_ns)
{
    int status = -1;
    live_threads_remove(&f->threads, pid, tid);
    map_remove(&f->opened, (uint32_t)tid);
    if (!members_has(&f->members, pid) || live_threads_of(&f->threads, pid))
        return;
    if (perf_lives_on(f, pid, time_ns, &status))
        perf_cover_again(f, pid);
    else
        announce_end(f, pid, time_ns, status);
}

/* The parent is not known, and so neither is what one is born with: as it stands there now. */
static void describe(struct follow *f, struct follow_birth *birth)
{
    struct proc_stat stat;
    if (perf_read_stat(f, birth->pid, &stat) != 0)
        return;
    birth->process_group = stat.process_group;
    birth->session = stat.session;
    birth->start_boot_ns = stat.start_ticks * f->members.root.tick_ns;
    birth->start_stack = stat.start_stack;
    memcpy(birth->comm, stat.comm, sizeof birth->comm);
}

static void announce_birth(struct follow *f, const struct perf_record *r)
{
    struct follow_birth birth = {.pid = r->pid,
                                 .parent_pid = r->parent_pid,
                                 .uid = UINT32_MAX,
                                 .time_ns = r->time_ns,
                                 .forked = true,
                                 .fresh = members_has(&f->members, r->parent_pid)};
    if (members_add(&f->members, r->pid, 0) != 0) {
        f->dropped++;
        return;
    }
    if (birth.fresh)
        perf_execs_hurry(&f->execs, r->parent_pid); /* that is inherited too */
    else
        describe(f, &birth);
    f->births++;
    f->sink.birth(f->sink.user, &birth);
}

static bool belongs(const struct follow *f, const struct perf_record *r)
{
    if (r->pid == f->members.recorder)
        return false;
    if (f->machine)
        return r->parent_pid != f->members.recorder;
    /* Inherited events tell of nobody else, though a parent's own record may be lost. */
    return !f->rings.whole_machine || members_has(&f->members, r->parent_pid);
}

static void take_fork(struct follow *f, const struct perf_record *r)
{
    bool process = r->pid != r->parent_pid;
    f->newest = r->tid;
    if (process && !belongs(f, r))
        return;
    const uint64_t *blind_ns = process ? map_get(&f->blind, (uint32_t)r->pid) : NULL;
    if (blind_ns != NULL && r->time_ns > *blind_ns)
        announce_end(f, r->pid, r->time_ns, -1); /* nobody said so, but its pid is another's */
    if (process && !members_has(&f->members, r->pid))
        announce_birth(f, r);
    else if (process && map_remove(&f->found, (uint32_t)r->pid))
        f->found_late--;
    if (process)
        perf_see_again(f, r->pid);
    if (members_has(&f->members, r->pid))
        perf_cover_born(f, r);
}

static void take_exec(struct follow *f, const struct perf_record *r)
{
    if (!members_has(&f->members, r->pid))
        return;
    live_threads_exec(&f->threads, r->pid);
    perf_execs_add(&f->execs, r);
}

static void take(struct follow *f, const struct perf_record *r)
{
    switch (r->kind) {
    case PERF_FORK: take_fork(f, r); break;
    case PERF_EXEC: take_exec(f, r); break;
    case PERF_EXIT: perf_take_exit(f, r->pid, r->tid, r->time_ns); break;
    }
}

void perf_drain(struct follow *f)
{
    struct perf_record record;
    perf_rings_look(&f->rings);
    while (perf_rings_take(&f->rings, &record))
        take(f, &record);
    uint64_t lost = perf_rings_release(&f->rings);
    f->stale |= lost > f->lost;
    f->lost = lost;
}

/* So that `fd` is readable when something is due that no record will remind of. */
static void set_timer(struct follow *f)
{
    uint64_t due_ns = perf_execs_due(&f->execs), look_ns = perf_look_due(f);
    if (due_ns == 0 || (look_ns != 0 && look_ns < due_ns))
        due_ns = look_ns;
    struct itimerspec at = {.it_value = timespec_from_ns(due_ns)};
    if (due_ns != f->timer_ns && timerfd_settime(f->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
        f->timer_ns = due_ns;
}

/* ---- the mechanism ---- */

static int perf_fd(const struct follow *f)
{
    return f->rings.epoll_fd;
}

static int perf_poll(struct follow *f, uint64_t now_ns)
{
    pid_t last;
    bool due = now_ns - f->newest_ns >= NEWEST_EVERY_NS && proc_last_pid(f->loadavg_fd, &last) == 0;
    perf_drain(f);
    if (due) { /* for what happens from now on; what was taken in may have been before */
        f->newest = last;
        f->newest_ns = now_ns;
    }
    int r = perf_look_after(f, now_ns);
    perf_execs_try(&f->execs);
    set_timer(f);
    return r;
}

/* No accounts come; but execs may wait. */
static void perf_settle(struct follow *f, uint64_t for_ns)
{
    (void)for_ns;
    perf_drain(f);
    perf_execs_hurry_all(&f->execs);
}

static void perf_receipt(const struct follow *f, struct follow_receipt *ret)
{
    uint64_t missed = f->lost > f->found_late ? f->lost - f->found_late : 0;
    *ret = (struct follow_receipt){.births = f->births,
                                   .missed = missed + f->unseen + f->dropped,
                                   .missed_is_bound = missed + f->unseen > 0,
                                   .lost_events = f->lost,
                                   .resyncs = f->resyncs};
}

static void perf_close(struct follow *f)
{
    if (f == NULL)
        return;
    perf_rings_done(&f->rings);
    members_done(&f->members);
    live_threads_done(&f->threads);
    map_done(&f->opened);
    map_done(&f->found);
    map_done(&f->passing);
    map_done(&f->blind);
    perf_execs_done(&f->execs);
    closep(&f->timer_fd);
    closep(&f->loadavg_fd);
    free(f->ending);
    free(f);
}

/* ---- opening ---- */

static void collect(void *user, const struct follow_birth *birth)
{
    map_put(user, (uint32_t)birth->pid, 1);
}

/* The roots and who descends from them now, announced to nobody. */
static int find_tree(const struct follow_config *config, struct map *ret_pids)
{
    struct follow_sink sink = {.user = ret_pids, .birth = collect};
    struct members probe;
    members_init(&probe, config, &sink);
    int r = members_admit_roots(&probe, config);
    if (r == 0)
        r = members_list(&probe);
    members_resolve(&probe, false);
    members_done(&probe);
    return r;
}

static bool is_root(const struct follow_config *config, pid_t pid)
{
    for (size_t i = 0; i < config->root_count; i++)
        if (config->roots[i] == pid)
            return true;
    return false;
}

/*
 * Events for every thread of the tree, before anything is announced: until then another mechanism can
 * do instead. What is refused for a single descendant is found again afterwards.
 */
static int open_for_tree(struct follow *f, const struct follow_config *config)
{
    struct map pids = {0};
    int r = find_tree(config, &pids);
    for (size_t i = 0; r == 0 && i < pids.cap; i++) {
        pid_t pid = (pid_t)pids.slots[i].key;
        if (pid == 0)
            continue;
        r = perf_cover_early(f, pid);
        if (r == -EACCES && !is_root(config, pid))
            r = 0;
    }
    map_done(&pids);
    return r;
}

static int open_for_roots(struct follow *f, const struct follow_config *config)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < config->root_count; i++) {
        r = perf_rings_add_thread(&f->rings, config->roots[i]);
        live_threads_add(&f->threads, config->roots[i], config->roots[i]);
    }
    return r;
}

static int open_events(struct follow *f, const struct follow_config *config,
                       struct follow_reason *ret_why)
{
    bool many = f->rings.count > INHERITED_PROCESSORS_MAX;
    int r = -EACCES;
    if (config->machine || !config->launched || many)
        r = perf_rings_add_machine(&f->rings);
    if (r == 0) {
        f->opened_ns = clock_mono_ns();
        return 0;
    }
    if (config->machine)
        return follow_fail(ret_why, r,
                           "perf events of the whole machine need CAP_PERFMON or "
                           "kernel.perf_event_paranoid <= 0, and not to be kept from by seccomp");
    if (many)
        return follow_fail(ret_why, -ENOTSUP,
                           "inherited perf events would cost each fork 0.9 us for each of %zu "
                           "processors: more than %d need CAP_PERFMON or "
                           "kernel.perf_event_paranoid <= 0",
                           f->rings.count, INHERITED_PROCESSORS_MAX);
    r = config->launched ? open_for_roots(f, config) : open_for_tree(f, config);
    return r == 0 ? 0 : perf_rings_explain(&f->rings, &f->members.root, r, ret_why);
}

static int begin(struct follow *f, const struct follow_config *config)
{
    int r = members_admit_roots(&f->members, config);
    if (r != 0 || config->machine)
        return r;
    if (config->launched && !f->rings.whole_machine)
        return 0;
    return perf_attach(f);
}

static int prepare(struct follow *f, const struct follow_config *config)
{
    f->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    f->loadavg_fd = openat(config->root->proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    int r = f->timer_fd < 0 || f->loadavg_fd < 0 ? -errno : 0;
    if (r == 0)
        r = proc_last_pid(f->loadavg_fd, &f->newest);
    if (r == 0)
        r = perf_rings_init(&f->rings, config->root);
    struct epoll_event interest = {.events = EPOLLIN | EPOLLET};
    if (r == 0 && epoll_ctl(f->rings.epoll_fd, EPOLL_CTL_ADD, f->timer_fd, &interest) != 0)
        r = -errno;
    return r;
}

static int perf_open(const struct follow_config *config, const struct follow_sink *sink,
                     struct follow **ret, struct follow_reason *ret_why)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return follow_fail(ret_why, -ENOMEM, "no memory");
    struct follow_sink ours = {.user = f, .birth = perf_on_found, .ended = perf_on_gone};
    f->sink = *sink;
    f->execs = (struct perf_execs){.root = *config->root, .sink = *sink, .rings = &f->rings};
    f->machine = config->machine;
    f->timer_fd = f->loadavg_fd = f->rings.epoll_fd = -1;
    members_init(&f->members, config, &ours);
    int r = prepare(f, config);
    if (r != 0)
        follow_fail(ret_why, r, "cannot begin: %s", strerror(-r));
    else
        r = open_events(f, config, ret_why);
    if (r == 0) {
        r = begin(f, config);
        if (r != 0)
            follow_fail(ret_why, r, "cannot read /proc: %s", strerror(-r));
    }
    if (r != 0) {
        perf_close(f);
        return r;
    }
    f->attached = true;
    set_timer(f);
    *ret = f;
    return 0;
}

const struct follow_mechanism follow_perf = {
    .name = "perf",
    .help = "needs perf_event_paranoid <= 2 or CAP_PERFMON; sees all processes, no final accounts",
    .tells = FOLLOW_TELLS_EXECS | FOLLOW_TELLS_ENDS | FOLLOW_SEES_MACHINE,
    .open = perf_open,
    .fd = perf_fd,
    .poll = perf_poll,
    .settle = perf_settle,
    .receipt = perf_receipt,
    .close = perf_close,
};
