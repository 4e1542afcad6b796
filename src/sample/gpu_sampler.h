/*
 * GPUs as the sampler's guest: each tick it puts what their thread read last, and tells each recorded
 * process what it holds of them. A tick never waits for a driver: while nothing new is there
 * nothing is put, and after GPU_STALE_NS what was last read is said to be missing.
 */
#ifndef TACHO_SAMPLE_GPU_SAMPLER_H
#define TACHO_SAMPLE_GPU_SAMPLER_H

#include "sample/gpu_thread.h"
#include "sample/sampler.h"

#define GPU_STALE_NS UINT64_C(3000000000) /* and ten intervals */

struct gpu_sampler;

/* The thread is the sampler's from now on, in case of failure too. NULL without memory. */
struct gpu_sampler *gpu_sampler_new(struct gpu_thread *thread, uint64_t interval_ns);
void gpu_sampler_free(struct gpu_sampler *gpus);

/*
 * For sampler_config. The entities of GPUs are made at the first tick after their driver has answered, or
 * before, by gpu_sampler_announce, where it has.
 */
struct sampler_guest gpu_sampler_guest(struct gpu_sampler *gpus);
void gpu_sampler_announce(struct gpu_sampler *gpus, struct sampler *sampler);

#endif
