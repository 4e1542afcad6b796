#include "analyse/scopes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/scope_bills.h"
#include "analyse/scope_parts.h"

#define HISTOGRAM_BYTES_MAX (INT64_C(256) << 20) /* of all; beyond, no quantiles */
#define NO_PROCESS UINT32_MAX

struct making {
    const struct summary *summary;
    struct scopes *s;
    uint32_t *category_of; /* by site */
    struct map process_of; /* entity -> place */
    int64_t histogram_left;
    struct bills bills;
};

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

bool scopes_any(const struct tacho_recording *rec)
{
    return tacho_marking_thread_count(rec) > 0 || tacho_label_count(rec) > 0 ||
           tacho_total_count(rec) > 0;
}

/* ---- rows and categories ---- */

static int compare_sites(const void *a, const void *b)
{
    const struct tacho_site *const *left = a, *const *right = b;
    return strcmp((*left)->category, (*right)->category);
}

/* One number for each different category; sites are `sorted` by it. */
static void number_categories(struct making *m, const struct tacho_site **sorted, size_t n)
{
    struct scopes *s = m->s;
    s->category[s->categories++] = (struct scope_category){.name = "Others"};
    const char *last = "";
    uint32_t number = OTHERS;
    for (size_t i = 0; i < n; i++) {
        const struct tacho_site *site = sorted[i];
        if (strcmp(site->category, last) != 0) {
            last = site->category;
            number = OTHERS;
            if (strcmp(last, "Others") != 0) {
                number = (uint32_t)s->categories;
                s->category[s->categories++] = (struct scope_category){.name = last};
            }
        }
        m->category_of[site->id] = number;
    }
}

/* A row for each site, and one for sites of which the record is lost. */
static int make_rows(struct making *m)
{
    struct scopes *s = m->s;
    size_t n = tacho_site_count(s->rec);
    uint32_t largest = 0;
    const struct tacho_site **sorted = calloc(n + 1, sizeof *sorted);
    s->row = calloc(n + 1, sizeof *s->row);
    s->category = calloc(n + 1, sizeof *s->category);
    for (size_t i = 0; sorted != NULL && i < n; i++) {
        sorted[i] = tacho_site(s->rec, i);
        largest = sorted[i]->id > largest ? sorted[i]->id : largest;
    }
    uint32_t *by_id = calloc((size_t)largest + 1, sizeof *by_id);
    m->category_of = calloc(n + 1, sizeof *m->category_of);
    int r = -ENOMEM;
    if (sorted != NULL && s->row != NULL && s->category != NULL && by_id != NULL &&
        m->category_of != NULL) {
        uint32_t *by_place = m->category_of;
        qsort(sorted, n, sizeof *sorted, compare_sites);
        m->category_of = by_id;
        number_categories(m, sorted, n);
        m->category_of = by_place;
        s->rows = n + 1;
        for (size_t i = 0; i < s->categories; i++)
            category_use_forget(&s->category[i].use);
        for (size_t i = 0; i < s->rows; i++) {
            s->row[i].min_ns = SCOPES_UNKNOWN;
            scope_use_forget(&s->row[i].use);
        }
        for (size_t i = 0; i < n; i++) {
            const struct tacho_site *site = tacho_site(s->rec, i);
            s->row[i].name = site->name;
            s->row[i].category = site->category;
            by_place[i] = by_id[site->id];
        }
        s->row[n].category = "";
        r = 0;
    }
    free(by_id);
    free(sorted);
    return r;
}

/* ---- processes ---- */

/* A launched root exists a moment before it is let go, with which the wall time begins. */
static void bound_process(const struct summary *summary, struct scope_process *p)
{
    const struct tacho_process *process = tacho_process_of(summary->rec, p->entity);
    uint64_t first = summary->started_ns, last = tacho_last_ns(summary->rec);
    if (process == NULL)
        return;
    p->from_ns = process->seen_ns > first ? process->seen_ns : first;
    p->to_ns = process->end_ns < last ? process->end_ns : last;
    if (p->to_ns < p->from_ns)
        p->to_ns = p->from_ns;
}

/* The main thread is the one whose tid is the pid, or else the first that marked. */
static int make_processes(struct making *m)
{
    struct scopes *s = m->s;
    size_t n = tacho_marking_thread_count(s->rec);
    s->process = calloc(n + 1, sizeof *s->process);
    if (s->process == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct tacho_marking_thread *t = tacho_marking_thread(s->rec, i);
        const struct tacho_process *process = tacho_process_of(s->rec, t->entity);
        const uint64_t *place = map_get(&m->process_of, t->entity);
        struct scope_process *p = &s->process[place != NULL ? *place : s->processes];
        if (place == NULL) {
            *p = (struct scope_process){.entity = t->entity, .main_tid = (uint32_t)t->tid};
            bound_process(m->summary, p);
            if (t->entity != 0 && map_put(&m->process_of, t->entity, s->processes) != 0)
                return -ENOMEM;
            s->processes++;
        } else if (process != NULL && process->pid == t->tid) {
            p->main_tid = (uint32_t)t->tid;
        }
    }
    return 0;
}

static int take_thread(void *user, struct scope_thread *t)
{
    struct making *m = user;
    const uint64_t *place = map_get(&m->process_of, t->thread->entity);
    t->process = place != NULL ? (uint32_t)*place : NO_PROCESS;
    t->main = place != NULL && m->s->process[*place].main_tid == (uint32_t)t->thread->tid;
    t->look_ns = moment_look_ns(&m->s->moment, t);
    return 0;
}

static int look_at(void *user, struct scope_thread *t)
{
    struct making *m = user;
    moment_take(&m->s->moment, t);
    return 0;
}

/* Once their use is known. */
static int open_divisions(struct making *m)
{
    for (size_t i = 0; i < m->s->processes; i++) {
        struct scope_process *p = &m->s->process[i];
        p->division = division_new(&m->bills.kin, (uint32_t)i, m->bills.of_process[i], p->from_ns);
        if (p->division == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* Gives the process's time up to now to what its owner has innermost. */
static int divide(struct scope_process *p, const struct scope_thread *t, uint64_t now)
{
    uint32_t category = t != NULL && t->depth > 0 ? t->frame[t->depth - 1].category : OTHERS;
    return division_give(p->division, category, now < p->to_ns ? now : p->to_ns);
}

/* A main thread marks. After an exec it is another one, of the same tid. */
static int divide_for(struct making *m, struct scope_thread *t, uint64_t now)
{
    if (!t->main)
        return 0;
    struct scope_process *p = &m->s->process[t->process];
    if (p->owner == t)
        return divide(p, t, now);
    if (p->owner != NULL && p->owner->thread->id > t->thread->id)
        return 0; /* an old one is closed */
    int r = 0;
    if (p->owner != NULL)
        r = divide(p, p->owner, p->owner->limit_ns < now ? p->owner->limit_ns : now);
    p->owner = t;
    return r != 0 ? r : divide(p, NULL, now);
}

/* ---- scopes ---- */

static int begin_scope(void *user, struct scope_thread *t, struct scope_frame *frame)
{
    struct making *m = user;
    uint32_t category = m->category_of[frame->site];
    t->depth--; /* up to now it was not open */
    int r = divide_for(m, t, frame->begin_ns);
    t->depth++;
    if (category == OTHERS && t->depth > 1 && m->s->row[frame->site].category != NULL &&
        m->s->row[frame->site].category[0] == '\0')
        category = frame[-1].category;
    frame->category = category;
    return r == 0 && frame->outermost ? bill_begin(&m->bills, t, frame) : r;
}

static int measure(struct making *m, struct scope_row *row, uint64_t duration)
{
    row->timed++;
    row->sum_ns = sum(row->sum_ns, duration);
    row->min_ns = duration < row->min_ns ? duration : row->min_ns;
    row->max_ns = duration > row->max_ns ? duration : row->max_ns;
    if (m->histogram_left <= 0)
        return 0;
    int bytes = histogram_add(&row->histogram, duration);
    if (bytes < 0)
        return bytes;
    m->histogram_left -= bytes;
    return 0;
}

static int end_scope(void *user, struct scope_thread *t, struct scope_frame *frame,
                     const struct scope_end *end)
{
    struct making *m = user;
    struct scope_row *row = &m->s->row[frame->site];
    uint64_t duration = scope_duration(frame, end);
    int r = 0;
    row->count = sum(row->count, 1);
    m->s->category[frame->category].count++;
    row->self_ns = sum(row->self_ns, scope_self(frame, end));
    if (frame->outermost) {
        row->total_ns = sum(row->total_ns, duration);
        r = bill_end(&m->bills, t, frame, end, row);
    }
    if (r == 0)
        r = measure(m, row, duration);
    return r != 0 ? r : divide_for(m, t, end->time_ns);
}

/* ---- after the pass ---- */

static int take_totals(struct scopes *s)
{
    struct map place_of = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && i + 1 < s->rows && tacho_total_count(s->rec) > 0; i++)
        r = map_put(&place_of, tacho_site(s->rec, i)->id, i);
    for (size_t i = 0; r == 0 && i < tacho_total_count(s->rec); i++) {
        const struct tacho_total *total = tacho_total(s->rec, i);
        const uint64_t *place = map_get(&place_of, total->site);
        struct scope_row *row = &s->row[place != NULL ? *place : s->rows - 1];
        row->count = sum(row->count, total->count);
        row->total_ns = sum(row->total_ns, total->total_ns);
        row->sum_ns = sum(row->sum_ns, total->total_ns);
        row->use.cpu_estimated = row->use.io_estimated = true; /* nobody knows when they were */
    }
    map_done(&place_of);
    return r;
}

static int compare_rows(const void *a, const void *b)
{
    const struct scope_row *left = a, *right = b;
    if (left->total_ns != right->total_ns)
        return left->total_ns > right->total_ns ? -1 : 1;
    const char *l = left->name != NULL ? left->name : "";
    const char *r = right->name != NULL ? right->name : "";
    int names = strcmp(l, r);
    return names != 0 ? names : strcmp(left->category, right->category);
}

static uint64_t quantile(const struct scope_row *row, double share)
{
    uint64_t v = histogram_quantile(&row->histogram, row->timed, share);
    v = v < row->min_ns ? row->min_ns : v;
    return v > row->max_ns ? row->max_ns : v;
}

static void finish_rows(struct making *m)
{
    struct scopes *s = m->s;
    size_t used = 0;
    for (size_t i = 0; i < s->rows; i++) {
        struct scope_row *row = &s->row[i];
        row->p50_ns = row->p99_ns = SCOPES_UNKNOWN;
        if (row->timed == 0)
            row->max_ns = SCOPES_UNKNOWN;
        else if (m->histogram_left > 0) {
            row->p50_ns = quantile(row, 0.5);
            row->p99_ns = quantile(row, 0.99);
        }
        histogram_done(&row->histogram);
        if (row->timed > 0 && row->use.processes == 0 && row->use.children_cpu_ns == SCOPES_UNKNOWN)
            row->use.children_cpu_ns = 0;
        if (row->count > 0)
            s->row[used++] = *row;
    }
    s->rows = used;
    qsort(s->row, s->rows, sizeof *s->row, compare_rows);
}

static int compare_processes(const void *a, const void *b)
{
    const struct scope_process *left = a, *right = b;
    uint64_t l = left->to_ns - left->from_ns, r = right->to_ns - right->from_ns;
    if (l != r)
        return l > r ? -1 : 1;
    return (left->entity > right->entity) - (left->entity < right->entity);
}

/* What is left of each process's wall is of no category. */
static int finish_processes(struct scopes *s)
{
    for (size_t i = 0; i < s->processes; i++) {
        struct scope_process *p = &s->process[i];
        int r = divide(p, NULL, p->to_ns);
        if (r == 0)
            r = division_finish(p->division, &p->part, &p->parts);
        if (r != 0)
            return r;
        s->wall_ns = sum(s->wall_ns, p->to_ns - p->from_ns);
        for (size_t j = 0; j < p->parts; j++) {
            struct scope_category *category = &s->category[p->part[j].category];
            category->total_ns = sum(category->total_ns, p->part[j].ns);
            category_use_add(&category->use, &p->part[j].use);
        }
    }
    qsort(s->process, s->processes, sizeof *s->process, compare_processes);
    return 0;
}

static int compare_categories(const void *a, const void *b, void *user)
{
    const struct scope_category *category = user;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    uint64_t l = category[left].total_ns, r = category[right].total_ns;
    return l != r ? (l > r ? -1 : 1) : (left > right) - (left < right);
}

static int order_categories(struct scopes *s)
{
    s->by_time = calloc(s->categories, sizeof *s->by_time);
    if (s->by_time == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i + 1 < s->categories; i++)
        s->by_time[i] = i + 1;
    qsort_r(s->by_time, s->categories - 1, sizeof *s->by_time, compare_categories, s->category);
    return 0;
}

static int run(struct making *m)
{
    const struct scope_listener listener = {
        .user = m, .thread = take_thread, .begin = begin_scope, .end = end_scope, .look = look_at};
    struct scopes *s = m->s;
    int r = make_rows(m);
    if (r == 0)
        r = make_processes(m);
    if (r == 0)
        r = bills_open(&m->bills, m->summary, s);
    if (r == 0)
        r = open_divisions(m);
    if (r == 0)
        r = scope_stacks_run(s->rec, &listener, &s->losses);
    if (r == 0)
        bills_finish(&m->bills, s->row);
    if (r == 0)
        r = take_totals(s);
    if (r == 0)
        r = finish_processes(s);
    if (r == 0)
        r = order_categories(s);
    if (r == 0)
        finish_rows(m);
    return r;
}

int scopes_make(const struct summary *summary, uint32_t entity, uint64_t time_ns,
                struct scopes *ret)
{
    struct tacho_recording *rec = summary->rec;
    struct scopes s = {.rec = rec, .dropped = *tacho_lost_marks(rec, 0)};
    struct making m = {.summary = summary, .s = &s, .histogram_left = HISTOGRAM_BYTES_MAX};
    moment_ask(&s.moment, rec, entity, time_ns);
    int r = scopes_any(rec) ? run(&m) : 0;
    for (size_t i = 0; i < s.processes; i++) {
        division_free(s.process[i].division);
        s.process[i].division = NULL;
    }
    bills_done(&m.bills);
    free(m.category_of);
    map_done(&m.process_of);
    if (r == 0)
        *ret = s;
    else
        scopes_done(&s);
    return r;
}

void scopes_done(struct scopes *s)
{
    for (size_t i = 0; i < s->rows; i++)
        histogram_done(&s->row[i].histogram);
    for (size_t i = 0; i < s->processes; i++) {
        free(s->process[i].part);
    }
    free(s->row);
    free(s->category);
    free(s->by_time);
    free(s->process);
    *s = (struct scopes){0};
}
