/*
 * Finds the blocks of a file, however damaged: journal blocks are taken in, sample blocks noted.
 *
 * What is believed: a header whose checksum is right, and a payload whose checksum is right. The
 * payload of a sample block is checked when it is walked; here only where the next block does not
 * begin right behind it, as at a torn end. Else the search goes on for the next header.
 */
#ifndef TACHO_READ_SALVAGE_H
#define TACHO_READ_SALVAGE_H

#include "read/opened.h"

/*
 * Goes on after the last valid block. Number of new blocks (at most INT_MAX), or negative errno
 * with `error` filled in; blocks found before the failure stay.
 */
int salvage_scan(struct tacho_recording *rec, struct tacho_error *error);

/* Whether the file begins as a recording does: 0 or negative errno with `error` filled in. */
int salvage_check_start(struct tacho_recording *rec, struct tacho_error *error);

#endif
