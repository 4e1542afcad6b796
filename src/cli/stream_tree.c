#include "cli/stream_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "follow/follow.h"

#define GONE_AFTER_TICKS 2     /* not more: see tree_live_gone */
#define OVER_AFTER_NS NS_PER_S /* a grace period of the kernel, or some */

void stream_tree_done(struct stream_tree *tree)
{
    tree_live_free(tree->live);
    free(tree->vacant);
    *tree = (struct stream_tree){0};
}

int stream_tree_fact(struct stream_tree *tree, const struct record *record)
{
    const struct record_fact *fact = &record->fact;
    char name[16] = "";
    if (record->type == RECORD_FACT && fact->type == FACT_TEXT && fact->key.n == strlen("follow") &&
        memcmp(fact->key.bytes, "follow", fact->key.n) == 0 && fact->text.n < sizeof name) {
        memcpy(name, fact->text.bytes, fact->text.n);
        const struct follow_mechanism *mechanism = follow_mechanism_find(name);
        tree->waits = mechanism != NULL && (mechanism->tells & FOLLOW_TELLS_ACCOUNTS) != 0;
    }
    return tree_live_fact(tree->live, record);
}

/* ---- places ---- */

static int take_place(struct stream_tree *tree, size_t *ret)
{
    if (tree->vacants > 0) {
        *ret = tree->vacant[--tree->vacants];
        return 0;
    }
    if (tree->places == tree->cap) { /* room for all of them to be free again */
        size_t cap = tree->cap == 0 ? 64 : 2 * tree->cap;
        size_t *grown = reallocarray(tree->vacant, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        tree->vacant = grown;
        tree->cap = cap;
    }
    *ret = tree->places++;
    return 0;
}

/* ---- what was told ---- */

static int tell_born(struct stream_tree *tree, struct told_process *one)
{
    int r = take_place(tree, &one->place);
    if (r == 0)
        r = tree_live_born(tree->live, one->place, &one->process);
    one->written = true;
    one->changed = false;
    return r;
}

static int tell_over(struct stream_tree *tree, struct told_process *one)
{
    int r = tree_live_ended(tree->live, one->place, &one->process);
    tree->vacant[tree->vacants++] = one->place;
    one->over = true;
    return r;
}

static bool ended(const struct told_process *one)
{
    return one->removed || (one->process.flags & TACHO_PROCESS_ENDED) != 0;
}

static bool accounted(const struct stream_tree *tree, const struct told_process *one)
{
    const struct tacho_process *p = &one->process;
    bool told =
        (p->flags & TACHO_PROCESS_ACCOUNT) != 0 && (p->account.known & TACHO_ACCOUNT_EARLY) == 0;
    return told || !tree->waits;
}

/* What is known by now of an end. `last`: no more will be. */
static int tell_end(struct stream_tree *tree, struct told_process *one, bool last)
{
    if (!ended(one) || one->over)
        return 0;
    if (one->met_tick == 0) {
        one->met_tick = tree->tick;
        one->met_ns = tree->now_ns;
    }
    bool known = last || accounted(tree, one);
    if (!one->gone && (known || tree->tick - one->met_tick >= GONE_AFTER_TICKS)) {
        tree_live_gone(tree->live, &one->process);
        one->gone = true;
    }
    bool samples_come = one->sampled && !one->removed && !last;
    bool over =
        one->gone && !samples_come && (known || tree->now_ns - one->met_ns >= OVER_AFTER_NS);
    return over ? tell_over(tree, one) : 0;
}

/* Before the first sample of a tick all that was told until then is passed on. */
static int settle(struct stream_tree *tree, bool last)
{
    int r = 0;
    tree->settled = true;
    for (struct told_process *one = tree->told->first, *after; one != NULL && r == 0; one = after) {
        after = one->after;
        if (!one->written)
            r = tell_born(tree, one);
        else if (one->changed)
            r = tree_live_changed(tree->live, one->place, &one->process);
        one->changed = false;
        if (r == 0)
            r = tell_end(tree, one, last);
        if (one->over && (!one->sampled || one->removed))
            told_process_forget(tree->told, one);
    }
    return r;
}

int stream_tree_tick(struct stream_tree *tree, uint64_t now_ns)
{
    tree->tick++;
    tree->now_ns = now_ns;
    tree->settled = false;
    return tree_live_tick(tree->live, now_ns);
}

int stream_tree_put(struct stream_tree *tree, struct told_process *one,
                    const struct tacho_sample *sample)
{
    int r = !tree->settled || (one != NULL && !one->written) ? settle(tree, false) : 0;
    if (r < 0)
        return r;
    if (one == NULL)
        return tree_live_other(tree->live, sample);
    return tree_live_process(tree->live, one->place,
                             (one->process.flags & TACHO_PROCESS_FORKED) != 0, sample);
}

int stream_tree_end_tick(struct stream_tree *tree)
{
    int r = tree->settled ? 0 : settle(tree, false);
    return r == 0 ? tree_live_end_tick(tree->live) : r;
}

/* The living are over too: nothing follows. */
static int tell_all_over(struct stream_tree *tree)
{
    int r = 0;
    for (struct told_process *one = tree->told->first; one != NULL && r == 0; one = one->after)
        if (one->written && !one->over)
            r = tell_over(tree, one);
    return r;
}

int stream_tree_finish(struct stream_tree *tree)
{
    if (tree->tick == 0)
        return 0;
    int r = settle(tree, true);
    if (r == 0)
        r = tell_all_over(tree);
    return r == 0 ? tree_live_finish(tree->live) : r;
}
