"""Scopes as decorators and blocks, labels, counters, items: what they mark, and what the decorated is."""

import abc
import asyncio
import collections.abc
import copy
import functools
import gc
import inspect
import pickle
import sys
import threading
import types
import unittest
import weakref

import tacho
from marked import SANITIZED, Recorded, labels, table


@tacho.scope
def plain(a, b=2, *c, d: int = 4, **e):
    """What it does."""
    return a, b, c, d, e


@tacho.scope("given", category="I/O")
def named():
    return 1


class Thing:
    @tacho.scope
    def method(self, x):
        return self, x

    @classmethod
    @tacho.scope
    def inner_class(cls, x):
        return cls, x

    @tacho.scope
    @classmethod
    def outer_class(cls, x):
        return cls, x

    @staticmethod
    @tacho.scope
    def inner_static(x):
        return x

    @tacho.scope
    @staticmethod
    def outer_static(x):
        return x

    @property
    @tacho.scope
    def value(self):
        return 5


class Functions(Recorded):
    def test_calls(self):
        self.assertEqual(plain(1), (1, 2, (), 4, {}))
        self.assertEqual(plain(1, 3, 5, d=6, f=7), (1, 3, (5,), 6, {"f": 7}))
        self.assertEqual(plain(*[1, 2], **{"d": 3}), (1, 2, (), 3, {}))
        self.assertEqual(named(), 1)
        with self.assertRaises(TypeError):
            plain()
        summary = self.summary()
        self.assertEqual({(s["name"], s["category"]): s["count"] for s in summary["scopes"]},
                         {("plain", ""): 4, ("given", "I/O"): 1})

    def test_methods(self):
        thing = Thing()
        self.assertEqual(thing.method(1), (thing, 1))
        self.assertEqual(Thing.method(thing, 2), (thing, 2))
        bound = thing.method
        self.assertIsInstance(bound, types.MethodType)
        self.assertEqual(bound(x=3), (thing, 3))
        for call in (Thing.inner_class, Thing.outer_class, thing.inner_class, thing.outer_class):
            self.assertEqual(call(4), (Thing, 4))
        for call in (Thing.inner_static, Thing.outer_static, thing.inner_static):
            self.assertEqual(call(5), 5)
        self.assertEqual(thing.value, 5)
        self.assertEqual(self.counts(), {"Thing.method": 3, "Thing.inner_class": 2,
                                         "Thing.outer_class": 2, "Thing.inner_static": 2,
                                         "Thing.outer_static": 1, "Thing.value": 1})

    def test_it_looks_like_the_function(self):
        self.assertEqual(plain.__name__, "plain")
        self.assertEqual(plain.__doc__, "What it does.")
        self.assertEqual(plain.__module__, __name__)
        self.assertEqual(Thing.method.__qualname__, "Thing.method")
        self.assertIsInstance(plain.__wrapped__, types.FunctionType)
        self.assertEqual(str(inspect.signature(plain)), "(a, b=2, *c, d: int = 4, **e)")
        self.assertEqual(str(inspect.signature(Thing().method)), "(x)")
        self.assertEqual(plain.__annotations__, {"d": int})
        self.assertEqual(plain.__code__.co_name, "plain")
        self.assertIn("return a, b, c, d, e", inspect.getsource(plain))
        self.assertIn("plain", repr(plain))
        plain.note = 1
        self.assertEqual(plain.__dict__["note"], 1)
        del plain.note
        with self.assertRaises(AttributeError):
            plain.note

    def test_pickle_and_copy_are_by_name(self):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            self.assertIs(pickle.loads(pickle.dumps(plain, protocol)), plain)
        self.assertIs(pickle.loads(pickle.dumps(Thing.method)), Thing.method)
        self.assertIs(copy.copy(plain), plain)
        self.assertIs(copy.deepcopy([plain])[0], plain)
        with self.assertRaises((pickle.PicklingError, AttributeError)):
            pickle.dumps(tacho.scope(lambda: 1))

    def test_recursion_and_threads(self):
        @tacho.scope
        def down(n):
            return n if n == 0 else down(n - 1)

        def run():
            for _ in range(10):
                down(50)

        threads = [threading.Thread(target=run) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        summary = self.summary()
        (row,) = summary["scopes"]
        self.assertEqual((row["name"], row["count"]), ("down", 4 * 10 * 51))
        self.balanced()

    def test_other_callables(self):
        self.assertEqual(tacho.scope(len)("abc"), 3)
        part = functools.partial(named)
        self.assertEqual(tacho.scope("part")(part)(), 1)
        cached = functools.lru_cache(tacho.scope("slow")(lambda x: x))
        self.assertEqual([cached(1), cached(1)], [1, 1])
        self.assertEqual(tacho.scope("again")(named)(), 1)
        self.assertEqual(self.counts(), {"len": 1, "part": 1, "given": 2, "slow": 1, "again": 1})

    def test_singledispatch_abstract_and_super(self):
        class Base(abc.ABC):
            @tacho.scope("base")
            @abc.abstractmethod
            def act(self):
                return "base"

        class Derived(Base):
            @tacho.scope("derived")
            def act(self):
                return "derived " + super().act()

        with self.assertRaises(TypeError):
            Base()
        self.assertEqual(Derived().act(), "derived base")
        self.assertEqual(self.counts(), {"base": 1, "derived": 1})


class Blocks(Recorded):
    def test_nested(self):
        with tacho.scope("outer", "I/O") as outer:
            with tacho.scope("inner"):
                with outer:
                    pass
        self.assertIs(outer, tacho.scope("outer", category="I/O"))
        self.assertEqual(self.counts(), {"outer": 2, "inner": 1})

    def test_one_object_for_all_threads(self):
        shared = tacho.scope("shared")

        def run():
            for _ in range(1000):
                with shared:
                    with shared:
                        pass

        threads = [threading.Thread(target=run) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual(self.counts(), {"shared": 8000})

    def test_exceptions_end_scopes_and_are_said_once(self):
        @tacho.scope
        def raising():
            raise ValueError("no")

        @tacho.scope
        def middle():
            raising()

        with self.assertRaises(ValueError):
            with tacho.scope("outer"):
                middle()
        with self.assertRaises(KeyError):
            with tacho.scope("other"):
                raise KeyError(1)
        with self.assertRaises(StopIteration):
            with tacho.scope("iteration"):
                raise StopIteration
        summary = self.summary()
        self.assertEqual(labels(summary), ["raising: ValueError", "other: KeyError"])
        self.assertEqual({s["name"]: s["count"] for s in summary["scopes"]},
                         {"raising": 1, "middle": 1, "outer": 1, "other": 1, "iteration": 1})
        self.balanced()

    def test_many_exceptions_are_counted(self):
        @tacho.scope("failing often")
        def raising():
            raise OSError

        for _ in range(5000):
            try:
                raising()
            except OSError:
                pass
        self.summary()
        said = [row["text"] for row in table(self.path, "labels")]
        self.assertEqual(len(said), 1003)
        self.assertEqual(said[-1], "failing often: OSError (the 4096th exception)")

    def test_recording_that_begins_and_ends_inside(self):
        self.summary()
        path = self.path.with_name("second.tacho")
        with tacho.scope("around"):
            tacho.start(path)
            with tacho.scope("within"):
                pass
        with tacho.scope("after"):
            tacho.stop()
        self.path = path
        summary = self.summary()
        self.assertEqual({s["name"] for s in summary["scopes"]}, {"within", "after"})
        self.balanced()

    def test_pickle(self):
        one = tacho.scope("x", category="y")
        self.assertIs(pickle.loads(pickle.dumps(one)), one)
        self.assertEqual(repr(one), "tacho.scope('x', category='y')")
        self.assertEqual((one.name, one.category), ("x", "y"))


class Suspended(Recorded):
    def test_generators(self):
        @tacho.scope
        def numbers(n):
            got = []
            for i in range(n):
                got.append((yield i))
            return got

        self.assertTrue(inspect.isgeneratorfunction(numbers))
        self.assertEqual(list(numbers(3)), [0, 1, 2])
        it = numbers(2)
        self.assertIsInstance(it, collections.abc.Generator)
        self.assertEqual([next(it), it.send("a")], [0, 1])
        with self.assertRaises(StopIteration) as caught:
            it.send("b")
        self.assertEqual(caught.exception.value, ["a", "b"])

        def delegate():
            return (yield from numbers(2))

        self.assertEqual(list(delegate()), [0, 1])
        it = numbers(2)
        next(it)
        it.close()
        it = numbers(2)
        next(it)
        with self.assertRaises(KeyError):
            it.throw(KeyError("x"))
        self.assertTrue(hasattr(it, "gi_frame"))
        summary = self.summary()
        self.assertEqual(labels(summary), ["numbers: KeyError"])
        self.assertEqual([(s["name"], s["count"]) for s in summary["scopes"]],
                         [("numbers", 4 + 3 + 3 + 2 + 2)])
        self.balanced()

    def test_waiting_is_not_billed(self):
        @tacho.scope
        async def task(n):
            for _ in range(n):
                await asyncio.sleep(0.03)
            return n

        async def main():
            return await asyncio.gather(*(asyncio.create_task(task(i)) for i in (1, 2, 3)))

        self.assertTrue(inspect.iscoroutinefunction(task))
        self.assertTrue(asyncio.iscoroutine(c := task(1)))
        c.close()
        self.assertEqual(asyncio.run(main()), [1, 2, 3])
        summary = self.summary()
        (row,) = summary["scopes"]
        self.assertEqual(row["count"], 1 + 2 + 3 + 4)
        self.assertLess(row["total_s"], 0.03)
        self.balanced()

    def test_inspect_takes_them_for_what_they_are(self):
        @tacho.scope
        def generator(n: int = 1):
            """Yields."""
            yield n

        @tacho.scope
        async def coroutine(n):
            return n

        @tacho.scope
        async def asynchronous(n):
            yield n

        class Service:
            @tacho.scope
            async def act(self):
                return 1

            @tacho.scope
            @staticmethod
            async def still():
                return 1

        kinds = {generator: inspect.isgeneratorfunction, coroutine: inspect.iscoroutinefunction,
                 asynchronous: inspect.isasyncgenfunction, Service.act: inspect.iscoroutinefunction,
                 Service().act: inspect.iscoroutinefunction, Service.still: inspect.iscoroutinefunction,
                 functools.partial(coroutine, 1): inspect.iscoroutinefunction}
        for function, kind in kinds.items():
            tests = {inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction}
            self.assertEqual([test for test in tests if test(function)], [kind], function)
            self.assertFalse(any(test(plain) for test in tests))
        self.assertTrue(asyncio.iscoroutinefunction(coroutine))
        self.assertEqual(str(inspect.signature(generator)), "(n: int = 1)")
        self.assertEqual(inspect.getdoc(generator), "Yields.")
        self.assertIn("yield n", inspect.getsource(generator))
        self.assertIsInstance(generator, collections.abc.Callable)
        self.assertIs(copy.copy(generator), generator)
        self.assertNotEqual(type(generator), types.FunctionType)
        with self.assertRaises((AttributeError, TypeError)):
            generator.__class__ = types.FunctionType

    def test_coroutines_that_fail_and_are_cancelled(self):
        @tacho.scope
        async def failing():
            await asyncio.sleep(0)
            raise OSError("no")

        @tacho.scope
        async def endless():
            await asyncio.sleep(100)

        async def main():
            with self.assertRaises(OSError):
                await failing()
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(endless(), 0.01)

        asyncio.run(main())
        self.assertEqual(labels(self.summary()), ["failing: OSError", "endless: CancelledError"])

    def test_asynchronous_generators_and_blocks(self):
        @tacho.scope
        async def numbers(n):
            for i in range(n):
                await asyncio.sleep(0)
                yield i

        class Service:
            @tacho.scope
            async def act(self):
                async with tacho.scope("block") as s:
                    return s.name

        async def main():
            got = [i async for i in numbers(3)]
            again = numbers(5)
            self.assertEqual(await again.__anext__(), 0)
            await again.aclose()
            return got, await Service().act()

        self.assertTrue(inspect.isasyncgenfunction(numbers))
        self.assertEqual(asyncio.run(main()), ([0, 1, 2], "block"))
        count = self.counts()
        self.assertEqual(count["block"], 1)
        self.assertEqual(count["Service.act"], 1)
        self.assertGreaterEqual(count["numbers"], 8)

    def test_generator_based_coroutines(self):
        @tacho.scope
        @types.coroutine
        def old():
            yield
            return 3

        async def main():
            return await old()

        self.assertEqual(asyncio.run(main()), 3)
        self.assertEqual(self.counts(), {"old": 2})


class Others(Recorded):
    def test_items(self):
        self.assertEqual([x for x in tacho.iterate("abc", "letters", category="I/O")], ["a", "b", "c"])
        for i in tacho.iterate(range(10), "left"):
            if i == 2:
                break
        try:
            for i in tacho.iterate(range(10), "failed"):
                raise ValueError
        except ValueError:
            pass
        self.assertEqual(len(list(tacho.iterate(iter([]), "none"))), 0)
        summary = self.summary()
        self.assertEqual({s["name"]: s["count"] for s in summary["scopes"]},
                         {"letters": 3, "left": 3, "failed": 1})
        self.balanced()
        values = [(row["name"], row["value"]) for row in table(self.path, "counters")]
        self.assertEqual(values, [("letters", 1), ("letters", 2), ("letters", 3), ("left", 1),
                                  ("left", 2)])

    def test_labels_are_any_text(self):
        tacho.label("100 %d of %s")
        tacho.label("caf\u00e9 \U0001f600")
        tacho.label("nul \0 and \udc80")
        tacho.label("")
        tacho.label("\u00e9" * 500_000)
        said = labels(self.summary())
        self.assertEqual(said[:4], ["100 %d of %s", "caf\u00e9 \U0001f600", "nul \\x00 and \\udc80", ""])
        self.assertEqual(said[4], "\u00e9" * 2047)

    def test_counters_and_threads(self):
        class Number:
            def __float__(self):
                return 1.5

        tacho.counter("residual", 3)
        tacho.counter("residual", Number())
        tacho.counter("residual", -1)
        tacho.thread_name("the main one")
        self.summary()
        self.assertEqual([row["value"] for row in table(self.path, "counters")], [3, 1.5, -1])


class Refused(unittest.TestCase):
    def refuses(self, error, says, call, *args, **kwargs):
        with self.assertRaisesRegex(error, says):
            call(*args, **kwargs)

    def test_names(self):
        for what in (tacho.scope, lambda n: tacho.scope("x", category=n), tacho.thread_name,
                     lambda n: tacho.counter(n, 1), lambda n: tacho.iterate([], n)):
            self.refuses(ValueError, "NUL", what, "a\0b")
            self.refuses(ValueError, "lone surrogate at index 1: give .*backslashreplace", what, "a\ud800")
            self.refuses(ValueError, "at most 1023 bytes", what, "x" * (1 << 20))
            self.refuses(ValueError, "empty", what, "")
            self.refuses(TypeError, "must be a str, not (int|bytes)", what, 5)
            self.refuses(TypeError, "must be a str, not (int|bytes)", what, b"x")
        what = tacho.scope("x" * 1023)
        self.assertEqual(len(what.name), 1023)

    def test_arguments(self):
        self.refuses(TypeError, "no argument 'kind'", tacho.scope, "x", kind="y")
        self.refuses(TypeError, "twice", tacho.scope, "x", name="y")
        self.refuses(TypeError, "a name and a category", tacho.scope, "a", "b", "c")
        self.refuses(TypeError, "is a class: decorate its methods", tacho.scope, int)
        self.refuses(TypeError, "below @property", tacho.scope("x"), property(lambda self: 1))
        self.refuses(TypeError, "has no name", tacho.scope, functools.partial(len))
        self.refuses(TypeError, "a block needs a name", tacho.scope(category="I/O").__enter__)
        self.refuses(TypeError, "must be a str", tacho.label, 5)
        self.refuses(TypeError, "", tacho.counter, "x", "y")
        self.refuses(TypeError, "a name and a value", tacho.counter, "x")
        self.refuses(TypeError, "not iterable", tacho.iterate, 5, "x")
        self.refuses(TypeError, "", type(plain), len)

    def test_without_a_recording(self):
        self.assertFalse(tacho.marking())
        self.assertEqual(plain(1)[0], 1)
        with tacho.scope("x"):
            tacho.label("x")
            tacho.counter("x", 1)
        self.assertEqual(list(tacho.iterate("ab", "x")), ["a", "b"])
        self.refuses(RuntimeError, "nothing is recorded", tacho.stop)
        self.refuses(RuntimeError, "nothing is recorded", tacho.flush)


class Memory(Recorded):
    """Nothing is kept of what was used: counted in allocated blocks, after a first turn."""

    def turn(self):
        def local(x):
            return x

        def generate():
            yield 1

        async def wait():
            pass

        def fail():
            raise ValueError

        for function in (local, generate, wait):
            scoped = tacho.scope("kept", category="kept")(function)
            scoped.itself = scoped  # a cycle
            weakref.ref(scoped)
        tacho.scope("kept")(local)(1)
        list(tacho.scope("kept")(generate)())
        asyncio_free = tacho.scope("kept")(wait)()
        try:
            asyncio_free.send(None)
        except StopIteration:
            pass
        for refused in ("a\0", 5):
            try:
                tacho.scope(refused)
            except (TypeError, ValueError):
                pass
        try:
            with tacho.scope("kept"):
                tacho.scope("kept")(fail)()
        except ValueError:
            pass
        for _ in tacho.iterate("abc", "kept"):
            break
        tacho.label("caf\u00e9")
        tacho.label("\udc80")
        tacho.counter("kept", 1)
        tacho.scope(category="kept")
        pickle.loads(pickle.dumps(tacho.scope("kept")))

    def blocks(self, turns):
        for _ in range(turns):
            self.turn()
        gc.collect()
        return sys.getallocatedblocks()

    def test_nothing_is_kept(self):
        self.blocks(50)
        before = self.blocks(50)
        self.assertLess(self.blocks(2000) - before, 1000)  # the interpreter keeps some for later

    def test_references(self):
        scope, category = tacho.scope("counted"), "counted category"
        before = sys.getrefcount(scope), sys.getrefcount(category), sys.getrefcount(None)
        for _ in range(1000):
            with tacho.scope("counted"):
                pass
            tacho.scope("counted")(len)("x")
            tacho.scope("other", category=category)
        gc.collect()
        after = sys.getrefcount(scope), sys.getrefcount(category), sys.getrefcount(None)
        self.assertLess(max(a - b for a, b in zip(after, before)), 20)

    @unittest.skipIf(SANITIZED, "AddressSanitizer keeps what the recorder frees")
    def test_marks_take_no_memory(self):
        def resident():
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * 4096

        @tacho.scope
        def nothing():
            pass

        def run(n):
            for _ in range(n):
                nothing()
                with tacho.scope("block"):
                    pass

        def grown():
            before = resident()
            run(500_000)
            return resident() - before

        # What the recorder holds while it lags comes and goes; what leaks comes each time.
        run(200_000)
        self.assertLess(min(grown() for _ in range(3)), 2 << 20)


if __name__ == "__main__":
    unittest.main()
