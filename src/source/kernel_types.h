/*
 * The few kernel types that the BPF programs look into, and of each the few members. Where they lie
 * in the running kernel is found when the programs are loaded (CO-RE), so that this list need not
 * match any one kernel. Since Linux 5.17 the kernel itself does that.
 */
#ifndef TACHO_SOURCE_KERNEL_TYPES_H
#define TACHO_SOURCE_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef int pid_t;
typedef _Bool bool;

/* enum bpf_map_type, and flags of the map and ring helpers: uapi/linux/bpf.h. */
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_RINGBUF = 27
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1024 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

typedef struct {
    __s64 counter;
} atomic64_t;

typedef struct {
    unsigned val;
} kuid_t;

struct ns_common {
    unsigned inum;
};

struct pid_namespace {
    struct ns_common ns;
};

struct upid {
    int nr;
    struct pid_namespace *ns;
};

struct pid {
    unsigned level;
    struct upid numbers[1];
};

struct cred {
    kuid_t uid;
};

struct task_io_accounting {
    __u64 rchar, wchar, syscr, syscw, read_bytes, write_bytes;
};

struct list_head {
    struct list_head *next, *prev;
};

struct signal_struct {
    atomic_t live;
    struct list_head thread_head; /* of task_struct.thread_node */
    int group_exit_code;
    unsigned flags;
    struct pid *pids[4]; /* PIDTYPE_PID, TGID, PGID, SID: since Linux 4.19 */
    __u64 utime, stime, cutime, cstime;
    unsigned long nvcsw, nivcsw, min_flt, maj_flt, maxrss;
    struct task_io_accounting ioac;
    unsigned long long sum_sched_runtime;
};

struct percpu_counter {
    __s64 count;
};

struct mm_struct {
    unsigned long arg_start, arg_end, hiwater_rss;
    struct percpu_counter rss_stat[4]; /* file, anon, swap, shmem: since Linux 6.2 */
};

struct sched_entity {
    __u64 sum_exec_runtime;
};

struct task_struct {
    struct sched_entity se;
    struct mm_struct *mm;
    int exit_code;
    pid_t pid, tgid;
    struct task_struct *real_parent, *group_leader;
    struct list_head thread_node;
    struct pid *thread_pid;
    __u64 start_boottime;
    const struct cred *real_cred;
    char comm[16];
    struct signal_struct *signal;
};

struct linux_binprm {
    const char *interp; /* the program that runs; `filename` would be the script */
};

#pragma clang attribute pop

#endif
