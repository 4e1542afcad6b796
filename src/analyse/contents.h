/* What a recording holds, counted: for `tacho info`. One pass over all samples. */
#ifndef TACHO_ANALYSE_CONTENTS_H
#define TACHO_ANALYSE_CONTENTS_H

#include <tacho/recording.h>

#define CONTENTS_KINDS 16
#define CONTENTS_METRICS 64

struct contents {
    struct {
        uint64_t entities, samples, idle;  /* idle: samples of processes that did not run */
        uint64_t values[CONTENTS_METRICS]; /* sampled anew and known, by position */
    } kind[CONTENTS_KINDS];
    uint64_t values; /* of all kinds */
    uint64_t ticks;
    uint64_t first_tick_ns, last_tick_ns, longest_ns; /* longest time between two ticks */
};

/* 0, -ENOMEM, -EIO. */
int contents_count(struct tacho_recording *rec, struct contents *ret);

#endif
