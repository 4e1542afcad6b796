/*
 * tacho._read: recordings for Python. Everything here is raw and in C; reading.py gives it its face.
 */
#include "read_objects.h"

#include <errno.h>
#include <string.h>

/* ---- one thread at a time ---- */

struct tacho_recording *recording_enter(struct recording_object *self)
{
    unsigned long me = PyThread_get_thread_ident();
    if (self->lock == NULL) { /* object.__new__ made it, not open() */
        PyErr_SetString(PyExc_ValueError, "no recording");
        return NULL;
    }
    if (self->held && self->owner == me) {
        PyErr_SetString(PyExc_RuntimeError, "this recording is being read by this thread");
        return NULL;
    }
    if (!PyThread_acquire_lock(self->lock, NOWAIT_LOCK)) {
        Py_BEGIN_ALLOW_THREADS;
        PyThread_acquire_lock(self->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
    }
    self->held = true;
    self->owner = me;
    if (self->rec != NULL)
        return self->rec;
    recording_leave(self);
    PyErr_SetString(PyExc_ValueError, "the recording is closed");
    return NULL;
}

void recording_leave(struct recording_object *self)
{
    self->held = false;
    PyThread_release_lock(self->lock);
}

/* ---- errors and texts ---- */

PyObject *raise_errno(int r)
{
    if (r == -ENOMEM)
        return PyErr_NoMemory();
    if (r == -E2BIG || r == -EPROTO) {
        PyErr_SetString(PyExc_ValueError, "the recording holds more than a file of its size may");
        return NULL;
    }
    errno = -r;
    return PyErr_SetFromErrno(PyExc_OSError);
}

/* What is wrong with a file that cannot be opened. Always NULL. */
static PyObject *raise_error(int r, const struct tacho_error *error, PyObject *path)
{
    PyObject *message = NULL;
    if (r != -EPROTO && r != -EPROTONOSUPPORT && r != -ENODATA) {
        errno = -r;
        return r == -ENOMEM ? PyErr_NoMemory()
                            : PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    message = text_of(error->message);
    if (message == NULL)
        return NULL;
    bool foreign = r == -EPROTO && strstr(error->message, "not a tacho recording") != NULL;
    PyErr_Format(PyExc_ValueError, "%U%s", message,
                 foreign
                     ? "; if it is the log of another tool, make one of it: tacho import LOG -o "
                       "NEW.tacho"
                     : "");
    Py_DECREF(message);
    return NULL;
}

PyObject *text_of(const char *text)
{
    if (text == NULL)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

PyObject *texts_of(const char *texts, size_t bytes)
{
    PyObject *list = PyList_New(0);
    for (size_t at = 0; list != NULL && at < bytes;) {
        size_t n = strnlen(texts + at, bytes - at);
        PyObject *text = PyUnicode_DecodeUTF8(texts + at, (Py_ssize_t)n, "surrogateescape");
        if (text == NULL || PyList_Append(list, text) != 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
        at += n + 1;
    }
    return list;
}

/* ---- opening and closing ---- */

/* As the summary and the export have it. */
static uint64_t start_of(const struct tacho_recording *rec)
{
    uint64_t start;
    bool told = tacho_fact_number(rec, "started_ns", &start) && start <= tacho_last_ns(rec);
    return told ? start : tacho_first_ns(rec);
}

static PyObject *recording_new(struct read_state *state, struct tacho_recording *rec)
{
    struct recording_object *self = PyObject_New(struct recording_object, state->recording);
    if (self != NULL) {
        self->rec = rec;
        self->held = false;
        self->owner = 0;
        self->start_ns = start_of(rec);
        self->lock = PyThread_allocate_lock();
        if (self->lock != NULL)
            return (PyObject *)self;
        self->rec = NULL;
        Py_DECREF(self);
        PyErr_NoMemory();
    }
    tacho_recording_close(rec);
    return NULL;
}

static PyObject *read_open(PyObject *module, PyObject *path)
{
    struct tacho_recording *rec;
    struct tacho_error error;
    PyObject *bytes;
    int r;
    if (!PyUnicode_FSConverter(path, &bytes))
        return NULL;
    const char *name = PyBytes_AS_STRING(bytes);
    Py_BEGIN_ALLOW_THREADS;
    r = tacho_recording_open(name, &rec, &error);
    Py_END_ALLOW_THREADS;
    Py_DECREF(bytes);
    return r != 0 ? raise_error(r, &error, path) : recording_new(PyModule_GetState(module), rec);
}

static void recording_dealloc(struct recording_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct tacho_recording *rec = self->rec;
    Py_BEGIN_ALLOW_THREADS;
    tacho_recording_close(rec);
    Py_END_ALLOW_THREADS;
    if (self->lock != NULL)
        PyThread_free_lock(self->lock);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *recording_close(struct recording_object *self, PyObject *none)
{
    (void)none;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return NULL;
        PyErr_Clear(); /* closed already */
        Py_RETURN_NONE;
    }
    self->rec = NULL;
    Py_BEGIN_ALLOW_THREADS;
    tacho_recording_close(rec);
    Py_END_ALLOW_THREADS;
    recording_leave(self);
    Py_RETURN_NONE;
}

static PyObject *recording_refresh(struct recording_object *self, PyObject *none)
{
    (void)none;
    struct tacho_recording *rec = recording_enter(self);
    struct tacho_error error;
    int r;
    if (rec == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    r = tacho_recording_refresh(rec, &error);
    self->start_ns = start_of(rec);
    Py_END_ALLOW_THREADS;
    recording_leave(self);
    return r < 0 ? raise_error(r, &error, Py_None) : PyLong_FromLong(r);
}

/* ---- facts ---- */

static PyObject *fact_value(const char *key, const char *text, size_t bytes, uint64_t number)
{
    static const char *const lists[] = {"command", "root_pids", "imported_from"};
    if (text == NULL)
        return PyLong_FromUnsignedLongLong(number);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strcmp(key, lists[i]) == 0)
            return texts_of(text, bytes);
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)bytes, "surrogateescape");
}

static PyObject *recording_facts(struct recording_object *self, PyObject *none)
{
    (void)none;
    struct tacho_recording *rec = recording_enter(self);
    PyObject *facts = rec != NULL ? PyDict_New() : NULL;
    for (size_t i = 0; facts != NULL && i < tacho_fact_count(rec); i++) {
        const char *text;
        size_t bytes;
        uint64_t number;
        const char *key = tacho_fact(rec, i, &text, &bytes, &number);
        PyObject *name = text_of(key), *value = fact_value(key, text, bytes, number);
        if (name == NULL || value == NULL || PyDict_SetItem(facts, name, value) != 0)
            Py_CLEAR(facts);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    if (rec != NULL)
        recording_leave(self);
    return facts;
}

static PyObject *recording_span(struct recording_object *self, PyObject *none)
{
    (void)none;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    uint64_t real_ns;
    if (!tacho_fact_number(rec, "started_real_ns", &real_ns))
        real_ns = tacho_real_ns(rec, self->start_ns);
    double last = seconds_since(self->start_ns, tacho_last_ns(rec));
    recording_leave(self);
    return Py_BuildValue("dK", last, (unsigned long long)real_ns);
}

static PyObject *recording_salvage(struct recording_object *self, PyObject *none)
{
    (void)none;
    struct tacho_recording *rec = recording_enter(self);
    if (rec == NULL)
        return NULL;
    struct tacho_salvage s = *tacho_recording_salvage(rec);
    struct tacho_lost_marks lost = *tacho_lost_marks(rec, 0);
    recording_leave(self);
    typedef unsigned long long number;
    return Py_BuildValue("{sKsKsKsKsKsNsKsKsK}", "file_bytes", (number)s.file_bytes, "lost_bytes",
                         (number)s.lost_bytes, "lost_stretches", (number)s.lost_stretches,
                         "missing_blocks", (number)s.missing_blocks, "undecodable_blocks",
                         (number)s.undecodable_blocks, "ended", PyBool_FromLong(s.ended),
                         "lost_scopes", (number)lost.scopes, "lost_marks", (number)lost.others,
                         "unbalanced_ends", (number)lost.unbalanced);
}

/* ---- the module ---- */

static PyMethodDef recording_methods[] = {
    {"close", (PyCFunction)recording_close, METH_NOARGS, NULL},
    {"refresh", (PyCFunction)recording_refresh, METH_NOARGS, NULL},
    {"facts", (PyCFunction)recording_facts, METH_NOARGS, NULL},
    {"span", (PyCFunction)recording_span, METH_NOARGS, NULL},
    {"salvage", (PyCFunction)recording_salvage, METH_NOARGS, NULL},
    {"processes", (PyCFunction)recording_processes, METH_NOARGS, NULL},
    {"labels", (PyCFunction)recording_labels, METH_NOARGS, NULL},
    {"metrics", (PyCFunction)recording_metrics, METH_NOARGS, NULL},
    {"entities", (PyCFunction)recording_entities, METH_NOARGS, NULL},
    {"series", (PyCFunction)recording_series, METH_VARARGS, NULL},
    {"samples", (PyCFunction)recording_samples, METH_O, NULL},
    {"scopes", (PyCFunction)recording_scopes, METH_VARARGS, NULL},
    {"counters", (PyCFunction)recording_counters, METH_VARARGS, NULL},
    {"sites", (PyCFunction)recording_sites, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot recording_slots[] = {
    {Py_tp_doc, "An open recording; reading.Recording is its face."},
    {Py_tp_dealloc, recording_dealloc},
    {Py_tp_methods, recording_methods},
    {0, NULL},
};

static PyType_Spec recording_spec = {
    .name = "tacho._read.Recording",
    .basicsize = sizeof(struct recording_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = recording_slots,
};

static PyTypeObject *make_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL)
        ((PyTypeObject *)type)->tp_new = NULL; /* made here, never called into being */
    return (PyTypeObject *)type;
}

static int module_exec(PyObject *module)
{
    struct read_state *state = PyModule_GetState(module);
    state->recording = make_type(module, &recording_spec);
    state->column = make_type(module, &column_spec);
    if (state->recording == NULL || state->column == NULL)
        return -1;
    return tables_init(module, state);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct read_state *state = PyModule_GetState(module);
    Py_VISIT(state->recording);
    Py_VISIT(state->column);
    Py_VISIT(state->process);
    Py_VISIT(state->label);
    Py_VISIT(state->metric);
    Py_VISIT(state->site);
    Py_VISIT(state->entity);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct read_state *state = PyModule_GetState(module);
    Py_CLEAR(state->recording);
    Py_CLEAR(state->column);
    Py_CLEAR(state->process);
    Py_CLEAR(state->label);
    Py_CLEAR(state->metric);
    Py_CLEAR(state->site);
    Py_CLEAR(state->entity);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyMethodDef module_methods[] = {
    {"open", read_open, METH_O, "Opens a recording: str, bytes or path."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tacho._read",
    .m_doc = "Recordings, raw. Use tacho.open().",
    .m_size = sizeof(struct read_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__read(void);

PyMODINIT_FUNC PyInit__read(void)
{
    return PyModuleDef_Init(&module_def);
}
