"""What a cell of a notebook cost: read from the recording in which it ran."""

import os
import resource
import threading
import time
from unicodedata import east_asian_width

from ._quantity import duration, size

SCOPES_READ = 64  # names; each is a walk through the recording
SHOWN = 10        # scopes and labels in a text
TEXT_WIDTH = 84   # of a label there


def _used():
    """CPU seconds so far: user and system of this process, all of children that were waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime, own.ru_stime, children.ru_utime + children.ru_stime


def printable(text):
    """On one line, and nothing in it that moves a terminal's cursor or is no text at all."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in text)


def short(text, width):
    """Cut to `width` letters; the wide ones of East Asia are two each."""
    used = 0
    for i, char in enumerate(text):
        used += 2 if east_asian_width(char) in "WF" else 1
        if used > width:
            return text[:max(i - 1, 1)] + "…"
    return text


def _covered(spans):
    """Seconds in any of the (begin, end), which come in order of the begins: no moment counts twice."""
    total, until = 0.0, float("-inf")
    for begin, end in spans:
        if end > until:
            total += end - max(begin, until)
            until = end
    return total


class Cell:
    """A cell that ran under the magic `tacho`; `%tacho -o` returns it.

    Attributes:
        name: "In [3]": the scope that the cell is in its recording.
        value: of the last expression, or None.
        error: name of the type of the exception that ended it, or None.
        summary: dict with the names of `tacho report --json`: wall_s, cpu, memory, scopes, labels. Seconds and
            bytes; what is not known is None, or not there.
        recording: a tacho.Recording of the cell, to be closed by you; None where another process records.
        path: its file, None where that was temporary or is another's.
        notes: list of str: what is special about these figures.
    """

    def __init__(self, name):
        self.name, self.value, self.error = name, None, None
        self.recording = self.path = self.interval_s = None
        self.notes, self.summary = [], {}
        # For the plot, in seconds since the cell began: (time, CPU, RSS); (begin, end, name); (time, text).
        self.samples, self.spans, self.labels = [], [], []

    def begin(self):
        self._thread = threading.get_native_id()
        # The wall outside of the CPU: no thread is then busy for longer than there was time.
        self._begun_ns = time.monotonic_ns()
        self._used = _used()

    def end(self):
        user, system, children = (b - a for a, b in zip(self._used, _used()))
        wall_s, total = (time.monotonic_ns() - self._begun_ns) / 1e9, user + system
        self.summary = {
            "wall_s": wall_s,
            "cpu": {"user_s": user, "system_s": system, "total_s": total,
                    "mean_cores": total / wall_s if wall_s > 0 else None, "children_s": children},
            "memory": None,
            "scopes": [],
            "labels": [],
        }

    # ---- from the recording ----

    def read(self, rec):
        """Takes the cell's part of the recording, an open one."""
        self.recording, self.interval_s = rec, rec.interval_s
        self._start_s = (self._begun_ns - rec.facts["started_ns"]) / 1e9
        mine = [process for process in rec.processes if process.pid == os.getpid()]
        if not mine:
            return
        self._read_samples(rec, mine[-1])
        self._read_scopes(rec, mine[-1])
        ours = [label for label in rec.labels if self._within(label.at_s)]
        self.labels = [(label.at_s - self._start_s, printable(label.text)) for label in ours]
        self.summary["labels"] = [{"at_s": label.at_s - self._start_s, "text": label.text, "pid": label.pid}
                                  for label in ours]

    def _within(self, at_s):
        return 0 <= at_s - self._start_s <= self.summary["wall_s"]

    def _around(self, rec, name, process):
        """The samples of the cell as {time: value}, with the one before it and the one behind it."""
        times, values = (column.tolist() for column in rec.series(name, process=process))
        first = max((i for i, t in enumerate(times) if t <= self._start_s), default=0)
        end_s = self._start_s + self.summary["wall_s"]
        last = next((i for i, t in enumerate(times) if t >= end_s), len(times))
        return {t - self._start_s: v for t, v in zip(times[first:last + 1], values[first:last + 1])}

    def _read_samples(self, rec, process):
        cpu, rss = (self._around(rec, name, process) for name in ("cpu", "rss"))
        self.samples = [(t, cpu[t], rss[t]) for t in sorted(cpu.keys() & rss.keys())]
        if not self.samples:
            return
        first, last = self.samples[0][2], self.samples[-1][2]
        peak_s, _, peak = max(self.samples, key=lambda sample: sample[2])
        # The kernel's own peak is the process's: the cell's, where it rose meanwhile.
        own = list(self._around(rec, "peak_rss", process).values())
        exact = len(own) > 1 and own[-1] > own[0] and own[-1] >= peak
        self.summary["memory"] = {"peak_rss_bytes": own[-1] if exact else peak,
                                  "peak_at_s": min(max(peak_s, 0.0), self.summary["wall_s"]),
                                  "begin_rss_bytes": first, "end_rss_bytes": last, "exact": exact}

    def _read_scopes(self, rec, process):
        sites = sorted(rec.scope_names, key=lambda site: -site.count)
        if len(sites) > SCOPES_READ:
            self.notes.append(f"of {len(sites)} scopes the {SCOPES_READ} that ran most often are looked at")
        found = []
        for site in sites[:SCOPES_READ]:
            spans = [span for span in rec.scopes(site.name, site.category, process=process,
                                                 thread=self._thread).tolist() if self._within(span[0])]
            if not spans:
                continue
            self.summary["scopes"].append({"name": site.name, "category": site.category, "count": len(spans),
                                           "total_s": _covered(spans)})
            found += [(begin, -end, site.name) for begin, end in spans]
        self.summary["scopes"].sort(key=lambda scope: -scope["total_s"])
        until = float("-inf")
        for begin, minus_end, name in sorted(found):
            if begin >= until:
                until = -minus_end
                self.spans.append((begin - self._start_s, until - self._start_s, printable(name)))
        everywhere, here = (sum(self._within(begin) for begin, _ in rec.scopes(**which).tolist())
                            for which in ({}, {"process": process, "thread": self._thread}))
        if everywhere > here:
            self.notes.append(f"scopes in other threads and processes: {everywhere - here}, which tacho report "
                              "shows (--output FILE keeps the recording)")

    # ---- for people ----

    @property
    def is_short(self):
        """Whether it was over before there was a sample inside it."""
        return len(self.samples) < 3

    def headline(self):
        cpu, wall_s = self.summary["cpu"], self.summary["wall_s"]
        ended = f" until {self.error}" if self.error else ""
        cores = f", {cpu['mean_cores']:.2f} cores" if cpu["mean_cores"] is not None else ""
        return (f"{self.name} took {duration(wall_s)}{ended}: {duration(cpu['total_s'])} of CPU{cores} "
                f"({duration(cpu['user_s'])} user, {duration(cpu['system_s'])} system)")

    def memory_line(self):
        """None where nothing is known."""
        memory = self.summary["memory"]
        if memory is None:
            return None
        change = memory["end_rss_bytes"] - memory["begin_rss_bytes"]
        how = "by the kernel's account" if memory["exact"] else "when sampled"
        beside = "as much at the end as"
        if change:
            beside = f"{size(abs(change))} {'less' if change < 0 else 'more'} at the end than"
        return f"memory {size(memory['peak_rss_bytes'])} at the peak, {how}; {beside} at the beginning"

    def remarks(self):
        """What is to be known of the figures: list of str."""
        said = [printable(note) for note in self.notes]
        if self.recording is not None and self.is_short:
            every = f" (one each {duration(self.interval_s)})" if self.interval_s else ""
            said.append(f"too short for a plot: no sample{every} fell into it")
        children = self.summary["cpu"]["children_s"]
        if children > 0:
            said.append(f"programs it started and waited for took {duration(children)} of CPU more")
        if self.path is not None:
            said.append(f"see: tacho report {printable(self.path)}")
        return said

    def text(self):
        """The summary, for a terminal."""
        lines = [self.headline(), *filter(None, [self.memory_line()])]
        for scope in self.summary["scopes"][:SHOWN]:
            category = f" [{printable(scope['category'])}]" if scope["category"] else ""
            lines.append(f"  {duration(scope['total_s']):>8}  {scope['count']:>6} x  "
                         f"{printable(scope['name'])}{category}")
        lines += [f"  at {duration(at_s):>8}  {short(text, TEXT_WIDTH)}" for at_s, text in self.labels[:SHOWN]]
        for what, all_of in (("scopes", self.summary["scopes"]), ("labels", self.labels)):
            if len(all_of) > SHOWN:
                lines.append(f"  and {len(all_of) - SHOWN} more {what}")
        return "\n".join(lines + self.remarks())

    def __repr__(self):
        return f"<tacho cell {self.name}: {duration(self.summary.get('wall_s', 0))}>"

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))
