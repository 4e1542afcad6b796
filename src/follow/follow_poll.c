/*
 * Following by polling, which works everywhere. The kernel tells the pid it gave out last
 * (/proc/loadavg): while that stands still nobody was born, and otherwise only the pids in between
 * need a look, a CPU-clock read each (0.25 µs, and it fails for threads). That is done every
 * millisecond while processes are being born, every fourth else, so that what was exec'd is seen.
 *
 * The kernel gives a pid out a little before anybody can see its process: microseconds, or as long
 * as the parent then waits for a processor, where a control group's CPU limit may keep it for 100
 * ms. Pids without a process are looked at again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"
#include "follow/members.h"

#define BUSY_NS NS_PER_MS        /* between two looks while pids are given out */
#define QUIET_NS (4 * NS_PER_MS) /* and when there were none for as long as SETTLED_NS */
#define PROBE_MAX 8192           /* beyond so many new pids listing /proc is cheaper */
#define FIRST_FREE_PID 300       /* where the kernel starts again after pid_max */
#define UNSEEN_MAX 256 /* pids given out last whose process a listing may come too early for */
#define SETTLED_NS (250 * NS_PER_MS) /* without a process by then it has ended, or is a thread's */

/* A pid that was given out and had no process, or none that could be read. */
struct absent {
    pid_t pid;
    uint64_t since_ns;
};

struct follow {
    struct members members;
    int timer_fd;
    uint64_t every_ns, given_out_ns; /* the timer's; when a pid was given out last */
    int loadavg_fd;
    pid_t last_pid;
    uint64_t pid_max;
    struct absent *absent;
    size_t absent_count, absent_cap;
    uint64_t pids_given_out;
    uint64_t forks; /* on the machine, before following began */
};

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
    return cpu_clock_read(pid, &cpu_ns) == 0 && members_consider(&f->members, pid) == 0;
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

static int look_at_all(struct follow *f, pid_t last, uint64_t now_ns)
{
    int r = members_list(&f->members);
    if (r != 0)
        return r;
    for (pid_t pid = last > UNSEEN_MAX ? last - UNSEEN_MAX : 1; pid <= last; pid++) {
        uint64_t cpu_ns;
        if (cpu_clock_read(pid, &cpu_ns) != 0)
            note_absent(f, pid, now_ns);
    }
    return 0;
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

static int set_timer(struct follow *f, uint64_t every_ns)
{
    struct itimerspec spec = {.it_value = timespec_from_ns(every_ns),
                              .it_interval = timespec_from_ns(every_ns)};
    if (f->every_ns == every_ns)
        return 0;
    f->every_ns = every_ns;
    return timerfd_settime(f->timer_fd, 0, &spec, NULL) == 0 ? 0 : -errno;
}

static void choose_pace(struct follow *f, uint64_t now_ns)
{
    bool quiet = now_ns > f->given_out_ns + SETTLED_NS;
    set_timer(f, quiet ? QUIET_NS : BUSY_NS);
}

static int look(struct follow *f, pid_t from, pid_t last, uint64_t now_ns)
{
    if (last < from || last - from > PROBE_MAX)
        return look_at_all(f, last, now_ns);
    for (pid_t pid = from + 1; pid <= last; pid++)
        if (!look_at(f, pid))
            note_absent(f, pid, now_ns);
    return 0;
}

static int poll_now(struct follow *f, uint64_t now_ns)
{
    uint64_t expired;
    pid_t last, from = f->last_pid;
    if (read(f->timer_fd, &expired, sizeof expired) < 0 && errno != EAGAIN)
        return -errno;
    int r = proc_last_pid(f->loadavg_fd, &last);
    if (r != 0)
        return r;
    if (last != from)
        f->given_out_ns = now_ns;
    look_again(f, now_ns);
    f->last_pid = last;
    f->pids_given_out += given_out(f, from, last);
    r = look(f, from, last, now_ns);
    members_resolve(&f->members, true);
    choose_pace(f, now_ns);
    return r;
}

static int poll_fd(const struct follow *f)
{
    return f->timer_fd;
}

static void poll_forget(struct follow *f, pid_t pid)
{
    members_remove(&f->members, pid);
}

/* How many processes and threads the machine has started, since boot; 0 unknown. */
static uint64_t forks_so_far(const struct follow *f)
{
    static const char key[] = "\nprocesses ";
    char text[65536];
    uint64_t forks = 0;
    ssize_t n = source_read_at(f->members.root.proc_fd, "stat", text, sizeof text);
    const char *at = n > 0 ? memmem(text, (size_t)n, key, sizeof key - 1) : NULL;
    if (at == NULL)
        return 0;
    at += sizeof key - 1;
    struct text t = text_of(at, (size_t)(text + n - at));
    return text_take_u64(&t, &forks) ? forks : 0;
}

/*
 * Threads take pids too, and so do others: how many of them were ours is for the reader to bound. The
 * cursor does not see pids that somebody chose (clone3), nor more than all of them in one look.
 */
static void poll_receipt(const struct follow *f, struct follow_receipt *ret)
{
    uint64_t now = forks_so_far(f), forks = now > f->forks ? now - f->forks : 0;
    *ret = (struct follow_receipt){.births = f->members.births,
                                   .pids_given_out =
                                       forks > f->pids_given_out ? forks : f->pids_given_out};
}

static void poll_close(struct follow *f)
{
    if (f == NULL)
        return;
    closep(&f->loadavg_fd);
    closep(&f->timer_fd);
    members_done(&f->members);
    free(f->absent);
    free(f);
}

static int begin(struct follow *f, const struct follow_config *config)
{
    int r = f->loadavg_fd < 0 ? -errno : proc_last_pid(f->loadavg_fd, &f->last_pid);
    if (r == 0)
        r = f->timer_fd < 0 ? -errno : set_timer(f, BUSY_NS);
    f->forks = forks_so_far(f);
    if (r == 0)
        r = members_admit_roots(&f->members, config);
    if (r == 0 && !config->launched) {
        r = look_at_all(f, f->last_pid, clock_mono_ns());
        members_resolve(&f->members, false);
    }
    return r;
}

static int poll_open(const struct follow_config *config, const struct follow_sink *sink,
                     struct follow **ret, struct follow_reason *ret_why)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return follow_fail(ret_why, -ENOMEM, "no memory");
    f->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    members_init(&f->members, config, sink);
    f->pid_max = proc_pid_max(config->root);
    f->loadavg_fd = openat(config->root->proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    int r = begin(f, config);
    if (r != 0) {
        poll_close(f);
        return follow_fail(ret_why, r, "cannot read /proc: %s", strerror(-r));
    }
    *ret = f;
    return 0;
}

const struct follow_mechanism follow_poll = {
    .name = "poll",
    .help = "works everywhere; processes of less than a millisecond are missed, and bounded",
    .open = poll_open,
    .fd = poll_fd,
    .poll = poll_now,
    .forget = poll_forget,
    .receipt = poll_receipt,
    .close = poll_close,
};
