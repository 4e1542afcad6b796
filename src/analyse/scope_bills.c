#include "analyse/scope_bills.h"

#include <errno.h>
#include <stdlib.h>

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
    return 0;
}

void bills_done(struct bills *b)
{
    for (size_t i = 0; i < b->processes; i++)
        map_done(&b->of_site[i]);
    free(b->of_site);
    free(b->of_process);
    free(b->bill);
    *b = (struct bills){0};
}

static struct usage_process *usage_of_thread(const struct bills *b, const struct scope_thread *t)
{
    return t->process < b->processes ? b->of_process[t->process] : NULL;
}

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
    b->bill[b->count] = (struct bill){0};
    *ret = (uint32_t)b->count;
    return map_put(&b->of_site[process], site + 1, b->count++);
}

int bill_begin(struct bills *b, const struct scope_thread *t, struct scope_frame *frame)
{
    struct usage_process *u = usage_of_thread(b, t);
    if (u == NULL)
        return 0;
    int r = bill_of(b, t->process, frame->site, &frame->use);
    if (r != 0)
        return r;
    struct bill *bill = &b->bill[frame->use];
    if (bill->open++ == 0) {
        bill->from_ns = frame->begin_ns;
        for (unsigned c = USAGE_CPU + 1; c < USAGE_COLUMNS; c++)
            bill->at[c] = usage_look(&u->line[c], frame->begin_ns);
    }
    if (frame->cpu_ns == TACHO_TIME_UNKNOWN && bill->without_clock++ == 0)
        bill->at[USAGE_CPU] = usage_look(&u->line[USAGE_CPU], frame->begin_ns);
    return 0;
}

static void add(uint64_t *figure, uint64_t amount)
{
    uint64_t known = *figure == SCOPES_UNKNOWN ? 0 : *figure;
    *figure = amount >= SCOPES_UNKNOWN - known ? SCOPES_UNKNOWN - 1 : known + amount;
}

/* Adds what a counter grew by. A stretch with no tick inside is a part of an average. */
static void add_growth(uint64_t *figure, bool *estimated, const struct usage_look *from,
                       const struct usage_look *to)
{
    if (!from->known || !to->known)
        return;
    double grown = to->value - from->value;
    add(figure, grown > 0 ? (uint64_t)(grown + 0.5) : 0);
    *estimated |= !from->inside || !to->inside || from->point == to->point;
}

static void add_memory(struct scope_row *row, const struct usage_line *line,
                       const struct usage_look *from, const struct usage_look *to)
{
    uint64_t most = usage_most(line, from, to);
    if (most != UINT64_MAX && (row->rss_peak_bytes == SCOPES_UNKNOWN || most > row->rss_peak_bytes))
        row->rss_peak_bytes = most;
    if (!from->known || !to->known)
        return;
    double grown = to->value - from->value;
    if (grown < -9e18 || grown > 9e18)
        return; /* no memory is as large */
    if (__builtin_add_overflow(row->rss_delta_bytes, (int64_t)grown, &row->rss_delta_bytes))
        row->rss_delta_bytes = grown > 0 ? INT64_MAX : INT64_MIN;
    row->rss_delta_known = true;
}

/* The thread's own clock: exact, where it was read at both ends. */
static void bill_clock(const struct scope_frame *frame, const struct scope_end *end,
                       struct scope_row *row)
{
    if (end->cpu_ns == TACHO_TIME_UNKNOWN)
        row->cpu_estimated = true;
    else
        add(&row->cpu_ns, end->cpu_ns > frame->cpu_ns ? end->cpu_ns - frame->cpu_ns : 0);
}

void bill_end(struct bills *b, const struct scope_thread *t, const struct scope_frame *frame,
              const struct scope_end *end, struct scope_row *row)
{
    bool clock = frame->cpu_ns != TACHO_TIME_UNKNOWN;
    struct usage_process *u = usage_of_thread(b, t);
    if (clock)
        bill_clock(frame, end, row);
    if (u == NULL) {
        row->cpu_estimated |= !clock;
        row->usage_estimated = true;
        return;
    }
    struct bill *bill = &b->bill[frame->use];
    struct usage_look now;
    if (!clock && --bill->without_clock == 0) {
        now = usage_look(&u->line[USAGE_CPU], end->time_ns);
        add_growth(&row->cpu_ns, &row->cpu_estimated, &bill->at[USAGE_CPU], &now);
    }
    if (--bill->open > 0)
        return;
    now = usage_look(&u->line[USAGE_READ], end->time_ns);
    add_growth(&row->read_bytes, &row->usage_estimated, &bill->at[USAGE_READ], &now);
    now = usage_look(&u->line[USAGE_WRITE], end->time_ns);
    add_growth(&row->write_bytes, &row->usage_estimated, &bill->at[USAGE_WRITE], &now);
    now = usage_look(&u->line[USAGE_RSS], end->time_ns);
    add_memory(row, &u->line[USAGE_RSS], &bill->at[USAGE_RSS], &now);
}
