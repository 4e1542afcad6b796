#include "analyse/scope_kin.h"

#include <errno.h>
#include <stdlib.h>

#include "analyse/programs.h"

#define START_STEP_NS UINT64_C(10000000) /* in which the kernel tells when a process started */

/* While it is made, by row. */
struct making {
    struct kin *kin;
    const struct summary *summary;
    struct kin_use *use; /* of the process and those of its descendants that were added so far */
    struct kin_use *unmarked; /* of those of them that do not mark, and below none that does */
    uint64_t *rss;
    uint32_t *waiting; /* children that are not added yet */
};

struct started {
    uint64_t birth_ns;
    uint32_t marker, row;
};

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void add(struct kin_use *to, const struct kin_use *use)
{
    to->processes = sum(to->processes, use->processes);
    to->unknown = sum(to->unknown, use->unknown);
    to->cpu_ns = sum(to->cpu_ns, use->cpu_ns);
    to->read_bytes = sum(to->read_bytes, use->read_bytes);
    to->write_bytes = sum(to->write_bytes, use->write_bytes);
}

/* ---- each process with its descendants ---- */

static struct kin_use use_of(const struct process_row *row)
{
    bool known = row->cpu_ns != SUMMARY_UNKNOWN;
    return (struct kin_use){
        .processes = 1,
        .unknown = !known,
        .cpu_ns = sum(known ? row->cpu_ns : 0, row->unseen_ns),
        .read_bytes = row->read_bytes,
        .write_bytes = row->write_bytes,
    };
}

static void read_process(struct making *m, size_t i)
{
    const struct summary *s = m->summary;
    const struct tacho_process *p = tacho_process(s->rec, i);
    const struct process_row *parent = summary_row_of(s, p->parent_entity);
    uint64_t rss = process_largest_rss(s, i);
    m->use[i] = m->unmarked[i] = use_of(&s->rows[i]);
    m->rss[i] = rss == SUMMARY_UNKNOWN ? 0 : rss;
    m->kin->place[i] = m->kin->marker[i] = m->kin->parent[i] = KIN_NONE;
    if (parent == NULL || (p->flags & TACHO_PROCESS_FORKED) == 0)
        return;
    m->kin->parent[i] = (uint32_t)(parent - s->rows);
    m->waiting[m->kin->parent[i]]++;
}

/*
 * Leaves first, then those whose children are all added: no process tree is too deep for that, and
 * in a ring, which only a hostile recording has, nobody ever is.
 */
static void add_descendants(struct making *m)
{
    const uint32_t *parent = m->kin->parent, *marker = m->kin->marker;
    for (size_t i = 0; i < m->kin->processes; i++) {
        size_t at = i;
        while (m->waiting[at] == 0) {
            m->waiting[at] = UINT32_MAX; /* done */
            if (marker[at] != KIN_NONE)
                m->unmarked[at] = (struct kin_use){0};
            if (parent[at] == KIN_NONE)
                break;
            uint32_t up = parent[at];
            add(&m->use[up], &m->use[at]);
            add(&m->unmarked[up], &m->unmarked[at]);
            m->rss[up] = m->rss[at] > m->rss[up] ? m->rss[at] : m->rss[up];
            m->waiting[up]--;
            at = up;
        }
    }
}

/* ---- those that were started by a process that marks ---- */

/*
 * Who is told of a birth knows when it was. Who finds a process knows in which step of the kernel's
 * it started: the step's end is taken. A block that waits for what it starts is still open then, and
 * may have begun within that step, just before.
 */
static uint64_t birth_of(const struct tacho_process *p)
{
    bool told = p->start_ns >= p->seen_ns || p->seen_ns - p->start_ns <= START_STEP_NS;
    return told ? p->seen_ns : p->start_ns + START_STEP_NS;
}

static int compare_started(const void *a, const void *b)
{
    const struct started *left = a, *right = b;
    if (left->marker != right->marker)
        return left->marker > right->marker ? 1 : -1;
    if (left->birth_ns != right->birth_ns)
        return left->birth_ns > right->birth_ns ? 1 : -1;
    return (left->row > right->row) - (left->row < right->row);
}

static size_t list_started(const struct making *m, struct started *list)
{
    const struct kin *kin = m->kin;
    size_t n = 0;
    for (size_t i = 0; i < kin->processes; i++) {
        uint32_t marker = kin->parent[i] == KIN_NONE ? KIN_NONE : kin->marker[kin->parent[i]];
        if (marker == KIN_NONE)
            continue;
        if (list != NULL)
            list[n] =
                (struct started){birth_of(tacho_process(m->summary->rec, i)), marker, (uint32_t)i};
        n++;
    }
    return n;
}

static void place_started(const struct making *m, const struct started *list)
{
    struct kin *kin = m->kin;
    size_t n = kin->started;
    for (size_t i = 0; i < n; i++) {
        struct kin_children *children = &kin->children[list[i].marker];
        if (children->end == 0)
            children->first = children->at = (uint32_t)i;
        children->end = (uint32_t)i + 1;
        kin->place[list[i].row] = (uint32_t)i;
        kin->birth_ns[i] = list[i].birth_ns;
        kin->before[i + 1] = kin->before[i];
        add(&kin->before[i + 1], &m->use[list[i].row]);
        kin->before_unmarked[i + 1] = kin->before_unmarked[i];
        add(&kin->before_unmarked[i + 1], &m->unmarked[list[i].row]);
        kin->largest_rss[n + i] = m->rss[list[i].row];
    }
    for (size_t i = n; i-- > 1;) {
        uint64_t left = kin->largest_rss[2 * i], right = kin->largest_rss[2 * i + 1];
        kin->largest_rss[i] = left > right ? left : right;
    }
}

static int make_started(struct making *m)
{
    struct kin *kin = m->kin;
    size_t n = kin->started = list_started(m, NULL);
    struct started *list = calloc(n + 1, sizeof *list);
    kin->birth_ns = calloc(n + 1, sizeof *kin->birth_ns);
    kin->before = calloc(n + 1, sizeof *kin->before);
    kin->before_unmarked = calloc(n + 1, sizeof *kin->before_unmarked);
    kin->largest_rss = calloc(2 * n + 1, sizeof *kin->largest_rss);
    if (list == NULL || kin->birth_ns == NULL || kin->before == NULL ||
        kin->before_unmarked == NULL || kin->largest_rss == NULL) {
        free(list);
        return -ENOMEM;
    }
    list_started(m, list);
    qsort(list, n, sizeof *list, compare_started);
    place_started(m, list);
    free(list);
    return 0;
}

static int make(struct making *m, const uint32_t *entity, size_t markers)
{
    struct kin *kin = m->kin;
    size_t n = kin->processes;
    kin->parent = calloc(n + 1, sizeof *kin->parent);
    kin->place = calloc(n + 1, sizeof *kin->place);
    kin->marker = calloc(n + 1, sizeof *kin->marker);
    kin->children = calloc(markers + 1, sizeof *kin->children);
    if (kin->parent == NULL || kin->place == NULL || kin->marker == NULL || kin->children == NULL ||
        m->use == NULL || m->unmarked == NULL || m->rss == NULL || m->waiting == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        read_process(m, i);
    for (size_t i = 0; i < markers; i++) {
        const struct process_row *row = summary_row_of(m->summary, entity[i]);
        kin->children[i].row = row == NULL ? KIN_NONE : (uint32_t)(row - m->summary->rows);
        if (row != NULL)
            kin->marker[kin->children[i].row] = (uint32_t)i;
    }
    add_descendants(m);
    return make_started(m);
}

int kin_open(struct kin *kin, const struct summary *s, const uint32_t *entity, size_t markers)
{
    *kin = (struct kin){.processes = s->row_count};
    struct making m = {.kin = kin, .summary = s};
    m.use = calloc(s->row_count + 1, sizeof *m.use);
    m.unmarked = calloc(s->row_count + 1, sizeof *m.unmarked);
    m.rss = calloc(s->row_count + 1, sizeof *m.rss);
    m.waiting = calloc(s->row_count + 1, sizeof *m.waiting);
    int r = make(&m, entity, markers);
    free(m.use);
    free(m.unmarked);
    free(m.rss);
    free(m.waiting);
    return r;
}

void kin_done(struct kin *kin)
{
    free(kin->parent);
    free(kin->place);
    free(kin->marker);
    free(kin->birth_ns);
    free(kin->before);
    free(kin->before_unmarked);
    free(kin->largest_rss);
    free(kin->children);
    *kin = (struct kin){0};
}

/* ---- looking ---- */

uint32_t kin_from(struct kin *kin, uint32_t marker, uint64_t time_ns)
{
    struct kin_children *c = &kin->children[marker];
    const uint64_t *birth = kin->birth_ns;
    uint32_t low = c->first, high = c->end, at = c->at;
    bool after = at == low || birth[at - 1] < time_ns;
    if (after && (at == high || birth[at] >= time_ns))
        return at;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (birth[middle] < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return c->at = low;
}

static struct kin_use difference(const struct kin_use *before, uint32_t from, uint32_t to)
{
    const struct kin_use *a = &before[from], *b = &before[to];
    return (struct kin_use){
        b->processes - a->processes,   b->unknown - a->unknown,         b->cpu_ns - a->cpu_ns,
        b->read_bytes - a->read_bytes, b->write_bytes - a->write_bytes,
    };
}

struct kin_use kin_used(const struct kin *kin, uint32_t from, uint32_t to)
{
    return difference(kin->before, from, to);
}

void kin_add(struct kin_use *to, const struct kin *kin, uint32_t from, uint32_t before)
{
    struct kin_use used = difference(kin->before_unmarked, from, before);
    add(to, &used);
}

uint64_t kin_largest_rss(const struct kin *kin, uint32_t from, uint32_t to)
{
    uint64_t largest = 0;
    size_t l = kin->started + from, r = kin->started + to;
    for (; l < r; l /= 2, r /= 2) {
        if ((l & 1) != 0 && kin->largest_rss[l++] > largest)
            largest = kin->largest_rss[l - 1];
        if ((r & 1) != 0 && kin->largest_rss[--r] > largest)
            largest = kin->largest_rss[r];
    }
    return largest;
}
