#include "analyse/charts_walk.h"

#include <errno.h>
#include <math.h>

#include "analyse/chart_growth.h"
#include "analyse/lineage_walk.h"
#include "base/clock.h"

#define GAP_INTERVALS 10 /* without a tick: levels are not known any more */

struct lines {
    struct chart_line_making *line[CHART_SPECS_MAX];
    size_t count;
};

struct pass {
    const struct summary *s;
    struct charts_walked *w;
    struct lines from[CHART_SOURCES];
    uint32_t io_known;  /* columns of lineage */
    uint32_t own_known; /* columns of growth */
    struct lineage_walk lineage;
    struct chart_growth growth;
    struct positions process, tree, machine;
    uint64_t gap_ns, tick_ns;
    bool in_tick;
    int failed; /* in what lineage calls */
    /* In this tick, of all processes; and of those whose PSS is known. */
    uint64_t sum_rss, sum_pss, covered_rss, tree_rss;
    bool any_rss, any_pss, tree_known;
};

static bool known_bits(const struct tacho_sample *sample, uint64_t positions, double *ret)
{
    double sum = 0;
    for (uint64_t left = positions & sample->known; left != 0; left &= left - 1)
        sum += (double)sample->value[__builtin_ctzll(left)];
    *ret = sum;
    return (positions & sample->known) != 0;
}

/* ---- putting values into lines that are begun when they are needed ---- */

static int put_level(struct pass *pass, struct level_line *line, uint64_t time_ns, double value)
{
    int r = line->integral == NULL ? level_line_begin(line, &pass->w->grid, true) : 0;
    if (r == 0)
        level_line_put(line, &pass->w->grid, time_ns, value);
    return r;
}

static void forget_level(struct pass *pass, struct level_line *line, uint64_t time_ns)
{
    if (line->integral != NULL)
        level_line_forget(line, &pass->w->grid, time_ns);
}

static int add_rate(struct pass *pass, struct rate_line *line, uint64_t from_ns, uint64_t to_ns,
                    double amount)
{
    int r = line->amount.amount == NULL ? rate_line_begin(line, &pass->w->grid) : 0;
    if (r == 0)
        rate_line_add(line, from_ns, to_ns, amount);
    return r;
}

/*
 * A stretch of which all is known, made longer to whole buckets: outside of these there is no line,
 * and inside of them all lines are over the same time.
 */
static int know_life(struct pass *pass, struct rate_line *line, uint64_t from_ns, uint64_t to_ns)
{
    const struct chart_grid *grid = &pass->w->grid;
    from_ns = from_ns < grid->from_ns ? grid->from_ns
              : from_ns > grid->to_ns ? grid->to_ns
                                      : from_ns;
    to_ns = to_ns < from_ns ? from_ns : to_ns > grid->to_ns ? grid->to_ns : to_ns;
    uint64_t first = (from_ns - grid->from_ns) / grid->bucket_ns;
    uint64_t last = (to_ns - grid->from_ns + grid->bucket_ns - 1) / grid->bucket_ns;
    uint64_t end_ns = grid->from_ns + last * grid->bucket_ns;
    int r = line->amount.amount == NULL ? rate_line_begin(line, grid) : 0;
    if (r == 0)
        rate_line_know(line, grid->from_ns + first * grid->bucket_ns,
                       end_ns < grid->to_ns ? end_ns : grid->to_ns);
    return r;
}

static int know_all(struct pass *pass, struct rate_line *line)
{
    return know_life(pass, line, pass->w->grid.from_ns, pass->w->grid.to_ns);
}

/* ---- what lineage and the counters of processes say ---- */

static uint8_t part_of(const struct pass *pass, uint32_t entity)
{
    const struct process_row *row =
        entity == LINEAGE_RECORDER ? NULL : summary_row_of(pass->s, entity);
    return row == NULL ? CHART_PART_NONE : pass->w->parts.of_row[row - pass->s->rows];
}

static int add_cpu(struct pass *pass, struct rate_line *line, const struct lineage_growth *g)
{
    int r = know_life(pass, line, g->from_ns, g->to_ns);
    if (r == 0)
        timeline_add(&line->amount, g->from_ns, g->to_ns, (double)g->amount);
    return r;
}

static int take_cpu(struct pass *pass, const struct lineage_growth *g)
{
    struct charts_walked *w = pass->w;
    int r = add_cpu(pass, &w->cpu, g);
    if (r != 0 || w->parts.count == 0)
        return r;
    uint8_t part = g->unseen ? CHART_PART_NONE : part_of(pass, g->entity);
    return add_cpu(pass, &w->part[part == CHART_PART_NONE ? w->parts.count : part].cpu, g);
}

static void take_growth(void *user, const struct lineage_growth *g)
{
    struct pass *pass = user;
    int r = g->column == LINEAGE_CPU ? take_cpu(pass, g) : 0;
    const struct lines *lines = &pass->from[CHART_FROM_LINEAGE];
    for (size_t i = 0; i < lines->count && r == 0; i++) {
        struct chart_line_making *line = lines->line[i];
        if ((line->spec->metrics >> g->column & 1) != 0)
            r = add_rate(pass, &line->rate, g->from_ns, g->to_ns, (double)g->amount);
    }
    if (r != 0)
        pass->failed = r;
}

static int take_own_growth(void *user, enum chart_growth_column column, uint64_t from_ns,
                           uint64_t to_ns, uint64_t amount)
{
    struct pass *pass = user;
    const struct lines *lines = &pass->from[CHART_FROM_GROWTH];
    bool known = (pass->own_known >> column & 1) != 0;
    pass->own_known |= 1u << column;
    int r = 0;
    for (size_t i = 0; i < lines->count && r == 0; i++) {
        struct chart_line_making *line = lines->line[i];
        if ((line->spec->metrics >> column & 1) == 0)
            continue;
        r = known ? 0 : know_all(pass, &line->rate);
        if (r == 0)
            r = add_rate(pass, &line->rate, from_ns, to_ns, (double)amount);
    }
    return r;
}

/* Which of the tree's I/O is known at all: where it is, what did not grow is 0. */
static int know_io(struct pass *pass, uint32_t columns)
{
    const struct lines *lines = &pass->from[CHART_FROM_LINEAGE];
    int r = 0;
    columns &= ~pass->io_known;
    pass->io_known |= columns;
    for (size_t i = 0; i < lines->count && columns != 0 && r == 0; i++)
        if ((lines->line[i]->spec->metrics & columns) != 0)
            r = know_all(pass, &lines->line[i]->rate);
    return r;
}

static void take_account(void *user, const struct tacho_process *p,
                         const struct lineage_sample *last)
{
    struct pass *pass = user;
    const struct process_row *row = summary_row_of(pass->s, p->entity);
    int r = know_io(pass, last->io_mask);
    pass->w->any_process |= last->cpu_known;
    if (r == 0 && row != NULL)
        r = chart_growth_end(&pass->growth, (size_t)(row - pass->s->rows), p, p->end_ns);
    if (r != 0)
        pass->failed = r;
}

/* ---- ticks ---- */

#define PSS_COVERS(part, whole) ((part) >= (whole) / 10 * 9) /* as summary_walk.c has it */

static int finish_parts(struct pass *pass, uint64_t rss)
{
    struct charts_walked *w = pass->w;
    uint64_t shown = 0;
    int r = 0;
    for (size_t i = 0; i < w->parts.count && r == 0; i++) {
        struct chart_part_making *part = &w->part[i];
        shown += part->tick_rss;
        if (part->tick_any)
            r = put_level(pass, &part->rss, pass->tick_ns, (double)part->tick_rss);
        else
            forget_level(pass, &part->rss, pass->tick_ns);
        part->tick_rss = 0;
        part->tick_any = false;
    }
    if (r == 0 && w->parts.count > 0)
        r = put_level(pass, &w->part[w->parts.count].rss, pass->tick_ns,
                      rss > shown ? (double)(rss - shown) : 0);
    return r;
}

static int finish_memory(struct pass *pass)
{
    if (!pass->tree_known && !pass->any_rss)
        return 0;
    uint64_t rss = pass->tree_known ? pass->tree_rss : pass->sum_rss;
    int r = put_level(pass, &pass->w->rss, pass->tick_ns, (double)rss);
    if (r == 0 && pass->any_pss && PSS_COVERS(pass->covered_rss, pass->sum_rss))
        r = put_level(pass, &pass->w->pss, pass->tick_ns, (double)pass->sum_pss);
    else
        forget_level(pass, &pass->w->pss, pass->tick_ns);
    return r == 0 ? finish_parts(pass, rss) : r;
}

static int finish_level(struct pass *pass, struct chart_line_making *line)
{
    int r = 0;
    if (line->tick_known)
        r = put_level(pass, &line->level, pass->tick_ns, line->tick_value * line->spec->scale);
    else
        forget_level(pass, &line->level, pass->tick_ns);
    line->tick_known = false;
    line->tick_value = 0;
    return r;
}

static int finish_tick(struct pass *pass)
{
    if (!pass->in_tick)
        return 0;
    int r = finish_memory(pass);
    for (enum chart_source from = CHART_FROM_SUM; from <= CHART_FROM_MOST; from++)
        for (size_t i = 0; i < pass->from[from].count && r == 0; i++)
            r = finish_level(pass, pass->from[from].line[i]);
    return r;
}

static void forget_levels(struct pass *pass, uint64_t time_ns)
{
    struct charts_walked *w = pass->w;
    forget_level(pass, &w->rss, time_ns);
    forget_level(pass, &w->pss, time_ns);
    for (size_t i = 0; i <= w->parts.count; i++)
        forget_level(pass, &w->part[i].rss, time_ns);
    for (size_t i = 0; i < w->lines; i++)
        forget_level(pass, &w->line[i].level, time_ns);
}

static int begin_tick(struct pass *pass, uint64_t time_ns)
{
    int r = finish_tick(pass);
    if (pass->in_tick && time_ns - pass->tick_ns > pass->gap_ns)
        forget_levels(pass, pass->tick_ns + pass->gap_ns / GAP_INTERVALS);
    pass->in_tick = true;
    pass->tick_ns = time_ns;
    pass->sum_rss = pass->sum_pss = pass->covered_rss = 0;
    pass->any_rss = pass->any_pss = pass->tree_known = false;
    return r != 0 ? r : lineage_walk_tick(&pass->lineage, time_ns);
}

/* ---- one sample of each kind ---- */

/* Counters grow by what they have more than at the sample before. */
static int take_counter(struct pass *pass, struct chart_line_making *line, uint64_t time_ns,
                        double value)
{
    int r = 0;
    if (line->last_known && value >= line->last)
        r = add_rate(pass, &line->rate, line->last_ns, time_ns, value - line->last);
    line->last = value;
    line->last_ns = time_ns;
    line->last_known = true;
    return r;
}

static int take_overview(struct pass *pass, enum chart_source source,
                         const struct tacho_sample *sample)
{
    int r = 0;
    for (size_t i = 0; i < pass->from[source].count && r == 0; i++) {
        struct chart_line_making *line = pass->from[source].line[i];
        double value, less = 0;
        if ((line->positions & sample->fresh) == 0 ||
            !known_bits(sample, line->positions, &value) ||
            (line->minus != 0 && !known_bits(sample, line->minus, &less)))
            continue;
        value = value > less ? value - less : 0;
        if (line->spec->rate)
            r = take_counter(pass, line, sample->time_ns, value);
        else
            r = put_level(pass, &line->level, sample->time_ns, value * line->spec->scale);
    }
    return r;
}

static int take_tree(struct pass *pass, const struct tacho_sample *sample)
{
    lineage_walk_tree(&pass->lineage, sample);
    if (sample_fresh(sample, &pass->tree, TREE_RSS)) {
        pass->tree_rss = sample_value(sample, &pass->tree, TREE_RSS);
        pass->tree_known = true;
    }
    return take_overview(pass, CHART_FROM_TREE, sample);
}

static void take_memory(struct pass *pass, size_t row, const struct tacho_sample *sample)
{
    if (!sample_known(sample, &pass->process, PROCESS_RSS))
        return;
    uint64_t rss = sample_value(sample, &pass->process, PROCESS_RSS);
    pass->sum_rss += rss;
    pass->any_rss = true;
    if (sample_known(sample, &pass->process, PROCESS_PSS)) {
        /* It is read seldom, and never more than what is resident: else it is of before. */
        uint64_t pss = sample_value(sample, &pass->process, PROCESS_PSS);
        pass->sum_pss += pss < rss ? pss : rss;
        pass->covered_rss += rss;
        pass->any_pss = true;
    }
    uint8_t part = pass->w->parts.of_row[row];
    if (part != CHART_PART_NONE) {
        pass->w->part[part].tick_rss += rss;
        pass->w->part[part].tick_any = true;
    }
}

static void take_levels(struct pass *pass, const struct tacho_sample *sample)
{
    double value;
    for (size_t i = 0; i < pass->from[CHART_FROM_SUM].count; i++) {
        struct chart_line_making *line = pass->from[CHART_FROM_SUM].line[i];
        if (!known_bits(sample, line->positions, &value))
            continue;
        line->tick_value += value;
        line->tick_known = true;
    }
    for (size_t i = 0; i < pass->from[CHART_FROM_MOST].count; i++) {
        struct chart_line_making *line = pass->from[CHART_FROM_MOST].line[i];
        if (!known_bits(sample, line->positions, &value))
            continue;
        line->tick_value = line->tick_value > value ? line->tick_value : value;
        line->tick_known = true;
    }
}

static int take_process(struct pass *pass, const struct tacho_sample *sample)
{
    const struct process_row *found = summary_row_of(pass->s, sample->entity);
    if (found == NULL)
        return 0; /* samples of something without a birth: lost with a block */
    size_t row = (size_t)(found - pass->s->rows);
    struct lineage_sample put;
    int r = lineage_walk_process(&pass->lineage, row, sample, &put);
    pass->w->any_process |= put.cpu_known;
    if (r == 0)
        r = know_io(pass, put.io_mask);
    if (r == 0)
        r = chart_growth_sample(&pass->growth, row, tacho_process(pass->s->rec, row), sample);
    take_memory(pass, row, sample);
    take_levels(pass, sample);
    return r;
}

static int take_device(struct pass *pass, const struct tacho_sample *sample)
{
    struct charts_walked *w = pass->w;
    struct chart_device *d = NULL;
    for (size_t i = 0; i < w->devices && d == NULL; i++)
        d = w->device[i].entity == sample->entity ? &w->device[i] : NULL;
    if (d == NULL)
        return 0;
    int r = 0;
    uint64_t now[2];
    for (unsigned i = 0; i < 2; i++) {
        if (d->position[i] < 0 || (sample->known >> d->position[i] & 1) == 0)
            return 0;
        now[i] = sample->value[d->position[i]];
    }
    for (unsigned i = 0; i < 2 && r == 0; i++)
        if (d->last_known && now[i] >= d->last[i]) {
            d->total += (double)(now[i] - d->last[i]);
            r = add_rate(pass, &d->rate[i], d->last_ns, sample->time_ns,
                         (double)(now[i] - d->last[i]));
        }
    memcpy(d->last, now, sizeof now);
    d->last_ns = sample->time_ns;
    d->last_known = true;
    return r;
}

static int take_sample(struct pass *pass, const struct tacho_sample *sample)
{
    if (!pass->in_tick || sample->time_ns != pass->tick_ns) {
        int r = begin_tick(pass, sample->time_ns);
        if (r != 0)
            return r;
    }
    switch (sample->kind) {
    case TACHO_PROCESS: return take_process(pass, sample);
    case TACHO_TREE: return take_tree(pass, sample);
    case TACHO_MACHINE: return take_overview(pass, CHART_FROM_MACHINE, sample);
    case TACHO_DISK:
    case TACHO_NETWORK: return take_device(pass, sample);
    case TACHO_GPU: return chart_gpus_sample(&pass->w->gpus, &pass->w->grid, sample);
    default: return 0;
    }
}

/* ---- the pass ---- */

static uint64_t positions_of(const struct positions *p, uint64_t metrics)
{
    uint64_t positions = 0;
    for (; metrics != 0; metrics &= metrics - 1) {
        int at = p->at[__builtin_ctzll(metrics)];
        if (at >= 0)
            positions |= UINT64_C(1) << at;
    }
    return positions;
}

static void open_lines(struct pass *pass, const struct chart_line_spec *specs, size_t count)
{
    for (size_t i = 0; i < count && i < CHART_SPECS_MAX; i++) {
        const struct positions *p = specs[i].source == CHART_FROM_TREE      ? &pass->tree
                                    : specs[i].source == CHART_FROM_MACHINE ? &pass->machine
                                                                            : &pass->process;
        struct chart_line_making *line = &pass->w->line[pass->w->lines++];
        struct lines *from = &pass->from[specs[i].source];
        from->line[from->count++] = line;
        line->spec = &specs[i];
        if (specs[i].source == CHART_FROM_LINEAGE || specs[i].source == CHART_FROM_GROWTH)
            continue;
        line->positions = positions_of(p, specs[i].metrics);
        line->minus = positions_of(p, specs[i].minus);
        if (specs[i].minus != 0 && line->minus == 0)
            line->positions = 0;
    }
}

static void open_devices(struct pass *pass)
{
    static const char *const names[][2] = {{"read_bytes", "write_bytes"},
                                           {"received_bytes", "sent_bytes"}};
    struct charts_walked *w = pass->w;
    size_t of_kind[2] = {0};
    for (size_t i = 0; i < tacho_entity_count(pass->s->rec); i++) {
        const struct tacho_entity *e = tacho_entity(pass->s->rec, i);
        if ((e->kind != TACHO_DISK && e->kind != TACHO_NETWORK) ||
            of_kind[e->kind == TACHO_NETWORK]++ >= CHART_DEVICES_MAX)
            continue;
        w->device[w->devices++] =
            (struct chart_device){.entity = e->id, .kind = e->kind, .name = e->name};
        for (unsigned k = 0; k < 2; k++)
            w->device[w->devices - 1].position[k] =
                tacho_metric_find(pass->s->rec, e->kind, names[e->kind == TACHO_NETWORK][k]);
    }
}

/* CPU is known from the beginning to the end, a part's as long as its processes lived. */
static int know_cpu(struct pass *pass)
{
    struct charts_walked *w = pass->w;
    int r = know_all(pass, &w->cpu);
    for (size_t row = 0; row < pass->s->row_count && w->parts.count > 0 && r == 0; row++) {
        const struct tacho_process *p = tacho_process(pass->s->rec, row);
        bool ended = (p->flags & TACHO_PROCESS_ENDED) != 0 && p->end_ns != TACHO_TIME_UNKNOWN;
        uint64_t from_ns = p->start_ns < p->seen_ns ? p->start_ns : p->seen_ns;
        uint8_t part = w->parts.of_row[row];
        if (part != CHART_PART_NONE)
            r = know_life(pass, &w->part[part].cpu, from_ns, ended ? p->end_ns : w->end_ns);
    }
    if (r == 0 && w->parts.count > 0)
        r = know_all(pass, &w->part[w->parts.count].cpu);
    return r;
}

static int run(struct pass *pass)
{
    const unsigned kinds = 1u << TACHO_PROCESS | 1u << TACHO_TREE | 1u << TACHO_MACHINE |
                           1u << TACHO_DISK | 1u << TACHO_NETWORK | 1u << TACHO_GPU;
    struct tacho_walk *walk;
    int r = tacho_walk_open(pass->s->rec, 0, UINT64_MAX, kinds, &walk);
    if (r != 0)
        return r;
    struct tacho_sample sample;
    while ((r = tacho_walk_next(walk, &sample)) == 1)
        if ((r = take_sample(pass, &sample)) != 0 || (r = pass->failed) != 0)
            break;
    tacho_walk_close(walk);
    if (r == 0)
        r = finish_tick(pass);
    if (r == 0)
        r = chart_gpus_finish(&pass->w->gpus, &pass->w->grid);
    if (r == 0)
        r = lineage_walk_finish(&pass->lineage);
    return r != 0 ? r : pass->failed;
}

int charts_walk(const struct summary *s, const struct chart_line_spec *specs, size_t count,
                struct charts_walked *w)
{
    struct pass pass = {.s = s, .w = w};
    uint64_t interval_ns = s->interval_ns == SUMMARY_UNKNOWN ? NS_PER_S : s->interval_ns;
    interval_ns = interval_ns < NS_PER_S / GAP_INTERVALS ? NS_PER_S / GAP_INTERVALS : interval_ns;
    pass.gap_ns =
        interval_ns < UINT64_MAX / GAP_INTERVALS ? GAP_INTERVALS * interval_ns : UINT64_MAX;
    positions_find(s->rec, TACHO_PROCESS, &pass.process);
    positions_find(s->rec, TACHO_TREE, &pass.tree);
    positions_find(s->rec, TACHO_MACHINE, &pass.machine);
    open_lines(&pass, specs, count);
    open_devices(&pass);
    chart_gpus_open(s, &w->gpus);
    const struct lineage_listener listener = {take_growth, take_account, &pass};
    int r = lineage_walk_open(&pass.lineage, s->rec, s->started_ns, &listener);
    if (r != 0)
        return r;
    r = chart_growth_open(&pass.growth, s, take_own_growth, &pass);
    if (r == 0)
        r = run(&pass);
    if (r == 0 && w->any_process)
        r = know_cpu(&pass);
    chart_growth_done(&pass.growth);
    lineage_walk_done(&pass.lineage);
    return r;
}

void charts_walked_done(struct charts_walked *w)
{
    chart_parts_done(&w->parts);
    rate_line_done(&w->cpu);
    level_line_done(&w->rss);
    level_line_done(&w->pss);
    chart_gpus_done(&w->gpus);
    for (size_t i = 0; i <= CHART_TOP_MAX; i++) {
        rate_line_done(&w->part[i].cpu);
        level_line_done(&w->part[i].rss);
    }
    for (size_t i = 0; i < w->lines; i++) {
        rate_line_done(&w->line[i].rate);
        level_line_done(&w->line[i].level);
    }
    for (size_t i = 0; i < w->devices; i++)
        for (unsigned k = 0; k < 2; k++)
            rate_line_done(&w->device[i].rate[k]);
}
