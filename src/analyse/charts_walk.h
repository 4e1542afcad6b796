/* The pass over the samples that charts_make takes, and what it fills in. Not for other folders. */
#ifndef TACHO_ANALYSE_CHARTS_WALK_H
#define TACHO_ANALYSE_CHARTS_WALK_H

#include "analyse/chart_gpus.h"
#include "analyse/chart_lines.h"
#include "analyse/chart_parts.h"

enum chart_source {
    CHART_FROM_TREE,    /* a level or a counter of the tree */
    CHART_FROM_MACHINE, /* or of the machine */
    CHART_FROM_SUM,     /* a level, over the processes */
    CHART_FROM_MOST,    /* the largest of any process */
    CHART_FROM_LINEAGE, /* what the tree used, without what children hand on */
    CHART_FROM_GROWTH,  /* a counter of the processes' own */
    CHART_SOURCES
};

/* One line of a chart, as the table in charts.c has it. */
struct chart_line_spec {
    const char *chart; /* key */
    const char *name;
    enum chart_source source;
    uint64_t metrics; /* bits of the catalogue: their sum; LINEAGE: of columns */
    uint64_t minus;   /* less these */
    bool rate;
    double scale;
    enum chart_line_role role;
};

#define CHART_SPECS_MAX 48
#define CHART_DEVICES_MAX 32 /* of a kind */

struct chart_line_making {
    const struct chart_line_spec *spec;
    uint64_t positions, minus; /* in this recording */
    struct rate_line rate;
    struct level_line level;
    /* A counter's last; what processes add up to in this tick. */
    double last, tick_value;
    uint64_t last_ns;
    bool last_known, tick_known;
};

struct chart_part_making {
    struct rate_line cpu;
    struct level_line rss;
    uint64_t tick_rss;
    bool tick_any;
};

struct chart_device {
    uint32_t entity;
    unsigned kind;
    const char *name;
    int position[2]; /* in, out */
    uint64_t last[2], last_ns;
    bool last_known;
    double total;
    struct rate_line rate[2];
};

struct charts_walked {
    struct chart_grid grid;
    uint64_t end_ns;   /* of what is known */
    double processors; /* 0 unknown */
    struct chart_parts parts;
    struct chart_part_making part[CHART_TOP_MAX + 1]; /* the rest after the last */
    struct rate_line cpu;
    struct level_line rss, pss;
    bool any_process;
    struct chart_line_making line[CHART_SPECS_MAX];
    size_t lines;
    struct chart_device device[2 * CHART_DEVICES_MAX];
    size_t devices;
    struct chart_gpus gpus;
};

/* `walked` has its grid, end, processors and parts. 0 or -errno; charts_walked_done in any case. */
int charts_walk(const struct summary *summary, const struct chart_line_spec *specs, size_t count,
                struct charts_walked *walked);
void charts_walked_done(struct charts_walked *walked);

#endif
