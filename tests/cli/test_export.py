"""tacho export: tables that other programs read as they were meant."""

import csv
import datetime
import errno
import io
import json
import os
import re
import shlex
import stat
import subprocess

import pytest
from support import TACHO, export, record, run

HOSTILE = ["a,b", 'say "hi"', "two\nlines", "tab\there", "", "it's", "\x1b[31m", " edge "]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A busy shell with children: one fails, one is killed, one has a hostile command line."""
    path = tmp_path_factory.mktemp("export") / "run.tacho"
    script = """
        sleep 0.4 "$@" 2>/dev/null || true
        i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done
        sh -c 'sleep 0.3; exit 7' "$@"
        sh -c 'sleep 0.3; kill -9 $$'
        exit 3
    """
    result = record(path, "sh", "-c", script, "sh", *HOSTILE, options=["-i", "0.05"])
    assert result.returncode == 3, result.stderr
    return path


def table(path, *options, newline="\r\n"):
    """The rows of a csv table as Python's csv reads them, after a look at the raw bytes."""
    result = run("export", path, *options, text=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    text = result.stdout.decode("utf-8", errors="strict")
    assert text.endswith(newline)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_samples_are_rows_of_processes_and_ticks(recording):
    rows = table(recording)
    assert list(rows[0]) == (
        "time,pid,entity,comm,cpu_percent,cpu,vms,rss,user,system,num_threads,status,"
        "read_chars,write_chars,read_bytes,write_bytes,pss"
    ).split(",")
    times = [float(row["time"]) for row in rows]
    assert times == sorted(times)
    assert 0 <= times[0] < 0.5 and 0.5 < times[-1] < 60
    # One row a process and tick.
    assert len({(row["time"], row["entity"]) for row in rows}) == len(rows)
    for row in rows:
        assert None not in row and None not in row.values()
        assert int(row["pid"]) > 0
        assert re.fullmatch(r"\d+\.(\d{6}|\d{9})", row["time"])
        assert re.fullmatch(r"(\d+\.(\d{6}|\d{9}))?", row["cpu"])
        assert re.fullmatch(r"(\d+\.\d\d)?", row["cpu_percent"])
        assert re.fullmatch(r"\d*", row["rss"])
        assert re.fullmatch(r"[A-Za-z]?", row["status"])


def test_cpu_percent_is_the_slope_of_cpu(recording):
    seen = {}
    for row in table(recording, "--fields", "time,entity,cpu,cpu_percent"):
        if not row["cpu"]:
            continue
        now, cpu = float(row["time"]), float(row["cpu"])
        if row["entity"] in seen:
            before, used = seen[row["entity"]]
            expected = (cpu - used) / (now - before) * 100
            assert float(row["cpu_percent"]) == pytest.approx(expected, abs=0.02)
        else:
            assert row["cpu_percent"] == ""
        seen[row["entity"]] = now, cpu
    assert len(seen) >= 3


def test_the_formats_agree(recording):
    for name in "samples", "processes", "machine":
        rows = table(recording, "--table", name, "--fields", "all")
        lines = run("export", recording, "--to", "jsonl", "--table", name, "--fields", "all").stdout
        objects = [json.loads(line, parse_float=str, parse_int=str) for line in lines.splitlines()]
        assert len(rows) == len(objects) > 0
        for row, obj in zip(rows, objects):
            assert list(row) == list(obj)
            for key in row:
                if "\N{REPLACEMENT CHARACTER}" not in row[key]:
                    assert row[key] == (obj[key] or "")
        lines = run("export", recording, "--to", "tsv", "--table", name, "--fields", "all").stdout
        assert len(lines.splitlines()) == len(rows) + 1
        for line, row in zip(lines.split("\n")[1:], rows):
            assert [unescaped(field) for field in line.split("\t")] == list(row.values())


def unescaped(field):
    escapes = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: escapes[match[1]], field)


def test_processes_say_how_they_ended(recording):
    rows = table(recording, "--table", "processes")
    root = rows[0]
    assert root["flags"].split()[0] == "root"
    assert root["exit_code"] == "3" and root["signal"] == ""
    assert root["accounting"] == "exact"
    assert float(root["end"]) > float(root["start"])
    assert float(root["cpu"]) > 0 and int(root["peak_rss"]) > 100_000
    by_entity = {row["entity"]: row for row in rows}
    children = [row for row in rows if row["parent"] == root["entity"]]
    assert children and all(row["ppid"] == root["pid"] for row in children)
    assert any(row["exit_code"] == "7" for row in children)
    assert any(row["signal"] == "9" for row in children)
    assert all(row["parent"] in by_entity for row in rows[1:] if row["parent"])
    samples = table(recording, "--fields", "entity")
    for row in rows:
        assert int(row["samples"]) == sum(one["entity"] == row["entity"] for one in samples)


def test_hostile_command_lines_come_through(recording):
    rows = table(recording, "--table", "processes", "--fields", "pid,command")
    assert rows[0]["command"].isprintable()
    bash = ["bash", "-c", 'eval "words=($1)"; printf "%s\\0" "${words[@]}"', "bash"]
    words = subprocess.run(
        [*bash, rows[0]["command"]], capture_output=True, check=True, text=True
    ).stdout.split("\0")
    assert words[-len(HOSTILE) - 1 : -1] == HOSTILE
    # Words without control characters are what POSIX shells and Python read too.
    assert shlex.split("x 'it'\\''s'") == ["x", "it's"]


def test_bytes_that_are_no_text_come_through(tmp_path):
    path = tmp_path / "run.tacho"
    record(path, "sh", "-c", "sleep 0.2", os.fsdecode(b'\xff\xfe,"'))
    rows = table(path, "--table", "processes")
    assert rows[0]["command"] == "sh -c 'sleep 0.2' $'\\xff\\xfe,\"'"
    assert export(path, "processes")[0]["command"] == rows[0]["command"]


def test_the_machine_has_all_kinds(recording):
    rows = table(recording, "--table", "machine")
    kinds = {row["kind"] for row in rows}
    assert {"machine", "tree", "processor", "recorder"} <= kinds
    processors = {row["name"] for row in rows if row["kind"] == "processor"}
    assert len(processors) >= len(os.sched_getaffinity(0))
    machine = [row for row in rows if row["kind"] == "machine"]
    assert all(row["name"] == "" and row["processes"] == "" for row in machine)
    assert any(float(row["cpu_percent"] or 0) > 0 for row in machine)
    assert any(int(row["processes"] or 0) > 1 for row in rows if row["kind"] == "tree")
    assert max(float(row["cpu"] or 0) for row in rows if row["kind"] == "recorder") > 0


def test_time_in_three_styles(recording):
    elapsed = table(recording, "--fields", "time")
    epoch = table(recording, "--fields", "time", "--time", "epoch")
    wall = table(recording, "--fields", "time", "--time", "rfc3339")
    assert len(elapsed) == len(epoch) == len(wall)
    offset = float(epoch[0]["time"]) - float(elapsed[0]["time"])
    assert abs(offset - os.stat(recording).st_mtime) < 300
    for a, b, c in zip(elapsed, epoch, wall):
        assert float(b["time"]) - float(a["time"]) == pytest.approx(offset, abs=1e-3)
        moment = datetime.datetime.strptime(c["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
        moment = moment.replace(tzinfo=datetime.timezone.utc)
        assert moment.timestamp() == pytest.approx(float(b["time"]), abs=1e-5)


def test_fill_leaves_fewer_gaps(recording):
    def known(*options):
        return sum(row["rss"] != "" for row in table(recording, "--fields", "rss", *options))

    assert known("--fill") >= known() > 0


def test_fields_are_chosen_and_checked(recording, tmp_path):
    assert list(table(recording, "--fields", "rss,pid")[0]) == ["rss", "pid"]
    assert list(table(recording, "--fields", "pss,default,pss")[0])[:2] == ["pss", "time"]
    out = tmp_path / "out.csv"
    result = run("export", recording, "--fields", "pid,rrs", "-o", out)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "unknown field 'rrs'; nearest: rss" in result.stderr
    assert not out.exists()


def test_fields_are_listed(recording):
    for options in ["--list-fields"], ["--fields", "help"], [recording, "--list-fields"]:
        result = run("export", *options)
        assert result.returncode == 0
        for name in "samples", "processes", "machine":
            assert f"--table {name}" in result.stdout
        assert re.search(r"^\* rss +bytes +resident", result.stdout, re.MULTILINE)
        assert re.search(r"^\* cpu +s +CPU time", result.stdout, re.MULTILINE)
    result = run("export", "--list-fields", "--table", "processes")
    assert "max_rss" in result.stdout and "cpu_percent" not in result.stdout


def test_numbers_do_not_follow_the_locale(recording):
    environment = {**os.environ, "LC_ALL": "de_DE.UTF-8"}
    result = run("export", recording, "--fields", "time,cpu", env=environment)
    assert re.search(r"^\d+\.\d+,\d+\.\d+\r?$", result.stdout, re.MULTILINE)


# ---- where it goes ----


def test_out_is_private_and_never_overwritten(recording, tmp_path):
    out = tmp_path / "out.csv"
    assert run("export", recording, "-o", out).returncode == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    size = out.stat().st_size
    assert size > 100
    result = run("export", recording, "-o", out, "--table", "processes")
    assert result.returncode == 1
    assert "exists; --force" in result.stderr and result.stderr.count("\n") == 1
    assert out.stat().st_size == size
    assert run("export", recording, "-o", out, "--table", "processes", "--force").returncode == 0
    assert out.read_text().startswith("entity,pid,")
    assert out.read_bytes() == run("export", recording, "--table", "processes", text=False).stdout


def test_a_recording_is_not_overwritten_with_its_own_table(recording, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(recording)
    before = recording.read_bytes()
    for out in recording, link:
        result = run("export", recording, "-o", out, "--force")
        assert result.returncode == 1
        assert "is the recording itself" in result.stderr
    assert recording.read_bytes() == before


def test_a_full_disk_is_one_line(recording):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([TACHO, "export", recording], stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr.count(b"\n") == 1
    assert os.strerror(errno.ENOSPC).encode() in result.stderr
    result = run("export", recording, "-o", "/dev/full", "--force")
    assert result.returncode == 1
    assert "it holds only a part" in result.stderr


def test_a_closed_pipe_is_silent(recording):
    def closed(ignored):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run(
            [TACHO, "export", recording],
            stdout=writer,
            stderr=subprocess.PIPE,
            restore_signals=not ignored,
        )
        os.close(writer)
        assert result.stderr == b""
        assert result.returncode != 0

    closed(ignored=True)
    closed(ignored=False)


@pytest.mark.parametrize(
    "options, words",
    [
        ([], "no recording named"),
        (["a", "b"], "one recording at a time"),
        (["a", "--to", "xls"], "unknown format 'xls'"),
        (["a", "--table", "tree"], "unknown table 'tree'"),
        (["a", "--time", "local"], "unknown style of time 'local'"),
        (["a", "--nonsense"], "unknown option '--nonsense'"),
    ],
)
def test_usage_errors_are_one_line(options, words):
    result = run("export", *options)
    assert result.returncode == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_what_is_no_recording_is_refused(tmp_path):
    text = tmp_path / "text"
    text.write_text("hello\n" * 100)
    for path in text, tmp_path / "absent", tmp_path:
        result = run("export", path)
        assert result.returncode == 1
        assert str(path) in result.stderr and result.stderr.count("\n") == 1


def test_a_torn_recording_is_exported_as_far_as_it_goes(recording, tmp_path):
    whole = recording.read_bytes()
    torn = tmp_path / "torn.tacho"
    torn.write_bytes(whole[: len(whole) * 3 // 4])
    rows = table(torn)
    assert 0 < len(rows) < len(table(recording))


def test_damage_is_said_once(recording, tmp_path):
    data = bytearray(recording.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    damaged = tmp_path / "damaged.tacho"
    damaged.write_bytes(data)
    result = run("export", damaged)
    assert result.returncode == 0
    assert result.stderr.count("\n") == 1 and "damaged" in result.stderr


def test_help():
    result = run("export", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: tacho export FILE")
    assert all(len(line) < 100 for line in result.stdout.splitlines())
