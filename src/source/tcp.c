#include "source/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/number.h"

/* The kernel's net/tcp_states.h; <netinet/tcp.h> has the same names as enum tcp_field. */
#define STATE_ESTABLISHED 1
#define STATE_LISTEN 10

#define SOCKETS_MAX (1024 * 1024)
#define SLOTS_MIN 256
#define NAMESPACE_CAP 64

struct slot {
    uint32_t inode; /* 0 free */
    uint32_t seen;  /* `round` of the process that it was counted for last */
    uint8_t state;
};

struct tcp_table {
    int netlink_fd;
    uint32_t sequence;
    struct slot *slots; /* open addressing, linear probing, at most half full */
    size_t n_slots, n_used;
    uint32_t round;
    bool over; /* there were more sockets than are kept */
    size_t established, listening;
    size_t namespace_length; /* 0: this kernel has no network namespaces */
    char namespace[NAMESPACE_CAP];
    _Alignas(8) char bytes[32768]; /* the kernel fills datagrams of a dump up to this */
};

/* ---- inode -> state ---- */

/* Where the inode is or belongs. */
static struct slot *slot_of(struct slot *slots, size_t n_slots, uint32_t inode)
{
    size_t at = (inode * UINT32_C(2654435769)) & (n_slots - 1);
    while (slots[at].inode != 0 && slots[at].inode != inode)
        at = (at + 1) & (n_slots - 1);
    return &slots[at];
}

static int table_grow(struct tcp_table *table)
{
    size_t n_slots = table->n_slots * 2;
    struct slot *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->slots[i].inode != 0)
            *slot_of(slots, n_slots, table->slots[i].inode) = table->slots[i];
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return 0;
}

static int socket_put(struct tcp_table *table, uint32_t inode, uint8_t state)
{
    if (state == STATE_LISTEN)
        table->listening++;
    else
        table->established++;
    if (inode == 0) /* not accepted yet: nobody's descriptor */
        return 0;
    if (table->n_used >= SOCKETS_MAX) {
        table->over = true;
        return 0;
    }
    if (table->n_used >= table->n_slots / 2) {
        int rc = table_grow(table);
        if (rc != 0)
            return rc;
    }
    struct slot *slot = slot_of(table->slots, table->n_slots, inode);
    if (slot->inode == 0)
        table->n_used++;
    *slot = (struct slot){.inode = inode, .state = state};
    return 0;
}

void tcp_table_clear(struct tcp_table *table)
{
    memset(table->slots, 0, table->n_slots * sizeof *table->slots);
    table->n_used = 0;
    table->round = 0;
    table->over = false;
    table->established = table->listening = 0;
}

size_t tcp_table_established(const struct tcp_table *table)
{
    return table->established;
}

size_t tcp_table_listening(const struct tcp_table *table)
{
    return table->listening;
}

/* ---- the dump ---- */

/* One message: 1 the dump's end, 0, or -errno. */
static int message_take(struct tcp_table *table, const struct nlmsghdr *header, const char *body,
                        size_t n)
{
    struct inet_diag_msg socket;
    int32_t error = 0;
    switch (header->nlmsg_type) {
    case NLMSG_NOOP: return 0;
    case NLMSG_DONE:
    case NLMSG_ERROR:
        if (n >= sizeof error)
            memcpy(&error, body, sizeof error);
        if (error < 0 && error > -4096)
            return error;
        return header->nlmsg_type == NLMSG_DONE ? 1 : -EPROTO; /* no acknowledgement is asked for */
    case SOCK_DIAG_BY_FAMILY: break;
    default: return -EPROTO;
    }
    if (n < sizeof socket)
        return -EPROTO;
    memcpy(&socket, body, sizeof socket);
    if (socket.idiag_state != STATE_ESTABLISHED && socket.idiag_state != STATE_LISTEN)
        return 0;
    return socket_put(table, socket.idiag_inode, socket.idiag_state);
}

int tcp_table_take(struct tcp_table *table, uint32_t sequence, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        struct nlmsghdr header;
        if (n < sizeof header)
            return -EPROTO;
        memcpy(&header, at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > n)
            return -EPROTO;
        int rc = 0;
        if (header.nlmsg_seq == sequence)
            rc = message_take(table, &header, at + sizeof header, header.nlmsg_len - sizeof header);
        if (rc != 0)
            return rc;
        size_t step = NLMSG_ALIGN((size_t)header.nlmsg_len);
        if (step > n)
            step = n;
        at += step;
        n -= step;
    }
    return 0;
}

static int request_send(struct tcp_table *table, uint8_t family)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                   .nlmsg_seq = ++table->sequence},
        .body = {.sdiag_family = family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = 1 << STATE_ESTABLISHED | 1 << STATE_LISTEN},
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n = sendto(table->netlink_fd, &request, sizeof request, 0, (struct sockaddr *)&kernel,
                       sizeof kernel);
    return n < 0 ? -errno : 0;
}

static int family_dump(struct tcp_table *table, uint8_t family)
{
    int rc = request_send(table, family);
    while (rc == 0) {
        struct sockaddr_nl from = {0};
        struct iovec part = {table->bytes, sizeof table->bytes};
        struct msghdr message = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = recvmsg(table->netlink_fd, &message, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 || message.msg_flags & MSG_TRUNC)
            return -EPROTO;
        if (from.nl_pid == 0) /* the kernel; anyone may send to a netlink socket */
            rc = tcp_table_take(table, table->sequence, table->bytes, (size_t)n);
    }
    return rc == 1 ? 0 : rc;
}

int tcp_table_refresh(struct tcp_table *table)
{
    tcp_table_clear(table);
    int rc = family_dump(table, AF_INET);
    if (rc == 0) {
        rc = family_dump(table, AF_INET6);
        if (rc == -ENOENT) /* a kernel without IPv6 */
            rc = 0;
    }
    if (rc != 0)
        tcp_table_clear(table);
    return rc;
}

int tcp_table_new(const struct source_root *root, struct tcp_table **ret)
{
    int rc;
    struct tcp_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return -ENOMEM;
    table->n_slots = SLOTS_MIN;
    table->netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (table->netlink_fd < 0) {
        rc = -errno;
        goto fail;
    }
    /* The kernel answers before it returns from the request: this is for what should not happen. */
    struct timeval second = {.tv_sec = 1};
    setsockopt(table->netlink_fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    table->slots = calloc(table->n_slots, sizeof *table->slots);
    if (table->slots == NULL) {
        rc = -ENOMEM;
        goto fail;
    }
    ssize_t n = readlinkat(root->proc_fd, "self/ns/net", table->namespace, sizeof table->namespace);
    table->namespace_length = n > 0 ? (size_t)n : 0;
    *ret = table;
    return 0;
fail:
    tcp_table_free(table);
    return rc;
}

void tcp_table_free(struct tcp_table *table)
{
    if (table == NULL)
        return;
    if (table->netlink_fd >= 0)
        close(table->netlink_fd);
    free(table->slots);
    free(table);
}

/* ---- whose they are ---- */

void tcp_table_begin(struct tcp_table *table)
{
    if (++table->round != 0)
        return;
    for (size_t i = 0; i < table->n_slots; i++)
        table->slots[i].seen = 0;
    table->round = 1;
}

void tcp_table_add(struct tcp_table *table, const char *target, size_t n,
                   uint64_t value[TCP_FIELDS])
{
    struct text t = text_of(target, n);
    uint64_t inode;
    if (!text_take_literal(&t, "socket:[") || !text_take_u64(&t, &inode) || inode == 0 ||
        inode > UINT32_MAX || t.end - t.at != 1 || *t.at != ']')
        return;
    struct slot *slot = slot_of(table->slots, table->n_slots, (uint32_t)inode);
    if (slot->inode == 0 || slot->seen == table->round)
        return;
    slot->seen = table->round;
    value[slot->state == STATE_LISTEN ? TCP_LISTENING : TCP_ESTABLISHED]++;
}

/* 0 when the process's network is the caller's, -EXDEV, -ENOENT for a zombie's, or -errno. */
static int check_namespace(const struct tcp_table *table, const struct source_root *root,
                           const struct process_files *files)
{
    struct process_path path;
    char namespace[NAMESPACE_CAP];
    if (table->namespace_length == 0)
        return 0;
    int rc = process_path_make(root, files, "ns/net", &path);
    if (rc != 0)
        return rc;
    ssize_t n = readlinkat(path.dir_fd, path.name, namespace, sizeof namespace);
    if (n < 0)
        return process_files_error(root, files, -errno);
    return (size_t)n == table->namespace_length &&
                   memcmp(namespace, table->namespace, (size_t)n) == 0
               ? 0
               : -EXDEV;
}

struct counting {
    struct tcp_table *table;
    uint64_t *value;
    const struct link_listener *also;
};

static void count_link(void *user, uint64_t fd, const char *target, size_t n)
{
    const struct counting *counting = user;
    if (counting->table->n_used > 0)
        tcp_table_add(counting->table, target, n, counting->value);
    if (counting->also != NULL)
        counting->also->each(counting->also->user, fd, target, n);
}

int tcp_table_count(struct tcp_table *table, const struct source_root *root,
                    const struct process_files *files, const struct link_listener *also,
                    uint64_t value[TCP_FIELDS], uint32_t *valid)
{
    uint64_t count[TCP_FIELDS] = {0};
    struct counting counting = {table, count, also};
    const struct link_listener listener = {count_link, &counting};
    int rc = check_namespace(table, root, files);
    tcp_table_begin(table);
    if (rc == 0 && (table->n_used > 0 || also != NULL))
        rc = proc_links_each(root, files, &listener);
    else if (rc == -ENOENT) /* of a zombie: it has no network, and no descriptors either */
        rc = 0;
    if (rc != 0)
        return rc;
    memcpy(value, count, sizeof count);
    *valid = table->over ? 0 : 1 << TCP_ESTABLISHED | 1 << TCP_LISTENING;
    return 0;
}
