/* CPU time that the machine, its processors or the recorder used: idle and stolen time left out. */
#ifndef TACHO_EXPORT_BUSY_H
#define TACHO_EXPORT_BUSY_H

#include "export/fields.h"

/* The positions whose sum it is; 0 for a kind that has none, or not all of them. */
uint64_t busy_mask(const struct metric_list *metrics, unsigned kind);

/* False where one of them was not sampled at this tick, and for an empty mask. */
bool busy_ns_of(uint64_t mask, const struct tacho_sample *sample, uint64_t *ret_ns);

#endif
