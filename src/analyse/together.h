/*
 * Several recordings side by side: the ranks of a parallel job, or whatever ran at the same time.
 * What each comes to is taken from its summary, which may be gone afterwards: about 64 KB each, and
 * 100 bytes a scope's name.
 */
#ifndef TACHO_ANALYSE_TOGETHER_H
#define TACHO_ANALYSE_TOGETHER_H

#include "analyse/scopes.h"
#include "analyse/summary.h"

#define TOGETHER_MISSING_MAX 16

/* One of the recordings. Texts are NULL, numbers SUMMARY_UNKNOWN, when unknown. */
struct together_member {
    char *path, *host, *job;
    char *command; /* as a person would type it */
    int pid;       /* 0 unknown */
    uint64_t rank, rank_size;
    size_t place; /* in the order in which they were added */
    uint64_t started_real_ns, wall_ns, cpu_ns, peak_rss_bytes;
    uint64_t root_status;  /* as waitpid(2) */
    bool ended;            /* the recorder closed the recording */
    bool marks;            /* a process of it did */
    uint64_t marked_ns;    /* wall time of those that did: the sum of its categories */
    uint64_t calls;        /* scopes */
    struct gauge_line rss; /* by the wall clock, since the epoch; `largest` NULL unknown */
};

/* A quantity over the members of which it is known. */
struct together_spread {
    uint64_t sum, min, max; /* min UNKNOWN without any */
    size_t of;              /* members */
    size_t most;            /* whose it is the largest */
};

/* What one member spent in a scope or a category. */
struct together_entry {
    char *name, *category;
    size_t member;
    uint64_t count, ns;
};

/* A scope or category, over all members that mark; those that do not have it spent 0 in it. */
struct together_group {
    const char *name;     /* of categories NULL is "Others"; of scopes: it is lost */
    const char *category; /* of scopes */
    struct together_spread time, count;
    size_t first, entries; /* in the table, by member */
};

struct together_table {
    struct together_entry *entry;
    size_t entries, room;
    struct together_group *group; /* the largest time first, "Others" last */
    size_t groups;
};

struct together {
    struct together_member *member; /* after finish by job, rank, and start */
    size_t members, room;
    struct together_table categories, scopes;

    /* After together_finish. */
    size_t marking;                              /* members that mark */
    size_t ranks, jobs, hosts;                   /* members with a rank; different ones */
    uint64_t rank_size;                          /* UNKNOWN, also where members differ */
    uint64_t missing;                            /* ranks of one job without a recording; UNKNOWN */
    uint64_t missing_rank[TOGETHER_MISSING_MAX]; /* the first of them */
    uint64_t started_real_ns, ended_real_ns;     /* the first start and the last end; UNKNOWN */
    struct together_spread wall, cpu, peak_rss;
    size_t lines; /* members whose memory over time is known: the others are not in the sum */
    struct gauge_line rss; /* the sum; of what is near in time the largest, see rss.bucket_ns */
    uint64_t peak_rss_bytes, peak_real_ns;
    bool peak_of_one; /* one member's own peak is larger than what was sampled of all: no moment */
};

/* 0 or -ENOMEM: the recording is then not among them. */
int together_add(struct together *t, const char *path, const struct summary *summary,
                 const struct scopes *scopes);

/* Once all are there. 0 or -ENOMEM. */
int together_finish(struct together *t);
void together_done(struct together *t);

/* The largest over the mean: 1 is balance. NAN where nothing is known, or all is 0. */
double together_imbalance(const struct together_spread *spread);
double together_mean(const struct together_spread *spread);

/* What a member spent in a group; 0 where it has none of it. */
uint64_t together_time_of(const struct together_table *table, const struct together_group *group,
                          size_t member);

/* Whether a member is known to have ended as it should. */
static inline bool together_ended_well(const struct together_member *member)
{
    return member->root_status == SUMMARY_UNKNOWN ? member->ended : member->root_status == 0;
}

/* From the first start to a moment of the wall clock; UNKNOWN where either is, or it was before. */
static inline uint64_t together_after_ns(const struct together *t, uint64_t real_ns)
{
    return t->started_real_ns != SUMMARY_UNKNOWN && real_ns != SUMMARY_UNKNOWN &&
                   real_ns >= t->started_real_ns
               ? real_ns - t->started_real_ns
               : SUMMARY_UNKNOWN;
}

/*
 * The largest of a line of the wall clock in each of `cells` equal stretches of the time of all;
 * TIMELINE_UNKNOWN where there is nothing of it.
 */
void together_cells(const struct together *t, const struct gauge_line *line, size_t cells,
                    uint64_t *ret);

#endif
