"""What marks cost Python: a decorated call and a block above the bare ones, beside what people use
instead, in one run. Nanoseconds; the median of rounds of short bursts, as programs mark between work."""

import cProfile
import os
import statistics
import subprocess
import sys
import time

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
PACKAGE = os.path.join(os.path.dirname(TACHO), "python")
BURSTS, CALLS = 200, 2000


def outer(name):
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    command = [sys.executable, "-B", __file__, WORK, name]
    if name in ("recorded", "memory"):
        command = [TACHO, "record", "-q", "--force", "-o", f"{WORK}/python.tacho", "--", *command]
    if name == "alone":
        environment["TACHO"] = f"{WORK}/python-alone.tacho"
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def function(x):
    return x


def with_append(f):
    seen = []

    def wrapper(*args, **kwargs):
        began = time.perf_counter()
        try:
            return f(*args, **kwargs)
        finally:
            seen.append(time.perf_counter() - began)
            if len(seen) > 1000:
                seen.clear()

    return wrapper


def with_file(f):
    def wrapper(*args, **kwargs):
        began = time.perf_counter()
        try:
            return f(*args, **kwargs)
        finally:
            with open(f"{WORK}/calls.txt", "a") as file:
                file.write(f"{f.__name__} {time.perf_counter() - began}\n")

    return wrapper


def calling(f):
    def loop(n):
        for _ in range(n):
            f(1)

    return loop


def per_call(*loops):
    """ns a turn of each, in turns, so that all see the same machine."""
    took = [[] for _ in loops]
    for _ in range(BURSTS):
        for loop, times in zip(loops, took):
            began = time.perf_counter_ns()
            loop(CALLS)
            times.append((time.perf_counter_ns() - began) / CALLS)
        time.sleep(0.005)  # the recorder's turn
    return [statistics.median(times) for times in took]


def marks():
    import tacho

    class Thing:
        def bare(self, x):
            return x

        scoped = tacho.scope(bare)

    thing, one = Thing(), tacho.scope("one")
    scoped = tacho.scope(function)

    def bare_method(n):
        for _ in range(n):
            thing.bare(1)

    def scoped_method(n):
        for _ in range(n):
            thing.scoped(1)

    def nothing(n):
        for _ in range(n):
            pass

    def block(n):
        for _ in range(n):
            with tacho.scope("load"):
                pass

    def kept_block(n):
        for _ in range(n):
            with one:
                pass

    call, wrapped, method, wrapped_method, empty, whole, kept = per_call(
        calling(function), calling(scoped), bare_method, scoped_method, nothing, block, kept_block)
    print(wrapped - call, wrapped_method - method, whole - empty, kept - empty)


def memory():
    import tacho

    scoped = calling(tacho.scope(function))

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    scoped(200_000)
    before = resident()
    scoped(10_000_000)
    print((resident() - before) >> 10)


def others():
    bare, append, file = per_call(calling(function), calling(with_append(function)),
                                  lambda n: calling(with_file(function))(n // 100))
    profile = cProfile.Profile()
    profile.enable()
    (profiled,) = per_call(calling(function))
    profile.disable()
    print(append - bare, profiled - bare, file * 100 - bare)


def imports():
    """ms; compiled before, as what is installed is."""
    code = "import time; t = time.perf_counter(); import tacho; print(time.perf_counter() - t)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment.update(PYTHONPATH=PACKAGE, PYTHONPYCACHEPREFIX=f"{WORK}/compiled")
    took = [float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                                 env=environment).stdout) * 1e3 for _ in range(21)]
    return statistics.median(took[1:])


def main():
    print("A scope in Python, ns above the same without one (goals: function 70, method 90, block 160)")
    for name, title in (("recorded", "under tacho record"), ("alone", "alone"), ("off", "not recorded")):
        values = [float(word) for word in outer(name).split()]
        print("  {:<20} function {:5.1f}   method {:5.1f}   block {:5.1f}   block of one object {:5.1f}"
              .format(title, *values))
    append, profiled, file = (float(word) for word in outer("others").split())
    print(f"  Python decorator, perf_counter and append {append:8.1f}")
    print(f"  cProfile                                  {profiled:8.1f}")
    print(f"  decorator that appends to a file per call {file:8.1f}")
    print(f"Memory that 10,000,000 scopes take            {int(outer('memory')):6d} KiB")
    print(f"import tacho (goal 5 ms)  {imports():.2f} ms")


if len(sys.argv) > 2:
    {"others": others, "memory": memory}.get(sys.argv[2], marks)()
else:
    main()
