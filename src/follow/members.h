/*
 * The processes that belong, as found by looking at /proc: what every mechanism needs for those
 * that were there before it (attaching), and again when it has missed something.
 *
 * A child whose parent has ended before we looked is recognised by its new parent, the subreaper, or
 * by its session, when the session's leader belongs: sessions pass from parent to child only.
 */
#ifndef TACHO_FOLLOW_MEMBERS_H
#define TACHO_FOLLOW_MEMBERS_H

#include "base/map.h"
#include "follow/follow.h"

struct members {
    struct source_root root;
    struct follow_sink sink;
    pid_t subreaper, recorder;
    struct map alive;  /* pid -> start in kernel ticks since boot, 0 not known */
    struct map past;   /* pids of members that ended, whose session may live on -> listings */
    uint64_t listings; /* of all processes, so far */
    uint64_t births;   /* announced as forked */
    struct candidate *candidates;
    size_t count, cap;
};

void members_init(struct members *m, const struct follow_config *config,
                  const struct follow_sink *sink);
void members_done(struct members *m);

/* Announces the roots. 0, -ESRCH when one is gone, or -errno. */
int members_admit_roots(struct members *m, const struct follow_config *config);

/*
 * Looks at one process: 0 when there is one (it is a candidate now, unless it was known; a known
 * pid with another start is somebody new, and the old one is announced as ended), or why it could
 * not.
 */
int members_consider(struct members *m, pid_t pid);

/* Announces the candidates that belong and forgets the others. */
void members_resolve(struct members *m, bool forked);

/* Announces all candidates: somebody else knows that they belong. */
void members_admit_all(struct members *m, bool forked);

/* Announces the ends of those of whom `gone` says so. */
void members_end_gone(struct members *m, uint64_t now_ns, bool (*gone)(const void *user, pid_t pid),
                      const void *user);

/* Considers all processes. 0 or -errno. 0.33 µs a process, some 10 µs for each that is new. */
int members_list(struct members *m);

/*
 * After something was missed: announces those that belong and are not known, as forked, and the ends
 * of those that are gone. 0 or -errno.
 */
int members_resync(struct members *m, uint64_t now_ns);

/* What an event told: the caller announces it itself. Whether the pid belongs; 0 or -ENOMEM. */
static inline bool members_has(const struct members *m, pid_t pid)
{
    return map_get(&m->alive, (uint32_t)pid) != NULL;
}
int members_add(struct members *m, pid_t pid, uint64_t start_ticks);

/* It has ended. Whether it was there. */
bool members_remove(struct members *m, pid_t pid);

#endif
