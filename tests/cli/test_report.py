"""tacho report: what it says, in which form, and what it refuses."""

import json
import os
import pty
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, record, report, run

NUMBER = (int, float)
OPTIONAL = (int, float, type(None))

# Of each key the types that it may have; a dict goes deeper, `...` is not looked into.
SCHEMA = {
    "schema": str,
    "command": list,
    "target": str,
    "host": str,
    "started": str,
    "wall_s": NUMBER,
    "interval_s": NUMBER,
    "exit": {"code": OPTIONAL, "signal": OPTIONAL, "reason": str, "killed": type(None)},
    "ended": bool,
    "cpu": {"user_s": NUMBER, "system_s": NUMBER, "total_s": NUMBER, "total_is_exact": bool,
            "mean_cores": NUMBER, "peak_cores": NUMBER, "peak_window_s": NUMBER},
    "memory": {"peak_rss_bytes": int, "peak_rss_is": str, "peak_pss_bytes": OPTIONAL,
               "peak_at_s": OPTIONAL,
               "peak_owner": {"pid": int, "name": str, "command": list, "rss_bytes": int,
                              "at_s": OPTIONAL, "threads_in_scopes": int, "stacks": list,
                              "label": type(None)}},
    "cgroup": (dict, type(None)),  # by its own test
    "energy": (dict, type(None)),
    "io": {"read_bytes": int, "write_bytes": int, "read_chars": int, "write_chars": int,
           "read_count": int, "write_count": int},
    "processes": {"total": OPTIONAL, "exact": int, "sampled": int, "missed": OPTIONAL,
                  "missed_is_bound": bool, "unseen": OPTIONAL, "failed": int, "peak_concurrent": int},
    "completeness": {"follow": str, "cpu_accounted_s": NUMBER, "cpu_total_s": NUMBER,
                     "unaccounted_s": NUMBER, "task_clock_s": OPTIONAL, "lost_events": int,
                     "resyncs": int, "lost_marks": type(None), "ticks": int,
                     "late_ticks": int, "skipped_ticks": int, "gaps": int, "gap_s": NUMBER,
                     "lost_bytes": int, "missing_blocks": int},
    "threads": {"peak": int},
    "tcp": {"peak": OPTIONAL},
    "drm": {"engine_s": OPTIONAL, "peak_memory_bytes": OPTIONAL},
    "recorder": {"cpu_s": NUMBER, "peak_rss_bytes": int, "bytes_written": int},
    "machine": {"processors": int, "memory_bytes": int, "busy_s": OPTIONAL,
                "mean_cores": OPTIONAL, "peak_cores": OPTIONAL, "peak_used_bytes": OPTIONAL},
    "gpu": (list, type(None)),
    "scopes": list,
    "categories": list,
    "category_processes": list,
    "marking_processes": int,
    "labels": list,
    "ranks": list,
    "findings": list,
}


def check(value, schema, path="summary"):
    if isinstance(schema, dict):
        assert isinstance(value, dict) and list(value) == list(schema), path
        for key in schema:
            check(value[key], schema[key], f"{path}.{key}")
    else:
        assert isinstance(value, schema), path
        # bool is an int in Python, and never meant to be.
        assert isinstance(value, bool) == (schema is bool), path


def cells(line):
    wide = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(c) else wide.get(unicodedata.east_asian_width(c), 1)
               for c in line)


def test_json_has_exactly_the_keys_of_its_schema(recording):
    summary = report(recording)
    check(summary, SCHEMA)
    assert summary["schema"] == "tacho.summary/1"
    assert summary["command"][:2] == ["sh", "-c"]
    assert summary["command"][3] == "an argument\x1b[31m"
    assert summary["exit"] == {"code": 3, "signal": None, "reason": "error", "killed": None}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", summary["started"])


def test_json_adds_up(recording):
    summary = report(recording)
    cpu, complete, processes = summary["cpu"], summary["completeness"], summary["processes"]
    assert cpu["total_is_exact"] and cpu["total_s"] >= 0.6
    assert cpu["user_s"] + cpu["system_s"] == pytest.approx(cpu["total_s"])
    assert cpu["mean_cores"] == pytest.approx(cpu["total_s"] / summary["wall_s"], rel=0.01)
    assert cpu["mean_cores"] <= cpu["peak_cores"] + 1e-6
    assert complete["cpu_total_s"] == cpu["total_s"]
    assert complete["cpu_accounted_s"] + complete["unaccounted_s"] == pytest.approx(cpu["total_s"])
    if processes["missed"] is not None:
        assert processes["exact"] + processes["sampled"] + processes["missed"] == processes["total"]
    assert processes["failed"] >= 1
    # 100,000 bytes through one pipe-less head: counted once, not again in the shell that waited.
    assert 100000 <= summary["io"]["write_chars"] < 150000
    assert summary["recorder"]["bytes_written"] == recording.stat().st_size


@pytest.mark.parametrize("width", [20, 33, 40, 80, 132, 200])
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_no_line_is_wider_than_asked(recording, width, locale):
    result = run("report", recording, "--width", width, env={**os.environ, "LC_ALL": locale},
                 encoding="utf-8")
    assert result.returncode == 0 and result.stderr == ""
    assert max(map(cells, result.stdout.splitlines())) <= width
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.stdout)
    if locale == "C":
        assert result.stdout.isascii()
    elif width > 30:
        assert ("⣿" if width >= 56 else "█") in result.stdout


def test_says_what_matters(recording):
    text = run("report", recording, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    lines = text.splitlines()
    assert lines[0].startswith("sh -c ") and lines[1].startswith("exit 3 after ")
    for word in ("CPU", "cores on average", "Memory", "Processes", "Failed", "exit 7",
                 "Recording took"):
        assert word in text


def test_width_is_columns_or_80(recording):
    def widest(**variables):
        env = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
        text = run("report", recording, env={**env, "LC_ALL": "C", **variables}).stdout
        return max(map(len, text.splitlines()))
    assert 60 < widest() <= 80
    assert widest(COLUMNS="50") <= 50
    assert widest(COLUMNS="nonsense") <= 80


def terminal_output(*args, **env):
    """What tacho prints on a terminal."""
    leader, follower = pty.openpty()
    subprocess.run([TACHO, *map(str, args)], stdout=follower, stdin=subprocess.DEVNULL, timeout=60,
                   env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}, check=True)
    os.close(follower)
    chunks = []
    try:
        while chunk := os.read(leader, 65536):
            chunks.append(chunk)
    except OSError:
        pass
    os.close(leader)
    return b"".join(chunks).decode()


def test_colours_are_for_terminals_that_want_them(recording, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1m" in terminal_output("report", recording)
    assert "\x1b" not in terminal_output("report", recording, NO_COLOR="1")
    assert "\x1b" not in terminal_output("report", recording, TERM="dumb")
    assert "\x1b" not in run("report", recording).stdout
    # The job's own escape is harmless on the terminal, too.
    assert "\x1b[31m" not in terminal_output("report", recording)


def test_several_files(recording, tmp_path):
    bad = tmp_path / "bad.tacho"
    bad.write_text("no recording")
    result = run("report", recording, bad, recording)
    assert result.returncode == 1
    assert result.stdout.startswith("2 recordings\n") and result.stdout.count("exit 3") == 2
    assert result.stderr.count("\n") == 1
    both = json.loads(run("report", "--json", recording, recording).stdout)
    assert both["schema"] == "tacho.together/1"
    assert both["recordings"] == [report(recording)] * 2


def one_line(result, status):
    assert result.returncode == status
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.stderr)
    return result.stderr


def test_what_is_no_recording(tmp_path):
    files = {
        "nonexistent": None,
        "empty": b"",
        "text": b"just some text\n" * 100,
        "newer": b"\x89TCH\xff" + b"\0" * 200,
        "hostile\x1b[31m\nname": None,
    }
    for name, content in files.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        for command in ("report", "info"):
            error = one_line(run(command, path), 1)
            assert error.startswith(f"tacho {command}: ")
    one_line(run("report", tmp_path), 1)
    one_line(run("report", "/dev/null"), 1)


def test_unreadable(recording, tmp_path):
    path = tmp_path / "secret.tacho"
    path.write_bytes(recording.read_bytes())
    path.chmod(0)
    become = None
    if os.geteuid() == 0:
        # Root may read everything; somebody else may not.
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(0o755)
        become = lambda: (os.setgid(65534), os.setuid(65534))  # noqa: E731
    assert "Permission denied" in one_line(run("report", path, preexec_fn=become), 1)


@pytest.mark.skipif(SANITIZED, reason="a leak sanitizer cannot work under strace")
@pytest.mark.parametrize("command", [["report"], ["report", "--json"], ["info"], ["export"],
                                     ["export", "--table", "scopes"]])
def test_a_read_that_fails_is_said_as_what_it_is(command):
    recording = Path(__file__).parents[1] / "recordings" / "whole-1.tacho"
    for which in range(1, 30):
        job = subprocess.run(["strace", "-o", "/dev/null", "-P", recording, "-e",
                              f"inject=pread64:error=ESTALE:when={which}", TACHO, *command,
                              recording], capture_output=True, text=True, timeout=60, check=False)
        if job.returncode == 0:
            break
        assert job.returncode == 1 and "Stale file handle" in job.stderr, job.stderr
        assert job.stderr.count("\n") == 1 and "cannot write" not in job.stderr
    assert 1 < which < 29


@pytest.mark.parametrize("arguments, words", [
    (["report"], "no recording named"),
    (["report", "--jsno", "x"], "unknown option '--jsno'"),
    (["report", "--json=1", "x"], "takes no argument"),
    (["report", "--width"], "needs an argument"),
    (["report", "--width", "abc", "x"], "--width takes a number"),
    (["report", "--width", "5", "x"], "--width takes a number"),
    (["report", "-x", "x"], "unknown option '-x'"),
    (["report", "--pdf", "page", "x"], "unknown option '--pdf'"),
    (["info"], "no recording named"),
    (["info", "a", "b"], "one recording at a time"),
    ([], "no command named"),
    (["--nonsense"], "unknown option"),
    (["repotr"], "did you mean 'report'"),
    (["recrd"], "did you mean 'record'"),
    (["something"], "unknown command 'something'"),
    (["x\x1b[31m\n"], "unknown command 'x\\x1b[31m\\n'"),
])
def test_wrong_usage(arguments, words):
    error = one_line(run(*arguments), 2)
    assert words in error and "--help" in error


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], ["report", "--help"],
                                       ["info", "--help"]])
def test_help(arguments):
    result = run(*arguments)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith("Usage: tacho ")
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_version():
    assert re.fullmatch(r"tacho \d+\.\d+\.\d+\n", run("--version").stdout)


def test_a_closed_pipe_is_no_news(recording):
    for command in ("report", "info"):
        reader, writer = os.pipe()
        os.close(reader)
        job = subprocess.run([TACHO, command, recording], stdout=writer, stderr=subprocess.PIPE,
                             timeout=60, check=False)
        os.close(writer)
        assert job.returncode != 0 and job.stderr == b""


def test_a_full_disk_is(recording):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = run("report", recording, capture_output=False, stdout=full,
                     stderr=subprocess.PIPE)
    assert result.returncode == 1 and "No space left" in result.stderr


def test_a_cut_recording_says_so(recording, tmp_path):
    whole = recording.read_bytes()
    cut = tmp_path / "cut.tacho"
    cut.write_bytes(whole[:len(whole) * 2 // 3])
    result = run("report", cut)
    assert result.returncode == 0
    assert "without its end" in result.stdout
    summary = report(cut)
    assert summary["ended"] is False and not summary["cpu"]["total_is_exact"]
    assert summary["exit"] is None


def test_any_damage_is_survived(recording, tmp_path):
    whole = bytearray(recording.read_bytes())
    path = tmp_path / "damaged.tacho"
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[at:at + 3] = b"\xff\x00\xff"
        path.write_bytes(damaged)
        for command in ("report", "info"):
            result = run(command, path)
            assert result.returncode in (0, 1), (at, result.stderr)


def test_io_of_children_is_counted_once(tmp_path):
    """The kernel adds a child's I/O to the parent's counters when it is waited for."""
    path = tmp_path / "run.tacho"
    script = "head -c 20000000 /dev/zero | { sleep 0.4; cat >/dev/null; }; sleep 0.3; true"
    assert record(path, "sh", "-c", f"sh -c '{script}'; sleep 0.3; true").returncode == 0
    written = report(path)["io"]["write_chars"]
    assert 39_000_000 <= written <= 42_000_000  # head's and cat's 20 MB each


def test_exec_of_the_recorder_keeps_its_past_out(tmp_path):
    """RUSAGE_CHILDREN survives exec: a shell's earlier children are none of the job's."""
    path = tmp_path / "run.tacho"
    burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    subprocess.run(["sh", "-c", f"sh -c '{burn}'; exec {TACHO} record -q -o {path} -- sleep 0.3"],
                   check=True, timeout=60)
    assert report(path)["cpu"]["total_s"] < 0.1
