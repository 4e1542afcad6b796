/* Journal blocks: records into the recording's tables. */
#ifndef TACHO_READ_JOURNAL_READ_H
#define TACHO_READ_JOURNAL_READ_H

#include "read/opened.h"

/* Empty tables. 0 or -ENOMEM. */
int journal_init(struct tacho_recording *rec);
void journal_done(struct tacho_recording *rec);

/*
 * Takes in the records of one payload. 0; -EPROTO at bytes that are no record, with those before
 * them taken; -E2BIG over the allowance; -ENOMEM.
 */
int journal_take(struct tacho_recording *rec, const uint8_t *payload, size_t n);

#endif
