#include "analyse/chart_gpus.h"

#define THOUSANDTHS 1000.0

void chart_gpus_open(const struct summary *s, struct chart_gpus *ret)
{
    positions_find(s->rec, TACHO_GPU, &ret->at);
    for (; ret->count < s->gpus.count && ret->count < CHART_GPUS_MAX; ret->count++)
        ret->gpu[ret->count].row = &s->gpus.row[ret->count];
}

void chart_gpus_done(struct chart_gpus *g)
{
    for (size_t i = 0; i < CHART_GPUS_MAX; i++) {
        level_line_done(&g->gpu[i].busy);
        level_line_done(&g->gpu[i].used);
    }
    level_line_done(&g->held);
}

/* They are not read at each tick: what was read holds until the next, or until it is missing. */
static int put(struct level_line *line, const struct chart_grid *grid, uint64_t time_ns, bool known,
               double value)
{
    if (!known) {
        if (line->integral != NULL)
            level_line_forget(line, grid, time_ns);
        return 0;
    }
    int r = line->integral == NULL ? level_line_begin(line, grid, false) : 0;
    if (r == 0)
        level_line_put(line, grid, time_ns, value);
    return r;
}

static int put_held(struct chart_gpus *g, const struct chart_grid *grid)
{
    int r = g->held_ns == 0 ? 0 : put(&g->held, grid, g->held_ns, g->held_known, g->held_now);
    g->held_ns = 0;
    return r;
}

static double value_of(const struct chart_gpus *g, const struct tacho_sample *sample,
                       unsigned metric)
{
    return sample_known(sample, &g->at, metric) ? (double)sample_value(sample, &g->at, metric) : 0;
}

/* The GPUs of one tick are added up. */
static int add_held(struct chart_gpus *g, const struct chart_grid *grid,
                    const struct tacho_sample *sample)
{
    int r = 0;
    if (g->held_ns != sample->time_ns) {
        r = put_held(g, grid);
        g->held_ns = sample->time_ns;
        g->held_now = 0;
        g->held_known = false;
    }
    g->held_now += value_of(g, sample, GPU_TARGET_MEMORY);
    g->held_known |= sample_known(sample, &g->at, GPU_TARGET_MEMORY);
    return r;
}

int chart_gpus_sample(struct chart_gpus *g, const struct chart_grid *grid,
                      const struct tacho_sample *sample)
{
    int r = add_held(g, grid, sample);
    for (size_t i = 0; i < g->count && r == 0; i++) {
        if (g->gpu[i].row->entity != sample->entity)
            continue;
        r = put(&g->gpu[i].busy, grid, sample->time_ns,
                sample_known(sample, &g->at, GPU_UTILIZATION),
                value_of(g, sample, GPU_UTILIZATION) / THOUSANDTHS);
        if (r == 0)
            r = put(&g->gpu[i].used, grid, sample->time_ns,
                    sample_known(sample, &g->at, GPU_MEMORY_USED),
                    value_of(g, sample, GPU_MEMORY_USED));
    }
    return r;
}

int chart_gpus_finish(struct chart_gpus *g, const struct chart_grid *grid)
{
    return put_held(g, grid);
}
