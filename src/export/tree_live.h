/*
 * What is recorded now, tick by tick, to a format that has a tree_writer: the same passes and the same
 * writer as of a recording, without one.
 *
 *     tree_live_new(&options, &live);
 *     tree_live_fact(live, &record);              what is told of the session
 *     tree_live_tick(live, now_ns);
 *     tree_live_born(live, place, &process);      before its first sample
 *     tree_live_process(live, place, …, &sample); …
 *     tree_live_end_tick(live);                   the tick is written
 *     tree_live_finish(live);                     what is only known at the end, and the last tick
 *
 * Each returns 0 or negative errno, and after that nothing but tree_live_free may follow. One thread.
 * Memory: 400 KiB, what the writer keeps, and some 300 bytes for each process that lives.
 */
#ifndef TACHO_EXPORT_TREE_LIVE_H
#define TACHO_EXPORT_TREE_LIVE_H

#include "export/drain.h"
#include "export/export_format.h"
#include "format/records.h"

struct tree_live;
struct tacho_process;
struct tacho_sample;

struct tree_live_options {
    const struct export_format *format; /* that has a tree_writer */
    const char *output;                 /* of formats with makes_files: their folder */
    bool overwrite;
    drain_write write; /* of the others */
    void *context;
};

int tree_live_new(const struct tree_live_options *options, struct tree_live **ret);
/* NULL is allowed. */
void tree_live_free(struct tree_live *live);

/* Facts, and entities of GPUs, are taken until the first tick, and after tree_live_ending. */
int tree_live_fact(struct tree_live *live, const struct record *fact);

/* The first opens what is written to. */
int tree_live_tick(struct tree_live *live, uint64_t now_ns);
int tree_live_end_tick(struct tree_live *live);

/* The next tick is the last: it ends with tree_live_finish. */
void tree_live_ending(struct tree_live *live);
int tree_live_finish(struct tree_live *live);

/* Within a tick. `place`: a small number, that nobody else has until tree_live_ended. */
int tree_live_born(struct tree_live *live, size_t place, const struct tacho_process *process);
int tree_live_changed(struct tree_live *live, size_t place, const struct tacho_process *process);
int tree_live_process(struct tree_live *live, size_t place, bool forked,
                      const struct tacho_sample *sample);
int tree_live_other(struct tree_live *live, const struct tacho_sample *sample);

/*
 * An end is told twice: within two ticks, so that what its parent is handed is not counted again; and when
 * nothing more will be known of it. The kernel's account counts if it is there by the first.
 */
void tree_live_gone(struct tree_live *live, const struct tacho_process *process);
int tree_live_ended(struct tree_live *live, size_t place, const struct tacho_process *process);

#endif
