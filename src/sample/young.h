/*
 * The newly born where nobody tells what a process used in the end: their CPU clocks are read each
 * millisecond, so that of one that no tick met is known what it used, to a millisecond.
 *
 * 0.3 to 1 µs a process and look. One thread.
 */
#ifndef TACHO_SAMPLE_YOUNG_H
#define TACHO_SAMPLE_YOUNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"

#define YOUNG_LOOK_MS 1 /* how soon the next look is due while there are any */
#define YOUNG_MAX 256   /* of a storm the rest is left to the ticks */
/* By then a child has become what it was born for, mostly; then at four times the age, and again. */
#define YOUNG_EXEC_NS (10 * NS_PER_MS)

struct young {
    pid_t pid;
    uint32_t entity;
    uint64_t born_ns, cpu_ns;
    uint64_t look_over_age_ns; /* when to see whether it has exec'd since it was found */
};

struct young_list {
    struct young at[YOUNG_MAX];
    size_t count;
};

void young_add(struct young_list *list, pid_t pid, uint32_t entity, uint64_t now_ns);

/*
 * Reads the clocks, and lets go of those that are young no more. Returns how many have gone: they are
 * at `ret_gone`, which has room for YOUNG_MAX, and stay in the list until young_take.
 */
size_t young_look(struct young_list *list, uint64_t now_ns, pid_t *ret_gone);

/* The next that is due to be looked over for an exec; NULL when there is none. */
const struct young *young_to_look_over(struct young_list *list, uint64_t now_ns);

/* It has ended: takes it out. Whether it was young; then what it had used when last looked at. */
bool young_take(struct young_list *list, uint32_t entity, uint64_t *ret_cpu_ns);

#endif
