/* Samples of the machine: its processors, memory, disks, networks. Part of the sampler's tick. */
#ifndef TACHO_SAMPLE_MACHINE_SAMPLER_H
#define TACHO_SAMPLE_MACHINE_SAMPLER_H

#include "sample/missing.h"
#include "sample/sink.h"
#include "source/machine.h"

struct machine_sampler;

/* `next_entity` is shared with the sampler: ids are given out from it. */
int machine_sampler_new(const struct source_root *root, const struct sample_sink *sink,
                        uint32_t *next_entity, struct machine_sampler **ret);
void machine_sampler_free(struct machine_sampler *sampler);

/*
 * Processors and memory each call; with `all` also disks, networks, paging and pressure, which need
 * more files. 40 µs and 150 µs on two processors.
 */
void machine_sample(struct machine_sampler *sampler, uint64_t now_ns, bool all,
                    struct missing *missing);

/* Energy counters where there are any: at least every minute, and at the end. 2 µs a domain. */
void machine_sample_energy(struct machine_sampler *sampler, uint64_t now_ns,
                           struct missing *missing);

#endif
