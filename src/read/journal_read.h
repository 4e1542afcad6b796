/* Journal blocks: records into the recording's tables. */
#ifndef TACHO_READ_JOURNAL_READ_H
#define TACHO_READ_JOURNAL_READ_H

#include "read/opened.h"
#include "read/process_told.h"

/* Empty tables. 0 or -ENOMEM. */
int journal_init(struct tacho_recording *rec);
void journal_done(struct tacho_recording *rec);

/*
 * Takes in the records of one payload. 0; -EPROTO at bytes that are no record, with those before
 * them taken; -E2BIG over the allowance; -ENOMEM.
 */
int journal_take(struct tacho_recording *rec, const uint8_t *payload, size_t n);

/* For journal_marks.c: what a file claims, kept. */

/* 0 or -ENOMEM; a text for which there is no room any more becomes empty, with `ret_cut` set. */
int journal_keep(struct tacho_recording *rec, struct span text, const char **ret, bool *ret_cut);

/* A key, not 0, of a map, charged to the allowance. 0, -E2BIG or -ENOMEM. */
int journal_map(struct tacho_recording *rec, struct map *map, uint32_t key, uint64_t place);

#endif
