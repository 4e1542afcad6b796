/*
 * What a process was doing at one moment: the scopes that its threads had open then, and what was
 * last said. Taken on the way of a pass over the marks (scope_stacks.h); what is kept is bounded.
 */
#ifndef TACHO_ANALYSE_SCOPE_MOMENT_H
#define TACHO_ANALYSE_SCOPE_MOMENT_H

#include "analyse/scope_stacks.h"

#define MOMENT_STACKS_MAX 16 /* threads */
#define MOMENT_SCOPES_MAX 64 /* of a thread: one half the outermost, the other the innermost */

struct moment_stack {
    const struct tacho_marking_thread *thread; /* the recording's */
    bool main;
    uint64_t begin_ns;                /* of the innermost */
    size_t depth;                     /* how many were open */
    size_t scopes;                    /* how many of them are kept */
    uint32_t site[MOMENT_SCOPES_MAX]; /* outermost first: places, as in struct scope_frame */
};

struct moment {
    uint32_t entity; /* 0: of everybody, or no moment was asked for, and the rest is empty */
    bool everybody;
    uint64_t time_ns;
    size_t threads; /* of the process, that had a scope open */
    /* Of them: main threads' first, then those whose innermost scope began last. */
    size_t stacks;
    struct moment_stack stack[MOMENT_STACKS_MAX];
    const struct tacho_label *label; /* see labels_last; NULL */
};

/* Asks for a moment of the recording's clock; entity 0 for none. */
void moment_ask(struct moment *moment, const struct tacho_recording *rec, uint32_t entity,
                uint64_t time_ns);

/* The same, of all processes; the label is the last of any. */
void moment_ask_all(struct moment *moment, const struct tacho_recording *rec, uint64_t time_ns);

/* For a listener: when to look at a thread, which is then to be given to moment_take. */
uint64_t moment_look_ns(const struct moment *moment, const struct scope_thread *t);
void moment_take(struct moment *moment, const struct scope_thread *t);

#endif
