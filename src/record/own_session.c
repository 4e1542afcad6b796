/*
 * A program that records itself, or writes lines into its log: tacho_start and its kin, and the thread
 * that does it. Only in libtacho.
 *
 * The thread alone touches the recording once it runs. Who wants something of it says so under the lock
 * and waits. A forked child has no such thread, and its parent records on: the child forgets the session.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <tacho/tacho.h>

#include "base/clock.h"
#include "mark/marking.h"
#include "record/own_log.h"
#include "record/own_recording.h"
#include "record/own_session.h"

#define STACK_BYTES (256u << 10)
#define INTERVAL_DEFAULT_S 0.1
#define INTERVAL_LEAST_S 0.001
#define LOG_INTERVAL_LEAST_S 0.01
#define INTERVAL_MOST_S 86400.0

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done; /* of the thread; of who waits for it */
    bool has_conditions;
    bool runs;     /* there is a thread */
    bool is_outer; /* another process records what we mark */
    bool begun, stop;
    int begin_error, close_error;
    const char *reason;
    uint64_t flushes_wanted, flushes_done;
    int flush_error;
    pthread_t thread;
    struct own_recording *recording; /* NULL: lines only */
    struct own_log *log;             /* NULL: no lines */
    FILE *log_file;                  /* NULL: stderr */
    char log_prefix[256];
    uint64_t interval_ns, log_interval_ns;
} session = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the thread ---- */

struct due {
    uint64_t tick_ns, log_ns, collect_ns;
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Under the lock. */
static void wait_until(uint64_t ns)
{
    struct timespec until = timespec_from_ns(ns);
    if (!session.stop && session.flushes_wanted == session.flushes_done)
        pthread_cond_timedwait(&session.wake, &session.lock, &until);
}

/* Ticks that were missed are not made up for. */
static void next(uint64_t *due_ns, uint64_t every_ns, uint64_t now_ns)
{
    *due_ns += every_ns;
    if (*due_ns <= now_ns)
        *due_ns = now_ns + every_ns;
}

static void do_what_is_due(struct due *due)
{
    uint64_t now_ns = clock_mono_ns();
    if (session.recording != NULL && now_ns >= due->tick_ns) {
        own_recording_tick(session.recording, now_ns);
        next(&due->tick_ns, session.interval_ns, now_ns);
    } else if (session.recording != NULL && now_ns >= due->collect_ns) {
        own_recording_collect(session.recording);
    }
    if (session.log != NULL && now_ns >= due->log_ns) {
        own_log_put(session.log, LOG_LINE_NEXT);
        next(&due->log_ns, session.log_interval_ns, now_ns);
    }
    uint64_t patience_ns =
        session.recording != NULL ? own_recording_patience_ns(session.recording) : UINT64_MAX;
    due->collect_ns = patience_ns == UINT64_MAX ? UINT64_MAX : clock_mono_ns() + patience_ns;
}

/* Under the lock, which is given up meanwhile. */
static void flush_if_wanted(void)
{
    uint64_t wanted = session.flushes_wanted;
    if (wanted == session.flushes_done)
        return;
    pthread_mutex_unlock(&session.lock);
    int r = session.recording != NULL ? own_recording_flush(session.recording) : 0;
    pthread_mutex_lock(&session.lock);
    session.flushes_done = wanted;
    session.flush_error = r;
    pthread_cond_broadcast(&session.done);
}

static void run(void)
{
    uint64_t now_ns = clock_mono_ns();
    struct due due = {.tick_ns =
                          session.recording != NULL ? now_ns + session.interval_ns : UINT64_MAX,
                      .log_ns = session.log != NULL ? now_ns + session.log_interval_ns : UINT64_MAX,
                      .collect_ns = UINT64_MAX};
    while (!session.stop) {
        wait_until(earlier(due.tick_ns, earlier(due.log_ns, due.collect_ns)));
        flush_if_wanted();
        pthread_mutex_unlock(&session.lock);
        do_what_is_due(&due);
        pthread_mutex_lock(&session.lock);
    }
    flush_if_wanted();
}

static void *thread_main(void *unused)
{
    (void)unused;
    prctl(PR_SET_NAME, "tacho");
    int r = session.recording != NULL ? own_recording_begin(session.recording) : 0;
    if (session.log != NULL)
        own_log_put(session.log, LOG_LINE_FIRST);
    pthread_mutex_lock(&session.lock);
    session.begun = true;
    session.begin_error = r;
    pthread_cond_broadcast(&session.done);
    if (r == 0)
        run();
    pthread_mutex_unlock(&session.lock);
    if (session.log != NULL)
        own_log_put(session.log, LOG_LINE_LAST);
    session.close_error = own_recording_close(session.recording, session.reason);
    session.recording = NULL;
    return NULL;
}

/* With all signals blocked: they are the program's. */
static int thread_start(void)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&session.thread, &attributes, thread_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -r;
}

/* ---- forks ---- */

static void before_fork(void)
{
    pthread_mutex_lock(&session.lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&session.lock);
}

/* What the parent's thread has is left as it is: a copy nobody uses. */
static void after_fork_in_child(void)
{
    if (session.runs && session.recording != NULL)
        session.is_outer = true;
    session.runs = false;
    session.recording = NULL;
    session.log = NULL;
    pthread_mutex_init(&session.lock, NULL);
    session.has_conditions = false;
}

static void prepare(void)
{
    static bool handlers;
    if (!handlers)
        handlers = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    if (session.has_conditions)
        return;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&session.wake, &attributes);
    pthread_cond_init(&session.done, NULL);
    pthread_condattr_destroy(&attributes);
    session.has_conditions = true;
}

/* ---- start and stop ---- */

static void log_to_file(void *user, const char *line)
{
    (void)user;
    FILE *file = session.log_file != NULL ? session.log_file : stderr;
    fprintf(file, "%s%s\n", session.log_prefix, line);
    fflush(file);
}

static bool seconds(double s, double least, double otherwise, uint64_t *ret_ns)
{
    if (s == 0)
        s = otherwise;
    bool good = s == 0 || (isfinite(s) && s >= least && s <= INTERVAL_MOST_S);
    if (good)
        *ret_ns = (uint64_t)(s * (double)NS_PER_S);
    return good;
}

static bool is_rank(int rank, int ranks)
{
    return ranks == 0 ? rank == 0 : rank >= 0 && rank < ranks;
}

static int open_log(const struct tacho_options *o)
{
    session.log = NULL;
    if (session.log_interval_ns == 0)
        return 0;
    session.log_file = o->log_file;
    snprintf(session.log_prefix, sizeof session.log_prefix, "%s",
             o->log_prefix != NULL ? o->log_prefix : "");
    return own_log_new(o->log != NULL ? o->log : log_to_file, o->log_user, &session.log);
}

static int open_recording(const struct tacho_options *o)
{
    const struct own_recording_options options = {.path = o->path,
                                                  .replace = o->replace != 0,
                                                  .interval_ns = session.interval_ns,
                                                  .rank = (uint64_t)o->rank,
                                                  .ranks = (uint64_t)o->ranks};
    session.recording = NULL;
    if (o->no_recording != 0 || session.is_outer)
        return 0;
    return own_recording_new(&options, &session.recording);
}

static void close_log(void)
{
    own_log_free(session.log);
    session.log = NULL;
}

/* Under the lock, which is given up meanwhile. */
static int stop(const char *reason)
{
    if (!session.runs || session.stop)
        return session.is_outer ? 0 : -ENOENT;
    session.stop = true;
    session.reason = reason;
    pthread_cond_signal(&session.wake);
    pthread_mutex_unlock(&session.lock);
    pthread_join(session.thread, NULL);
    pthread_mutex_lock(&session.lock);
    session.runs = false;
    close_log();
    return session.close_error;
}

/* Under the lock. */
static int start(const struct tacho_options *o)
{
    if (session.runs)
        return -EALREADY;
    if (!seconds(o->interval_s, INTERVAL_LEAST_S, INTERVAL_DEFAULT_S, &session.interval_ns) ||
        !seconds(o->log_interval_s, LOG_INTERVAL_LEAST_S, 0, &session.log_interval_ns) ||
        !is_rank(o->rank, o->ranks))
        return -EINVAL;
    prepare();
    session.begun = session.stop = false;
    session.reason = "stop";
    session.flushes_wanted = session.flushes_done = 0;
    int r = open_recording(o);
    if (r == 0)
        r = open_log(o);
    if (r == 0 && session.recording == NULL && session.log == NULL)
        return 0;
    if (r == 0)
        r = thread_start();
    if (r != 0) {
        own_recording_close(session.recording, NULL);
        session.recording = NULL;
        close_log();
        return r;
    }
    session.runs = true;
    while (!session.begun)
        pthread_cond_wait(&session.done, &session.lock);
    if (session.begin_error != 0)
        stop("failed");
    return session.begin_error;
}

int tacho_start(const struct tacho_options *options)
{
    struct tacho_options o = {0};
    if (options != NULL && options->size < sizeof options->size)
        return -EINVAL;
    if (options != NULL)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    pthread_mutex_lock(&session.lock);
    int r = start(&o);
    pthread_mutex_unlock(&session.lock);
    return r;
}

int tacho_stop(void)
{
    pthread_mutex_lock(&session.lock);
    int r = stop("stop");
    pthread_mutex_unlock(&session.lock);
    return r;
}

int tacho_flush(void)
{
    pthread_mutex_lock(&session.lock);
    int r = session.is_outer ? 0 : -ENOENT;
    if (session.runs && !session.stop) {
        uint64_t wanted = ++session.flushes_wanted;
        pthread_cond_signal(&session.wake);
        while (session.flushes_done < wanted && session.runs)
            pthread_cond_wait(&session.done, &session.lock);
        r = session.flush_error;
    }
    pthread_mutex_unlock(&session.lock);
    return r;
}

/* ---- the outer recorder, and the end of the process ---- */

void own_session_join(void)
{
    session.is_outer = true;
    marking_begin();
}

__attribute__((destructor(101))) static void leave(void)
{
    pthread_mutex_lock(&session.lock);
    stop("ended");
    own_recording_leave();
    pthread_mutex_unlock(&session.lock);
}
