/*
 * A marking process's file, as a recorder reads it: head, names and two rings from the input. Read twice,
 * with more written in between, as it is while the process lives.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mark/marks_file.h"
#include "mark/shared.h"

#define NAME "1-0"
#define SITES 16
#define TEXT 512

static int directory = -1;
static uint8_t *base, *rings[2];

static void *map(int fd, size_t at, size_t bytes)
{
    void *ret = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
    if (ret == MAP_FAILED)
        abort();
    return ret;
}

/* One file for all inputs: only what they can reach is written anew. */
static void begin(void)
{
    char path[64]; /* one of few: libFuzzer ends without a chance to clean up */
    snprintf(path, sizeof path, "/dev/shm/tacho-fuzz-%d", (int)getpid() % 8);
    mkdir(path, 0700);
    if ((directory = open(path, O_RDONLY | O_DIRECTORY)) < 0)
        abort();
    int fd = openat(directory, NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)ring_at(2)) != 0)
        abort();
    base = map(fd, 0, RINGS_AT);
    for (int i = 0; i < 2; i++)
        rings[i] = map(fd, ring_at((size_t)i), RING_STRIDE);
    close(fd);
}

/* ---- what it tells must be sound ---- */

struct told {
    uint32_t threads;
    uint64_t next[64], last_ns[64];
};

static uint32_t on_site(void *user, const char *name, size_t n, const char *category, size_t m)
{
    uint32_t sum = 1;
    for (size_t i = 0; i < n; i++)
        sum += (uint8_t)name[i];
    for (size_t i = 0; i < m; i++)
        sum += (uint8_t)category[i];
    (void)user;
    return sum;
}

static uint32_t on_thread(void *user, int tid, uint64_t time_ns)
{
    struct told *t = user;
    (void)tid;
    t->threads++;
    t->next[t->threads % 64] = 0;
    t->last_ns[t->threads % 64] = time_ns;
    return t->threads;
}

static void on_thread_end(void *user, uint32_t thread, uint64_t time_ns)
{
    struct told *t = user;
    if (thread > t->threads || time_ns < t->last_ns[thread % 64])
        abort();
}

static void on_text(void *user, uint32_t thread, uint64_t time_ns, const char *text, size_t n)
{
    static volatile uint32_t sum;
    (void)user;
    (void)thread;
    (void)time_ns;
    for (size_t i = 0; i < n; i++)
        sum = sum + (uint8_t)text[i];
}

static void on_marks(void *user, uint32_t thread, uint64_t first, const struct mark *mark, size_t n)
{
    struct told *t = user;
    if (n > MARKS_AT_ONCE || thread == 0 || thread > t->threads)
        abort();
    if (t->threads < 64 && first != t->next[thread])
        abort();
    for (size_t i = 0; i < n && t->threads < 64; i++) {
        if (mark[i].time_ns < t->last_ns[thread] || mark[i].kind >= MARK_KINDS)
            abort();
        t->last_ns[thread] = mark[i].time_ns;
    }
    t->next[thread % 64] = first + n;
}

static void on_total(void *user, uint32_t site, uint64_t count, uint64_t total_ns)
{
    (void)user;
    (void)count;
    (void)total_ns;
    if (site == 0)
        abort();
}

static void on_lost(void *user, uint64_t scopes, uint64_t others, uint64_t unbalanced)
{
    (void)user;
    (void)scopes;
    (void)others;
    (void)unbalanced;
}

/* ---- from the input ---- */

static void take(const uint8_t **data, size_t *size, void *to, size_t n)
{
    size_t there = n < *size ? n : *size;
    memcpy(to, *data, there);
    memset((uint8_t *)to + there, 0, n - there);
    *data += there;
    *size -= there;
}

/* Most of it as a process would write it, so that the input reaches what lies behind. */
static void fill(const uint8_t **data, size_t *size)
{
    struct shared_head *head = (struct shared_head *)base;
    take(data, size, head, sizeof *head);
    head->magic = SHARED_MAGIC;
    head->version = SHARED_VERSION;
    head->clock &= 1;
    head->pid = 1;
    atomic_store(&head->ready, 1);
    atomic_store(&head->ring_count, atomic_load(&head->ring_count) & 3);
    take(data, size, base + SITES_AT, SITES * sizeof(struct shared_site));
    take(data, size, base + TEXT_AT, TEXT);
    for (int i = 0; i < 2; i++) {
        struct shared_ring *ring = (struct shared_ring *)rings[i];
        take(data, size, ring, offsetof(struct shared_ring, total));
        take(data, size, ring->total, 4 * sizeof *ring->total);
        take(data, size, rings[i] + SHARED_PAGE, 64 * sizeof(struct shared_cell));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mark room[MARKS_AT_ONCE];
    if (base == NULL)
        begin();
    struct told told = {0};
    struct tick_clock clock = {0};
    const struct marks_sink sink = {&told,   on_site,  on_thread, on_thread_end, on_text,
                                    on_text, on_marks, on_total,  on_lost};
    struct marks_file *file;
    unsigned full = 0;
    fill(&data, &size);
    tick_clock_put(&clock, 1000, 1000);
    tick_clock_put(&clock, 100000000, 100001000);
    if (marks_file_open(directory, NAME, &file) != 0)
        return 0;
    for (int i = 0; i < 2; i++) {
        if (marks_file_drain(file, &clock, &sink, room, &full) != 0)
            break;
        marks_file_tell_lost(file, &clock, &sink);
        fill(&data, &size);
    }
    marks_file_close(file, true);
    return 0;
}
