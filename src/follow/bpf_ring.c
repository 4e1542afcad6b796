#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "follow/bpf_ring.h"

#define RECORD_BUSY (1u << 31)      /* uapi/linux/bpf.h: BPF_RINGBUF_BUSY_BIT */
#define RECORD_DISCARDED (1u << 30) /* BPF_RINGBUF_DISCARD_BIT */
#define RECORD_HEAD 8               /* BPF_RINGBUF_HDR_SZ */

int bpf_ring_open(struct bpf_ring *ring, int map_fd, size_t bytes, struct follow_reason *why)
{
    ring->bytes = bytes;
    ring->page = (size_t)sysconf(_SC_PAGESIZE);
    void *consumer = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (consumer == MAP_FAILED)
        return follow_fail(why, -errno, "the ring cannot be mapped: %s", strerror(errno));
    ring->consumer = consumer;
    /* The data are mapped twice in a row, so that no record is cut. */
    void *data =
        mmap(NULL, ring->page + 2 * bytes, PROT_READ, MAP_SHARED, map_fd, (off_t)ring->page);
    if (data == MAP_FAILED)
        return follow_fail(why, -errno, "the ring cannot be mapped: %s", strerror(errno));
    ring->producer = data;
    ring->data = (const uint8_t *)data + ring->page;
    /* Edge-triggered: only a wake-up counts, not that something lies in the ring. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    ring->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (ring->epoll_fd < 0 || epoll_ctl(ring->epoll_fd, EPOLL_CTL_ADD, map_fd, &event) != 0)
        return follow_fail(why, -errno, "the ring cannot be waited for: %s", strerror(errno));
    return 0;
}

void bpf_ring_close(struct bpf_ring *ring)
{
    if (ring->epoll_fd >= 0)
        close(ring->epoll_fd);
    if (ring->consumer != NULL)
        munmap(ring->consumer, ring->page);
    if (ring->producer != NULL)
        munmap((void *)(uintptr_t)ring->producer, ring->page + 2 * ring->bytes);
    *ring = (struct bpf_ring){.epoll_fd = -1};
}

void bpf_ring_awake(struct bpf_ring *ring)
{
    struct epoll_event event;
    epoll_wait(ring->epoll_fd, &event, 1, 0);
}

/* kernel/bpf/ringbuf.c: a record is 8 bytes of head and the data, padded to 8. */
void bpf_ring_drain(struct bpf_ring *ring, bpf_ring_take *take, void *user)
{
    unsigned long at = *ring->consumer, end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    while (at < end) {
        const uint8_t *record = ring->data + (at & (ring->bytes - 1));
        uint32_t head = __atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
        if ((head & RECORD_BUSY) != 0)
            return;
        uint32_t size = head & ~(RECORD_BUSY | RECORD_DISCARDED);
        if ((head & RECORD_DISCARDED) == 0)
            take(user, record + RECORD_HEAD, size);
        at += (size + RECORD_HEAD + 7) & ~7ul;
        __atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
        end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    }
}
