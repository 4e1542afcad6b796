#include "follow/exit_taskstats.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define MESSAGE_MAX 4096      /* two accounts of 560 bytes in Linux 6.18 */
#define ROOM_BYTES (32 << 20) /* 14,000 of 2.3 KB, as the kernel counts them */
#define ANSWER_NS NS_PER_S
#define WAITING_MAX 65536 /* no more than that are taken at once */

/* Older headers have neither these fields, of version 12, nor the flag (<linux/acct.h>). */
#define VERSION_TELLS_PROCESS 12
#define PROCESS_AT 368
#define FLAG_LAST 0x20
#define TICK_MAX_NS (10 * NS_PER_MS) /* the scheduler counts at every tick: 100 a second or more */

/* What there was before that is where these headers have it: fields are only ever added behind. */
_Static_assert(offsetof(struct taskstats, ac_pid) == 128, "struct taskstats");
_Static_assert(offsetof(struct taskstats, nivcsw) == 280, "struct taskstats");
_Static_assert(COMM_CAP > TS_COMM_LEN, "a comm, and a NUL");

/* ---- an account ---- */

static uint64_t number_at(struct span stats, size_t offset)
{
    uint64_t v = 0;
    netlink_take(stats, offset, &v, sizeof v);
    return v;
}

#define NUMBER(stats, field) number_at(stats, offsetof(struct taskstats, field))

static uint64_t times(uint64_t v, uint64_t unit)
{
    uint64_t product;
    return __builtin_mul_overflow(v, unit, &product) ? UINT64_MAX : product;
}

/*
 * What the scheduler has counted lacks the time since the last tick or switch, which for a short
 * task is all of it. One that never waited for anything but a processor ran for as long as it
 * lived, less that waiting. (cpu_count is 0 where the kernel does not measure it.)
 */
static uint64_t ran_ns(struct span stats)
{
    uint64_t counted_ns = NUMBER(stats, cpu_run_virtual_total);
    uint64_t lived_ns = times(NUMBER(stats, ac_etime), NS_PER_US);
    uint64_t waited_ns = NUMBER(stats, cpu_delay_total);
    if (NUMBER(stats, nvcsw) != 0 || NUMBER(stats, cpu_count) == 0 || lived_ns < waited_ns ||
        lived_ns - waited_ns < counted_ns)
        return counted_ns;
    uint64_t uncounted_ns = lived_ns - waited_ns - counted_ns;
    return counted_ns + (uncounted_ns < TICK_MAX_NS ? uncounted_ns : TICK_MAX_NS);
}

static int stats_parse(struct span stats, struct task_account *ret)
{
    uint16_t version = 0;
    uint32_t tid = 0, process = 0;
    uint8_t flags = 0;
    if (stats.n < offsetof(struct taskstats, nivcsw) + sizeof(uint64_t))
        return -EPROTO;
    netlink_take(stats, offsetof(struct taskstats, version), &version, sizeof version);
    netlink_take(stats, offsetof(struct taskstats, ac_pid), &tid, sizeof tid);
    if (version >= VERSION_TELLS_PROCESS) {
        netlink_take(stats, PROCESS_AT, &process, sizeof process);
        netlink_take(stats, offsetof(struct taskstats, ac_flag), &flags, sizeof flags);
    }
    if (tid == 0 || tid > INT32_MAX || process > INT32_MAX)
        return -EPROTO;
    *ret = (struct task_account){
        .tid = (pid_t)tid,
        .process = (pid_t)process,
        .last = (flags & FLAG_LAST) != 0,
        .cpu_ns = ran_ns(stats),
        .user_ns = times(NUMBER(stats, ac_utime), NS_PER_US),
        .system_ns = times(NUMBER(stats, ac_stime), NS_PER_US),
        .minor_faults = NUMBER(stats, ac_minflt),
        .major_faults = NUMBER(stats, ac_majflt),
        .voluntary_switches = NUMBER(stats, nvcsw),
        .involuntary_switches = NUMBER(stats, nivcsw),
        .peak_rss_bytes = times(NUMBER(stats, hiwater_rss), 1024),
    };
    netlink_take(stats, offsetof(struct taskstats, ac_comm), ret->comm, TS_COMM_LEN);
    return 0;
}

/* The process's sum, which may stand behind the thread's account, leaves most of it out. */
int task_account_parse(struct span payload, struct task_account *ret)
{
    struct genlmsghdr head;
    if (!netlink_take(payload, 0, &head, sizeof head) || head.cmd != TASKSTATS_CMD_NEW)
        return -EPROTO;
    struct span rest = {payload.bytes + sizeof head, payload.n - sizeof head};
    struct netlink_part outer, inner;
    while (netlink_next_attribute(&rest, &outer)) {
        if (outer.type != TASKSTATS_TYPE_AGGR_PID)
            continue;
        while (netlink_next_attribute(&outer.payload, &inner))
            if (inner.type == TASKSTATS_TYPE_STATS)
                return stats_parse(inner.payload, ret);
    }
    return -EPROTO;
}

/* ---- asking the kernel ---- */

struct request {
    struct nlmsghdr head;
    struct genlmsghdr generic;
    struct nlattr attribute;
    uint8_t value[PROCESSOR_LIST_MAX];
};

struct answer {
    unsigned family;             /* asked for */
    struct task_account account; /* likewise */
};

static void take_family(struct span payload, struct answer *ret)
{
    struct span rest = {payload.bytes + GENL_HDRLEN, payload.n - GENL_HDRLEN};
    struct netlink_part part;
    uint16_t family;
    while (netlink_next_attribute(&rest, &part))
        if (part.type == CTRL_ATTR_FAMILY_ID &&
            netlink_take(part.payload, 0, &family, sizeof family))
            ret->family = family;
}

/* 1: something else than the end of an answer. Else 0 or -errno. */
static int take_answer(struct netlink_part part, struct answer *ret)
{
    int32_t error;
    if (part.type == NLMSG_ERROR)
        return netlink_take(part.payload, 0, &error, sizeof error) && error <= 0 ? error : -EPROTO;
    if (part.type == GENL_ID_CTRL && part.payload.n >= GENL_HDRLEN)
        take_family(part.payload, ret);
    else
        task_account_parse(part.payload, &ret->account);
    return 1;
}

static int await_answer(const struct netlink_socket *s, struct answer *ret)
{
    uint64_t now_ns = clock_mono_ns(), until_ns = now_ns + ANSWER_NS;
    for (; now_ns < until_ns; now_ns = clock_mono_ns()) {
        netlink_wait(s, until_ns - now_ns);
        int n = netlink_receive(s), r = 1;
        for (int i = 0; i < n; i++) {
            struct span rest = netlink_datagram(s, i);
            struct netlink_part part;
            while (r == 1 && netlink_next_message(&rest, &part))
                r = take_answer(part, ret);
        }
        if (r != 1)
            return r;
    }
    return -ETIMEDOUT;
}

static int request(const struct exit_taskstats *t, unsigned family, uint8_t command,
                   uint16_t attribute, const void *value, size_t n)
{
    struct request q = {
        .head = {.nlmsg_type = (uint16_t)family, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .generic = {.cmd = command, .version = 1},
        .attribute = {.nla_type = attribute, .nla_len = (uint16_t)(sizeof q.attribute + n)}};
    if (n > sizeof q.value)
        return -E2BIG;
    memcpy(q.value, value, n);
    q.head.nlmsg_len = (uint32_t)(offsetof(struct request, value) + ((n + 3) & ~(size_t)3));
    return netlink_send(&t->socket, &q, q.head.nlmsg_len);
}

static int ask(const struct exit_taskstats *t, uint16_t attribute, const void *value, size_t n,
               struct answer *ret)
{
    int r = request(t, t->family, TASKSTATS_CMD_GET, attribute, value, n);
    return r == 0 ? await_answer(&t->socket, ret) : r;
}

/* ---- opening ---- */

/* The kernel refuses processors that there can never be. */
static int find_processors(const struct source_root *root, char ret[PROCESSOR_LIST_MAX])
{
    ssize_t n =
        source_read_at(root->sys_fd, "devices/system/cpu/possible", ret, PROCESSOR_LIST_MAX - 1);
    while (n > 0 && ret[n - 1] == '\n')
        n--;
    if (n <= 0)
        return n < 0 ? (int)n : -ENODATA;
    ret[n] = '\0';
    return 0;
}

static int find_family(struct exit_taskstats *t)
{
    struct answer answer = {0};
    int r = request(t, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, TASKSTATS_GENL_NAME,
                    sizeof TASKSTATS_GENL_NAME);
    if (r == 0)
        r = await_answer(&t->socket, &answer);
    t->family = answer.family;
    return r;
}

/* Whether we find ourselves where we look for it. */
static int check_layout(const struct exit_taskstats *t)
{
    struct answer answer = {0};
    uint32_t own = (uint32_t)getpid();
    int r = ask(t, TASKSTATS_CMD_ATTR_PID, &own, sizeof own, &answer);
    const struct task_account *a = &answer.account;
    if (r == 0 && (a->tid != getpid() || (a->process != 0 && a->process != getpid())))
        r = -EPROTO;
    return r;
}

static int subscribe(struct exit_taskstats *t)
{
    struct answer answer = {0};
    int r = find_family(t);
    if (r == 0)
        r = check_layout(t);
    if (r != 0)
        return r;
    return ask(t, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, t->processors, strlen(t->processors) + 1,
               &answer);
}

static int explain(int error, struct follow_reason *ret_why)
{
    switch (error) {
    case -EPERM:
    case -EACCES:
        return follow_fail(ret_why, -EPERM, "taskstats is for root alone: record as root");
    case -ENOENT:
    case -ECONNREFUSED:
    case -EPROTONOSUPPORT:
        return follow_fail(ret_why, -ENOTSUP,
                           "no taskstats: this kernel has none, or not in this network namespace");
    case -EINVAL:
    case -ESRCH:
        return follow_fail(ret_why, -ENOTSUP,
                           "taskstats tells of exits in the initial pid namespace alone: record "
                           "outside of the container, or start that with the host's pids");
    case -EPROTO:
        return follow_fail(ret_why, -ENOTSUP, "this kernel's taskstats have another layout");
    default: return follow_fail(ret_why, error, "cannot open taskstats: %s", strerror(-error));
    }
}

int exit_taskstats_open(const struct source_root *root, struct exit_taskstats *ret,
                        struct follow_reason *ret_why)
{
    struct exit_taskstats t = {.socket = {.fd = -1}};
    int r = find_processors(root, t.processors);
    if (r == 0)
        r = netlink_open(&t.socket, NETLINK_GENERIC, 0, MESSAGE_MAX);
    if (r == 0) {
        netlink_set_room(&t.socket, ROOM_BYTES);
        r = subscribe(&t);
    }
    if (r != 0) {
        netlink_close(&t.socket);
        return explain(r, ret_why);
    }
    *ret = t;
    return 0;
}

/*
 * The kernel would notice that we are gone at its next message, and until then another socket may
 * get our address. It has done what a request says when sending that returns.
 */
void exit_taskstats_close(struct exit_taskstats *t)
{
    if (t->socket.fd >= 0)
        request(t, t->family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK,
                t->processors, strlen(t->processors) + 1);
    netlink_close(&t->socket);
    free(t->waiting);
    t->waiting = NULL;
    t->count = t->cap = 0;
}

/* ---- receiving ---- */

static bool make_room(struct exit_taskstats *t)
{
    if (t->count < t->cap)
        return true;
    size_t cap = t->cap == 0 ? 64 : t->cap * 2;
    struct task_account *grown = realloc(t->waiting, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    t->waiting = grown;
    t->cap = cap;
    return true;
}

static void keep(struct exit_taskstats *t, struct span datagram)
{
    struct netlink_part part;
    while (netlink_next_message(&datagram, &part) && make_room(t))
        t->count +=
            part.type == t->family && task_account_parse(part.payload, &t->waiting[t->count]) == 0;
}

int exit_taskstats_receive(struct exit_taskstats *t)
{
    int n = NETLINK_BATCH;
    while (n == NETLINK_BATCH && t->count < WAITING_MAX) {
        n = netlink_receive(&t->socket);
        for (int i = 0; i < n; i++)
            keep(t, netlink_datagram(&t->socket, i));
        if (n == -ENOBUFS)
            n = NETLINK_BATCH;
    }
    return n < 0 ? n : 0;
}

void exit_taskstats_drop(struct exit_taskstats *t, size_t n)
{
    t->count -= n;
    if (t->count > 0)
        memmove(t->waiting, t->waiting + n, t->count * sizeof *t->waiting);
}
