/* Columns: memory that was filled in C, lent to Python by the buffer protocol and never copied. */
#include "read_objects.h"

#include <stdlib.h>

struct column {
    PyObject_HEAD void *at;
    Py_ssize_t shape[2], strides[2];
    Py_ssize_t item_bytes;
    int dimensions;
    char format[2];
};

void *numbers_more(struct numbers *n)
{
    if (n->count == n->cap) {
        size_t cap = n->cap == 0 ? 256 : n->cap + n->cap / 2;
        void *grown = n->failed || cap > PY_SSIZE_T_MAX / n->item_bytes
                          ? NULL
                          : realloc(n->at, cap * n->item_bytes);
        if (grown == NULL) {
            n->failed = true;
            return NULL;
        }
        n->at = grown;
        n->cap = cap;
    }
    return (char *)n->at + n->count++ * n->item_bytes;
}

void numbers_done(struct numbers *n)
{
    free(n->at);
    *n = (struct numbers){.item_bytes = n->item_bytes};
}

/* Memory of the right size; an empty column has some as well, since a buffer has to lie somewhere. */
static void *take(struct numbers *n)
{
    size_t bytes = n->count * n->item_bytes;
    void *fitting = realloc(n->at, bytes == 0 ? 1 : bytes);
    void *at = fitting != NULL ? fitting : n->at;
    *n = (struct numbers){.item_bytes = n->item_bytes};
    return at;
}

PyObject *column_of(struct read_state *state, struct numbers *n, unsigned width, char type)
{
    struct column *column = n->failed ? NULL : PyObject_New(struct column, state->column);
    if (column == NULL) {
        numbers_done(n);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    Py_ssize_t item_bytes = 8;
    size_t items = n->count * n->item_bytes / 8;
    *(struct column *)column = (struct column){
        .ob_base = column->ob_base,
        .shape = {(Py_ssize_t)(items / width), (Py_ssize_t)width},
        .strides = {item_bytes * (Py_ssize_t)width, item_bytes},
        .item_bytes = item_bytes,
        .dimensions = width == 1 ? 1 : 2,
        .format = {type, '\0'},
        .at = take(n),
    };
    if (column->at == NULL) {
        Py_DECREF(column);
        return PyErr_NoMemory();
    }
    return (PyObject *)column;
}

static void column_dealloc(struct column *self)
{
    PyTypeObject *type = Py_TYPE(self);
    free(self->at);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int column_getbuffer(struct column *self, Py_buffer *view, int flags)
{
    if (self->dimensions > 1 &&
        ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS || (flags & PyBUF_ND) != PyBUF_ND)) {
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "rows of two lie one after the other");
        return -1;
    }
    Py_INCREF(self);
    view->obj = (PyObject *)self;
    view->buf = self->at;
    view->len = self->item_bytes * self->shape[0] * (self->dimensions > 1 ? self->shape[1] : 1);
    view->itemsize = self->item_bytes;
    view->readonly = 0;
    view->ndim = self->dimensions;
    view->format = (flags & PyBUF_FORMAT) != 0 ? self->format : NULL;
    view->shape = (flags & PyBUF_ND) != 0 ? self->shape : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? self->strides : NULL;
    view->suboffsets = NULL;
    view->internal = NULL;
    return 0;
}

static PyType_Slot column_slots[] = {
    {Py_tp_doc, "Numbers, by the buffer protocol: float64 or int64."},
    {Py_tp_dealloc, column_dealloc},
    {Py_bf_getbuffer, column_getbuffer},
    {0, NULL},
};

PyType_Spec column_spec = {
    .name = "tacho._read.Column",
    .basicsize = sizeof(struct column),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = column_slots,
};
