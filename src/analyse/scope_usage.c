#include "analyse/scope_usage.h"

#include <errno.h>
#include <stdlib.h>

#include "format/metric.h"

#define POINTS_MAX (UINT64_C(8) << 20) /* of all lines together */

static bool is_growth(unsigned column)
{
    return column == USAGE_READ || column == USAGE_WRITE;
}

/* ---- making lines ---- */

/* Gives up every other point: of a gauge the smaller, of a counter the earlier. */
static void thin_line(struct usage_line *line, unsigned column)
{
    size_t kept = 1;
    if (line->points < 3)
        return;
    for (size_t i = 1; i < line->points; i += 2) {
        struct usage_point *first = &line->point[i], *second = first + 1;
        if (i + 1 == line->points || (column == USAGE_RSS && first->value > second->value))
            second = first;
        else if (is_growth(column))
            second->value += first->value;
        line->point[kept++] = *second;
    }
    line->points = kept;
}

static void thin(struct usage *u)
{
    u->points = 0;
    for (size_t i = 0; i < u->processes; i++)
        for (unsigned c = 0; c < USAGE_COLUMNS; c++) {
            thin_line(&u->process[i].line[c], c);
            u->points += u->process[i].line[c].points;
        }
}

/* Times and counters do not go back, whatever the file says. */
static void put_point(struct usage *u, struct usage_process *p, unsigned column, uint64_t time_ns,
                      uint64_t value)
{
    struct usage_line *line = &p->line[column];
    if (line->points > 0) {
        struct usage_point *last = &line->point[line->points - 1];
        if (time_ns <= last->time_ns)
            return;
        if (column != USAGE_RSS && !is_growth(column) && value < last->value)
            value = last->value;
    }
    if (u->points >= POINTS_MAX)
        thin(u);
    if (line->points == line->cap) {
        size_t cap = line->cap == 0 ? 32 : 2 * line->cap;
        struct usage_point *grown = realloc(line->point, cap * sizeof *grown);
        if (grown == NULL) {
            u->no_memory = true;
            return;
        }
        line->point = grown;
        line->cap = cap;
    }
    line->point[line->points++] = (struct usage_point){time_ns, value};
    u->points++;
}

static void find_positions(struct usage *u, const struct tacho_recording *rec)
{
    static const unsigned metrics[USAGE_UNSEEN] = {PROCESS_CPU, PROCESS_READ_BYTES,
                                                   PROCESS_WRITE_BYTES, PROCESS_RSS};
    const struct kind_info *info = kind_info(ENTITY_PROCESS);
    for (unsigned c = 0; c < USAGE_UNSEEN; c++)
        u->position[c] = tacho_metric_find(rec, TACHO_PROCESS, info->metrics[metrics[c]].name);
    u->position[USAGE_UNSEEN] = -1;
}

int usage_init(struct usage *u, struct tacho_recording *rec)
{
    size_t n = tacho_marking_thread_count(rec);
    *u = (struct usage){.process = calloc(n + 1, sizeof *u->process)};
    if (u->process == NULL)
        return -ENOMEM;
    find_positions(u, rec);
    for (size_t i = 0; i < n; i++) {
        uint32_t entity = tacho_marking_thread(rec, i)->entity;
        const struct tacho_process *p = tacho_process_of(rec, entity);
        if (p == NULL || map_get(&u->of_entity, entity) != NULL)
            continue;
        struct usage_process *process = &u->process[u->processes];
        process->entity = entity;
        if (map_put(&u->of_entity, entity, u->processes++) != 0)
            return -ENOMEM;
        /* One that began while it was recorded had used nothing then. */
        for (unsigned c = 0; c <= USAGE_WRITE; c++)
            if ((p->flags & TACHO_PROCESS_FORKED) != 0 && u->position[c] >= 0)
                put_point(u, process, c, p->seen_ns, 0);
    }
    return u->no_memory ? -ENOMEM : 0;
}

/*
 * What did not run used nothing: its counters are known though they were not read. A zombie has
 * given its memory up: it had not shrunk to nothing before.
 */
void usage_sample(struct usage *u, const struct tacho_sample *sample)
{
    struct usage_process *p = u->processes > 0 ? usage_of(u, sample->entity) : NULL;
    for (unsigned c = 0; p != NULL && c < USAGE_COLUMNS; c++) {
        if (u->position[c] < 0)
            continue;
        uint64_t bit = UINT64_C(1) << u->position[c];
        bool carried = sample->idle && c != USAGE_RSS;
        if ((sample->known & (carried ? bit : sample->fresh & bit)) == 0)
            continue;
        uint64_t value = sample->value[u->position[c]];
        if (c != USAGE_RSS || value > 0)
            put_point(u, p, c, sample->time_ns, is_growth(c) ? 0 : value);
    }
}

/* The kernel's account is the last sample. */
void usage_end(struct usage *u, const struct tacho_process *p)
{
    struct usage_process *process = u->processes > 0 ? usage_of(u, p->entity) : NULL;
    if (process == NULL || (p->flags & TACHO_PROCESS_ACCOUNT) == 0)
        return;
    if ((p->account.known & TACHO_ACCOUNT_CPU) != 0)
        put_point(u, process, USAGE_CPU, p->end_ns, p->account.cpu_ns);
    for (unsigned c = USAGE_READ; c <= USAGE_WRITE; c++)
        if ((p->account.known & TACHO_ACCOUNT_IO) != 0)
            put_point(u, process, c, p->end_ns, 0);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Few are after it: growth is told of within some ticks. */
static void add_growth(struct usage_line *line, uint64_t to_ns, uint64_t amount)
{
    size_t i = line->points;
    while (i > 1 && line->point[i - 1].time_ns > to_ns)
        i--;
    if (i > 0)
        line->point[i - 1].value = sum(line->point[i - 1].value, amount);
}

void usage_grow(struct usage *u, uint32_t entity, enum usage_column column, uint64_t from_ns,
                uint64_t to_ns, uint64_t amount)
{
    struct usage_process *p = u->processes > 0 && entity != 0 ? usage_of(u, entity) : NULL;
    if (p == NULL)
        return;
    struct usage_line *line = &p->line[column];
    if (is_growth(column)) {
        add_growth(line, to_ns, amount);
        return;
    }
    uint64_t before = line->points > 0 ? line->point[line->points - 1].value : 0;
    put_point(u, p, column, from_ns, before);
    put_point(u, p, column, to_ns, sum(before, amount));
}

int usage_finish(struct usage *u)
{
    for (size_t i = 0; i < u->processes; i++)
        for (unsigned c = USAGE_READ; c <= USAGE_WRITE; c++) {
            struct usage_line *line = &u->process[i].line[c];
            for (size_t k = 1; k < line->points; k++)
                line->point[k].value = sum(line->point[k].value, line->point[k - 1].value);
        }
    return u->no_memory ? -ENOMEM : 0;
}

void usage_done(struct usage *u)
{
    for (size_t i = 0; i < u->processes; i++)
        for (unsigned c = 0; c < USAGE_COLUMNS; c++)
            free(u->process[i].line[c].point);
    free(u->process);
    map_done(&u->of_entity);
    *u = (struct usage){0};
}

struct usage_process *usage_of(const struct usage *u, uint32_t entity)
{
    const uint64_t *place = map_get(&u->of_entity, entity);
    return place != NULL ? &u->process[*place] : NULL;
}

/* ---- looking ---- */

/* How many points are not after the moment. */
static size_t points_before(struct usage_line *line, uint64_t time_ns)
{
    size_t low = 0, high = line->points;
    for (size_t i = line->at; i < line->at + 2 && i < line->points; i++)
        if (line->point[i].time_ns <= time_ns &&
            (i + 1 == line->points || line->point[i + 1].time_ns > time_ns)) {
            line->at = i;
            return i + 1;
        }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (line->point[middle].time_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    line->at = low > 0 ? low - 1 : 0;
    return low;
}

/* Finds where on the line the moment is. */
static struct usage_look look_anew(struct usage_line *line, uint64_t time_ns)
{
    struct usage_look look = {.known = line->points > 0};
    line->between = false;
    if (!look.known)
        return look;
    look.point = (uint32_t)points_before(line, time_ns);
    const struct usage_point *before = &line->point[look.point > 0 ? look.point - 1 : 0];
    look.value = (double)before->value;
    look.inside = look.point > 0 && look.point < line->points;
    if (look.inside) {
        line->between = true;
        line->slope = ((double)before[1].value - (double)before->value) /
                      (double)(before[1].time_ns - before->time_ns);
        look.value += (double)(time_ns - before->time_ns) * line->slope;
    }
    look.inside = look.inside || (look.point > 0 && before->time_ns == time_ns);
    return look;
}

/* Most scopes are shorter than a tick: most looks are between the same two points. */
struct usage_look usage_look(struct usage_line *line, uint64_t time_ns)
{
    if (!line->between)
        return look_anew(line, time_ns);
    const struct usage_point *before = &line->point[line->at];
    if (time_ns < before->time_ns || time_ns >= before[1].time_ns)
        return look_anew(line, time_ns);
    double after = (double)(time_ns - before->time_ns);
    return (struct usage_look){(double)before->value + after * line->slope, (uint32_t)line->at + 1,
                               true, true};
}

uint64_t usage_most(const struct usage_line *line, const struct usage_look *from,
                    const struct usage_look *to)
{
    uint64_t most = 0;
    if (to->point <= from->point)
        return UINT64_MAX;
    for (size_t i = from->point; i < to->point; i++)
        most = line->point[i].value > most ? line->point[i].value : most;
    return most;
}
