/* Scopes and counters as arrays: each occurrence of one name. */
#include "read_objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/scope_stacks.h"

/* ---- which marks are wanted ---- */

struct wanted {
    PyObject *name, *category, *thread; /* bytes; NULL: any */
    int pid, tid;                       /* 0: any */
    unsigned int entity;
    const struct tacho_recording *rec;
    bool *site; /* by place; the last is for sites of which the record is lost */
};

/* Converter: str, or None for NULL. Names are any bytes but NUL. */
static int bytes_or_null(PyObject *value, void *ret)
{
    PyObject **bytes = ret;
    char *text;
    if (value == NULL) { /* the call failed on a later argument */
        Py_CLEAR(*bytes);
        return 1;
    }
    if (value == Py_None)
        return 1;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "a name must be str, not %.80s", Py_TYPE(value)->tp_name);
        return 0;
    }
    *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
    if (*bytes == NULL || PyBytes_AsStringAndSize(*bytes, &text, NULL) != 0) {
        Py_CLEAR(*bytes);
        return 0;
    }
    return Py_CLEANUP_SUPPORTED;
}

static void wanted_done(struct wanted *w)
{
    Py_XDECREF(w->name);
    Py_XDECREF(w->category);
    Py_XDECREF(w->thread);
    free(w->site);
}

/* (name, category, pid, entity, tid, thread). Whether they are right; else an exception is set. */
static bool wanted_parse(struct wanted *w, PyObject *args)
{
    return PyArg_ParseTuple(args, "O&O&iIiO&", bytes_or_null, &w->name, bytes_or_null, &w->category,
                            &w->pid, &w->entity, &w->tid, bytes_or_null, &w->thread) != 0;
}

static bool same(PyObject *bytes, const char *text)
{
    return bytes == NULL || strcmp(PyBytes_AS_STRING(bytes), text) == 0;
}

static int wanted_sites(struct wanted *w, const struct tacho_recording *rec)
{
    size_t n = tacho_site_count(rec);
    w->rec = rec;
    w->site = calloc(n + 1, sizeof *w->site);
    for (size_t i = 0; w->site != NULL && i < n; i++) {
        const struct tacho_site *site = tacho_site(rec, i);
        w->site[i] = same(w->name, site->name) && same(w->category, site->category);
    }
    return w->site == NULL ? -ENOMEM : 0;
}

static bool wanted_thread(const struct wanted *w, const struct tacho_marking_thread *thread)
{
    const struct tacho_process *p = w->pid == 0 ? NULL : tacho_process_of(w->rec, thread->entity);
    return (w->pid == 0 || (p != NULL && p->pid == w->pid)) &&
           (w->entity == 0 || thread->entity == w->entity) &&
           (w->tid == 0 || thread->tid == w->tid) && same(w->thread, thread->name);
}

/* ---- scopes ---- */

struct span {
    uint64_t begin_ns, end_ns;
};

struct gathering {
    const struct wanted *wanted;
    struct numbers spans;
};

static int take_thread(void *user, struct scope_thread *t)
{
    const struct gathering *g = user;
    t->process = wanted_thread(g->wanted, t->thread);
    return 0;
}

static int take_scope(void *user, struct scope_thread *t, struct scope_frame *frame,
                      const struct scope_end *end)
{
    struct gathering *g = user;
    if (t->process == 0 || !g->wanted->site[frame->site])
        return 0;
    struct span *span = numbers_more(&g->spans);
    if (span == NULL)
        return -ENOMEM;
    *span = (struct span){frame->begin_ns, frame->begin_ns + scope_duration(frame, end)};
    return 0;
}

/* By their begins, the longer one first where two began at once. */
static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    return (x->end_ns < y->end_ns) - (x->end_ns > y->end_ns);
}

static void sort(struct numbers *n, int (*compare)(const void *a, const void *b))
{
    const char *at = n->at;
    for (size_t i = 1; i < n->count; i++)
        if (compare(at + (i - 1) * n->item_bytes, at + i * n->item_bytes) > 0) {
            qsort(n->at, n->count, n->item_bytes, compare);
            return;
        }
}

/* Two times of 64 bits become two doubles, where they lie. */
static void spans_in_seconds(struct numbers *n, uint64_t start_ns)
{
    struct span *span = n->at;
    for (size_t i = 0; i < n->count; i++) {
        double seconds[] = {seconds_since(start_ns, span[i].begin_ns),
                            seconds_since(start_ns, span[i].end_ns)};
        memcpy(&span[i], seconds, sizeof seconds);
    }
}

static int gather_scopes(struct recording_object *self, struct wanted *w, struct numbers *ret)
{
    struct gathering g = {w, {.item_bytes = sizeof(struct span)}};
    const struct scope_listener listener = {.user = &g, .thread = take_thread, .end = take_scope};
    struct scope_losses losses;
    int r = wanted_sites(w, self->rec);
    if (r == 0)
        r = scope_stacks_run(self->rec, &listener, &losses);
    if (r == 0) {
        sort(&g.spans, compare_spans);
        spans_in_seconds(&g.spans, self->start_ns);
    }
    *ret = g.spans;
    return r;
}

PyObject *recording_scopes(struct recording_object *self, PyObject *args)
{
    struct wanted w = {0};
    struct numbers spans = {.item_bytes = sizeof(struct span)};
    if (!wanted_parse(&w, args))
        return NULL;
    PyObject *column = NULL;
    if (recording_enter(self) != NULL) {
        int r;
        Py_BEGIN_ALLOW_THREADS;
        r = gather_scopes(self, &w, &spans);
        Py_END_ALLOW_THREADS;
        recording_leave(self);
        struct read_state *state = PyType_GetModuleState(Py_TYPE(self));
        column = r != 0 ? raise_errno(r) : column_of(state, &spans, 2, 'd');
    }
    numbers_done(&spans);
    wanted_done(&w);
    return column;
}

/* ---- counters ---- */

struct reading {
    uint64_t time_ns, order; /* in which it stands in the file: of two at once the later holds */
    double value;
};

static int compare_readings(const void *a, const void *b)
{
    const struct reading *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Places of sites by id, for marks name sites by their ids. */
static int index_sites(const struct wanted *w, struct map *ret)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < tacho_site_count(w->rec); i++)
        if (w->site[i] && tacho_site(w->rec, i)->id != 0)
            r = map_put(ret, tacho_site(w->rec, i)->id, i);
    return r;
}

static int take_reading(const struct wanted *w, const struct map *sites,
                        const struct tacho_mark *mark, struct numbers *ret)
{
    if (mark->kind != TACHO_MARK_COUNTER || mark->site == 0 || map_get(sites, mark->site) == NULL)
        return 0;
    const struct tacho_marking_thread *thread = tacho_marking_thread_of(w->rec, mark->thread);
    if (thread == NULL || !wanted_thread(w, thread))
        return 0;
    uint64_t order = ret->count;
    struct reading *reading = numbers_more(ret);
    if (reading == NULL)
        return -ENOMEM;
    *reading = (struct reading){mark->time_ns, order, mark->value};
    return 0;
}

static int walk_counters(struct tacho_recording *rec, const struct wanted *w,
                         const struct map *sites, struct numbers *ret)
{
    struct tacho_marks *walk;
    struct tacho_mark mark;
    int r = tacho_marks_open(rec, &walk);
    if (r != 0)
        return r;
    while ((r = tacho_marks_next(walk, &mark)) == 1) {
        r = take_reading(w, sites, &mark, ret);
        if (r != 0)
            break;
    }
    tacho_marks_close(walk);
    return r;
}

static int gather_counters(struct recording_object *self, struct wanted *w, struct numbers *times,
                           struct numbers *values)
{
    struct numbers readings = {.item_bytes = sizeof(struct reading)};
    struct map sites = {0};
    int r = wanted_sites(w, self->rec);
    if (r == 0)
        r = index_sites(w, &sites);
    if (r == 0 && sites.count > 0)
        r = walk_counters(self->rec, w, &sites, &readings);
    sort(&readings, compare_readings);
    const struct reading *reading = readings.at;
    for (size_t i = 0; r == 0 && i < readings.count; i++) {
        numbers_put_double(times, seconds_since(self->start_ns, reading[i].time_ns));
        numbers_put_double(values, reading[i].value);
    }
    numbers_done(&readings);
    map_done(&sites);
    return r;
}

PyObject *recording_counters(struct recording_object *self, PyObject *args)
{
    struct wanted w = {0};
    struct numbers times = {.item_bytes = 8}, values = {.item_bytes = 8};
    if (!wanted_parse(&w, args))
        return NULL;
    PyObject *pair = NULL;
    if (recording_enter(self) != NULL) {
        int r;
        Py_BEGIN_ALLOW_THREADS;
        r = gather_counters(self, &w, &times, &values);
        Py_END_ALLOW_THREADS;
        recording_leave(self);
        struct read_state *state = PyType_GetModuleState(Py_TYPE(self));
        PyObject *first = r != 0 ? raise_errno(r) : column_of(state, &times, 1, 'd');
        PyObject *second = first != NULL ? column_of(state, &values, 1, 'd') : NULL;
        pair = second != NULL ? PyTuple_Pack(2, first, second) : NULL;
        Py_XDECREF(first);
        Py_XDECREF(second);
    }
    numbers_done(&times);
    numbers_done(&values);
    wanted_done(&w);
    return pair;
}

/* ---- names ---- */

/* Of each site, by place, and of those whose record is lost. */
struct tally {
    const struct tacho_recording *rec;
    uint64_t *scopes, *values;
    struct map place; /* of a site by id */
    size_t sites;
};

static int count_scope(void *user, struct scope_thread *t, struct scope_frame *frame)
{
    struct tally *tally = user;
    (void)t;
    tally->scopes[frame->site]++;
    return 0;
}

static size_t place_of(const struct tally *tally, uint32_t id)
{
    const uint64_t *place = id == 0 ? NULL : map_get(&tally->place, id);
    return place != NULL ? *place : tally->sites;
}

static int count_value(void *user, struct scope_thread *t, const struct tacho_mark *mark)
{
    struct tally *tally = user;
    (void)t;
    tally->values[place_of(tally, mark->site)]++;
    return 0;
}

static int tally_make(struct tacho_recording *rec, struct tally *ret)
{
    const struct scope_listener listener = {
        .user = ret, .begin = count_scope, .counter = count_value};
    struct scope_losses losses;
    int r = 0;
    ret->rec = rec;
    ret->sites = tacho_site_count(rec);
    ret->scopes = calloc(ret->sites + 1, sizeof *ret->scopes);
    ret->values = calloc(ret->sites + 1, sizeof *ret->values);
    if (ret->scopes == NULL || ret->values == NULL)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < ret->sites; i++)
        if (tacho_site(rec, i)->id != 0)
            r = map_put(&ret->place, tacho_site(rec, i)->id, i);
    if (r == 0)
        r = scope_stacks_run(rec, &listener, &losses);
    for (size_t i = 0; r == 0 && i < tacho_total_count(rec); i++) {
        const struct tacho_total *total = tacho_total(rec, i);
        ret->scopes[place_of(ret, total->site)] += total->count;
    }
    return r;
}

/* A list of the sites that were met, each with how often. */
static PyObject *tally_list(const struct tally *tally, PyTypeObject *type, const uint64_t *count)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < tally->sites; i++) {
        const struct tacho_site *site = tacho_site(tally->rec, i);
        if (count[i] == 0)
            continue;
        PyObject *values[] = {text_of(site->name), text_of(site->category),
                              PyLong_FromUnsignedLongLong(count[i])};
        PyObject *record = RECORD_OF(type, values);
        if (record == NULL || PyList_Append(list, record) != 0)
            Py_CLEAR(list);
        Py_XDECREF(record);
    }
    return list;
}

PyObject *recording_sites(struct recording_object *self, PyObject *unused)
{
    (void)unused;
    struct tally tally = {0};
    PyObject *pair = NULL;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    int r;
    Py_BEGIN_ALLOW_THREADS;
    r = tally_make(rec, &tally);
    Py_END_ALLOW_THREADS;
    if (r != 0) {
        raise_errno(r);
    } else {
        PyTypeObject *type = ((struct read_state *)PyType_GetModuleState(Py_TYPE(self)))->site;
        PyObject *scopes = tally_list(&tally, type, tally.scopes);
        PyObject *counters = scopes != NULL ? tally_list(&tally, type, tally.values) : NULL;
        pair = counters != NULL ? PyTuple_Pack(2, scopes, counters) : NULL;
        Py_XDECREF(scopes);
        Py_XDECREF(counters);
    }
    recording_leave(self);
    free(tally.scopes);
    free(tally.values);
    map_done(&tally.place);
    return pair;
}
