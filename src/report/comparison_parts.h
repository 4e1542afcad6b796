/* The parts of comparison_text.h, a file each. Not for other folders. */
#ifndef TACHO_REPORT_COMPARISON_PARTS_H
#define TACHO_REPORT_COMPARISON_PARTS_H

#include "report/comparison_text.h"

/* comparison_words.c: what is to be known of the runs before their figures are believed, in words. */
void comparison_each_note(const struct comparison *c,
                          void (*note)(void *user, const struct buffer *words), void *user);

/* "wall, peak RSS, 2 scopes": what fails. */
void comparison_put_failing(struct buffer *ret, const struct comparison *c,
                            const struct comparison_limit *limit);

#endif
