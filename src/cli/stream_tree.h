/* Processes and samples of a stream to a format of the tree as a whole. */
#ifndef TACHO_CLI_STREAM_TREE_H
#define TACHO_CLI_STREAM_TREE_H

#include "cli/told_processes.h"
#include "export/tree_live.h"

struct stream_tree {
    struct tree_live *live;
    struct told_processes *told;
    uint64_t tick, now_ns;
    bool settled;   /* in this tick: see stream_tree_settle */
    bool waits;     /* for the kernel's accounts, which are told some time after an end */
    size_t *vacant; /* places that are free again */
    size_t vacants, cap, places;
};

void stream_tree_done(struct stream_tree *tree);

/* A fact of the session: whether accounts are told is one. 0 or negative errno, as all of these. */
int stream_tree_fact(struct stream_tree *tree, const struct record *fact);

int stream_tree_tick(struct stream_tree *tree, uint64_t now_ns);
/* `one` NULL: of what is no process. */
int stream_tree_put(struct stream_tree *tree, struct told_process *one,
                    const struct tacho_sample *sample);
int stream_tree_end_tick(struct stream_tree *tree);
/* All that was told counts; nothing but stream_tree_done may follow. */
int stream_tree_finish(struct stream_tree *tree);

#endif
