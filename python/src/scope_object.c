/* tacho.scope: a type whose objects are decorators and contexts, and which is a decorator itself. */
#include "mark/writer.h"
#include "module.h"

/* Labels of exceptions, for each scope; beyond, each power of two. */
#define EXCEPTIONS_EACH 1000

/* ---- making them ---- */

static struct scope *scope_new(struct module_state *state, PyObject *name, PyObject *category)
{
    const char *name_utf8 = NULL, *category_utf8 = NULL;
    if (name != Py_None && (name_utf8 = name_text(name, "name")) == NULL)
        return NULL;
    if (category != Py_None && (category_utf8 = name_text(category, "category")) == NULL)
        return NULL;
    struct scope *s = PyObject_GC_New(struct scope, state->scope);
    if (s == NULL)
        return NULL;
    s->place = (struct tacho_place){name_utf8, category_utf8, 0, 0};
    s->exceptions = 0;
    Py_INCREF(name);
    Py_INCREF(category);
    s->name = name;
    s->category = category;
    PyObject_GC_Track(s);
    return s;
}

/* The scopes of a category by name; borrowed. */
static PyObject *scopes_of(struct module_state *state, PyObject *category)
{
    PyObject *found = PyDict_GetItemWithError(state->scopes, category);
    if (found != NULL || PyErr_Occurred())
        return found;
    PyObject *new = PyDict_New();
    if (new == NULL || PyDict_SetItem(state->scopes, category, new) < 0)
        Py_CLEAR(new);
    Py_XDECREF(new); /* the outer dict holds it */
    return new;
}

struct scope *scope_of(struct module_state *state, PyObject *name, PyObject *category)
{
    if (category == NULL)
        category = Py_None;
    /* Only a plain str is what it seems to be when it is looked for. */
    if (!PyUnicode_CheckExact(name) || (category != Py_None && !PyUnicode_CheckExact(category)))
        return scope_new(state, name, category);
    PyObject *all = PyDict_GetItemWithError(state->scopes, category);
    PyObject *found = all == NULL ? NULL : PyDict_GetItemWithError(all, name);
    if (found != NULL) {
        Py_INCREF(found);
        return (struct scope *)found;
    }
    if (PyErr_Occurred())
        return NULL;
    struct scope *s = scope_new(state, name, category);
    if (s == NULL || state->kept >= NAMES_KEPT)
        return s;
    all = scopes_of(state, category);
    if (all == NULL || PyDict_SetItem(all, name, (PyObject *)s) < 0) {
        Py_DECREF(s);
        return NULL;
    }
    state->kept++;
    return s;
}

static PyObject *no_keyword(PyObject *keyword)
{
    return PyErr_Format(PyExc_TypeError,
                        "tacho.scope() has no argument %R, or has it twice; it takes a name and a "
                        "category",
                        keyword);
}

/* scope(name=None, category=None), also with a callable in place of the name. */
static PyObject *scope_make(struct module_state *state, PyObject *name, PyObject *category)
{
    if (name == NULL || name == Py_None)
        return (PyObject *)scope_new(state, Py_None, category == NULL ? Py_None : category);
    if (!PyUnicode_Check(name)) {
        if (PyCallable_Check(name) || PyObject_TypeCheck(name, &PyClassMethod_Type) ||
            PyObject_TypeCheck(name, &PyStaticMethod_Type))
            return decorate(state, NULL, category, name);
        name_text(name, "the name of a scope");
        return NULL;
    }
    return (PyObject *)scope_of(state, name, category);
}

static PyObject *scope_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                                  PyObject *keywords)
{
    struct module_state *state = PyType_GetModuleState((PyTypeObject *)type);
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *given[2] = {n > 0 ? args[0] : NULL, n > 1 ? args[1] : NULL};
    if (n > 2) {
        PyErr_Format(PyExc_TypeError, "tacho.scope() takes a name and a category, not %zd values",
                     n);
        return NULL;
    }
    for (Py_ssize_t i = 0; keywords != NULL && i < PyTuple_GET_SIZE(keywords); i++) {
        PyObject *keyword = PyTuple_GET_ITEM(keywords, i);
        int which = PyUnicode_CompareWithASCIIString(keyword, "category") == 0 ? 1
                    : PyUnicode_CompareWithASCIIString(keyword, "name") == 0   ? 0
                                                                               : -1;
        if (which < 0 || given[which] != NULL)
            return no_keyword(keyword);
        given[which] = args[n + i];
    }
    return scope_make(state, given[0], given[1]);
}

void scope_type_ready(PyTypeObject *type)
{
    type->tp_vectorcall = scope_vectorcall;
}

/* Only for scope.__new__(scope, ...) by hand: calls of the type go the way above. */
static PyObject *scope_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return PyObject_Call((PyObject *)type, args, kwargs);
}

/* ---- using them ---- */

static PyObject *scope_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *callable;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0)
        return PyErr_Format(PyExc_TypeError, "a scope is called with the function to decorate");
    if (!PyArg_ParseTuple(args, "O:scope", &callable))
        return NULL;
    return decorate(PyType_GetModuleState(Py_TYPE(self)), self, NULL, callable);
}

/* An end that nothing of this thread can match is not an error here: recording began inside the block. */
static inline bool has_open(void)
{
    const struct writer *w = writer_current;
    return w->limit != w->top || w->skipped > 0;
}

static PyObject *scope_enter(PyObject *self, PyObject *unused)
{
    struct scope *s = (struct scope *)self;
    (void)unused;
    if (s->name == Py_None)
        return PyErr_Format(PyExc_TypeError,
                            "a block needs a name: with tacho.scope('load', category=...)");
    if (is_marking())
        scope_begin(s);
    Py_INCREF(self);
    return self;
}

static void leave(struct scope *s, PyObject *const *args, Py_ssize_t n)
{
    if (s->place.id == 0 || !has_open())
        return;
    if (n > 1 && args[0] != Py_None)
        scope_left_by(s, args[0], args[1]);
    tacho_place_end(&s->place);
}

static PyObject *scope_exit(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    leave((struct scope *)self, args, n);
    Py_RETURN_NONE;
}

static PyObject *scope_aenter(PyObject *self, PyObject *unused)
{
    PyObject *entered = scope_enter(self, unused);
    if (entered == NULL)
        return NULL;
    Py_DECREF(entered);
    return ready_with(PyType_GetModuleState(Py_TYPE(self)), self);
}

static PyObject *scope_aexit(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    leave((struct scope *)self, args, n);
    return ready_with(PyType_GetModuleState(Py_TYPE(self)), Py_None);
}

/* ---- exceptions ---- */

/* The last one that was said, and how far the thread's marks were then: 0, none of this thread. */
static __thread struct {
    PyObject *value; /* compared, never looked into */
    uint64_t head;
} said __attribute__((tls_model("initial-exec")));

static bool ends_iteration(PyObject *type)
{
    return type == PyExc_StopIteration || type == PyExc_StopAsyncIteration ||
           type == PyExc_GeneratorExit;
}

/* The same exception on its way out: nothing but the end of the inner scope was marked since. */
static bool was_said(PyObject *value)
{
    return value != NULL && said.value == value && said.head + 1 == writer_current->head;
}

static const char *name_of_type(PyObject *type)
{
    const char *name = PyType_Check(type) ? ((PyTypeObject *)type)->tp_name : "exception";
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

void scope_left_by(struct scope *s, PyObject *type, PyObject *value)
{
    if (ends_iteration(type))
        return;
    uint64_t n = was_said(value) ? 0 : ++s->exceptions;
    if (n > EXCEPTIONS_EACH && (n & (n - 1)) == 0)
        tacho_label("%s: %s (the %lluth exception)", s->place.name, name_of_type(type),
                    (unsigned long long)n);
    else if (n > 0 && n <= EXCEPTIONS_EACH)
        tacho_label("%s: %s", s->place.name, name_of_type(type));
    said.value = value;
    said.head = writer_current->head;
}

/* Normalised, since only then it is the same object all the way. */
void scope_left_by_exception(struct scope *s)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyObject *value = PyErr_GetRaisedException();
    if (value == NULL)
        return; /* an iterator that has ended */
    scope_left_by(s, (PyObject *)Py_TYPE(value), value);
    PyErr_SetRaisedException(value);
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL)
        return;
    if (!ends_iteration(type))
        PyErr_NormalizeException(&type, &value, &traceback);
    scope_left_by(s, type, value);
    PyErr_Restore(type, value, traceback);
#endif
}

/* ---- the type ---- */

static PyObject *scope_repr(PyObject *self)
{
    struct scope *s = (struct scope *)self;
    return PyUnicode_FromFormat("tacho.scope(%R, category=%R)", s->name, s->category);
}

static PyObject *scope_reduce(PyObject *self, PyObject *unused)
{
    struct scope *s = (struct scope *)self;
    (void)unused;
    return Py_BuildValue("O(OO)", Py_TYPE(self), s->name, s->category);
}

/* For its type alone: the module keeps scopes, and their type keeps the module. */
static int scope_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void scope_dealloc(PyObject *self)
{
    struct scope *s = (struct scope *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(s->name);
    Py_DECREF(s->category);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef scope_methods[] = {
    {"__enter__", scope_enter, METH_NOARGS, "Begins the scope on this thread; returns it."},
    {"__exit__", (PyCFunction)(void (*)(void))scope_exit, METH_FASTCALL, "Ends it."},
    {"__aenter__", scope_aenter, METH_NOARGS, "As __enter__, without suspending."},
    {"__aexit__", (PyCFunction)(void (*)(void))scope_aexit, METH_FASTCALL,
     "As __exit__, without suspending."},
    {"__reduce__", scope_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef scope_members[] = {
    {"name", T_OBJECT, offsetof(struct scope, name), READONLY,
     "What it is called; None: as what it decorates."},
    {"category", T_OBJECT, offsetof(struct scope, category), READONLY,
     "What kind of work it is, or None."},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    scope_doc,
    "scope(name=None, category=None)\n"
    "--\n"
    "\n"
    "A named stretch of a thread's time: a decorator, or the context of a block.\n"
    "\n"
    "    @tacho.scope\n"
    "    @tacho.scope(category='I/O')\n"
    "    @tacho.scope('load', category='I/O')\n"
    "    with tacho.scope('load'):\n"
    "    async with tacho.scope('load'):\n"
    "\n"
    "Scopes nest. A function is called by its qualified name unless one is given, and stays what\n"
    "it was: name, docstring, signature, pickling. Of a generator or a coroutine each stretch\n"
    "from a resumption to the next suspension is a scope, so that no time is billed while it\n"
    "waits; a block is open until it is left, whoever runs meanwhile. An exception ends the\n"
    "scopes it leaves; the innermost says so with a label 'NAME: TYPE'.\n"
    "\n"
    "A mark is no system call, lock or allocation. tacho.open(FILE).scopes(name) has begins and\n"
    "ends as float64 of shape (n, 2), in seconds since the recording began.\n"
    "\n"
    "Args:\n"
    "    name: what it is called: str of 1 to 1,023 bytes of UTF-8 without NUL. None: as what it\n"
    "        decorates. Or the function to decorate.\n"
    "    category: what kind of work it is: as name; or None.\n"
    "\n"
    "Returns:\n"
    "    The scope: the same names give the same object, which any threads may use at once;\n"
    "    copies and pickles are that object. Where name is a function: that function, decorated.\n"
    "\n"
    "Raises:\n"
    "    TypeError: a name is no str; what is to be decorated is a class, or cannot be called; a\n"
    "        block has no name.\n"
    "    ValueError: a name is empty, too long, or has a NUL or a lone surrogate in it.");

static PyType_Slot scope_slots[] = {
    {Py_tp_doc, (void *)scope_doc},
    {Py_tp_new, scope_tp_new},
    {Py_tp_dealloc, scope_dealloc},
    {Py_tp_repr, scope_repr},
    {Py_tp_call, scope_call},
    {Py_tp_methods, scope_methods},
    {Py_tp_members, scope_members},
    {Py_tp_traverse, scope_traverse},
    {0, NULL},
};

PyType_Spec scope_spec = {
    .name = "tacho.scope",
    .basicsize = sizeof(struct scope),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = scope_slots,
};
