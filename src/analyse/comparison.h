/*
 * Two sets of runs side by side, A and B: what changed from A to B, of the whole, of each scope and
 * each category. Of a recording only its figures are kept, about 100 bytes and 56 more for each name
 * that it marks, so that recordings can be read one after the other.
 */
#ifndef TACHO_ANALYSE_COMPARISON_H
#define TACHO_ANALYSE_COMPARISON_H

#include "analyse/change.h"
#include "analyse/summary.h"

enum comparison_side { SIDE_A, SIDE_B };

/* Of the whole; of all of them less is better. */
enum comparison_metric {
    COMPARE_WALL,
    COMPARE_CPU,
    COMPARE_USER,
    COMPARE_SYSTEM,
    COMPARE_PEAK_RSS,
    COMPARE_PEAK_PSS,
    COMPARE_READ,
    COMPARE_WRITE,
    COMPARE_PROCESSES,
    COMPARE_METRICS,
    /* Not metrics, but chosen like them: the total time of each. */
    COMPARE_SCOPES = COMPARE_METRICS,
    COMPARE_CATEGORIES,
    COMPARE_CHOICES
};

/* Which of them, as a bit each. */
#define COMPARE_BIT(choice) (1u << (choice))
#define COMPARE_ALL (COMPARE_BIT(COMPARE_CHOICES) - 1)

/* What is too much: what is chosen fails where it is certain to have grown by more than the share. */
struct comparison_limit {
    unsigned judged; /* bits; 0: nothing is */
    double share;
};

enum comparison_unit { UNIT_NS, UNIT_BYTES, UNIT_COUNT };

struct comparison_kind {
    const char *name;  /* "peak_rss" */
    const char *title; /* "peak RSS" */
    enum comparison_unit unit;
};

extern const struct comparison_kind comparison_metrics[COMPARE_METRICS];

/* Of a scope; categories have a total alone. */
enum comparison_figure { FIGURE_TOTAL, FIGURE_SELF, FIGURE_COUNT, FIGURE_MEAN, FIGURES };

extern const struct comparison_kind comparison_figures[FIGURES];

struct comparison_run {
    uint64_t value[COMPARE_METRICS]; /* SUMMARY_UNKNOWN where it is not known */
    bool marks;                      /* a process of it did */
};

struct comparison_runs {
    struct comparison_run *run;
    size_t runs, room;
    char *command, *host; /* of the first; NULL unknown */
    bool commands, hosts; /* there are different ones */
    size_t marking;       /* runs with marks */
    size_t failed;        /* ended with another status than 0 */
    size_t unended;       /* the recorder did not come to its end */
    size_t ranks;         /* recordings of one rank of several */
};

/* A scope or category; a run that marks, but not this, spent 0 in it. */
struct comparison_group {
    const char *name;     /* of categories NULL is "Others"; of scopes: it is lost */
    const char *category; /* of scopes */
    struct change figure[FIGURES];
};

struct comparison_table {
    void *tree; /* names, each once */
    struct comparison_name **name;
    size_t names;
    struct comparison_entry *entry;
    size_t entries, room;
    struct comparison_group *group; /* after finish: what changed first, by how much */
};

struct comparison {
    struct comparison_runs side[2];
    struct comparison_table scopes, categories; /* of each `names` groups */

    /* After comparison_finish. */
    struct change metric[COMPARE_METRICS];
};

/* 0 or -ENOMEM, after which only comparison_done is to be called. */
int comparison_add(struct comparison *c, enum comparison_side side, const struct summary *summary,
                   const struct scopes *scopes);

/* Once all are there. 0 or -ENOMEM. */
int comparison_finish(struct comparison *c);
void comparison_done(struct comparison *c);

/* Whether a change of what is chosen by `choice` fails. */
static inline bool comparison_fails(const struct comparison_limit *limit, unsigned choice,
                                    const struct change *change)
{
    return (limit->judged & COMPARE_BIT(choice)) != 0 && change_exceeds(change, limit->share);
}

/* How many do; of all, metrics too. */
size_t comparison_failing(const struct comparison *c, const struct comparison_limit *limit);
size_t comparison_failing_scopes(const struct comparison *c, const struct comparison_limit *limit);
size_t comparison_failing_categories(const struct comparison *c,
                                     const struct comparison_limit *limit);

#endif
