/* The module tacho._marks: its functions and its state. */
#include "module.h"

/* ---- functions ---- */

static PyObject *label(PyObject *module, PyObject *text)
{
    (void)module;
    if (!PyUnicode_Check(text))
        return PyErr_Format(PyExc_TypeError, "a label must be a str, not %.200s",
                            Py_TYPE(text)->tp_name);
    /* Not only while there is a recording: lines in a log have labels too. */
    if (__atomic_load_n(&tacho_marking, __ATOMIC_RELAXED) != 0 && !label_text(text))
        return NULL;
    Py_RETURN_NONE;
}

static void free_place(PyObject *capsule)
{
    PyObject *name = PyCapsule_GetContext(capsule);
    PyMem_Free(PyCapsule_GetPointer(capsule, NULL));
    Py_XDECREF(name);
}

/* A capsule around a new place, which keeps its name. */
static PyObject *new_counter(PyObject *name)
{
    const char *utf8 = name_text(name, "name");
    struct tacho_place *place = utf8 == NULL ? NULL : PyMem_Calloc(1, sizeof *place);
    PyObject *capsule = place == NULL ? NULL : PyCapsule_New(place, NULL, free_place);
    if (capsule == NULL) {
        PyMem_Free(place);
        return utf8 == NULL || PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    place->name = utf8;
    Py_INCREF(name);
    PyCapsule_SetContext(capsule, name);
    return capsule;
}

/* NULL: an exception is set, or there are too many names already and nothing is kept. */
static struct tacho_place *place_of_counter(struct module_state *state, PyObject *name)
{
    PyObject *capsule =
        PyUnicode_CheckExact(name) ? PyDict_GetItemWithError(state->counters, name) : NULL;
    if (capsule != NULL)
        return PyCapsule_GetPointer(capsule, NULL);
    if (PyErr_Occurred())
        return NULL;
    if (!PyUnicode_CheckExact(name) || state->kept >= NAMES_KEPT) {
        name_text(name, "name");
        return NULL;
    }
    capsule = new_counter(name);
    if (capsule == NULL || PyDict_SetItem(state->counters, name, capsule) < 0) {
        Py_XDECREF(capsule);
        return NULL;
    }
    state->kept++;
    struct tacho_place *place = PyCapsule_GetPointer(capsule, NULL);
    Py_DECREF(capsule);
    return place;
}

static PyObject *counter(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
    struct module_state *state = PyModule_GetState(module);
    if (n != 2)
        return PyErr_Format(PyExc_TypeError, "tacho.counter() takes a name and a value");
    double value = PyFloat_AsDouble(args[1]);
    if (value == -1 && PyErr_Occurred())
        return NULL;
    struct tacho_place *place = place_of_counter(state, args[0]);
    if (PyErr_Occurred())
        return NULL;
    if (is_marking() && place != NULL)
        tacho_place_counter(place, value);
    else if (is_marking())
        tacho_counter(PyUnicode_AsUTF8(args[0]), value);
    Py_RETURN_NONE;
}

static PyObject *thread_name(PyObject *module, PyObject *name)
{
    (void)module;
    const char *utf8 = name_text(name, "name");
    if (utf8 == NULL)
        return NULL;
    tacho_thread_name(utf8);
    Py_RETURN_NONE;
}

static PyObject *marking(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(is_marking());
}

PyDoc_STRVAR(
    label_doc,
    "label(text, /)\n"
    "--\n"
    "\n"
    "A message at this moment, in the recording and in the lines of log_process().\n"
    "\n"
    "No system call and no lock where marks are recorded; next to nothing elsewhere.\n"
    "\n"
    "Args:\n"
    "    text: str, taken as it is: NULs and lone surrogates are escaped ('\\x00', '\\udc80'),\n"
    "        and what is over 4,095 bytes of UTF-8 is cut.\n"
    "\n"
    "Raises:\n"
    "    TypeError: text is no str.");

PyDoc_STRVAR(
    counter_doc,
    "counter(name, value, /)\n"
    "--\n"
    "\n"
    "A value of your own at this moment: it holds until the next one of that name.\n"
    "\n"
    "tacho.open(FILE).counters(name) has them as (times, values), both float64 of shape (n,).\n"
    "\n"
    "Args:\n"
    "    name: str of 1 to 1,023 bytes of UTF-8 without NUL.\n"
    "    value: a number, recorded as float64; its unit is yours. nan and infinities may be.\n"
    "\n"
    "Raises:\n"
    "    TypeError: name is no str, or value no number.\n"
    "    ValueError: the name is empty, too long, or has a NUL or a lone surrogate in it.");

PyDoc_STRVAR(
    thread_name_doc,
    "thread_name(name, /)\n"
    "--\n"
    "\n"
    "What the calling thread is called in reports, and by tacho.open(FILE).scopes(thread=name).\n"
    "\n"
    "Args:\n"
    "    name: str of 1 to 1,023 bytes of UTF-8 without NUL.\n"
    "\n"
    "Raises:\n"
    "    TypeError: name is no str.\n"
    "    ValueError: the name is empty, too long, or has a NUL or a lone surrogate in it.");

PyDoc_STRVAR(marking_doc,
             "marking()\n"
             "--\n"
             "\n"
             "Whether marks are recorded now: bool. For what would cost to prepare in vain.\n"
             "\n"
             "    if tacho.marking():\n"
             "        tacho.label(describe(state))\n"
             "\n"
             "Never raises.");

PyDoc_STRVAR(
    iterate_doc,
    "iterate(iterable, name, category=None)\n"
    "--\n"
    "\n"
    "The iterable's items, with a scope around what the loop does with each.\n"
    "\n"
    "    for epoch in tacho.iterate(range(5), 'epochs', category='Core'):\n"
    "\n"
    "How many are done is a counter of the same name. Leaving the loop, in whatever way, ends the\n"
    "scope; making an item is not in it.\n"
    "\n"
    "Args:\n"
    "    iterable: any iterable.\n"
    "    name: str of 1 to 1,023 bytes of UTF-8 without NUL.\n"
    "    category: as name; or None.\n"
    "\n"
    "Returns:\n"
    "    An iterator of the same items, for one loop.\n"
    "\n"
    "Raises:\n"
    "    TypeError: it is no iterable, or a name is no str.\n"
    "    ValueError: the name is empty, too long, or has a NUL or a lone surrogate in it.");

static PyMethodDef methods[] = {
    {"label", label, METH_O, label_doc},
    {"counter", (PyCFunction)(void (*)(void))counter, METH_FASTCALL, counter_doc},
    {"thread_name", thread_name, METH_O, thread_name_doc},
    {"marking", marking, METH_NOARGS, marking_doc},
    {"iterate", (PyCFunction)(void (*)(void))iterate, METH_VARARGS | METH_KEYWORDS, iterate_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- the module ---- */

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **ret)
{
    *ret = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *ret == NULL ? -1 : 0;
}

static int add_public(PyObject *module, const char *name, PyTypeObject *type)
{
    Py_INCREF(type);
    if (PyModule_AddObject(module, name, (PyObject *)type) == 0)
        return 0;
    Py_DECREF(type);
    return -1;
}

static int module_exec(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    state->scopes = PyDict_New();
    state->counters = PyDict_New();
    if (state->scopes == NULL || state->counters == NULL ||
        add_type(module, &scope_spec, &state->scope) < 0 ||
        add_type(module, &function_spec, &state->function) < 0 ||
        add_type(module, &generator_spec, &state->generator) < 0 ||
        add_type(module, &coroutine_spec, &state->coroutine) < 0 ||
        add_type(module, &async_generator_spec, &state->async_generator) < 0 ||
        add_type(module, &ready_spec, &state->ready) < 0 ||
        add_type(module, &items_spec, &state->items) < 0 ||
        add_type(module, &lines_spec, &state->lines) < 0)
        return -1;
    scope_type_ready(state->scope);
    if (add_public(module, "scope", state->scope) < 0 ||
        add_public(module, "_lines", state->lines) < 0)
        return -1;
    return PyModule_AddFunctions(module, session_methods);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = PyModule_GetState(module);
    Py_VISIT(state->scope);
    Py_VISIT(state->function);
    Py_VISIT(state->generator);
    Py_VISIT(state->coroutine);
    Py_VISIT(state->async_generator);
    Py_VISIT(state->ready);
    Py_VISIT(state->items);
    Py_VISIT(state->lines);
    Py_VISIT(state->scopes);
    Py_VISIT(state->counters);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    Py_CLEAR(state->scopes);
    Py_CLEAR(state->counters);
    Py_CLEAR(state->scope);
    Py_CLEAR(state->function);
    Py_CLEAR(state->generator);
    Py_CLEAR(state->coroutine);
    Py_CLEAR(state->async_generator);
    Py_CLEAR(state->ready);
    Py_CLEAR(state->items);
    Py_CLEAR(state->lines);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_MOD_PER_INTERPRETER_GIL_SUPPORTED
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tacho._marks",
    .m_doc = "The marks of <tacho/tacho.h>; see tacho.",
    .m_size = sizeof(struct module_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__marks(void);
PyMODINIT_FUNC PyInit__marks(void)
{
    return PyModuleDef_Init(&definition);
}
