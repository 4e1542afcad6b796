#include "source/cpu_clocks.h"

#include <errno.h>

#include "config.h"

#ifdef HAVE_BPF

#include <sys/mman.h>
#include <unistd.h>

#include "source/clocks_shared.h"
#include "source/proc_process.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" /* generated */
#include <clocks.skel.h>
#pragma GCC diagnostic pop

_Static_assert(sizeof(struct cpu_clock) == sizeof(struct clock) &&
                   offsetof(struct cpu_clock, cpu_ns) == offsetof(struct clock, cpu_ns),
               "as the kernel's side has it");
_Static_assert(CPU_CLOCKS_MAX == CLOCKS_MAX && CPU_CLOCK_GONE == CLOCK_GONE &&
                   CPU_CLOCK_UNKNOWN == CLOCK_UNKNOWN,
               "as the kernel's side has them");

/* In another pid namespace our numbers mean other processes there: our own clock must be ours. */
static int check(struct cpu_clocks *clocks)
{
    uint64_t before, after;
    int r = cpu_clock_read(getpid(), &before);
    clocks->clock[0] = (struct cpu_clock){.pid = (uint32_t)getpid()};
    if (r == 0)
        r = cpu_clocks_read(clocks, 1);
    if (r == 0)
        r = cpu_clock_read(getpid(), &after);
    if (r != 0)
        return r;
    uint64_t tick_ns = UINT64_C(10000000); /* a running task's sum lags by a tick at most */
    uint64_t ours = clocks->clock[0].cpu_ns;
    return ours <= after && ours + tick_ns >= before ? 0 : -ENOTSUP;
}

int cpu_clocks_open(struct cpu_clocks *ret)
{
    struct clocks_bpf *programs = clocks_bpf__open();
    if (programs == NULL)
        return -ENOMEM;
    int r = clocks_bpf__load(programs);
    if (r != 0) {
        clocks_bpf__destroy(programs);
        return r;
    }
    struct clocks *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED,
                                 programs->maps.clocks.map_fd, 0);
    if (shared == MAP_FAILED) {
        r = -errno;
        clocks_bpf__destroy(programs);
        return r;
    }
    struct cpu_clocks clocks = {programs, (struct cpu_clock *)shared->clock, &shared->count};
    r = check(&clocks);
    if (r == 0)
        *ret = clocks;
    else
        cpu_clocks_close(&clocks);
    return r;
}

int cpu_clocks_read(struct cpu_clocks *clocks, size_t n)
{
    const struct clocks_bpf *programs = clocks->programs;
    union bpf_attr attr = {.test.prog_fd = (uint32_t)programs->progs.read_clocks.prog_fd};
    *clocks->count = n < CPU_CLOCKS_MAX ? (uint32_t)n : CPU_CLOCKS_MAX;
    return skel_sys_bpf(BPF_PROG_RUN, &attr, sizeof attr) == 0 ? 0 : -errno;
}

void cpu_clocks_close(struct cpu_clocks *clocks)
{
    if (clocks->programs == NULL)
        return;
    munmap(clocks->count, sizeof(struct clocks)); /* its first member */
    clocks_bpf__destroy(clocks->programs);
    *clocks = (struct cpu_clocks){0};
}

#else

int cpu_clocks_open(struct cpu_clocks *ret)
{
    (void)ret;
    return -ENOTSUP;
}

int cpu_clocks_read(struct cpu_clocks *clocks, size_t n)
{
    (void)clocks;
    (void)n;
    return -ENOTSUP;
}

void cpu_clocks_close(struct cpu_clocks *clocks)
{
    (void)clocks;
}

#endif
