/*
 * Feeds a lineage with what a recording has of its processes, tick by tick as its samples are walked:
 * births and ends, samples, the kernel's accounts, and what the recorder was handed of its children.
 */
#ifndef TACHO_ANALYSE_LINEAGE_WALK_H
#define TACHO_ANALYSE_LINEAGE_WALK_H

#include <stddef.h>

#include "analyse/lineage.h"
#include "analyse/positions.h"

struct lineage_listener {
    lineage_sink grown;
    /* A process has ended of which the kernel told `last`; it is counted next. May be NULL. */
    void (*told)(void *user, const struct tacho_process *process,
                 const struct lineage_sample *last);
    void *user;
};

struct lineage_walk {
    struct tacho_recording *rec;
    struct lineage *lineage;
    struct lineage_listener listener;
    struct positions process, tree;
    bool all_told; /* see lineage_walk_open */
    uint64_t started_ns, tick_ns;
    struct lineage_end {
        uint64_t end_ns;
        uint32_t entity;
    } * ends;
    size_t end_count, next_end, next_birth;
    uint32_t presumed_parent_pid; /* of those whose parent nobody told; 0: none */
    bool reaped_known;
    uint64_t base_user_ns, base_system_ns; /* the recorder's children before the job */
};

/*
 * 0 or -ENOMEM. The recording is borrowed until lineage_walk_done.
 *
 * Sets `all_told` where the kernel told of every birth and of all that ended what they used (bpf,
 * nothing missed). Whatever CPU a parent is handed is then known already, and what cannot be matched
 * to a child is no unseen child's: it is not told of. A subreaper inside the tree is why that happens,
 * as nobody tells to whom an orphan went; and zombies that are reaped late, since the debts of each
 * that lie below the kernel's tick are kept as one sum of bounded size.
 */
int lineage_walk_open(struct lineage_walk *walk, struct tacho_recording *rec, uint64_t started_ns,
                      const struct lineage_listener *listener);
void lineage_walk_done(struct lineage_walk *walk);

/* A tick begins. 0 or -ENOMEM. */
int lineage_walk_tick(struct lineage_walk *walk, uint64_t time_ns);

/*
 * A sample of the process at that place of tacho_process(). 0 or -ENOMEM. `ret_put` is what of it
 * was counted.
 */
int lineage_walk_process(struct lineage_walk *walk, size_t place, const struct tacho_sample *sample,
                         struct lineage_sample *ret_put);

/*
 * The two halves of it: the process at that place exists, were it seen during this very tick (0 or
 * -ENOMEM); and what was sampled of a process that is known.
 */
int lineage_walk_seen(struct lineage_walk *walk, size_t place);
void lineage_walk_sample(struct lineage_walk *walk, const struct tacho_sample *sample,
                         struct lineage_sample *ret_put);
void lineage_walk_tree(struct lineage_walk *walk, const struct tacho_sample *sample);

/*
 * For a recording that tells of no processes, since they are told as they come: within a tick, before
 * the first sample of a process, and once it has ended. 0 or -ENOMEM.
 */
int lineage_walk_born(struct lineage_walk *walk, const struct tacho_process *process);
void lineage_walk_ended(struct lineage_walk *walk, const struct tacho_process *process);

/*
 * After the last tick: what ended during it, and the recorder's final account of its children. All
 * that grew is told then. 0 or -ENOMEM.
 */
int lineage_walk_finish(struct lineage_walk *walk);

#endif
