/* What clocks.bpf.c and cpu_clocks.c share, built together. Also included by BPF code. */
#ifndef TACHO_SOURCE_CLOCKS_SHARED_H
#define TACHO_SOURCE_CLOCKS_SHARED_H

#define CLOCKS_MAX 4096       /* processes in one call */
#define CLOCKS_THREADS_MAX 32 /* of a process: with more its own clock is asked */
#define CLOCK_GONE (~0ull)
#define CLOCK_UNKNOWN (~0ull - 1)

struct clock {
    unsigned pid, unused;
    unsigned long long task;    /* the kernel's address of its main thread; 0: to be found by pid */
    unsigned long long main_ns; /* what the main thread had used when the task was found */
    unsigned long long cpu_ns;  /* of all threads then; or CLOCK_* */
};

struct clocks {
    unsigned count, unused;
    struct clock clock[CLOCKS_MAX];
};

#endif
