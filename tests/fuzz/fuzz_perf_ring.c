/*
 * Any bytes as what the kernel wrote into two rings: whatever is read is of sound form, everything is
 * read in the end, and nothing beyond it.
 */
#undef NDEBUG
#include <assert.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "follow/perf_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define PAGE 4096
#define SIZE 256
#define RINGS 2
#define PID_MAX (4 * 1024 * 1024)

struct input {
    const uint8_t *at, *end;
};

static uint64_t take_bytes(struct input *in, void *ret, size_t n)
{
    size_t left = (size_t)(in->end - in->at);
    n = n < left ? n : left;
    memcpy(ret, in->at, n);
    in->at += n;
    return n;
}

static struct perf_event_mmap_page *page_of(const struct perf_ring *ring)
{
    return ring->map;
}

/* The next bytes of the input are written behind what is there, as far as there is room; or not. */
static void write_some(struct input *in, struct perf_ring *ring)
{
    uint8_t count = 0, chunk[SIZE];
    struct perf_event_mmap_page *page = page_of(ring);
    take_bytes(in, &count, sizeof count);
    uint64_t n = take_bytes(in, chunk, count);
    for (uint64_t i = 0; i < n; i++)
        ((uint8_t *)ring->map)[PAGE + ((page->data_head + i) & (SIZE - 1))] = chunk[i];
    page->data_head += n; /* past what was read, at times: then the ring is nonsense */
}

static void check(const struct perf_record *r)
{
    assert(r->kind == PERF_FORK || r->kind == PERF_EXEC || r->kind == PERF_EXIT);
    assert(0 < r->pid && r->pid <= PID_MAX && 0 < r->tid && r->tid <= PID_MAX);
    assert(0 <= r->parent_pid && r->parent_pid <= PID_MAX);
    assert(memchr(r->comm, '\0', sizeof r->comm) != NULL);
}

/* By bits of the input: what comes between the two looks of a turn. */
static void read_some(struct input *in, struct perf_rings *rings)
{
    struct perf_record record;
    uint8_t between = 0;
    uint64_t lost = rings->lost;
    take_bytes(in, &between, 1);
    perf_rings_look(rings);
    for (size_t i = 0; i < RINGS; i++)
        if ((between >> i & 1) != 0) {
            write_some(in, &rings->ring[i]);
            perf_ring_look(&rings->ring[i]);
        }
    perf_rings_hold_more_of(rings, 1);
    while (perf_rings_take(rings, &record))
        check(&record);
    assert(perf_rings_release(rings) >= lost);
    for (size_t i = 0; i < RINGS; i++) {
        const struct perf_ring *ring = &rings->ring[i];
        assert(ring->tail == ring->released && page_of(ring)->data_tail == ring->tail);
        assert(!ring->has_next || ring->next_at - ring->mark <= SIZE);
        assert(ring->has_next || ring->tail == page_of(ring)->data_head);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct input in = {bytes, bytes + n};
    struct perf_ring ring[RINGS];
    struct perf_rings rings = {.count = RINGS, .ring = ring, .epoll_fd = -1};
    for (size_t i = 0; i < RINGS; i++) {
        uint8_t *map = calloc(1, PAGE + SIZE); /* no byte more, so that any is missed */
        assert(map != NULL);
        struct perf_event_mmap_page *page = (struct perf_event_mmap_page *)(void *)map;
        take_bytes(&in, &page->data_head, 1);
        page->data_head *= UINT64_C(0x0101010101010101); /* near the end of numbers, or not */
        page->data_tail = page->data_head;
        perf_ring_lay(&ring[i], map, PAGE, SIZE);
    }
    while (in.at < in.end) {
        for (size_t i = 0; i < RINGS; i++)
            write_some(&in, &ring[i]);
        read_some(&in, &rings);
    }
    for (size_t i = 0; i < RINGS; i++)
        free(ring[i].map);
    return 0;
}
