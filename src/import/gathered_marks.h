/* From gathered scopes and counters to marks of threads. */
#ifndef TACHO_IMPORT_GATHERED_MARKS_H
#define TACHO_IMPORT_GATHERED_MARKS_H

#include "import/gathered.h"

/*
 * Puts sites, threads and marks into a recording under way, whose births it has; `entity` is what each
 * process is called in it. `shift_ns` is added to all times. Scopes that overlap without lying in each other
 * come to be on several threads. Sorts what was gathered. 0 or -ENOMEM.
 */
int gathered_put_marks(struct gathered *g, struct recording *recording, const uint32_t *entity,
                       uint64_t shift_ns);

#endif
