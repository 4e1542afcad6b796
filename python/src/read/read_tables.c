/* What the journal says, as lists of small records: processes, labels, metrics, entities. */
#include "read_objects.h"

#include <string.h>
#include <sys/wait.h>

/* ---- the records: their fields are documented where reading.py names them ---- */

static PyStructSequence_Field process_fields[] = {
    {"entity", "its number in this recording: never given twice, as pids are"},
    {"pid", "process id, in the recorder's namespace"},
    {"parent_pid", "that of its parent at its birth, or None"},
    {"parent", "entity of its parent, or None where that was not recorded"},
    {"command", "its arguments, of the last program it became: a list of str"},
    {"comm", "its name, as the kernel has it: str"},
    {"exe", "the program's file, or None"},
    {"cwd", "its working directory, or None"},
    {"begin_s", "when it began, in s since the start: below 0 if before it; float, or None"},
    {"seen_s", "when it was first seen: float"},
    {"end_s", "when it was found to have ended: float, or None"},
    {"returncode", "exit code, or less than 0: of the signal that ended it; int, or None"},
    {"uid", "user: int"},
    {"inner_pid", "process id in its own namespace, or None"},
    {"exact", "whether the kernel's final account is recorded: bool"},
    {NULL, NULL},
};
static PyStructSequence_Field label_fields[] = {
    {"at_s", "when, in s since the start: float"},
    {"text", "what was said: str"},
    {"pid", "of the process that said it: int, or None"},
    {"entity", "the same, as its number in the recording: int, or None"},
    {"tid", "of the thread: int, or None"},
    {NULL, NULL},
};
static PyStructSequence_Field metric_fields[] = {
    {"of", "what has it: process, tree, recorder, machine, processor, disk, network or gpu"},
    {"name", "as docs/METRICS.md has it"},
    {"unit", "of the values that series() gives: s, bytes, count, …; empty for plain numbers"},
    {"kind", "sum: counts from the beginning and never falls; or gauge: how much there is now"},
    {NULL, NULL},
};
static PyStructSequence_Field site_fields[] = {
    {"name", "as the code gives it: str"},
    {"category", "as the code gives it; empty where it gave none: str"},
    {"count", "how many there were: int"},
    {NULL, NULL},
};
static PyStructSequence_Field entity_fields[] = {
    {"id", "its number in the recording: int"},
    {"of", "what it is: tree, recorder, machine, processor, disk, network or gpu"},
    {"name", "which one: 0, sda, eth0; empty for the tree, the recorder and the machine"},
    {NULL, NULL},
};

static PyStructSequence_Desc descriptions[] = {
    {"tacho.reading.Process", "A process of a recording.", process_fields, 15},
    {"tacho.reading.Label", "What a program said at one moment.", label_fields, 5},
    {"tacho.reading.Metric", "A quantity that was recorded.", metric_fields, 4},
    {"tacho.reading.Site", "A name under which a program marked.", site_fields, 3},
    {"tacho._read.Entity", "Something with series that is no process.", entity_fields, 3},
};

int tables_init(PyObject *module, struct read_state *state)
{
    PyTypeObject **types[] = {&state->process, &state->label, &state->metric, &state->site,
                              &state->entity};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        PyTypeObject *type = PyStructSequence_NewType(&descriptions[i]);
        *types[i] = type;
        const char *name = strrchr(descriptions[i].name, '.') + 1;
        if (type == NULL || PyObject_SetAttrString(module, name, (PyObject *)type) != 0)
            return -1;
    }
    return 0;
}

static struct read_state *state_of(struct recording_object *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

PyObject *record_of(PyTypeObject *type, PyObject **values, Py_ssize_t n)
{
    PyObject *record = PyStructSequence_New(type);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (record != NULL && values[i] != NULL) {
            PyStructSequence_SetItem(record, i, values[i]);
            continue;
        }
        Py_XDECREF(values[i]);
        Py_CLEAR(record);
    }
    return record;
}

/* Appends a record and lets go of it. Whether that went well. */
static bool append(PyObject *list, PyObject *record)
{
    int r = record == NULL ? -1 : PyList_Append(list, record);
    Py_XDECREF(record);
    return r == 0;
}

/* A list of what `record(self, i)` gives. */
static PyObject *list_of(struct recording_object *self,
                         size_t (*count)(const struct tacho_recording *rec),
                         PyObject *(*record)(struct recording_object *self, size_t i))
{
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < count(rec); i++)
        if (!append(list, record(self, i)))
            Py_CLEAR(list);
    recording_leave(self);
    return list;
}

/* ---- values that may be unknown ---- */

static PyObject *none(void)
{
    Py_RETURN_NONE;
}

static PyObject *id_or_none(int64_t id)
{
    return id > 0 ? PyLong_FromLongLong(id) : none();
}

static PyObject *text_or_none(const char *text)
{
    return text == NULL || text[0] == '\0' ? none() : text_of(text);
}

static PyObject *moment_or_none(const struct recording_object *self, uint64_t time_ns)
{
    return time_ns == TACHO_TIME_UNKNOWN
               ? none()
               : PyFloat_FromDouble(seconds_since(self->start_ns, time_ns));
}

static PyObject *returncode_of(const struct tacho_process *p)
{
    if ((p->flags & TACHO_PROCESS_STATUS) == 0)
        return none();
    if (WIFSIGNALED(p->wait_status))
        return PyLong_FromLong(-(long)WTERMSIG(p->wait_status));
    return WIFEXITED(p->wait_status) ? PyLong_FromLong(WEXITSTATUS(p->wait_status)) : none();
}

/* ---- processes and labels ---- */

static PyObject *process_record(struct recording_object *self, size_t i)
{
    const struct tacho_process *p = tacho_process(self->rec, i);
    PyObject *values[] = {
        PyLong_FromUnsignedLong(p->entity),
        id_or_none(p->pid),
        id_or_none(p->parent_pid),
        id_or_none(p->parent_entity),
        texts_of(p->argv, p->argv_bytes),
        text_of(p->comm == NULL ? "" : p->comm),
        text_or_none(p->exe),
        text_or_none(p->cwd),
        moment_or_none(self, p->start_ns == 0 ? TACHO_TIME_UNKNOWN : p->start_ns),
        moment_or_none(self, p->seen_ns),
        moment_or_none(self, p->end_ns),
        returncode_of(p),
        PyLong_FromUnsignedLong(p->uid),
        id_or_none(p->inner_pid),
        PyBool_FromLong(tacho_process_is_exact(p)),
    };
    return RECORD_OF(state_of(self)->process, values);
}

PyObject *recording_processes(struct recording_object *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, tacho_process_count, process_record);
}

static PyObject *label_record(struct recording_object *self, size_t i)
{
    const struct tacho_label *label = tacho_label_at(self->rec, i);
    const struct tacho_process *p = tacho_process_of(self->rec, label->entity);
    const struct tacho_marking_thread *thread = tacho_marking_thread_of(self->rec, label->thread);
    PyObject *values[] = {
        PyFloat_FromDouble(seconds_since(self->start_ns, label->time_ns)),
        text_of(label->text == NULL ? "" : label->text),
        id_or_none(p == NULL ? 0 : p->pid),
        id_or_none(label->entity),
        id_or_none(thread == NULL ? 0 : thread->tid),
    };
    return RECORD_OF(state_of(self)->label, values);
}

PyObject *recording_labels(struct recording_object *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, tacho_label_count, label_record);
}

/* ---- metrics and what has them ---- */

static const char *const kind_names[] = {
    [TACHO_PROCESS] = "process",     [TACHO_TREE] = "tree",
    [TACHO_RECORDER] = "recorder",   [TACHO_MACHINE] = "machine",
    [TACHO_PROCESSOR] = "processor", [TACHO_DISK] = "disk",
    [TACHO_NETWORK] = "network",     [TACHO_GPU] = "gpu",
    [TACHO_CGROUP] = "cgroup",       [TACHO_ENERGY] = "energy",
};
#define KINDS (sizeof kind_names / sizeof kind_names[0])

/* The units of series, as tacho export has them. */
static const char *unit_of(const char *unit)
{
    if (strcmp(unit, "ns") == 0)
        return "s";
    return strcmp(unit, "1/1000") == 0 ? "" : unit;
}

static PyObject *metric_record(struct recording_object *self, unsigned kind,
                               const struct tacho_metric *m)
{
    PyObject *values[] = {
        text_of(kind_names[kind]),
        text_of(m->name),
        text_of(unit_of(m->unit)),
        text_of(m->cumulative ? "sum" : "gauge"),
    };
    return RECORD_OF(state_of(self)->metric, values);
}

PyObject *recording_metrics(struct recording_object *self, PyObject *unused)
{
    (void)unused;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    PyObject *list = PyList_New(0);
    for (unsigned kind = TACHO_PROCESS; kind < KINDS; kind++)
        for (unsigned i = 0; list != NULL && i < tacho_metric_count(rec, kind); i++) {
            const struct tacho_metric *m = tacho_metric(rec, kind, i);
            /* Positions that a damaged file does not define have no name. */
            if (m->name == NULL || tacho_metric_find(rec, kind, m->name) != (int)i)
                continue;
            if (!append(list, metric_record(self, kind, m)))
                Py_CLEAR(list);
        }
    recording_leave(self);
    return list;
}

PyObject *recording_entities(struct recording_object *self, PyObject *unused)
{
    (void)unused;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < tacho_entity_count(rec); i++) {
        const struct tacho_entity *e = tacho_entity(rec, i);
        if (e->kind <= TACHO_PROCESS || e->kind >= KINDS || kind_names[e->kind] == NULL)
            continue;
        PyObject *values[] = {PyLong_FromUnsignedLong(e->id), text_of(kind_names[e->kind]),
                              text_of(e->name == NULL ? "" : e->name)};
        if (!append(list, RECORD_OF(state_of(self)->entity, values)))
            Py_CLEAR(list);
    }
    recording_leave(self);
    return list;
}
