/*
 * What each scope took: docs/SCOPES.md has the rules, with an example to be checked by hand. Made in
 * one pass over the marks, about 0.1 s for a million scopes.
 */
#ifndef TACHO_ANALYSE_SCOPES_H
#define TACHO_ANALYSE_SCOPES_H

#include "analyse/histogram.h"
#include "analyse/scope_moment.h"
#include "analyse/scope_stacks.h"

#define SCOPES_UNKNOWN UINT64_MAX

/* What was used while a scope was open, and by the processes started inside. UNKNOWN, or 0. */
struct scope_use {
    uint64_t cpu_ns, read_bytes, write_bytes; /* with those of the processes started inside */
    uint64_t children_cpu_ns;                 /* theirs alone */
    uint64_t processes;                       /* started inside, with their descendants */
    uint64_t rss_peak_bytes;                  /* the largest sample inside */
    uint64_t children_rss_peak_bytes;         /* the largest of any one process started inside */
    uint64_t rss_begin_ns, rss_end_ns;        /* of the first begin, of the last end; UNKNOWN */
    uint64_t rss_begin_bytes, rss_end_bytes;  /* RSS then */
    int64_t rss_delta_bytes;                  /* how much RSS grew while it was open */
    bool rss_delta_known;
    bool cpu_estimated; /* spread evenly between ticks that do not fit: see docs/SCOPES.md */
    bool io_estimated;  /* the same of read_bytes and write_bytes */
};

/* All scopes of one name and category, of all threads and processes. */
struct scope_row {
    const char *name, *category; /* the recording's; name NULL: it is lost */
    uint64_t count;              /* all, with those that only totals tell of */
    uint64_t total_ns;           /* of recursive ones the outermost only */
    uint64_t self_ns;            /* without nested ones of the same thread; not of totals */
    uint64_t sum_ns;             /* of all, recursive ones too: count times the mean */
    uint64_t timed;              /* those that were kept one by one: the following are of these */
    uint64_t min_ns, max_ns, p50_ns, p99_ns; /* UNKNOWN without any */

    struct scope_use use;

    struct histogram histogram;
};

/*
 * What was used in a category's time, with the processes started then that do not mark themselves.
 * UNKNOWN, or 0.
 */
struct category_use {
    uint64_t cpu_ns, children_cpu_ns, read_bytes, write_bytes, rss_peak_bytes;
    uint64_t processes;
};

/* Nothing is known; and sums, where some may be unknown. */
void category_use_forget(struct category_use *use);
void category_use_add(struct category_use *to, const struct category_use *use);

/* The first has no name of its own: "Others", what no category claims. */
struct scope_category {
    const char *name;
    uint64_t total_ns;
    uint64_t count; /* scopes, those that inherit it too; of "Others" those in none */
    struct category_use use;
};

struct scope_part {
    uint32_t category; /* place; 0: "Others" */
    uint64_t ns;
    struct category_use use;
};

/* A process that marks: its wall time, divided among the categories. */
struct scope_process {
    uint32_t entity;
    uint64_t from_ns, to_ns; /* seen to end, inside the recording; equal for an unknown one */
    /* They sum to the wall: the largest first, those of no time left out; last and always "Others". */
    struct scope_part *part;
    size_t parts;

    /* While the pass goes on. */
    struct division *division;
    uint32_t main_tid;
    struct scope_thread *owner;
};

struct scopes {
    struct tacho_recording *rec; /* borrowed */
    struct scope_row *row;       /* used ones only, by total, the most first */
    size_t rows;
    struct scope_category *category; /* "Others" and those with a name, as they appear */
    size_t categories;
    uint32_t *by_time;             /* their places, the largest first, "Others" last */
    struct scope_process *process; /* the longest wall first, then as they were first seen */
    size_t processes;
    uint64_t wall_ns;     /* of all processes that mark: the sum of the categories */
    struct moment moment; /* that was asked for */
    struct scope_losses losses;
    struct tacho_lost_marks dropped; /* by the recorder's own account */
};

/* Whether there is anything: a thread that marked, a label, or a total. Costs nothing. */
bool scopes_any(const struct tacho_recording *rec);

struct summary;

/*
 * From a summary, which may be gone afterwards; its recording must outlive what is made.
 * With what the process `entity` was doing at `time_ns`, by the recording's clock; entity 0: of none.
 * Where nobody marked all is empty. 0, -ENOMEM, -EIO and the like.
 */
int scopes_make(const struct summary *summary, uint32_t entity, uint64_t time_ns,
                struct scopes *ret);
void scopes_done(struct scopes *scopes);

#endif
