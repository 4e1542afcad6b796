/*
 * The slow schedule: what costs too much for the tick (PSS walks the page table, TCP lists
 * descriptors, a census lists threads) is done by a thread of its own, so that one fat process
 * never delays the others, and within a budget: DETAIL_SHARE of one processor, with DETAIL_BURST
 * saved up at most.
 */
#ifndef TACHO_SAMPLE_DETAIL_H
#define TACHO_SAMPLE_DETAIL_H

#include "sample/process.h"
#include "source/host.h"

#define DETAIL_SHARE 200 /* one part in so many of a processor's time: 0.5 % */
#define DETAIL_BURST_NS (100 * UINT64_C(1000000))

struct detail;

/* Starts the thread with all signals blocked. `facts` must outlive it. 0 or -errno. */
int detail_new(const struct source_root *root, const struct host_facts *facts, struct detail **ret);

/*
 * Stops the thread after the look under way. Returns the processes it still had, linked by
 * next_detail and no longer busy. NULL is allowed.
 */
struct process *detail_free(struct detail *detail);

/*
 * Asks for a look at a process: from now on it is `busy`, and its files must be left alone until
 * detail_take returns it. Cheap: a lock and a list.
 */
void detail_ask(struct detail *detail, struct process *process);

/* The processes looked at since the last call, linked by next_detail; no longer busy. */
struct process *detail_take(struct detail *detail);

/* Whether nobody waits: for asking no more than the thread can do. */
bool detail_idle(struct detail *detail);

/* What ran on which: the places of `processors` bits counted by core and package. */
void places_count(const struct host_facts *facts, const uint64_t ran_on[PROCESSORS_MAX / 64],
                  struct detail_result *ret);

#endif
