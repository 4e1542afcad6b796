/*
 * tacho._marks: the marks of <tacho/tacho.h> for Python, and the recording of a program by itself.
 *
 * All types are final and belong to one interpreter's module: PyType_GetModuleState of an object's type
 * is that module's state. What marks go into is one for the process, whatever interpreters it has.
 */
#ifndef TACHO_PYTHON_MODULE_H
#define TACHO_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <structmember.h>
#include <tacho/tacho.h>

#include "mark/marking.h"

struct scope;

/* Of one interpreter. */
struct module_state {
    PyTypeObject *scope, *function, *generator, *coroutine, *async_generator, *ready, *items,
        *lines;
    PyObject *scopes;   /* dict: category or None -> dict: name -> scope */
    PyObject *counters; /* dict: name -> capsule with a place */
    Py_ssize_t kept;    /* in both */
};

/* Of names that are kept; the library itself takes no more of them. */
#define NAMES_KEPT 65535

/* Whether there is somebody to mark for: a load and a branch where there is none. */
static inline bool is_marking(void)
{
    return __builtin_expect(__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) != 0, 0) &&
           marking_works();
}

/* ---- texts.c ---- */

/*
 * The UTF-8 of a name, borrowed from the str. NULL with an exception: TypeError for no str, ValueError
 * for one that is empty, holds a NUL or a lone surrogate, or is too long. `what` is "name", ...
 */
const char *name_text(PyObject *text, const char *what);

/* A label of any text: NULs and lone surrogates are escaped as in Python's source. */
void say_label(const char *text, Py_ssize_t bytes);
bool label_text(PyObject *text); /* false: an exception is set */

/* ---- scope_object.c: tacho.scope ---- */

/* What begins and ends; nothing in it says that it is open, so one serves all threads at once. */
struct scope {
    PyObject_HEAD struct tacho_place place; /* its texts lie in the objects below */
    PyObject *name, *category;              /* str or None */
    uint64_t exceptions;                    /* that left it */
};

extern PyType_Spec scope_spec;

/* The scope of a name and a category (NULL or None: no category); new reference. */
struct scope *scope_of(struct module_state *state, PyObject *name, PyObject *category);

/* Has to be done once its type is made: the limited slots have no vectorcall of types. */
void scope_type_ready(PyTypeObject *type);

/* A label "NAME: TYPE" for the exception that is set, unless an inner scope has said so. */
void scope_left_by_exception(struct scope *scope);
void scope_left_by(struct scope *scope, PyObject *type, PyObject *value);

static inline void scope_begin(struct scope *scope)
{
    tacho_place_begin(&scope->place);
}

static inline void scope_end(struct scope *scope, const void *result)
{
    if (__builtin_expect(result == NULL, 0))
        scope_left_by_exception(scope);
    tacho_place_end(&scope->place);
}

/* ---- scoped_function.c: what a decorator returns ---- */

extern PyType_Spec function_spec;

/* A wrapper of `callable`; `scope` NULL: named after it. New reference, or NULL with an exception. */
PyObject *decorate(struct module_state *state, PyObject *scope, PyObject *category,
                   PyObject *callable);

/* ---- steps.c: generators and coroutines, timed from each resumption to the next suspension ---- */

extern PyType_Spec generator_spec, coroutine_spec, async_generator_spec, ready_spec;

/* Takes over `inner`, which may be NULL with an exception: then so is the result. */
PyObject *steps_of(PyTypeObject *type, struct scope *scope, PyObject *inner);

/* An awaitable that is done, with this value. */
PyObject *ready_with(struct module_state *state, PyObject *value);

/* ---- items.c: tacho.iterate ---- */

extern PyType_Spec items_spec;
PyObject *iterate(PyObject *module, PyObject *args, PyObject *kwargs);

/* ---- sessions.c: a program that records itself, and lines for its log ---- */

extern PyType_Spec lines_spec;
extern PyMethodDef session_methods[];

#endif
