/*
 * Counters of the processes' own (faults, context switches) added up over a tree. Those that fall,
 * as switches do when a thread ends, count from where they fell to; what the kernel tells at the end
 * makes it whole.
 */
#ifndef TACHO_ANALYSE_CHART_GROWTH_H
#define TACHO_ANALYSE_CHART_GROWTH_H

#include "analyse/positions.h"
#include "analyse/summary.h"

enum chart_growth_column {
    GROWTH_MINOR_FAULTS,
    GROWTH_MAJOR_FAULTS,
    GROWTH_VOLUNTARY,
    GROWTH_INVOLUNTARY,
    GROWTH_COLUMNS
};

/* 0 or -errno. Comes with an amount of 0 when a process's counter is first known. */
typedef int (*chart_growth_sink)(void *user, enum chart_growth_column column, uint64_t from_ns,
                                 uint64_t to_ns, uint64_t amount);

struct chart_growth {
    struct chart_grown *of_row; /* 100 bytes of each, touched where it was sampled */
    struct positions process;
    chart_growth_sink sink;
    void *user;
};

/* 0 or -ENOMEM. */
int chart_growth_open(struct chart_growth *growth, const struct summary *summary,
                      chart_growth_sink sink, void *user);
void chart_growth_done(struct chart_growth *growth);

/* A sample of the process in that row; its end, with the kernel's account. 0 or what the sink says.
 */
int chart_growth_sample(struct chart_growth *growth, size_t row,
                        const struct tacho_process *process, const struct tacho_sample *sample);
int chart_growth_end(struct chart_growth *growth, size_t row, const struct tacho_process *process,
                     uint64_t time_ns);

#endif
