"""tacho import, and tacho report of logs: what a program logged of itself is what is reported."""

import datetime
import json
import os

import pytest
from support import export, info, record, report, run

BEGIN = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456)
MARKER = "ProcessLoggingThread-JSON"


def line(at, prefix="app INFO ", suffix="", begin=BEGIN, **keys):
    """A line `at` seconds after the first; `keys` replace what is in the object, None removes."""
    values = {
        "timestamp": str(begin + datetime.timedelta(seconds=at)),
        "memory_info": {"rss": 10_000_000 + int(at * 1000), "vms": 50_000_000,
                        "pfaults": int(100 * at), "pageins": int(at)},
        "cpu_times": {"user": 0.5 + at * 0.75, "system": at * 0.125, "children_user": 0.0,
                      "children_system": 0.0},
        "elapsed_time": 2.5 + at,
        "pid": 4711,
        **keys,
    }
    known = {key: value for key, value in values.items() if value is not None}
    return f"{prefix}{MARKER}{suffix} {json.dumps(known)}\n"


def whole(n=21, **keys):
    suffixes = ["-START", *[""] * (n - 2), "-STOP"]
    return [line(i, suffix=suffix, **keys) for i, suffix in enumerate(suffixes)]


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Writes a log of these lines, bytes or text."""
    monkeypatch.setenv("TZ", "UTC")

    def write(lines, name="app.log"):
        path = tmp_path / name
        path.write_bytes(b"".join(x if isinstance(x, bytes) else x.encode() for x in lines))
        return path

    return write


def test_the_report_says_what_the_log_says(log):
    lines = whole()
    lines[5] = line(5, label="loading")
    lines[7] = line(7, label="first\nsecond <&> ä")
    path = log([text for one in lines for text in (one, "2024 something else {}\n")])
    summary = report(path)
    assert summary["target"] == "log" and summary["ended"] and summary["exit"] is None
    assert summary["started"] == "2024-05-06T07:08:06.623456000Z"
    assert summary["wall_s"] == 22.5
    assert summary["interval_s"] == 1
    assert summary["cpu"]["user_s"] == 0.5 + 20 * 0.75
    assert summary["cpu"]["system_s"] == 20 * 0.125
    assert summary["cpu"]["total_s"] == 0.5 + 20 * 0.875
    assert summary["cpu"]["mean_cores"] == pytest.approx(18 / 22.5, abs=1e-5)
    assert summary["cpu"]["peak_cores"] == pytest.approx(0.875, abs=1e-5)
    assert summary["memory"]["peak_rss_bytes"] == 10_020_000
    assert summary["memory"]["peak_at_s"] == 22.5
    assert summary["memory"]["peak_owner"]["pid"] == 4711
    assert summary["labels"] == [
        {"at_s": 7.5, "text": "loading", "pid": 4711},
        {"at_s": 9.5, "text": "first", "pid": 4711},
        {"at_s": 9.5, "text": "second <&> ä", "pid": 4711},
    ]
    assert summary["io"]["read_bytes"] is None
    assert summary["recorder"]["bytes_written"] is None


def test_the_report_for_people(log):
    path = log([*whole(20), line(30, label="late")])
    text = run("report", path).stdout
    assert text.splitlines()[0] == str(path)
    assert "the log ends after 32.5 s" in text
    assert "sampled every 1 s" in text and "late" in text
    assert "unknown" not in text and "[]" not in text
    path = log(whole())
    assert "\nended after 22.5 s" in run("report", path).stdout


def test_a_recording_is_made(log, tmp_path):
    path, recording = log(whole()), tmp_path / "app.tacho"
    result = run("import", path, "-o", recording)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert report(recording) == report(path)
    assert os.stat(recording).st_mode & 0o777 == 0o600
    rows = export(recording, "samples", "--fields",
                  "time,pid,rss,vms,user,system,cpu,minor_faults,major_faults,num_threads")
    assert len(rows) == 21
    assert rows[4] == {"time": 6.5, "pid": 4711, "rss": 10_004_000, "vms": 50_000_000, "user": 3.5,
                       "system": 0.5, "cpu": 4.0, "minor_faults": 396, "major_faults": 4,
                       "num_threads": None}
    assert {"key": "imported_from", "list": [str(path)]} in info(recording)["facts"]
    assert len(export(path, "samples")) == 21

    again = run("import", path, "-o", recording)
    assert again.returncode == 1 and again.stderr.count("\n") == 1 and "--force" in again.stderr
    assert run("import", path, "-o", recording, "--force").returncode == 0


def test_a_foreign_log_in_an_older_form(log):
    """Neither suffixes nor pid; psutil's memory_info of Linux; something else on every second line."""
    memory = {"rss": 4096, "vms": 8192, "shared": 1, "text": 2, "lib": 0, "data": 3, "dirty": 0}
    cpu = {"user": 1.5, "system": 0.25, "children_user": 1.0, "children_system": 0.0, "iowait": 0.0}
    lines = [line(i, prefix="[INFO] root: ", pid=None, memory_info={**memory, "rss": 4096 + i},
                  cpu_times={**cpu, "user": 1.5 + i}) for i in range(0, 50, 5)]
    summary = report(log(["\n".join(["noise", x]) for x in lines]))
    assert summary["wall_s"] == 47.5 and summary["interval_s"] == 5
    assert summary["cpu"]["total_s"] == 1.5 + 45 + 0.25 + 1.0
    assert summary["memory"]["peak_rss_bytes"] == 4096 + 45
    assert summary["memory"]["peak_owner"]["pid"] is None
    rows = export(log(lines), "samples", "--fields", "pid,minor_faults,major_faults,iowait")
    assert rows[0] == {"pid": None, "minor_faults": None, "major_faults": None, "iowait": 0.0}


def test_two_processes_in_one_log(log):
    lines = []
    for i in range(11):
        lines.append(line(i))
        lines.append(line(i + 0.5, pid=4712, elapsed_time=i + 2, label="mine" if i == 3 else None))
    path = log(lines)
    summary = report(path)
    assert summary["cpu"]["total_s"] == 0.5 + 10 * 0.875 + 0.5 + 10.5 * 0.875
    assert summary["cpu"]["peak_cores"] == pytest.approx(1.75, abs=1e-5)
    assert summary["memory"]["peak_rss_bytes"] == 10_010_000 + 10_009_500
    assert summary["labels"] == [{"at_s": 6.0, "text": "mine", "pid": 4712}]
    rows = export(path, "processes", "--fields", "pid,start,end,samples")
    assert rows == [{"pid": 4711, "start": 0.0, "end": 12.5, "samples": 11},
                    {"pid": 4712, "start": 1.0, "end": 13.0, "samples": 11}]
    assert len(export(path, "samples")) == 22


def test_a_child_that_logs_counts_once(log):
    """What the first process is handed when it has waited for the other is known already."""
    lines = []
    for i in range(11):
        handed = 4.0 if i >= 8 else 0.0
        lines.append(line(i, cpu_times={"user": 1.0, "system": 0.0, "children_user": handed,
                                        "children_system": 0.0}))
        if i <= 6:
            lines.append(line(i + 0.5, pid=4712, elapsed_time=i + 0.5,
                              cpu_times={"user": 4.0 * (i + 0.5) / 6.5, "system": 0.0,
                                         "children_user": 0.0, "children_system": 0.0}))
    assert report(log(lines))["cpu"]["total_s"] == pytest.approx(5.0, abs=0.02)


def test_several_logs(log, tmp_path):
    first, second = log(whole(), "a.log"), log(whole(pid=5000), "b.log")
    recording = tmp_path / "both.tacho"
    assert run("import", first, second, "-o", recording).returncode == 0
    assert {row["pid"] for row in export(recording, "processes")} == {4711, 5000}
    assert report(recording)["cpu"]["total_s"] == 2 * 18
    assert run("report", recording).stdout.splitlines()[0] == f"{first} and 1 more"


def test_stdin_and_no_file_twice(log, tmp_path):
    path = log(whole())
    recording = tmp_path / "in.tacho"
    with open(path) as stdin:
        result = run("import", "-", "-o", recording, stdin=stdin)
    assert result.returncode == 0, result.stderr
    assert report(recording)["wall_s"] == 22.5
    before = path.read_bytes()
    result = run("import", path, "-o", path, "--force")
    assert result.returncode == 1 and path.read_bytes() == before


def test_a_pipe(log, tmp_path):
    result = run("report", "--json", "/dev/stdin", input="".join(whole()))
    assert result.returncode == 0 and json.loads(result.stdout)["wall_s"] == 22.5
    recording = tmp_path / "run.tacho"
    assert run("import", log(whole()), "-o", recording).returncode == 0
    result = run("report", "/dev/stdin", input=recording.read_bytes(), text=False)
    assert result.returncode == 1 and b"not from a pipe" in result.stderr


def test_lines_that_are_wrong(log):
    lines = whole()
    lines[3] = lines[3][: len(lines[3]) // 2] + "\n"
    lines[9] = line(9, elapsed_time=-1)
    lines[12:12] = [line(11.5, timestamp="yesterday"), line(11.6, timestamp=None)]
    path = log(lines)
    result = run("report", "--json", path)
    assert result.returncode == 0
    assert result.stderr == (f"tacho: {path}: 4 lines not understood: 4 (cut off), 10 (a number "
                             "that cannot be), 13 (a timestamp that is no time), …\n")
    summary = json.loads(result.stdout)
    assert summary["cpu"]["total_s"] == 18 and summary["completeness"]["ticks"] == 19


def test_clocks_that_step(log, monkeypatch):
    """Summer ends in Berlin, and somebody sets the clock: the curves have no gap."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")  # Berlin, also without tzdata
    lines = []
    for i in range(0, 240, 10):
        clock = 0 if i < 60 else -3600 if i < 120 else 86400
        lines.append(line(i, timestamp=str(datetime.datetime(2024, 10, 27, 2, 59)
                                           + datetime.timedelta(seconds=i + clock))))
    summary = report(log(lines))
    assert summary["wall_s"] == 232.5 and summary["interval_s"] == 10
    assert summary["cpu"]["total_s"] == 0.5 + 230 * 0.875
    assert summary["cpu"]["peak_cores"] == pytest.approx(0.875, abs=1e-5)


GARBAGE = {"text": b"just a log\n", "zeros": b"\0\xff" * 40000, "random": os.urandom(100000),
           "newline": b"\n"}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE.keys())
def test_no_process_data(log, tmp_path, content):
    path = log([content])
    for arguments in (("report", path), ("export", path), ("info", path),
                      ("import", path, "-o", tmp_path / "none.tacho")):
        result = run(*arguments)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr.count("\n") == 1 and str(path) in result.stderr
        assert "import" in result.stderr
    assert not (tmp_path / "none.tacho").exists()


def test_empty_and_missing(log, tmp_path):
    for path in (log([]), tmp_path / "nowhere.log", tmp_path):
        for arguments in (("report", path), ("import", path, "-o", tmp_path / "none.tacho")):
            result = run(*arguments)
            assert result.returncode == 1 and result.stderr.count("\n") == 1


def test_hostile_bytes_stay_in_their_line(log):
    lines = whole()
    lines[4] = b"\xff\0" * 1000 + lines[4].encode()
    lines[6] = lines[6].replace('"pid"', '"label": "\\u001b[2J\\u0000\\ud800 x", "pid"')
    lines[8] = b"x" * (3 << 20) + b"\n" + lines[8].encode()
    summary = report(log(lines))
    assert summary["cpu"]["total_s"] == 18
    assert summary["labels"][0]["text"] == "\x1b[2J\ufffd\ufffd x"
    text = run("report", log(lines)).stdout
    assert "\x1b[2J" not in text


def test_usage(tmp_path):
    assert "no log named" in run("import").stderr
    assert "-o" in run("import", "x.log").stderr
    assert run("import", "x.log").returncode == 2
    listed = run("import", "--list-formats")
    assert listed.returncode == 0 and MARKER in listed.stdout
    recording = tmp_path / "run.tacho"
    assert record(recording, "true", options=["-q"]).returncode == 0
    result = run("import", recording, "-o", tmp_path / "other.tacho")
    assert result.returncode == 1 and "is a recording already" in result.stderr
