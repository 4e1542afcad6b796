/*
 * The processes of a stream, kept from what records tell of them: as a recording's reader has them, while
 * they live and somewhat longer.
 */
#ifndef TACHO_CLI_TOLD_PROCESSES_H
#define TACHO_CLI_TOLD_PROCESSES_H

#include <tacho/recording.h>

#include "base/buffer.h"
#include "base/map.h"
#include "format/records.h"

struct told_process {
    struct tacho_process process; /* its texts are in `comm` and `argv`, exe and cwd are left out */
    char comm[64];
    struct buffer argv;
    bool sampled; /* the sampler has it */
    bool removed; /* the sampler had it: no more samples come */
    /* For who writes them. */
    size_t place;
    bool written, changed, gone, over;
    uint64_t met_tick, met_ns; /* its end was; 0: not yet */
    struct told_process *before, *after;
};

struct told_processes {
    struct record_anchor anchor; /* when this began */
    struct map by_entity;
    struct told_process *first, *last; /* in the order in which they were told of */
};

/* Takes in a birth, exec, look, account or exit; other records are nothing to it. 0 or -ENOMEM. */
int told_processes_take(struct told_processes *told, const struct record *record);

/* NULL where there is none. */
struct told_process *told_process_of(const struct told_processes *told, uint32_t entity);

void told_process_forget(struct told_processes *told, struct told_process *one);
void told_processes_done(struct told_processes *told);

#endif
