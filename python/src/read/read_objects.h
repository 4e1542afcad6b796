/*
 * What the files of tacho._read share: recordings as Python objects, arrays made in C.
 *
 * Functions that read the file or walk what it holds come in two parts: one in plain C that knows no
 * Python and runs without the GIL, and one that makes its result an object.
 */
#ifndef TACHO_PYTHON_READ_OBJECTS_H
#define TACHO_PYTHON_READ_OBJECTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pythread.h>
#include <tacho/recording.h>

/* Of one interpreter's module. Types are references. */
struct read_state {
    PyTypeObject *recording, *column;
    PyTypeObject *process, *label, *metric, *site, *entity;
};

/* One thread at a time may use `rec`, and those that use it let go of the GIL: hence the lock. */
struct recording_object {
    PyObject_HEAD struct tacho_recording *rec; /* NULL: closed */
    PyThread_type_lock lock;
    unsigned long owner; /* the thread that has the lock, where `held` */
    bool held;
    uint64_t start_ns; /* what times are counted from */
};

/*
 * The recording for this thread alone, until recording_leave; NULL with an exception when it is closed,
 * or when this very thread already has it (a finalizer that runs in the midst of a call).
 */
struct tacho_recording *recording_enter(struct recording_object *self);
void recording_leave(struct recording_object *self);

/* An exception for a negative errno of the reader. Returns NULL. */
PyObject *raise_errno(int r);

/* Text of a recording: UTF-8, what is not comes as surrogate escapes. NULL makes None. */
PyObject *text_of(const char *text);
/* Of texts that each end in NUL. */
PyObject *texts_of(const char *texts, size_t bytes);

/* A record of these values, whose references it takes. NULL when one of them is. */
PyObject *record_of(PyTypeObject *type, PyObject **values, Py_ssize_t n);
#define RECORD_OF(type, values) record_of(type, values, sizeof(values) / sizeof(values)[0])

/* From the start of the recording, which may lie after it. Rounded once. */
static inline double seconds_since(uint64_t start_ns, uint64_t time_ns)
{
    return time_ns >= start_ns ? (double)(time_ns - start_ns) / 1e9
                               : -((double)(start_ns - time_ns) / 1e9);
}

/* ---- columns ---- */

/* Numbers gathered without the GIL. `failed`: there was no memory for some. */
struct numbers {
    void *at;
    size_t count, cap, item_bytes;
    bool failed;
};

/* Room for one more: where it goes, or NULL. */
void *numbers_more(struct numbers *n);
void numbers_done(struct numbers *n);

static inline void numbers_put_double(struct numbers *n, double value)
{
    double *at = numbers_more(n);
    if (at != NULL)
        *at = value;
}

static inline void numbers_put_int(struct numbers *n, int64_t value)
{
    int64_t *at = numbers_more(n);
    if (at != NULL)
        *at = value;
}

/*
 * A column that takes over the numbers, of `width` a row (1: one dimension), whose type is "d" or "q".
 * `n` is empty afterwards, whatever happens.
 */
PyObject *column_of(struct read_state *state, struct numbers *n, unsigned width, char type);
extern PyType_Spec column_spec;

/* ---- what a recording can be asked ---- */

PyObject *recording_processes(struct recording_object *self, PyObject *none);
PyObject *recording_labels(struct recording_object *self, PyObject *none);
PyObject *recording_metrics(struct recording_object *self, PyObject *none);
PyObject *recording_entities(struct recording_object *self, PyObject *none);
int tables_init(PyObject *module, struct read_state *state);

PyObject *recording_series(struct recording_object *self, PyObject *args);
PyObject *recording_samples(struct recording_object *self, PyObject *names);

PyObject *recording_scopes(struct recording_object *self, PyObject *args);
PyObject *recording_counters(struct recording_object *self, PyObject *args);
PyObject *recording_sites(struct recording_object *self, PyObject *none);

#endif
