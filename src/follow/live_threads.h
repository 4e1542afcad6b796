/*
 * Which threads of which processes live, where the kernel tells of each thread's birth and end: a
 * process has ended when its last thread has, and the first one is often not the last. What is told
 * twice counts once. About 32 bytes a thread and as much a process; no allocation but to grow.
 */
#ifndef TACHO_FOLLOW_LIVE_THREADS_H
#define TACHO_FOLLOW_LIVE_THREADS_H

#include <sys/types.h>

#include "base/map.h"

struct live_threads {
    struct map process; /* tid -> pid */
    struct map count;   /* pid -> how many of its threads live, not 0 */
};

void live_threads_done(struct live_threads *threads);

static inline bool live_threads_has(const struct live_threads *threads, pid_t tid)
{
    return map_get(&threads->process, (uint32_t)tid) != NULL;
}

/* Whether any thread of it lives. */
static inline bool live_threads_of(const struct live_threads *threads, pid_t pid)
{
    return map_get(&threads->count, (uint32_t)pid) != NULL;
}

/* Without memory it is not added: the process then seems to end too early. */
void live_threads_add(struct live_threads *threads, pid_t pid, pid_t tid);
void live_threads_remove(struct live_threads *threads, pid_t pid, pid_t tid);

/*
 * The process has called exec: only the thread that did so is left, and it has taken the id of the
 * first one, whatever its own was. The others' ends were told before; its own old id's never is.
 */
void live_threads_exec(struct live_threads *threads, pid_t pid);

#endif
