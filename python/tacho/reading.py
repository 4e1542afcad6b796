"""Recordings as Python objects and arrays.

    import tacho
    with tacho.open("run.tacho") as rec:
        for process in rec.processes:
            times, rss = rec.series("rss", process=process)
        begin, end = rec.scopes("load").T
        print((end - begin).sum())

Times are float64 seconds since the start of the recording, which is what `tacho report` and `tacho export`
count from as well; `rec.started` is that moment on the wall clock. Values are float64 in the units of `tacho
export`: seconds, bytes, counts. Sums (`cpu`, `read_bytes`, ...) count since the thing began, as the kernel has
them: rates are yours to make, `numpy.diff(values) / numpy.diff(times)`.

Arrays are filled in C and handed over without a copy. They are numpy arrays; where numpy is not installed they
are memoryviews of the same shape and format ("d"), which have `len`, indexing, iteration and `tolist`. They
belong to you, and stay valid after `close`.

Texts are whatever bytes the programs chose: what is not UTF-8 comes as surrogate escapes, so that
`os.fsencode(text)` gives the bytes back.

A recording may be used by several threads; they take turns. Other threads run while one reads.
"""

from __future__ import annotations

import operator
import os

from . import _read
from ._read import Label, Metric, Process, Site

__all__ = ["Entity", "Label", "Metric", "Process", "Recording", "Site", "open"]

PID_MAX = 2**31 - 1
ENTITY_MAX = 2**32 - 1


def open(path):  # noqa: A001 - as gzip.open
    """Opens a recording for reading; close it, or use it in a `with`.

    It may still be being written, or have been cut off by a crash: what cannot be read is left out, and
    `Recording.salvage` says how much that is.

    Args:
        path: str, bytes, or os.PathLike.

    Raises:
        FileNotFoundError, PermissionError, IsADirectoryError, ...: it cannot be opened.
        ValueError: it is no recording, is empty, is made by a newer tacho, or is compressed with zstd where tacho
            was built without it. Logs of other tools, which `tacho report` takes, are no recordings: `tacho import
            LOG -o NEW.tacho` makes one of them.
    """
    return Recording(_read.open(path), os.fsdecode(path))


def _array(column):
    """The numpy array of a column, or a memoryview where there is no numpy. No copy."""
    try:
        from numpy import asarray
    except ImportError:
        return memoryview(column)
    return asarray(column)


def _whole(value, name, largest):
    """A number as C wants it; 0 for None. Booleans and floats are mistakes."""
    if value is None:
        return 0
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not bool")
    value = operator.index(value)
    if not 0 < value <= largest:
        raise ValueError(f"{name} must be between 1 and {largest}, not {value}")
    return value


class Entity:
    """What has series and is no process: the tree, the machine, a disk, ...

    Attributes:
        of: "tree", "recorder", "machine", "processor", "disk", "network", "cgroup" or "energy".
        name: "0", "sda", "eth0", "/user.slice"; empty where there is but one of the kind.
    """

    __slots__ = ("_id", "_recording", "name", "of")

    def __init__(self, recording, of, name="", number=0):
        self._recording, self.of, self.name, self._id = recording, of, name, number

    def __repr__(self):
        return f"<tacho {self.of}{self.name and ' '}{self.name}>"

    @property
    def metrics(self):
        """Names of its metrics in this recording: list of str."""
        return [metric.name for metric in self._recording.metrics if metric.of == self.of]

    def series(self, name):
        """One metric over time: (times, values), both float64 of shape (n,).

        Times are seconds since the start, values in the metric's unit. Only moments at which it was sampled
        are in: n is 0 where it never was.

        Raises:
            KeyError: this recording has no metric of that name for this kind of thing.
        """
        if self._id == 0 and name not in self.metrics:
            raise self._recording._no_metric(name, self.of)
        if self._id == 0:
            from array import array

            return _array(array("d")), _array(array("d"))
        return self._recording._series(self._id, name, self.of)


class Recording:
    """An open recording. Made by `tacho.open`.

    After `close` every call raises ValueError; lists and arrays that were handed out stay as they are.
    """

    def __init__(self, raw, path):
        self._raw, self.path = raw, path
        self._known = {}

    # ---- the session ----

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        return f"<tacho recording {self.path!r}>"

    def close(self):
        """Closes the file and frees its memory. May be called again."""
        self._raw.close()

    def refresh(self):
        """Takes in what was written since: how many blocks, int. Lists are made anew when next asked for."""
        self._known = {}
        return self._raw.refresh()

    def _once(self, name, make):
        """What `make` gives, made once and kept until `refresh`."""
        self._raw.span()  # closed: say so, whatever is kept
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    @property
    def facts(self):
        """All that the recorder said of the session: dict of str to int, str, or (lists) list of str.

        docs/FORMAT.md lists the keys; none is certain to be there. Times and lengths are nanoseconds.
        """
        return dict(self._once("facts", self._raw.facts))

    def _seconds(self, key):
        value = self._once("facts", self._raw.facts).get(key)
        return value / 1e9 if isinstance(value, int) else None

    @property
    def command(self):
        """The launched command: list of str; empty where none was launched."""
        command = self._once("facts", self._raw.facts).get("command")
        return list(command) if isinstance(command, list) else []

    @property
    def host(self):
        """Host name: str, or None."""
        host = self._once("facts", self._raw.facts).get("hostname")
        return host if isinstance(host, str) else None

    @property
    def started(self):
        """The moment from which times count: datetime in UTC, to the microsecond; None where not known."""
        from datetime import datetime, timedelta, timezone

        real_ns = self._raw.span()[1]
        try:
            epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
            return epoch + timedelta(microseconds=real_ns // 1000) if real_ns else None
        except OverflowError:  # the file says so; no calendar does
            return None

    @property
    def wall_s(self):
        """Launch or attach to the end, or to what was recorded last: float."""
        wall = self._seconds("wall_ns")
        return self._raw.span()[0] if wall is None else wall

    @property
    def interval_s(self):
        """Between two ticks: float, or None where there were none."""
        return self._seconds("interval_ns")

    @property
    def salvage(self):
        """What of the file could be read, and which marks are lost: dict of str to int.

        `ended` (bool): the recorder closed the file. `lost_bytes`, `missing_blocks`, `undecodable_blocks`: damage.
        `lost_scopes`: marks for which there was no room, and that are in counts only; `lost_marks`: labels and
        values of counters that were dropped; `unbalanced_ends`: ends without a begin.
        """
        return self._raw.salvage()

    # ---- processes and metrics ----

    @property
    def processes(self):
        """All recorded processes in the order in which they were first seen: list of Process.

        A Process has `entity` (its number here; pids are given out again), `pid`, `parent_pid`, `parent` (entity),
        `command` (list of str), `comm`, `exe`, `cwd`, `begin_s`, `seen_s`, `end_s` (float seconds since the start),
        `returncode` (as subprocess has it: less than 0 is a signal), `uid`, `inner_pid`, and `exact`: whether
        the kernel's final account is there. What is not known is None.
        """
        return list(self._once("processes", self._raw.processes))

    @property
    def metrics(self):
        """The metrics of this recording: list of Metric, with `of`, `name`, `unit` and `kind`.

        `of` says what has it ("process", "machine", ...), `unit` what the values of `series` are in, `kind` is "sum" or
        "gauge". docs/METRICS.md explains each. Units there are as recorded; here ns are s, and load averages
        plain numbers. `status` is the code of its letter: chr(int(value)).
        """
        return list(self._once("metrics", self._raw.metrics))

    def series(self, name, *, pid=None, process=None):
        """One metric of one process over time: (times, values), both float64 of shape (n,).

        Times are seconds since the start, values in the metric's unit. In are the moments at which it was sampled, or
        is known to be unchanged since the process did not run; nothing between them is made up.

        Args:
            name: a process's metric, "rss".
            pid: of the process; or
            process: a Process, or its entity: where a pid was given out twice.

        Raises:
            KeyError: there is no such metric or process in this recording.
            ValueError: several processes had that pid.
        """
        return self._series(self._entity(pid, process), name, "process")

    def _series(self, entity, name, of):
        try:
            times, values = self._raw.series(entity, name)
        except KeyError:
            raise self._no_metric(name, of) from None
        return _array(times), _array(values)

    def _no_metric(self, name, of):
        known = ", ".join(metric.name for metric in self.metrics if metric.of == of)
        return KeyError(f"no metric {name!r} of a {of} in this recording; there are: {known or 'none'}")

    def _by_pid(self):
        by_pid = {}
        for process in self._once("processes", self._raw.processes):
            by_pid.setdefault(process.pid, []).append(process.entity)
        return by_pid

    def _entity(self, pid, process):
        """The entity of one process, named in either way."""
        if (pid is None) == (process is None):
            raise TypeError("which process? give either pid or process")
        if process is not None:
            entity = _whole(getattr(process, "entity", process), "process", ENTITY_MAX)
            if entity not in self._once("entities", self._entities):
                raise KeyError(f"no process with entity {entity} in this recording")
            return entity
        found = self._once("by_pid", self._by_pid).get(_whole(pid, "pid", PID_MAX), ())
        if not found:
            raise KeyError(f"no process {pid} in this recording")
        if len(found) > 1:
            raise ValueError(f"{len(found)} processes had the pid {pid}, one after another: "
                             f"say which by process=, one of {', '.join(map(str, found))}")
        return found[0]

    def _entities(self):
        return {process.entity for process in self._once("processes", self._raw.processes)}

    # ---- the machine ----

    def _the(self, of):
        for entity in self._once("others", self._raw.entities):
            if entity.of == of:
                return Entity(self, of, entity.name, entity.id)
        return Entity(self, of)

    def _each(self, of):
        others = self._once("others", self._raw.entities)
        return {e.name: Entity(self, of, e.name, e.id) for e in others if e.of == of}

    @property
    def machine(self):
        """The machine as a whole: `rec.machine.series("memory_available")`."""
        return self._the("machine")

    @property
    def tree(self):
        """All recorded processes as one: `rec.tree.series("rss")`."""
        return self._the("tree")

    @property
    def recorder(self):
        """What recording cost: `rec.recorder.series("cpu")`."""
        return self._the("recorder")

    @property
    def processors(self):
        """By number, "0": dict of str to Entity."""
        return self._each("processor")

    @property
    def disks(self):
        """By name, "sda": dict of str to Entity."""
        return self._each("disk")

    @property
    def networks(self):
        """By interface, "eth0": dict of str to Entity."""
        return self._each("network")

    @property
    def cgroups(self):
        """By path, of the target: dict of str to Entity; several where it moved."""
        return self._each("cgroup")

    @property
    def energy(self):
        """By domain, "package-0": dict of str to Entity."""
        return self._each("energy")

    # ---- marks ----

    def _wanted(self, name, category, pid, process, thread):
        """What C takes to choose among marks."""
        entity = _whole(getattr(process, "entity", process), "process", ENTITY_MAX)
        named = isinstance(thread, str)
        tid = 0 if named else _whole(thread, "thread", PID_MAX)
        return name, category, _whole(pid, "pid", PID_MAX), entity, tid, thread if named else None

    def scopes(self, name=None, category=None, *, pid=None, process=None, thread=None):
        """Begin and end of each occurrence of a scope: float64 of shape (n, 2), seconds since the start.

        A row for each occurrence, in order of the begins; recursive ones, and those of all threads and processes,
        have rows of their own. One that nobody ended ends with an outer one, its thread, its process or the recording:
        docs/SCOPES.md has the rules. n is 0 where there was none. Scopes that could only be counted, for want of
        room, have no row: `scope_names` counts those as well.

        Args:
            name: of the scope: str. None: all.
            category: str; "" for scopes without one. None: any.
            pid: only of processes with that pid.
            process: only of that Process, or entity.
            thread: only of the thread with that tid (int), or of threads with that name (str).
        """
        return _array(self._raw.scopes(*self._wanted(name, category, pid, process, thread)))

    @property
    def scope_names(self):
        """The scopes there were: list of Site, with `name`, `category` ("" for none), `count`."""
        return list(self._once("sites", self._raw.sites)[0])

    def counters(self, name=None, category=None, *, pid=None, process=None, thread=None):
        """The values of a counter over time: (times, values), both float64 of shape (n,).

        In order of time; each value holds until the next. Arguments are those of `scopes`.
        """
        wanted = self._wanted(name, category, pid, process, thread)
        times, values = self._raw.counters(*wanted)
        return _array(times), _array(values)

    @property
    def counter_names(self):
        """The counters there were: list of Site, with `name`, `category`, `count` (of values)."""
        return list(self._once("sites", self._raw.sites)[1])

    @property
    def labels(self):
        """What was said: list of Label, with `at_s` (float), `text`, `pid`, `entity` and `tid` (int, or None)."""
        return list(self._once("labels", self._raw.labels))

    # ---- pandas ----

    def to_pandas(self, metrics=None):
        """The samples of all processes: a DataFrame with a row for each process and tick.

        The index is (pid, time), time in seconds since the start; columns are `entity` (int64; pids are given out
        again) and the metrics, float64 in the units of `metrics`, NaN where not known at that tick. What costs
        much is not sampled at each tick: `frame.groupby("entity").ffill()` carries it on.

        Args:
            metrics: names of the metrics wanted. None: all, 8 bytes a metric and row.

        Raises:
            ImportError: pandas is not installed.
            KeyError: no such metric in this recording.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: apt install python3-pandas, or pip install "
                              "pandas; series() does without") from error
        if isinstance(metrics, str):
            raise TypeError("metrics must be a list of names, not one str")
        names = [m.name for m in self.metrics if m.of == "process"] if metrics is None else list(metrics)
        try:
            times, pids, entities, columns = self._raw.samples(tuple(names))
        except KeyError as error:
            raise self._no_metric(error.args[0], "process") from None
        frame = pandas.DataFrame({"entity": _array(entities)} | dict(zip(names, map(_array, columns))))
        frame.index = pandas.MultiIndex.from_arrays([_array(pids), _array(times)], names=["pid", "time"])
        return frame.sort_index(kind="stable")
