/*
 * The reader's end of a BPF ring buffer (BPF_MAP_TYPE_RINGBUF), mapped and waited for by ourselves:
 * libbpf's own reader does not give the records lying there a moment's look without a callback per
 * map and an epoll_wait.
 */
#ifndef TACHO_BPF_RING_H
#define TACHO_BPF_RING_H

#include <stddef.h>
#include <stdint.h>

#include "follow/follow.h"

struct bpf_ring {
    int epoll_fd; /* readable when the programs ask for the reader, -1 when not open */
    size_t bytes, page;
    unsigned long *consumer;                /* position of the reader, shared with the kernel */
    const volatile unsigned long *producer; /* and of the writer, the data a page behind it */
    const uint8_t *data;
};

/* Called with each record's bytes, which are the ring's and valid during the call. */
typedef void bpf_ring_take(void *user, const void *record, size_t size);

/*
 * Maps the ring of that map, of `bytes` (a power of 2). 0, or a negative errno with `why`; also then
 * it must be closed. *ring must be zero but for epoll_fd, which is -1.
 */
int bpf_ring_open(struct bpf_ring *ring, int map_fd, size_t bytes, struct follow_reason *why);

/* Also of one that never was open. */
void bpf_ring_close(struct bpf_ring *ring);

/* Takes the wake-up back, so that only a new one makes epoll_fd readable again. */
void bpf_ring_awake(struct bpf_ring *ring);

/* Takes all that lie in it, in the order they were reserved, up to one that is still being written. */
void bpf_ring_drain(struct bpf_ring *ring, bpf_ring_take *take, void *user);

#endif
