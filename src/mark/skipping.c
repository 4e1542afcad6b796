#include "mark/writer.h"

void count_in_head(size_t offset)
{
    struct shared_head *head = own_file_head();
    if (head != NULL)
        atomic_fetch_add_explicit((_Atomic uint64_t *)((uint8_t *)head + offset), 1,
                                  memory_order_relaxed);
}

void count_lost_scope(uint32_t site, uint64_t ticks)
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
        count_lost_scope(site, ticks);
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
void writer_skip_begin(struct writer *w, uint32_t site)
{
    uint32_t at = w->skipped;
    w->skipped = at + 1;
    BARRIER();
    if (at < SKIPS_MAX)
        w->skips[at] = (struct skipped){now(), site};
}

/* Below what there is room for the time is not known: it counts as none. */
void writer_skip_end(struct writer *w)
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
