/*
 * tacho.iterate: what is done with each item of an iterable is a scope, and how many are done a counter
 * of the same name. The scope begins as an item is handed out and ends as the next one is asked for, or
 * as the loop is left; making the item is not in it.
 */
#include <pthread.h>

#include "module.h"

struct items {
    PyObject_HEAD PyObject *inner;
    struct scope *scope;
    struct tacho_place counter;
    uint64_t done;
    bool open;
    pthread_t thread; /* that has it open */
};

static void items_end(struct items *it, bool is_done)
{
    if (!it->open)
        return;
    it->open = false;
    /* A loop that is left by a generator's end on another thread: its scope ends with its thread. */
    if (!pthread_equal(it->thread, pthread_self()))
        return;
    tacho_place_end(&it->scope->place);
    if (is_done && is_marking())
        tacho_place_counter(&it->counter, (double)it->done);
}

static PyObject *items_next(PyObject *self)
{
    struct items *it = (struct items *)self;
    if (it->inner == NULL)
        return NULL;
    if (it->open)
        it->done++;
    items_end(it, true);
    PyObject *item = PyIter_Next(it->inner);
    if (item == NULL) {
        if (!PyErr_Occurred())
            Py_CLEAR(it->inner);
        return NULL;
    }
    if (is_marking()) {
        scope_begin(it->scope);
        it->thread = pthread_self();
        it->open = true;
    } else {
        it->done++;
    }
    return item;
}

static PyObject *items_hint(PyObject *self, PyObject *unused)
{
    struct items *it = (struct items *)self;
    (void)unused;
    Py_ssize_t n = it->inner == NULL ? 0 : PyObject_LengthHint(it->inner, 0);
    return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

static int items_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct items *)self)->inner);
    return 0;
}

static int items_clear(PyObject *self)
{
    Py_CLEAR(((struct items *)self)->inner);
    return 0;
}

static void items_dealloc(PyObject *self)
{
    struct items *it = (struct items *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    items_end(it, false);
    Py_XDECREF(it->inner);
    Py_DECREF(it->scope);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyObject *items_self(PyObject *self)
{
    Py_INCREF(self);
    return self;
}

static PyObject *items_of(struct module_state *state, PyObject *inner, struct scope *scope)
{
    struct items *it = PyObject_GC_New(struct items, state->items);
    if (it == NULL)
        return NULL;
    Py_INCREF(inner);
    Py_INCREF(scope);
    it->inner = inner;
    it->scope = scope;
    it->counter = (struct tacho_place){scope->place.name, NULL, 0, 0};
    it->done = 0;
    it->open = false;
    PyObject_GC_Track(it);
    return (PyObject *)it;
}

PyObject *iterate(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"iterable", "name", "category", NULL};
    struct module_state *state = PyModule_GetState(module);
    PyObject *iterable, *name, *category = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:iterate", names, &iterable, &name,
                                     &category))
        return NULL;
    struct scope *scope = name_text(name, "name") == NULL ? NULL : scope_of(state, name, category);
    PyObject *inner = scope == NULL ? NULL : PyObject_GetIter(iterable);
    PyObject *result = inner == NULL ? NULL : items_of(state, inner, scope);
    Py_XDECREF(inner);
    Py_XDECREF(scope);
    return result;
}

static PyMethodDef items_methods[] = {
    {"__length_hint__", items_hint, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot items_slots[] = {
    {Py_tp_dealloc, items_dealloc},
    {Py_tp_traverse, items_traverse},
    {Py_tp_clear, items_clear},
    {Py_tp_iter, items_self},
    {Py_tp_iternext, items_next},
    {Py_tp_methods, items_methods},
    {0, NULL},
};

PyType_Spec items_spec = {
    .name = "tacho._marks.items",
    .basicsize = sizeof(struct items),
#if PY_VERSION_HEX >= 0x030a0000
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
#else
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
#endif
    .slots = items_slots,
};
