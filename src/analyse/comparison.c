#include "analyse/comparison.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/comparison_groups.h"
#include "analyse/together_parts.h"

const struct comparison_kind comparison_metrics[COMPARE_METRICS] = {
    [COMPARE_WALL] = {"wall", "wall", UNIT_NS},
    [COMPARE_CPU] = {"cpu", "CPU", UNIT_NS},
    [COMPARE_USER] = {"user", "CPU user", UNIT_NS},
    [COMPARE_SYSTEM] = {"system", "CPU system", UNIT_NS},
    [COMPARE_PEAK_RSS] = {"peak_rss", "peak RSS", UNIT_BYTES},
    [COMPARE_PEAK_PSS] = {"peak_pss", "peak PSS", UNIT_BYTES},
    [COMPARE_READ] = {"read_bytes", "read", UNIT_BYTES},
    [COMPARE_WRITE] = {"write_bytes", "written", UNIT_BYTES},
    [COMPARE_PROCESSES] = {"processes", "processes", UNIT_COUNT},
};

static void take_values(const struct summary *s, uint64_t value[COMPARE_METRICS])
{
    value[COMPARE_WALL] = s->wall_ns;
    value[COMPARE_CPU] = s->cpu.total_ns;
    value[COMPARE_USER] = s->cpu.user_ns;
    value[COMPARE_SYSTEM] = s->cpu.system_ns;
    value[COMPARE_PEAK_RSS] = s->memory.peak_rss_bytes;
    value[COMPARE_PEAK_PSS] = s->memory.peak_pss_bytes;
    value[COMPARE_READ] = s->io[SUMMARY_READ_BYTES];
    value[COMPARE_WRITE] = s->io[SUMMARY_WRITE_BYTES];
    /* What is a bound in part is no count: it would tell of others' processes. */
    bool counted =
        s->processes.total > 0 && (!s->processes.missed_is_bound || s->processes.unseen == 0);
    value[COMPARE_PROCESSES] = counted ? s->processes.total : SUMMARY_UNKNOWN;
}

/* Takes `own` over as the side's, or remembers that it is another one. */
static void take_text(char *own, bool first, char **ret, bool *ret_differ)
{
    if (first) {
        *ret = own;
        return;
    }
    *ret_differ |= own == NULL || *ret == NULL ? own != *ret : strcmp(own, *ret) != 0;
    free(own);
}

static int take_session(struct comparison_runs *runs, const struct summary *s)
{
    bool failed = false, first = runs->runs == 0;
    uint64_t ranks;
    take_text(together_command(s, &failed), first, &runs->command, &runs->commands);
    take_text(together_text(s->host, &failed), first, &runs->host, &runs->hosts);
    runs->failed += s->root_status != SUMMARY_UNKNOWN && s->root_status != 0;
    runs->unended += !s->ended;
    runs->ranks += tacho_fact_number(s->rec, "rank_size", &ranks) && ranks > 1;
    return failed ? -ENOMEM : 0;
}

int comparison_add(struct comparison *c, enum comparison_side side, const struct summary *summary,
                   const struct scopes *scopes)
{
    struct comparison_runs *runs = &c->side[side];
    if (runs->runs == runs->room) {
        size_t room = runs->room * 2 + 16;
        struct comparison_run *more = reallocarray(runs->run, room, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        runs->run = more;
        runs->room = room;
    }
    int r = take_session(runs, summary);
    struct comparison_run *run = &runs->run[runs->runs];
    take_values(summary, run->value);
    run->marks = scopes->processes > 0 || scopes->rows > 0;
    if (r == 0 && run->marks)
        r = comparison_add_marks(c, side, scopes);
    runs->marking += run->marks;
    runs->runs++;
    return r;
}

static size_t known_values(const struct comparison_runs *runs, size_t metric, double *ret)
{
    size_t known = 0;
    for (size_t i = 0; i < runs->runs; i++)
        if (runs->run[i].value[metric] != SUMMARY_UNKNOWN)
            ret[known++] = (double)runs->run[i].value[metric];
    return known;
}

int comparison_finish(struct comparison *c)
{
    double *a = calloc(c->side[SIDE_A].runs + 1, sizeof *a);
    double *b = calloc(c->side[SIDE_B].runs + 1, sizeof *b);
    int r = a == NULL || b == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < COMPARE_METRICS && r == 0; i++) {
        size_t n = known_values(&c->side[SIDE_A], i, a), m = known_values(&c->side[SIDE_B], i, b);
        change_make(a, n, b, m, &c->metric[i]);
    }
    if (r == 0)
        r = comparison_group(c, a, b);
    free(a);
    free(b);
    return r;
}

static size_t failing_groups(const struct comparison_table *table, unsigned choice,
                             const struct comparison_limit *limit)
{
    size_t n = 0;
    for (size_t i = 0; i < table->names; i++)
        n += comparison_fails(limit, choice, &table->group[i].figure[FIGURE_TOTAL]);
    return n;
}

size_t comparison_failing_scopes(const struct comparison *c, const struct comparison_limit *limit)
{
    return failing_groups(&c->scopes, COMPARE_SCOPES, limit);
}

size_t comparison_failing_categories(const struct comparison *c,
                                     const struct comparison_limit *limit)
{
    return failing_groups(&c->categories, COMPARE_CATEGORIES, limit);
}

size_t comparison_failing(const struct comparison *c, const struct comparison_limit *limit)
{
    size_t n = comparison_failing_scopes(c, limit) + comparison_failing_categories(c, limit);
    for (unsigned i = 0; i < COMPARE_METRICS; i++)
        n += comparison_fails(limit, i, &c->metric[i]);
    return n;
}

void comparison_done(struct comparison *c)
{
    for (size_t i = 0; i < 2; i++) {
        free(c->side[i].run);
        free(c->side[i].command);
        free(c->side[i].host);
    }
    comparison_forget_marks(&c->scopes);
    comparison_forget_marks(&c->categories);
    *c = (struct comparison){0};
}
