#include "analyse/chart_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/programs.h"

#define PROCESSES_SAY_MUCH 0.5 /* of the CPU: else it is said by programs */
#define SHARE_SHOWN 0.01       /* what has less is not worth a line */

/* A row, or a program, by the larger of its shares in CPU and memory. */
struct candidate {
    size_t place;
    double share, cpu_ns;
};

static double number(uint64_t v)
{
    return v == SUMMARY_UNKNOWN ? 0 : (double)v;
}

static double share_of(const struct summary *s, double cpu_ns, uint64_t rss_bytes)
{
    double all_cpu_ns = number(s->cpu.total_ns), peak = number(s->memory.peak_rss_bytes);
    double cpu = all_cpu_ns > 0 ? cpu_ns / all_cpu_ns : 0;
    double memory = peak > 0 ? number(rss_bytes) / peak : 0;
    return cpu > memory ? cpu : memory;
}

static int by_share(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->share != right->share)
        return left->share < right->share ? 1 : -1;
    return (left->place > right->place) - (left->place < right->place);
}

/* What the first `top` have of the CPU of all. */
static double share_shown(const struct candidate *c, size_t count, size_t top)
{
    double shown = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        all += c[i].cpu_ns;
        shown += i < top ? c[i].cpu_ns : 0;
    }
    return all > 0 ? shown / all : 1;
}

static void take_processes(const struct summary *s, const struct candidate *c, size_t top,
                           struct chart_parts *ret)
{
    for (size_t i = 0; i < s->row_count && i < top && c[i].share >= SHARE_SHOWN; i++) {
        const struct tacho_process *p = tacho_process(s->rec, c[i].place);
        ret->of_row[c[i].place] = (uint8_t)ret->count;
        ret->part[ret->count++] = (struct chart_part){p->comm, p->entity, 1};
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct chart_part *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Rows find their program by its name. */
static void assign_rows(const struct summary *s, struct chart_parts *ret)
{
    const struct chart_part *sorted[CHART_TOP_MAX];
    for (size_t i = 0; i < ret->count; i++)
        sorted[i] = &ret->part[i];
    qsort(sorted, ret->count, sizeof *sorted, compare_names);
    for (size_t row = 0; row < s->row_count; row++) {
        const struct chart_part of = {.name = tacho_process(s->rec, row)->comm}, *key = &of;
        const struct chart_part **found =
            bsearch(&key, sorted, ret->count, sizeof *sorted, compare_names);
        if (found != NULL)
            ret->of_row[row] = (uint8_t)(*found - ret->part);
    }
}

static int take_programs(const struct summary *s, size_t top, struct chart_parts *ret)
{
    struct program *program;
    size_t count;
    int r = programs_make(s, &program, &count);
    if (r != 0)
        return r;
    struct candidate *c = calloc(count + 1, sizeof *c);
    for (size_t i = 0; c != NULL && i < count; i++)
        c[i] = (struct candidate){
            i, share_of(s, number(program[i].cpu_ns), program[i].largest_rss_bytes),
            number(program[i].cpu_ns)};
    if (c != NULL && count > 0)
        qsort(c, count, sizeof *c, by_share);
    for (size_t i = 0; c != NULL && i < count && i < top && c[i].share >= SHARE_SHOWN; i++)
        ret->part[ret->count++] =
            (struct chart_part){program[c[i].place].name, 0, (size_t)program[c[i].place].processes};
    if (c != NULL)
        assign_rows(s, ret);
    r = c == NULL ? -ENOMEM : 0;
    free(c);
    free(program);
    return r;
}

int chart_parts_choose(const struct summary *s, size_t top, struct chart_parts *ret)
{
    struct chart_parts new = {0};
    top = top > CHART_TOP_MAX ? CHART_TOP_MAX : top;
    new.of_row = malloc(s->row_count + 1);
    struct candidate *c = calloc(s->row_count + 1, sizeof *c);
    int r = new.of_row == NULL || c == NULL ? -ENOMEM : 0;
    if (r == 0)
        memset(new.of_row, CHART_PART_NONE, s->row_count + 1);
    if (r == 0 && s->row_count > 1 && top > 0) {
        for (size_t i = 0; i < s->row_count; i++) {
            double cpu_ns = number(s->rows[i].cpu_ns);
            c[i] = (struct candidate){i, share_of(s, cpu_ns, process_largest_rss(s, i)), cpu_ns};
        }
        qsort(c, s->row_count, sizeof *c, by_share);
        if (share_shown(c, s->row_count, top) >= PROCESSES_SAY_MUCH)
            take_processes(s, c, top, &new);
        else
            r = take_programs(s, top, &new);
    }
    free(c);
    if (r != 0) {
        chart_parts_done(&new);
        return r;
    }
    *ret = new;
    return 0;
}

void chart_parts_done(struct chart_parts *parts)
{
    free(parts->of_row);
    parts->of_row = NULL;
}
