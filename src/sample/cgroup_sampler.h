/*
 * Samples of the target's control group: what it is granted and what became of that. Part of the
 * sampler's tick.
 *
 * The target's group is that of its root. A root that moves (systemd-run, srun) takes the samples with
 * it: the new group is another entity, and the facts of the limits are told anew. Descendants that move
 * without it are not gone after. Once the root has ended the last group goes on.
 */
#ifndef TACHO_SAMPLE_CGROUP_SAMPLER_H
#define TACHO_SAMPLE_CGROUP_SAMPLER_H

#include "sample/missing.h"
#include "sample/sink.h"
#include "source/root.h"

struct cgroup_sampler;

/*
 * Before the target begins: what is read now is its first sample. Tells the limits. `root` and `next_entity` are borrowed. 0,
 * -ENOMEM, or as cgroup_watch_open.
 */
int cgroup_sampler_new(const struct source_root *root, pid_t pid, const struct sample_sink *sink,
                       uint32_t *next_entity, struct cgroup_sampler **ret);
void cgroup_sampler_free(struct cgroup_sampler *sampler);

/*
 * Each tenth of a second looks whether the root has moved, while it is `alive` so that its pid is its own:
 * 10 µs. Takes a sample when it has, and when one is `due`: 20 µs.
 */
void cgroup_sample(struct cgroup_sampler *sampler, uint64_t now_ns, bool alive, bool due,
                   struct missing *missing);

#endif
