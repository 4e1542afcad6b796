/*
 * What a process had used at any moment, from the samples and the accounts of processes that mark: a
 * broken line through what was seen, straight between two ticks. 16 bytes a sample and column, at
 * most 128 MiB: beyond, every other sample is given up, and gauges keep the larger of two.
 */
#ifndef TACHO_ANALYSE_SCOPE_USAGE_H
#define TACHO_ANALYSE_SCOPE_USAGE_H

#include <tacho/recording.h>

#include "base/map.h"

enum usage_column { USAGE_CPU, USAGE_READ, USAGE_WRITE, USAGE_RSS, USAGE_COLUMNS };

struct usage_point {
    uint64_t time_ns, value;
};

struct usage_line {
    struct usage_point *point; /* in order of time */
    size_t points, cap;
    size_t at; /* where the last look was: the point not after it */
};

struct usage_process {
    uint32_t entity;
    struct usage_line line[USAGE_COLUMNS];
};

struct usage {
    struct usage_process *process;
    size_t processes;
    struct map of_entity; /* -> place */
};

/* Of all processes that have a marking thread. 0, -ENOMEM, -EIO and the like. */
int usage_read(struct tacho_recording *rec, struct usage *ret);
void usage_done(struct usage *usage);

/* NULL for none. Valid until usage_done. */
struct usage_process *usage_of(const struct usage *usage, uint32_t entity);

/* A look at a line at one moment. */
struct usage_look {
    double value;
    size_t point; /* the last one not after it, + 1; 0: before all */
    bool known;   /* there are samples */
    bool inside;  /* between two of them, not before or after all */
};

/* Cheap where looks go forward in time. */
struct usage_look usage_look(struct usage_line *line, uint64_t time_ns);

/* The largest value of the points between two looks, UINT64_MAX when there is none. */
uint64_t usage_most(const struct usage_line *line, const struct usage_look *from,
                    const struct usage_look *to);

#endif
