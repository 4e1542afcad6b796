"""help(tacho.X) reads like a manual: what it is, arguments with types and units, what comes back, errors."""

import inspect
import pydoc
import re

import pytest
import tacho
from marked import Recorded
from tacho import reading

MODULE = {name: getattr(tacho, name) for name in [*tacho.__all__, "open", "load_ipython_extension"]}
CLASSES = [reading.Recording, reading.Entity, tacho.recording, tacho.log_process]
MEMBERS = {f"{cls.__name__}.{name}": member for cls in CLASSES for name, member in vars(cls).items()
           if not name.startswith("_") and not inspect.ismemberdescriptor(member)}
NO_ERRORS = {"marking", "load_ipython_extension"}


def arguments(thing):
    return [name for name in inspect.signature(thing).parameters if name != "self"]


@pytest.mark.parametrize("name", MODULE)
def test_a_function_has_a_manual(name):
    doc = inspect.getdoc(MODULE[name])
    first = doc.splitlines()[0]
    assert len(first) > 20 and first[-1] in ".:", first
    if name not in NO_ERRORS:
        assert "Raises:" in doc and re.search(r"Raises:\n    [\w.]+Error", doc), doc
    for argument in arguments(MODULE[name]):
        assert re.search(rf"^    [\w, ()]*\b{argument}\b[\w, ()]*: ", doc, re.MULTILINE), (argument, doc)
    assert max(map(len, doc.splitlines())) <= 116


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_has_one(name):
    member = MEMBERS[name]
    doc = inspect.getdoc(member.fget if isinstance(member, property) else member)
    assert doc and len(doc.splitlines()[0]) > 20, doc
    if inspect.isfunction(member) and len(arguments(member)) > 0:
        assert "Args:" in doc or "Arguments are those of" in doc or arguments(member) == ["name"], doc


def test_arrays_have_shapes_and_types():
    for method in ("series", "scopes", "counters"):
        assert re.search(r"float64 of shape \(n(, 2)?,?\)", inspect.getdoc(getattr(reading.Recording, method)))
    assert "float64 of shape (n,)" in inspect.getdoc(tacho.counter)
    assert "float64 of shape (n, 2)" in inspect.getdoc(tacho.scope)


def test_records_and_their_fields():
    for record in (reading.Process, reading.Label, reading.Metric, reading.Site):
        assert len(inspect.getdoc(record)) > 20
        fields = [name for name in record.__match_args__]
        assert fields and all(inspect.getdoc(getattr(record, name)) for name in fields), record


def test_help_shows_it():
    text = pydoc.plain(pydoc.render_doc(tacho))
    assert "flight recorder" in text or "say what the code is doing" in text
    for thing, said in ((tacho.scope, "(name=None, category=None)"), (tacho.label, "label(text, /)"),
                        (tacho.start, "start(output=None, interval=1.0, replace=False)")):
        assert said in pydoc.plain(pydoc.render_doc(thing)), thing


class Errors(Recorded):
    """What the manuals say of errors is so."""

    def test_errors(self):
        for error, call, *arguments in (
            (TypeError, tacho.label, 3), (TypeError, tacho.counter, 3, 1), (TypeError, tacho.counter, "a", "b"),
            (ValueError, tacho.counter, "", 1), (ValueError, tacho.counter, "a\0", 1), (TypeError, tacho.thread_name, 3),
            (ValueError, tacho.thread_name, "x" * 1024), (TypeError, tacho.iterate, 3, "x"),
            (ValueError, tacho.iterate, [], "\udc80"), (TypeError, tacho.scope, 3), (TypeError, tacho.scope, int),
            (TypeError, tacho.scope(category="x").__enter__), (ValueError, tacho.scope, "x", ""),
            (RuntimeError, tacho.start, self.path.with_name("other.tacho")), (TypeError, tacho.recording, None, "1"),
            (ValueError, tacho.recording, None, 0), (AttributeError, tacho.from_args, None),
            (TypeError, tacho.log_process, 1.0, 3), (ValueError, tacho.log_process, 0.001),
        ):
            with self.assertRaises(error, msg=(call, arguments)):
                call(*arguments)
        tacho.counter("any", float("nan"))
        self.summary()
        for error, call, *arguments in ((FileExistsError, tacho.start, self.path), (RuntimeError, tacho.stop),
                                        (RuntimeError, tacho.flush), (FileNotFoundError, tacho.open, "/nowhere"),
                                        (ValueError, tacho.open, __file__)):
            with self.assertRaises(error, msg=(call, arguments)):
                call(*arguments)
