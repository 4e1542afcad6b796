/* What the files of `lineage` share; lineage.h tells the method. Not for others. */
#ifndef TACHO_ANALYSE_LINEAGE_STATE_H
#define TACHO_ANALYSE_LINEAGE_STATE_H

#include <stddef.h>

#include "analyse/lineage.h"
#include "base/map.h"

enum group { GROUP_CPU, GROUP_IO, GROUPS };

#define CREDIT_TICKS 3    /* so long growth waits for an explanation: this tick and those before */
#define PAYABLE_SAMPLES 2 /* after so many samples of the payer a debt has lapsed */
#define SAMPLES_MAX 8     /* counted; the kinds of counters are sampled by turns at worst */
#define LAPSED_MAX 64     /* of one payer: nobody has more zombies that will yet be handed over */
#define NONE UINT32_MAX

/* What a process that ended had used: its parent's handed counters will hold it. */
struct debt {
    uint64_t amount[LINEAGE_COLUMNS];
    uint8_t samples[GROUPS]; /* of the payer, since */
    bool stray;              /* the recorder may pay instead; it is in `strays` */
    bool dropped;            /* no payer's list holds it any more */
    uint8_t stray_samples;   /* of the recorder, since */
    uint32_t next;           /* of the same payer */
};

/* Handed growth of one tick that nothing explains yet. */
struct credit {
    uint64_t amount[LINEAGE_COLUMNS];
    uint64_t from_ns[GROUPS], to_ns[GROUPS];
    bool any;
};

struct node {
    uint32_t entity, pid, parent_pid;
    bool forked, active;
    bool own_known, known[GROUPS]; /* a baseline is there */
    uint32_t io_known;             /* columns with a baseline */
    uint64_t own, own_ns;
    uint64_t handed[LINEAGE_COLUMNS], handed_ns[GROUPS];
    uint64_t sampled[GROUPS]; /* number of the tick */
    uint64_t rounding_ns;     /* of CPU debts: what was too little to show in kernel ticks */
    uint32_t debts;           /* a list, newest first */
    struct credit credit[CREDIT_TICKS]; /* [0] of this tick */
    /* After its end it stays for CREDIT_TICKS: a child's end may be noticed later than its own. */
    bool ghost;
    unsigned ghost_ticks;
    uint32_t heir; /* who was handed what it had */
};

struct lineage {
    lineage_sink sink;
    void *user;
    uint32_t recorder_pid, presumed_pid; /* 0: none */
    uint64_t tick, tick_ns;
    uint64_t absorbed_ns; /* unpaid, of debts that were let go */

    struct node recorder;
    struct map by_entity; /* struct node * of the living */
    struct map by_pid;    /* entity */

    struct debt *debts;
    size_t debt_count, debt_cap;
    uint32_t free_debts;
    bool no_memory;

    struct list {
        uint32_t *at;
        size_t count, cap;
    } active, ended, strays;
};

static inline uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b; /* only hostile values saturate */
}

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline enum group group_of(unsigned column)
{
    return column == LINEAGE_CPU ? GROUP_CPU : GROUP_IO;
}

static inline struct node *node_of(struct lineage *h, uint32_t entity)
{
    if (entity == LINEAGE_RECORDER)
        return &h->recorder;
    const uint64_t *at = map_get(&h->by_entity, entity);
    return at == NULL ? NULL : (struct node *)(uintptr_t)*at;
}

static inline void grow(const struct lineage *h, const struct node *node, unsigned column,
                        bool unseen, uint64_t from_ns, uint64_t to_ns, uint64_t amount)
{
    if (amount > 0)
        h->sink(h->user, &(struct lineage_growth){column, node->entity, unseen,
                                                  smaller(from_ns, to_ns), to_ns, amount});
}

static inline bool any_credit(const struct node *node)
{
    bool any = false;
    for (unsigned t = 0; t < CREDIT_TICKS; t++)
        any |= node->credit[t].any;
    return any;
}

static inline bool lapsed(const struct debt *d, enum group group)
{
    return d->samples[group] >= PAYABLE_SAMPLES;
}

void list_add(struct lineage *h, struct list *list, uint32_t value);

/* Something is to be done for this node when the tick ends. */
void activate(struct lineage *h, struct node *node);

/* An empty debt; NONE without memory. */
uint32_t debt_new(struct lineage *h);
void debt_free(struct lineage *h, uint32_t i);
bool debt_empty(const struct debt *d);

/* Pays one debt from a node's unexplained growth. */
void debt_pay(struct debt *d, struct node *node);

/* Pays a node's debts from its unexplained growth. */
void debts_pay(struct lineage *h, struct node *node);

/* Then, from a node's, those of another that it may have been handed in truth, while they are young. */
void debts_pay_for(struct lineage *h, struct node *node, const struct node *debtor);

/* Then, from the recorder's, those that it may have to pay. */
void strays_pay(struct lineage *h);

/*
 * After the payments of a tick: debts that are paid go, and the oldest where too many have lapsed.
 * Whether any can still be paid in part.
 */
bool debts_age(struct lineage *h, struct node *node);

#endif
