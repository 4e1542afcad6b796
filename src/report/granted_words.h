/* What the target was granted (analyse/granted.h) and why it ended (analyse/ending.h), in words. */
#ifndef TACHO_REPORT_GRANTED_WORDS_H
#define TACHO_REPORT_GRANTED_WORDS_H

#include "analyse/ending.h"
#include "base/buffer.h"

/* Append to `ret`; nothing where there is nothing to say. */

/* Behind "killed by SIGKILL" or "exit 137": ", for want of memory in …,". */
void put_ending(struct buffer *ret, const struct summary *summary);

/* " of 8", " of 1.5 granted": the processors that were to be had. */
void put_processors_of(struct buffer *ret, const struct summary *summary);

/* "its control group came to 7.9 GiB, of 8 GiB granted" */
void put_group_memory(struct buffer *ret, const struct granted *granted);

/* "held back for 3.2 s by the limit of 2 cores, in 40 % of its periods" */
void put_group_throttling(struct buffer *ret, const struct granted *granted);

#endif
