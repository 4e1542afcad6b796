/* What scopes used: bills a process's use to the scopes that were open. Not for other folders. */
#ifndef TACHO_ANALYSE_SCOPE_BILLS_H
#define TACHO_ANALYSE_SCOPE_BILLS_H

#include "analyse/scope_kin.h"

/* Children of a process that were born while a site was open in it: places of kin. */
struct born {
    uint32_t from, to;
};

/* One site in one process: open as long as any thread has it open. */
struct bill {
    uint32_t process, site;       /* places */
    uint32_t open, without_clock; /* threads; those whose CPU must be estimated */
    struct usage_look at[USAGE_COLUMNS];
    uint32_t next_child; /* at the begin; those before are billed, or born outside */

    struct born *born; /* in order, apart from each other */
    uint32_t borns, born_cap;
    struct scope_use use;
};

struct bills {
    const struct summary *summary;
    struct kin kin;
    struct usage_process **of_process; /* of the scopes; NULL where nothing was sampled */
    struct map *of_site; /* by process of the scopes: place of a site + 1 -> place of a bill */
    size_t processes;
    struct bill *bill;
    size_t count, cap;
};

/* Nothing is known, and nothing was started. */
void scope_use_forget(struct scope_use *use);

/* 0 or -ENOMEM. The summary is borrowed until bills_done. */
int bills_open(struct bills *bills, const struct summary *summary, const struct scopes *scopes);
void bills_done(struct bills *bills);

/* The outermost scope of a site begins, or ends, on a thread. 0 or -ENOMEM. */
int bill_begin(struct bills *bills, const struct scope_thread *t, struct scope_frame *frame);
int bill_end(struct bills *bills, const struct scope_thread *t, const struct scope_frame *frame,
             const struct scope_end *end, struct scope_row *row);

/* All have ended: the rows, by place of the site, are billed. */
void bills_finish(struct bills *bills, struct scope_row *rows);

#endif
