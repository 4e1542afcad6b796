/*
 * Following by polling, which works everywhere. The kernel tells the pid it gave out last
 * (/proc/loadavg): while that stands still nobody was born, and otherwise only the pids in between
 * need a look, a CPU-clock read each (0.25 µs, and it fails for threads). A child whose parent has
 * ended before we looked is recognised by its new parent, the subreaper, or by its session, when
 * the session's leader belongs: sessions pass from parent to child only.
 *
 * The kernel gives a pid out a little before anybody can see its process: microseconds, or as long
 * as the parent then waits for a processor, where a control group's CPU limit may keep it for 100
 * ms. Pids without a process are looked at again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "follow/follow.h"

#define PROBE_MAX 8192     /* beyond so many new pids listing /proc is cheaper */
#define FIRST_FREE_PID 300 /* where the kernel starts again after pid_max */
#define UNSEEN_MAX 256     /* pids given out last whose process a listing may come too early for */
#define SETTLED_NS (250 * NS_PER_MS) /* without a process by then it has ended, or is a thread's */

struct candidate {
    pid_t pid;
    bool belongs;
    struct proc_stat stat;
};

/* A pid that was given out and had no process, or none that could be read. */
struct absent {
    pid_t pid;
    uint64_t since_ns;
};

struct follow {
    struct source_root root;
    struct follow_sink sink;
    pid_t subreaper, recorder;
    int loadavg_fd;
    pid_t last_pid;
    uint64_t pid_max;
    struct map members; /* pid -> start_ticks */
    struct map past;    /* pids of members that ended, whose session may live on -> listings */
    uint64_t listings;  /* of all processes, so far */
    struct candidate *candidates;
    size_t count, cap;
    struct absent *absent;
    size_t absent_count, absent_cap;
    struct follow_receipt receipt;
};

static int read_stat(const struct follow *f, pid_t pid, struct proc_stat *ret)
{
    struct process_files files;
    int r = process_files_open(&f->root, pid, false, &files);
    if (r == 0) {
        r = proc_stat_read(&f->root, &files, ret);
        process_files_close(&files);
    }
    return r;
}

/*
 * Takes a pid up as a candidate unless it is known; a known pid with another start is somebody new.
 * 0, or why it could not.
 */
static int consider(struct follow *f, pid_t pid)
{
    struct proc_stat stat;
    if (pid == f->recorder)
        return 0;
    int r = read_stat(f, pid, &stat);
    if (r != 0)
        return r;
    uint64_t *session = map_get(&f->past, (uint32_t)stat.session);
    if (session != NULL)
        *session = f->listings;
    const uint64_t *member = map_get(&f->members, (uint32_t)pid);
    if (member != NULL) {
        if (*member == stat.start_ticks)
            return 0;
        map_remove(&f->members, (uint32_t)pid);
        f->sink.ended(f->sink.user, pid);
    }
    map_remove(&f->past, (uint32_t)pid); /* no pid is given out again while it names a session */
    if (f->count == f->cap) {
        size_t cap = f->cap == 0 ? 64 : f->cap * 2;
        struct candidate *grown = realloc(f->candidates, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        f->candidates = grown;
        f->cap = cap;
    }
    f->candidates[f->count++] = (struct candidate){.pid = pid, .stat = stat};
    return 0;
}

static void note_absent(struct follow *f, pid_t pid, uint64_t now_ns)
{
    if (f->absent_count == f->absent_cap) {
        size_t cap = f->absent_cap == 0 ? 64 : f->absent_cap * 2;
        struct absent *grown = realloc(f->absent, cap * sizeof *grown);
        if (grown == NULL)
            return;
        f->absent = grown;
        f->absent_cap = cap;
    }
    f->absent[f->absent_count++] = (struct absent){pid, now_ns};
}

/* False when there is nobody to consider, or not yet. */
static bool look_at(struct follow *f, pid_t pid)
{
    uint64_t cpu_ns;
    return cpu_clock_read(pid, &cpu_ns) == 0 && consider(f, pid) == 0;
}

static void look_again(struct follow *f, uint64_t now_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->absent_count; i++) {
        struct absent absent = f->absent[i];
        if (!look_at(f, absent.pid) && now_ns - absent.since_ns < SETTLED_NS)
            f->absent[kept++] = absent;
    }
    f->absent_count = kept;
}

static void listed(void *user, pid_t pid)
{
    consider(user, pid);
}

/* The pid of a session that no process is in any more may come to name a stranger's. */
static void forget_sessions(struct follow *f)
{
    struct map alive = {0};
    for (size_t i = 0; i < f->past.cap; i++)
        if (f->past.slots[i].key != 0 && f->past.slots[i].value == f->listings)
            map_put(&alive, f->past.slots[i].key, f->listings);
    map_done(&f->past);
    f->past = alive;
}

static int look_at_all(struct follow *f, pid_t last, uint64_t now_ns)
{
    f->listings++;
    int r = proc_scan(&f->root, listed, f);
    if (r != 0)
        return r;
    forget_sessions(f);
    for (pid_t pid = last > UNSEEN_MAX ? last - UNSEEN_MAX : 1; pid <= last; pid++) {
        uint64_t cpu_ns;
        if (cpu_clock_read(pid, &cpu_ns) != 0)
            note_absent(f, pid, now_ns);
    }
    return 0;
}

static bool belongs(const struct follow *f, const struct proc_stat *stat)
{
    if (map_get(&f->members, (uint32_t)stat->parent_pid) != NULL)
        return true;
    if (f->subreaper != 0 && stat->parent_pid == f->subreaper)
        return true;
    uint32_t leader = (uint32_t)stat->session;
    return map_get(&f->members, leader) != NULL || map_get(&f->past, leader) != NULL;
}

static void admit(struct follow *f, struct candidate *c, bool root, bool forked)
{
    c->belongs = true;
    if (map_get(&f->members, (uint32_t)c->pid) != NULL || /* considered twice in one poll */
        map_put(&f->members, (uint32_t)c->pid, c->stat.start_ticks) != 0)
        return;
    f->receipt.births += forked;
    f->sink.birth(
        f->sink.user,
        &(struct follow_birth){.pid = c->pid, .stat = c->stat, .root = root, .forked = forked});
}

/* A parent may have a higher pid than its child when pids wrap: repeat until nothing is added. */
static void resolve(struct follow *f, bool forked)
{
    for (bool added = true; added;) {
        added = false;
        for (size_t i = 0; i < f->count; i++) {
            struct candidate *c = &f->candidates[i];
            if (c->belongs || !belongs(f, &c->stat))
                continue;
            admit(f, c, false, forked);
            added = true;
        }
    }
    f->count = 0;
}

/* How many pids were given out from one to the other; past pid_max the kernel starts again. */
static uint64_t given_out(const struct follow *f, pid_t from, pid_t last)
{
    if (last >= from)
        return (uint64_t)(last - from);
    uint64_t top = f->pid_max > (uint64_t)from ? f->pid_max : (uint64_t)from;
    uint64_t again = last > FIRST_FREE_PID ? (uint64_t)(last - FIRST_FREE_PID) : 0;
    return top - (uint64_t)from + again;
}

static int poll_now(struct follow *f, uint64_t now_ns)
{
    pid_t last, from = f->last_pid;
    int r = proc_last_pid(f->loadavg_fd, &last);
    if (r != 0)
        return r;
    look_again(f, now_ns);
    f->last_pid = last;
    f->receipt.pids_given_out += given_out(f, from, last);
    if (last < from || last - from > PROBE_MAX) {
        r = look_at_all(f, last, now_ns);
    } else {
        for (pid_t pid = from + 1; pid <= last; pid++)
            if (!look_at(f, pid))
                note_absent(f, pid, now_ns);
    }
    resolve(f, true);
    return r;
}

static void poll_forget(struct follow *f, pid_t pid)
{
    if (map_remove(&f->members, (uint32_t)pid))
        map_put(&f->past, (uint32_t)pid, f->listings);
}

static void poll_receipt(const struct follow *f, struct follow_receipt *ret)
{
    *ret = f->receipt;
}

static void poll_close(struct follow *f)
{
    if (f == NULL)
        return;
    if (f->loadavg_fd >= 0)
        close(f->loadavg_fd);
    map_done(&f->members);
    map_done(&f->past);
    free(f->candidates);
    free(f->absent);
    free(f);
}

static int admit_roots(struct follow *f, const struct follow_config *config)
{
    for (size_t i = 0; i < config->root_count; i++) {
        struct candidate c = {.pid = config->roots[i]};
        if (map_get(&f->members, (uint32_t)c.pid) != NULL)
            continue;
        int r = read_stat(f, c.pid, &c.stat);
        if (r != 0)
            return r;
        admit(f, &c, true, config->launched);
    }
    return 0;
}

static int poll_open(const struct follow_config *config, const struct follow_sink *sink,
                     struct follow **ret)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->root = *config->root;
    f->sink = *sink;
    f->subreaper = config->subreaper;
    f->recorder = config->recorder;
    f->pid_max = proc_pid_max(&f->root);
    f->loadavg_fd = openat(f->root.proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    int r = f->loadavg_fd < 0 ? -errno : proc_last_pid(f->loadavg_fd, &f->last_pid);
    if (r == 0)
        r = admit_roots(f, config);
    if (r == 0 && !config->launched) {
        r = look_at_all(f, f->last_pid, clock_mono_ns());
        resolve(f, false);
    }
    if (r != 0) {
        poll_close(f);
        return r;
    }
    *ret = f;
    return 0;
}

const struct follow_mechanism follow_poll = {
    .name = "poll",
    .help = "works everywhere; processes shorter than a tick are known by their CPU sum only",
    .open = poll_open,
    .poll = poll_now,
    .forget = poll_forget,
    .receipt = poll_receipt,
    .close = poll_close,
};
