/* What scopes used: bills a process's use to the scopes that were open. Not for other folders. */
#ifndef TACHO_ANALYSE_SCOPE_BILLS_H
#define TACHO_ANALYSE_SCOPE_BILLS_H

#include "analyse/summary.h"

/* One site in one process: open as long as any thread has it open. */
struct bill {
    uint64_t from_ns;
    uint32_t open, without_clock; /* threads; those whose CPU must be estimated */
    struct usage_look at[USAGE_COLUMNS];
};

struct bills {
    const struct summary *summary;
    struct usage_process **of_process; /* of the scopes; NULL where nothing was sampled */
    struct map *of_site; /* by process of the scopes: place of a site + 1 -> place of a bill */
    size_t processes;
    struct bill *bill;
    size_t count, cap;
};

/* 0 or -ENOMEM. The summary is borrowed until bills_done. */
int bills_open(struct bills *bills, const struct summary *summary, const struct scopes *scopes);
void bills_done(struct bills *bills);

/* The outermost scope of a site begins, or ends, on a thread. 0 or -ENOMEM. */
int bill_begin(struct bills *bills, const struct scope_thread *t, struct scope_frame *frame);
void bill_end(struct bills *bills, const struct scope_thread *t, const struct scope_frame *frame,
              const struct scope_end *end, struct scope_row *row);

#endif
