/* Debts of processes to those who reaped them: kept, paid, and let go. */
#include <stdlib.h>
#include <string.h>

#include "analyse/lineage_state.h"

void list_add(struct lineage *h, struct list *list, uint32_t value)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 64 : 2 * list->cap;
        uint32_t *grown = realloc(list->at, cap * sizeof *grown);
        if (grown == NULL) {
            h->no_memory = true;
            return;
        }
        list->at = grown;
        list->cap = cap;
    }
    list->at[list->count++] = value;
}

void activate(struct lineage *h, struct node *node)
{
    if (!node->active) {
        node->active = true;
        list_add(h, &h->active, node->entity);
    }
}

uint32_t debt_new(struct lineage *h)
{
    uint32_t i = h->free_debts;
    if (i != NONE) {
        h->free_debts = h->debts[i].next;
    } else {
        if (h->debt_count == h->debt_cap) {
            size_t cap = h->debt_cap == 0 ? 64 : 2 * h->debt_cap;
            struct debt *grown = realloc(h->debts, cap * sizeof *grown);
            if (grown == NULL) {
                h->no_memory = true;
                return NONE;
            }
            h->debts = grown;
            h->debt_cap = cap;
        }
        i = (uint32_t)h->debt_count++;
    }
    h->debts[i] = (struct debt){.next = NONE};
    return i;
}

void debt_free(struct lineage *h, uint32_t i)
{
    memset(h->debts[i].amount, 0, sizeof h->debts[i].amount);
    h->debts[i].dropped = true;
    if (h->debts[i].stray)
        return; /* the list of strays still holds it */
    h->debts[i].next = h->free_debts;
    h->free_debts = i;
}

bool debt_empty(const struct debt *d)
{
    for (unsigned c = 0; c < LINEAGE_COLUMNS; c++)
        if (d->amount[c] > 0)
            return false;
    return true;
}

static uint64_t unexplained(const struct node *node, unsigned column)
{
    uint64_t all = 0;
    for (unsigned t = 0; t < CREDIT_TICKS; t++)
        all = sum(all, node->credit[t].amount[column]);
    return all;
}

/* Pays up to `amount` from what is unexplained, the older first. Returns how much. */
static uint64_t take(struct node *node, unsigned column, uint64_t amount)
{
    uint64_t left = amount;
    for (unsigned t = CREDIT_TICKS; t-- > 0 && left > 0;) {
        uint64_t part = smaller(node->credit[t].amount[column], left);
        node->credit[t].amount[column] -= part;
        left -= part;
    }
    return amount - left;
}

static void pay_column(struct lineage *h, struct node *node, unsigned column)
{
    enum group group = group_of(column);
    uint64_t left = unexplained(node, column);
    if (left == 0)
        return;
    uint64_t slack = 0;
    if (group == GROUP_CPU) {
        node->rounding_ns -= take(node, column, node->rounding_ns);
        left = unexplained(node, column);
        slack = LINEAGE_ROUNDING_NS;
    }
    for (uint32_t i = node->debts; i != NONE && left > 0; i = h->debts[i].next) {
        struct debt *d = &h->debts[i];
        if (lapsed(d, group) && sum(left, slack) >= d->amount[column]) {
            d->amount[column] -= take(node, column, d->amount[column]);
            left = unexplained(node, column);
        }
    }
    /* Those that another may pay come last. */
    for (int stray = 0; stray < 2; stray++) {
        for (uint32_t i = node->debts; i != NONE && left > 0; i = h->debts[i].next) {
            struct debt *d = &h->debts[i];
            if (lapsed(d, group) || d->stray != (stray == 1))
                continue;
            d->amount[column] -= take(node, column, d->amount[column]);
            left = unexplained(node, column);
        }
    }
}

void debt_pay(struct debt *d, struct node *node)
{
    for (unsigned c = 0; c < LINEAGE_COLUMNS; c++)
        d->amount[c] -= take(node, c, d->amount[c]);
}

void debts_pay(struct lineage *h, struct node *node)
{
    if (!any_credit(node))
        return;
    for (unsigned c = 0; c < LINEAGE_COLUMNS; c++)
        if (node->debts != NONE || c == LINEAGE_CPU)
            pay_column(h, node, c);
}

void debts_pay_for(struct lineage *h, struct node *node, const struct node *debtor)
{
    if (!any_credit(node))
        return;
    for (uint32_t i = debtor->debts; i != NONE; i = h->debts[i].next)
        if (!lapsed(&h->debts[i], GROUP_CPU) && !lapsed(&h->debts[i], GROUP_IO))
            debt_pay(&h->debts[i], node);
}

void strays_pay(struct lineage *h)
{
    size_t kept = 0;
    for (size_t k = 0; k < h->strays.count; k++) {
        uint32_t i = h->strays.at[k];
        struct debt *d = &h->debts[i];
        if (!d->dropped)
            d->amount[LINEAGE_CPU] -= take(&h->recorder, LINEAGE_CPU, d->amount[LINEAGE_CPU]);
        if (h->recorder.sampled[GROUP_CPU] == h->tick)
            d->stray_samples++;
        if (!d->dropped && d->stray_samples < PAYABLE_SAMPLES) {
            h->strays.at[kept++] = i;
        } else {
            d->stray = false;
            if (d->dropped)
                debt_free(h, i);
        }
    }
    h->strays.count = kept;
}

/* What is too little to show in kernel ticks remains payable apart from the debt. */
static void set_rounding_aside(struct lineage *h, struct node *node, struct debt *d)
{
    uint64_t rest = d->amount[LINEAGE_CPU];
    if (rest == 0 || rest > LINEAGE_ROUNDING_NS)
        return;
    d->amount[LINEAGE_CPU] = 0;
    node->rounding_ns += rest;
    if (node->rounding_ns > LINEAGE_ROUNDING_NS) {
        h->absorbed_ns += node->rounding_ns - LINEAGE_ROUNDING_NS;
        node->rounding_ns = LINEAGE_ROUNDING_NS;
    }
}

/* One more sample of the payer. Whether the debt can still be paid in part. */
static bool age_debt(struct lineage *h, struct node *node, struct debt *d)
{
    for (enum group g = 0; g < GROUPS; g++)
        if (node->sampled[g] == h->tick && d->samples[g] < SAMPLES_MAX)
            d->samples[g]++;
    /* I/O that is not read any more must not keep debts for ever. */
    if (!node->known[GROUP_IO] || d->samples[GROUP_CPU] == SAMPLES_MAX)
        d->samples[GROUP_IO] = SAMPLES_MAX;
    if (lapsed(d, GROUP_CPU))
        set_rounding_aside(h, node, d);
    return !lapsed(d, GROUP_CPU) || !lapsed(d, GROUP_IO);
}

bool debts_age(struct lineage *h, struct node *node)
{
    bool any_payable = false;
    unsigned waiting = 0;
    for (uint32_t *link = &node->debts; *link != NONE;) {
        uint32_t i = *link;
        struct debt *d = &h->debts[i];
        bool payable = age_debt(h, node, d);
        if (!payable && ++waiting > LAPSED_MAX)
            h->absorbed_ns = sum(h->absorbed_ns, d->amount[LINEAGE_CPU]);
        if (debt_empty(d) || waiting > LAPSED_MAX) {
            *link = d->next;
            debt_free(h, i);
        } else {
            any_payable |= payable;
            link = &d->next;
        }
    }
    return any_payable;
}
