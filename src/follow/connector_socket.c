#include "follow/connector_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define EVENT_AT sizeof(struct cn_msg) /* behind the connector's own head */
#define DATA_AT 16                     /* what, cpu and timestamp come before an event's data */
#define MESSAGE_MAX 256                /* they have 76 bytes; later kernels may add fields */
#define ROOM_BYTES (16 << 20)          /* 20,000 events, which take some 0.8 KB each */
#define PROCESSORS_LIMIT 65536         /* the kernel's own is 8192 */
#define RING_ONE_IN 32                 /* of the others; a power of two */
#define TEST_NS (200 * NS_PER_MS)
#define INITIAL_PID_NAMESPACE 0xEFFFFFFC /* include/linux/proc_ns.h: its inode */

_Static_assert(offsetof(struct proc_event, event_data) == DATA_AT, "an event's data");

/* ---- events ---- */

static enum task_event_kind kind_of(uint32_t what)
{
    switch (what) {
    case (uint32_t)PROC_EVENT_FORK: return TASK_FORKED;
    case (uint32_t)PROC_EVENT_EXEC: return TASK_EXECED;
    case (uint32_t)PROC_EVENT_SID: return TASK_SESSION;
    case (uint32_t)PROC_EVENT_EXIT: return TASK_EXITED;
    default: return TASK_SOMETHING;
    }
}

/* Fields of the kinds: parent, parent's process, child, child's process; or task, process, code. */
static bool take_data(struct span data, struct task_event *e)
{
    int32_t field[4] = {0};
    if (e->kind == TASK_SOMETHING)
        return true;
    size_t n = e->kind == TASK_FORKED ? 4 : e->kind == TASK_EXITED ? 3 : 2;
    if (!netlink_take(data, 0, field, n * sizeof field[0]))
        return false;
    bool forked = e->kind == TASK_FORKED;
    e->parent = forked ? field[1] : 0;
    e->tid = forked ? field[2] : field[0];
    e->process = forked ? field[3] : field[1];
    e->status = e->kind == TASK_EXITED ? field[2] : 0;
    return e->tid > 0 && e->process > 0 && e->parent >= 0 && e->status >= 0;
}

int task_event_parse(struct span payload, struct task_event *ret)
{
    struct cn_msg head;
    uint32_t what;
    if (!netlink_take(payload, 0, &head, sizeof head) || head.id.idx != CN_IDX_PROC ||
        head.id.val != CN_VAL_PROC || head.len < DATA_AT || head.len > payload.n - EVENT_AT)
        return -EPROTO;
    struct span event = {payload.bytes + EVENT_AT, head.len};
    struct task_event e = {.number = head.seq};
    memcpy(&what, event.bytes + offsetof(struct proc_event, what), sizeof what);
    memcpy(&e.processor, event.bytes + offsetof(struct proc_event, cpu), sizeof e.processor);
    memcpy(&e.time_ns, event.bytes + offsetof(struct proc_event, timestamp_ns), sizeof e.time_ns);
    e.kind = kind_of(what);
    if (!take_data((struct span){event.bytes + DATA_AT, event.n - DATA_AT}, &e))
        return -EPROTO;
    *ret = e;
    return 0;
}

/* ---- their numbers ---- */

static int grow(struct event_numbers *numbers, uint32_t processor)
{
    size_t cap = numbers->cap == 0 ? 64 : numbers->cap;
    if (processor >= PROCESSORS_LIMIT)
        return -EPROTO;
    while (cap <= processor)
        cap *= 2;
    struct processor_numbers *grown = realloc(numbers->processors, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    memset(grown + numbers->cap, 0, (cap - numbers->cap) * sizeof *grown);
    numbers->processors = grown;
    numbers->cap = cap;
    return 0;
}

int event_numbers_take(struct event_numbers *numbers, const struct task_event *e)
{
    if (e->processor == UINT32_MAX)
        return 0;
    int r = e->processor < numbers->cap ? 0 : grow(numbers, e->processor);
    if (r != 0)
        return r;
    struct processor_numbers *p = &numbers->processors[e->processor];
    int32_t ahead = p->known ? (int32_t)(e->number - p->next) : 0;
    /* Before Linux 4.8 two of one processor could overtake each other: that one was not lost. */
    if (ahead < 0) {
        numbers->lost -= numbers->lost > 0;
        return 0;
    }
    numbers->lost += (uint32_t)ahead;
    *p = (struct processor_numbers){.next = e->number + 1, .known = true};
    return 0;
}

void event_numbers_restart(struct event_numbers *numbers)
{
    for (size_t i = 0; i < numbers->cap; i++)
        numbers->processors[i].known = false;
}

void event_numbers_done(struct event_numbers *numbers)
{
    free(numbers->processors);
    *numbers = (struct event_numbers){0};
}

/* ---- the socket ---- */

static int tell(const struct netlink_socket *s, enum proc_cn_mcast_op op)
{
    uint32_t word = (uint32_t)op;
    uint8_t message[sizeof(struct nlmsghdr) + sizeof(struct cn_msg) + sizeof word];
    struct nlmsghdr head = {.nlmsg_len = sizeof message, .nlmsg_type = NLMSG_DONE};
    struct cn_msg body = {.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC}, .len = sizeof word};
    memcpy(message, &head, sizeof head);
    memcpy(message + sizeof head, &body, sizeof body);
    memcpy(message + sizeof head + sizeof body, &word, sizeof word);
    return netlink_send(s, message, sizeof message);
}

static int subscribe(struct netlink_socket *s)
{
    int r = netlink_open(s, NETLINK_CONNECTOR, CN_IDX_PROC, MESSAGE_MAX);
    if (r != 0)
        return r;
    netlink_set_room(s, ROOM_BYTES);
    r = tell(s, PROC_CN_MCAST_LISTEN);
    if (r != 0)
        netlink_close(s);
    return r;
}

int connector_renew(struct netlink_socket *s)
{
    struct netlink_socket fresh = {.fd = -1};
    int r = subscribe(&fresh);
    if (r != 0)
        return r;
    /* No farewell for the old one: it may not be counted any more, and then we would be. */
    if (dup3(fresh.fd, s->fd, O_CLOEXEC) < 0)
        r = -errno;
    netlink_close(&fresh);
    return r;
}

void connector_close(struct netlink_socket *s)
{
    if (s->fd >= 0)
        tell(s, PROC_CN_MCAST_IGNORE);
    netlink_close(s);
}

/* ---- whether it works ---- */

/*
 * A child that ends at once. Not fork(3), whose child would have SIGCHLD for its exit signal. The
 * arguments are all 0, in whichever order an architecture has them.
 */
static pid_t fork_unnoticed(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0)
        for (;;)
            syscall(SYS_exit_group, 0);
    return pid;
}

/* Whether the events that wait tell of its birth. */
static bool is_told_of(const struct netlink_socket *s, struct event_numbers *numbers, pid_t child)
{
    bool told = false;
    int n;
    while ((n = netlink_receive(s)) > 0 || n == -ENOBUFS)
        for (int i = 0; i < n; i++) {
            struct span rest = netlink_datagram(s, i);
            struct netlink_part part;
            struct task_event e;
            while (netlink_next_message(&rest, &part)) {
                if (task_event_parse(part.payload, &e) != 0)
                    continue;
                event_numbers_take(numbers, &e);
                told |= e.kind == TASK_FORKED && e.process == child && e.tid == child &&
                        e.parent == getpid();
            }
        }
    return told;
}

static void reap(pid_t child)
{
    while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

/*
 * 0, -ENOMSG when no birth is told of, or why there is no child. An event is there as soon as the
 * fork is done; but it may be one that was dropped, where others fork very much.
 */
static int test_fork(const struct netlink_socket *s, struct event_numbers *numbers)
{
    const struct timespec pause = timespec_from_ns(TEST_NS / 10);
    uint64_t until_ns = clock_mono_ns() + TEST_NS;
    do {
        pid_t child = fork_unnoticed();
        if (child < 0)
            return -errno;
        bool told = is_told_of(s, numbers, child);
        reap(child);
        if (told)
            return 0;
        nanosleep(&pause, NULL);
    } while (clock_mono_ns() < until_ns);
    return -ENOMSG;
}

static bool in_pid_namespace(void)
{
    struct stat own;
    return stat("/proc/self/ns/pid", &own) == 0 && own.st_ino != INITIAL_PID_NAMESPACE;
}

static int explain(int error, struct follow_reason *ret_why)
{
    switch (error) {
    case -EPROTONOSUPPORT: return follow_fail(ret_why, error, "this kernel has no proc connector");
    case -EPERM:
    case -EACCES:
        return follow_fail(ret_why, error,
                           "the proc connector is root's before Linux 6.6: record as root");
    case -ECONNREFUSED:
        return follow_fail(ret_why, error,
                           "the proc connector does not reach into this network namespace: record "
                           "outside of the container, or start that with the host's network");
    case -ENOMSG: break;
    default:
        return follow_fail(ret_why, error, "cannot open the proc connector: %s", strerror(-error));
    }
    if (in_pid_namespace())
        return follow_fail(ret_why, -ENOTSUP,
                           "the proc connector's events carry the pids of an outer namespace: "
                           "record outside of the container, or start that with the host's pids");
    if (geteuid() != 0)
        return follow_fail(ret_why, -EPERM,
                           "the proc connector tells nothing: it is root's before Linux 6.6");
    return follow_fail(ret_why, -ENOTSUP,
                       "the proc connector tells nothing: was this kernel built without "
                       "CONFIG_PROC_EVENTS?");
}

/* ---- the bell ---- */

/* Words are loaded in network order. */
#define WORD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define RANDOM (SKF_AD_OFF + SKF_AD_RANDOM)

/* Jumps count the instructions that are left out. */
#define IF_EQUAL(value, then) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, 0)
#define UNLESS_EQUAL(value, then) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, then)

static int ring_for(const struct netlink_socket *s, bool exits)
{
    enum { EVENT = sizeof(struct nlmsghdr) + EVENT_AT, TASK = EVENT + DATA_AT };
    uint32_t exec = htonl((uint32_t)PROC_EVENT_EXEC);
    uint32_t exit = exits ? htonl((uint32_t)PROC_EVENT_EXIT) : exec;
    struct sock_filter code[] = {
        /* 0 */ WORD(EVENT),
        /* 1 */ IF_EQUAL(exec, 8),
        /* 2 */ UNLESS_EQUAL(exit, 4),
        /* 3 */ WORD(TASK),
        /* 4 */ BPF_STMT(BPF_MISC | BPF_TAX, 0),
        /* 5 */ WORD(TASK + 4), /* its process */
        /* 6 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 3, 0),
        /* 7 */ WORD(RANDOM),
        /* 8 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, RING_ONE_IN - 1),
        /* 9 */ UNLESS_EQUAL(0, 1),
        /* 10 */ BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        /* 11 */ BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    int group = CN_IDX_PROC;
    if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
        setsockopt(s->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
        return -errno;
    return 0;
}

int connector_bell_open(bool exits, struct netlink_socket *ret, struct follow_reason *ret_why)
{
    struct netlink_socket s;
    int r = netlink_open(&s, NETLINK_CONNECTOR, 0, MESSAGE_MAX);
    if (r != 0)
        return explain(r, ret_why);
    if ((r = ring_for(&s, exits)) != 0) {
        netlink_close(&s);
        return explain(r, ret_why);
    }
    *ret = s;
    return 0;
}

void connector_bell_quiet(const struct netlink_socket *bell)
{
    int n;
    while ((n = netlink_receive(bell)) == NETLINK_BATCH || n == -ENOBUFS)
        ;
}

/* ---- opening ---- */

int connector_open(struct netlink_socket *ret, struct event_numbers *numbers,
                   struct follow_reason *ret_why)
{
    struct netlink_socket s = {.fd = -1};
    int r = subscribe(&s);
    if (r == 0)
        r = test_fork(&s, numbers);
    if (r != 0) {
        connector_close(&s);
        return explain(r, ret_why);
    }
    *ret = s;
    return 0;
}
