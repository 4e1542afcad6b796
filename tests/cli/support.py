"""What the command-line tests share: running tacho, and the jobs it records."""

import functools
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

TACHO = os.environ.get("TACHO_BINARY", str(Path(__file__).parents[2] / "build" / "tacho"))
BURNER = os.environ.get("BURNER", str(Path(TACHO).parent / "tests" / "cli" / "burner"))
ESCAPEES = os.environ.get("ESCAPEES", str(Path(BURNER).parent / "escapees"))
LOCKED = os.environ.get("LOCKED", str(Path(BURNER).parent / "locked"))
MARKER = os.environ.get("MARKER", str(Path(BURNER).parent / "marker"))
PLUGIN = os.environ.get("PLUGIN", str(Path(BURNER).parent / "libplugin.so"))
COUNTING = os.environ.get("COUNTING", str(Path(BURNER).parent / "libcounting.so"))
SANITIZED = os.environ.get("SANITIZE", "none") != "none"


def run(*args, **kwargs):
    """Runs tacho with text output captured."""
    kwargs.setdefault("timeout", 120)
    kwargs.setdefault("capture_output", True)
    kwargs.setdefault("text", True)
    return subprocess.run([TACHO, *map(str, args)], **kwargs)


def record(output, *command, options=(), **kwargs):
    """Records a command into `output`; the result of tacho record."""
    return run("record", "-o", output, *options, "--", *command, **kwargs)


def report(path):
    """The summary of a recording as tacho report --json gives it."""
    result = run("report", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def export(path, table="samples", *options):
    """The rows of a table, as dicts."""
    result = run("export", path, "--to", "jsonl", "--table", table, *options)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def info(path):
    result = run("info", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def wait_until(condition, seconds=30):
    """Waits for `condition()` to be true; the test fails when it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# ---- following ----

def follows(path, pid):
    """Whether following has begun: the recording has the root already."""
    result = run("export", path, "--to", "jsonl", "--table", "processes", "--fields", "pid")
    return f'{{"pid":{pid}}}' in result.stdout.splitlines()


AUTOMATIC = ("bpf", "connector", "perf", "poll")
MECHANISMS = (*AUTOMATIC, "ptrace")
SEES_ALL = ("bpf", "connector", "perf", "ptrace")  # each birth, however short the life
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
INNER_PIDS = ("unshare", "-p", "-f", "--mount-proc")
# The leak checker of a sanitizer would trace the process.
LOCKED_DOWN = ("env", "ASAN_OPTIONS=detect_leaks=0", LOCKED)


@functools.cache
def unable(mechanism, *prefix, target=("true",)):
    """Why following that way does not work here, in tacho's own words; None when it does."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        command = [*prefix, TACHO, "record", "-q", "-o", f"{directory}/try.tacho", "--follow",
                   mechanism, *target]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if result.returncode == 0:
            return None
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr.strip()


def need(mechanism, *prefix, **kwargs):
    """Skips the test where following that way does not work."""
    reason = unable(mechanism, *prefix, **kwargs)
    if reason is not None:
        pytest.skip(reason)


class Escape:
    """A recorded run of the job `escapees`: its truth, and what the recording says."""

    def __init__(self, directory, result=None, name="run.tacho"):
        self.path, self.result = Path(directory) / name, result
        lines = (Path(directory) / "truth").read_text().splitlines()
        self.truth = [json.loads(line) for line in lines]
        self.summary = report(self.path)
        self.processes = self.summary["processes"]
        self.rows = export(self.path, "processes", "--fields",
                           "entity,pid,inner_pid,ppid,parent,start,seen,end,exit_code,signal,comm,"
                           "command,flags,accounting,cpu")
        assert info(self.path)["salvage"]["undecodable_blocks"] == 0

    def seen(self, pid="pid"):
        """Pairs of a truth and the one row that it is. Pids may have been given out again."""
        by_pid, pairs, truths = {}, [], self.truth
        for row in self.rows:
            by_pid.setdefault(row[pid], []).append(row)
        for alike in (lambda truth, row: row["command"] == command_of(truth),
                      lambda truth, row: row["ppid"] == truth["ppid"],
                      lambda truth, row: True):
            left = []
            for truth in truths:
                rows = [row for row in by_pid.get(truth["pid"], []) if alike(truth, row)]
                if rows:
                    pairs.append((truth, rows[0]))
                    by_pid[truth["pid"]].remove(rows[0])
                else:
                    left.append(truth)
            truths = left
        return pairs

    def twice(self):
        """Rows that are one process: no pid is given out again within two ticks of the kernel."""
        def began(row):
            return row["seen"] if row["start"] is None else row["start"]

        before, found = {}, []
        for row in sorted(self.rows, key=lambda row: (row["pid"], began(row))):
            if before.get("pid") == row["pid"] and began(row) - began(before) < 0.02:
                found.append((before, row))
            before = row
        return found


def escape(directory, mechanism, *modes, prefix=(), options=(), within=(), **kwargs):
    """Records `escapees` with these modes, the recorder started by `prefix`."""
    follow = ("--follow", mechanism) if mechanism else ()
    command = [*prefix, TACHO, "record", "-q", "-o", f"{directory}/run.tacho", *follow, *options,
               "--", *within, ESCAPEES, f"{directory}/truth", *map(str, modes)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, **kwargs)
    assert result.stderr == ""
    return Escape(directory, result)


def command_of(truth):
    """The command line of those that were exec'd."""
    return f"escapee {truth['kind']} {truth['number']}"


def ended_as(row):
    """As os.waitstatus_to_exitcode() gives it; None where it is not known."""
    return row["exit_code"] if row["signal"] is None else -row["signal"]
