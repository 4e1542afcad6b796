"""Calls each thing the package has CALLS times, and names what keeps something of each call: an object, a
reference to one, or memory. Usage: leaks.py CALLS [FILE to record into]"""

import ctypes
import gc
import inspect
import sys

import tacho
from tacho import _marks

CALLS = int(sys.argv[1])
NAME, CATEGORY, TEXT = "a name of its own", "a category", "caf\u00e9 " * 9
KEPT = tacho.scope(NAME, CATEGORY)
FLOAT, OBJECT, ITEMS = 3.25, object(), (1, 2, 3)


class Malloc(ctypes.Structure):
    """struct mallinfo2, of all that the process has allocated."""
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]


try:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Malloc
except AttributeError:  # before glibc 2.33
    mallinfo = Malloc


@tacho.scope
def plain(value=None, *more, key=None):
    return value


@tacho.scope(category=CATEGORY)
def failing():
    raise KeyError(OBJECT)


@tacho.scope
def generator():
    yield OBJECT
    yield OBJECT


@tacho.scope
async def coroutine():
    return OBJECT


@tacho.scope
async def asynchronous():
    yield OBJECT


class Thing:
    @tacho.scope
    def method(self, value):
        return value

    @tacho.scope
    @classmethod
    def of_class(cls):
        return cls


THING = Thing()


def expecting(error, call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def a_block():
    with tacho.scope(NAME, CATEGORY):
        pass


def a_kept_block():
    with KEPT:
        pass


def a_block_left_by_an_exception():
    try:
        with KEPT:
            raise KeyError(OBJECT)
    except KeyError:
        pass


def an_exception():
    expecting(KeyError, failing)


def calls():
    plain()
    plain(OBJECT, FLOAT, OBJECT, key=OBJECT)


def methods():
    THING.method(OBJECT)
    Thing.method(THING, OBJECT)
    THING.of_class()


def a_decoration():
    tacho.scope(lambda: None)
    tacho.scope(NAME, category=CATEGORY)(inspect.isclass)


def a_generator():
    for _ in generator():
        pass


def a_generator_that_is_left():
    steps = generator()
    next(steps)
    expecting(KeyError, steps.throw, KeyError(OBJECT))
    next(generator())


def a_coroutine():
    steps = coroutine()
    expecting(StopIteration, steps.send, None)
    coroutine().close()


def an_async_generator():
    steps = asynchronous()
    expecting(StopIteration, steps.__anext__().send, None)
    expecting(StopIteration, steps.aclose().send, None)


def an_async_block():
    expecting(StopIteration, KEPT.__aenter__().__await__().__next__)
    expecting(StopIteration, KEPT.__aexit__(None, None, None).__await__().__next__)


def labels():
    tacho.label(TEXT)
    tacho.label("a\0b\udc80")


def counters():
    tacho.counter(NAME, FLOAT)
    tacho.counter(NAME, 10**20)


def items():
    for _ in tacho.iterate(ITEMS, NAME, category=CATEGORY):
        pass
    for _ in tacho.iterate(ITEMS, NAME):
        break


def a_thread_name():
    tacho.thread_name(TEXT)


def what_is_asked():
    tacho.marking()
    _marks._variable()
    _marks._file_name("program", 1, 2)
    repr(KEPT), KEPT.name, KEPT.category, plain.__name__, plain.__doc__, THING.method.__self__


def wrong_scopes():
    expecting(TypeError, tacho.scope, OBJECT)
    expecting(TypeError, tacho.scope, NAME, OBJECT)
    expecting(TypeError, tacho.scope, NAME, CATEGORY, OBJECT)
    expecting(ValueError, tacho.scope, "a\0b")
    expecting(ValueError, tacho.scope, "\udc80")
    expecting(ValueError, tacho.scope, TEXT * 100)
    expecting(TypeError, KEPT, OBJECT)


def wrong_marks():
    expecting(TypeError, tacho.label, OBJECT)
    expecting(TypeError, tacho.label)
    expecting(TypeError, tacho.counter, NAME)
    expecting(TypeError, tacho.counter, NAME, OBJECT)
    expecting(TypeError, tacho.counter, OBJECT, FLOAT)
    expecting(ValueError, tacho.counter, "", FLOAT)
    expecting(TypeError, tacho.iterate, OBJECT, NAME)
    expecting(TypeError, tacho.iterate, ITEMS)
    expecting(ValueError, tacho.iterate, ITEMS, NAME, "")
    expecting(TypeError, tacho.thread_name, OBJECT)
    expecting(ValueError, tacho.thread_name, "")


def wrong_sessions():
    expecting(TypeError, _marks._start, OBJECT, FLOAT, False, 0, 0)
    expecting(TypeError, _marks._start, NAME, OBJECT, False, 0, 0)
    expecting(ValueError, _marks._start, "a\0b", FLOAT, False, 0, 0)
    expecting(TypeError, _marks._file_name, OBJECT, 0, 0)
    expecting(TypeError, _marks._arrive, NAME)
    expecting(TypeError, _marks._lines, OBJECT)
    if not tacho.marking():
        expecting(RuntimeError, _marks._stop)
        expecting(RuntimeError, tacho.flush)
        expecting(FileNotFoundError, _marks._start, "/proc/nonexistent/x", FLOAT, False, 0, 0)


def lines_of_a_log():
    _marks._lines().line(0)
    expecting(RuntimeError, _marks._lines().line, 9)


# Those with system calls, and how many times fewer they are called.
RARELY = {lines_of_a_log: 50, wrong_sessions: 20}

STEPS = [value for value in list(globals().values())
         if inspect.isfunction(value) and value.__module__ == __name__ and value is not expecting
         and value not in (plain, failing, generator, coroutine, asynchronous)]


def references():
    """To what all calls share: of each that is kept, there is one more."""
    shared = [None, True, NAME, CATEGORY, TEXT, KEPT, FLOAT, OBJECT, ITEMS, THING, Thing, plain, failing,
              generator, coroutine, asynchronous, tacho.scope, type(plain), _marks, _marks._lines,
              KeyError, KeyError.__dict__, type(THING.method)]
    shared += [type(tacho.iterate(ITEMS, NAME)), type(generator()), type(KEPT.__aenter__())]
    return [sys.getrefcount(one) for one in shared]


def measured():
    """Blocks and references, all of which stand still but for a few; bytes, which the recorder uses, too."""
    gc.collect()
    counts = references()
    return sys.getallocatedblocks(), *counts, mallinfo().uordblks


def kept(step):
    """What is left of `times` calls, most of any kind, in objects or in pieces of 32 bytes."""
    times = CALLS // RARELY.get(step, 1)
    for _ in range(times // 10):
        step()
    before = measured()
    for _ in range(times):
        step()
    after = measured()
    *objects, memory = (b - a for a, b in zip(before, after))
    return times, [*objects, memory // 32]


if len(sys.argv) > 2:
    tacho.start(sys.argv[2], 60.0)
for step in STEPS:
    times, left = kept(step)
    # The first are not the last: what happens once in a while is no leak.
    if max(left) > times // 2 and max(kept(step)[1]) > times // 2:
        print(f"{step.__name__} keeps something of each call: {left} of {times}")
print(f"{len(STEPS)} steps")
