/*
 * The processes that a marking process started, in order of their births, each with all its
 * descendants: what scopes are billed for them.
 *
 * About 0.2 us and 150 bytes a process of the recording, once.
 */
#ifndef TACHO_ANALYSE_SCOPE_KIN_H
#define TACHO_ANALYSE_SCOPE_KIN_H

#include "analyse/summary.h"

#define KIN_NONE UINT32_MAX

/* What a process and its descendants used from birth to end. */
struct kin_use {
    uint64_t processes, unknown; /* how many; of how many of these the CPU is not known */
    uint64_t cpu_ns, read_bytes, write_bytes;
};

/* The children of one that marks. */
struct kin_children {
    uint32_t row;        /* its own; KIN_NONE: it is not known */
    uint32_t first, end; /* places in `birth_ns` and the like */
    uint32_t at;         /* where the last look was */
};

struct kin {
    size_t processes;
    uint32_t *parent; /* rows of the summary, by row; KIN_NONE */
    uint32_t *place;  /* among the started, by row; KIN_NONE: started by nobody that marks */
    uint32_t *marker; /* the place that the caller gave it, by row; KIN_NONE: it does not mark */

    size_t started; /* by processes that mark: together those of one process, by birth */
    uint64_t *birth_ns;
    struct kin_use *before;          /* sums of those with a lower place; one more than there are */
    struct kin_use *before_unmarked; /* the same without those that mark, and what is below them */
    uint64_t *largest_rss;           /* a tree of maxima, its leaves from `started` on */
    struct kin_children *children;   /* by marker */
};

/* `entity` are those that mark, 0 for an unknown one; their places are the markers. 0 or -ENOMEM. */
int kin_open(struct kin *kin, const struct summary *summary, const uint32_t *entity,
             size_t markers);
void kin_done(struct kin *kin);

/* The place of a marker's first child not born before a moment. Cheap where looks go forward. */
uint32_t kin_from(struct kin *kin, uint32_t marker, uint64_t time_ns);

/* What those from one place to before another used, all together. */
struct kin_use kin_used(const struct kin *kin, uint32_t from, uint32_t to);

/* Adds the same without processes that mark, and all below those: they speak for themselves. */
void kin_add(struct kin_use *to, const struct kin *kin, uint32_t from, uint32_t before);

/* The largest RSS of any single one of them and their descendants; 0: not known. */
uint64_t kin_largest_rss(const struct kin *kin, uint32_t from, uint32_t to);

#endif
