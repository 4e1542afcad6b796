#include "mark/marks_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "mark/shared.h"

/* What was told of a counter in the file. */
struct told_total {
    uint64_t count, ticks;
};

struct ring_reader {
    struct shared_ring *shared; /* NULL: not mapped yet */
    uint64_t tail;              /* ours: what stands in the file is only told */
    uint64_t index, last_ns;    /* of the thread */
    uint32_t thread;            /* 0: none */
    struct told_total *told;    /* RING_TOTALS; NULL: nothing */
};

struct marks_file {
    int fd;
    uint8_t *base;
    struct shared_head *head;
    bool ticks;        /* stamps are ticks, not ns */
    bool resumed;      /* another reader has been here before */
    uint32_t *site_id; /* the receiver's, by ours; 0: not asked for yet */
    uint32_t site_cap;
    struct ring_reader *ring;
    uint32_t ring_count;
    uint64_t nonsense; /* cells and names that mean nothing */
    struct {
        uint64_t scopes, others, unbalanced;
    } told;
    struct told_total *told_total; /* by site; site_cap of them */
};

/* ---- the file ---- */

static int map_head(struct marks_file *f)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size < TEXT_AT + SHARED_PAGE)
        return st.st_size == 0 || S_ISREG(st.st_mode) ? -EAGAIN : -EPROTO;
    f->base = mmap(NULL, RINGS_AT, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (f->base == MAP_FAILED) {
        f->base = NULL;
        return -errno;
    }
    f->head = (struct shared_head *)f->base;
    if (atomic_load_explicit(&f->head->ready, memory_order_acquire) == 0)
        return -EAGAIN;
    bool known = f->head->magic == SHARED_MAGIC && f->head->version == SHARED_VERSION &&
                 f->head->clock <= SHARED_CLOCK_TSC && f->head->pid > 0;
    f->ticks = f->head->clock == SHARED_CLOCK_TSC;
    return known ? 0 : -EPROTO;
}

void marks_file_close(struct marks_file *f, bool last)
{
    if (f == NULL)
        return;
    if (f->head != NULL) {
        atomic_store(&f->head->closed, last);
        atomic_store(&f->head->resumed, 1);
    }
    for (uint32_t i = 0; i < f->ring_count; i++) {
        if (f->ring[i].shared != NULL)
            munmap(f->ring[i].shared, RING_STRIDE);
        free(f->ring[i].told);
    }
    if (f->base != NULL)
        munmap(f->base, RINGS_AT);
    if (f->fd >= 0)
        close(f->fd);
    free(f->ring);
    free(f->site_id);
    free(f->told_total);
    free(f);
}

struct marks_file_facts marks_file_facts(const struct marks_file *f)
{
    return (struct marks_file_facts){.pid = f->head->pid,
                                     .for_parent = f->head->for_parent != 0,
                                     .image = f->head->image,
                                     .created_ns = f->head->created_ns};
}

/* ---- names ---- */

static int sites_grow(struct marks_file *f, uint32_t count)
{
    uint32_t cap = f->site_cap == 0 ? 64 : f->site_cap;
    while (cap < count)
        cap *= 2;
    if (cap == f->site_cap)
        return 0;
    uint32_t *ids = realloc(f->site_id, cap * sizeof *ids);
    if (ids == NULL)
        return -ENOMEM;
    f->site_id = ids;
    struct told_total *told = realloc(f->told_total, cap * sizeof *told);
    if (told == NULL)
        return -ENOMEM;
    f->told_total = told;
    memset(ids + f->site_cap, 0, (cap - f->site_cap) * sizeof *ids);
    memset(told + f->site_cap, 0, (cap - f->site_cap) * sizeof *told);
    f->site_cap = cap;
    return 0;
}

static const struct shared_site *site_at(const struct marks_file *f, uint32_t id)
{
    return (const struct shared_site *)(f->base + SITES_AT) + id;
}

/* Asks the receiver. 0: there is no such name. */
static uint32_t new_site(struct marks_file *f, uint32_t id, const struct marks_sink *sink)
{
    uint32_t count = atomic_load_explicit(&f->head->site_count, memory_order_acquire);
    if (id == 0 || id >= count || count > SITES_MAX || sites_grow(f, count) != 0)
        return 0;
    const struct shared_site *site = site_at(f, id);
    if (atomic_load_explicit(&site->ready, memory_order_acquire) == 0)
        return 0;
    size_t name_at = site->name_at, category_at = site->category_at;
    size_t name_bytes = site->name_bytes, category_bytes = site->category_bytes;
    if (name_at > TEXT_BYTES || name_bytes > TEXT_BYTES - name_at || category_at > TEXT_BYTES ||
        category_bytes > TEXT_BYTES - category_at || name_bytes > NAME_BYTES_MAX ||
        category_bytes > NAME_BYTES_MAX)
        return 0;
    const char *text = (const char *)f->base + TEXT_AT;
    f->site_id[id] =
        sink->site(sink->user, text + name_at, name_bytes, text + category_at, category_bytes);
    return f->site_id[id];
}

static inline uint32_t site_of(struct marks_file *f, uint32_t id, const struct marks_sink *sink)
{
    if (id < f->site_cap && f->site_id[id] != 0)
        return f->site_id[id];
    return new_site(f, id, sink);
}

/* ---- rings ---- */

/* One drain of one ring. */
struct draining {
    struct marks_file *file;
    struct ring_reader *ring;
    const struct shared_cell *cells;
    uint64_t mask, at, head;
    const struct tick_clock *clock;
    uint64_t line, latest_ns; /* nothing was marked later than this */
    const struct marks_sink *sink;
    struct mark *mark; /* MARKS_AT_ONCE */
    size_t n;
};

static inline const struct shared_cell *cell_at(const struct draining *d, uint64_t position)
{
    return &d->cells[position & d->mask];
}

/* Never before the thread's mark before it, whatever the stamp is. */
static inline uint64_t time_of(struct draining *d, uint64_t stamp)
{
    uint64_t ns = d->file->ticks ? tick_clock_next_ns(d->clock, &d->line, stamp) : stamp;
    if (ns > d->latest_ns)
        ns = d->latest_ns;
    if (ns < d->ring->last_ns)
        ns = d->ring->last_ns;
    d->ring->last_ns = ns;
    return ns;
}

/* All before `d->at`; the writer has its room again. */
static void hand_over(struct draining *d)
{
    if (d->n > 0 && d->ring->thread != 0)
        d->sink->marks(d->sink->user, d->ring->thread, d->ring->index, d->mark, d->n);
    d->ring->index += d->n;
    d->n = 0;
    d->ring->tail = d->at;
    atomic_store_explicit(&d->ring->shared->tail, d->at, memory_order_release);
}

static inline void put_mark(struct draining *d, const struct shared_cell *cell, uint32_t kind,
                            uint64_t value)
{
    uint32_t local = (uint32_t)(cell->word >> 32);
    uint32_t site = local == 0 && kind == MARK_END ? 0 : site_of(d->file, local, d->sink);
    if (RARELY(site == 0 && (local != 0 || kind != MARK_END))) {
        d->file->nonsense++;
        return;
    }
    d->mark[d->n++] = (struct mark){
        .time_ns = time_of(d, cell->stamp), .value = value, .site = site, .kind = kind};
}

static uint32_t begin_thread(struct draining *d, const struct shared_cell *cell)
{
    hand_over(d);
    d->ring->index = 0;
    d->ring->thread =
        d->sink->thread(d->sink->user, (int)(cell->word >> 32), time_of(d, cell->stamp));
    return 1;
}

static uint32_t end_thread(struct draining *d, const struct shared_cell *cell)
{
    hand_over(d);
    if (d->ring->thread != 0)
        d->sink->thread_end(d->sink->user, d->ring->thread, time_of(d, cell->stamp));
    d->ring->thread = 0;
    return 1;
}

/* A text lies in the cells behind, perhaps around the ring's end. Cells in all. */
static uint32_t take_text(struct draining *d, const struct shared_cell *cell, uint32_t kind)
{
    char text[LABEL_BYTES_MAX + sizeof(struct shared_cell)];
    uint32_t bytes = (uint32_t)(cell->word >> 32), cells = cells_of_text(bytes);
    if (bytes > LABEL_BYTES_MAX || d->head - d->at < 1 + cells) {
        d->file->nonsense++;
        return 1;
    }
    for (uint32_t i = 0; i < cells; i++)
        memcpy(text + i * sizeof *cell, cell_at(d, d->at + 1 + i), sizeof *cell);
    uint64_t time_ns = time_of(d, cell->stamp);
    hand_over(d);
    if (kind == CELL_LABEL)
        d->sink->label(d->sink->user, d->ring->thread, time_ns, text, bytes);
    else if (d->ring->thread != 0)
        d->sink->thread_name(d->sink->user, d->ring->thread, time_ns, text, bytes);
    return 1 + cells;
}

static uint32_t take_valued(struct draining *d, const struct shared_cell *cell, uint32_t kind)
{
    static const uint32_t kinds[] = {[CELL_BEGIN_CPU] = MARK_BEGIN_CPU,
                                     [CELL_END_CPU] = MARK_END_CPU,
                                     [CELL_COUNTER] = MARK_COUNTER};
    if (d->head - d->at < 2) {
        d->file->nonsense++;
        return 1;
    }
    put_mark(d, cell, kinds[kind], cell_at(d, d->at + 1)->stamp);
    return 2;
}

/* All but begins and ends. How many cells it has. */
static uint32_t take_other(struct draining *d, const struct shared_cell *cell, uint32_t kind)
{
    switch (kind) {
    case CELL_BEGIN_CPU:
    case CELL_END_CPU:
    case CELL_COUNTER: return take_valued(d, cell, kind);
    case CELL_LABEL:
    case CELL_THREAD_NAME: return take_text(d, cell, kind);
    case CELL_THREAD: return begin_thread(d, cell);
    case CELL_THREAD_END: return end_thread(d, cell);
    default: d->file->nonsense++; return 1;
    }
}

static void drain_cells(struct draining *d)
{
    while (d->at < d->head) {
        if (d->n == MARKS_AT_ONCE)
            hand_over(d);
        const struct shared_cell *cell = cell_at(d, d->at);
        uint32_t kind = (uint8_t)cell->word;
        if (kind == CELL_BEGIN || kind == CELL_END) {
            put_mark(d, cell, kind == CELL_BEGIN ? MARK_BEGIN : MARK_END, 0);
            d->at++;
        } else {
            d->at += take_other(d, cell, kind);
        }
    }
    hand_over(d);
}

static bool map_ring(struct marks_file *f, uint32_t number)
{
    struct stat st;
    size_t at = ring_at(number),
           least = SHARED_PAGE + RING_CELLS_FIRST * sizeof(struct shared_cell);
    if (fstat(f->fd, &st) != 0 || (size_t)st.st_size < at + least)
        return false;
    struct shared_ring *ring =
        mmap(NULL, RING_STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, (off_t)at);
    if (ring == MAP_FAILED)
        return false;
    f->ring[number].shared = ring;
    if (f->resumed)
        f->ring[number].tail = atomic_load(&ring->tail);
    return true;
}

/* As many cells as the file has room for: what is mapped beyond its end is no memory. */
static bool cells_are_there(const struct marks_file *f, uint32_t number, uint32_t cells)
{
    struct stat st;
    bool whole = cells >= RING_CELLS_FIRST && cells <= RING_CELLS_MAX && (cells & (cells - 1)) == 0;
    return whole && fstat(f->fd, &st) == 0 &&
           (size_t)st.st_size >= ring_at(number) + SHARED_PAGE + cells * sizeof(struct shared_cell);
}

/* Its beginning was told to the reader before us. */
static void go_on_with_thread(struct draining *d)
{
    const struct shared_cell *cell = cell_at(d, d->at);
    uint32_t tid = atomic_load(&d->ring->shared->tid);
    if (d->file->resumed && d->ring->thread == 0 && (uint8_t)cell->word != CELL_THREAD)
        d->ring->thread = d->sink->thread(d->sink->user, (int)tid, time_of(d, cell->stamp));
}

static void drain_ring(struct draining *d, uint32_t number, unsigned *fill)
{
    struct ring_reader *ring = &d->file->ring[number];
    if (ring->shared == NULL && !map_ring(d->file, number))
        return;
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    if (head == ring->tail)
        return;
    uint32_t cells = atomic_load_explicit(&ring->shared->cells, memory_order_acquire);
    if (!cells_are_there(d->file, number, cells))
        return;
    d->latest_ns = clock_mono_ns();
    if (head < ring->tail || head - ring->tail > cells) {
        d->file->nonsense++;
        ring->tail = head;
    }
    unsigned full = (unsigned)((head - ring->tail) * 256 / cells);
    if (full > *fill)
        *fill = full;
    d->ring = ring;
    d->cells = (const struct shared_cell *)((const uint8_t *)ring->shared + SHARED_PAGE);
    d->mask = cells - 1;
    d->at = ring->tail;
    d->head = head;
    d->line = tick_clock_oldest(d->clock);
    go_on_with_thread(d);
    drain_cells(d);
}

static int rings_grow(struct marks_file *f)
{
    uint32_t count = atomic_load_explicit(&f->head->ring_count, memory_order_acquire);
    if (count <= f->ring_count)
        return 0;
    if (count > RINGS_MAX)
        return -EPROTO;
    struct ring_reader *ring = realloc(f->ring, count * sizeof *ring);
    if (ring == NULL)
        return -ENOMEM;
    memset(ring + f->ring_count, 0, (count - f->ring_count) * sizeof *ring);
    f->ring = ring;
    f->ring_count = count;
    return 0;
}

/* ---- what was counted ---- */

/* What is being told, and how much of it. */
struct telling {
    struct marks_file *file;
    const struct tick_clock *clock;
    const struct marks_sink *sink;
    uint64_t scopes;
};

/* Without a sink it is only noted. */
static void tell_total(struct telling *t, uint32_t id, uint64_t lost, uint64_t ticks,
                       struct told_total *told)
{
    if (lost < told->count || ticks < told->ticks || (lost == told->count && ticks == told->ticks))
        return;
    uint64_t more = ticks - told->ticks;
    uint32_t site = t->sink == NULL ? 0 : site_of(t->file, id, t->sink);
    if (site != 0)
        t->sink->total(t->sink->user, site, lost - told->count,
                       t->file->ticks ? tick_clock_length_ns(t->clock, more) : more);
    if (site != 0 || t->sink == NULL)
        *told = (struct told_total){lost, ticks};
}

static void tell_of_sites(struct telling *t)
{
    struct marks_file *f = t->file;
    uint32_t count = atomic_load_explicit(&f->head->site_count, memory_order_acquire);
    if (count > SITES_MAX || sites_grow(f, count) != 0)
        return;
    for (uint32_t id = 1; id < count; id++) {
        const struct shared_site *site = site_at(f, id);
        tell_total(t, id, atomic_load(&site->lost), atomic_load(&site->lost_ticks),
                   &f->told_total[id]);
    }
}

static void tell_of_ring(struct telling *t, struct ring_reader *ring)
{
    if (ring->shared == NULL)
        return;
    for (uint32_t i = 0; i < RING_TOTALS; i++) {
        const struct shared_total *total = &ring->shared->total[i];
        uint64_t id = atomic_load_explicit(&total->site, memory_order_acquire);
        if (id == 0 || id >= SITES_MAX)
            continue;
        if (ring->told == NULL && (ring->told = calloc(RING_TOTALS, sizeof *ring->told)) == NULL)
            return;
        uint64_t lost = atomic_load(&total->lost);
        if (lost > ring->told[i].count)
            t->scopes += lost - ring->told[i].count;
        tell_total(t, (uint32_t)id, lost, atomic_load(&total->lost_ticks), &ring->told[i]);
    }
}

void marks_file_tell_lost(struct marks_file *f, const struct tick_clock *clock,
                          const struct marks_sink *sink)
{
    struct telling t = {.file = f, .clock = clock, .sink = sink};
    uint64_t scopes = atomic_load(&f->head->lost_scopes);
    uint64_t others = atomic_load(&f->head->lost_others) + f->nonsense;
    uint64_t unbalanced = atomic_load(&f->head->unbalanced);
    if (scopes != f->told.scopes)
        tell_of_sites(&t);
    for (uint32_t i = 0; i < f->ring_count; i++)
        tell_of_ring(&t, &f->ring[i]);
    t.scopes += scopes - f->told.scopes;
    if (t.scopes == 0 && others == f->told.others && unbalanced == f->told.unbalanced)
        return;
    if (sink != NULL)
        sink->lost(sink->user, t.scopes, others - f->told.others, unbalanced - f->told.unbalanced);
    f->told.scopes = scopes;
    f->told.others = others;
    f->told.unbalanced = unbalanced;
}

int marks_file_drain(struct marks_file *f, const struct tick_clock *clock,
                     const struct marks_sink *sink, struct mark *room, unsigned *fill)
{
    int r = rings_grow(f);
    if (r != 0)
        return r;
    struct draining d = {.file = f, .clock = clock, .sink = sink, .mark = room};
    for (uint32_t i = 0; i < f->ring_count; i++)
        drain_ring(&d, i, fill);
    return 0;
}

void marks_file_end_threads(struct marks_file *f, const struct marks_sink *sink, uint64_t time_ns)
{
    for (uint32_t i = 0; i < f->ring_count; i++) {
        struct ring_reader *ring = &f->ring[i];
        if (ring->thread != 0)
            sink->thread_end(sink->user, ring->thread,
                             time_ns > ring->last_ns ? time_ns : ring->last_ns);
        ring->thread = 0;
    }
}

/* ---- opening ---- */

/* What was told to the reader before us is not told again. */
static void resume(struct marks_file *f)
{
    f->resumed = true;
    if (rings_grow(f) != 0)
        return;
    for (uint32_t i = 0; i < f->ring_count; i++)
        map_ring(f, i);
    marks_file_tell_lost(f, NULL, NULL);
}

int marks_file_open(int dir_fd, const char *name, struct marks_file **ret)
{
    struct marks_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int r = f->fd < 0 ? -errno : map_head(f);
    if (r != 0) {
        f->head = NULL;
        marks_file_close(f, false);
        return r;
    }
    if (atomic_load(&f->head->resumed) != 0)
        resume(f);
    atomic_store(&f->head->closed, 0);
    *ret = f;
    return 0;
}
