/* Counts of values that could not be had, by kind, group and cause. */
#ifndef TACHO_SAMPLE_MISSING_H
#define TACHO_SAMPLE_MISSING_H

#include "sample/sink.h"

#define MISSING_CAUSES 64

struct missing {
    struct {
        unsigned kind, group;
        int error; /* errno, positive */
        uint64_t count, told;
    } cause[MISSING_CAUSES]; /* the last one takes what finds no place */
    unsigned count;
};

/* `error` is a negative errno. */
void missing_count(struct missing *missing, unsigned kind, unsigned group, int error);

/* Records the counts that changed since they were last told. */
void missing_tell(struct missing *missing, const struct sample_sink *sink);

#endif
