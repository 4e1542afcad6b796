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

#define YOUNG_LOOK_MS 1 /* how soon the next look is due while there are any */
#define YOUNG_MAX 256   /* of a storm the rest is left to the ticks */

struct young {
    pid_t pid;
    uint32_t entity;
    uint64_t born_ns, cpu_ns;
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

/* It has ended: takes it out. Whether it was young; then what it had used when last looked at. */
bool young_take(struct young_list *list, uint32_t entity, uint64_t *ret_cpu_ns);

#endif
