"""Programs that record themselves: tacho_start, TACHO=FILE, and lines in their logs."""

import os
import signal
import subprocess
import time

import pytest
from support import MARKER, export, info, report, run, wait_until

PLAIN = {k: v for k, v in os.environ.items() if not k.startswith("TACHO_")}


def marker(*arguments, **environment):
    kwargs = {"capture_output": True, "text": True, "timeout": 60}
    return subprocess.run([MARKER, *map(str, arguments)],
                          env={**PLAIN, **{k: str(v) for k, v in environment.items()}}, **kwargs)


def counts(path):
    return {s["name"]: s["count"] for s in report(path)["scopes"]}


def test_start_and_stop_twice(tmp_path):
    path = tmp_path / "own.tacho"
    result = marker("own", path)
    assert result.returncode == 0, result.stderr
    assert counts(path) == {"first": 50}
    second = tmp_path / "own.tacho.2"
    assert counts(second) == {"second": 70}
    assert [label["text"] for label in report(path)["labels"]] == ["in the first"]
    assert [label["text"] for label in report(second)["labels"]] == ["in the second"]
    assert info(path)["salvage"]["ended"]


def test_lines_go_where_the_program_says(tmp_path):
    log = tmp_path / "app.log"
    log.write_text(marker("own", tmp_path / "own.tacho").stdout)
    lines = log.read_text().splitlines()
    assert all(line.startswith("2024-01-01 app INFO ProcessLoggingThread-JSON") for line in lines)
    assert "-START" in lines[0] and "-STOP" in lines[-1] and len(lines) > 3
    summary = report(log)
    assert [label["text"] for label in summary["labels"]] == ["in the second"]
    assert summary["memory"]["peak_rss_bytes"] > 0


def test_lines_alone_into_a_file(tmp_path):
    log = tmp_path / "app.log"
    assert marker("log", log).returncode == 0
    assert all(line.startswith("app: ProcessLoggingThread-JSON")
               for line in log.read_text().splitlines())
    assert [label["text"] for label in report(log)["labels"]] == ["one", "two", "lines"]
    assert list(tmp_path.iterdir()) == [log]


def test_what_start_refuses(tmp_path):
    result = marker("wrong", tmp_path / "own.tacho")
    assert result.returncode == 0, result.stderr
    assert info(tmp_path / "own.tacho")["salvage"]["ended"]


def test_closed_descriptors(tmp_path):
    """A program that closes all it does not know never finds our bytes in its files."""
    other = tmp_path / "other"
    result = marker("closed", tmp_path / "own.tacho", other)
    assert result.returncode == 0, (result.returncode, result.stderr)
    assert other.read_bytes() == b""


# ---- the environment ----

def test_environment_alone(tmp_path):
    path = tmp_path / "own.tacho"
    assert marker("loop", "step", 500, TACHO=path).returncode == 0
    assert counts(path) == {"step": 500}
    summary = report(path)
    assert summary["target"] == "self" and summary["command"][0] == MARKER
    assert 0 < summary["cpu"]["total_s"] <= 2 * summary["wall_s"]
    assert marker("loop", "again", 3, TACHO=path).returncode == 0
    assert counts(path) == {"step": 500}
    assert counts(tmp_path / "own.2.tacho") == {"again": 3}


def test_a_directory(tmp_path):
    assert marker("loop", "step", 5, TACHO=tmp_path).returncode == 0
    (path,) = tmp_path.glob("tacho-marker-*.tacho")
    assert counts(path) == {"step": 5}


def test_forked_and_started_processes_mark_into_it(tmp_path):
    path = tmp_path / "own.tacho"
    assert marker("fork", TACHO=path).returncode == 0
    assert counts(path) == {"parent": 1, "child": 30}
    rows = export(path, "scopes")
    assert len({r["pid"] for r in rows}) == 4 and all(r["pid"] for r in rows)
    # A shell does not link the library: its children each record themselves.
    subprocess.run(["sh", "-c", f"{MARKER} loop a 1; {MARKER} loop b 2"], check=True,
                   env=dict(PLAIN, TACHO=str(tmp_path / "each.tacho")))
    assert counts(tmp_path / "each.tacho") == {"a": 1}
    assert counts(tmp_path / "each.2.tacho") == {"b": 2}


def test_an_exec_begins_another_recording(tmp_path):
    path = tmp_path / "own.tacho"
    assert marker("exec", MARKER, "loop", "new", 20, TACHO=path).returncode == 0
    assert counts(tmp_path / "own.2.tacho") == {"new": 20}
    info(path)


@pytest.mark.parametrize("how, status", [("return", 0), ("exit", 0), ("_exit", 0),
                                         ("abort", -signal.SIGABRT), ("kill", -signal.SIGKILL)])
def test_sudden_ends(tmp_path, how, status):
    path = tmp_path / "own.tacho"
    assert marker("end", how, TACHO=path).returncode == status
    if how in ("return", "exit"):
        assert counts(path) == {"open": 1, "closed": 100}
    assert info(path)["salvage"]["ended"] == (how in ("return", "exit"))


def test_a_kill_costs_the_last_second(tmp_path):
    path = tmp_path / "own.tacho"
    job = subprocess.Popen([MARKER, "wait"], env=dict(PLAIN, TACHO=str(path)))
    try:
        wait_until(lambda: path.exists() and path.stat().st_size > 0)
        wait_until(lambda: counts(path).get("waiting", 0) > 300)
        before = counts(path)["waiting"]
        time.sleep(2.5)
    finally:
        job.kill()
        job.wait()
    assert counts(path)["waiting"] > before + 100


def test_where_nothing_can_be_written(tmp_path):
    result = marker("loop", "step", 5, TACHO="/proc/nonexistent/own.tacho")
    assert result.returncode == 0
    assert result.stderr.count("\n") == 1 and "cannot record into /proc/nonexistent" in result.stderr


def test_log_lines_on_stderr(tmp_path):
    result = marker("end", "return", TACHO_LOG="0.05")
    lines = result.stderr.splitlines()
    assert result.returncode == 0 and "-START" in lines[0] and "-STOP" in lines[-1]
    log = tmp_path / "err.log"
    log.write_text(result.stderr)
    assert [label["text"] for label in report(log)["labels"]] == ["last words"]
    wrong = marker("loop", "step", 5, TACHO_LOG="often")
    assert wrong.returncode == 0 and "is no number of seconds" in wrong.stderr


def test_under_tacho_record_it_is_the_recorders(tmp_path):
    path = tmp_path / "run.tacho"
    result = run("record", "-o", path, "--", MARKER, "own", tmp_path / "own.tacho", env=PLAIN)
    assert result.returncode == 2  # flush and start say that it is recorded already
    result = run("record", "-o", tmp_path / "a.tacho", "--", MARKER, "loop", "step", "9",
                 env=dict(PLAIN, TACHO=str(tmp_path / "none.tacho")))
    assert result.returncode == 0 and counts(tmp_path / "a.tacho") == {"step": 9}
    assert not (tmp_path / "none.tacho").exists()


def test_threads_of_a_program_that_records_itself(tmp_path):
    path = tmp_path / "own.tacho"
    assert marker("threads", 200, TACHO=path).returncode == 0
    assert counts(path) == {"in thread": 20000}
