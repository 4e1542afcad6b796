#include "analyse/scope_parts.h"

#include <errno.h>
#include <stdlib.h>

#define RATES 4
#define NOBODY UINT32_MAX

static const unsigned rated[RATES] = {USAGE_CPU, USAGE_READ, USAGE_WRITE, USAGE_UNSEEN};
enum { RATE_CPU, RATE_READ, RATE_WRITE, RATE_UNSEEN };

struct piece {
    uint32_t category;
    uint32_t next;       /* of those that had time since the last tick */
    uint64_t ns;         /* all */
    uint64_t pending_ns; /* since the last tick */
    double used[RATES];
    uint64_t rss_peak_bytes; /* 0: none */
    struct kin_use started;
};

struct division {
    const struct kin *kin;
    struct usage_process *usage; /* NULL */
    uint64_t at_ns;
    uint64_t tick_ns; /* the next of any line; until then the rates hold */
    double rate[RATES];
    size_t point[RATES], rss_point; /* the first that is not before at_ns */
    uint32_t child, children_end;
    struct piece *piece;
    uint32_t pieces, cap, pending; /* pending: the first of the list */
    uint32_t last;                 /* the one that was given to last */
    struct map of_category;        /* + 1 -> place of its piece */
};

void category_use_forget(struct category_use *use)
{
    *use = (struct category_use){SCOPES_UNKNOWN, SCOPES_UNKNOWN, SCOPES_UNKNOWN,
                                 SCOPES_UNKNOWN, SCOPES_UNKNOWN, 0};
}

static void add(uint64_t *figure, uint64_t amount)
{
    uint64_t known = *figure == SCOPES_UNKNOWN ? 0 : *figure;
    if (amount != SCOPES_UNKNOWN)
        *figure = amount >= SCOPES_UNKNOWN - known ? SCOPES_UNKNOWN - 1 : known + amount;
}

void category_use_add(struct category_use *to, const struct category_use *use)
{
    add(&to->cpu_ns, use->cpu_ns);
    add(&to->children_cpu_ns, use->children_cpu_ns);
    add(&to->read_bytes, use->read_bytes);
    add(&to->write_bytes, use->write_bytes);
    to->processes += use->processes;
    if (use->rss_peak_bytes != SCOPES_UNKNOWN &&
        (to->rss_peak_bytes == SCOPES_UNKNOWN || to->rss_peak_bytes < use->rss_peak_bytes))
        to->rss_peak_bytes = use->rss_peak_bytes;
}

/* ---- between two ticks ---- */

static void set_rates(struct division *d)
{
    d->tick_ns = UINT64_MAX;
    for (unsigned i = 0; d->usage != NULL && i < RATES; i++) {
        const struct usage_line *line = &d->usage->line[rated[i]];
        size_t *next = &d->point[i];
        while (*next < line->points && line->point[*next].time_ns <= d->at_ns)
            ++*next;
        d->rate[i] = 0;
        if (*next == line->points)
            continue;
        const struct usage_point *to = &line->point[*next], *from = to - 1;
        if (*next > 0 && to->value > from->value)
            d->rate[i] = (double)(to->value - from->value) / (double)(to->time_ns - from->time_ns);
        d->tick_ns = to->time_ns < d->tick_ns ? to->time_ns : d->tick_ns;
    }
}

static void settle(struct division *d)
{
    for (uint32_t i = d->pending; i != NOBODY; i = d->piece[i].next) {
        struct piece *piece = &d->piece[i];
        for (unsigned r = 0; r < RATES; r++)
            piece->used[r] += d->rate[r] * (double)piece->pending_ns;
        piece->pending_ns = 0;
    }
    d->pending = NOBODY;
}

struct division *division_new(const struct kin *kin, uint32_t marker, struct usage_process *usage,
                              uint64_t from_ns)
{
    struct division *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    *d = (struct division){.kin = kin, .usage = usage, .at_ns = from_ns, .pending = NOBODY};
    d->child = kin->children[marker].first;
    d->children_end = kin->children[marker].end;
    set_rates(d);
    return d;
}

void division_free(struct division *d)
{
    if (d == NULL)
        return;
    map_done(&d->of_category);
    free(d->piece);
    free(d);
}

/* ---- giving ---- */

/* NULL without memory. */
static struct piece *piece_of(struct division *d, uint32_t category)
{
    if (d->pieces > 0 && d->piece[d->last].category == category)
        return &d->piece[d->last];
    const uint64_t *place = map_get(&d->of_category, category + 1);
    if (place != NULL) {
        d->last = (uint32_t)*place;
        return &d->piece[d->last];
    }
    if (d->pieces == d->cap) {
        uint32_t cap = d->cap == 0 ? 4 : 2 * d->cap;
        struct piece *grown = realloc(d->piece, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        d->piece = grown;
        d->cap = cap;
    }
    if (map_put(&d->of_category, category + 1, d->pieces) != 0)
        return NULL;
    d->last = d->pieces++;
    d->piece[d->last] = (struct piece){.category = category};
    return &d->piece[d->last];
}

/* The largest sample of memory, and who was started, up to a moment. */
static void take_moments(struct division *d, struct piece *piece, uint64_t to_ns)
{
    const struct usage_line *rss = d->usage != NULL ? &d->usage->line[USAGE_RSS] : NULL;
    for (; rss != NULL && d->rss_point < rss->points; d->rss_point++) {
        const struct usage_point *point = &rss->point[d->rss_point];
        if (point->time_ns > to_ns)
            break;
        if (point->time_ns >= d->at_ns && point->value > piece->rss_peak_bytes)
            piece->rss_peak_bytes = point->value;
    }
    uint32_t first = d->child;
    while (d->child < d->children_end && d->kin->birth_ns[d->child] < to_ns)
        d->child++;
    if (d->child > first)
        kin_add(&piece->started, d->kin, first, d->child);
}

int division_give(struct division *d, uint32_t category, uint64_t to_ns)
{
    if (to_ns <= d->at_ns)
        return 0;
    struct piece *piece = piece_of(d, category);
    if (piece == NULL)
        return -ENOMEM;
    take_moments(d, piece, to_ns);
    piece->ns += to_ns - d->at_ns;
    while (d->at_ns < to_ns) {
        uint64_t until = to_ns < d->tick_ns ? to_ns : d->tick_ns;
        if (piece->pending_ns == 0) {
            piece->next = d->pending;
            d->pending = d->last;
        }
        piece->pending_ns += until - d->at_ns;
        d->at_ns = until;
        if (until == d->tick_ns) {
            settle(d);
            set_rates(d);
        }
    }
    return 0;
}

/* ---- the end ---- */

/* "Others" is last. */
static int compare_parts(const void *a, const void *b)
{
    const struct scope_part *left = a, *right = b;
    if ((left->category == OTHERS) != (right->category == OTHERS))
        return left->category == OTHERS ? 1 : -1;
    if (left->ns != right->ns)
        return left->ns > right->ns ? -1 : 1;
    return (left->category > right->category) - (left->category < right->category);
}

static bool known(const struct division *d, unsigned column)
{
    return d->usage != NULL && d->usage->line[column].points > 0;
}

static uint64_t rounded(double v)
{
    return v < 1e19 ? (uint64_t)(v + 0.5) : SCOPES_UNKNOWN - 1;
}

static struct category_use use_of(const struct division *d, const struct piece *piece)
{
    const struct kin_use *started = &piece->started;
    struct category_use use;
    category_use_forget(&use);
    use.processes = started->processes;
    if (known(d, USAGE_CPU))
        use.cpu_ns = rounded(piece->used[RATE_CPU]);
    if (known(d, USAGE_READ))
        use.read_bytes = rounded(piece->used[RATE_READ]);
    if (known(d, USAGE_WRITE))
        use.write_bytes = rounded(piece->used[RATE_WRITE]);
    if (started->unknown == 0 || started->cpu_ns > 0) {
        use.children_cpu_ns = started->cpu_ns;
        add(&use.children_cpu_ns, rounded(piece->used[RATE_UNSEEN]));
        if (use.cpu_ns != SCOPES_UNKNOWN || started->processes > 0)
            add(&use.cpu_ns, use.children_cpu_ns);
    }
    if (started->read_bytes > 0)
        add(&use.read_bytes, started->read_bytes);
    if (started->write_bytes > 0)
        add(&use.write_bytes, started->write_bytes);
    if (piece->rss_peak_bytes > 0)
        use.rss_peak_bytes = piece->rss_peak_bytes;
    return use;
}

int division_finish(struct division *d, struct scope_part **ret, size_t *ret_count)
{
    struct scope_part *part = calloc((size_t)d->pieces + 1, sizeof *part);
    size_t n = 1;
    if (part == NULL)
        return -ENOMEM;
    settle(d);
    part[0].use = use_of(d, &(struct piece){.category = OTHERS});
    for (uint32_t i = 0; i < d->pieces; i++) {
        const struct piece *piece = &d->piece[i];
        part[piece->category == OTHERS ? 0 : n++] =
            (struct scope_part){piece->category, piece->ns, use_of(d, piece)};
    }
    qsort(part, n, sizeof *part, compare_parts);
    *ret = part;
    *ret_count = n;
    return 0;
}
