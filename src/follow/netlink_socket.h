/*
 * A netlink socket that the kernel writes to, read many messages at a time: about 0.4 µs a message.
 *
 * Nothing that comes is believed but what the kernel itself sent: whoever may send to a multicast
 * group, or knows our address, can put anything there. What comes is checked byte by byte all the
 * same, since kernels differ.
 *
 * Errors are negative errnos. Not thread-safe on the same socket. Descriptors are O_CLOEXEC.
 */
#ifndef TACHO_FOLLOW_NETLINK_SOCKET_H
#define TACHO_FOLLOW_NETLINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/records.h"

#define NETLINK_BATCH 32 /* datagrams taken at once */

struct netlink_socket {
    int fd; /* -1 when not open */
    struct netlink_batch *batch;
};

/*
 * Opens and binds one of `protocol` (NETLINK_*), in the multicast groups `groups`. Datagrams longer
 * than `message_max` come as empty ones. 0 or -errno: -EPROTONOSUPPORT this kernel has no such
 * protocol, -EPERM it is not for us.
 */
int netlink_open(struct netlink_socket *s, int protocol, uint32_t groups, size_t message_max);
void netlink_close(struct netlink_socket *s);

/*
 * As many bytes of messages as wait for us before the kernel loses some. It asks for what may go
 * beyond the system's bound (CAP_NET_ADMIN), then for what is within it.
 */
void netlink_set_room(const struct netlink_socket *s, int bytes);

/* To the kernel. 0 or -errno: -ECONNREFUSED nobody in this network namespace listens. */
int netlink_send(const struct netlink_socket *s, const void *message, size_t n);

/*
 * Takes what waits, at most NETLINK_BATCH datagrams: how many; fewer than that: no more wait. Or
 * -errno: -ENOBUFS some were lost, the next call goes on.
 */
int netlink_receive(const struct netlink_socket *s);

/* The `i`th of those, until the next are taken. Empty when it is not the kernel's, or too long. */
struct span netlink_datagram(const struct netlink_socket *s, int i);

/* Waits until something can be received, at most `for_ns`. */
bool netlink_wait(const struct netlink_socket *s, uint64_t for_ns);

/* How many messages had no room so far; 0 where the kernel does not say (before Linux 4.12). */
uint64_t netlink_dropped(const struct netlink_socket *s);

/* A message out of a datagram, or an attribute out of a message. */
struct netlink_part {
    unsigned type;
    struct span payload;
};

/* Takes the next from `*rest`. False at the end, and at one that is longer than what holds it. */
bool netlink_next_message(struct span *rest, struct netlink_part *ret);
bool netlink_next_attribute(struct span *rest, struct netlink_part *ret);

/* The `n` bytes at `offset`, into `ret`. False when there are not so many. */
bool netlink_take(struct span from, size_t offset, void *ret, size_t n);

#endif
