/*
 * Following in the kernel: which processes belong, and an event for each birth, exec and end among
 * them. follow_bpf.c tells the user's side.
 *
 * Three tracepoints tell what happens; a fourth, sched_process_free, what it cost: at the exit hook
 * the last slice and the taking down of the process are still to come (for a process of a
 * millisecond two thirds of its CPU), and when the task is freed, a grace period after it was
 * reaped, everything is in its signal_struct.
 *
 * All of it runs without preemption, so the scratch memory of a processor is ours.
 */
#include "source/kernel_types.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "follow/bpf_events.h"

const char terms[] SEC("license") = "Dual MIT/GPL";

#define PAGE_BYTES 4096ull
#define PIDTYPE_TGID 1
#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3
#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */
#define TASKS_MAX (1 << 20)
#define WAKE_BYTES (1 << 20) /* of events that wait: then the recorder is woken before its tick */

/* Set before the programs are attached. */
unsigned recorder_level = 0;     /* depth of the recorder's pid namespace */
unsigned recorder_namespace = 0; /* inode of it */
unsigned recorder_pid = 0;
bool everybody = 0; /* the whole machine belongs */

/* Counted for the receipt. */
unsigned long long births = 0;
unsigned long long lost_births = 0, lost_execs = 0, lost_exits = 0, lost_accounts = 0;
unsigned long long lost_members = 0; /* for which the kernel had no memory */
unsigned ends = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20);
} ring SEC(".maps");

struct member {
    __u64 peak_before; /* pages: of the programs this process was before its last exec */
};

/* By pid, in the recorder's namespace. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TASKS_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct member);
} members SEC(".maps");

/* Those that have ended and are not yet freed: by the task of the main thread. */
struct ending {
    __u32 pid, id;
    __u64 peak_rss_bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TASKS_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u64);
    __type(value, struct ending);
} endings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct event_exec);
} scratch SEC(".maps");

#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)

/* ---- pids ---- */

/* The number of a pid in the recorder's namespace, 0 where it has none there. */
static __u32 number_of(const struct pid *pid)
{
    if (pid == NULL || BPF_CORE_READ(pid, level) < recorder_level)
        return 0;
    const struct upid *at = (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
                            (recorder_level & 31) * bpf_core_type_size(struct upid);
    if (recorder_level > 0 && BPF_CORE_READ(at, ns, ns.inum) != recorder_namespace)
        return 0;
    return (__u32)BPF_CORE_READ(at, nr);
}

static __u32 process_of(const struct task_struct *task)
{
    if (recorder_level == 0)
        return (__u32)BPF_CORE_READ(task, tgid);
    return number_of(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
}

static __u32 inner_pid_of(const struct task_struct *task)
{
    const struct pid *pid = BPF_CORE_READ(task, thread_pid);
    const struct upid *at = (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
                            (BPF_CORE_READ(pid, level) & 31) * bpf_core_type_size(struct upid);
    return (__u32)BPF_CORE_READ(at, nr);
}

static bool belongs(__u32 pid)
{
    if (pid == 0 || pid == recorder_pid)
        return 0;
    return everybody || bpf_map_lookup_elem(&members, &pid) != NULL;
}

/* ---- the ring ---- */

/* The recorder drains the ring at its ticks; it is woken before only when much lies there. */
static __u64 wake_flags(void)
{
    return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= WAKE_BYTES ? BPF_RB_FORCE_WAKEUP
                                                                     : BPF_RB_NO_WAKEUP;
}

static void begin(struct event *event, unsigned short type, __u32 pid)
{
    event->type = type;
    event->flags = 0;
    event->pid = pid;
    event->time_ns = bpf_ktime_get_ns();
}

/* ---- births ---- */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid) || !belongs(process_of(parent)))
        return 0;
    __u32 pid = process_of(child);
    struct member member = {};
    if (pid == 0)
        return 0;
    COUNT(births);
    if (bpf_map_update_elem(&members, &pid, &member, BPF_ANY) != 0)
        COUNT(lost_members);
    struct event_birth *event = bpf_ringbuf_reserve(&ring, sizeof *event, 0);
    if (event == NULL) {
        COUNT(lost_births);
        return 0;
    }
    begin(&event->event, EVENT_BIRTH, pid);
    event->parent_pid = process_of(BPF_CORE_READ(child, real_parent));
    event->process_group = number_of(BPF_CORE_READ(child, signal, pids[PIDTYPE_PGID]));
    event->session = number_of(BPF_CORE_READ(child, signal, pids[PIDTYPE_SID]));
    event->inner_pid = inner_pid_of(child);
    event->uid = BPF_CORE_READ(child, real_cred, uid.val);
    event->unused = 0;
    event->start_boot_ns = BPF_CORE_READ(child, start_boottime);
    BPF_CORE_READ_STR_INTO(&event->comm, child, comm);
    bpf_ringbuf_submit(event, wake_flags());
    return 0;
}

/* ---- execs ---- */

struct rest {
    struct event_argv *event;
    unsigned long from;
    __u32 left;
};

/* One more part of a long command line. 1 ends the loop. */
static long put_rest(__u32 i, struct rest *rest)
{
    struct event_argv *event = rest->event;
    __u32 n = rest->left < EVENT_ARGV_CAP ? rest->left : EVENT_ARGV_CAP;
    if (n == 0 || n > EVENT_ARGV_CAP ||
        bpf_probe_read_user(event->bytes, n, (const void *)rest->from) != 0 ||
        bpf_ringbuf_output(&ring, event, sizeof event->event + n, wake_flags()) != 0)
        return 1;
    rest->from += n;
    rest->left -= n;
    return rest->left == 0;
}

/* The scratch is used anew: what was in it has been put. */
static void put_long_argv(struct event_exec *exec, __u32 pid, unsigned long from, __u32 left)
{
    struct rest rest = {(struct event_argv *)exec, from, left};
    begin(&exec->event, EVENT_ARGV, pid);
    bpf_loop(EVENT_ARGV_PARTS, put_rest, &rest, 0);
    if (rest.left > 0)
        COUNT(lost_execs);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
    __u32 pid = process_of(task), zero = 0;
    if (!belongs(pid))
        return 0;
    struct member *member = bpf_map_lookup_elem(&members, &pid);
    if (member != NULL)
        member->peak_before = BPF_CORE_READ(task, signal, maxrss);
    struct event_exec *event = bpf_map_lookup_elem(&scratch, &zero);
    if (event == NULL)
        return 0;
    begin(&event->event, EVENT_EXEC, pid);
    BPF_CORE_READ_STR_INTO(&event->comm, task, comm);
    unsigned long from = BPF_CORE_READ(task, mm, arg_start);
    unsigned long to = BPF_CORE_READ(task, mm, arg_end);
    __u32 bytes = to > from ? (__u32)(to - from) : 0;
    event->argv_bytes = bytes;
    long exe = bpf_probe_read_kernel_str(event->bytes, EVENT_EXE_CAP, BPF_CORE_READ(bprm, interp));
    __u32 at = exe > 0 && exe <= EVENT_EXE_CAP ? (__u32)exe - 1 : 0; /* the NUL is written over */
    at &= EVENT_EXE_CAP - 1;
    event->exe_bytes = at;
    __u32 n = bytes < EVENT_ARGV_CAP ? bytes : EVENT_ARGV_CAP;
    if (n > 0 && n <= EVENT_ARGV_CAP &&
        bpf_probe_read_user(event->bytes + at, n, (const void *)from) != 0) {
        event->event.flags |= EVENT_NO_ARGV;
        n = bytes = 0;
    }
    __u32 size = EVENT_EXEC_HEAD + at + n;
    if (size > sizeof *event || bpf_ringbuf_output(&ring, event, size, wake_flags()) != 0)
        COUNT(lost_execs);
    else if (bytes > n)
        put_long_argv(event, pid, from + n, bytes - n);
    return 0;
}

/* ---- ends ---- */

/*
 * The kernel's peak is that of all programs the process ever was: a child that a process of 10 GB
 * started by vfork() has a peak of 10 GB. Unless this program went beyond it, its own memory says
 * what it had, where that is still there (since Linux 6.16), to within some pages a processor.
 */
static __u64 peak_rss_bytes(const struct task_struct *task, __u64 before)
{
    __u64 peak = BPF_CORE_READ(task, signal, maxrss);
    if (before == 0 || peak > before)
        return peak * PAGE_BYTES;
    const struct mm_struct *mm = BPF_CORE_READ(task, mm);
    if (mm == NULL)
        return 0;
    peak = BPF_CORE_READ(mm, hiwater_rss);
    if (bpf_core_field_exists(mm->rss_stat[0].count)) {
        __s64 now = BPF_CORE_READ(mm, rss_stat[0].count) + BPF_CORE_READ(mm, rss_stat[1].count) +
                    BPF_CORE_READ(mm, rss_stat[3].count);
        if (now > (__s64)peak)
            peak = (__u64)now;
    }
    return peak * PAGE_BYTES;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
    const struct signal_struct *signal = BPF_CORE_READ(task, signal);
    if (BPF_CORE_READ(signal, live.counter) != 0)
        return 0;
    __u32 pid = process_of(task);
    if (!belongs(pid))
        return 0;
    struct member *member = bpf_map_lookup_elem(&members, &pid);
    __u64 before = member != NULL ? member->peak_before : 0;
    /* Of two threads that end at once both come here: only one takes it out. */
    if (bpf_map_delete_elem(&members, &pid) != 0 && !everybody)
        return 0;
    const struct task_struct *leader = BPF_CORE_READ(task, group_leader);
    __u64 key = (__u64)leader;
    struct ending ending = {.pid = pid, .peak_rss_bytes = peak_rss_bytes(task, before)};
    ending.id = COUNT(ends) + 1;
    ending.id += ending.id == 0; /* after four thousand million */
    /* A task that was freed without our being called (seen with Linux 6.18) left its place taken. */
    if (bpf_map_lookup_elem(&endings, &key) != NULL ||
        bpf_map_update_elem(&endings, &key, &ending, BPF_ANY) != 0) {
        COUNT(lost_accounts);
        bpf_map_update_elem(&endings, &key, &ending, BPF_ANY);
    }
    struct event_exit *event = bpf_ringbuf_reserve(&ring, sizeof *event, 0);
    if (event == NULL) {
        COUNT(lost_exits);
        return 0;
    }
    begin(&event->event, EVENT_EXIT, pid);
    event->id = ending.id;
    event->unused = 0;
    event->start_boot_ns = BPF_CORE_READ(leader, start_boottime);
    event->cpu_ns =
        BPF_CORE_READ(signal, sum_sched_runtime) + BPF_CORE_READ(task, se.sum_exec_runtime);
    event->peak_rss_bytes = ending.peak_rss_bytes;
    event->parent_pid = process_of(BPF_CORE_READ(leader, real_parent));
    bool by_group = (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT) != 0;
    event->status =
        by_group ? BPF_CORE_READ(signal, group_exit_code) : BPF_CORE_READ(leader, exit_code);
    BPF_CORE_READ_STR_INTO(&event->comm, leader, comm);
    bpf_ringbuf_submit(event, wake_flags());
    return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *task)
{
    __u64 key = (__u64)task;
    struct ending *ending = bpf_map_lookup_elem(&endings, &key);
    if (ending == NULL)
        return 0;
    const struct signal_struct *signal = BPF_CORE_READ(task, signal);
    struct event_account *event = bpf_ringbuf_reserve(&ring, sizeof *event, 0);
    if (event == NULL) {
        COUNT(lost_accounts);
        bpf_map_delete_elem(&endings, &key);
        return 0;
    }
    begin(&event->event, EVENT_ACCOUNT, ending->pid);
    event->id = ending->id;
    event->unused = 0;
    event->cpu_ns = BPF_CORE_READ(signal, sum_sched_runtime);
    event->user_ns = BPF_CORE_READ(signal, utime);
    event->system_ns = BPF_CORE_READ(signal, stime);
    event->children_user_ns = BPF_CORE_READ(signal, cutime);
    event->children_system_ns = BPF_CORE_READ(signal, cstime);
    event->peak_rss_bytes = ending->peak_rss_bytes;
    event->minor_faults = BPF_CORE_READ(signal, min_flt);
    event->major_faults = BPF_CORE_READ(signal, maj_flt);
    event->voluntary_switches = BPF_CORE_READ(signal, nvcsw);
    event->involuntary_switches = BPF_CORE_READ(signal, nivcsw);
    event->read_chars = BPF_CORE_READ(signal, ioac.rchar);
    event->write_chars = BPF_CORE_READ(signal, ioac.wchar);
    event->read_count = BPF_CORE_READ(signal, ioac.syscr);
    event->write_count = BPF_CORE_READ(signal, ioac.syscw);
    event->read_bytes = BPF_CORE_READ(signal, ioac.read_bytes);
    event->write_bytes = BPF_CORE_READ(signal, ioac.write_bytes);
    bpf_ringbuf_submit(event, wake_flags());
    bpf_map_delete_elem(&endings, &key);
    return 0;
}

/* ---- where the recorder is ---- */

/* Run once by the recorder: fills in its pid namespace. */
SEC("syscall")
int where_am_i(void *context)
{
    const struct task_struct *me = (const void *)bpf_get_current_task();
    const struct pid *pid = BPF_CORE_READ(me, thread_pid);
    recorder_level = BPF_CORE_READ(pid, level);
    const struct upid *at = (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
                            (recorder_level & 31) * bpf_core_type_size(struct upid);
    recorder_namespace = BPF_CORE_READ(at, ns, ns.inum);
    return 0;
}
