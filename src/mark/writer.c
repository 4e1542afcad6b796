/*
 * The marks of this process: what <tacho/tacho.h> declares, but for start and stop.
 *
 * Each thread has a writer. The way most marks take is short: room is known by `limit`, a cell is written,
 * `head` moves on. Everything else (no ring yet, no room, no scope open, a name not seen before) shows
 * in a comparison that fails, and goes the slow way.
 *
 * While a mark is written `limit` is 0: a signal handler that marks meanwhile goes the slow way, sees a
 * writer that is busy, and its scopes are counted, not recorded. The same skipping is for scopes that a
 * full ring has no room for. Begins leave room for the ends of all open scopes, so that ends that were
 * begun always fit.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <tacho/tacho.h>
#include <unistd.h>

#include "base/clock.h"
#include "mark/marking.h"
#include "mark/own_file.h"
#include "mark/site_names.h"

#define ROOM_KEPT 4    /* cells: the end of the thread, and some to spare */
#define ROOM_A_SCOPE 2 /* that an open scope keeps for its end */
#define ROOM_A_BEGIN 2 /* that a begin takes at most */
#define RECENT 32

/* Bits of tacho_marking. */
#define TO_RECORDING 1
#define TO_HEARER 2

int tacho_marking;
static void (*_Atomic hear_label)(const char *text, size_t n);

struct skipped {
    uint64_t stamp;
    uint32_t site;
};

/* A name that was looked up lately: found again by its address, then compared. */
struct recent {
    const char *name, *category;
    uint32_t site;
};

/* Of one ring, in memory that a fork wipes: a child's threads find zeros, and take rings of their own. */
struct writer {
    struct shared_cell *cells;
    struct shared_ring *ring; /* NULL: none */
    uint64_t mask;
    uint64_t head;
    uint64_t limit; /* a begin fits below it; 0: busy, or skipping */
    uint64_t top;   /* what `limit` is without open scopes */
    uint64_t open;  /* scopes, valid while `full` */
    bool full;      /* skipping for want of room, not since busy */
    bool counting;  /* a scope that was skipped */
    bool grows;     /* it has not been once around, and more may be allocated */
    uint32_t number;
    uint32_t skipped; /* open scopes that are not recorded */
    struct recent recent[RECENT];
    struct skipped skips[];
};

#define SKIPS_MAX ((OWN_BYTES_A_RING - sizeof(struct writer)) / sizeof(struct skipped))

/* What threads without a ring have: those that did not mark yet, and those that cannot. */
static struct writer idle, refused;
static __thread struct writer *current __attribute__((tls_model("initial-exec"))) = &idle;
/* Scopes of the parent that are open in the forked child's one thread. */
static __thread uint32_t inherited_open __attribute__((tls_model("initial-exec")));

static pthread_key_t at_thread_end;
static bool has_key;

#define BARRIER() __asm__ volatile("" ::: "memory")

static inline uint64_t now(void)
{
    return own_file_tsc ? tsc_now() : clock_mono_ns();
}

static inline uint64_t thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- on and off ---- */

static void turn_on(int bits)
{
    __atomic_fetch_or(&tacho_marking, bits, __ATOMIC_RELAXED);
}

static void turn_off(int bits)
{
    __atomic_fetch_and(&tacho_marking, ~bits, __ATOMIC_RELAXED);
}

bool marking_works(void)
{
    return (__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) & TO_RECORDING) != 0;
}

void marking_hear_labels(void (*hear)(const char *text, size_t n))
{
    atomic_store(&hear_label, hear);
    if (hear != NULL)
        turn_on(TO_HEARER);
    else
        turn_off(TO_HEARER);
}

/* ---- cells ---- */

static inline void publish(struct writer *w, uint64_t head)
{
    w->head = head;
    atomic_store_explicit(&w->ring->head, head, memory_order_release);
}

static inline struct shared_cell *cell_at(struct writer *w, uint64_t position)
{
    return &w->cells[position & w->mask];
}

static inline void put(struct writer *w, enum cell_kind kind, uint32_t site, uint64_t stamp)
{
    uint64_t head = w->head;
    *cell_at(w, head) = (struct shared_cell){stamp, cell_word(kind, site)};
    publish(w, head + 1);
}

/* One with a value, in two cells. */
static void put_valued(struct writer *w, enum cell_kind kind, uint32_t site, uint64_t stamp,
                       uint64_t value)
{
    uint64_t head = w->head;
    *cell_at(w, head) = (struct shared_cell){stamp, cell_word(kind, site)};
    *cell_at(w, head + 1) = (struct shared_cell){value, 0};
    publish(w, head + 2);
}

static void put_text(struct writer *w, enum cell_kind kind, uint64_t stamp, const char *text,
                     uint32_t n)
{
    uint64_t head = w->head;
    uint32_t cells = cells_of_text(n);
    *cell_at(w, head) = (struct shared_cell){stamp, cell_word(kind, n)};
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t at = i * (uint32_t)sizeof(struct shared_cell), left = n - at;
        memcpy(cell_at(w, head + 1 + i), text + at,
               left < sizeof(struct shared_cell) ? left : sizeof(struct shared_cell));
    }
    publish(w, head + 1 + cells);
}

static __attribute__((noinline)) void put_begin(struct writer *w, enum cell_kind kind,
                                                uint32_t site)
{
    if (kind == CELL_BEGIN)
        put(w, kind, site, now());
    else
        put_valued(w, kind, site, now(), thread_cpu_ns());
}

static __attribute__((noinline)) void put_end(struct writer *w, enum cell_kind kind, uint32_t site)
{
    uint64_t cpu_ns = kind == CELL_END ? 0 : thread_cpu_ns();
    if (kind == CELL_END)
        put(w, kind, site, now());
    else
        put_valued(w, kind, site, now(), cpu_ns);
}

/* ---- counting what is not recorded ---- */

static void count(size_t offset)
{
    struct shared_head *head = own_file_head();
    if (head != NULL)
        atomic_fetch_add_explicit((_Atomic uint64_t *)((uint8_t *)head + offset), 1,
                                  memory_order_relaxed);
}

#define COUNT(member) count(offsetof(struct shared_head, member))

static void count_scope(uint32_t site, uint64_t ticks)
{
    struct shared_site *total = own_file_site(site);
    COUNT(lost_scopes);
    if (total == NULL)
        return;
    atomic_fetch_add_explicit(&total->lost, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&total->lost_ticks, ticks, memory_order_relaxed);
}

static inline void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/*
 * By the one thread that writes to this ring. What a signal handler in between adds may be lost, which
 * is why it counts elsewhere: it finds the writer in `counting`.
 */
static void count_skipped(struct writer *w, uint32_t site, uint64_t ticks)
{
    struct shared_total *total = &w->ring->total[site % RING_TOTALS];
    uint64_t of = atomic_load_explicit(&total->site, memory_order_relaxed);
    if (w->counting || (of != site && of != 0)) {
        count_scope(site, ticks);
        return;
    }
    w->counting = true;
    BARRIER();
    add(&total->lost, 1);
    add(&total->lost_ticks, ticks);
    atomic_store_explicit(&total->site, site, memory_order_release);
    BARRIER();
    w->counting = false;
}

/* A signal handler in between skips above the new entry, and takes its own away again. */
static void skip_begin(struct writer *w, uint32_t site)
{
    uint32_t at = w->skipped;
    w->skipped = at + 1;
    BARRIER();
    if (at < SKIPS_MAX)
        w->skips[at] = (struct skipped){now(), site};
}

/* Below what there is room for the time is not known: it counts as none. */
static void skip_end(struct writer *w)
{
    uint32_t at = w->skipped - 1;
    struct skipped skip = {0};
    if (at < SKIPS_MAX)
        skip = w->skips[at];
    BARRIER();
    w->skipped = at;
    if (at < SKIPS_MAX)
        count_skipped(w, skip.site, now() - skip.stamp);
    else
        COUNT(lost_scopes);
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
        turn_off(TO_RECORDING); /* nobody reads any more */
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
    if (w->ring == NULL || w != current)
        return; /* a forked child's, or given back already */
    *cell_at(w, w->head) = (struct shared_cell){now(), cell_word(CELL_THREAD_END, 0)};
    publish(w, w->head + 1);
    struct shared_ring *ring = w->ring;
    w->ring = NULL;
    w->limit = w->top = 0;
    current = &idle;
    own_file_give_ring(ring);
}

/* What the writer of this ring before left in it is undone by the thread's end in the cells. */
static struct writer *writer_begin(struct shared_ring *ring, uint32_t number)
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
        turn_off(TO_RECORDING);
    return ring == NULL ? NULL : writer_begin(ring, number);
}

/* The calling thread's writer, with a ring; NULL when it has none. */
static struct writer *writer_of_thread(void)
{
    if (current->ring != NULL)
        return current;
    if (current == &refused || !marking_works())
        return NULL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct writer *w = take_ring();
    current = w != NULL ? w : &refused;
    if (w != NULL && has_key)
        pthread_setspecific(at_thread_end, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w;
}

/* ---- the slow ways ---- */

static __attribute__((noinline, cold)) void begin_slowly(enum cell_kind kind, uint32_t site)
{
    struct writer *w = writer_of_thread();
    if (w == NULL) {
        count_scope(site, 0);
        return;
    }
    if (w->limit == 0 && !(w->full && stop_skipping(w))) {
        skip_begin(w, site);
        return;
    }
    uint64_t open = open_scopes(w);
    w->limit = 0;
    BARRIER();
    if (find_room(w, open, ROOM_A_BEGIN)) {
        put_begin(w, kind, site);
        set_limit(w, open + 1);
        return;
    }
    w->open = open;
    skip_begin(w, site);
    BARRIER();
    w->full = true;
}

static __attribute__((noinline, cold)) void end_slowly(void)
{
    struct writer *w = current;
    if (w->ring != NULL && w->limit == 0 && w->skipped > 0) {
        skip_end(w);
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
static struct writer *enter(uint64_t cells, uint64_t *ret_limit)
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

static inline void leave(struct writer *w, uint64_t limit)
{
    BARRIER();
    w->limit = limit;
}

/* ---- names ---- */

static __attribute__((noinline, cold)) uint32_t new_id_of_place(struct tacho_place *place)
{
    uint32_t id = site_name_id(place->name, place->category, own_file_put_site);
    __atomic_store_n(&place->id, id, __ATOMIC_RELAXED);
    return id;
}

static inline uint32_t id_of_place(struct tacho_place *place)
{
    uint32_t id = __atomic_load_n(&place->id, __ATOMIC_RELAXED);
    return RARELY(id == 0) ? new_id_of_place(place) : id;
}

static bool is_text(const char *text, uint32_t at, uint32_t bytes)
{
    return text == NULL ? bytes == 0
                        : strncmp(text, site_text(at), bytes) == 0 &&
                              (bytes == NAME_BYTES_MAX || text[bytes] == '\0');
}

static bool is_recent(const struct recent *r, const char *name, const char *category)
{
    if (r->site == 0 || r->name != name || r->category != category)
        return false;
    const struct site_name *site = site_name_of(r->site);
    return is_text(name, site->name_at, site->name_bytes) &&
           is_text(category, site->category_at, site->category_bytes);
}

/* Its text may have changed since it was at that address. */
static uint32_t id_of_texts(const char *name, const char *category)
{
    struct writer *w = current;
    if (w->ring == NULL)
        return site_name_id(name, category, own_file_put_site);
    struct recent *r = &w->recent[((uintptr_t)name ^ (uintptr_t)name >> 5) % RECENT];
    struct recent found = *r;
    if (is_recent(&found, name, category))
        return found.site;
    uint32_t id = site_name_id(name, category, own_file_put_site);
    if (id != SITE_TOO_MANY)
        *r = (struct recent){name, category, id};
    return id;
}

/* ---- what programs call ---- */

static inline void begin(enum cell_kind kind, uint32_t site)
{
    struct writer *w = current;
    uint64_t limit = w->limit;
    if (RARELY(w->head + ROOM_A_BEGIN >= limit)) {
        begin_slowly(kind, site);
        return;
    }
    w->limit = 0;
    BARRIER();
    if (kind == CELL_BEGIN && own_file_tsc)
        put(w, kind, site, tsc_now());
    else
        put_begin(w, kind, site);
    BARRIER();
    w->limit = limit - ROOM_A_SCOPE;
}

static inline void end(enum cell_kind kind, uint32_t site)
{
    struct writer *w = current;
    uint64_t limit = w->limit;
    if (RARELY(limit - 1 >= w->top - 1)) {
        end_slowly();
        return;
    }
    w->limit = 0;
    BARRIER();
    if (kind == CELL_END && own_file_tsc)
        put(w, kind, site, tsc_now());
    else
        put_end(w, kind, site);
    BARRIER();
    w->limit = limit + ROOM_A_SCOPE;
}

void tacho_place_begin(struct tacho_place *place)
{
    begin(CELL_BEGIN, id_of_place(place));
}

void tacho_place_end(struct tacho_place *place)
{
    end(CELL_END, __atomic_load_n(&place->id, __ATOMIC_RELAXED));
}

void tacho_place_begin_cpu(struct tacho_place *place)
{
    begin(CELL_BEGIN_CPU, id_of_place(place));
}

void tacho_place_end_cpu(struct tacho_place *place)
{
    end(CELL_END_CPU, __atomic_load_n(&place->id, __ATOMIC_RELAXED));
}

void tacho_begin(const char *name, const char *category)
{
    if (marking_works())
        begin(CELL_BEGIN, id_of_texts(name, category));
}

void tacho_end(void)
{
    if (marking_works())
        end(CELL_END, 0);
}

static void put_value(uint32_t site, double value)
{
    uint64_t limit, bits;
    struct writer *w = enter(2, &limit);
    if (w == NULL)
        return;
    memcpy(&bits, &value, sizeof bits);
    put_valued(w, CELL_COUNTER, site, now(), bits);
    leave(w, limit);
}

void tacho_place_counter(struct tacho_place *place, double value)
{
    put_value(id_of_place(place), value);
}

void tacho_counter(const char *name, double value)
{
    if (marking_works())
        put_value(id_of_texts(name, NULL), value);
}

static void put_message(enum cell_kind kind, const char *text, size_t n)
{
    uint64_t limit;
    struct writer *w = enter(1 + cells_of_text((uint32_t)n), &limit);
    if (w == NULL)
        return;
    put_text(w, kind, now(), text, (uint32_t)n);
    leave(w, limit);
}

void tacho_label(const char *text, ...)
{
    if (__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) == 0)
        return;
    char message[LABEL_BYTES_MAX + 1];
    va_list values;
    va_start(values, text);
    int n = vsnprintf(message, sizeof message, text, values);
    va_end(values);
    if (n < 0)
        return;
    size_t length = n > LABEL_BYTES_MAX ? LABEL_BYTES_MAX : (size_t)n;
    void (*hear)(const char *, size_t) = atomic_load(&hear_label);
    if (hear != NULL)
        hear(message, length);
    if (marking_works())
        put_message(CELL_LABEL, message, length);
}

void tacho_thread_name(const char *name)
{
    if (marking_works() && name != NULL)
        put_message(CELL_THREAD_NAME, name, strnlen(name, NAME_BYTES_MAX));
}

/* ---- forks, and the beginning ---- */

static void before_fork(void)
{
    const struct writer *w = current;
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
    current = &idle;
}

void marking_begin(void)
{
    static _Atomic bool begun;
    if (!atomic_exchange(&begun, true)) {
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        has_key = pthread_key_create(&at_thread_end, give_ring) == 0;
    }
    own_file_begin();
    turn_on(TO_RECORDING);
}

void marking_end(void)
{
    turn_off(TO_RECORDING);
}
