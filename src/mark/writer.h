/*
 * The marks of one thread on their way into its ring.
 *
 * The way most marks take is short: room is known by `limit`, a cell is written, `head` moves on.
 * Everything else (no ring yet, no room, no scope open) shows in a comparison that fails, and goes the
 * slow way.
 *
 * While a mark is written `limit` is 0: a signal handler that marks meanwhile goes the slow way, sees a
 * writer that is busy, and its scopes are counted, not recorded. The same skipping is for scopes that a
 * full ring has no room for. Begins leave room for the ends of all open scopes, so that ends that were
 * begun always fit.
 */
#ifndef TACHO_MARK_WRITER_H
#define TACHO_MARK_WRITER_H

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "mark/own_file.h"

#define ROOM_KEPT 4    /* cells: the end of the thread, and some to spare */
#define ROOM_A_SCOPE 2 /* that an open scope keeps for its end */
#define ROOM_A_BEGIN 2 /* that a begin takes at most */
#define RECENT 32

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

/* The calling thread's; never NULL: one without a ring has no room either. */
extern __thread struct writer *writer_current
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

#define BARRIER() __asm__ volatile("" ::: "memory")

static inline uint64_t now(void)
{
    return own_file_tsc ? tsc_now() : clock_mono_ns();
}

static inline uint64_t thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

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
static inline void put_valued(struct writer *w, enum cell_kind kind, uint32_t site, uint64_t stamp,
                              uint64_t value)
{
    uint64_t head = w->head;
    *cell_at(w, head) = (struct shared_cell){stamp, cell_word(kind, site)};
    *cell_at(w, head + 1) = (struct shared_cell){value, 0};
    publish(w, head + 2);
}

/* A begin, or an end, that has room, with all that it may need. */
void writer_put_begin(struct writer *w, enum cell_kind kind, uint32_t site);
void writer_put_end(struct writer *w, enum cell_kind kind, uint32_t site);

/* Whatever it is that is in the way. */
void writer_begin_slowly(enum cell_kind kind, uint32_t site);
void writer_end_slowly(void);

/*
 * Room for `cells` beside what is open: the writer, busy until writer_leave gives `*ret_limit` back. NULL:
 * none; that is counted.
 */
struct writer *writer_enter(uint64_t cells, uint64_t *ret_limit);

static inline void writer_leave(struct writer *w, uint64_t limit)
{
    BARRIER();
    w->limit = limit;
}

/* Before the first mark: what forks and the ends of threads need. */
void writer_prepare(void);

/* ---- scopes that are counted, not recorded (skipping.c) ---- */

/* A scope of the thread that is not recorded. */
void writer_skip_begin(struct writer *w, uint32_t site);
void writer_skip_end(struct writer *w);

/* One that no writer skips. */
void count_lost_scope(uint32_t site, uint64_t ticks);

/* One more of a counter in the head, by its offset there. */
void count_in_head(size_t offset);

#define COUNT(member) count_in_head(offsetof(struct shared_head, member))

#endif
