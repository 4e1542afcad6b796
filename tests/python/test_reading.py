"""tacho.open: what Python reads of a recording is what `tacho export` and `tacho report` say of it."""

import gc
import math
import os
import pickle
import re
import resource
import subprocess
import sys
import threading
import time
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))
from support import BURNER, MARKER, SANITIZED, TACHO, export, record, report, run  # noqa: E402

import tacho  # noqa: E402

numpy = pytest.importorskip("numpy")

RECORDINGS = ROOT / "tests" / "recordings"
LIBRARY = Path(TACHO).parent / "libtacho.so"

# A program that says what no C program here does: counters, and names that are not UTF-8.
SPEAKER = f"""
import ctypes, threading, time
tacho = ctypes.CDLL({str(LIBRARY)!r})
tacho.tacho_counter.argtypes = [ctypes.c_char_p, ctypes.c_double]
def count(base):
    for i in range(50):
        tacho.tacho_counter(b"residual", base + i)
        tacho.tacho_counter(b"other", -1.0)
        time.sleep(0.001)
tacho.tacho_begin(b"caf\\xe9 \\xff", b"I/O")
threads = [threading.Thread(target=count, args=(base,)) for base in (0, 1000)]
for thread in threads: thread.start()
for thread in threads: thread.join()
tacho.tacho_counter(b"residual", float("nan"))
tacho.tacho_label(b"said \\xe9")
tacho.tacho_end()
tacho.tacho_begin(b"inner", None); tacho.tacho_begin(b"inner", None); time.sleep(0.01); tacho.tacho_end()
time.sleep(0.3)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes a recording once, by name: made("burnt")."""
    directory, commands = tmp_path_factory.mktemp("made"), {
        "burnt": ["sh", "-c", f"{BURNER} burn 0.4 & {BURNER} burn 0.2; wait; exit 3"],
        "forked": [MARKER, "fork"],
        "looped": [MARKER, "loop", "step", "200000"],
        "killed": [MARKER, "end", "kill"],
        "threads": [MARKER, "threads", "3"],
        "spoken": ["/usr/bin/python3", "-c", SPEAKER],
    }

    def make(name):
        path = directory / f"{name}.tacho"
        if name == "spoken" and SANITIZED:
            pytest.skip("the library is a sanitizer's, and python3 is not")
        if not path.exists():
            result = record(path, *commands[name], options=["-q", "-i", "0.02"])
            assert result.returncode == {"burnt": 3, "killed": 137}.get(name, 0), result.stderr
        return path

    return make


def exported(path, table, *options):
    """Rows with all fields."""
    fields = run("export", path, "--table", table, "--list-fields").stdout.splitlines()
    listed = [line[1:].split() for line in fields if line[:2] in ("* ", "  ")]
    return export(path, table, "--fields", ",".join(words[0] for words in listed), *options)


def same(value, row):
    """A value as export writes it: None for NaN, rounded to what it shows."""
    if row is None:
        return math.isnan(value)
    if isinstance(row, str):
        return chr(int(value)) == row
    return value == pytest.approx(row, abs=6e-7, rel=1e-12)


# ---- the session ----


def test_the_session(made):
    summary = report(made("burnt"))
    with tacho.open(made("burnt")) as rec:
        assert rec.command == summary["command"] == rec.facts["command"]
        assert rec.host == summary["host"]
        seconds = datetime.strptime(summary["started"][:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
        assert timedelta(0) <= rec.started - seconds < timedelta(seconds=1)
        assert rec.wall_s == pytest.approx(summary["wall_s"], abs=1e-6)
        assert rec.interval_s == 0.02
        assert rec.facts["target"] == "launch" and isinstance(rec.facts["processors"], int)
        assert rec.salvage["ended"] is True and rec.salvage["lost_bytes"] == 0


def test_paths_of_all_sorts(made):
    path = made("burnt")
    for name in path, str(path), os.fsencode(path):
        with tacho.open(name) as rec:
            assert rec.path == str(path) and str(path) in repr(rec)


def test_processes_are_those_of_export(made):
    rows = exported(made("burnt"), "processes")
    with tacho.open(made("burnt")) as rec:
        assert len(rec.processes) == len(rows) >= 3
        for process, row in zip(rec.processes, rows):
            assert (process.entity, process.pid, process.parent) == (
                row["entity"], row["pid"], row["parent"])
            assert (process.parent_pid, process.comm, process.exe, process.cwd) == (
                row["ppid"], row["comm"], row["exe"], row["cwd"])
            for moment, field in ((process.begin_s, "start"), (process.seen_s, "seen"),
                                  (process.end_s, "end")):
                assert moment == pytest.approx(row[field], abs=1e-6)
            code = row["exit_code"] if row["signal"] is None else -row["signal"]
            assert process.returncode == code
            assert process.exact == (row["accounting"] == "exact")
        assert rec.processes[0].command == rec.command and rec.processes[0].returncode == 3
        assert pickle.loads(pickle.dumps(rec.processes)) == rec.processes


# ---- samples ----


def test_series_are_those_of_export(made):
    rows = exported(made("burnt"), "samples")
    with tacho.open(made("burnt")) as rec:
        assert len(rows) > 20
        for process in rec.processes:
            own = [row for row in rows if row["entity"] == process.entity]
            for name in "cpu", "rss", "read_chars", "num_threads":
                times, values = rec.series(name, pid=process.pid)
                assert times.dtype == values.dtype == numpy.float64 and times.shape == values.shape
                assert (numpy.diff(times) > 0).all()
                known = [(row["time"], row[name]) for row in own if row[name] is not None]
                assert times.tolist() == pytest.approx([at for at, _ in known], abs=1e-8)
                assert all(same(value, shown) for value, (_, shown) in zip(values, known)), name


def test_a_process_by_pid_by_record_and_by_entity(made):
    with tacho.open(made("burnt")) as rec:
        process = rec.processes[-1]
        by_pid = rec.series("cpu", pid=process.pid)
        for one in rec.series("cpu", process=process), rec.series("cpu", process=process.entity):
            assert all(map(numpy.array_equal, one, by_pid))


def test_the_machine_and_the_tree(made):
    rows = exported(made("burnt"), "machine")
    with tacho.open(made("burnt")) as rec:
        disk = next(iter(rec.disks.items()), None)
        things = [(rec.tree, "tree", "", "rss"), (rec.machine, "machine", "", "memory_available"),
                  (rec.machine, "machine", "", "load1"), (rec.machine, "machine", "", "user"),
                  (rec.recorder, "recorder", "", "cpu"), (rec.processors["0"], "processor", "0", "idle")]
        things += [(disk[1], "disk", disk[0], "read_bytes")] if disk else []
        for thing, kind, name, metric in things:
            expected = [(row["time"], row[metric]) for row in rows
                        if (row["kind"], row["name"] or "") == (kind, name) and row[metric] is not None]
            times, values = thing.series(metric)
            assert len(times) == len(expected) > 0
            assert times.tolist() == pytest.approx([at for at, _ in expected], abs=1e-8)
            assert values.tolist() == pytest.approx([value for _, value in expected], abs=6e-7)


def test_metrics_name_units_and_kinds(made):
    with tacho.open(made("burnt")) as rec:
        metrics = {(metric.of, metric.name): metric for metric in rec.metrics}
        assert metrics["process", "cpu"][2:] == ("s", "sum")
        assert metrics["process", "rss"][2:] == ("bytes", "gauge")
        assert metrics["machine", "load1"][2:] == ("", "gauge")
        assert rec.tree.metrics == [m.name for m in rec.metrics if m.of == "tree"]


def test_pandas(made):
    pytest.importorskip("pandas")
    rows = exported(made("burnt"), "samples")
    with tacho.open(made("burnt")) as rec:
        frame = rec.to_pandas()
        assert len(frame) == len(rows) and frame.index.names == ["pid", "time"]
        assert list(frame.columns) == ["entity"] + [m.name for m in rec.metrics if m.of == "process"]
        rows.sort(key=lambda row: (row["pid"], row["time"]))
        for (pid, at), values, row in zip(frame.index, frame.to_dict("records"), rows):
            assert (pid, values["entity"]) == (row["pid"], row["entity"])
            assert at == pytest.approx(row["time"], abs=1e-8)
            for name in frame.columns[1:]:
                if name != "package_mask":
                    assert same(values[name], row[name]), name
        assert frame.isna().any(axis=None)
        some = rec.to_pandas(["rss"])
        assert list(some.columns) == ["entity", "rss"] and some.rss.equals(frame.rss)


# ---- marks ----


@pytest.mark.parametrize("name", ["forked", "looped", "killed", "threads", "spoken"])
def test_scopes_are_those_of_export(made, name):
    rows = exported(made(name), "scopes")
    summary = {(s["name"], s["category"] or ""): s for s in report(made(name))["scopes"]}
    with tacho.open(made(name)) as rec:
        assert len(rec.scope_names) == len(summary)
        for site in rec.scope_names:
            scopes = rec.scopes(site.name, site.category)
            assert scopes.dtype == numpy.float64 and scopes.shape[1] == 2
            if site.name.isascii():
                assert site.count == summary[site.name, site.category]["count"]
                expected = [(row["start"], row["end"]) for row in rows if row["name"] == site.name]
                assert scopes.shape == (len(expected), 2)
                expected = numpy.array(sorted(expected, key=lambda span: (span[0], -span[1])))
                assert numpy.abs(scopes - expected).max() < 2e-9
            assert (numpy.diff(scopes[:, 0]) >= 0).all() and (scopes[:, 1] >= scopes[:, 0]).all()
        assert len(rec.scopes()) == len(rows)


def test_scopes_of_one_process_or_thread(made):
    with tacho.open(made("forked")) as rec:
        marking = [p for p in rec.processes if len(rec.scopes("child", pid=p.pid)) > 0]
        assert len(marking) == 3
        for process in marking:
            for which in {"process": process}, {"process": process.entity}, {"thread": process.pid}:
                assert rec.scopes("child", "Core", **which).shape == (10, 2)
        assert rec.scopes("child", category="").shape == (0, 2)
        assert rec.scopes("child", process=rec.processes[0]).shape == (0, 2)
    with tacho.open(made("threads")) as rec:
        assert rec.scopes("in thread").shape == rec.scopes(thread="worker").shape == (300, 2)
        assert rec.scopes("in thread", thread="nobody").shape == (0, 2)


def test_what_nobody_ended_ends_with_its_process(made):
    with tacho.open(made("killed")) as rec:
        assert rec.processes[0].returncode == -9
        ((begin, end),) = rec.scopes("open")
        assert 0 < begin < end <= rec.processes[0].end_s + 1e-9
        assert [label.text for label in rec.labels] == ["last words"]


def test_counters(made):
    rows = [row for row in exported(made("spoken"), "counters") if row["name"] == "residual"]
    with tacho.open(made("spoken")) as rec:
        times, values = rec.counters("residual")
        assert {site.name: site.count for site in rec.counter_names} == {"residual": 101, "other": 100}
        assert times.dtype == values.dtype == numpy.float64 and times.shape == values.shape == (101,)
        rows.sort(key=lambda row: row["time"])
        assert times.tolist() == pytest.approx([row["time"] for row in rows], abs=1e-8)
        assert (numpy.diff(times) >= 0).all() and numpy.isnan(values[-1])
        low = values[values < 500]
        assert low.tolist() == list(range(50))
        tids = {row["tid"] for row in rows}
        assert sorted(len(rec.counters("residual", thread=tid)[0]) for tid in tids) == [1, 50, 50]
        assert rec.counters("none")[0].shape == rec.counters("none")[1].shape == (0,)


def test_labels(made):
    with tacho.open(made("killed")) as rec:
        (row,), (label,) = exported(made("killed"), "labels"), rec.labels
        assert (label.text, label.pid, label.entity, label.tid) == (
            row["text"], row["pid"], row["entity"], row["tid"])
        assert label.at_s == pytest.approx(row["time"], abs=1e-8)


def test_texts_are_any_bytes(made):
    with tacho.open(made("spoken")) as rec:
        (name,) = [site.name for site in rec.scope_names if not site.name.isascii()]
        assert os.fsencode(name) == b"caf\xe9 \xff"
        assert rec.scopes(name).shape == (1, 2)
        assert [os.fsencode(label.text) for label in rec.labels] == [b"said \xe9"]


# ---- what goes wrong ----


def test_what_is_no_recording(tmp_path):
    (tmp_path / "log").write_text("hello\n")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(FileNotFoundError) as error:
        tacho.open(tmp_path / "none")
    assert error.value.filename == tmp_path / "none"
    with pytest.raises(IsADirectoryError):
        tacho.open(tmp_path)
    with pytest.raises(ValueError, match="not a tacho recording; .*tacho import"):
        tacho.open(tmp_path / "log")
    with pytest.raises(ValueError, match="nothing was recorded"):
        tacho.open(tmp_path / "empty")
    with pytest.raises(ValueError, match="null"):
        tacho.open("a\0b")
    for wrong in 3, None, 1.5, []:
        with pytest.raises(TypeError):
            tacho.open(wrong)


def test_wrong_questions(made):
    with tacho.open(made("burnt")) as rec:
        process = rec.processes[0]
        for error, wrong in [
            (KeyError, lambda: rec.series("nope", process=process)),
            (KeyError, lambda: rec.machine.series("nope")),
            (KeyError, lambda: rec.series("rss", pid=2**31 - 1)),
            (KeyError, lambda: rec.series("rss", process=2**32 - 1)),
            (KeyError, lambda: rec.to_pandas(["nope"])),
            (ValueError, lambda: rec.series("rss", pid=-1)),
            (ValueError, lambda: rec.series("rss", pid=2**31)),
            (ValueError, lambda: rec.series("a\0b", process=process)),
            (ValueError, lambda: rec.scopes("a\0b")),
            (ValueError, lambda: rec.scopes("\ud800")),
            (TypeError, lambda: rec.series("rss")),
            (TypeError, lambda: rec.series("rss", pid=process.pid, process=process)),
            (TypeError, lambda: rec.series("rss", pid=True)),
            (TypeError, lambda: rec.series(3, process=process)),
            (TypeError, lambda: rec.scopes(b"step")),
            (TypeError, lambda: rec.scopes("step", thread=1.5)),
            (TypeError, lambda: rec.to_pandas("rss")),
            (TypeError, lambda: type(rec._raw)()),
            (TypeError, lambda: object.__new__(type(rec._raw))),
        ]:
            with pytest.raises(error):
                wrong()
        with pytest.raises(KeyError, match="memory_available"):
            rec.machine.series("nope")


def test_closed(made):
    rec = tacho.open(made("burnt"))
    processes, series = rec.processes, rec.series("cpu", process=rec.processes[0])
    rec.close()
    rec.close()
    for ask in (lambda: rec.processes, lambda: rec.command, lambda: rec.scopes("x"), lambda: rec.tree,
                lambda: rec.series("rss", process=1), lambda: rec.labels, rec.refresh):
        with pytest.raises(ValueError, match="closed"):
            ask()
    assert processes[0].pid > 0 and series[1].max() >= 0


def test_without_numpy_and_without_pandas(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with tacho.open(made("forked")) as rec:
        times, values = rec.tree.series("rss")
        scopes = rec.scopes("child")
        assert isinstance(times, memoryview) and (times.format, values.shape) == ("d", times.shape)
        assert scopes.shape == (30, 2) and scopes[0, 0] <= scopes[0, 1] == scopes.tolist()[0][1]
        assert rec.scopes("none").tolist() == []
        with pytest.raises(ImportError, match="python3-pandas"):
            rec.to_pandas()


def read_all(path):
    """Asks a recording for all it has."""
    with tacho.open(path) as rec:
        rec.facts, rec.command, rec.host, rec.started, rec.wall_s, rec.salvage, rec.labels
        rec.scopes(), rec.counters(), rec.scope_names, repr(rec.processes)
        rec._raw.samples(tuple(m.name for m in rec.metrics if m.of == "process"))
        for process in rec.processes:
            for metric in rec.metrics:
                if metric.of == "process":
                    rec.series(metric.name, process=process)
        for name in rec.machine.metrics:
            rec.machine.series(name)
        for disk in rec.disks.values():
            disk.series(disk.metrics[0])


@pytest.mark.parametrize("name", ["whole-1", "cut-1", "corrupt-1", "zstd-1", "tiny-1"])
def test_recordings_of_all_releases(name):
    try:
        read_all(RECORDINGS / f"{name}.tacho")
    except ValueError as error:
        assert name == "zstd-1" and "zstd" in str(error)


def test_damage_is_an_error_or_left_out(made, tmp_path):
    whole = made("spoken").read_bytes() if not SANITIZED else made("forked").read_bytes()
    path, outcomes = tmp_path / "bad.tacho", set()
    for i in range(60):
        at = i * len(whole) // 60
        damaged = bytearray(whole)
        damaged[at : at + 3] = b"\xff\x00\x7f"
        path.write_bytes(damaged if i % 2 else whole[:at])
        try:
            read_all(path)
            outcomes.add("read")
        except (ValueError, OSError):
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


# ---- threads, memory, time ----


def test_other_threads_run_while_one_reads(made):
    """And several may ask the same recording: they take turns."""
    with tacho.open(made("looped")) as rec:
        wrong = []

        def ask():
            for _ in range(3):
                if rec.scopes("step").shape != (200000, 2) or not rec.processes:
                    wrong.append("something else")

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        turns = 0
        while any(thread.is_alive() for thread in threads):
            turns += 1
            time.sleep(0.001)
        assert not wrong and turns > 2 * 4 * 3  # and not just between two calls


def test_a_finalizer_that_asks_again_is_refused_and_not_stuck(made):
    """The collector runs whatever it finds while a list is made, this recording's users included."""
    rec, seen = tacho.open(made("burnt")), []

    class Asks:
        def __del__(self):
            try:
                rec.processes
                seen.append("answered")
            except RuntimeError:
                seen.append("refused")

    for _ in range(300):
        one = Asks()
        one.itself = one
        del one
        rec.refresh()
        rec.metrics, rec.processes
    gc.collect()
    assert len(seen) == 300
    rec.close()


def test_arrays_are_not_copied_and_outlive_the_recording(made):
    rec = tacho.open(made("looped"))
    scopes = rec.scopes("step")
    assert not scopes.flags.owndata and scopes.flags.writeable
    rec.close()
    del rec
    gc.collect()
    assert scopes.sum() > 0


def test_nothing_leaks(made):
    def rss():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def rounds(n):
        for _ in range(n):
            read_all(made("forked"))
            with pytest.raises(ValueError):
                tacho.open(__file__)
        gc.collect()

    rounds(20)
    descriptors = len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    rounds(5)
    traced, resident, blocks = tracemalloc.get_traced_memory()[0], rss(), sys.getallocatedblocks()
    rounds(200)
    assert tracemalloc.get_traced_memory()[0] - traced < 30000
    tracemalloc.stop()
    assert sys.getallocatedblocks() - blocks < 400
    assert rss() - resident < 4 << 20 or SANITIZED
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_reading_while_it_is_written(tmp_path):
    path = tmp_path / "run.tacho"
    job = subprocess.Popen([TACHO, "record", "-q", "-o", path, "--", "sh", "-c", "sleep 1.6; exit 4"])
    while True:
        try:
            rec = tacho.open(path)
            if rec.processes:
                break
        except (FileNotFoundError, ValueError):
            pass
    assert rec.processes[0].end_s is None and not rec.salvage["ended"]
    assert job.wait() == 4
    assert rec.refresh() > 0
    assert rec.processes[0].returncode == 4 and rec.salvage["ended"]
    rec.close()


# ---- python -m tacho ----


def module(*args, **env):
    return subprocess.run([sys.executable, "-m", "tacho", *map(str, args)], capture_output=True, text=True,
                          timeout=60, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | env)


def test_the_command_line(tmp_path):
    path = os.pathsep.join([str(Path(TACHO).parent), os.environ["PATH"]])
    result = module("--version", PATH=path)
    assert result.returncode == 0 and result.stdout == run("--version").stdout
    assert module("frobnicate", PATH=path).returncode == 2
    result = module("record", "-q", "-o", tmp_path / "a.tacho", "sh", "-c", "exit 7", PATH=path)
    assert result.returncode == 7
    assert module("record", "-q", "-o", tmp_path / "b.tacho", "sh", "-c", "kill -9 $$",
                  PATH=path).returncode == 137


def test_the_command_line_without_the_program(monkeypatch, tmp_path):
    from tacho import __main__ as program

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "__file__", str(tmp_path / "tacho" / "__main__.py"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    with pytest.raises(SystemExit, match="neither on PATH"):
        program.main()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tacho").write_text("#!/bin/sh\n")
    assert program.find_program() is None
    (tmp_path / "bin" / "tacho").chmod(0o755)
    assert program.find_program() == str(tmp_path / "bin" / "tacho")


# ---- what docs/READING.md shows ----

TEXT = (ROOT / "docs" / "READING.md").read_text()
SHOWN = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
PROGRAM = """
import tacho, time
for i in range(3):
    with tacho.scope("load", category="I/O"): time.sleep(0.02)
    tacho.counter("residual", 1 / (i + 1))
tacho.label("loaded")
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    path = tmp_path_factory.mktemp("shown")
    result = record(path / "run.tacho", sys.executable, "-c", PROGRAM, options=["-q", "-i", "0.01"])
    assert result.returncode == 0, result.stderr
    return path


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_each_example_runs(shown, number):
    if "to_pandas" in SHOWN[number]:
        pytest.importorskip("pandas")
    result = subprocess.run([sys.executable, "-c", SHOWN[number]], cwd=shown, capture_output=True,
                            text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    if "scope_names" in SHOWN[number]:
        assert "load I/O 3\n3 times 0.0" in result.stdout and result.stdout.endswith(" loaded\n")


def test_all_that_a_recording_offers_is_documented():
    for name, member in vars(tacho.open.__globals__["Recording"]).items():
        if not name.startswith("_"):
            assert (member.fget if isinstance(member, property) else member).__doc__, name


# ---- other Pythons ----

OTHERS = [path for path in os.environ.get("PYTHONS", "").split(":") if path][1:]
ELSEWHERE = """
import sys, tacho
path = sys.argv[1]
for _ in range(20):
    with tacho.open(path) as rec:
        scopes = rec.scopes("child")
        rec.processes, rec.metrics, rec.labels, rec.scope_names, rec.facts, rec.started
        rec.tree.series("rss"), rec.counters()
assert scopes.shape == (30, 2) and scopes[0, 0] <= scopes[0, 1]
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
run = getattr(interpreters, "run_string", None) or interpreters.exec
for _ in range(3):
    other = interpreters.create()
    failed = run(other, f"import sys; sys.path[:] = {sys.path!r}\\nfrom tacho import reading\\n"
                        f"assert reading.open({path!r}).processes[0].pid > 0")
    assert failed is None, failed
    interpreters.destroy(other)
assert scopes[29, 1] > 0
"""


@pytest.mark.parametrize("program", ["/usr/bin/python3", *OTHERS])
def test_other_pythons_and_interpreters_in_one(made, program):
    """Without numpy, with checks of memory; each interpreter has its own types."""
    result = subprocess.run([program, "-B", "-X", "dev", "-c", ELSEWHERE, str(made("forked"))],
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]
