/*
 * What a recording has to show over time: each quantity as lines of mean, smallest and largest value
 * in buckets of equal width. Pictures, pages and live views are made of these.
 *
 * Made in one pass over the samples (about 0.45 s a million samples of processes, as much as the
 * summary itself) and, where the code marked something, one over the marks (15 ns each). Memory is
 * bounded: 32 bytes for each bucket of each line while it is made, some 60 lines and the counters'
 * own, and 100 bytes a process.
 */
#ifndef TACHO_ANALYSE_CHARTS_H
#define TACHO_ANALYSE_CHARTS_H

#include "analyse/summary.h"

enum chart_line_role {
    CHART_QUANTITY, /* of the whole tree; of the machine in charts that speak of it alone */
    CHART_PART,     /* of it, one process or all of one program: parts and rest add up */
    CHART_REST,     /* what no part has */
    CHART_MACHINE   /* beside the tree's: the machine's, others' use included */
};

struct chart_line {
    const char *name; /* any bytes: the recording's, or static. Of parts the last program's */
    enum chart_line_role role;
    const char *subject; /* the disk or interface it speaks of; else NULL */
    uint32_t entity;     /* PART: the process, 0 of a program; the disk, interface or GPU; else 0 */
    size_t processes;    /* PART: how many there are in it */
    /*
     * Per bucket; NAN where nothing is known, or a part had no process. The mean is by time: of a
     * rate amount over width, so that mean x width adds up to what was used. The others are of what
     * was sampled, or of shorter stretches (not under the recording's interval). Where buckets are
     * as short as that all three are what was sampled in them, but for counters of the code.
     */
    double *mean, *min, *max;
    bool zero; /* nothing but 0 throughout */
};

struct chart {
    const char *key;   /* "cpu"; of a user's counter "counter:NAME", any bytes */
    const char *title; /* one line; of a counter its name */
    const char *unit;  /* "cores", "bytes", "bytes/s", "count", "1/s", "share" of 1, "" unknown */
    const char *category; /* of a counter, "" without; else NULL */
    bool zero;            /* all its lines are */
    struct chart_line *line;
    size_t lines;
};

struct charts {
    uint64_t from_ns, to_ns; /* the recording's clock */
    uint64_t bucket_ns;      /* the last bucket ends at to_ns */
    size_t buckets;
    struct chart *chart; /* only those of which something is known, in the order to show them */
    size_t count;
    size_t counters_left_out; /* counters of the code beyond CHART_COUNTERS_MAX */
};

#define CHART_BUCKETS_MAX 32768
#define CHART_TOP_MAX 32
#define CHART_COUNTERS_MAX 64

/*
 * At most `buckets_max` buckets, none shorter than the recording's interval, and `top` parts: the
 * processes that used the most CPU or memory, or programs where those would leave most of the CPU to
 * the rest. 0, -ENOMEM, or -EIO. The summary must outlive the charts.
 */
int charts_make(const struct summary *summary, size_t buckets_max, size_t top, struct charts *ret);
void charts_done(struct charts *charts);

/* NULL for none. */
const struct chart *charts_find(const struct charts *charts, const char *key);

#endif
