#include "analyse/chart_growth.h"

#include <errno.h>
#include <stdlib.h>

struct chart_grown {
    uint64_t last[GROWTH_COLUMNS], since_ns[GROWTH_COLUMNS];
    uint64_t counted[GROWTH_COLUMNS]; /* so far; with what it began at */
    uint8_t known, fell;              /* bits of columns */
};

static const uint8_t metric_of[GROWTH_COLUMNS] = {
    [GROWTH_MINOR_FAULTS] = PROCESS_MINOR_FAULTS,
    [GROWTH_MAJOR_FAULTS] = PROCESS_MAJOR_FAULTS,
    [GROWTH_VOLUNTARY] = PROCESS_VOLUNTARY_SWITCHES,
    [GROWTH_INVOLUNTARY] = PROCESS_INVOLUNTARY_SWITCHES,
};

int chart_growth_open(struct chart_growth *growth, const struct summary *s, chart_growth_sink sink,
                      void *user)
{
    *growth = (struct chart_growth){.sink = sink, .user = user};
    positions_find(s->rec, TACHO_PROCESS, &growth->process);
    growth->of_row = calloc(s->row_count + 1, sizeof *growth->of_row);
    return growth->of_row == NULL ? -ENOMEM : 0;
}

void chart_growth_done(struct chart_growth *growth)
{
    free(growth->of_row);
    growth->of_row = NULL;
}

static uint64_t birth_ns(const struct tacho_process *p)
{
    return p->start_ns < p->seen_ns ? p->start_ns : p->seen_ns;
}

static bool forked(const struct tacho_process *p)
{
    return (p->flags & TACHO_PROCESS_FORKED) != 0;
}

/* Where counting begins: at birth with 0, or at the first sample with what it is then. */
static int begin(const struct chart_growth *growth, struct chart_grown *g, unsigned c,
                 const struct tacho_process *p, uint64_t time_ns, uint64_t value)
{
    g->known |= (uint8_t)(1u << c);
    g->since_ns[c] = forked(p) ? birth_ns(p) : time_ns;
    g->last[c] = g->counted[c] = forked(p) ? 0 : value;
    return growth->sink(growth->user, c, time_ns, time_ns, 0);
}

static int put(const struct chart_growth *growth, struct chart_grown *g, unsigned c,
               uint64_t time_ns, uint64_t value)
{
    uint64_t from_ns = g->since_ns[c], amount = value > g->last[c] ? value - g->last[c] : 0;
    if (value < g->last[c])
        g->fell |= (uint8_t)(1u << c);
    g->last[c] = value;
    g->since_ns[c] = time_ns;
    g->counted[c] += amount;
    return amount == 0 ? 0 : growth->sink(growth->user, c, from_ns, time_ns, amount);
}

int chart_growth_sample(struct chart_growth *growth, size_t row, const struct tacho_process *p,
                        const struct tacho_sample *sample)
{
    struct chart_grown *g = &growth->of_row[row];
    int r = 0;
    for (unsigned c = 0; c < GROWTH_COLUMNS && r == 0; c++) {
        /* Switches are read seldom: of an idle process only the faults are known to stand still. */
        if (sample->idle && c <= GROWTH_MAJOR_FAULTS && (g->known >> c & 1) != 0)
            g->since_ns[c] = sample->time_ns;
        if (!sample_fresh(sample, &growth->process, metric_of[c]))
            continue;
        uint64_t value = sample_value(sample, &growth->process, metric_of[c]);
        if ((g->known >> c & 1) == 0)
            r = begin(growth, g, c, p, sample->time_ns, value);
        if (r == 0)
            r = put(growth, g, c, sample->time_ns, value);
    }
    return r;
}

/* The account tells all that there was; what is missing is as old as the counter's first fall. */
static int complete(const struct chart_growth *growth, struct chart_grown *g, unsigned c,
                    const struct tacho_process *p, uint64_t time_ns, uint64_t value)
{
    if ((g->known >> c & 1) == 0) {
        if (!forked(p))
            return 0;
        int r = begin(growth, g, c, p, time_ns, value);
        if (r != 0)
            return r;
    }
    uint64_t from_ns = (g->fell >> c & 1) != 0 ? birth_ns(p) : g->since_ns[c];
    uint64_t amount = value > g->counted[c] ? value - g->counted[c] : 0;
    g->counted[c] += amount;
    g->last[c] = value;
    return amount == 0 ? 0 : growth->sink(growth->user, c, from_ns, time_ns, amount);
}

int chart_growth_end(struct chart_growth *growth, size_t row, const struct tacho_process *p,
                     uint64_t time_ns)
{
    struct chart_grown *g = &growth->of_row[row];
    const struct tacho_account *a = &p->account;
    const uint64_t values[GROWTH_COLUMNS] = {a->minor_faults, a->major_faults,
                                             a->voluntary_switches, a->involuntary_switches};
    int r = 0;
    for (unsigned c = 0; c < GROWTH_COLUMNS && r == 0; c++)
        if (account_has(p,
                        c <= GROWTH_MAJOR_FAULTS ? TACHO_ACCOUNT_FAULTS : TACHO_ACCOUNT_SWITCHES))
            r = complete(growth, g, c, p, time_ns, values[c]);
    return r;
}
