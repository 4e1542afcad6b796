/*
 * The CPU clocks of many processes in one call: cpu_clocks.h tells the user's side. The sum is the
 * kernel's own of the process clock (thread_group_cputime() in kernel/sched/cputime.c): what dead
 * threads used, and each living one's sum_exec_runtime.
 *
 * The cost is memory that is not in the cache, some 100 ns a line. So where a task is known already
 * only its own sum is read: with one thread nothing else can change while that stands still.
 */
#include "source/kernel_types.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "source/clocks_shared.h"

const char terms[] SEC("license") = "Dual MIT/GPL";

/* Since Linux 6.2. */
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct clocks);
} clocks SEC(".maps");

static inline __u64 clock_of(const struct task_struct *task)
{
    const struct signal_struct *signal = BPF_CORE_READ(task, signal);
    __u64 sum = BPF_CORE_READ(signal, sum_sched_runtime);
    const void *head = (const void *)signal + bpf_core_field_offset(signal->thread_head);
    const void *at = BPF_CORE_READ(signal, thread_head.next);
    for (int i = 0; i < CLOCKS_THREADS_MAX; i++) {
        if (at == head || at == NULL)
            return sum;
        const struct task_struct *thread = at - bpf_core_field_offset(task->thread_node);
        sum += BPF_CORE_READ(thread, se.sum_exec_runtime);
        at = BPF_CORE_READ(thread, thread_node.next);
    }
    return CLOCK_UNKNOWN;
}

/* Finds the task of a pid, and the clock of the whole process. */
static void resolve(struct clock *clock)
{
    struct task_struct *task = bpf_task_from_pid((__s32)clock->pid);
    clock->cpu_ns = CLOCK_GONE;
    if (task == NULL)
        return;
    bpf_rcu_read_lock(); /* its threads may end meanwhile */
    clock->cpu_ns = clock_of(task);
    bpf_rcu_read_unlock();
    clock->task = (__u64)task;
    clock->main_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
    bpf_task_release(task);
}

/* A loop's context must lie on the stack. */
struct reading {
    struct clocks *all;
};

static long read_one(__u32 i, struct reading *reading)
{
    if (i >= CLOCKS_MAX)
        return 1;
    struct clock *clock = &reading->all->clock[i];
    __u64 main_ns;
    if (clock->task == 0) {
        resolve(clock);
        return 0;
    }
    /* The task may be gone, and its memory another's: then the value means nothing, no more. */
    const struct task_struct *task = (const struct task_struct *)clock->task;
    if (bpf_core_read(&main_ns, sizeof main_ns, &task->se.sum_exec_runtime) != 0 ||
        main_ns != clock->main_ns) {
        clock->task = 0;
        resolve(clock);
    }
    return 0;
}

SEC("syscall")
int read_clocks(void *context)
{
    __u32 zero = 0;
    struct reading reading = {bpf_map_lookup_elem(&clocks, &zero)};
    if (reading.all == NULL)
        return 0;
    __u32 n = reading.all->count;
    bpf_loop(n < CLOCKS_MAX ? n : CLOCKS_MAX, read_one, &reading, 0);
    return 0;
}
