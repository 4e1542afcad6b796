"""Lines of what the process uses, in the program's own log. docs/LOGS.md says what they hold."""

import _thread  # threading's locks, without threading
import atexit
import os

from . import _marks
from ._seconds import checked

LEAST_INTERVAL = 0.01
INFO = 20  # logging.INFO, which is imported only when it is needed
NEXT, FIRST, LAST = range(3)
_FORK_PATIENCE_S = 1.0  # a line takes some 100 us; but who forks may hold what the line waits for

_writing = None  # held while a line is written: a fork then would leave the log's own locks held in the child


def _before_fork():
    _writing.acquire(timeout=_FORK_PATIENCE_S)


def _after_fork_in_parent():
    try:
        _writing.release()
    except RuntimeError:  # its patience was over
        pass


def _after_fork_in_child():
    global _writing
    _writing = _thread.RLock()


def _mind_forks():
    """Once. Behind logging's own hooks, so that before a fork ours is first, while the line can still end."""
    global _writing
    import logging  # noqa: F401

    if _writing is None:
        _writing = _thread.RLock()  # a handler may fork as well
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,
                            after_in_child=_after_fork_in_child)


def _logger(logger):
    import logging

    if logger is None or isinstance(logger, str):
        return logging.getLogger(logger or "tacho")
    if not callable(getattr(logger, "log", None)):
        raise TypeError(f"logger must be a logging.Logger, a name or None, not {logger!r}")
    return logger


def _level(level):
    if isinstance(level, bool) or not isinstance(level, int):
        raise TypeError(f"level must be an int such as logging.INFO, not {level!r}")
    return level


class log_process:
    """Lines of what this process uses, in the program's own log while a block runs.

        with tacho.log_process(5.0, logger="program"):

    One line as it begins, one each interval, one as it ends: CPU, memory, page faults, and the labels since
    the line before. docs/LOGS.md has the keys and their units; `tacho report LOG` finds the lines in any log.

    The lines come from a thread of its own, which ends with the block or before the interpreter does. A
    forked child writes none. It needs no recording and minds none: labels are in both.

    Args:
        interval: seconds, from 0.01 to 86400; 0.0: no lines at all.
        logger: a logging.Logger or its name; None: "tacho".
        level: of the lines, an int. A logger that is not set up shows warnings only: see
            logging.basicConfig(level=logging.INFO).

    Raises:
        TypeError: interval is no number, logger no logger, or level no int.
        ValueError: interval is none of those.
        RuntimeError: the block begins inside itself; or the interpreter may have no such threads, as
            subinterpreters mostly.
    """

    def __init__(self, interval=1.0, logger=None, level=INFO):
        off = not isinstance(interval, (str, bytes, bool)) and interval == 0
        self._interval = 0.0 if off else checked(interval, "interval", LEAST_INTERVAL)
        self._logger, self._level = _logger(logger), _level(level)
        self._thread = None

    def __enter__(self):
        """Begins, with the first line; gives itself."""
        if self._thread is not None:
            raise RuntimeError("this log_process runs already: make another one")
        if self._interval:
            self._begin()
        return self

    def __exit__(self, *exception):
        """Ends, with the last line."""
        self._end()

    def _begin(self):
        import threading

        _mind_forks()
        self._pid, self._lines, self._over = os.getpid(), _marks._lines(), threading.Event()
        self._put(FIRST)
        # A daemon, for a thread that is none would keep the program from ending.
        thread = threading.Thread(target=self._run, name="tacho log", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # too many threads; or none of that kind in this interpreter
            self._put(LAST)
            self._lines = None
            raise
        self._thread = thread
        atexit.register(self._end)

    def _end(self):
        thread, self._thread = self._thread, None
        if thread is None:
            return
        atexit.unregister(self._end)
        if self._pid == os.getpid():
            self._over.set()
            thread.join()
            self._put(LAST)
        self._lines = None

    def _run(self):
        while not self._over.wait(self._interval):
            self._put(NEXT)

    def _put(self, kind):
        with _writing:
            self._logger.log(self._level, "%s", self._lines.line(kind))


def _argument(text):
    import argparse

    try:
        seconds = float(text)
        return seconds if seconds == 0 else checked(seconds, "it", LEAST_INTERVAL)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds from {LEAST_INTERVAL} to a day, nor 0 for none"
        ) from None


def add_arguments(parser):
    """Gives a parser the option --log-process SECONDS (0.0, the default: off), for from_args().

    Args:
        parser: an argparse.ArgumentParser, or a group of one.

    Returns:
        The parser.

    Raises:
        argparse.ArgumentError: it has an option of that name already.
    """
    parser.add_argument("--log-process", type=_argument, default=0.0, metavar="SECONDS",
                        help="log what this process uses every so many seconds (default: %(default)s, "
                             "not at all)")
    return parser


def from_args(args, logger=None, level=INFO):
    """What the options of add_arguments() ask for: `with tacho.from_args(parser.parse_args()):`.

    Args:
        args: what parse_args() gave.
        logger, level: as of log_process().

    Returns:
        A log_process, to be put around the program; with --log-process 0.0 it does nothing.

    Raises:
        AttributeError: args is of a parser without add_arguments().
        TypeError: logger is no logger, or level no int.
    """
    return log_process(args.log_process, logger, level)
