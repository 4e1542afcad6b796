/* Records about marks, for journal_read.c. */
#ifndef TACHO_READ_JOURNAL_MARKS_H
#define TACHO_READ_JOURNAL_MARKS_H

#include "read/opened.h"

void journal_marks_init(struct tacho_recording *rec);
void journal_marks_done(struct tacho_recording *rec);

/* Takes a site, thread, label, total or lost; others are passed over. 0, -E2BIG or -ENOMEM. */
int journal_take_marks(struct tacho_recording *rec, const struct record *record);

#endif
