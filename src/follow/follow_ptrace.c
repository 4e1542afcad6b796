/*
 * Following by ptrace(2): each thread of the job stops at each fork, exec, exit and signal until the
 * tracer has seen it. Nothing is missed, whatever becomes of a process its status, command line and
 * account are known, no privilege is needed; and the job is slowed down, so only who asks gets it.
 *
 * The tracer (tracer.h) is a thread of its own. In the recorder's own loop the job would stand still
 * whenever that is busy with a tick, with a disk, or with waiting for the command to start; and only
 * by ending a thread can tracees be let go of without interrupting their system calls, of which
 * some, as epoll_wait, then fail with EINTR. What it sees lies in a queue for the next poll.
 *
 * What a job can notice beyond the time:
 * - set-user-ID programs do not get their rights, unless the recorder may trace them (CAP_SYS_PTRACE);
 * - it cannot trace processes itself (gdb, strace, LeakSanitizer): there can be but one tracer;
 * - a signal that is ignored, as SIGCHLD mostly is, interrupts: system calls are begun anew, but for
 *   the few that never are (epoll_wait, semop, sigtimedwait: signal(7)), which fail with EINTR;
 * - TracerPid, and the state "t" instead of "T" while it is stopped;
 * - while the recorder itself is stopped, so is the job at its next stop.
 * A process made with CLONE_UNTRACED is not seen.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "follow/tracer.h"

#define WAKE_BYTES (64u << 10)  /* so much is not left to the next tick */
#define QUEUE_BYTES (32u << 20) /* beyond, with a recorder that does not come, things are lost */
#define WAKE_SIGNAL SIGURG      /* ends the tracer's waiting; ignored by default */
#define JOIN_NS NS_PER_MS
#define JOIN_TRIES 1000

struct follow {
    struct follow_sink sink;
    const struct follow_config *config; /* while it is opened */
    struct follow_reason why;
    pthread_t thread;
    pid_t tid;
    bool started, muted, wakes;
    struct sigaction on_wake, on_child; /* as they were */
    struct tracer tracer;
    atomic_bool stop;
    pid_t root;             /* launched; 0 none */
    atomic_int stop_signal; /* that the root was stopped by; 0 none that was not asked for yet */
    int wake_fd;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t opened;
    bool open;
    int open_result;
    struct buffer queue;
    uint64_t births, lost_births, lost;

    struct buffer taken; /* the queue before; the recorder's */
    uint64_t lost_told;
};

struct ended {
    struct follow_end end;
    struct record_account account; /* of `known` 0: not known */
};

/* ---- the queue: what the tracer tells ---- */

enum telling { TELL_BIRTH, TELL_EXEC, TELL_END };

struct told {
    uint32_t telling;
    uint32_t exe_bytes, argv_bytes; /* of an exec, behind it */
};

static void wake(struct follow *f)
{
    uint64_t one = 1;
    ssize_t ignored = write(f->wake_fd, &one, sizeof one);
    (void)ignored;
}

/* All or nothing of it. */
static void put_told(struct buffer *queue, const struct told *told, const void *what, size_t n,
                     const struct follow_exec *exec)
{
    if (buffer_reserve(queue, sizeof *told + n + told->exe_bytes + told->argv_bytes) != 0)
        return;
    buffer_put(queue, told, sizeof *told);
    buffer_put(queue, what, n);
    if (exec != NULL) {
        buffer_put(queue, exec->exe.bytes, exec->exe.n);
        buffer_put(queue, exec->argv.bytes, exec->argv.n);
    }
}

static void tell(struct follow *f, enum telling telling, const void *what, size_t n,
                 const struct follow_exec *exec)
{
    struct told told = {.telling = telling};
    if (exec != NULL) {
        told.exe_bytes = (uint32_t)exec->exe.n;
        told.argv_bytes = (uint32_t)exec->argv.n;
    }
    pthread_mutex_lock(&f->lock);
    size_t before = f->queue.len;
    if (before < QUEUE_BYTES)
        put_told(&f->queue, &told, what, n, exec);
    bool lost = f->queue.len == before;
    bool due = before < WAKE_BYTES && f->queue.len >= WAKE_BYTES;
    f->queue.failed = false;
    f->lost += lost;
    f->lost_births += lost && telling == TELL_BIRTH;
    pthread_mutex_unlock(&f->lock);
    if (due)
        wake(f);
}

static void tell_birth(void *user, const struct follow_birth *birth)
{
    struct follow *f = user;
    tell(f, TELL_BIRTH, birth, sizeof *birth, NULL);
    pthread_mutex_lock(&f->lock);
    f->births += birth->forked;
    pthread_mutex_unlock(&f->lock);
}

static void tell_exec(void *user, const struct follow_exec *exec)
{
    tell(user, TELL_EXEC, exec, sizeof *exec, exec);
}

static void tell_end(void *user, const struct follow_end *end, const struct record_account *account)
{
    const struct ended ended = {*end, *account};
    tell(user, TELL_END, &ended, sizeof ended, NULL);
}

static void tell_stop(void *user, pid_t pid, int signal)
{
    struct follow *f = user;
    if (pid != f->root)
        return;
    atomic_store(&f->stop_signal, signal);
    if (signal != 0)
        wake(f);
}

/* ---- the queue: what the recorder takes ---- */

struct taking {
    const uint8_t *at, *end;
};

static const void *take(struct taking *t, size_t n)
{
    const uint8_t *at = t->at;
    t->at += n;
    return at;
}

static void take_exec(struct follow *f, struct taking *t, const struct told *told)
{
    struct follow_exec exec;
    memcpy(&exec, take(t, sizeof exec), sizeof exec);
    exec.exe = (struct span){take(t, told->exe_bytes), told->exe_bytes};
    exec.argv = (struct span){take(t, told->argv_bytes), told->argv_bytes};
    f->sink.exec(f->sink.user, &exec);
}

static void take_end(struct follow *f, struct taking *t)
{
    struct ended ended;
    memcpy(&ended, take(t, sizeof ended), sizeof ended);
    ended.account.entity = f->sink.ended(f->sink.user, &ended.end);
    if (ended.account.entity != 0 && ended.account.known != 0)
        f->sink.account(f->sink.user, &ended.account);
}

static void take_told(struct follow *f, struct taking *t)
{
    struct told told;
    struct follow_birth birth;
    memcpy(&told, take(t, sizeof told), sizeof told);
    switch ((enum telling)told.telling) {
    case TELL_BIRTH:
        memcpy(&birth, take(t, sizeof birth), sizeof birth);
        f->sink.birth(f->sink.user, &birth);
        return;
    case TELL_EXEC: take_exec(f, t, &told); return;
    case TELL_END: take_end(f, t); return;
    }
}

static int ptrace_poll(struct follow *f, uint64_t now_ns)
{
    uint64_t woken;
    (void)now_ns;
    while (read(f->wake_fd, &woken, sizeof woken) > 0)
        ;
    buffer_clear(&f->taken);
    pthread_mutex_lock(&f->lock);
    struct buffer queue = f->queue;
    f->queue = f->taken;
    uint64_t lost = f->lost;
    pthread_mutex_unlock(&f->lock);
    f->taken = queue;
    for (struct taking t = {queue.data, queue.data + queue.len}; t.at < t.end;)
        take_told(f, &t);
    bool lost_more = lost != f->lost_told;
    f->lost_told = lost;
    return lost_more ? -ENOBUFS : 0;
}

static int ptrace_stopped_by(struct follow *f)
{
    return atomic_exchange(&f->stop_signal, 0);
}

static int ptrace_fd(const struct follow *f)
{
    return f->wake_fd;
}

static void ptrace_receipt(const struct follow *f, struct follow_receipt *ret)
{
    struct follow *locked = (struct follow *)f;
    pthread_mutex_lock(&locked->lock);
    *ret = (struct follow_receipt){
        .births = f->births, .missed = f->lost_births, .lost_events = f->lost};
    pthread_mutex_unlock(&locked->lock);
}

/* ---- the thread ---- */

static void set_open(struct follow *f, int result)
{
    pthread_mutex_lock(&f->lock);
    f->open = true;
    f->open_result = result;
    pthread_cond_signal(&f->opened);
    pthread_mutex_unlock(&f->lock);
}

static void *trace(void *user)
{
    struct follow *f = user;
    const struct tracer_sink sink = {
        .user = f, .birth = tell_birth, .exec = tell_exec, .end = tell_end, .stop = tell_stop};
    f->tid = gettid();
    int r = tracer_begin(&f->tracer, f->config, &sink, &f->why);
    set_open(f, r);
    if (r == 0)
        tracer_run(&f->tracer, &f->stop);
    wake(f);
    return NULL;
}

static void on_wake(int signal)
{
    (void)signal;
}

/*
 * Stops wake the tracer, not whoever waits for children to end: without this each would also send
 * SIGCHLD to the recorder.
 */
static void mute_stops(struct follow *f)
{
    struct sigaction mute;
    if (sigaction(SIGCHLD, NULL, &f->on_child) != 0 || f->on_child.sa_handler != SIG_DFL)
        return;
    mute = f->on_child;
    mute.sa_flags |= SA_NOCLDSTOP;
    f->muted = sigaction(SIGCHLD, &mute, NULL) == 0;
}

/* The thread has a mask of its own: no signal of the recorder's is for it. */
static int start(struct follow *f)
{
    const struct sigaction waking = {.sa_handler = on_wake};
    sigset_t all, before;
    mute_stops(f);
    f->wakes = sigaction(WAKE_SIGNAL, &waking, &f->on_wake) == 0;
    sigfillset(&all);
    sigdelset(&all, WAKE_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&f->thread, NULL, trace, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    f->started = r == 0;
    return r;
}

/*
 * The signal may come before the thread waits: it is sent until the thread has ended. That lets go
 * of all it traces, a little after others see it end; it is gone when that is done.
 */
static void stop(struct follow *f)
{
    atomic_store(&f->stop, true);
    for (int r = -1; r != 0;) {
        struct timespec until = timespec_from_ns(clock_real_ns() + JOIN_NS);
        pthread_kill(f->thread, WAKE_SIGNAL);
        r = pthread_timedjoin_np(f->thread, NULL, &until);
    }
    for (int i = 0; i < JOIN_TRIES && syscall(SYS_tgkill, getpid(), f->tid, 0) == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = JOIN_NS / 10}, NULL);
    f->started = false;
}

static void ptrace_close(struct follow *f)
{
    if (f == NULL)
        return;
    if (f->started)
        stop(f);
    if (f->wakes)
        sigaction(WAKE_SIGNAL, &f->on_wake, NULL);
    if (f->muted)
        sigaction(SIGCHLD, &f->on_child, NULL);
    tracer_done(&f->tracer);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->opened);
    buffer_done(&f->queue);
    buffer_done(&f->taken);
    closep(&f->wake_fd);
    free(f);
}

static int wait_open(struct follow *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->open)
        pthread_cond_wait(&f->opened, &f->lock);
    pthread_mutex_unlock(&f->lock);
    return f->open_result;
}

static int ptrace_open(const struct follow_config *config, const struct follow_sink *sink,
                       struct follow **ret, struct follow_reason *ret_why)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return follow_fail(ret_why, -ENOMEM, "no memory");
    f->sink = *sink;
    f->config = config;
    f->root = config->launched ? config->roots[0] : 0;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->opened, NULL);
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = f->wake_fd < 0 ? -errno : start(f);
    if (r != 0)
        follow_fail(ret_why, r, "cannot begin a thread: %s", strerror(-r));
    else if ((r = wait_open(f)) != 0)
        *ret_why = f->why;
    if (r != 0) {
        ptrace_close(f);
        return r;
    }
    ptrace_poll(f, clock_mono_ns());
    *ret = f;
    return 0;
}

const struct follow_mechanism follow_ptrace = {
    .name = "ptrace",
    .help = "sees everything; slows the job down (x1.6 to x3 for short processes)",
    .tells = FOLLOW_TELLS_EXECS | FOLLOW_TELLS_ENDS | FOLLOW_TELLS_STATUS | FOLLOW_TELLS_ACCOUNTS,
    .only_when_asked = true,
    .open = ptrace_open,
    .fd = ptrace_fd,
    .stopped_by = ptrace_stopped_by,
    .poll = ptrace_poll,
    .receipt = ptrace_receipt,
    .close = ptrace_close,
};
