#include "follow/live_threads.h"

void live_threads_done(struct live_threads *threads)
{
    map_done(&threads->process);
    map_done(&threads->count);
}

void live_threads_add(struct live_threads *threads, pid_t pid, pid_t tid)
{
    if (live_threads_has(threads, tid) ||
        map_put(&threads->process, (uint32_t)tid, (uint64_t)pid) != 0)
        return;
    uint64_t *count = map_get(&threads->count, (uint32_t)pid);
    if (count != NULL)
        ++*count;
    else if (map_put(&threads->count, (uint32_t)pid, 1) != 0)
        map_remove(&threads->process, (uint32_t)tid);
}

void live_threads_remove(struct live_threads *threads, pid_t pid, pid_t tid)
{
    if (!map_remove(&threads->process, (uint32_t)tid))
        return;
    uint64_t *count = map_get(&threads->count, (uint32_t)pid);
    if (count != NULL && --*count == 0)
        map_remove(&threads->count, (uint32_t)pid);
}

void live_threads_exec(struct live_threads *threads, pid_t pid)
{
    const uint64_t *count = map_get(&threads->count, (uint32_t)pid);
    if (count != NULL && *count == 1 && live_threads_has(threads, pid))
        return;
    for (size_t i = 0; i < threads->process.cap;) {
        struct map_slot slot = threads->process.slots[i];
        if (slot.key != 0 && slot.value == (uint64_t)pid)
            live_threads_remove(threads, pid, (pid_t)slot.key); /* another may take its place */
        else
            i++;
    }
    live_threads_add(threads, pid, pid);
}
