/*
 * What a decorator returns: calls go through to the function, inside its scope. It looks like the function
 * to whoever asks: what it has not itself is the function's.
 */
#include "module.h"

#define CODE_GENERATOR 0x20 /* inspect.CO_GENERATOR and so on */
#define CODE_COROUTINE 0x80
#define CODE_ITERABLE_COROUTINE 0x100
#define CODE_ASYNC_GENERATOR 0x200

struct scoped_function {
    PyObject_HEAD vectorcallfunc vectorcall;
    PyObject *callee;
    struct scope *scope;
    PyTypeObject *steps; /* of what it returns; NULL: an ordinary function */
    PyObject *dict, *weakrefs;
};

/* ---- calls ---- */

static PyObject *call_plain(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    struct scoped_function *f = (struct scoped_function *)self;
    if (!is_marking())
        return PyObject_Vectorcall(f->callee, args, nargsf, names);
    struct scope *scope = f->scope;
    scope_begin(scope);
    PyObject *result = PyObject_Vectorcall(f->callee, args, nargsf, names);
    scope_end(scope, result);
    return result;
}

/* The body has not begun: only what it returns is timed. */
static PyObject *call_steps(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    struct scoped_function *f = (struct scoped_function *)self;
    PyObject *inner = PyObject_Vectorcall(f->callee, args, nargsf, names);
    return steps_of(f->steps, f->scope, inner);
}

static PyObject *function_get(PyObject *self, PyObject *object, PyObject *type)
{
    (void)type;
    if (object != NULL && object != Py_None)
        return PyMethod_New(self, object);
    Py_INCREF(self);
    return self;
}

/* ---- attributes ---- */

static PyObject *function_getattr(PyObject *self, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return value;
    PyErr_Clear();
    return PyObject_GetAttr(((struct scoped_function *)self)->callee, name);
}

/* As functools.update_wrapper does it, which is slow to import. What is missing is left out. */
static int copy_attribute(struct scoped_function *f, const char *name)
{
    PyObject *value = PyObject_GetAttrString(f->callee, name);
    if (value == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    int r = PyDict_SetItemString(f->dict, name, value);
    Py_DECREF(value);
    return r;
}

static int copy_attributes(struct scoped_function *f)
{
    static const char *const names[] = {"__module__", "__name__", "__qualname__", "__doc__"};
    PyObject *dict = PyObject_GetAttrString(f->callee, "__dict__");
    if (dict == NULL)
        PyErr_Clear();
    int r = dict != NULL ? PyDict_Update(f->dict, dict) : 0;
    Py_XDECREF(dict);
    for (size_t i = 0; r == 0 && i < sizeof names / sizeof names[0]; i++)
        r = copy_attribute(f, names[i]);
    return r == 0 ? PyDict_SetItemString(f->dict, "__wrapped__", f->callee) : r;
}

/* ---- decorating ---- */

static PyTypeObject *steps_type(struct module_state *state, PyObject *callable)
{
    PyObject *code = PyObject_GetAttrString(callable, "__code__");
    PyObject *flags = code == NULL ? NULL : PyObject_GetAttrString(code, "co_flags");
    long bits = flags == NULL ? 0 : PyLong_AsLong(flags);
    Py_XDECREF(code);
    Py_XDECREF(flags);
    PyErr_Clear();
    if (bits == -1)
        return NULL;
    if ((bits & (CODE_COROUTINE | CODE_ITERABLE_COROUTINE)) != 0)
        return state->coroutine;
    if ((bits & CODE_ASYNC_GENERATOR) != 0)
        return state->async_generator;
    return (bits & CODE_GENERATOR) != 0 ? state->generator : NULL;
}

/* Without what is in front of a local function's own name. */
static PyObject *own_name(PyObject *callable)
{
    static const char locals[] = "<locals>.";
    PyObject *name = PyObject_GetAttrString(callable, "__qualname__");
    if (name == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Format(PyExc_TypeError, "%.200R has no name: tacho.scope('a name')(it)", callable);
    const char *utf8 = name == NULL ? NULL : name_text(name, "the function's name");
    if (utf8 == NULL) {
        Py_XDECREF(name);
        return NULL;
    }
    const char *own = utf8;
    for (const char *at; (at = strstr(own, locals)) != NULL;)
        own = at + sizeof locals - 1;
    PyObject *result = PyUnicode_FromString(own);
    Py_DECREF(name);
    return result;
}

static struct scope *scope_for(struct module_state *state, PyObject *scope, PyObject *category,
                               PyObject *callable)
{
    struct scope *given = (struct scope *)scope;
    if (given != NULL && given->name != Py_None) {
        Py_INCREF(given);
        return given;
    }
    PyObject *name = own_name(callable);
    if (name == NULL)
        return NULL;
    struct scope *s = scope_of(state, name, given != NULL ? given->category : category);
    Py_DECREF(name);
    return s;
}

static PyObject *wrap(struct module_state *state, struct scope *scope, PyObject *callable)
{
    struct scoped_function *f = PyObject_GC_New(struct scoped_function, state->function);
    if (f == NULL)
        return NULL;
    f->callee = callable;
    f->scope = scope;
    f->steps = steps_type(state, callable);
    f->vectorcall = f->steps != NULL ? call_steps : call_plain;
    f->dict = NULL;
    f->weakrefs = NULL;
    Py_INCREF(callable);
    Py_INCREF(scope);
    PyObject_GC_Track(f);
    f->dict = PyDict_New();
    if (f->dict == NULL || copy_attributes(f) < 0)
        Py_CLEAR(f);
    return (PyObject *)f;
}

/* classmethod and staticmethod stay what they are, around the function inside. */
static PyObject *decorate_inside(struct module_state *state, PyObject *scope, PyObject *category,
                                 PyObject *method)
{
    PyObject *function = PyObject_GetAttrString(method, "__func__");
    PyObject *inner = function == NULL ? NULL : decorate(state, scope, category, function);
    PyObject *result = inner == NULL
                           ? NULL
                           : PyObject_CallFunctionObjArgs((PyObject *)Py_TYPE(method), inner, NULL);
    Py_XDECREF(function);
    Py_XDECREF(inner);
    return result;
}

PyObject *decorate(struct module_state *state, PyObject *scope, PyObject *category,
                   PyObject *callable)
{
    if (PyObject_TypeCheck(callable, &PyClassMethod_Type) ||
        PyObject_TypeCheck(callable, &PyStaticMethod_Type))
        return decorate_inside(state, scope, category, callable);
    if (PyType_Check(callable))
        return PyErr_Format(PyExc_TypeError, "%.200R is a class: decorate its methods", callable);
    if (!PyCallable_Check(callable))
        return PyErr_Format(PyExc_TypeError,
                            "a scope decorates functions, not %.200R; it goes below @property and "
                            "its like",
                            callable);
    struct scope *s = scope_for(state, scope, category, callable);
    if (s == NULL)
        return NULL;
    PyObject *result = wrap(state, s, callable);
    Py_DECREF(s);
    return result;
}

/* ---- the type ---- */

static PyObject *function_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<scoped %R>", ((struct scoped_function *)self)->callee);
}

/* As functions are pickled and copied: by name. */
static PyObject *function_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyObject_GetAttrString(self, "__qualname__");
}

static int function_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct scoped_function *f = (struct scoped_function *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(f->callee);
    Py_VISIT(f->dict);
    return 0;
}

static int function_clear(PyObject *self)
{
    Py_CLEAR(((struct scoped_function *)self)->dict);
    return 0;
}

/* The callee stays until the very end: others may still call what is being torn down. */
static void function_dealloc(PyObject *self)
{
    struct scoped_function *f = (struct scoped_function *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (f->weakrefs != NULL)
        PyObject_ClearWeakRefs(self);
    Py_XDECREF(f->dict);
    Py_DECREF(f->callee);
    Py_DECREF(f->scope);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef function_methods[] = {
    {"__reduce__", function_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef function_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct scoped_function, vectorcall), READONLY,
     NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(struct scoped_function, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct scoped_function, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

#if PY_VERSION_HEX < 0x030a0000
/*
 * Before 3.10 inspect asks only what isinstance takes for a function whether it is one of a generator or a
 * coroutine, and so do asyncio and frameworks; isinstance believes __class__. For others type() is enough.
 */
static PyObject *function_class(PyObject *self, void *closure)
{
    (void)closure;
    bool has_steps = ((struct scoped_function *)self)->steps != NULL;
    PyObject *class = (PyObject *)(has_steps ? &PyFunction_Type : Py_TYPE(self));
    Py_INCREF(class);
    return class;
}
#endif

static PyGetSetDef function_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
#if PY_VERSION_HEX < 0x030a0000
    {"__class__", function_class, NULL, NULL, NULL},
#endif
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot function_slots[] = {
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, function_get},
    {Py_tp_getattro, function_getattr},
    {Py_tp_repr, function_repr},
    {Py_tp_traverse, function_traverse},
    {Py_tp_clear, function_clear},
    {Py_tp_dealloc, function_dealloc},
    {Py_tp_methods, function_methods},
    {Py_tp_members, function_members},
    {Py_tp_getset, function_getset},
    {0, NULL},
};

#if PY_VERSION_HEX >= 0x030a0000
#define NOT_BY_HAND Py_TPFLAGS_DISALLOW_INSTANTIATION
#else
#define NOT_BY_HAND 0
#endif

/* As a method descriptor, methods are called without an object for the bound method in between. */
PyType_Spec function_spec = {
    .name = "tacho._marks.scoped_function",
    .basicsize = sizeof(struct scoped_function),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR | NOT_BY_HAND,
    .slots = function_slots,
};
