/*
 * Counters that the kernel hands from child to parent, added up over a tree without counting twice.
 *
 * When a process waits for a child, the kernel adds what the child used to the parent: its CPU to
 * the parent's children_user and children_system (proc_pid_stat(5), with that of the child's own
 * waited-for children), and its I/O to the parent's own I/O counters (/proc/PID/io). Both are in
 * wait_task_zombie(), kernel/exit.c. Nothing is added for a child that is reaped by itself because
 * its parent ignores SIGCHLD. The tree's total T over time must hold
 * - what each sampled process itself used, at the tick at which it was used;
 * - what was used by children that were never sampled, or after their last sample ("unseen");
 * - nothing twice, and no spike when a long-lived child is reaped.
 *
 * T grows by the growth of each process's own CPU, and by that part of the growth of a *handed*
 * counter (CPU of children; each I/O counter, which mixes own and handed) which nothing explains.
 * When a sampled process ends, all that its counters said becomes a debt of its parent, to whom
 * the kernel hands it: growth of the parent's handed counters pays debts before it counts.
 * - A parent may be seen to have reaped before its child is seen to have ended: what nothing
 *   explains waits two ticks more before it counts.
 * - A debt may be paid in part up to the parent's second sample after the end. Then it has lapsed:
 *   either nothing will ever be handed over, or the child is a zombie and will be handed over
 *   whole. Only growth that covers all of it pays it.
 * - CPU of children is shown in kernel ticks, user and system apart, rounded down: up to 20 ms of
 *   debts seem unpaid. They stay payable by any later growth.
 * - The recorder of a launched tree is the pseudo-process 0, which orphans go to. Whether it or
 *   the grandparent was handed a process whose parent ended too, cannot be told when all ended
 *   between two ticks: such debts may be paid by either.
 *
 * Growth is spread evenly over the time since the counter was last known.
 */
#ifndef TACHO_ANALYSE_LINEAGE_H
#define TACHO_ANALYSE_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>

/* What one instance adds up. CPU first; the I/O counters in the order of the catalogue. */
enum lineage_column {
    LINEAGE_CPU, /* ns */
    LINEAGE_READ_CHARS,
    LINEAGE_WRITE_CHARS,
    LINEAGE_READ_COUNT,
    LINEAGE_WRITE_COUNT,
    LINEAGE_READ_BYTES,
    LINEAGE_WRITE_BYTES,
    LINEAGE_COLUMNS
};

#define LINEAGE_RECORDER 0 /* the pseudo-process */
#define LINEAGE_ROUNDING_NS (2 * UINT64_C(10000000))

/* T grew by `amount` between the two moments. */
struct lineage_growth {
    unsigned column;
    uint32_t entity; /* whose counter said so */
    bool unseen;     /* CPU: handed over and explained by no sampled process */
    uint64_t from_ns, to_ns, amount;
};

typedef void (*lineage_sink)(void *user, const struct lineage_growth *growth);

struct lineage;

/*
 * `recorder_pid` is the pid of the recorder whose child the root is; 0 for attached trees. NULL
 * without memory.
 */
struct lineage *lineage_new(uint32_t recorder_pid, lineage_sink sink, void *user);

/*
 * Whose child a process is was told of none: the caller takes all for children of this pid. What they used may
 * then be handed to anybody, their true parent, before it is handed to this one.
 */
void lineage_presume_parent(struct lineage *h, uint32_t pid);
void lineage_free(struct lineage *lineage);

/* Ends the tick before and begins one. 0 or -ENOMEM. */
int lineage_tick(struct lineage *lineage, uint64_t time_ns);

/*
 * A process exists. `forked`: it began while recorded, so that its counters count from `start_ns`
 * and 0; else from its first sample. 0 or -ENOMEM. About 100 ns.
 */
int lineage_birth(struct lineage *lineage, uint32_t entity, uint32_t pid, uint32_t parent_pid,
                  bool forked, uint64_t start_ns);

/* What was sampled of a process, or is known to be unchanged, at the current tick. */
struct lineage_sample {
    bool idle; /* it did not run since the tick before: what was not read anew is as it was */
    bool cpu_known, handed_known, io_known; /* read anew */
    uint64_t cpu_ns;                        /* its own, of all its threads */
    uint64_t handed_ns;                     /* user + system of its children */
    uint64_t io[LINEAGE_COLUMNS];           /* by column, CPU unused */
    uint32_t io_mask;                       /* columns that are valid */
    uint32_t parent_pid;                    /* 0: as before */
};

/* Unknown and ended entities are left out of account. About 15 ns. */
void lineage_put(struct lineage *lineage, uint32_t entity, const struct lineage_sample *sample);

/* The process was found to have ended by the current tick, whose sample still counts. */
void lineage_end(struct lineage *lineage, uint32_t entity);

/*
 * Ends the last tick and counts all that waits. Nothing but lineage_unpaid_ns and free may
 * follow.
 */
int lineage_finish(struct lineage *lineage);

/*
 * After lineage_finish: own CPU of ended processes that was never handed to anybody, because
 * their parents ignored SIGCHLD. Rounding is left out.
 */
uint64_t lineage_unpaid_ns(const struct lineage *lineage);

#endif
