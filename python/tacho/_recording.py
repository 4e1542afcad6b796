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
    path = (getattr(sys, "argv", None) or [""])[0]
    name = os.path.basename(path if isinstance(path, str) else "")
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(path))
    return name[:-3] if name.endswith(".py") else name if name not in ("", "-c", "-m") else "python"


def _rank():
    """Rank and size by mpi4py, where the program has it and MPI runs: never does this begin it. Else 0
    of 0, also where MPI was begun without a launcher, which makes each process a world of its own."""
    try:
        mpi = sys.modules["mpi4py.MPI"]
        if mpi.Is_initialized() and not mpi.Is_finalized():
            rank, size = mpi.COMM_WORLD.Get_rank(), mpi.COMM_WORLD.Get_size()
            return (rank, size) if 0 <= rank < size > 1 else (0, 0)
    except Exception:  # it is being imported, or another module of that name: no rank is no error
        pass
    return 0, 0


def _path(output, rank):
    if output is None:
        return _marks._file_name(_program(), *rank)
    path = os.fsdecode(output)
    return os.path.join(path, _marks._file_name(_program(), *rank)) if os.path.isdir(path) else path


def _tell_children():
    if _marks.marking() and _marks._variable():
        os.environ[VARIABLE] = _marks._variable()


def start(output=None, interval=1.0, replace=False):
    """Begins to record this process, its forked children, and Python programs that it starts.

    Marks are exact; CPU, memory and I/O of this process are sampled, by a thread that never has the
    interpreter's lock. However the program ends, all but its last second is in the file.

    Args:
        output: the file: str, bytes or path. A directory: a file in there. None:
            tacho-PROGRAM-TIME-PID.tacho in the working directory.
        interval: seconds between two samples, from 0.001 to 86400.
        replace: write over a file that is there already.

    Returns:
        The path: str. None under `tacho record`, or where a parent process records: marks have their
        recording already, and nothing was begun.

    Raises:
        FileExistsError: there is such a file, and replace was not given.
        OSError: the file cannot be made.
        RuntimeError: this process records itself already.
        TypeError, ValueError: interval is no number, or none from 0.001 to 86400.
    """
    interval = checked(interval, "interval", LEAST_INTERVAL)
    rank = _rank()
    path = _path(output, rank)
    recorded = _marks.marking()
    _marks._start(path, interval, bool(replace), *rank)
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
    """Ends what start() began: all that was marked before is in the file, and a last sample.

    A program that ends without it does it then.

    Raises:
        RuntimeError: nothing was begun.
        OSError: the file could not be written to its end; what is in it can be read.
    """
    if os.environ.get(VARIABLE, "") == _marks._variable():
        os.environ.pop(VARIABLE, None)
    global _current
    _current = None
    _marks._stop()


class recording:
    """start() and stop() around a block: `with tacho.recording("run.tacho") as r:`.

    Args:
        output, interval (seconds), replace: as of start().

    Attributes:
        path: the file, str; None before the block, and where another process records.

    Raises:
        TypeError, ValueError: at once, for the interval; the errors of start() and stop() come as the
            block begins and ends.
    """

    def __init__(self, output=None, interval=1.0, replace=False):
        self._arguments = output, checked(interval, "interval", LEAST_INTERVAL), replace
        self._begun = False
        self.path = None

    def __enter__(self):
        """Begins; gives itself."""
        self.path = start(*self._arguments)
        self._begun = True
        return self

    def __exit__(self, *exception):
        """Ends what it began."""
        if self._begun:
            self._begun = False
            stop()


_marks._arrive(_program(), *_rank())
_tell_children()  # of what TACHO=FILE has begun: C's environment is no longer os.environ
