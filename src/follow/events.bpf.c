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
#define EEXIST 17
#define MEMBERS_LEAST 4096 /* the loader chooses how many there may be */
#define SEEDS_MAX (1 << 20)
#define WAKE_BYTES (1 << 20) /* of events that wait: then the recorder is woken before its tick */
#define WAKE_STEP (64 << 10) /* and again after so many more, at the first event or two of them */
#define WAKE_WINDOW 256

/* Set before the programs are attached. */
unsigned recorder_level = 0;     /* depth of the recorder's pid namespace */
unsigned recorder_namespace = 0; /* inode of it */
unsigned recorder_pid = 0;
bool everybody = 0; /* the whole machine belongs */

/* Counted for the receipt. */
unsigned long long births = 0;
unsigned long long lost_births = 0, lost_execs = 0, lost_exits = 0, lost_accounts = 0;
unsigned long long lost_members = 0; /* for which there was no room */
unsigned ends = 0;
unsigned seeded = 0; /* how many seeds there are: mostly none, and nobody need look */

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 << 20);
} ring SEC(".maps");

/*
 * Those that belong, until they are freed; by their signal_struct, which is theirs from birth to the
 * end, whichever of its threads execs. Allocated beforehand: that halves the cost of an entry.
 */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MEMBERS_LEAST);
    __type(key, __u64);
    __type(value, struct member);
} members SEC(".maps");

/* Pids of those that the recorder says belong: each becomes a member when it is met first. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, SEEDS_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, __u32);
} seeds SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct event_exec);
} scratch SEC(".maps");

#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)

/* ---- pids ---- */

static const struct upid *upid_of(const struct pid *pid, __u32 level)
{
    return (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
           (level & 31) * bpf_core_type_size(struct upid);
}

/* The number of a pid in the recorder's namespace, 0 where it has none there. */
static __u32 number_of(const struct pid *pid)
{
    if (pid == NULL || pid->level < recorder_level)
        return 0;
    if (recorder_level == 0)
        return (__u32)pid->numbers[0].nr;
    const struct upid *at = upid_of(pid, recorder_level);
    return BPF_CORE_READ(at, ns, ns.inum) == recorder_namespace ? (__u32)BPF_CORE_READ(at, nr) : 0;
}

static __u32 process_of(const struct task_struct *task)
{
    return recorder_level == 0 ? (__u32)task->tgid : number_of(task->signal->pids[PIDTYPE_TGID]);
}

static __u32 inner_pid_of(const struct task_struct *task)
{
    const struct pid *pid = task->thread_pid;
    if (pid == NULL)
        return 0;
    return pid->level == 0 ? (__u32)pid->numbers[0].nr
                           : (__u32)BPF_CORE_READ(upid_of(pid, pid->level), nr);
}

static void copy_comm(char ret[EVENT_COMM_CAP], const struct task_struct *task)
{
    __builtin_memcpy(ret, task->comm, EVENT_COMM_CAP);
    ret[EVENT_COMM_CAP - 1] = '\0';
}

/* ---- who belongs ---- */

static void add_member(__u64 key, __u32 pid, __u64 start_boot_ns)
{
    struct member member = {.pid = pid, .start_boot_ns = start_boot_ns};
    long r = bpf_map_update_elem(&members, &key, &member, BPF_NOEXIST);
    /* A process that was freed without our being told (seen with Linux 6.18) left its place taken. */
    if (r == -EEXIST) {
        COUNT(lost_accounts);
        r = bpf_map_update_elem(&members, &key, &member, BPF_ANY);
    }
    if (r != 0)
        COUNT(lost_members);
}

/* Also that of one whom its parent's fork has made a member already. */
static bool take_seed(__u32 pid)
{
    if (seeded == 0 || bpf_map_delete_elem(&seeds, &pid) != 0)
        return 0;
    __sync_fetch_and_sub(&seeded, 1);
    return 1;
}

/*
 * NULL for a stranger, and for what has ended: the second of two threads that exit at once, or an old
 * entry in whose place a stranger lives now. Each birth among us replaces such.
 */
static struct member *member_of(const struct task_struct *task)
{
    __u64 key = (__u64)task->signal;
    struct member *member = bpf_map_lookup_elem(&members, &key);
    if (member != NULL)
        return member->id == 0 ? member : NULL;
    __u32 pid = seeded > 0 || everybody ? process_of(task) : 0;
    if (pid == 0 || pid == recorder_pid || !(take_seed(pid) || everybody))
        return NULL;
    add_member(key, pid, task->group_leader->start_boottime);
    return bpf_map_lookup_elem(&members, &key);
}

/* ---- the ring ---- */

/*
 * The recorder drains the ring at its ticks; it is woken before only when much lies there, and then
 * not by each event: waking one that does not come (stopped, or busy) would cost the job most.
 */
static __u64 wake_flags(void)
{
    __u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
    return waiting >= WAKE_BYTES && waiting % WAKE_STEP < WAKE_WINDOW ? BPF_RB_FORCE_WAKEUP
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
    if (child->pid != child->tgid || member_of(parent) == NULL)
        return 0;
    __u32 pid = process_of(child);
    if (pid == 0)
        return 0;
    COUNT(births);
    add_member((__u64)child->signal, pid, child->start_boottime);
    struct event_birth *event = bpf_ringbuf_reserve(&ring, sizeof *event, 0);
    if (event == NULL) {
        COUNT(lost_births);
        return 0;
    }
    begin(&event->event, EVENT_BIRTH, pid);
    event->parent_pid = process_of(child->real_parent);
    event->process_group = number_of(child->signal->pids[PIDTYPE_PGID]);
    event->session = number_of(child->signal->pids[PIDTYPE_SID]);
    event->inner_pid = inner_pid_of(child);
    event->uid = child->real_cred->uid.val;
    event->unused = 0;
    event->start_boot_ns = child->start_boottime;
    copy_comm(event->comm, child);
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
    __u32 zero = 0;
    struct member *member = member_of(task);
    struct event_exec *event = bpf_map_lookup_elem(&scratch, &zero);
    if (member == NULL || event == NULL)
        return 0;
    __u32 pid = member->pid;
    member->peak_before = task->signal->maxrss;
    begin(&event->event, EVENT_EXEC, pid);
    copy_comm(event->comm, task);
    const struct mm_struct *mm = task->mm;
    unsigned long from = mm != NULL ? mm->arg_start : 0;
    unsigned long to = mm != NULL ? mm->arg_end : 0;
    __u32 bytes = to > from ? (__u32)(to - from) : 0;
    event->argv_bytes = bytes;
    long exe = bpf_probe_read_kernel_str(event->bytes, EVENT_EXE_CAP, bprm->interp);
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
    __u64 peak = task->signal->maxrss;
    if (before == 0 || peak > before)
        return peak * PAGE_BYTES;
    const struct mm_struct *mm = task->mm;
    if (mm == NULL)
        return 0;
    peak = mm->hiwater_rss;
    if (bpf_core_field_exists(mm->rss_stat[0].count)) {
        __s64 now = mm->rss_stat[0].count + mm->rss_stat[1].count + mm->rss_stat[3].count;
        if (now > (__s64)peak)
            peak = (__u64)now;
    }
    return peak * PAGE_BYTES;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
    const struct signal_struct *signal = task->signal;
    if (signal->live.counter != 0)
        return 0;
    struct member *member = member_of(task);
    if (member == NULL)
        return 0;
    const struct task_struct *leader = task->group_leader;
    __u32 pid = member->pid, id = COUNT(ends) + 1;
    id += id == 0; /* after four thousand million */
    take_seed(pid);
    /* Of two threads that end at once both come here. */
    if (__sync_val_compare_and_swap(&member->id, 0, id) != 0)
        return 0;
    __u64 peak = peak_rss_bytes(task, member->peak_before);
    member->peak_rss_bytes = peak;
    struct event_exit *event = bpf_ringbuf_reserve(&ring, sizeof *event, 0);
    if (event == NULL) {
        COUNT(lost_exits);
        return 0;
    }
    begin(&event->event, EVENT_EXIT, pid);
    event->id = id;
    event->unused = 0;
    event->start_boot_ns = leader->start_boottime;
    event->cpu_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime;
    event->peak_rss_bytes = peak;
    event->parent_pid = process_of(leader->real_parent);
    bool by_group = (signal->flags & SIGNAL_GROUP_EXIT) != 0;
    event->status = by_group ? signal->group_exit_code : leader->exit_code;
    copy_comm(event->comm, leader);
    bpf_ringbuf_submit(event, wake_flags());
    return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *task)
{
    const struct signal_struct *signal = task->signal;
    __u64 key = (__u64)signal;
    if (task->pid != task->tgid) /* a thread, or the main thread before another one's exec */
        return 0;
    struct member *member = bpf_map_lookup_elem(&members, &key);
    if (member == NULL)
        return 0;
    /* One that was freed without our being told, and in whose place this stranger lived. */
    if (member->start_boot_ns != task->start_boottime) {
        COUNT(lost_accounts);
        bpf_map_delete_elem(&members, &key);
        return 0;
    }
    struct event_account *event = bpf_ringbuf_reserve(&ring, sizeof *event, 0);
    if (event == NULL) {
        COUNT(lost_accounts);
        bpf_map_delete_elem(&members, &key);
        return 0;
    }
    begin(&event->event, EVENT_ACCOUNT, member->pid);
    event->id = member->id;
    event->unused = 0;
    event->cpu_ns = signal->sum_sched_runtime;
    event->user_ns = signal->utime;
    event->system_ns = signal->stime;
    event->children_user_ns = signal->cutime;
    event->children_system_ns = signal->cstime;
    event->peak_rss_bytes = member->peak_rss_bytes;
    event->minor_faults = signal->min_flt;
    event->major_faults = signal->maj_flt;
    event->voluntary_switches = signal->nvcsw;
    event->involuntary_switches = signal->nivcsw;
    event->read_chars = signal->ioac.rchar;
    event->write_chars = signal->ioac.wchar;
    event->read_count = signal->ioac.syscr;
    event->write_count = signal->ioac.syscw;
    event->read_bytes = signal->ioac.read_bytes;
    event->write_bytes = signal->ioac.write_bytes;
    bpf_ringbuf_submit(event, wake_flags());
    bpf_map_delete_elem(&members, &key);
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
