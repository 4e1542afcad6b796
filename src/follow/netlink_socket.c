#include "follow/netlink_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* <linux/sock_diag.h>, <asm-generic/socket.h>: newer than some C libraries. */
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#define MEMINFO_DROPS 8
#define MEMINFO_FIELDS 9

#define PART_ALIGN 4u
#define ATTRIBUTE_TYPE 0x3FFFu /* NLA_TYPE_MASK, without a sign */

struct netlink_batch {
    struct mmsghdr heads[NETLINK_BATCH];
    struct iovec places[NETLINK_BATCH];
    struct sockaddr_nl senders[NETLINK_BATCH];
    size_t message_max;
    uint8_t bytes[];
};

static struct netlink_batch *batch_new(size_t message_max)
{
    struct netlink_batch *b = calloc(1, sizeof *b + NETLINK_BATCH * message_max);
    if (b == NULL)
        return NULL;
    b->message_max = message_max;
    for (size_t i = 0; i < NETLINK_BATCH; i++) {
        b->places[i] = (struct iovec){b->bytes + i * message_max, message_max};
        b->heads[i].msg_hdr =
            (struct msghdr){.msg_name = &b->senders[i], .msg_iov = &b->places[i], .msg_iovlen = 1};
    }
    return b;
}

int netlink_open(struct netlink_socket *s, int protocol, uint32_t groups, size_t message_max)
{
    _close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (bind(fd, (const struct sockaddr *)&own, sizeof own) != 0)
        return -errno;
    struct netlink_batch *batch = batch_new(message_max);
    if (batch == NULL)
        return -ENOMEM;
    *s = (struct netlink_socket){.fd = fd, .batch = batch};
    fd = -1;
    return 0;
}

void netlink_close(struct netlink_socket *s)
{
    closep(&s->fd);
    free(s->batch);
    *s = (struct netlink_socket){.fd = -1};
}

void netlink_set_room(const struct netlink_socket *s, int bytes)
{
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

int netlink_send(const struct netlink_socket *s, const void *message, size_t n)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(s->fd, message, n, 0, (const struct sockaddr *)&kernel, sizeof kernel);
    if (sent < 0)
        return -errno;
    return (size_t)sent == n ? 0 : -EIO;
}

int netlink_receive(const struct netlink_socket *s)
{
    struct netlink_batch *b = s->batch;
    for (size_t i = 0; i < NETLINK_BATCH; i++)
        b->heads[i].msg_hdr.msg_namelen = sizeof b->senders[i];
    int n = recvmmsg(s->fd, b->heads, NETLINK_BATCH, MSG_DONTWAIT, NULL);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

struct span netlink_datagram(const struct netlink_socket *s, int i)
{
    const struct netlink_batch *b = s->batch;
    const struct msghdr *head = &b->heads[i].msg_hdr;
    bool kernels = head->msg_namelen >= sizeof b->senders[i] && b->senders[i].nl_pid == 0;
    if (!kernels || (head->msg_flags & MSG_TRUNC) != 0)
        return (struct span){NULL, 0};
    return (struct span){b->places[i].iov_base, b->heads[i].msg_len};
}

bool netlink_wait(const struct netlink_socket *s, uint64_t for_ns)
{
    struct pollfd fd = {.fd = s->fd, .events = POLLIN};
    return poll(&fd, 1, (int)((for_ns + NS_PER_MS - 1) / NS_PER_MS)) > 0;
}

uint64_t netlink_dropped(const struct netlink_socket *s)
{
    uint32_t value[MEMINFO_FIELDS] = {0};
    socklen_t n = sizeof value;
    if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, value, &n) != 0 || n < sizeof value)
        return 0;
    return value[MEMINFO_DROPS];
}

/* ---- what is in a datagram ---- */

bool netlink_take(struct span from, size_t offset, void *ret, size_t n)
{
    if (offset > from.n || from.n - offset < n)
        return false;
    memcpy(ret, from.bytes + offset, n);
    return true;
}

/* Cuts a part of `length` with a head of `head` bytes off, and what aligns the next. */
static bool cut(struct span *rest, size_t length, size_t head, struct netlink_part *ret)
{
    if (length < head || length > rest->n)
        return false;
    size_t aligned = (length + PART_ALIGN - 1) & ~(size_t)(PART_ALIGN - 1);
    ret->payload = (struct span){rest->bytes + head, length - head};
    if (aligned > rest->n)
        aligned = rest->n;
    rest->bytes += aligned;
    rest->n -= aligned;
    return true;
}

bool netlink_next_message(struct span *rest, struct netlink_part *ret)
{
    struct nlmsghdr head;
    if (!netlink_take(*rest, 0, &head, sizeof head))
        return false;
    ret->type = head.nlmsg_type;
    return cut(rest, head.nlmsg_len, sizeof head, ret);
}

bool netlink_next_attribute(struct span *rest, struct netlink_part *ret)
{
    struct nlattr head;
    if (!netlink_take(*rest, 0, &head, sizeof head))
        return false;
    ret->type = head.nla_type & ATTRIBUTE_TYPE;
    return cut(rest, head.nla_len, sizeof head, ret);
}
