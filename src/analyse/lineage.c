#include "analyse/lineage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/lineage_state.h"

struct lineage *lineage_new(uint32_t recorder_pid, lineage_sink sink, void *user)
{
    struct lineage *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->sink = sink;
    h->user = user;
    h->recorder_pid = recorder_pid;
    h->free_debts = NONE;
    h->recorder = (struct node){.forked = true, .debts = NONE};
    return h;
}

void lineage_free(struct lineage *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->by_entity.cap; i++)
        if (h->by_entity.slots[i].key != 0)
            free((void *)(uintptr_t)h->by_entity.slots[i].value); /* NOLINT: maps hold numbers */
    map_done(&h->by_entity);
    map_done(&h->by_pid);
    free(h->debts);
    free(h->active.at);
    free(h->ended.at);
    free(h->strays.at);
    free(h);
}

int lineage_birth(struct lineage *h, uint32_t entity, uint32_t pid, uint32_t parent_pid,
                  bool forked, uint64_t start_ns)
{
    if (entity == LINEAGE_RECORDER || node_of(h, entity) != NULL)
        return 0;
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return -ENOMEM;
    node->entity = entity;
    node->pid = pid;
    node->parent_pid = parent_pid;
    node->forked = forked;
    node->debts = NONE;
    node->own_ns = node->handed_ns[GROUP_CPU] = node->handed_ns[GROUP_IO] = start_ns;
    if (map_put(&h->by_entity, entity, (uintptr_t)node) != 0) {
        free(node);
        return -ENOMEM;
    }
    return pid == 0 ? 0 : map_put(&h->by_pid, pid, entity);
}

/* ---- samples ---- */

static void put_own(const struct lineage *h, struct node *node, uint64_t cpu_ns)
{
    if (!node->own_known && !node->forked)
        node->own = cpu_ns;
    node->own_known = true;
    if (cpu_ns > node->own) {
        grow(h, node, LINEAGE_CPU, false, node->own_ns, h->tick_ns, cpu_ns - node->own);
        node->own = cpu_ns;
    }
    node->own_ns = h->tick_ns;
}

/* A handed counter grew: whether it counts is settled when the tick's ends are known. */
static void put_handed(struct lineage *h, struct node *node, unsigned column, bool known,
                       uint64_t value)
{
    if (!known && !node->forked)
        node->handed[column] = value;
    if (value <= node->handed[column])
        return;
    enum group group = group_of(column);
    struct credit *credit = &node->credit[0];
    credit->amount[column] = sum(credit->amount[column], value - node->handed[column]);
    credit->from_ns[group] = node->handed_ns[group];
    credit->to_ns[group] = h->tick_ns;
    credit->any = true;
    node->handed[column] = value;
    activate(h, node);
}

void lineage_put(struct lineage *h, uint32_t entity, const struct lineage_sample *sample)
{
    struct node *node = node_of(h, entity);
    if (node == NULL || node->ghost)
        return;
    if (sample->parent_pid != 0)
        node->parent_pid = sample->parent_pid;
    if (sample->idle)
        node->own_ns = node->handed_ns[GROUP_CPU] = node->handed_ns[GROUP_IO] = h->tick_ns;
    if (sample->cpu_known)
        put_own(h, node, sample->cpu_ns);
    if (sample->handed_known) {
        put_handed(h, node, LINEAGE_CPU, node->known[GROUP_CPU], sample->handed_ns);
        node->known[GROUP_CPU] = true;
        node->sampled[GROUP_CPU] = h->tick;
        node->handed_ns[GROUP_CPU] = h->tick_ns;
    }
    if (sample->io_known) {
        for (unsigned c = LINEAGE_CPU + 1; c < LINEAGE_COLUMNS; c++)
            if ((sample->io_mask >> c & 1) != 0)
                put_handed(h, node, c, (node->io_known >> c & 1) != 0, sample->io[c]);
        node->io_known |= sample->io_mask;
        node->known[GROUP_IO] = true;
        node->sampled[GROUP_IO] = h->tick;
        node->handed_ns[GROUP_IO] = h->tick_ns;
    }
}

void lineage_end(struct lineage *h, uint32_t entity)
{
    if (entity != LINEAGE_RECORDER && node_of(h, entity) != NULL)
        list_add(h, &h->ended, entity);
}

/* ---- ends ---- */

#define HEIRS_MAX 1000 /* one after another: only hostile recordings have rings of them */

static void count_credit(const struct lineage *h, const struct node *node,
                         const struct credit *credit)
{
    for (unsigned c = 0; credit->any && c < LINEAGE_COLUMNS; c++) {
        enum group g = group_of(c);
        grow(h, node, c, g == GROUP_CPU, credit->from_ns[g], credit->to_ns[g], credit->amount[c]);
    }
}

static struct node *parent_of(struct lineage *h, const struct node *node)
{
    if (h->recorder_pid != 0 && node->parent_pid == h->recorder_pid)
        return &h->recorder;
    const uint64_t *entity = map_get(&h->by_pid, node->parent_pid);
    struct node *parent = entity == NULL ? NULL : node_of(h, (uint32_t)*entity);
    if (parent != NULL && parent != node)
        return parent;
    /* Its parent has ended before: orphans go to the recorder, where that is a parent at all. */
    return h->recorder_pid != 0 ? &h->recorder : NULL;
}

/* I/O can only be paid by who shows it; the recorder does not. */
static void forgive_io(const struct node *payer, struct debt *d)
{
    if (!payer->known[GROUP_IO])
        memset(&d->amount[LINEAGE_CPU + 1], 0, sizeof d->amount - sizeof d->amount[0]);
}

/* Who is handed what a process had, as far as the recording knows. */
static struct node *heir_of(struct lineage *h, const struct node *ghost)
{
    struct node *heir = ghost->heir == LINEAGE_RECORDER ? NULL : node_of(h, ghost->heir);
    if (heir != NULL)
        return heir;
    return h->recorder_pid != 0 ? &h->recorder : NULL;
}

/*
 * A debt finds its payer. One that has ended too may have been handed it before, and then has
 * handed it on. `doubtful`: perhaps the recorder was handed it, not the payer.
 */
static void place_debt(struct lineage *h, uint32_t i, struct node *payer, bool doubtful)
{
    struct debt *d = &h->debts[i];
    for (unsigned hops = 0; payer != NULL && payer->ghost; hops++, doubtful = true) {
        debt_pay(d, payer);
        payer = hops < HEIRS_MAX ? heir_of(h, payer) : NULL;
    }
    if (payer != NULL)
        forgive_io(payer, d);
    if (payer == NULL || debt_empty(d)) {
        debt_free(h, i);
        return;
    }
    d->next = payer->debts;
    payer->debts = i;
    activate(h, payer);
    if (doubtful && !d->stray && h->recorder_pid != 0 && payer != &h->recorder) {
        d->stray = true;
        list_add(h, &h->strays, i);
    }
}

static void pass_on_debts(struct lineage *h, struct node *node, struct node *parent)
{
    for (uint32_t i = node->debts, next; i != NONE; i = next) {
        struct debt *d = &h->debts[i];
        next = d->next;
        if (lapsed(d, GROUP_CPU) && h->recorder_pid != 0) {
            /* A zombie until now, if anything: it becomes the recorder's. */
            place_debt(h, i, &h->recorder, false);
            continue;
        }
        memset(d->samples, 0, sizeof d->samples);
        d->stray_samples = 0;
        place_debt(h, i, parent, true);
    }
    node->debts = NONE;
}

static void owe(struct lineage *h, const struct node *node, struct node *parent)
{
    uint32_t i = debt_new(h);
    if (i == NONE)
        return;
    struct debt *d = &h->debts[i];
    memcpy(d->amount, node->handed, sizeof d->amount);
    d->amount[LINEAGE_CPU] = sum(sum(node->own, node->handed[LINEAGE_CPU]), node->rounding_ns);
    place_debt(h, i, parent, false);
}

static void bury(struct lineage *h, struct node *node)
{
    struct node *parent = parent_of(h, node);
    debts_pay(h, node);
    pass_on_debts(h, node, parent);
    owe(h, node, parent);
    node->ghost = true;
    node->heir = parent == NULL ? LINEAGE_RECORDER : parent->entity;
    activate(h, node);
}

static void remove_ghost(struct lineage *h, struct node *node)
{
    for (unsigned t = CREDIT_TICKS; t-- > 0;)
        count_credit(h, node, &node->credit[t]);
    const uint64_t *named = map_get(&h->by_pid, node->pid);
    if (named != NULL && *named == node->entity)
        map_remove(&h->by_pid, node->pid);
    map_remove(&h->by_entity, node->entity);
    free(node);
}

static int descending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left < right) - (left > right);
}

/* Children are seen after their parents, so that the higher ids are buried first. */
static void bury_ended(struct lineage *h)
{
    if (h->ended.count > 1)
        qsort(h->ended.at, h->ended.count, sizeof *h->ended.at, descending);
    for (size_t i = 0; i < h->ended.count; i++) {
        struct node *node = node_of(h, h->ended.at[i]);
        if (node != NULL && !node->ghost)
            bury(h, node);
    }
    h->ended.count = 0;
}

/* ---- the end of a tick ---- */

void lineage_presume_parent(struct lineage *h, uint32_t pid)
{
    h->presumed_pid = pid;
}

static void pay_for_presumed(struct lineage *h)
{
    const uint64_t *entity = h->presumed_pid != 0 ? map_get(&h->by_pid, h->presumed_pid) : NULL;
    const struct node *presumed = entity != NULL ? node_of(h, (uint32_t)*entity) : NULL;
    for (size_t i = 0; presumed != NULL && i < h->active.count; i++) {
        struct node *node = node_of(h, h->active.at[i]);
        if (node != NULL && node != presumed)
            debts_pay_for(h, node, presumed);
    }
}

/* Whether there is more to do for the node at the next tick. */
static bool settle_node(struct lineage *h, struct node *node)
{
    bool payable = debts_age(h, node);
    if (any_credit(node)) {
        count_credit(h, node, &node->credit[CREDIT_TICKS - 1]);
        memmove(&node->credit[1], &node->credit[0], (CREDIT_TICKS - 1) * sizeof node->credit[0]);
        node->credit[0] = (struct credit){0};
    }
    if (node->ghost && ++node->ghost_ticks >= CREDIT_TICKS) {
        remove_ghost(h, node);
        return false;
    }
    node->active = node->ghost || payable || any_credit(node);
    return node->active;
}

static void settle(struct lineage *h)
{
    bury_ended(h);
    pay_for_presumed(h);
    for (size_t i = 0; i < h->active.count; i++) {
        struct node *node = node_of(h, h->active.at[i]);
        if (node != NULL)
            debts_pay(h, node);
    }
    strays_pay(h);
    size_t kept = 0;
    for (size_t i = 0; i < h->active.count; i++) {
        struct node *node = node_of(h, h->active.at[i]);
        uint32_t entity = h->active.at[i];
        if (node != NULL && settle_node(h, node))
            h->active.at[kept++] = entity;
    }
    h->active.count = kept;
}

int lineage_tick(struct lineage *h, uint64_t time_ns)
{
    settle(h);
    h->tick++;
    h->tick_ns = time_ns;
    return h->no_memory ? -ENOMEM : 0;
}

int lineage_finish(struct lineage *h)
{
    for (unsigned t = 0; t < CREDIT_TICKS; t++, h->tick++)
        settle(h);
    return h->no_memory ? -ENOMEM : 0;
}

static uint64_t unpaid_of(const struct lineage *h, const struct node *node)
{
    uint64_t unpaid = 0;
    for (uint32_t i = node->debts; i != NONE; i = h->debts[i].next)
        if (h->debts[i].amount[LINEAGE_CPU] > LINEAGE_ROUNDING_NS)
            unpaid = sum(unpaid, h->debts[i].amount[LINEAGE_CPU]);
    return unpaid;
}

uint64_t lineage_unpaid_ns(const struct lineage *h)
{
    uint64_t unpaid = sum(h->absorbed_ns, unpaid_of(h, &h->recorder));
    for (size_t i = 0; i < h->by_entity.cap; i++)
        if (h->by_entity.slots[i].key != 0)
            unpaid = sum(unpaid,
                         unpaid_of(h, (const struct node *)(uintptr_t)h->by_entity.slots[i].value));
    return unpaid;
}
