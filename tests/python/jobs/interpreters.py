"""Interpreters of one process that mark at the same time, from 3.12 on each with a lock of its own. Usage:
interpreters.py FILE to record into"""

import sys
import threading

import tacho

try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string

MARKS = """
import sys, threading, tacho

@tacho.scope(category="Core")
def inner(n):
    if n == 99:
        raise ValueError(n)

def marks():
    for i in range(100):
        try:
            inner(i)
        except ValueError:
            pass
    for i in tacho.iterate(range(3), "items"):
        with tacho.scope("block"):
            tacho.counter("n", i)

marks()
if sys.version_info >= (3, 12):  # before, interpreters like these had no threads
    threads = [threading.Thread(target=marks) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert tacho.marking()
log = tacho.log_process(0.01)
for _ in range(2):
    try:
        log.__enter__()
        assert False
    except RuntimeError as error:
        assert "runs already" not in str(error), error
"""


def one():
    for _ in range(2):
        own = interpreters.create()
        failure = run(own, MARKS)
        if failure is not None:
            failures.append(failure)
        interpreters.destroy(own)


failures = []
with tacho.recording(sys.argv[1]):
    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    with tacho.scope("block"):
        for thread in threads:
            thread.join()
assert not failures, failures
