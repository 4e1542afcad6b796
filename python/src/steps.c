/*
 * Generators, coroutines and asynchronous generators of decorated functions. A scope is open only while
 * their body runs: from a resumption (send, throw, close, the next item) to the next suspension. So
 * each such stretch is a scope on the thread that resumed it, and scopes nest there however tasks
 * take turns.
 *
 * What they have not themselves (gi_frame, cr_await, ...) is that of what they stand for.
 */
#include "module.h"

struct steps {
    PyObject_HEAD PyObject *inner;
    struct scope *scope;
    PyObject *weakrefs;
};

PyObject *steps_of(PyTypeObject *type, struct scope *scope, PyObject *inner)
{
    if (inner == NULL)
        return NULL;
    struct steps *s = PyObject_GC_New(struct steps, type);
    if (s == NULL) {
        Py_DECREF(inner);
        return NULL;
    }
    s->inner = inner;
    Py_INCREF(scope);
    s->scope = scope;
    s->weakrefs = NULL;
    PyObject_GC_Track(s);
    return (PyObject *)s;
}

/* ---- a step ---- */

static struct scope *step_begin(struct steps *s)
{
    if (!is_marking())
        return NULL;
    scope_begin(s->scope);
    return s->scope;
}

static void step_end(struct scope *open, const void *result)
{
    if (open != NULL)
        scope_end(open, result);
}

static PyObject *call_inner(struct steps *s, const char *method, PyObject *args)
{
    PyObject *bound = PyObject_GetAttrString(s->inner, method);
    if (bound == NULL)
        return NULL;
    struct scope *open = step_begin(s);
    PyObject *result = PyObject_Call(bound, args, NULL);
    step_end(open, result);
    Py_DECREF(bound);
    return result;
}

static PyObject *step_send(PyObject *self, PyObject *args)
{
    return call_inner((struct steps *)self, "send", args);
}

static PyObject *step_throw(PyObject *self, PyObject *args)
{
    return call_inner((struct steps *)self, "throw", args);
}

static PyObject *step_close(PyObject *self, PyObject *args)
{
    return call_inner((struct steps *)self, "close", args);
}

#if PY_VERSION_HEX >= 0x030a0000

static PySendResult step_am_send(PyObject *self, PyObject *value, PyObject **result)
{
    struct steps *s = (struct steps *)self;
    struct scope *open = step_begin(s);
    PySendResult how = PyIter_Send(s->inner, value, result);
    step_end(open, how == PYGEN_ERROR ? NULL : s);
    return how;
}

/* What a body returns is the value of a StopIteration; of None there need not be one. */
static PyObject *stop_with(PyObject *value)
{
    PyObject *stop = value == Py_None ? NULL : PyObject_CallOneArg(PyExc_StopIteration, value);
    if (stop != NULL)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    Py_DECREF(value);
    return NULL;
}

static PyObject *step_next(PyObject *self)
{
    PyObject *result = NULL;
    PySendResult how = step_am_send(self, Py_None, &result);
    return how == PYGEN_RETURN ? stop_with(result) : result;
}

#else

static PyObject *step_next(PyObject *self)
{
    struct steps *s = (struct steps *)self;
    struct scope *open = step_begin(s);
    PyObject *result = Py_TYPE(s->inner)->tp_iternext != NULL
                           ? Py_TYPE(s->inner)->tp_iternext(s->inner)
                           : PyObject_CallMethod(s->inner, "send", "O", Py_None);
    step_end(open, result);
    return result;
}

#endif

static PyObject *step_self(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *step_await(PyObject *self, PyObject *unused)
{
    (void)unused;
    return step_self(self);
}

/* ---- asynchronous generators: each of their awaitables is a coroutine's ---- */

static PyObject *awaitable(PyObject *self, const char *method, PyObject *args)
{
    struct steps *s = (struct steps *)self;
    struct module_state *state = PyType_GetModuleState(Py_TYPE(self));
    PyObject *bound = PyObject_GetAttrString(s->inner, method);
    PyObject *inner = bound == NULL ? NULL : PyObject_CallObject(bound, args);
    Py_XDECREF(bound);
    return steps_of(state->coroutine, s->scope, inner);
}

static PyObject *async_next(PyObject *self)
{
    return awaitable(self, "__anext__", NULL);
}

static PyObject *async_send(PyObject *self, PyObject *args)
{
    return awaitable(self, "asend", args);
}

static PyObject *async_throw(PyObject *self, PyObject *args)
{
    return awaitable(self, "athrow", args);
}

static PyObject *async_close(PyObject *self, PyObject *args)
{
    return awaitable(self, "aclose", args);
}

/* ---- what all have ---- */

static PyObject *steps_getattr(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    return PyObject_GetAttr(((struct steps *)self)->inner, name);
}

static PyObject *steps_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<scoped %R>", ((struct steps *)self)->inner);
}

static int steps_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct steps *)self)->inner);
    return 0;
}

static void steps_dealloc(PyObject *self)
{
    struct steps *s = (struct steps *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (s->weakrefs != NULL)
        PyObject_ClearWeakRefs(self);
    Py_DECREF(s->inner);
    Py_DECREF(s->scope);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMemberDef steps_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct steps, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

#define STEPS_SLOTS                                                                              \
    {Py_tp_getattro, steps_getattr}, {Py_tp_repr, steps_repr}, {Py_tp_traverse, steps_traverse}, \
        {Py_tp_dealloc, steps_dealloc},                                                          \
    {                                                                                            \
        Py_tp_members, steps_members                                                             \
    }

#if PY_VERSION_HEX >= 0x030a0000
#define SEND_SLOT {Py_am_send, step_am_send},
#define STEPS_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION)
#else
#define SEND_SLOT
#define STEPS_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC)
#endif

/* ---- the types ---- */

static PyMethodDef generator_methods[] = {
    {"send", step_send, METH_VARARGS, "As generator.send."},
    {"throw", step_throw, METH_VARARGS, "As generator.throw."},
    {"close", step_close, METH_VARARGS, "As generator.close."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot generator_slots[] = {
    STEPS_SLOTS,
    SEND_SLOT{Py_tp_methods, generator_methods},
    {Py_tp_iter, step_self},
    {Py_tp_iternext, step_next},
    {0, NULL},
};

PyType_Spec generator_spec = {
    .name = "tacho._marks.scoped_generator",
    .basicsize = sizeof(struct steps),
    .flags = STEPS_FLAGS,
    .slots = generator_slots,
};

static PyMethodDef coroutine_methods[] = {
    {"send", step_send, METH_VARARGS, "As coroutine.send."},
    {"throw", step_throw, METH_VARARGS, "As coroutine.throw."},
    {"close", step_close, METH_VARARGS, "As coroutine.close."},
    {"__await__", step_await, METH_NOARGS, "An iterator: the coroutine itself."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot coroutine_slots[] = {
    STEPS_SLOTS,
    SEND_SLOT{Py_tp_methods, coroutine_methods},
    {Py_am_await, step_self},
    {Py_tp_iter, step_self},
    {Py_tp_iternext, step_next},
    {0, NULL},
};

PyType_Spec coroutine_spec = {
    .name = "tacho._marks.scoped_coroutine",
    .basicsize = sizeof(struct steps),
    .flags = STEPS_FLAGS,
    .slots = coroutine_slots,
};

static PyMethodDef async_generator_methods[] = {
    {"asend", async_send, METH_VARARGS, "As async_generator.asend."},
    {"athrow", async_throw, METH_VARARGS, "As async_generator.athrow."},
    {"aclose", async_close, METH_VARARGS, "As async_generator.aclose."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot async_generator_slots[] = {
    STEPS_SLOTS,
    {Py_tp_methods, async_generator_methods},
    {Py_am_aiter, step_self},
    {Py_am_anext, async_next},
    {0, NULL},
};

PyType_Spec async_generator_spec = {
    .name = "tacho._marks.scoped_async_generator",
    .basicsize = sizeof(struct steps),
    .flags = STEPS_FLAGS,
    .slots = async_generator_slots,
};

/* ---- an awaitable that never waits, for `async with` ---- */

struct ready {
    PyObject_HEAD PyObject *value;
};

PyObject *ready_with(struct module_state *state, PyObject *value)
{
    struct ready *r = PyObject_New(struct ready, state->ready);
    if (r == NULL)
        return NULL;
    Py_INCREF(value);
    r->value = value;
    return (PyObject *)r;
}

/* No value that is given here is a tuple or an exception, which would be taken apart. */
static PyObject *ready_next(PyObject *self)
{
    PyErr_SetObject(PyExc_StopIteration, ((struct ready *)self)->value);
    return NULL;
}

static void ready_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(((struct ready *)self)->value);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot ready_slots[] = {
    {Py_tp_dealloc, ready_dealloc},
    {Py_am_await, step_self},
    {Py_tp_iter, step_self},
    {Py_tp_iternext, ready_next},
    {0, NULL},
};

PyType_Spec ready_spec = {
    .name = "tacho._marks.ready",
    .basicsize = sizeof(struct ready),
    .flags = STEPS_FLAGS & ~Py_TPFLAGS_HAVE_GC,
    .slots = ready_slots,
};
