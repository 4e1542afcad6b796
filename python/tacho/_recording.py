"""A program that records itself."""

import os
import sys

from . import _marks
from ._seconds import checked

LEAST_INTERVAL = 0.001
VARIABLE = "TACHO_MARKS"  # where programs that are started put their marks
_current = None  # (process, path) of what start() began


def _program():
    """What the program is called: of `python -m package` the package."""
    path = getattr(sys, "argv", [""])[0]
    name = os.path.basename(path)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(path))
    return name[:-3] if name.endswith(".py") else name if name not in ("", "-c", "-m") else "python"


def _path(output):
    if output is None:
        return _marks._file_name(_program())
    path = os.fsdecode(output)
    return os.path.join(path, _marks._file_name(_program())) if os.path.isdir(path) else path


def _tell_children():
    if _marks.marking() and _marks._variable():
        os.environ[VARIABLE] = _marks._variable()


def start(output=None, interval=1.0, replace=False):
    """Begins to record this process, its forked children, and Python programs that it starts.

    output: the file, a str or path; a directory: a file there; None: tacho-PROGRAM-TIME-PID.tacho
    here. One that exists is an error, but with `replace`.
    interval: seconds between samples of CPU, memory and I/O, from 0.001 to 86400. Marks are exact
    whatever it is.

    Returns the path. Under `tacho record`, or where a parent process records, marks have their
    recording already: nothing is begun, and None returned.

    OSError when the file cannot be made; RuntimeError when this process is recorded by itself already.
    """
    interval = checked(interval, "interval", LEAST_INTERVAL)
    path = _path(output)
    recorded = _marks.marking()
    _marks._start(path, interval, bool(replace))
    if recorded:
        return None
    global _current
    _current = os.getpid(), os.path.abspath(path)
    _tell_children()
    return path


def current_path():
    """Absolute, of the recording that start() began in this process and that is not over; None."""
    return _current[1] if _current is not None and _current[0] == os.getpid() else None


def stop():
    """Ends what start() began: all that was marked before is in the file. A program that ends without
    it does it then. RuntimeError when nothing was begun; OSError when the file could not be written."""
    if os.environ.get(VARIABLE, "") == _marks._variable():
        os.environ.pop(VARIABLE, None)
    global _current
    _current = None
    _marks._stop()


class recording:
    """`with tacho.recording(...) as r:` is start() and stop() around the block; r.path is the file,
    None where another process records. Arguments and errors are those of start()."""

    def __init__(self, output=None, interval=1.0, replace=False):
        self._arguments = output, checked(interval, "interval", LEAST_INTERVAL), replace
        self._begun = False
        self.path = None

    def __enter__(self):
        self.path = start(*self._arguments)
        self._begun = True
        return self

    def __exit__(self, *exception):
        if self._begun:
            self._begun = False
            stop()


_tell_children()  # TACHO=FILE has begun it, before there was an os.environ of ours to put it in
