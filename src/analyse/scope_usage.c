#include "analyse/scope_usage.h"

#include <errno.h>
#include <stdlib.h>

#include "format/metric.h"

#define POINTS_MAX (UINT64_C(8) << 20) /* of all lines together */

struct reading {
    struct usage *usage;
    int position[USAGE_COLUMNS];
    uint64_t points;
};

/* ---- making lines ---- */

/* Gives up every other point: of a gauge the smaller, of a counter the earlier. */
static void thin_line(struct usage_line *line, bool gauge)
{
    size_t kept = 1;
    if (line->points < 3)
        return;
    for (size_t i = 1; i < line->points; i += 2) {
        struct usage_point *first = &line->point[i], *second = first + 1;
        if (i + 1 == line->points || (gauge && first->value > second->value))
            second = first;
        line->point[kept++] = *second;
    }
    line->points = kept;
}

static void thin(struct reading *r)
{
    r->points = 0;
    for (size_t i = 0; i < r->usage->processes; i++)
        for (unsigned c = 0; c < USAGE_COLUMNS; c++) {
            thin_line(&r->usage->process[i].line[c], c == USAGE_RSS);
            r->points += r->usage->process[i].line[c].points;
        }
}

/* Times and counters do not go back, whatever the file says. */
static int put_point(struct reading *r, struct usage_process *p, unsigned column, uint64_t time_ns,
                     uint64_t value)
{
    struct usage_line *line = &p->line[column];
    if (line->points > 0) {
        struct usage_point *last = &line->point[line->points - 1];
        if (time_ns <= last->time_ns)
            return 0;
        if (column != USAGE_RSS && value < last->value)
            value = last->value;
    }
    if (r->points >= POINTS_MAX)
        thin(r);
    if (line->points == line->cap) {
        size_t cap = line->cap == 0 ? 32 : 2 * line->cap;
        struct usage_point *grown = realloc(line->point, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        line->point = grown;
        line->cap = cap;
    }
    line->point[line->points++] = (struct usage_point){time_ns, value};
    r->points++;
    return 0;
}

static int add_processes(struct reading *r, struct tacho_recording *rec)
{
    struct usage *u = r->usage;
    size_t n = tacho_marking_thread_count(rec);
    u->process = calloc(n + 1, sizeof *u->process);
    if (u->process == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t entity = tacho_marking_thread(rec, i)->entity;
        const struct tacho_process *p = tacho_process_of(rec, entity);
        if (p == NULL || map_get(&u->of_entity, entity) != NULL)
            continue;
        struct usage_process *process = &u->process[u->processes];
        process->entity = entity;
        int error = map_put(&u->of_entity, entity, u->processes++);
        /* One that began while it was recorded had used nothing then. */
        for (unsigned c = 0; error == 0 && c <= USAGE_WRITE; c++)
            if ((p->flags & TACHO_PROCESS_FORKED) != 0 && r->position[c] >= 0)
                error = put_point(r, process, c, p->seen_ns, 0);
        if (error != 0)
            return error;
    }
    return 0;
}

/* What did not run used nothing: its counters are known though they were not read. */
static int take_sample(struct reading *r, const struct tacho_sample *sample)
{
    struct usage_process *p = usage_of(r->usage, sample->entity);
    int error = 0;
    for (unsigned c = 0; p != NULL && error == 0 && c < USAGE_COLUMNS; c++) {
        if (r->position[c] < 0)
            continue;
        uint64_t bit = UINT64_C(1) << r->position[c];
        bool carried = sample->idle && c != USAGE_RSS;
        if ((sample->known & (carried ? bit : sample->fresh & bit)) != 0)
            error = put_point(r, p, c, sample->time_ns, sample->value[r->position[c]]);
    }
    return error;
}

/* The kernel's account is the last sample. */
static int take_accounts(struct reading *r, const struct tacho_recording *rec)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < r->usage->processes; i++) {
        struct usage_process *u = &r->usage->process[i];
        const struct tacho_process *p = tacho_process_of(rec, u->entity);
        if ((p->flags & TACHO_PROCESS_ACCOUNT) == 0 || p->end_ns == TACHO_TIME_UNKNOWN)
            continue;
        if ((p->account.known & TACHO_ACCOUNT_CPU) != 0)
            error = put_point(r, u, USAGE_CPU, p->end_ns, p->account.cpu_ns);
        if (error == 0 && (p->account.known & TACHO_ACCOUNT_IO) != 0) {
            error = put_point(r, u, USAGE_READ, p->end_ns, p->account.read_bytes);
            if (error == 0)
                error = put_point(r, u, USAGE_WRITE, p->end_ns, p->account.write_bytes);
        }
    }
    return error;
}

int usage_read(struct tacho_recording *rec, struct usage *ret)
{
    static const unsigned metrics[USAGE_COLUMNS] = {PROCESS_CPU, PROCESS_READ_BYTES,
                                                    PROCESS_WRITE_BYTES, PROCESS_RSS};
    struct usage usage = {0};
    struct reading r = {.usage = &usage};
    const struct kind_info *info = kind_info(ENTITY_PROCESS);
    for (unsigned c = 0; c < USAGE_COLUMNS; c++)
        r.position[c] = tacho_metric_find(rec, TACHO_PROCESS, info->metrics[metrics[c]].name);
    struct tacho_walk *walk;
    struct tacho_sample sample;
    int error = add_processes(&r, rec), read = 0;
    if (error == 0)
        error = tacho_walk_open(rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk);
    if (error == 0) {
        while (error == 0 && (read = tacho_walk_next(walk, &sample)) == 1)
            error = take_sample(&r, &sample);
        tacho_walk_close(walk);
        error = error == 0 && read < 0 ? read : error;
    }
    if (error == 0)
        error = take_accounts(&r, rec);
    if (error == 0)
        *ret = usage;
    else
        usage_done(&usage);
    return error;
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

struct usage_look usage_look(struct usage_line *line, uint64_t time_ns)
{
    struct usage_look look = {.known = line->points > 0};
    if (!look.known)
        return look;
    look.point = points_before(line, time_ns);
    const struct usage_point *before = &line->point[look.point > 0 ? look.point - 1 : 0];
    look.value = (double)before->value;
    look.inside = look.point > 0 && look.point < line->points;
    if (look.inside) {
        double part =
            (double)(time_ns - before->time_ns) / (double)(before[1].time_ns - before->time_ns);
        look.value += part * ((double)before[1].value - (double)before->value);
    }
    look.inside = look.inside || (look.point > 0 && before->time_ns == time_ns);
    return look;
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
