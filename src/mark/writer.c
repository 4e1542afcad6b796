#include "mark/writer.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mark/marking.h"

/* What threads without a ring have: those that did not mark yet, and those that cannot. */
static struct writer idle, refused;
__thread struct writer *writer_current
    __attribute__((tls_model("initial-exec"), visibility("hidden"))) = &idle;
/* Scopes of the parent that are open in the forked child's one thread. */
static __thread uint32_t inherited_open __attribute__((tls_model("initial-exec")));

static pthread_key_t at_thread_end;
static bool has_key;

void writer_put_begin(struct writer *w, enum cell_kind kind, uint32_t site)
{
    if (kind == CELL_BEGIN)
        put(w, kind, site, now());
    else
        put_valued(w, kind, site, now(), thread_cpu_ns());
}

void writer_put_end(struct writer *w, enum cell_kind kind, uint32_t site)
{
    uint64_t cpu_ns = kind == CELL_END ? 0 : thread_cpu_ns();
    if (kind == CELL_END)
        put(w, kind, site, now());
    else
        put_valued(w, kind, site, now(), cpu_ns);
}

/* ---- room ---- */

static uint64_t open_scopes(const struct writer *w)
{
    return w->full ? w->open : (w->top - w->limit) / ROOM_A_SCOPE;
}

/* More cells, as long as none of the first was written a second time. */
static void grow(struct writer *w)
{
    uint32_t cells = (uint32_t)(w->mask + 1);
    if (cells < RING_CELLS_MAX && own_file_reserve_cells(w->number, 2 * cells)) {
        atomic_store_explicit(&w->ring->cells, 2 * cells, memory_order_release);
        w->mask = 2 * cells - 1;
        return;
    }
    w->grows = false;
}

/* What `limit` would be without open scopes, as far as the reader has come. */
static uint64_t top_now(const struct writer *w)
{
    uint64_t tail = atomic_load_explicit(&w->ring->tail, memory_order_acquire);
    uint64_t cells = w->mask + 1;
    if (tail > w->head || w->head - tail > cells)
        tail = w->head > cells ? w->head - cells : 0; /* no reader of ours wrote that */
    uint64_t top = tail + cells;
    if (w->grows && top > cells)
        top = cells;
    return top - ROOM_KEPT;
}

/* Whether `cells` more fit beside the ends of all that is open, and what is to be opened. */
static bool find_room(struct writer *w, uint64_t open, uint64_t cells)
{
    uint64_t needed = w->head + cells + (open + 1) * ROOM_A_SCOPE;
    w->top = top_now(w);
    while (needed >= w->top && w->grows) {
        grow(w);
        w->top = top_now(w);
    }
    if (needed < w->top)
        return true;
    if (atomic_load_explicit(&own_file_head()->closed, memory_order_relaxed) != 0)
        marking_end(); /* nobody reads any more */
    return false;
}

static void set_limit(struct writer *w, uint64_t open)
{
    BARRIER();
    w->limit = w->top - ROOM_A_SCOPE * open;
}

/* Skipped scopes that are still open are recorded after all, when there is plenty of room. */
static bool stop_skipping(struct writer *w)
{
    uint64_t open = w->open;
    uint32_t skipped = w->skipped;
    if (skipped > SKIPS_MAX || !find_room(w, open + skipped, (w->mask + 1) / 2))
        return false;
    for (uint32_t i = 0; i < skipped; i++) {
        *cell_at(w, w->head) =
            (struct shared_cell){w->skips[i].stamp, cell_word(CELL_BEGIN, w->skips[i].site)};
        publish(w, w->head + 1);
    }
    w->skipped = 0;
    w->full = false;
    set_limit(w, open + skipped);
    return true;
}

/* ---- a thread's ring ---- */

static void give_ring(void *argument)
{
    struct writer *w = argument;
    if (w->ring == NULL || w != writer_current)
        return; /* a forked child's, or given back already */
    *cell_at(w, w->head) = (struct shared_cell){now(), cell_word(CELL_THREAD_END, 0)};
    publish(w, w->head + 1);
    struct shared_ring *ring = w->ring;
    w->ring = NULL;
    w->limit = w->top = 0;
    writer_current = &idle;
    own_file_give_ring(ring);
}

/* What the writer of this ring before left in it is undone by the thread's end in the cells. */
static struct writer *begin_ring(struct shared_ring *ring, uint32_t number)
{
    struct writer *w = own_file_memory(number);
    uint64_t mask = atomic_load(&ring->cells) - 1;
    w->cells = ring_cells(ring);
    w->mask = mask;
    w->head = atomic_load_explicit(&ring->head, memory_order_acquire);
    w->number = number;
    w->grows = w->head <= mask + 1 && mask + 1 < RING_CELLS_MAX;
    w->full = false;
    w->skipped = 0;
    w->counting = false;
    w->ring = ring;
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    while (w->head - tail + ROOM_KEPT > w->mask && w->grows)
        grow(w);
    if (w->head - tail + ROOM_KEPT > w->mask) { /* full as it was left: some other */
        w->ring = NULL;
        own_file_give_ring(ring);
        return NULL;
    }
    uint32_t tid = (uint32_t)syscall(SYS_gettid);
    atomic_store(&ring->tid, tid);
    *cell_at(w, w->head) = (struct shared_cell){now(), cell_word(CELL_THREAD, tid)};
    publish(w, w->head + 1);
    w->top = top_now(w);
    set_limit(w, 0);
    return w;
}

static struct writer *take_ring(void)
{
    uint32_t number;
    struct shared_ring *ring = own_file_ready() ? own_file_take_ring(&number) : NULL;
    if (ring == NULL && own_file_head() == NULL)
        marking_end();
    return ring == NULL ? NULL : begin_ring(ring, number);
}

/* The calling thread's writer, with a ring; NULL when it has none. */
static struct writer *writer_of_thread(void)
{
    if (writer_current->ring != NULL)
        return writer_current;
    if (writer_current == &refused || !marking_works())
        return NULL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct writer *w = take_ring();
    writer_current = w != NULL ? w : &refused;
    if (w != NULL && has_key)
        pthread_setspecific(at_thread_end, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w;
}

/* ---- the slow ways ---- */

__attribute__((noinline, cold)) void writer_begin_slowly(enum cell_kind kind, uint32_t site)
{
    struct writer *w = writer_of_thread();
    if (w == NULL) {
        count_lost_scope(site, 0);
        return;
    }
    if (w->limit == 0 && !(w->full && stop_skipping(w))) {
        writer_skip_begin(w, site);
        return;
    }
    uint64_t open = open_scopes(w);
    w->limit = 0;
    BARRIER();
    if (find_room(w, open, ROOM_A_BEGIN)) {
        writer_put_begin(w, kind, site);
        set_limit(w, open + 1);
        return;
    }
    w->open = open;
    writer_skip_begin(w, site);
    BARRIER();
    w->full = true;
}

__attribute__((noinline, cold)) void writer_end_slowly(void)
{
    struct writer *w = writer_current;
    if (w->ring != NULL && w->limit == 0 && w->skipped > 0) {
        writer_skip_end(w);
        if (w->skipped > 0 || !w->full)
            return;
        uint64_t open = w->open;
        w->full = false;
        w->top = top_now(w);
        set_limit(w, open);
    } else if (inherited_open > 0) {
        inherited_open--;
    } else if (w != &refused) {
        COUNT(unbalanced);
    }
}

/* Room for `cells`, beside what is open: the writer is then busy, and `*ret_limit` to be given back. */
struct writer *writer_enter(uint64_t cells, uint64_t *ret_limit)
{
    struct writer *w = writer_of_thread();
    if (w == NULL || (w->limit == 0 && !(w->full && stop_skipping(w)))) {
        COUNT(lost_others);
        return NULL;
    }
    uint64_t limit = w->limit, open = open_scopes(w);
    w->limit = 0;
    BARRIER();
    if (w->head + cells >= limit) {
        bool found = find_room(w, open, cells);
        limit = w->top - ROOM_A_SCOPE * open;
        if (!found) {
            BARRIER();
            w->limit = limit;
            COUNT(lost_others);
            return NULL;
        }
    }
    *ret_limit = limit;
    return w;
}

/* ---- forks ---- */

static void before_fork(void)
{
    const struct writer *w = writer_current;
    if (w->ring != NULL && (w->limit != 0 || w->full))
        inherited_open += (uint32_t)open_scopes(w) + (w->full ? w->skipped : 0);
}

static void after_fork_in_parent(void)
{
    inherited_open = 0;
}

static void after_fork_in_child(void)
{
    own_file_forget();
    writer_current = &idle;
}

void writer_prepare(void)
{
    static _Atomic bool prepared;
    if (atomic_exchange(&prepared, true))
        return;
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    has_key = pthread_key_create(&at_thread_end, give_ring) == 0;
}
