/*
 * The time of a process divided among categories, with what it used: docs/SCOPES.md, Categories. Not
 * for other folders.
 *
 * Use between two ticks is even, so that only time is added up on the way; a tick turns it into use.
 */
#ifndef TACHO_ANALYSE_SCOPE_PARTS_H
#define TACHO_ANALYSE_SCOPE_PARTS_H

#include "analyse/scope_kin.h"

#define OTHERS 0 /* the category that is none */

/* One process being divided, in order of time. */
struct division;

/* Of a process from one moment on; `marker`: its place in kin. NULL without memory. */
struct division *division_new(const struct kin *kin, uint32_t marker, struct usage_process *usage,
                              uint64_t from_ns);
void division_free(struct division *division);

/* The time up to a moment belongs to a category. 0 or -ENOMEM. */
int division_give(struct division *division, uint32_t category, uint64_t to_ns);

/* The parts: the largest first, those of no time left out; last and always "Others". 0 or -ENOMEM. */
int division_finish(struct division *division, struct scope_part **ret, size_t *ret_count);

#endif
