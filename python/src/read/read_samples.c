/* Series of one entity, and the samples of all processes as a table. */
#include "read_objects.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "format/metric.h"

#define METRICS 64 /* of a kind, at most: <tacho/recording.h> */

/* What a recorded value is divided by to be in the unit of a series. */
static double divisor_of(const char *unit)
{
    if (strcmp(unit, "ns") == 0)
        return 1e9;
    return strcmp(unit, "1/1000") == 0 ? 1e3 : 1;
}

static unsigned kind_of(const struct tacho_recording *rec, uint32_t entity)
{
    if (tacho_process_of(rec, entity) != NULL)
        return TACHO_PROCESS;
    for (size_t i = 0; i < tacho_entity_count(rec); i++)
        if (tacho_entity(rec, i)->id == entity)
            return tacho_entity(rec, i)->kind;
    return 0;
}

/* ---- a series ---- */

/* Whole numbers of 64 bits become doubles where they lie. */
static struct numbers as_doubles(uint64_t *number, size_t count, uint64_t from, double divisor)
{
    for (size_t i = 0; i < count; i++) {
        double value = number[i] >= from ? (double)(number[i] - from) / divisor
                                         : -((double)(from - number[i]) / divisor);
        memcpy(&number[i], &value, sizeof value);
    }
    return (struct numbers){number, count, count, sizeof(double), false};
}

static PyObject *pair_of(PyObject *first, PyObject *second)
{
    PyObject *pair = first != NULL && second != NULL ? PyTuple_Pack(2, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    return pair;
}

PyObject *recording_series(struct recording_object *self, PyObject *args)
{
    unsigned int entity;
    const char *name;
    struct tacho_series series = {0};
    struct numbers times, values;
    if (!PyArg_ParseTuple(args, "Is", &entity, &name))
        return NULL;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    int position, r = -ENOENT;
    Py_BEGIN_ALLOW_THREADS;
    unsigned kind = kind_of(rec, entity);
    position = kind == 0 ? -1 : tacho_metric_find(rec, kind, name);
    if (position >= 0)
        r = tacho_series_read(rec, entity, (unsigned)position, 0, UINT64_MAX, &series);
    if (r == 0) {
        double divisor = divisor_of(tacho_metric(rec, kind, (unsigned)position)->unit);
        times = as_doubles(series.time_ns, series.count, self->start_ns, 1e9);
        values = as_doubles(series.value, series.count, 0, divisor);
    }
    Py_END_ALLOW_THREADS;
    recording_leave(self);
    if (position < 0) {
        PyErr_SetString(PyExc_KeyError, name);
        return NULL;
    }
    if (r != 0)
        return raise_errno(r);
    struct read_state *state = PyType_GetModuleState(Py_TYPE(self));
    PyObject *first = column_of(state, &times, 1, 'd');
    return pair_of(first, column_of(state, &values, 1, 'd'));
}

/* ---- the samples of all processes ---- */

struct table {
    struct numbers time, pid, entity;
    unsigned columns;
    int position[METRICS];
    double divisor[METRICS];
    struct numbers column[METRICS];
    uint64_t steady;    /* metrics that do not change while the process does not run */
    struct map current; /* entity -> what held at the tick before */
};

static void table_init(struct table *t)
{
    t->time.item_bytes = t->pid.item_bytes = t->entity.item_bytes = 8;
    for (unsigned i = 0; i < METRICS; i++)
        t->column[i].item_bytes = 8;
}

static void table_done(struct table *t)
{
    numbers_done(&t->time);
    numbers_done(&t->pid);
    numbers_done(&t->entity);
    for (unsigned i = 0; i < t->columns; i++)
        numbers_done(&t->column[i]);
    map_done(&t->current);
}

/* Which values hold at this tick, by the rule of tacho export: sampled, or known to be unchanged. */
static int hold(struct table *t, const struct tacho_sample *s, uint64_t *ret)
{
    uint64_t *before = map_get(&t->current, s->entity);
    uint64_t kept = s->idle && before != NULL ? *before & t->steady : 0;
    *ret = s->known & (s->fresh | kept);
    if (before != NULL)
        *before = *ret;
    return before != NULL ? 0 : map_put(&t->current, s->entity, *ret);
}

static int put_row(struct table *t, const struct tacho_recording *rec, uint64_t start_ns,
                   const struct tacho_sample *s)
{
    const struct tacho_process *p = tacho_process_of(rec, s->entity);
    uint64_t held;
    if (s->entity == 0 || (s->fresh == 0 && !s->idle))
        return 0;
    int r = hold(t, s, &held);
    numbers_put_double(&t->time, seconds_since(start_ns, s->time_ns));
    numbers_put_int(&t->pid, p != NULL ? p->pid : 0);
    numbers_put_int(&t->entity, s->entity);
    bool failed = t->time.failed || t->pid.failed || t->entity.failed;
    for (unsigned i = 0; i < t->columns; i++) {
        bool known = (held >> t->position[i] & 1) != 0;
        numbers_put_double(&t->column[i],
                           known ? (double)s->value[t->position[i]] / t->divisor[i] : NAN);
        failed |= t->column[i].failed;
    }
    return failed ? -ENOMEM : r;
}

static int fill(struct table *t, struct tacho_recording *rec, uint64_t start_ns)
{
    struct tacho_walk *walk;
    struct tacho_sample sample;
    int r = tacho_walk_open(rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk);
    if (r != 0)
        return r;
    while ((r = tacho_walk_next(walk, &sample)) == 1) {
        r = put_row(t, rec, start_ns, &sample);
        if (r != 0)
            break;
    }
    tacho_walk_close(walk);
    return r;
}

/* The columns that are wanted. 0, or -1 with an exception. */
static int choose(struct table *t, const struct tacho_recording *rec, PyObject *names)
{
    if (!PyTuple_Check(names) || PyTuple_GET_SIZE(names) > METRICS) {
        PyErr_Format(PyExc_TypeError, "metrics must be a tuple of at most %d names", METRICS);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        const char *name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, i));
        int position = name == NULL ? -1 : tacho_metric_find(rec, TACHO_PROCESS, name);
        if (position < 0) {
            if (name != NULL)
                PyErr_SetString(PyExc_KeyError, name);
            return -1;
        }
        const struct tacho_metric *m = tacho_metric(rec, TACHO_PROCESS, (unsigned)position);
        t->position[t->columns] = position;
        t->divisor[t->columns++] = divisor_of(m->unit);
        if (!metric_changes_when_idle(m->name))
            t->steady |= UINT64_C(1) << position;
    }
    return 0;
}

static PyObject *table_object(struct table *t, struct read_state *state)
{
    PyObject *columns = PyTuple_New(t->columns);
    for (unsigned i = 0; columns != NULL && i < t->columns; i++) {
        PyObject *column = column_of(state, &t->column[i], 1, 'd');
        if (column == NULL)
            Py_CLEAR(columns);
        else
            PyTuple_SET_ITEM(columns, (Py_ssize_t)i, column);
    }
    if (columns == NULL)
        return NULL;
    PyObject *time = column_of(state, &t->time, 1, 'd');
    PyObject *pid = time != NULL ? column_of(state, &t->pid, 1, 'q') : NULL;
    PyObject *entity = pid != NULL ? column_of(state, &t->entity, 1, 'q') : NULL;
    PyObject *all = entity != NULL ? PyTuple_Pack(4, time, pid, entity, columns) : NULL;
    Py_XDECREF(time);
    Py_XDECREF(pid);
    Py_XDECREF(entity);
    Py_DECREF(columns);
    return all;
}

PyObject *recording_samples(struct recording_object *self, PyObject *names)
{
    struct table t = {.columns = 0};
    PyObject *table = NULL;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    table_init(&t);
    int r = 0;
    if (choose(&t, rec, names) == 0) {
        Py_BEGIN_ALLOW_THREADS;
        r = fill(&t, rec, self->start_ns);
        Py_END_ALLOW_THREADS;
        table = r != 0 ? raise_errno(r) : table_object(&t, PyType_GetModuleState(Py_TYPE(self)));
    }
    recording_leave(self);
    table_done(&t);
    return table;
}
