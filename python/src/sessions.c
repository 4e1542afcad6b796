/*
 * A program that records itself, and lines of process data for its log. Nothing here waits for another
 * thread, or reads the kernel's files, with the interpreter's lock held.
 */
#include <errno.h>
#include <unistd.h>

#include "module.h"
#include "record/own_arrival.h"
#include "record/own_log.h"
#include "record/own_recording.h"
#include "record/recording_name.h"

/* ---- recording ---- */

static PyObject *os_error(int error, PyObject *path)
{
    errno = -error;
    return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
}

static PyObject *start(PyObject *module, PyObject *args)
{
    PyObject *path, *bytes;
    double interval_s;
    int replace, rank, ranks;
    (void)module;
    if (!PyArg_ParseTuple(args, "Odpii", &path, &interval_s, &replace, &rank, &ranks) ||
        !PyUnicode_FSConverter(path, &bytes))
        return NULL;
    struct tacho_options o = {.size = sizeof o,
                              .path = PyBytes_AS_STRING(bytes),
                              .replace = replace,
                              .interval_s = interval_s,
                              .rank = rank,
                              .ranks = ranks};
    int r;
    Py_BEGIN_ALLOW_THREADS;
    r = tacho_start(&o);
    Py_END_ALLOW_THREADS;
    Py_DECREF(bytes);
    if (r == -EALREADY)
        return PyErr_Format(PyExc_RuntimeError,
                            "this program is recorded already: end that with tacho.stop()");
    if (r == -EINVAL)
        return PyErr_Format(PyExc_ValueError, "interval must be from 0.001 to 86400 seconds");
    if (r != 0)
        return os_error(r, path);
    Py_RETURN_NONE;
}

static PyObject *done(int r)
{
    if (r == -ENOENT)
        return PyErr_Format(PyExc_RuntimeError,
                            "nothing is recorded: begin with tacho.start() or tacho.recording()");
    if (r != 0)
        return os_error(r, NULL);
    Py_RETURN_NONE;
}

static PyObject *stop(PyObject *module, PyObject *unused)
{
    int r;
    (void)module;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS;
    r = tacho_stop();
    Py_END_ALLOW_THREADS;
    return done(r);
}

static PyObject *flush(PyObject *module, PyObject *unused)
{
    int r;
    (void)module;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS;
    r = tacho_flush();
    Py_END_ALLOW_THREADS;
    return done(r);
}

/* What TACHO_MARKS is to hold for programs that this one starts; "" if it records nothing itself. */
static PyObject *variable(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyUnicode_DecodeFSDefault(own_recording_variable());
}

static PyObject *file_name(PyObject *module, PyObject *args)
{
    PyObject *program;
    char name[256];
    int of, ranks;
    struct rank rank;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&ii", PyUnicode_FSConverter, &program, &of, &ranks))
        return NULL;
    rank_of_this_process((uint64_t)of, (uint64_t)ranks, &rank);
    recording_name(PyBytes_AS_STRING(program), &rank, name, sizeof name);
    Py_DECREF(program);
    return PyUnicode_DecodeFSDefault(name);
}

static PyObject *arrive(PyObject *module, PyObject *args)
{
    PyObject *program;
    int rank, ranks;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&ii", PyUnicode_FSConverter, &program, &rank, &ranks))
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    own_arrival(PyBytes_AS_STRING(program), rank, ranks);
    Py_END_ALLOW_THREADS;
    Py_DECREF(program);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    flush_doc,
    "flush()\n"
    "--\n"
    "\n"
    "Writes all that was marked so far into the recording's file, with a sample taken now.\n"
    "\n"
    "For whoever reads the file while it grows; other threads run meanwhile. stop() and the end\n"
    "of the program do it anyway; under `tacho record` nothing has to be done.\n"
    "\n"
    "Raises:\n"
    "    RuntimeError: this process records nothing.\n"
    "    OSError: it cannot be written.");

PyMethodDef session_methods[] = {
    {"_start", start, METH_VARARGS, "_start(path, interval, replace, rank, ranks)"},
    {"_stop", stop, METH_NOARGS, NULL},
    {"flush", flush, METH_NOARGS, flush_doc},
    {"_variable", variable, METH_NOARGS, NULL},
    {"_file_name", file_name, METH_VARARGS, NULL},
    {"_arrive", arrive, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* ---- lines ---- */

struct lines {
    PyObject_HEAD struct own_log *log; /* NULL: closed */
    pid_t pid;                         /* a forked child has none */
    bool busy;                         /* making a line */
};

/* The line that was made last, of the thread that makes it. */
static __thread char *made __attribute__((tls_model("initial-exec")));

static void keep_line(void *user, const char *line)
{
    (void)user;
    made = strdup(line);
}

static PyObject *lines_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    if (PyTuple_GET_SIZE(args) > 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0))
        return PyErr_Format(PyExc_TypeError, "lines() takes no arguments");
    struct lines *l = PyObject_New(struct lines, type);
    if (l == NULL)
        return NULL;
    l->log = NULL;
    l->busy = false;
    l->pid = getpid();
    int r = own_log_new(keep_line, NULL, &l->log);
    if (r != 0) {
        Py_DECREF(l);
        return os_error(r, NULL);
    }
    return (PyObject *)l;
}

/* line(kind): 0 any, 1 the first, 2 the last. */
static PyObject *lines_line(PyObject *self, PyObject *kind)
{
    struct lines *l = (struct lines *)self;
    long which = PyLong_AsLong(kind);
    if (which == -1 && PyErr_Occurred())
        return NULL;
    if (l->log == NULL || l->pid != getpid() || l->busy || which < 0 || which > LOG_LINE_LAST)
        return PyErr_Format(PyExc_RuntimeError, "no line can be made of this now");
    l->busy = true;
    char *line;
    Py_BEGIN_ALLOW_THREADS;
    made = NULL;
    own_log_put(l->log, (enum log_line_kind)which);
    line = made;
    Py_END_ALLOW_THREADS;
    l->busy = false;
    if (line == NULL)
        return PyErr_NoMemory();
    PyObject *text = PyUnicode_FromString(line);
    free(line);
    return text;
}

static void lines_dealloc(PyObject *self)
{
    struct lines *l = (struct lines *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (l->pid == getpid())
        own_log_free(l->log);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef lines_methods[] = {
    {"line", lines_line, METH_O,
     "A line of what the process uses now, with the labels since the line before. About 20 us."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot lines_slots[] = {
    {Py_tp_new, lines_new},
    {Py_tp_dealloc, lines_dealloc},
    {Py_tp_methods, lines_methods},
    {0, NULL},
};

PyType_Spec lines_spec = {
    .name = "tacho._marks.lines",
    .basicsize = sizeof(struct lines),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = lines_slots,
};
