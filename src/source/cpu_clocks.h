/*
 * The CPU clocks of many processes in one call of a BPF program: where each by itself takes a system
 * call and half a dozen cache misses, it is one of these. Needs what loading BPF programs needs (root,
 * or CAP_BPF and CAP_PERFMON), Linux 6.2 and the first pid namespace; whether it works is tried when
 * it is opened, which takes some 10 ms.
 *
 * The sums are those of cpu_clock_read(), but made without its locks: one that differs from before
 * says that the process ran, and cpu_clock_read() how much.
 */
#ifndef TACHO_SOURCE_CPU_CLOCKS_H
#define TACHO_SOURCE_CPU_CLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CPU_CLOCKS_MAX 4096                /* in one call */
#define CPU_CLOCK_GONE UINT64_MAX          /* there is no such process */
#define CPU_CLOCK_UNKNOWN (UINT64_MAX - 1) /* it has many threads: ask its own clock */

/*
 * One process. Set `task` to 0 with a new pid; and at each call for a process that may have more
 * threads than one, or may have exec'd in another than its first: only a clock whose task is found
 * anew is that of all its threads.
 */
struct cpu_clock {
    uint32_t pid, unused;
    uint64_t task, main_ns; /* the kernel's side's own */
    uint64_t cpu_ns;        /* the answer, or CPU_CLOCK_* */
};

struct cpu_clocks {
    void *programs;          /* the loader's; NULL: closed */
    struct cpu_clock *clock; /* CPU_CLOCKS_MAX of them, shared with the kernel */
    uint32_t *count;
};

/* 0, -ENOTSUP in a build without BPF, or why it does not work here. */
int cpu_clocks_open(struct cpu_clocks *ret);

/* Reads the first `n` clocks. 0 or -errno. */
int cpu_clocks_read(struct cpu_clocks *clocks, size_t n);

/* A zeroed or closed one is left as it is. */
void cpu_clocks_close(struct cpu_clocks *clocks);

#endif
