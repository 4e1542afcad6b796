/*
 * Who has a line of its own in a chart: a few processes, or a few programs where no few processes
 * say much. The same in all charts, so that one colour can mean one of them throughout.
 */
#ifndef TACHO_ANALYSE_CHART_PARTS_H
#define TACHO_ANALYSE_CHART_PARTS_H

#include "analyse/charts.h"

#define CHART_PART_NONE UINT8_MAX

struct chart_part {
    const char *name; /* of the last program; the recording's */
    uint32_t entity;  /* 0: of a program */
    size_t processes;
};

struct chart_parts {
    struct chart_part part[CHART_TOP_MAX]; /* the most important first */
    size_t count;
    uint8_t *of_row; /* row of the summary -> part, or CHART_PART_NONE */
};

/* At most `top`; none where there is only one process. 0 or -ENOMEM. */
int chart_parts_choose(const struct summary *summary, size_t top, struct chart_parts *ret);
void chart_parts_done(struct chart_parts *parts);

#endif
