/* `--gpu`: which GPUs are recorded, and how that begins. */
#ifndef TACHO_CLI_RECORD_GPU_H
#define TACHO_CLI_RECORD_GPU_H

#include "sample/gpu_sampler.h"

/* All zeros: those that there are, none where there are none. */
struct gpu_choice {
    bool none;
    unsigned count, index[GPUS_MAX]; /* those that were named */
};

/* "auto", "none" or "0,2". An exit status; 0 to go on. */
int gpu_choice_parse(const char *text, struct gpu_choice *ret);

/*
 * Begins to look for GPUs; `*ret` NULL where none are wanted. For ones that were named their driver is
 * waited for: they must be there. `known_first`: for others too, a moment, since what is written has a head
 * with all that there will be. An exit status; 0 to go on. Starts a thread: not before a fork.
 */
int record_gpu_begin(const struct gpu_choice *choice, const struct source_root *root,
                     uint64_t interval_ns, bool known_first, struct gpu_sampler **ret);

#endif
