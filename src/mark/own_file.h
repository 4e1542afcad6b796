/*
 * This process's own file of marks (shared.h), as its threads see it. Made at the first mark, and again
 * in a forked child: a fork forgets all that is here.
 *
 * For any threads and signal handlers at once, but for own_file_ready, whose caller has blocked all
 * signals.
 */
#ifndef TACHO_MARK_OWN_FILE_H
#define TACHO_MARK_OWN_FILE_H

#include <stdbool.h>

#include "mark/shared.h"

/*
 * Where files are to be made from now on, and which clock stamps marks: what TACHO_MARKS holds. False
 * for what cannot be that. Before the first mark, or after a fork.
 */
bool own_file_place(const char *place);

/* Labels are the parent process's. Before the first mark. */
void own_file_for_parent(void);

/* Of the stamps in this process: whether they are the processor's ticks. */
extern __attribute__((visibility("hidden"))) int own_file_tsc;

/* Before the first mark: the process is this one, whatever a child of vfork does in its memory. */
void own_file_begin(void);

/*
 * Makes the file if there is none. False when it cannot be made: it is not tried again. Other threads
 * wait meanwhile, some 100 µs.
 */
bool own_file_ready(void);

/* NULL: there is none yet. */
struct shared_head *own_file_head(void);

/* Puts a name there, if there is a file. */
void own_file_put_site(uint32_t id);

/* Where to count what there was no room for; NULL: no file, or the name is not in it. */
struct shared_site *own_file_site(uint32_t id);

/*
 * A ring for the calling thread, and its number; NULL when all are taken or it cannot be had. A few µs,
 * 50 for one never used before.
 */
struct shared_ring *own_file_take_ring(uint32_t *ret_number);
void own_file_give_ring(struct shared_ring *ring);

/* Allocates the first `cells` of a ring. False: there is no room for them in the file system. */
bool own_file_reserve_cells(uint32_t ring, uint32_t cells);

static inline struct shared_cell *ring_cells(struct shared_ring *ring)
{
    return (struct shared_cell *)((uint8_t *)ring + SHARED_PAGE);
}

/* Memory that a fork zeroes in the child: `bytes` for each ring, by number. NULL before own_file_ready. */
#define OWN_BYTES_A_RING 8192
void *own_file_memory(uint32_t ring);

/* In a forked child, by pthread_atfork: where the kernel did not zero it. */
void own_file_forget(void);

#endif
