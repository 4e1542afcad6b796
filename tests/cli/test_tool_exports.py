"""tacho export in the forms of the tools that came before: each read as that tool's own scripts read it."""

import csv
import datetime
import json
import os
import re
import time

import pytest
from support import BURNER, MARKER, SANITIZED, TACHO, export, record, report, run
from tool_readers import METRICS, SUMS, percents_as_seconds, read_resources


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A shell that burns, marks, labels and writes; its last children are too short to be sampled."""
    path = tmp_path_factory.mktemp("tools") / "run.tacho"
    script = (f"{TACHO} label hello; {BURNER} burn 0.5; {MARKER} each; sleep 0.3; "
              "head -c 30000000 /dev/zero | cat >/dev/null; "
              "for i in 1 2 3 4 5 6 7 8; do head -c $i /dev/zero >/dev/null; done")
    result = record(path, "sh", "-c", script, options=["-i", "0.1"])
    assert result.returncode == 0, result.stderr
    return path


def exported(path, *options):
    result = run("export", path, *options, text=False)
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout.decode("utf-8", errors="replace")


# ---- rows: resources and events ----

def test_rows(recording):
    facts, columns = read_resources(exported(recording, "--to", "rows"))
    summary = report(recording)
    assert facts.keys() == {"logger_process_pid", "cpu_count", "vm_total_mb", "vm_available_mb",
                            "swap_total_mb", "swap_free_mb"}
    assert facts["vm_total_mb"] == summary["machine"]["memory_bytes"] >> 20
    assert list(columns["time"]) == sorted(columns["time"])
    # Each thing once, with what was too short to be sampled: the same as the report says.
    assert columns["read_count"][-1] == summary["io"]["read_count"]
    assert columns["write_count"][-1] == summary["io"]["write_count"]
    assert columns["write_mb"][-1] == summary["io"]["write_bytes"] >> 20
    for name in ("read_count", "write_count", "read_mb", "write_mb", "read_count_global"):
        assert list(columns[name]) == sorted(columns[name])
    # CPU percent over time is CPU.
    assert percents_as_seconds(columns) == pytest.approx(summary["cpu"]["total_s"], abs=0.05)
    assert all(0 <= percent <= 100 for percent in columns["cpu_percent_global"])
    assert max(columns["cpu_percent_global"]) > 5
    tree = [row for row in export(recording, "machine") if row["kind"] == "tree"]
    assert max(columns["rss_mb"]) == pytest.approx(max(row["rss"] for row in tree) / 2**20, abs=1)


def test_rows_of_the_machine_alone(tmp_path):
    path = tmp_path / "machine.tacho"
    assert run("record", "-q", "-a", "-d", "0.5", "-o", path).returncode == 0
    facts, columns = read_resources(exported(path, "--to", "rows"))
    assert facts["vm_total_mb"] > 0
    assert set(columns["rss_mb"]) == set(columns["cpu_percent"]) == {None}
    assert min(columns["vms_global_mb"]) > 0


def read_events(text):
    """Pairs of start and end by name and counter, as durations by name."""
    durations, open_ = {}, {}
    for moment, what, name, counter in csv.reader(text.splitlines()):
        if what == "start":
            assert (name, counter) not in open_
            open_[name, counter] = float(moment)
        else:
            assert what == "end"
            durations.setdefault(name, []).append(float(moment) - open_.pop((name, counter)))
    assert open_ == {}
    return durations


def test_events(recording):
    durations = read_events(exported(recording, "--to", "rows", "--table", "scopes"))
    expected = {}
    for row in export(recording, "scopes"):
        expected.setdefault(row["name"].replace("\n", " "), []).append(row["duration"])
    assert durations.keys() == expected.keys()
    for name, scopes in expected.items():
        assert sorted(durations[name]) == pytest.approx(sorted(scopes), abs=2e-6), name
    assert len(durations["in thread"]) == 100


# ---- log ----

MARKER_PATTERN = re.compile(r"ProcessLoggingThread-JSON(-START|-STOP)? (\{.*\})")


def read_log(text):
    """Lines by pid, as (suffix, object)."""
    lines = {}
    for line in text.splitlines():
        found = MARKER_PATTERN.search(line)
        data = json.loads(found[2])
        datetime.datetime.strptime(data["timestamp"], "%Y-%m-%d %H:%M:%S.%f")
        assert data.keys() <= {"timestamp", "memory_info", "cpu_times", "elapsed_time", "pid", "label"}
        lines.setdefault(data["pid"], []).append((found[1], data))
    return lines


def test_log(recording):
    lines = read_log(exported(recording, "--to", "log"))
    rows = {row["pid"]: row for row in export(recording, "processes")}
    assert lines.keys() == rows.keys()
    for pid, told in lines.items():
        assert [suffix for suffix, _ in told] == ["-START", *[None] * (len(told) - 2), "-STOP"]
        elapsed = [data["elapsed_time"] for _, data in told]
        assert elapsed == sorted(elapsed)
        cpu = [data["cpu_times"]["user"] + data["cpu_times"]["system"] for _, data in told
               if "user" in data["cpu_times"]]
        # Of a process that was freed without the kernel's telling it, how its CPU divides is not known.
        if cpu or rows[pid]["user"] is not None:
            assert cpu[-1] == pytest.approx(rows[pid]["user"] + rows[pid]["system"], abs=1e-6)
    labels = [(pid, data["label"]) for pid, told in lines.items() for _, data in told
              if "label" in data]
    assert sorted(text for _, text in labels) == ['half, "way"', "hello"]
    marker = next(pid for pid, row in rows.items() if row["comm"] == "marker")
    assert (marker, 'half, "way"') in labels
    assert sum(len(told) for told in lines.values()) > 15


def test_log_comes_back(recording, tmp_path):
    """tacho's own reader of such logs finds the processes and what they used."""
    log, back = tmp_path / "run.log", tmp_path / "back.tacho"
    log.write_text(exported(recording, "--to", "log"))
    assert run("import", log, "-o", back).returncode == 0
    # A log does not say whose child a process is: what was waited for stands in the parent's line as well.
    def own_s(path):
        return sum((row["user"] or 0) + (row["system"] or 0) for row in export(path, "processes"))
    assert own_s(back) == pytest.approx(own_s(recording), abs=0.05)
    waited_s = sum((row["children_user"] or 0) + (row["children_system"] or 0)
                   for row in export(recording, "processes", "--fields", "children_user,children_system"))
    total_s = report(recording)["cpu"]["total_s"]
    assert total_s - 0.05 <= report(back)["cpu"]["total_s"] <= total_s + waited_s + 0.05
    assert len(export(back, "processes")) == len(export(recording, "processes"))


# ---- directory ----

def a_time(text):
    return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


@pytest.fixture(scope="module")
def directory(recording, tmp_path_factory):
    out = tmp_path_factory.mktemp("directory") / "made"
    assert exported(recording, "--to", "directory", "-o", out) == ""
    (folder,) = out.iterdir()
    return folder


def test_directory_names(recording, directory):
    rows = export(recording, "processes", "--fields", "pid,start,flags", "--time", "epoch")
    root = next(row["pid"] for row in rows if "root" in row["flags"])
    assert re.fullmatch(rf"\d{{4}}_\d\d_\d\d-\d\d_\d\d-{root}", directory.name)
    assert int((directory / "reference_pid.txt").read_text()) == root
    head, *lines = [line.split("\t") for line in (directory / "pids.txt").read_text().splitlines()]
    assert head == ["Time", "PID", "create_time"]
    assert {(int(pid), create) for _, pid, create in lines} == {
        (row["pid"], f"{int(row['start'] * 100 + 1e-4) / 100:.2f}") for row in rows}
    names = {f"{kind}-{pid}_{create}.{ending}" for _, pid, create in lines
             for kind, ending in (("metrics", "csv"), ("command", "txt"), ("command", "json"))}
    assert {path.name for path in directory.iterdir()} == names | {
        "reference_pid.txt", "pids.txt", "agg_metrics.tsv", "cpu_details.json", "core_affinity.json"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in directory.iterdir())
    assert directory.stat().st_mode & 0o777 == 0o700


def test_directory_metrics(recording, directory):
    processes = {row["pid"]: row for row in export(recording, "processes")}
    memory = report(recording)["machine"]["memory_bytes"]
    for path in directory.glob("metrics-*.csv"):
        lines = path.read_text().splitlines()
        assert lines[0] == METRICS
        rows = list(csv.DictReader(lines))
        pid = int(path.name.split("-")[1].split("_")[0])
        for row in rows:
            assert a_time(row["Time"]) and int(row["PID"]) == pid and None not in row.values()
            if row["Res"]:
                share = int(row["Res"]) * 100 / memory
                assert float(row["Memory"]) == pytest.approx(share, abs=1e-4)
                # A leak sanitizer stops the process that it looks through.
                assert row["process_status"] in ("running", "sleeping", "disk-sleep",
                                                 *(["tracing-stop"] if SANITIZED else []))
        last = rows[-1]
        if last["User"] or processes[pid]["user"] is not None:
            assert float(last["User"]) <= processes[pid]["user"] + 0.011
    # What is too short to be sampled is not forgotten, where the kernel told of it.
    missed = [row for row in processes.values() if row["samples"] == 0 and row["read_chars"]]
    assert missed or report(recording)["completeness"]["follow"] != "bpf"
    for known in missed:
        path, = directory.glob(f"metrics-{known['pid']}_*.csv")
        row, = csv.DictReader(path.open())
        assert (int(row["read_chars"]), row["Res"]) == (known["read_chars"], "")
        assert float(row["User"]) == pytest.approx(known["user"], abs=1e-6)


def test_directory_sums(recording, directory):
    lines = [line.split("\t") for line in (directory / "agg_metrics.tsv").read_text().splitlines()]
    assert lines[0] == SUMS.split()
    rows = [dict(zip(lines[0], line)) for line in lines[1:]]
    summary = report(recording)["io"]
    for name in ("read_count", "write_count", "read_bytes", "write_bytes", "read_chars", "write_chars"):
        values = [int(row["sum_" + name]) for row in rows]
        assert values == sorted(values)
        assert values[-1] == summary[name]
    assert max(int(row["numpids"]) for row in rows) in (2, 3)
    assert all(a_time(row["Time"]) for row in rows)


def test_directory_commands_and_processors(directory):
    for path in directory.glob("command-*.json"):
        assert path.with_suffix(".txt").read_text() == " ".join(json.loads(path.read_text())) + "\n"
    affinity = json.loads((directory / "core_affinity.json").read_text())
    assert len(affinity) == os.cpu_count()
    assert {tuple(one) for one in affinity} == {("processor_id", "cpu_id", "core_id")}
    details = json.loads((directory / "cpu_details.json").read_text())
    assert sum(int(package["siblings"]) for package in details) == os.cpu_count()


def test_folders_are_never_overwritten(recording, directory, tmp_path):
    out = directory.parent
    before = {path: path.read_bytes() for path in directory.iterdir()}
    (directory / "pids.txt").write_text("mine")
    result = run("export", recording, "--to", "directory", "-o", out)
    assert result.returncode == 1 and "--force" in result.stderr and result.stderr.count("\n") == 1
    assert (directory / "pids.txt").read_text() == "mine"
    assert run("export", recording, "--to", "directory", "-o", out, "--force").returncode == 0
    assert {path: path.read_bytes() for path in directory.iterdir()} == before
    for form in ("directory", "ranks"):
        result = run("export", recording, "--to", form)
        assert result.returncode == 2 and "-o" in result.stderr
    (tmp_path / "file").touch()
    result = run("export", recording, "--to", "ranks", "-o", tmp_path / "file")
    assert result.returncode == 1 and "Not a directory" in result.stderr


# ---- ranks ----


def test_ranks(tmp_path):
    """Two ranks of a job into one folder, read as the analyser does."""
    for rank in ("0", "1"):
        path = tmp_path / f"{rank}.tacho"
        environment = {**os.environ, "PMI_RANK": rank, "PMI_SIZE": "2"}
        assert record(path, MARKER, "each", env=environment).returncode == 0
        assert exported(path, "--to", "ranks", "-o", tmp_path / "logs") == ""
    logs = sorted((tmp_path / "logs").iterdir())
    found = [re.fullmatch(r"logproc_(\d+)_(\d+)_(\d+)\.log", log.name) for log in logs]
    assert {(int(name[2]), int(name[3])) for name in found} == {(0, 2), (1, 2)}
    for log, name in zip(logs, found):
        lines = [line.split("//") for line in log.read_text(errors="replace").splitlines()]
        assert {len(line) for line in lines} == {8}
        scopes = export(tmp_path / f"{name[2]}.tacho", "scopes", "--time", "epoch")
        assert len(lines) == len(scopes)
        assert {line[2] for line in lines} >= {"@inner", "@in thread", "@left open"}
        assert {line[7] for line in lines} == {"I/O", "Core", "@left open"}
        for rank, size, function, t_in, t_out, mem_in, mem_out, field in lines:
            assert (rank, size) == (name[2], "2") and function.startswith("@")
            assert time.time() - 600 < float(t_in) <= float(t_out) < time.time()
            assert 0 < float(mem_in) <= float(mem_out) < 100
        assert sum(float(line[4]) - float(line[3]) for line in lines) == pytest.approx(
            sum(row["duration"] for row in scopes), abs=1e-3)

