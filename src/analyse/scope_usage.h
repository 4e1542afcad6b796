/*
 * What a process had used at any moment, from the samples and the accounts of processes that mark: a
 * broken line through what was seen, straight between two ticks. 16 bytes a sample and column, at
 * most 128 MiB: beyond, every other sample is given up, and gauges keep the larger of two.
 *
 * The kernel adds what a child read and wrote to the process that waits for it. The lines do not have
 * that where the child was seen: they are made of what lineage.h says.
 */
#ifndef TACHO_ANALYSE_SCOPE_USAGE_H
#define TACHO_ANALYSE_SCOPE_USAGE_H

#include <tacho/recording.h>

#include "base/map.h"

enum usage_column {
    USAGE_CPU, /* its own */
    USAGE_READ,
    USAGE_WRITE,
    USAGE_RSS,
    USAGE_UNSEEN, /* CPU of children that nobody saw, or after their last sample */
    USAGE_COLUMNS
};

struct usage_point {
    uint64_t time_ns, value;
};

struct usage_line {
    struct usage_point *point; /* in order of time */
    size_t points, cap;
    size_t at;    /* where the last look was: the point not after it */
    bool between; /* it was before another point, */
    double slope; /* and the line rises so towards that */
};

struct usage_process {
    uint32_t entity;
    struct usage_line line[USAGE_COLUMNS];
};

struct usage {
    struct usage_process *process;
    size_t processes;
    struct map of_entity; /* -> place */
    /* While it is read. */
    int position[USAGE_COLUMNS];
    uint64_t points;
    bool no_memory;
};

/*
 * Of all processes that have a marking thread; then what is found in a pass over the samples, in
 * order of time; then usage_finish. 0 or -ENOMEM.
 */
int usage_init(struct usage *usage, struct tacho_recording *rec);
int usage_finish(struct usage *usage);
void usage_done(struct usage *usage);

/* A sample of a process; its end, with the kernel's account. */
void usage_sample(struct usage *usage, const struct tacho_sample *sample);
void usage_end(struct usage *usage, const struct tacho_process *process);
/* What lineage says of READ, WRITE or UNSEEN. It comes up to some ticks late. */
void usage_grow(struct usage *usage, uint32_t entity, enum usage_column column, uint64_t from_ns,
                uint64_t to_ns, uint64_t amount);

/* NULL for none. Valid until usage_done. */
struct usage_process *usage_of(const struct usage *usage, uint32_t entity);

/* A look at a line at one moment. */
struct usage_look {
    double value;
    uint32_t point; /* the last one not after it, + 1; 0: before all */
    bool known;     /* there are samples */
    bool inside;    /* between two of them, not before or after all */
};

/* Cheap where looks go forward in time. */
struct usage_look usage_look(struct usage_line *line, uint64_t time_ns);

/* The largest value of the points between two looks, UINT64_MAX when there is none. */
uint64_t usage_most(const struct usage_line *line, const struct usage_look *from,
                    const struct usage_look *to);

#endif
