/*
 * Execs whose command line comes in parts: each is announced when all of it has come, or with what
 * has come when its process ends or execs again.
 */
#ifndef TACHO_EXEC_PARTS_H
#define TACHO_EXEC_PARTS_H

#include "base/map.h"
#include "follow/follow.h"

struct exec_parts {
    struct map begun; /* pid -> struct exec_part */
    struct follow_sink sink;
};

/* Zero but for the sink is an empty one. */
void exec_parts_done(struct exec_parts *parts);

/* An exec with the first part of its arguments, which have `wanted` bytes in all. */
void exec_parts_begin(struct exec_parts *parts, const struct follow_exec *exec, size_t wanted);

/* The next part; of an exec that was not begun, or is whole, nothing. */
void exec_parts_more(struct exec_parts *parts, pid_t pid, const void *bytes, size_t n);

/* No more will come: announces what there is, if it was begun. */
void exec_parts_finish(struct exec_parts *parts, pid_t pid);

#endif
