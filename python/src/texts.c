/* What Python's texts are for the library: bytes without NUL, in UTF-8. */
#include "mark/shared.h"
#include "module.h"

static const char *refuse(PyObject *text, const char *what)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_ssize_t at = -1;
    if (value != NULL && PyErr_GivenExceptionMatches(type, PyExc_UnicodeEncodeError)) {
        PyErr_NormalizeException(&type, &value, &traceback);
        if (PyUnicodeEncodeError_GetStart(value, &at) < 0)
            PyErr_Clear();
    }
    if (at < 0) {
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    PyErr_Format(PyExc_ValueError,
                 "%s %.200R has a lone surrogate at index %zd: give "
                 "text.encode('utf-8', 'backslashreplace').decode()",
                 what, text, at);
    return NULL;
}

const char *name_text(PyObject *text, const char *what)
{
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.200s", what, Py_TYPE(text)->tp_name);
        return NULL;
    }
    Py_ssize_t n;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &n);
    if (utf8 == NULL)
        return refuse(text, what);
    if (n > NAME_BYTES_MAX) {
        PyErr_Format(
            PyExc_ValueError,
            "%s has at most %d bytes of UTF-8, not %zd: give a short one, and say the rest "
            "with tacho.label()",
            what, NAME_BYTES_MAX, n);
        return NULL;
    }
    if (n == 0 || strlen(utf8) != (size_t)n) {
        PyErr_Format(
            PyExc_ValueError,
            n == 0 ? "%s must not be empty" : "%s must not have NUL characters: remove them", what);
        return NULL;
    }
    return utf8;
}

/* Cut between two characters. */
void say_label(const char *text, Py_ssize_t n)
{
    if (n > LABEL_BYTES_MAX) {
        n = LABEL_BYTES_MAX;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    tacho_label_text(text, (size_t)n);
}

static bool say_escaped(PyObject *text)
{
    PyErr_Clear();
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    PyObject *plain = bytes == NULL ? NULL : PyUnicode_FromEncodedObject(bytes, "utf-8", "replace");
    PyObject *nul = PyUnicode_FromStringAndSize("\0", 1), *shown = PyUnicode_FromString("\\x00");
    PyObject *clean = plain == NULL || nul == NULL || shown == NULL
                          ? NULL
                          : PyUnicode_Replace(plain, nul, shown, -1);
    Py_ssize_t n;
    const char *utf8 = clean == NULL ? NULL : PyUnicode_AsUTF8AndSize(clean, &n);
    if (utf8 != NULL)
        say_label(utf8, n);
    Py_XDECREF(bytes);
    Py_XDECREF(plain);
    Py_XDECREF(nul);
    Py_XDECREF(shown);
    Py_XDECREF(clean);
    return utf8 != NULL;
}

bool label_text(PyObject *text)
{
    Py_ssize_t n;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &n);
    if (utf8 == NULL && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return false;
    /* What lies behind the cut is not looked at. */
    if (utf8 == NULL ||
        memchr(utf8, 0, (size_t)(n < LABEL_BYTES_MAX ? n : LABEL_BYTES_MAX)) != NULL)
        return say_escaped(text);
    say_label(utf8, n);
    return true;
}
