#include "sample/gpu_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "source/inner_pids.h"

#define END_PATIENCE_NS (NS_PER_S / 4) /* for the driver to let go at the end */

struct gpu_thread {
    pthread_t thread;
    pthread_mutex_t lock; /* never held over a call of the driver */
    pthread_cond_t changed;
    bool stop, ended, abandoned;
    int state; /* -EAGAIN until the driver has answered */
    char why[NVML_WORDS_MAX];
    struct gpu_snapshot snapshot[3];
    struct gpu_snapshot *filled, *read, *lent; /* the thread's; the last whole one; the taker's */
    bool fresh;                                /* `read` was not taken yet */

    /* The thread's own until `state` is 0, then nobody's to change: */
    unsigned chosen[GPUS_MAX], count;
    struct gpu_facts facts[GPUS_MAX];
    char driver_version[GPU_TEXT_CAP];

    /* Only the thread's: */
    struct source_root root;
    uint64_t interval_ns;
    struct nvml *nvml;
    struct inner_pids inner;
    uint64_t slow_ns;
    bool read_any;
};

static void thread_free(struct gpu_thread *t)
{
    inner_pids_done(&t->inner);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- one reading ---- */

static void read_uses(struct gpu_thread *t, unsigned place, struct gpu_snapshot *ret)
{
    size_t left_out = 0;
    struct gpu_use *use = &ret->use[ret->use_count];
    ssize_t n = nvml_uses(t->nvml, t->chosen[place], ret->slow, use, GPU_USES_MAX - ret->use_count,
                          &left_out);
    ret->uses_error[place] = n < 0 ? (int)n : 0;
    ret->unmapped_bytes[place] = 0;
    ret->processes[place] = 0;
    if (n < 0)
        return;
    uint64_t now_ns = clock_mono_ns();
    for (ssize_t i = 0; i < n; i++) {
        use[i].gpu = place;
        use[i].pid = inner_pids_find(&t->inner, &t->root, use[i].pid, now_ns);
        if (use[i].pid == 0 && use[i].memory_known)
            ret->unmapped_bytes[place] += use[i].memory_bytes;
    }
    ret->processes[place] = (unsigned)n + (unsigned)left_out;
    ret->use_count += (size_t)n;
    ret->left_out += left_out;
}

static void read_all(struct gpu_thread *t, struct gpu_snapshot *ret)
{
    uint64_t now_ns = clock_mono_ns();
    /* The first is waited for. */
    ret->slow = t->read_any && (t->slow_ns == 0 || now_ns - t->slow_ns >= GPU_SLOW_EVERY_NS);
    if (ret->slow)
        t->slow_ns = now_ns;
    t->read_any = true;
    ret->use_count = ret->left_out = 0;
    for (unsigned i = 0; i < t->count; i++) {
        nvml_read(t->nvml, t->chosen[i], ret->slow, &ret->gpu[i]);
        read_uses(t, i, ret);
    }
}

/*
 * What nobody took is replaced; its slow values, which the next reading lacks, are kept.
 */
static void hand_over(struct gpu_thread *t)
{
    struct gpu_snapshot *old = t->read, *now = t->filled;
    if (t->fresh && old->slow && !now->slow) {
        for (unsigned i = 0; i < t->count; i++) {
            if (now->gpu[i].error == -ENODEV)
                continue;
            size_t from = GPU_FIELD_PCIE_RECEIVED;
            memcpy(&now->gpu[i].value[from], &old->gpu[i].value[from],
                   (GPU_FIELDS - from) * sizeof now->gpu[i].value[0]);
            now->gpu[i].valid |= old->gpu[i].valid & GPU_SLOW_FIELDS;
        }
        now->slow = true;
    }
    t->read = now;
    t->filled = old;
    t->fresh = true;
}

/* ---- the thread ---- */

/* Whether the GPUs that were asked for are there; all, where none was named. */
static int choose(struct gpu_thread *t)
{
    unsigned there = nvml_count(t->nvml);
    for (unsigned i = 0; i < t->count; i++) {
        if (t->chosen[i] < there)
            continue;
        if (there == 1)
            snprintf(t->why, sizeof t->why, "there is no GPU %u: the only one is 0", t->chosen[i]);
        else
            snprintf(t->why, sizeof t->why, "there is no GPU %u: there are 0 to %u", t->chosen[i],
                     there - 1);
        return -EINVAL;
    }
    if (t->count == 0)
        for (; t->count < there; t->count++)
            t->chosen[t->count] = t->count;
    for (unsigned i = 0; i < t->count; i++)
        nvml_facts(t->nvml, t->chosen[i], &t->facts[i]);
    snprintf(t->driver_version, sizeof t->driver_version, "%s", nvml_driver_version(t->nvml));
    return 0;
}

static bool begin(struct gpu_thread *t)
{
    char why[NVML_WORDS_MAX] = "";
    int r = nvml_open(&t->nvml, why);
    pthread_mutex_lock(&t->lock);
    memcpy(t->why, why, sizeof why);
    bool stopped = t->stop;
    pthread_mutex_unlock(&t->lock);
    if (r == 0 && !stopped)
        r = choose(t);
    if (r == 0 && !stopped)
        read_all(t, t->filled);
    pthread_mutex_lock(&t->lock);
    if (r == 0 && !stopped)
        hand_over(t);
    t->state = r;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return r == 0 && !stopped;
}

/* Waits, with the lock held, for the next reading. False: it is time to end. */
static bool await_turn(struct gpu_thread *t, uint64_t due_ns)
{
    struct timespec at = timespec_from_ns(due_ns);
    while (!t->stop && clock_mono_ns() < due_ns)
        pthread_cond_timedwait(&t->changed, &t->lock, &at);
    return !t->stop;
}

static void read_until_stopped(struct gpu_thread *t)
{
    uint64_t due_ns = clock_mono_ns();
    pthread_mutex_lock(&t->lock);
    while (await_turn(t, due_ns)) {
        pthread_mutex_unlock(&t->lock);
        uint64_t used_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        read_all(t, t->filled);
        used_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - used_ns;
        uint64_t now_ns = clock_mono_ns();
        due_ns += t->interval_ns;
        if (due_ns < now_ns + used_ns * (GPU_SHARE - 1))
            due_ns = now_ns + used_ns * (GPU_SHARE - 1);
        pthread_mutex_lock(&t->lock);
        if (!t->stop)
            hand_over(t);
    }
    pthread_mutex_unlock(&t->lock);
}

static void *gpu_run(void *user)
{
    struct gpu_thread *t = user;
    if (begin(t))
        read_until_stopped(t);
    nvml_close(t->nvml);
    pthread_mutex_lock(&t->lock);
    t->ended = true;
    bool abandoned = t->abandoned;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    if (abandoned)
        thread_free(t);
    return NULL;
}

/* ---- the caller's side ---- */

/* Signals are the session's business. */
static int start(struct gpu_thread *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&t->thread, NULL, gpu_run, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int gpu_thread_new(const struct gpu_thread_config *config, struct gpu_thread **ret)
{
    struct gpu_thread *t = calloc(1, sizeof *t);
    if (t == NULL)
        return -ENOMEM;
    t->root = *config->root;
    t->interval_ns =
        config->interval_ns > GPU_INTERVAL_MIN_NS ? config->interval_ns : GPU_INTERVAL_MIN_NS;
    t->state = -EAGAIN;
    t->filled = &t->snapshot[0];
    t->read = &t->snapshot[1];
    t->lent = &t->snapshot[2];
    for (; t->count < config->chosen_count && t->count < GPUS_MAX; t->count++)
        t->chosen[t->count] = config->chosen[t->count];
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attr);
    pthread_condattr_destroy(&attr);
    int r = start(t);
    if (r != 0)
        thread_free(t);
    else
        *ret = t;
    return r;
}

void gpu_thread_free(struct gpu_thread *t)
{
    if (t == NULL)
        return;
    struct timespec until = timespec_from_ns(clock_mono_ns() + END_PATIENCE_NS);
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_broadcast(&t->changed);
    while (!t->ended && pthread_cond_timedwait(&t->changed, &t->lock, &until) != ETIMEDOUT)
        ;
    bool ended = t->ended;
    pthread_t thread = t->thread;
    t->abandoned = !ended;
    if (!ended) /* one that hangs is never joined */
        pthread_detach(thread);
    pthread_mutex_unlock(&t->lock);
    if (ended) {
        pthread_join(thread, NULL);
        thread_free(t);
    }
}

int gpu_thread_wait(struct gpu_thread *t, uint64_t patience_ns, const char **ret_why)
{
    struct timespec until = timespec_from_ns(clock_mono_ns() + patience_ns);
    pthread_mutex_lock(&t->lock);
    while (t->state == -EAGAIN && patience_ns > 0 &&
           pthread_cond_timedwait(&t->changed, &t->lock, &until) != ETIMEDOUT)
        ;
    int state = t->state;
    pthread_mutex_unlock(&t->lock);
    if (ret_why != NULL)
        *ret_why = t->why;
    return state;
}

unsigned gpu_thread_count(const struct gpu_thread *t)
{
    return t->count;
}

unsigned gpu_thread_index(const struct gpu_thread *t, unsigned place)
{
    return t->chosen[place];
}

const struct gpu_facts *gpu_thread_facts(const struct gpu_thread *t, unsigned place)
{
    return &t->facts[place];
}

const char *gpu_thread_driver_version(const struct gpu_thread *t)
{
    return t->driver_version;
}

const struct gpu_snapshot *gpu_thread_take(struct gpu_thread *t)
{
    pthread_mutex_lock(&t->lock);
    struct gpu_snapshot *taken = t->fresh ? t->read : NULL;
    if (t->fresh) {
        t->read = t->lent;
        t->lent = taken;
        t->fresh = false;
    }
    pthread_mutex_unlock(&t->lock);
    return taken;
}
