/* The parts of together.h, a file each, and what comparison.c shares. Not for other folders. */
#ifndef TACHO_ANALYSE_TOGETHER_PARTS_H
#define TACHO_ANALYSE_TOGETHER_PARTS_H

#include "analyse/together.h"

/* A text of one's own; NULL of NULL, and where `ret_failed` is set. */
char *together_text(const char *text, bool *ret_failed);

/* The command that was recorded, as a person would type it, without the program's directory. */
char *together_command(const struct summary *s, bool *ret_failed);

static inline uint64_t together_sum(uint64_t a, uint64_t b)
{
    return a >= SUMMARY_UNKNOWN - 1 - b || b == SUMMARY_UNKNOWN ? SUMMARY_UNKNOWN - 1 : a + b;
}

/* Nothing is known yet; takes in a value, unknown ones not. */
void together_spread_begin(struct together_spread *spread);
void together_spread_put(struct together_spread *spread, uint64_t value, size_t member);

/* together_groups.c: what members marked. 0 or -ENOMEM. */
int together_add_marks(struct together *t, const struct scopes *scopes, size_t member);
/* `at` says where members are after they were put in order. */
int together_group(struct together *t, const size_t *at);
void together_forget_marks(struct together_table *table);

/* together_memory.c: a member's line, of which nothing is there without a wall clock; their sum. */
int together_take_line(struct together_member *m, const struct summary *summary);
int together_sum_lines(struct together *t);

#endif
