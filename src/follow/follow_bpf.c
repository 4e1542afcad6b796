/*
 * Following by BPF programs on the scheduler's tracepoints (events.bpf.c): every birth, exec and end,
 * with the kernel's final account. The four programs take 2.7 µs of a process's whole life (3 % of
 * one that does nothing), and the recorder some 10 µs on another processor. The kernel keeps the set
 * of those that belong, so that strangers' events never reach us. Events wait in a ring until the
 * next tick, or until a quarter of it is full.
 *
 * Losses: when the ring is full the kernel counts what it cannot put there. Who belongs is still
 * known in the kernel: the living are taken from there, and how many came and went unseen is the
 * difference between the births it counted and those announced.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "follow/bpf_events.h"
#include "follow/bpf_ring.h"
#include "follow/exec_parts.h"
#include "follow/members.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" /* generated */
#include <events.skel.h>
#pragma GCC diagnostic pop

#define RING_BYTES (4u << 20)    /* as in events.bpf.c */
#define SETTLE_STEP_NS NS_PER_MS /* the ring is looked at so often while waiting */
#define USUALLY_FREED_NS (40 * NS_PER_MS)
#define LISTINGS_MAX 64 /* of a tree that forks faster than it can be listed */
#define MEMBERS_LEAST 4096
#define MEMBERS_MOST 65536 /* 5 MiB in the kernel */
#define BATCH 256

/* A process that has ended, and whose account is still to come. */
struct awaited {
    uint32_t entity;
    uint64_t cpu_ns, peak_rss_bytes; /* as it began to exit */
};

struct follow {
    struct events_bpf *programs;
    bool attached;
    struct members members;
    struct follow_sink sink;
    uint64_t tick_ns;
    struct bpf_ring ring;
    struct map awaited; /* id -> struct awaited */
    struct exec_parts parts;
    struct map resynced; /* pids found to have ended, whose exit may still lie in the ring */
    struct map living;   /* while we resync: pids of those that belong */
    bool resyncing;
    uint64_t announced, lost_seen, resyncs;
};

/* How many events, or memberships, the kernel had no room for. A lost account is no more than that. */
static uint64_t lost(const struct follow *f)
{
    const struct events_bpf__bss *b = f->programs->bss;
    return b->lost_births + b->lost_execs + b->lost_exits + b->lost_members;
}

/* ---- accounts ---- */

static void await(struct follow *f, uint32_t entity, const struct event_exit *e)
{
    struct awaited *a = malloc(sizeof *a);
    if (a == NULL)
        return;
    *a = (struct awaited){entity, e->cpu_ns, e->peak_rss_bytes};
    if (map_put(&f->awaited, e->id, (uintptr_t)a) != 0)
        free(a);
}

/* The kernel divides CPU between user and system by where its ticks fell: fs/proc shows it so too. */
static uint64_t part_of(uint64_t cpu_ns, uint64_t part, uint64_t other)
{
    if (other == 0)
        return part == 0 ? 0 : cpu_ns;
    return (uint64_t)((double)cpu_ns * ((double)part / ((double)part + (double)other)));
}

static void take_account(struct follow *f, const struct event_account *e)
{
    const uint64_t *at = map_get(&f->awaited, e->id);
    if (at == NULL)
        return;
    struct awaited *a = (struct awaited *)(uintptr_t)*at; /* NOLINT: maps hold numbers */
    uint64_t user_ns = part_of(e->cpu_ns, e->user_ns, e->system_ns);
    /* No tick fell into it: the kernel then calls it all user's. */
    if (e->user_ns == 0 && e->system_ns == 0)
        user_ns = e->cpu_ns;
    struct record_account account = {
        .entity = a->entity,
        .known = ACCOUNT_CPU | ACCOUNT_SPLIT | ACCOUNT_CHILDREN | ACCOUNT_FAULTS |
                 ACCOUNT_SWITCHES | ACCOUNT_IO | (e->peak_rss_bytes != 0 ? ACCOUNT_PEAK_RSS : 0u),
        .cpu_ns = e->cpu_ns,
        .user_ns = user_ns,
        .system_ns = e->cpu_ns - user_ns,
        .children_user_ns = e->children_user_ns,
        .children_system_ns = e->children_system_ns,
        .peak_rss_bytes = e->peak_rss_bytes,
        .minor_faults = e->minor_faults,
        .major_faults = e->major_faults,
        .voluntary_switches = e->voluntary_switches,
        .involuntary_switches = e->involuntary_switches,
        .read_chars = e->read_chars,
        .write_chars = e->write_chars,
        .read_count = e->read_count,
        .write_count = e->write_count,
        .read_bytes = e->read_bytes,
        .write_bytes = e->write_bytes,
    };
    f->sink.account(f->sink.user, &account);
    map_remove(&f->awaited, e->id);
    free(a);
}

/*
 * What will not come any more: what was known as they began to exit must do. Some kernels free
 * processes without telling (seen with Linux 6.18 in a virtual machine: at times none of those that
 * one processor frees after a grace period).
 */
static void give_up_awaiting(struct follow *f, bool announce)
{
    for (size_t i = 0; i < f->awaited.cap; i++) {
        if (f->awaited.slots[i].key == 0)
            continue;
        struct awaited *a = (struct awaited *)(uintptr_t)f->awaited.slots[i].value; /* NOLINT */
        struct record_account account = {
            .entity = a->entity,
            .known = ACCOUNT_EARLY | ACCOUNT_CPU | (a->peak_rss_bytes != 0 ? ACCOUNT_PEAK_RSS : 0u),
            .cpu_ns = a->cpu_ns,
            .peak_rss_bytes = a->peak_rss_bytes,
        };
        if (announce)
            f->sink.account(f->sink.user, &account);
        free(a);
    }
    map_done(&f->awaited);
}

/* ---- execs ---- */

static void take_exec(struct follow *f, const struct event_exec *e, size_t size)
{
    size_t texts = size - EVENT_EXEC_HEAD;
    size_t exe = e->exe_bytes < texts ? e->exe_bytes : texts;
    struct follow_exec exec = {
        .pid = (pid_t)e->event.pid,
        .time_ns = e->event.time_ns,
        .exe = {(const uint8_t *)e->bytes, exe},
        .has_argv = (e->event.flags & EVENT_NO_ARGV) == 0,
        .argv = {(const uint8_t *)e->bytes + exe, texts - exe},
    };
    memcpy(exec.comm, e->comm, sizeof e->comm);
    /* A relative name means nothing without the directory it was given in. */
    if (exe == 0 || e->bytes[0] != '/')
        exec.exe.n = 0;
    if (e->argv_bytes > exec.argv.n)
        exec_parts_begin(&f->parts, &exec, e->argv_bytes);
    else
        f->sink.exec(f->sink.user, &exec);
}

/* ---- births and ends ---- */

/* Its birth, unless looking at /proc has already found it. */
static void announce(struct follow *f, const struct follow_birth *birth)
{
    uint64_t start = birth->start_boot_ns / f->tick_ns;
    const uint64_t *known = map_get(&f->members.alive, (uint32_t)birth->pid);
    if (known != NULL && *known == start)
        return;
    map_remove(&f->resynced, (uint32_t)birth->pid);
    members_add(&f->members, birth->pid, start);
    f->announced++;
    f->sink.birth(f->sink.user, birth);
}

static void take_birth(struct follow *f, const struct event_birth *e)
{
    struct follow_birth birth = {
        .pid = (pid_t)e->event.pid,
        .parent_pid = (pid_t)e->parent_pid,
        .process_group = (pid_t)e->process_group,
        .session = (pid_t)e->session,
        .inner_pid = (pid_t)e->inner_pid,
        .uid = e->uid,
        .time_ns = e->event.time_ns,
        .start_boot_ns = e->start_boot_ns,
        .forked = true,
        .fresh = true,
    };
    memcpy(birth.comm, e->comm, sizeof e->comm);
    announce(f, &birth);
}

/* The ring was full when it was born: what the end tells must do. */
static void announce_late(struct follow *f, const struct event_exit *e)
{
    struct follow_birth birth = {
        .pid = (pid_t)e->event.pid,
        .parent_pid = (pid_t)e->parent_pid,
        .uid = UINT32_MAX,
        .time_ns = e->event.time_ns,
        .start_boot_ns = e->start_boot_ns,
        .forked = true,
        .fresh = true,
    };
    memcpy(birth.comm, e->comm, sizeof e->comm);
    announce(f, &birth);
}

static void take_exit(struct follow *f, const struct event_exit *e)
{
    pid_t pid = (pid_t)e->event.pid;
    exec_parts_finish(&f->parts, pid);
    if (map_remove(&f->resynced, (uint32_t)pid))
        return;
    if (lost(f) > 0 && !f->programs->bss->everybody)
        announce_late(f, e);
    members_remove(&f->members, pid);
    struct follow_end end = {.pid = pid, .time_ns = e->event.time_ns, .status = e->status};
    memcpy(end.comm, e->comm, sizeof e->comm);
    uint32_t entity = f->sink.ended(f->sink.user, &end);
    if (entity != 0)
        await(f, entity, e);
}

/* ---- the ring ---- */

static void take(void *user, const void *record, size_t size)
{
    struct follow *f = user;
    const struct event *e = record;
    if (size < sizeof *e)
        return;
    if (e->type == EVENT_BIRTH && size >= sizeof(struct event_birth))
        take_birth(f, (const struct event_birth *)e);
    else if (e->type == EVENT_EXEC && size >= EVENT_EXEC_HEAD)
        take_exec(f, (const struct event_exec *)e, size);
    else if (e->type == EVENT_ARGV)
        exec_parts_more(&f->parts, (pid_t)e->pid, ((const struct event_argv *)e)->bytes,
                        size - sizeof *e);
    else if (e->type == EVENT_EXIT && size >= sizeof(struct event_exit))
        take_exit(f, (const struct event_exit *)e);
    else if (e->type == EVENT_ACCOUNT && size >= sizeof(struct event_account))
        take_account(f, (const struct event_account *)e);
}

/* ---- what was there before, and what was lost ---- */

/* Also as a zombie: its exit was before, and its pid will be another's. */
static bool has_ended(const struct follow *f, const struct follow_birth *birth)
{
    struct process_files files = process_files_unkept(birth->pid);
    struct proc_stat stat;
    return proc_stat_read(&f->members.root, &files, &stat) != 0 || stat.value[STAT_STATE] == 'Z' ||
           stat.start_ticks != birth->start_boot_ns / f->tick_ns;
}

static int seeds_fd(const struct follow *f)
{
    return f->programs->maps.seeds.map_fd;
}

static void seed(struct follow *f, const struct follow_birth *birth)
{
    uint32_t pid = (uint32_t)birth->pid, value = 0;
    __atomic_add_fetch(&f->programs->bss->seeded, 1, __ATOMIC_SEQ_CST);
    if (skel_map_update_elem(seeds_fd(f), &pid, &value, BPF_NOEXIST) == 0 && !has_ended(f, birth))
        return;
    if (skel_map_delete_elem(seeds_fd(f), &pid) == 0) /* nobody would take it out */
        __atomic_sub_fetch(&f->programs->bss->seeded, 1, __ATOMIC_SEQ_CST);
}

/* Found by looking at /proc: the kernel is told first, so that no child of it escapes. */
static void on_found(void *user, const struct follow_birth *birth)
{
    struct follow *f = user;
    if (!f->resyncing) /* then it was the kernel that told us */
        seed(f, birth);
    f->announced += birth->forked && !birth->root;
    f->sink.birth(f->sink.user, birth);
}

static uint32_t on_gone(void *user, const struct follow_end *end)
{
    struct follow *f = user;
    map_put(&f->resynced, (uint32_t)end->pid, 1);
    return f->sink.ended(f->sink.user, end);
}

/* What forks while it is listed is found by the next listing, unless its parent was known already. */
static int find_descendants(struct follow *f)
{
    size_t before = 0;
    for (int i = 0; i < LISTINGS_MAX && f->members.alive.count != before; i++) {
        before = f->members.alive.count;
        int r = members_list(&f->members);
        if (r != 0)
            return r;
        members_resolve(&f->members, false);
    }
    return 0;
}

/*
 * Of one that was freed without the kernel's side being told the entry would stay for ever: it goes
 * once so many have ended since that nothing can be on its way any more.
 */
static void forget_if_old(struct follow *f, uint64_t key, const struct member *m)
{
    if (f->programs->bss->ends - m->id > MEMBERS_LEAST / 2 && kill((pid_t)m->pid, 0) != 0 &&
        errno == ESRCH)
        skel_map_delete_elem(f->programs->maps.members.map_fd, &key);
}

/* Those that the kernel knows to belong, and we do not. */
static void take_member(struct follow *f, uint64_t key, const struct member *m)
{
    if (m->id != 0) {
        forget_if_old(f, key, m);
        return;
    }
    map_put(&f->living, m->pid, 1);
    if (!members_has(&f->members, (pid_t)m->pid))
        members_consider(&f->members, (pid_t)m->pid);
}

static int find_unannounced(struct follow *f)
{
    uint64_t keys[BATCH];
    struct member values[BATCH];
    uint32_t place, next;
    union bpf_attr attr = {0};
    attr.batch.map_fd = (uint32_t)f->programs->maps.members.map_fd;
    attr.batch.out_batch = (uintptr_t)&next;
    attr.batch.keys = (uintptr_t)keys;
    attr.batch.values = (uintptr_t)values;
    for (int r = 0; r == 0;) {
        attr.batch.count = BATCH;
        r = skel_sys_bpf(BPF_MAP_LOOKUP_BATCH, &attr, sizeof attr) == 0 ? 0 : -errno;
        if (r != 0 && r != -ENOENT) /* ENOENT: those were the last */
            return r;
        for (uint32_t i = 0; i < attr.batch.count; i++)
            take_member(f, keys[i], &values[i]);
        place = next;
        attr.batch.in_batch = (uintptr_t)&place;
    }
    members_admit_all(&f->members, true);
    return 0;
}

static bool not_in_kernel(const void *user, pid_t pid)
{
    const struct follow *f = user;
    uint32_t key = (uint32_t)pid, value;
    union bpf_attr attr = {
        .map_fd = (uint32_t)seeds_fd(f), .key = (uintptr_t)&key, .value = (uintptr_t)&value};
    return map_get(&f->living, key) == NULL &&
           skel_sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof attr) != 0;
}

static int resync(struct follow *f, uint64_t now_ns)
{
    f->resyncs++;
    if (f->programs->bss->everybody)
        return 0;
    f->resyncing = true;
    int r = find_unannounced(f);
    if (r == 0)
        members_end_gone(&f->members, now_ns, not_in_kernel, f);
    f->resyncing = false;
    map_done(&f->living);
    return r;
}

static int bpf_poll(struct follow *f, uint64_t now_ns)
{
    bpf_ring_awake(&f->ring);
    bpf_ring_drain(&f->ring, take, f);
    uint64_t now_lost = lost(f);
    if (now_lost == f->lost_seen)
        return 0;
    f->lost_seen = now_lost;
    return resync(f, now_ns);
}

/* ---- beginning and end ---- */

static uint32_t members_max(const struct source_root *root)
{
    uint64_t pids = proc_pid_max(root);
    if (pids > MEMBERS_MOST)
        return MEMBERS_MOST;
    return pids < MEMBERS_LEAST ? MEMBERS_LEAST : (uint32_t)pids;
}

static int load(struct follow *f, struct follow_reason *why)
{
    f->programs = events_bpf__open();
    if (f->programs == NULL)
        return follow_fail(why, -ENOMEM, "no memory");
    f->programs->maps.members.max_entries = members_max(&f->members.root);
    int r = events_bpf__load(f->programs);
    if (r == -EPERM || r == -EACCES)
        return follow_fail(why, r,
                           "BPF programs may not be loaded: run as root, or with CAP_BPF and "
                           "CAP_PERFMON (containers: --cap-add BPF --cap-add PERFMON)");
    if (r == -ENOSYS)
        return follow_fail(why, r, "the kernel has no bpf(2): CONFIG_BPF_SYSCALL");
    if (r != 0 && access("/sys/kernel/btf/vmlinux", R_OK) != 0)
        return follow_fail(why, r,
                           "the kernel does not describe its types: /sys/kernel/btf/vmlinux needs "
                           "CONFIG_DEBUG_INFO_BTF and a mounted /sys");
    if (r != 0)
        return follow_fail(why, r,
                           "the kernel refuses the BPF programs (%s): Linux 5.17 or later "
                           "is needed",
                           strerror(-r));
    return 0;
}

static int find_place(struct follow *f, const struct follow_config *config,
                      struct follow_reason *why)
{
    union bpf_attr attr = {0};
    attr.test.prog_fd = (uint32_t)f->programs->progs.where_am_i.prog_fd;
    if (skel_sys_bpf(BPF_PROG_RUN, &attr, sizeof attr) != 0)
        return follow_fail(why, -errno, "BPF programs cannot be run: %s", strerror(errno));
    f->programs->bss->recorder_pid = (uint32_t)config->recorder;
    f->programs->bss->everybody = config->machine;
    return 0;
}

static int begin(struct follow *f, const struct follow_config *config, struct follow_reason *why)
{
    int r = load(f, why);
    if (r == 0)
        r = find_place(f, config, why);
    if (r == 0)
        r = bpf_ring_open(&f->ring, f->programs->maps.ring.map_fd, RING_BYTES, why);
    if (r != 0)
        return r;
    r = events_bpf__attach(f->programs);
    f->attached = true;
    if (r < 0)
        return follow_fail(why, r, "the tracepoints cannot be attached to: %s", strerror(-r));
    r = members_admit_roots(&f->members, config);
    if (r == 0 && !config->launched && !config->machine)
        r = find_descendants(f);
    return r == 0 ? 0 : follow_fail(why, r, "cannot read /proc: %s", strerror(-r));
}

static void bpf_close(struct follow *f)
{
    if (f == NULL)
        return;
    bpf_ring_close(&f->ring);
    if (f->programs != NULL)
        events_bpf__destroy(f->programs);
    give_up_awaiting(f, false);
    exec_parts_done(&f->parts);
    map_done(&f->resynced);
    members_done(&f->members);
    free(f);
}

static int bpf_open(const struct follow_config *config, const struct follow_sink *sink,
                    struct follow **ret, struct follow_reason *ret_why)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return follow_fail(ret_why, -ENOMEM, "no memory");
    f->sink = f->parts.sink = *sink;
    f->tick_ns = config->root->tick_ns;
    f->ring.epoll_fd = -1;
    struct follow_sink found = {.user = f, .birth = on_found, .ended = on_gone};
    members_init(&f->members, config, &found);
    int r = begin(f, config, ret_why);
    if (r != 0) {
        bpf_close(f);
        return r;
    }
    *ret = f;
    return 0;
}

static int bpf_fd(const struct follow *f)
{
    return f->ring.epoll_fd;
}

/*
 * Some kernels let a processor go idle that still has tasks to free, for seconds: seen with Linux
 * 6.18 in a virtual machine. A tick of the clock while it works puts it right.
 */
static void keep_busy_until_freed(struct follow *f, uint64_t until_ns)
{
    cpu_set_t before, one;
    struct timespec tick;
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 ||
        sched_getaffinity(0, sizeof before, &before) != 0)
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && f->awaited.count > 0; cpu++) {
        if (!CPU_ISSET(cpu, &before))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        uint64_t leave_ns = clock_mono_ns() + 2 * (uint64_t)tick.tv_nsec;
        while (f->awaited.count > 0 && clock_mono_ns() < leave_ns && clock_mono_ns() < until_ns)
            bpf_ring_drain(&f->ring, take, f);
    }
    sched_setaffinity(0, sizeof before, &before);
}

static void bpf_settle(struct follow *f, uint64_t for_ns)
{
    uint64_t begun_ns = clock_mono_ns();
    bpf_ring_drain(&f->ring, take, f);
    while (f->awaited.count > 0 && clock_mono_ns() - begun_ns < for_ns) {
        struct timespec step = timespec_from_ns(SETTLE_STEP_NS);
        nanosleep(&step, NULL);
        bpf_ring_drain(&f->ring, take, f);
        if (clock_mono_ns() - begun_ns > USUALLY_FREED_NS)
            keep_busy_until_freed(f, begun_ns + for_ns);
    }
    give_up_awaiting(f, true);
}

static void bpf_receipt(const struct follow *f, struct follow_receipt *ret)
{
    uint64_t births = f->programs->bss->births, lost_now = lost(f);
    bool missing = lost_now > 0 && births > f->announced;
    *ret = (struct follow_receipt){.births = births,
                                   .missed = missing ? births - f->announced : 0,
                                   .lost_events = lost_now + f->programs->bss->lost_accounts,
                                   .resyncs = f->resyncs};
}

const struct follow_mechanism follow_bpf = {
    .name = "bpf",
    .help = "every birth, exec and end, each with the kernel's exact account",
    .tells = FOLLOW_TELLS_EXECS | FOLLOW_TELLS_ENDS | FOLLOW_TELLS_STATUS | FOLLOW_TELLS_ACCOUNTS |
             FOLLOW_SEES_MACHINE,
    .open = bpf_open,
    .fd = bpf_fd,
    .poll = bpf_poll,
    .settle = bpf_settle,
    .receipt = bpf_receipt,
    .close = bpf_close,
};
