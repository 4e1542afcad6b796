"""Recordings that Python programs make of themselves, and those that `tacho record` makes of them."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
import tacho
from marked import (JOBS, PLAIN, ROOT, TACHO, counts, labels, python, read, report,
                    table)

WORKERS = JOBS / "workers.py"
WAYS = ["threads", "fork", "mpfork", "spawn", "forkserver", "futures", "subprocess", "exec"]


def run(code, *arguments, env=None, status=0):
    """A program from its text; its standard output."""
    result = python("-c", code, *arguments, env=env)
    assert result.returncode == status, result.stderr
    return result.stdout


def recorded(path, *command):
    result = subprocess.run([TACHO, "record", "-q", "-o", str(path), "--", *map(str, command)],
                            capture_output=True, text=True, env=PLAIN, timeout=120)
    assert result.returncode == 0, result.stderr
    return report(path)


# ---- workers ----

def check_workers(summary, path, way):
    assert counts(summary) == {"all": 5 if way == "subprocess" else 2 if way == "exec" else 1, "work": 100}
    assert summary["completeness"]["lost_marks"] == 0
    rows = [row for row in table(path, "scopes") if row["name"] == "work"]
    processes = {row["pid"] for row in rows}
    most = {"threads": 1, "exec": 1, "fork": 4, "subprocess": 4}.get(way, 2)
    assert 1 <= len(processes) <= most and (way not in ("fork", "subprocess") or len(processes) == 4)


@pytest.mark.parametrize("way", WAYS)
def test_workers_under_tacho_record(tmp_path, way):
    path = tmp_path / "run.tacho"
    check_workers(recorded(path, sys.executable, WORKERS, way), path, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["recording", "environment"])
def test_workers_alone(tmp_path, way, how):
    path = tmp_path / "own.tacho"
    if how == "recording":
        result = python(WORKERS, way, path)
    else:
        result = python(WORKERS, way, env={"TACHO": str(path), "TACHO_INTERVAL": "0.1"})
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == [path]
    check_workers(report(path), path, way)
    assert report(path)["target"] == "self"


@pytest.mark.parametrize("when, works", [("before", [0]), ("between", [20, 20])])
def test_a_fork_server_and_recordings(tmp_path, when, works):
    """A server that is older than the recording knows nothing of it; one that was started in a recording
    knows later ones, too."""
    result = python(JOBS / "forkserver.py", when, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:len(works)] == [str(work > 0) for work in works]
    for number, work in enumerate(works):
        summary = report(tmp_path / f"{number}.tacho")
        assert counts(summary) == {"all": 1, **({"work": work} if work else {})}
        assert summary["completeness"]["lost_marks"] == 0


@pytest.mark.parametrize("how", ["environment", "recorder"])
def test_a_fork_server_is_never_older_than_these(tmp_path, how):
    path, job = tmp_path / "run.tacho", JOBS / "forkserver.py"
    if how == "recorder":
        summary = recorded(path, sys.executable, job, "none", tmp_path)
    else:
        result = python(job, "none", tmp_path, env={"TACHO": str(path)})
        assert (result.returncode, result.stderr) == (0, "")
        summary = report(path)
    assert counts(summary) == {"all": 2, "work": 40}


def test_an_exec_of_the_recorder_itself(tmp_path):
    """Its thread ends with the old image: the new one begins a recording of its own."""
    run("import os, sys, tacho\n"
        "with tacho.scope('old'): tacho.flush()\n"
        "os.execv(sys.executable, [sys.executable, '-c', "
        "'import tacho; tacho.scope(\"new\").__enter__()'])", env={"TACHO": str(tmp_path / "own.tacho")})
    assert counts(report(tmp_path / "own.tacho")) == {"old": 1}
    assert counts(report(tmp_path / "own.2.tacho")) == {"new": 1}


# ---- start, stop, recording ----

def test_what_recording_makes(tmp_path):
    out = run(f"""
import os, sys, tacho
os.chdir({str(tmp_path)!r})
assert not tacho.marking()
with tacho.recording() as r:
    assert tacho.marking() and os.environ["TACHO_MARKS"]
    with tacho.scope("a"): tacho.label("caf\\u00e9")
    tacho.flush()
    print(r.path)
assert not tacho.marking() and "TACHO_MARKS" not in os.environ
with tacho.scope("unheard"): pass
os.mkdir("folder")
print(tacho.start("folder", 0.5))
with tacho.scope("b"): pass
tacho.stop()
print(tacho.start(b"third.tacho"))
with tacho.scope("c"): pass
""").splitlines()
    assert re.fullmatch(r"tacho-python-\d{8}T\d{6}-\d+\.tacho", out[0])
    assert counts(report(tmp_path / out[0])) == {"a": 1}
    assert labels(report(tmp_path / out[0])) == ["caf\u00e9"]
    assert out[1].startswith("folder/tacho-python-") and counts(report(tmp_path / out[1])) == {"b": 1}
    assert report(tmp_path / out[1])["interval_s"] == 0.5
    assert counts(report(tmp_path / "third.tacho")) == {"c": 1}


def test_under_tacho_record_it_is_the_recorders(tmp_path):
    path = tmp_path / "run.tacho"
    summary = recorded(path, sys.executable, "-c", f"""
import tacho
with tacho.recording({str(tmp_path / "none.tacho")!r}) as r, tacho.scope("x"):
    assert r.path is None
    tacho.flush()
""")
    assert counts(summary) == {"x": 1} and list(tmp_path.iterdir()) == [path]


WITHOUT = """
import importlib.util, os, signal, sys
assert importlib.util.find_spec("tacho") is None
print(bool(os.environ["TACHO_MARKS"]), "tacho" in sys.modules, flush=True)
"""


@pytest.mark.parametrize("end, status", [("", 0), ("sys.exit(3)", 3), ("1 / 0", 1),
                                         ("os.kill(os.getpid(), signal.SIGTERM)", 128 + 15)])
def test_without_the_package_a_program_just_runs(tmp_path, end, status):
    """-S: not even one that is installed. Its marks have a place, and nothing comes into it."""
    path = tmp_path / "run.tacho"
    result = subprocess.run([TACHO, "record", "-q", "-o", path, "--", sys.executable, "-I", "-S", "-c",
                             WITHOUT + end], capture_output=True, text=True, env=PLAIN, cwd=tmp_path,
                            timeout=60)
    assert (result.returncode, result.stdout) == (status, "True False\n")
    assert ("ZeroDivisionError" in result.stderr) == (end == "1 / 0")
    assert result.stderr == "" or status == 1
    summary = report(path)
    assert summary["processes"]["total"] == 1 and summary["scopes"] == [] and summary["labels"] == []
    assert summary["completeness"]["lost_marks"] in (0, None)


def test_what_start_refuses(tmp_path):
    old = tmp_path / "old.tacho"
    old.write_text("mine")
    with pytest.raises(FileExistsError) as caught:
        tacho.start(old)
    assert caught.value.filename == str(old) and old.read_text() == "mine"
    for path in (tmp_path / "no" / "x.tacho", "/proc/x.tacho"):
        with pytest.raises(FileNotFoundError) as caught:
            tacho.start(path)
        assert caught.value.filename == str(path)
    for interval in (-1, 0, 0.0001, 1e9, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="interval must be from 0.001 to 86400 seconds"):
            tacho.start(tmp_path / "x.tacho", interval)
        with pytest.raises(ValueError):
            tacho.recording(interval=interval)
    for interval in ("1", None, True, [1]):
        with pytest.raises(TypeError):
            tacho.start(tmp_path / "x.tacho", interval)
    for output in (5, ["x"]):
        with pytest.raises(TypeError):
            tacho.start(output)
    with pytest.raises(ValueError):
        tacho.start("a\0b")
    assert not tacho.marking() and list(tmp_path.iterdir()) == [old]


def test_start_twice(tmp_path):
    tacho.start(tmp_path / "a.tacho")
    try:
        with pytest.raises(RuntimeError, match=r"tacho.stop\(\)"):
            tacho.start(tmp_path / "b.tacho")
    finally:
        tacho.stop()
    tacho.start(tmp_path / "a.tacho", replace=True)
    tacho.stop()


@pytest.mark.parametrize("end, status", [("", 0), ("sys.exit(3)", 3), ("os._exit(4)", 4),
                                         ("os.abort()", -6), ("raise ValueError('x')", 1),
                                         ("os.kill(os.getpid(), 9)", -9)])
def test_ends(tmp_path, end, status):
    path = tmp_path / "own.tacho"
    run(f"""
import os, sys, tacho
tacho.start({str(path)!r})
for i in range(1000):
    with tacho.scope("x"): pass
tacho.flush()
{end}
""", status=status)
    assert counts(report(path)) == {"x": 1000}


def test_the_interpreters_lock_is_free_while_the_recorder_works(tmp_path):
    """Another thread runs on while this one starts, flushes and stops."""
    run(f"""
import threading, tacho, sys
sys.setswitchinterval(10)  # nobody gives the lock away unasked
ran = []
def other():
    ran.append(1)
for i in range(20):
    tacho.start({str(tmp_path)!r} + f"/{{i}}.tacho")
    t = threading.Thread(target=other); t.start()
    tacho.flush(); tacho.stop(); t.join()
assert len(ran) == 20
""")


def test_many_names(tmp_path):
    """What there is no room for is still counted."""
    path = tmp_path / "own.tacho"
    run(f"""
import tacho
tacho.start({str(path)!r})
for i in range(70000):
    with tacho.scope(f"name {{i}}"): pass
""")
    assert counts(report(path)).get("(too many names)", 0) > 0 or "too many names" in read(path)


# ---- the log ----

LOG = """
import logging, time, sys, os, argparse, tacho
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s",
                    filename=sys.argv[1])
"""


def lines(path):
    return [line for line in path.read_text().splitlines() if "ProcessLoggingThread-JSON" in line]


def test_lines_in_the_log(tmp_path):
    log = tmp_path / "app.log"
    run(LOG + """
with tacho.log_process(interval=0.05):
    tacho.label('quo"ted'); time.sleep(0.3); tacho.label("last")
logging.info("after")
""", log)
    found = lines(log)
    assert "-START" in found[0] and "-STOP" in found[-1] and len(found) > 3
    assert all(" tacho INFO " in line for line in found)
    assert json.loads(found[1].split("JSON", 1)[1])["memory_info"]["rss"] > 0
    summary = report(log)
    assert labels(summary) == ['quo"ted', "last"]


def test_logger_level_and_arguments(tmp_path):
    log = tmp_path / "app.log"
    code = LOG + """
parser = tacho.add_arguments(argparse.ArgumentParser())
args = parser.parse_args(sys.argv[2:])
with tacho.from_args(args, logger="my.app", level=logging.WARNING):
    time.sleep(0.1)
"""
    run(code, log)
    assert lines(log) == []
    run(code, log, "--log-process", "0")
    assert lines(log) == []
    run(code, log, "--log-process", "0.02")
    assert len(lines(log)) > 2 and all(" my.app WARNING " in line for line in lines(log))
    for wrong in ("-1", "often", "nan", "0.001"):
        result = python("-c", code, log, f"--log-process={wrong}")
        assert result.returncode == 2 and f"'{wrong}' is no number of seconds" in result.stderr
    assert "--log-process SECONDS" in python("-c", code, log, "--help").stdout


def test_the_log_and_a_recording_at_once(tmp_path):
    log, path = tmp_path / "app.log", tmp_path / "own.tacho"
    run(LOG + """
with tacho.recording(sys.argv[2]), tacho.log_process(0.05), tacho.log_process(0.05, logging.getLogger("two")):
    tacho.label("both"); time.sleep(0.2)
""", log, path)
    assert labels(report(path)) == ["both"]
    assert sum('"label": "both"' in line for line in lines(log)) == 2


def test_lines_by_the_environment_beside_those_of_the_program(tmp_path):
    """Both have every label, in whichever order they end."""
    log, err = tmp_path / "app.log", tmp_path / "err.log"
    result = python("-c", LOG + """
tacho.label("before")
with tacho.log_process(0.01):
    for i in range(20):
        tacho.label(f"label {i}"); time.sleep(0.005)
tacho.label("after")
if os.fork() == 0:
    tacho.label("child")
    os._exit(0)
assert os.wait()[1] == 0
tacho.label("last")
""", log, env={"TACHO_LOG": "0.02"})
    assert result.returncode == 0, result.stderr
    err.write_text(result.stderr)
    numbered = [f"label {i}" for i in range(20)]
    assert labels(report(log)) == numbered
    assert labels(report(err)) == ["before", *numbered, "after", "last"]


def test_the_log_outlives_a_recording(tmp_path):
    log, path = tmp_path / "app.log", tmp_path / "own.tacho"
    run(LOG + """
with tacho.log_process(0.05):
    with tacho.recording(sys.argv[2]):
        tacho.label("both")
    tacho.label("log alone")
""", log, path)
    assert labels(report(path)) == ["both"]
    assert labels(report(log)) == ["both", "log alone"]


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "os._exit(0)", "raise SystemExit",
                                 "import threading; threading.Thread(target=time.sleep, args=(0.2,)).start()"])
def test_ends_with_a_log(tmp_path, end):
    """Ends that leave no block: nothing hangs, and what can still write the last line does."""
    log = tmp_path / "app.log"
    run(LOG + f"""
tacho.log_process(0.01).__enter__()
time.sleep(0.1)
{end}
""", log)
    assert ("-STOP" in lines(log)[-1]) == ("_exit" not in end)


def test_forks_with_a_log(tmp_path):
    log = tmp_path / "app.log"
    run(LOG + """
with tacho.log_process(0.01):
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            tacho.label("in the child")
            break
        assert os.waitpid(pid, 0)[1] == 0
    else:
        tacho.label("in the parent")
""", log)
    pids = {json.loads(line[line.index("{"):])["pid"] for line in lines(log)}
    assert len(pids) == 1
    assert labels(report(log)) == ["in the parent"]


FORKS = """
import os, sys, threading, time, tacho

class Log:
    lock, inside = threading.Lock(), threading.Event()
    def log(self, level, form, line):
        self.inside.set()
        with self.lock:
            time.sleep(0.02)

def wait():
    Log.inside.clear()
    assert Log.inside.wait(60)

def fork(check):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if check() else 1)
    assert os.waitpid(pid, 0)[1] == 0

with tacho.log_process(0.01, Log()):
"""


def test_a_fork_waits_for_a_line():
    """Or what the log has locked in the midst of one would stay so in the child: it hung as it ended."""
    run(FORKS + """
    for _ in range(20):
        wait()
        fork(lambda: Log.lock.acquire(blocking=False))
""")


def test_a_fork_does_not_wait_for_ever():
    """A line that waits for who forks. The child may log all the same."""
    run(FORKS + """
    def logs():
        Log.lock = threading.Lock()
        with tacho.log_process(0.01, Log()):
            wait()
        return True

    with Log.lock:
        wait()
        fork(logs)
""")


def test_what_the_log_refuses():
    for interval in (-1, 0.001, float("nan"), 1e9):
        with pytest.raises(ValueError, match="interval must be from 0.01"):
            tacho.log_process(interval)
    for arguments in (("1",), (None,), (1, 5), (1, None, "INFO")):
        with pytest.raises(TypeError):
            tacho.log_process(*arguments)
    with tacho.log_process(0.0):
        pass


# ---- what it costs to have ----

def test_versions_agree():
    version = re.search(r"^  version: '([^']+)'", (ROOT / "meson.build").read_text(), re.MULTILINE)
    assert tacho.__version__ == version[1]


def test_what_an_import_imports():
    """Nothing that is slow to import: no logging, threading, argparse, contextlib."""
    out = run("import sys; before = set(sys.modules); import tacho; print(*set(sys.modules) - before)")
    assert {name.split(".")[0] for name in out.split()} <= {"tacho", "atexit"}
