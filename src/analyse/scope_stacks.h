/*
 * Which scopes were open when: the marks of a recording, put through a stack for each thread. The
 * rules are in docs/SCOPES.md.
 *
 * Costs about 50 ns a mark, and memory for what is open, with up to 24 MiB for the marks of a block.
 */
#ifndef TACHO_ANALYSE_SCOPE_STACKS_H
#define TACHO_ANALYSE_SCOPE_STACKS_H

#include <tacho/recording.h>

#include "base/map.h"

/* Scopes nested deeper are counted, and their ends matched, but they are not told of. */
#define SCOPE_DEPTH_MAX 16384

struct scope_frame {
    uint64_t begin_ns;
    uint64_t cpu_ns;    /* the thread's CPU clock at the begin, or TACHO_TIME_UNKNOWN */
    uint64_t nested_ns; /* in scopes right inside that have ended */
    uint32_t site;      /* place among the recording's sites; their number for an unknown site */
    uint32_t category;  /* the caller's */
    uint32_t use;       /* the caller's */
    bool outermost;     /* no other of this site was open on the thread */
};

struct scope_thread {
    const struct tacho_marking_thread *thread;
    uint64_t limit_ns; /* when it, its process or the recording ended */
    uint64_t last_ns;  /* of its marks */
    uint64_t look_ns;  /* the caller's, see look; TACHO_TIME_UNKNOWN: never */
    uint32_t process;  /* the caller's */
    bool main;         /* the caller's */
    struct scope_frame *frame;
    size_t depth, cap;
    uint64_t too_deep; /* open beyond SCOPE_DEPTH_MAX */
    struct map open;   /* place of a site + 1 -> how many are open */
};

/* How a scope ended. */
struct scope_end {
    uint64_t time_ns;
    uint64_t cpu_ns; /* the thread's CPU clock, or TACHO_TIME_UNKNOWN */
    bool seen;       /* by its own end; else by that of an outer one, or of all */
};

/* Any may be NULL. What is not 0 ends the run. */
struct scope_listener {
    void *user;
    int (*thread)(void *user, struct scope_thread *t); /* before its first mark */
    int (*begin)(void *user, struct scope_thread *t, struct scope_frame *frame);
    int (*end)(void *user, struct scope_thread *t, struct scope_frame *frame,
               const struct scope_end *end); /* the frame is still the innermost */
    int (*counter)(void *user, struct scope_thread *t, const struct tacho_mark *mark);
    /*
     * Once for each thread that lived at its look_ns, which `thread` has set: the stack is as it
     * stood then, with what began at that very moment and without what ended.
     */
    int (*look)(void *user, struct scope_thread *t);
};

struct scope_losses {
    uint64_t missing;    /* marks that were written and cannot be read */
    uint64_t unbalanced; /* ends that matched nothing, and scopes that an outer one's end ended */
    uint64_t too_deep;   /* scopes deeper than SCOPE_DEPTH_MAX */
};

/* 0, -ENOMEM, why the recording could not be read (-EIO, …), or what a listener's function returned. */
int scope_stacks_run(struct tacho_recording *rec, const struct scope_listener *listener,
                     struct scope_losses *ret);

/* Duration of a scope; and without the scopes right inside it. */
static inline uint64_t scope_duration(const struct scope_frame *frame, const struct scope_end *end)
{
    return end->time_ns > frame->begin_ns ? end->time_ns - frame->begin_ns : 0;
}

static inline uint64_t scope_self(const struct scope_frame *frame, const struct scope_end *end)
{
    uint64_t duration = scope_duration(frame, end);
    return duration > frame->nested_ns ? duration - frame->nested_ns : 0;
}

#endif
