#include "analyse/scope_bills.h"

#include <errno.h>
#include <stdlib.h>

#define ANCESTORS_MAX 1000 /* that are asked: only hostile recordings have deeper trees */

void scope_use_forget(struct scope_use *use)
{
    *use = (struct scope_use){0};
    use->cpu_ns = use->children_cpu_ns = use->read_bytes = use->write_bytes = SCOPES_UNKNOWN;
    use->rss_peak_bytes = use->children_rss_peak_bytes = SCOPES_UNKNOWN;
    use->rss_begin_ns = use->rss_end_ns = SCOPES_UNKNOWN;
    use->rss_begin_bytes = use->rss_end_bytes = SCOPES_UNKNOWN;
}

static int open_kin(struct bills *b, const struct scopes *s)
{
    uint32_t *entity = calloc(s->processes + 1, sizeof *entity);
    if (entity == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->processes; i++)
        entity[i] = s->process[i].entity;
    int r = kin_open(&b->kin, b->summary, entity, s->processes);
    free(entity);
    return r;
}

int bills_open(struct bills *b, const struct summary *summary, const struct scopes *s)
{
    *b = (struct bills){.summary = summary};
    b->of_process = calloc(s->processes + 1, sizeof *b->of_process);
    b->of_site = calloc(s->processes + 1, sizeof *b->of_site);
    b->processes = b->of_site != NULL ? s->processes : 0;
    if (b->of_process == NULL || b->of_site == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->processes; i++) {
        struct usage_process *u = usage_of(&summary->usage, s->process[i].entity);
        size_t points = 0;
        for (unsigned c = 0; u != NULL && c < USAGE_COLUMNS; c++)
            points += u->line[c].points;
        b->of_process[i] = points > 0 ? u : NULL;
    }
    return open_kin(b, s);
}

void bills_done(struct bills *b)
{
    for (size_t i = 0; i < b->processes; i++)
        map_done(&b->of_site[i]);
    for (size_t i = 0; i < b->count; i++)
        free(b->bill[i].born);
    free(b->of_site);
    free(b->of_process);
    free(b->bill);
    kin_done(&b->kin);
    *b = (struct bills){0};
}

/* ---- begins ---- */

/* The bill of a site in a process, by its place, made when there is none. 0 or -ENOMEM. */
static int bill_of(struct bills *b, uint32_t process, uint32_t site, uint32_t *ret)
{
    const uint64_t *place = map_get(&b->of_site[process], site + 1);
    if (place != NULL) {
        *ret = (uint32_t)*place;
        return 0;
    }
    if (b->count == b->cap) {
        size_t cap = b->cap == 0 ? 64 : 2 * b->cap;
        struct bill *grown = realloc(b->bill, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        b->bill = grown;
        b->cap = cap;
    }
    b->bill[b->count] = (struct bill){.process = process, .site = site};
    scope_use_forget(&b->bill[b->count].use);
    *ret = (uint32_t)b->count;
    return map_put(&b->of_site[process], site + 1, b->count++);
}

/* No figure is as large as to need more than a double has. */
static uint64_t rounded(double v)
{
    return v > 0 ? (v < 1e19 ? (uint64_t)(v + 0.5) : SCOPES_UNKNOWN - 1) : 0;
}

/* Before the first sample and after the last RSS is taken to be as it was there. */
static void note_begin(struct scope_use *use, const struct usage_look *rss, uint64_t time_ns)
{
    if (rss->known && use->rss_begin_ns > time_ns) {
        use->rss_begin_ns = time_ns;
        use->rss_begin_bytes = rounded(rss->value);
    }
}

static void note_end(struct scope_use *use, const struct usage_look *rss, uint64_t time_ns)
{
    if (rss->known && (use->rss_end_ns == SCOPES_UNKNOWN || use->rss_end_ns < time_ns)) {
        use->rss_end_ns = time_ns;
        use->rss_end_bytes = rounded(rss->value);
    }
}

int bill_begin(struct bills *b, const struct scope_thread *t, struct scope_frame *frame)
{
    if (t->process >= b->processes)
        return 0;
    int r = bill_of(b, t->process, frame->site, &frame->use);
    if (r != 0)
        return r;
    struct usage_process *u = b->of_process[t->process];
    struct bill *bill = &b->bill[frame->use];
    bool clock = frame->cpu_ns != TACHO_TIME_UNKNOWN;
    if (bill->open++ == 0) {
        uint32_t child = kin_from(&b->kin, t->process, frame->begin_ns);
        bill->next_child = child > bill->next_child ? child : bill->next_child;
        for (unsigned c = USAGE_CPU + 1; u != NULL && c < USAGE_COLUMNS; c++)
            bill->at[c] = usage_look(&u->line[c], frame->begin_ns);
        note_begin(&bill->use, &bill->at[USAGE_RSS], frame->begin_ns);
    }
    if (!clock && bill->without_clock++ == 0 && u != NULL)
        bill->at[USAGE_CPU] = usage_look(&u->line[USAGE_CPU], frame->begin_ns);
    return 0;
}

/* ---- ends ---- */

static void add(uint64_t *figure, uint64_t amount)
{
    uint64_t known = *figure == SCOPES_UNKNOWN ? 0 : *figure;
    *figure = amount >= SCOPES_UNKNOWN - known ? SCOPES_UNKNOWN - 1 : known + amount;
}

static void keep_larger(uint64_t *figure, uint64_t value)
{
    if (*figure == SCOPES_UNKNOWN || (value != SCOPES_UNKNOWN && value > *figure))
        *figure = value;
}

/* Adds what a counter grew by. A stretch with no tick inside is a part of an average. */
static void add_growth(uint64_t *figure, bool *estimated, const struct usage_look *from,
                       const struct usage_look *to)
{
    if (!from->known || !to->known)
        return;
    add(figure, rounded(to->value - from->value));
    *estimated |= !from->inside || !to->inside || from->point == to->point;
}

static void add_memory(struct scope_use *use, const struct usage_line *line,
                       const struct usage_look *from, const struct usage_look *to)
{
    keep_larger(&use->rss_peak_bytes, usage_most(line, from, to));
    if (!from->known || !to->known)
        return;
    double grown = to->value - from->value;
    if (grown < -9e18 || grown > 9e18)
        return; /* no memory is as large */
    if (__builtin_add_overflow(use->rss_delta_bytes, (int64_t)grown, &use->rss_delta_bytes))
        use->rss_delta_bytes = grown > 0 ? INT64_MAX : INT64_MIN;
    use->rss_delta_known = true;
}

/* CPU of children that were never sampled shows when they are waited for, as a part of no one's. */
static void add_unseen(struct scope_use *use, const struct usage_look *from,
                       const struct usage_look *to)
{
    if (!from->known || !(to->value > from->value))
        return;
    add_growth(&use->cpu_ns, &use->cpu_estimated, from, to);
    add_growth(&use->children_cpu_ns, &use->cpu_estimated, from, to);
}

static int remember_born(struct bill *bill, uint32_t from, uint32_t to)
{
    if (bill->borns > 0 && bill->born[bill->borns - 1].to == from) {
        bill->born[bill->borns - 1].to = to;
        return 0;
    }
    if (bill->borns == bill->born_cap) {
        uint32_t cap = bill->born_cap == 0 ? 4 : 2 * bill->born_cap;
        struct born *grown = realloc(bill->born, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        bill->born = grown;
        bill->born_cap = cap;
    }
    bill->born[bill->borns++] = (struct born){from, to};
    return 0;
}

/* Whole, from birth to end, also what they did after the scope: it started them. */
static int add_children(const struct kin *kin, struct bill *bill, uint32_t to)
{
    struct scope_use *use = &bill->use;
    uint32_t from = bill->next_child;
    if (to <= from)
        return 0;
    bill->next_child = to;
    struct kin_use used = kin_used(kin, from, to);
    add(&use->processes, used.processes);
    use->cpu_estimated |= used.unknown > 0;
    if (used.unknown < used.processes || used.cpu_ns > 0) {
        add(&use->cpu_ns, used.cpu_ns);
        add(&use->children_cpu_ns, used.cpu_ns);
    }
    if (used.read_bytes > 0)
        add(&use->read_bytes, used.read_bytes);
    if (used.write_bytes > 0)
        add(&use->write_bytes, used.write_bytes);
    uint64_t largest = kin_largest_rss(kin, from, to);
    if (largest > 0)
        keep_larger(&use->children_rss_peak_bytes, largest);
    return remember_born(bill, from, to);
}

/* The thread's own clock: exact, where it was read at both ends. */
static void bill_clock(const struct scope_frame *frame, const struct scope_end *end,
                       struct scope_use *use)
{
    if (end->cpu_ns == TACHO_TIME_UNKNOWN)
        use->cpu_estimated = true;
    else
        add(&use->cpu_ns, end->cpu_ns > frame->cpu_ns ? end->cpu_ns - frame->cpu_ns : 0);
}

/* The last thread that had it open leaves. */
static void close_bill(struct bill *bill, struct usage_process *u, uint64_t time_ns)
{
    struct scope_use *use = &bill->use;
    struct usage_look now = usage_look(&u->line[USAGE_READ], time_ns);
    add_growth(&use->read_bytes, &use->io_estimated, &bill->at[USAGE_READ], &now);
    now = usage_look(&u->line[USAGE_WRITE], time_ns);
    add_growth(&use->write_bytes, &use->io_estimated, &bill->at[USAGE_WRITE], &now);
    now = usage_look(&u->line[USAGE_RSS], time_ns);
    add_memory(use, &u->line[USAGE_RSS], &bill->at[USAGE_RSS], &now);
    note_end(use, &now, time_ns);
    if (bill->at[USAGE_UNSEEN].known) {
        now = usage_look(&u->line[USAGE_UNSEEN], time_ns);
        add_unseen(use, &bill->at[USAGE_UNSEEN], &now);
    }
}

int bill_end(struct bills *b, const struct scope_thread *t, const struct scope_frame *frame,
             const struct scope_end *end, struct scope_row *row)
{
    bool clock = frame->cpu_ns != TACHO_TIME_UNKNOWN;
    if (t->process >= b->processes) {
        if (clock)
            bill_clock(frame, end, &row->use);
        row->use.cpu_estimated |= !clock;
        row->use.io_estimated = true;
        return 0;
    }
    struct usage_process *u = b->of_process[t->process];
    struct bill *bill = &b->bill[frame->use];
    if (clock) {
        bill_clock(frame, end, &bill->use);
    } else if (--bill->without_clock == 0 && u != NULL) {
        struct usage_look now = usage_look(&u->line[USAGE_CPU], end->time_ns);
        add_growth(&bill->use.cpu_ns, &bill->use.cpu_estimated, &bill->at[USAGE_CPU], &now);
    }
    bill->use.cpu_estimated |= u == NULL && !clock;
    bill->use.io_estimated |= u == NULL;
    if (--bill->open > 0)
        return 0;
    if (u != NULL)
        close_bill(bill, u, end->time_ns);
    return add_children(&b->kin, bill, kin_from(&b->kin, t->process, end->time_ns));
}

/* ---- after all ---- */

static bool was_born_in(const struct bill *bill, uint32_t child)
{
    uint32_t low = 0, high = bill->borns;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bill->born[middle].to <= child)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bill->borns && bill->born[low].from <= child;
}

/*
 * Whether the process, or one that it descends from, was started inside the same site: then all of
 * it is billed there already.
 */
static bool billed_above(const struct bills *b, const struct bill *bill)
{
    const struct kin *kin = &b->kin;
    uint32_t at = kin->children[bill->process].row;
    for (unsigned hops = 0; at != KIN_NONE && hops < ANCESTORS_MAX; hops++) {
        uint32_t child = kin->place[at];
        at = kin->parent[at];
        uint32_t marker = at != KIN_NONE ? kin->marker[at] : KIN_NONE;
        if (marker == KIN_NONE)
            continue;
        const uint64_t *place = map_get(&b->of_site[marker], bill->site + 1);
        if (place != NULL && was_born_in(&b->bill[*place], child))
            return true;
    }
    return false;
}

static void merge(struct scope_use *to, const struct scope_use *use, bool above)
{
    keep_larger(&to->rss_peak_bytes, use->rss_peak_bytes);
    keep_larger(&to->children_rss_peak_bytes, use->children_rss_peak_bytes);
    if (use->rss_begin_ns < to->rss_begin_ns) {
        to->rss_begin_ns = use->rss_begin_ns;
        to->rss_begin_bytes = use->rss_begin_bytes;
    }
    if (use->rss_end_ns != SCOPES_UNKNOWN &&
        (to->rss_end_ns == SCOPES_UNKNOWN || use->rss_end_ns > to->rss_end_ns)) {
        to->rss_end_ns = use->rss_end_ns;
        to->rss_end_bytes = use->rss_end_bytes;
    }
    if (__builtin_add_overflow(to->rss_delta_bytes, use->rss_delta_bytes, &to->rss_delta_bytes))
        to->rss_delta_bytes = use->rss_delta_bytes > 0 ? INT64_MAX : INT64_MIN;
    to->rss_delta_known |= use->rss_delta_known;
    if (above)
        return;
    const uint64_t figures[] = {use->cpu_ns, use->children_cpu_ns, use->read_bytes,
                                use->write_bytes, use->processes};
    uint64_t *const sums[] = {&to->cpu_ns, &to->children_cpu_ns, &to->read_bytes, &to->write_bytes,
                              &to->processes};
    for (unsigned i = 0; i < sizeof sums / sizeof sums[0]; i++)
        if (figures[i] != SCOPES_UNKNOWN)
            add(sums[i], figures[i]);
    to->cpu_estimated |= use->cpu_estimated;
    to->io_estimated |= use->io_estimated;
}

void bills_finish(struct bills *b, struct scope_row *rows)
{
    for (size_t i = 0; i < b->count; i++)
        merge(&rows[b->bill[i].site].use, &b->bill[i].use, billed_above(b, &b->bill[i]));
}
