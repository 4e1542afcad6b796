/*
 * A thread that reads the GPUs, since their driver may take long to answer, or hang: a tick takes
 * what was read last and never waits. It uses at most one part in GPU_SHARE of a processor: where
 * the driver is slow the readings come less often.
 */
#ifndef TACHO_SAMPLE_GPU_THREAD_H
#define TACHO_SAMPLE_GPU_THREAD_H

#include "source/gpu.h"
#include "source/nvml.h"
#include "source/root.h"

#define GPU_SHARE 100
#define GPU_SLOW_EVERY_NS UINT64_C(1000000000) /* PCIe, ECC, and which process ran */

struct gpu_thread_config {
    const struct source_root *root; /* outlives the thread's start; see gpu_thread_free */
    const unsigned *chosen;         /* the driver's indices; copied */
    size_t chosen_count;            /* 0: all */
    uint64_t interval_ns; /* between readings; less than GPU_INTERVAL_MIN_NS counts as it */
};
#define GPU_INTERVAL_MIN_NS \
    UINT64_C(100000000) /* drivers bring their values up to date no faster */

/* All recorded GPUs at one time. */
struct gpu_snapshot {
    struct gpu_values gpu[GPUS_MAX];  /* by place among the recorded ones */
    int uses_error[GPUS_MAX];         /* 0: `use` has the processes of it */
    struct gpu_use use[GPU_USES_MAX]; /* `gpu` is the place likewise */
    size_t use_count, left_out;
    uint64_t unmapped_bytes[GPUS_MAX]; /* held by those whose pid is 0 */
    unsigned processes[GPUS_MAX];
    bool slow; /* with the slow fields */
};

struct gpu_thread;

/* Starts it, with all signals blocked: it loads the driver's library by itself. 0 or -errno. */
int gpu_thread_new(const struct gpu_thread_config *config, struct gpu_thread **ret);

/*
 * Lets it end, and waits a moment for that. One that hangs in the driver is left to itself with what
 * it has; it touches nothing of the caller's when it comes back. NULL is allowed.
 */
void gpu_thread_free(struct gpu_thread *thread);

/*
 * 0: there are GPUs, and they were read once. -EAGAIN: not known yet. Else as nvml_open, or -EINVAL
 * for a chosen one that is not there; then `*ret_why` (may be NULL) says why. Waits up to
 * `patience_ns`.
 */
int gpu_thread_wait(struct gpu_thread *thread, uint64_t patience_ns, const char **ret_why);

/* Once there are GPUs: */
unsigned gpu_thread_count(const struct gpu_thread *thread);
unsigned gpu_thread_index(const struct gpu_thread *thread, unsigned place); /* the driver's */
const struct gpu_facts *gpu_thread_facts(const struct gpu_thread *thread, unsigned place);
const char *gpu_thread_driver_version(const struct gpu_thread *thread);

/* What was read since the last call, NULL nothing. Lent until the next call. */
const struct gpu_snapshot *gpu_thread_take(struct gpu_thread *thread);

#endif
