/*
 * Processes by the id that they have inside their own pid namespace: a driver may name a process so,
 * where the recorder stands outside. One thread.
 */
#ifndef TACHO_SOURCE_INNER_PIDS_H
#define TACHO_SOURCE_INNER_PIDS_H

#include "base/map.h"
#include "source/root.h"

struct inner_pids {
    struct map outer; /* inner -> our pid; 0: nobody, or several */
    uint64_t scanned_ns;
};

/*
 * The process that a driver means by `pid`, as its id here: one that has it in this namespace, else
 * the only one that has it in its own (NSpid of /proc/PID/status). 0 where there is none, or several.
 *
 * 2 µs; for an id that nobody has here and that was not asked for before all processes are looked
 * through, 20 µs each, once a second at most: until then it is 0.
 */
pid_t inner_pids_find(struct inner_pids *pids, const struct source_root *root, pid_t pid,
                      uint64_t now_ns);
void inner_pids_done(struct inner_pids *pids);

#endif
