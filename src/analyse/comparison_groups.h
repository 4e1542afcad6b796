/* comparison_groups.c: what runs marked. Not for other folders. */
#ifndef TACHO_ANALYSE_COMPARISON_GROUPS_H
#define TACHO_ANALYSE_COMPARISON_GROUPS_H

#include "analyse/comparison.h"

/* Of the run that is added to a side now. 0 or -ENOMEM. */
int comparison_add_marks(struct comparison *c, enum comparison_side side,
                         const struct scopes *scopes);

/* `a` and `b` have room for a value of each run. 0 or -ENOMEM. */
int comparison_group(struct comparison *c, double *a, double *b);

void comparison_forget_marks(struct comparison_table *table);

#endif
