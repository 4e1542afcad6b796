#include "sample/detail.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"

#define TCP_DUMP_AGE_NS (NS_PER_S / 2) /* a dump of all sockets serves the looks of this long */

struct detail {
    struct source_root root;
    const struct host_facts *facts;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    struct process *asked, **asked_end;
    struct process *done;
    /* Only the thread's: */
    struct tcp_table *tcp;
    struct drm_table *drm; /* NULL: there is no such device here */
    uint64_t tcp_ns;
    int tcp_error;
    int64_t tokens_ns; /* CPU time it may still use; negative after a costly look */
    uint64_t refilled_ns, used_ns;
};

/* Places are few and sorted by processor; a package is told apart from a core by its own bits. */
void places_count(const struct host_facts *facts, const uint64_t ran_on[PROCESSORS_MAX / 64],
                  struct detail_result *ret)
{
    ret->processors = ret->cores = ret->packages = ret->package_mask = 0;
    for (size_t w = 0; w < PROCESSORS_MAX / 64; w++)
        ret->processors += (uint64_t)__builtin_popcountll(ran_on[w]);
    const struct processor_place *place = facts->place;
    for (uint32_t i = 0; place != NULL && i < facts->processors; i++) {
        uint32_t p = place[i].processor;
        if (p >= PROCESSORS_MAX || (ran_on[p / 64] >> (p % 64) & 1) == 0)
            continue;
        bool new_core = true, new_package = true;
        for (uint32_t j = 0; j < i; j++) {
            uint32_t q = place[j].processor;
            if (q >= PROCESSORS_MAX || (ran_on[q / 64] >> (q % 64) & 1) == 0 ||
                place[j].package != place[i].package)
                continue;
            new_package = false;
            new_core &= place[j].core != place[i].core;
        }
        ret->cores += new_core;
        ret->packages += new_package;
        if (place[i].package < 64)
            ret->package_mask |= UINT64_C(1) << place[i].package;
    }
}

static void see_link(void *user, uint64_t fd, const char *target, size_t n)
{
    drm_table_see(user, fd, target, n);
}

/* Devices of GPUs are looked for in the pass that looks for sockets. */
static void look_at_descriptors(struct detail *d, struct process *p, struct detail_result *r)
{
    uint64_t now = clock_mono_ns();
    const struct link_listener devices = {see_link, d->drm};
    const struct link_listener *also = d->drm != NULL ? &devices : NULL;
    if (d->drm != NULL)
        drm_table_begin(d->drm);
    if (d->tcp == NULL || now - d->tcp_ns > TCP_DUMP_AGE_NS) {
        d->tcp_error = d->tcp != NULL ? 0 : tcp_table_new(&d->root, &d->tcp);
        if (d->tcp_error == 0)
            d->tcp_error = tcp_table_refresh(d->tcp);
        d->tcp_ns = now;
    }
    r->tcp_error = d->tcp_error;
    if (r->tcp_error == 0)
        r->tcp_error = tcp_table_count(d->tcp, &d->root, &p->files, also, r->tcp, &r->tcp_valid);
    if (r->tcp_error != 0 &&
        d->drm != NULL) { /* of another network, or it came to nothing half way */
        drm_table_begin(d->drm);
        proc_links_each(&d->root, &p->files, also);
    }
    if (d->drm != NULL)
        drm_table_take(d->drm, &p->files, now, &p->drm, r->drm, &r->drm_valid);
}

static void look_at_threads(struct detail *d, struct process *p, struct detail_result *r)
{
    struct thread_census census;
    r->census_error = proc_threads_read(&d->root, &p->files, &census);
    if (r->census_error != 0)
        return;
    r->voluntary_switches = census.voluntary_switches;
    r->involuntary_switches = census.involuntary_switches;
    places_count(d->facts, census.ran_on, r);
}

static void look(struct detail *d, struct process *p)
{
    struct detail_result *r = &p->detail;
    *r = (struct detail_result){.census_error = -EAGAIN};
    r->smaps_error = proc_smaps_read(&d->root, &p->files, r->smaps, &r->smaps_valid);
    look_at_descriptors(d, p, r);
    if (p->census)
        look_at_threads(d, p, r);
}

/* What the thread used since the last call is paid, its own waking and locking included. */
static void refill(struct detail *d)
{
    uint64_t now = clock_mono_ns(), used = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    d->tokens_ns += (int64_t)((now - d->refilled_ns) / DETAIL_SHARE) - (int64_t)(used - d->used_ns);
    d->refilled_ns = now;
    d->used_ns = used;
    if (d->tokens_ns > (int64_t)DETAIL_BURST_NS)
        d->tokens_ns = (int64_t)DETAIL_BURST_NS;
}

/* Waits, with the lock held, until there is somebody to look at and time to do it. NULL: stop. */
static struct process *await_turn(struct detail *d)
{
    while (!d->stop) {
        refill(d);
        if (d->asked == NULL) {
            pthread_cond_wait(&d->wake, &d->lock);
        } else if (d->tokens_ns < 0) {
            uint64_t until = clock_mono_ns() + (uint64_t)-d->tokens_ns * DETAIL_SHARE;
            struct timespec at = timespec_from_ns(until);
            pthread_cond_timedwait(&d->wake, &d->lock, &at);
        } else {
            struct process *p = d->asked;
            d->asked = p->next_detail;
            if (d->asked == NULL)
                d->asked_end = &d->asked;
            return p;
        }
    }
    return NULL;
}

static void *detail_run(void *user)
{
    struct detail *d = user;
    pthread_mutex_lock(&d->lock);
    for (struct process *p; (p = await_turn(d)) != NULL;) {
        pthread_mutex_unlock(&d->lock);
        look(d, p);
        pthread_mutex_lock(&d->lock);
        p->next_detail = d->done;
        d->done = p;
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* Signals are the session's business: a thread that took one would lose it for the job. */
static int start_thread(struct detail *d)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&d->thread, NULL, detail_run, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int detail_new(const struct source_root *root, const struct host_facts *facts, struct detail **ret)
{
    struct detail *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    d->root = *root;
    d->facts = facts;
    d->asked_end = &d->asked;
    d->tokens_ns = (int64_t)DETAIL_BURST_NS;
    d->refilled_ns = clock_mono_ns();
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->wake, &attr);
    pthread_condattr_destroy(&attr);
    int r = drm_table_new(&d->root, &d->drm);
    r = r == -ENOMEM ? r : start_thread(d);
    if (r != 0) {
        drm_table_free(d->drm);
        free(d);
        return r;
    }
    *ret = d;
    return 0;
}

struct process *detail_free(struct detail *d)
{
    if (d == NULL)
        return NULL;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    *d->asked_end = d->done;
    struct process *left = d->asked;
    for (struct process *p = left; p != NULL; p = p->next_detail)
        p->busy = false;
    tcp_table_free(d->tcp);
    drm_table_free(d->drm);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return left;
}

void detail_ask(struct detail *d, struct process *p)
{
    p->busy = true;
    p->next_detail = NULL;
    pthread_mutex_lock(&d->lock);
    *d->asked_end = p;
    d->asked_end = &p->next_detail;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

struct process *detail_take(struct detail *d)
{
    pthread_mutex_lock(&d->lock);
    struct process *done = d->done;
    d->done = NULL;
    pthread_mutex_unlock(&d->lock);
    for (struct process *p = done; p != NULL; p = p->next_detail)
        p->busy = false;
    return done;
}

bool detail_idle(struct detail *d)
{
    pthread_mutex_lock(&d->lock);
    bool idle = d->asked == NULL;
    pthread_mutex_unlock(&d->lock);
    return idle;
}
