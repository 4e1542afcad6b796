"""What programs and scripts mark under tacho record stands in the recording, however they end."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support import (COUNTING, MARKER, NOBODY, PLUGIN, SANITIZED, TACHO, export, record, report, run,
                     wait_until)

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent


def marked(tmp_path, *command, status=0, **kwargs):
    """The report of a recorded command."""
    path = tmp_path / "run.tacho"
    result = record(path, *map(str, command), **kwargs)
    assert result.returncode == status, result.stderr
    return report(path)


def scopes(summary):
    return {s["name"]: s for s in summary["scopes"]}


def places():
    """The directories of marks that are left: of tests that run beside, too."""
    return {p for p in Path("/dev/shm").glob("tacho-*") if not p.name.startswith("tacho-test")}


def test_a_loop(tmp_path):
    summary = marked(tmp_path, MARKER, "loop", "step", 1000)
    step = scopes(summary)["step"]
    assert (step["count"], step["category"]) == (1000, "Core")
    assert 0 < step["min_s"] <= step["p50_s"] <= step["p99_s"] <= step["max_s"]
    assert step["total_s"] < summary["wall_s"]
    assert summary["completeness"]["lost_marks"] == 0
    rows = export(tmp_path / "run.tacho", "scopes")
    assert len(rows) == 1000 and {r["name"] for r in rows} == {"step"}


def test_forked_children_mark_for_themselves(tmp_path):
    found = scopes(marked(tmp_path, MARKER, "fork"))
    assert found["parent"]["count"] == 1
    assert found["child"]["count"] == 30
    pids = {r["pid"] for r in export(tmp_path / "run.tacho", "scopes") if r["name"] == "child"}
    assert len(pids) == 3


def test_a_scope_does_not_outlive_the_program_of_its_process(tmp_path):
    found = scopes(marked(tmp_path, MARKER, "exec", "sh", "-c", f"sleep 0.5; exec {MARKER} loop new 20"))
    assert found["old image"]["count"] == 10
    assert found["new"]["count"] == 20
    assert found["before exec"]["count"] == 1
    assert found["before exec"]["total_s"] < 0.4  # not until the process ends


def test_short_processes(tmp_path):
    summary = marked(tmp_path, "sh", "-c",
                     f"i=0; while [ $i -lt 50 ]; do {MARKER} loop short 3; i=$((i + 1)); done")
    assert scopes(summary)["short"]["count"] == 150
    rows = export(tmp_path / "run.tacho", "scopes")
    assert len({r["pid"] for r in rows}) == 50 and all(r["pid"] for r in rows)


def test_short_threads(tmp_path):
    summary = marked(tmp_path, MARKER, "threads", 300)
    assert scopes(summary)["in thread"]["count"] == 30000
    assert summary["completeness"]["lost_marks"] == 0
    rows = export(tmp_path / "run.tacho", "scopes")
    assert len({r["tid"] for r in rows}) == 300


@pytest.mark.parametrize("how, status", [("return", 0), ("exit", 0), ("_exit", 0),
                                         ("abort", 128 + signal.SIGABRT),
                                         ("kill", 128 + signal.SIGKILL)])
def test_sudden_ends(tmp_path, how, status):
    summary = marked(tmp_path, MARKER, "end", how, status=status)
    found = scopes(summary)
    assert found["closed"]["count"] == 100
    assert found["open"]["count"] == 1
    assert found["open"]["total_s"] >= found["closed"]["total_s"]
    assert [label["text"] for label in summary["labels"]] == ["last words"]


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's runtime would be loaded too late")
def test_a_plugin_comes_and_goes(tmp_path):
    assert scopes(marked(tmp_path, MARKER, "plugin", PLUGIN, 5))["in plugin"]["count"] == 5


@pytest.mark.skipif(SANITIZED, reason="the plain compiler links no sanitized library")
def test_linked_twice(tmp_path):
    """A program with the library inside it, and a plugin that brings the shared one."""
    archive = BUILD / "libtacho.a"
    if not archive.exists():
        pytest.skip("no static library is built")
    program = tmp_path / "twice"
    subprocess.run(["cc", f"-I{ROOT}/include", "-o", program, ROOT / "tests/cli/jobs/marker.c",
                    archive, "-lpthread", "-ldl"], check=True)
    path = tmp_path / "both.tacho"
    assert record(path, program, "plugin", PLUGIN, "3").returncode == 0
    assert record(tmp_path / "one.tacho", program, "loop", "static", "7").returncode == 0
    assert scopes(report(path))["in plugin"]["count"] == 3
    assert scopes(report(tmp_path / "one.tacho"))["static"]["count"] == 7


def test_another_pid_namespace(tmp_path):
    if subprocess.run(["unshare", "-p", "-f", "true"], capture_output=True).returncode != 0:
        pytest.skip("no namespaces here")
    summary = marked(tmp_path, "unshare", "-p", "-f", MARKER, "loop", "inside", 10)
    assert scopes(summary)["inside"]["count"] == 10
    pids = {p["pid"]: p for p in export(tmp_path / "run.tacho", "processes")}
    rows = export(tmp_path / "run.tacho", "scopes")
    assert "marker" in str(pids[rows[0]["pid"]])


def test_other_users(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    summary = marked(tmp_path, *NOBODY, MARKER, "loop", "unheard", 10)
    assert summary["exit"]["code"] == 0
    assert summary["scopes"] == []  # the place is ours alone: it marks nothing, and just runs


def test_marks_by_each_mechanism(tmp_path):
    for mechanism in ("connector", "perf", "poll"):
        path = tmp_path / f"{mechanism}.tacho"
        result = record(path, "sh", "-c", f"{MARKER} loop a 5; {MARKER} fork; sleep 0.3; true",
                        options=["--follow", mechanism])
        if result.returncode != 0 and "cannot follow" in result.stderr:
            continue
        found = scopes(report(path))
        assert (found["a"]["count"], found["child"]["count"]) == (5, 30)


# ---- what marks do not do ----

def system_calls(tmp_path, times):
    log = tmp_path / "strace.txt"
    marked(tmp_path, "strace", "-f", "-c", "-U", "calls", "-o", log, MARKER, "loop", "step", times)
    (tmp_path / "run.tacho").unlink()
    return int(log.read_text().split()[-2])


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.skipif(SANITIZED, reason="a sanitizer calls the system itself")
def test_no_system_call_per_mark(tmp_path):
    few, many = system_calls(tmp_path, 100), system_calls(tmp_path, 30000)
    assert few < many + 1 and many - few <= 5 * 8  # as the ring grows to its full size, five times


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has its own malloc")
def test_no_allocation_per_mark(tmp_path):
    counts = []
    for times in (100, 30000):
        path = tmp_path / f"{times}.tacho"
        result = record(path, "env", f"LD_PRELOAD={COUNTING}", MARKER, "loop", "step", str(times))
        assert scopes(report(path))["step"]["count"] == times
        counts.append(int(result.stderr.split()[-1]))
    assert counts[0] == counts[1]


# ---- the recorder's end ----

def test_nothing_is_left_behind(tmp_path):
    before = places()
    marked(tmp_path, MARKER, "fork")
    assert not {p for p in places() - before if p.stat().st_uid == os.geteuid()
                and f"-{os.getpid()}-" in p.name}


def test_a_killed_recorder_keeps_what_it_wrote(tmp_path):
    path = tmp_path / "run.tacho"
    recorder = subprocess.Popen([TACHO, "record", "-o", path, "--", MARKER, "wait", tmp_path])
    name = f"tacho-{os.geteuid()}-{recorder.pid}-*"
    try:
        wait_until(lambda: path.exists() and path.stat().st_size > 0)
        wait_until(lambda: scopes(report(path)).get("waiting", {"count": 0})["count"] > 300)
        left = list(Path("/dev/shm").glob(name))
        assert len(left) == 1
    finally:
        recorder.kill()
        recorder.wait()
        subprocess.run(["pkill", "-f", f"{MARKER} wait {tmp_path}"])
    waiting = scopes(report(path))["waiting"]
    assert waiting["count"] > 300
    record(tmp_path / "next.tacho", "true")
    assert not left[0].exists()  # the next recorder sweeps


def test_a_job_goes_on_when_its_recorder_is_gone(tmp_path):
    path = tmp_path / "run.tacho"
    result = record(path, "sh", "-c", f"{MARKER} loop a 10; kill -9 $PPID; {MARKER} loop b 10 && "
                    f"{MARKER} fork && echo well >{tmp_path}/job")
    assert result.returncode == -signal.SIGKILL
    wait_until((tmp_path / "job").exists)


SPOIL = {"cut": "import os, sys; [os.truncate(f, 0) for f in sys.argv[1:]]",
         "scribbled on": "import os, sys\nfor f in sys.argv[1:]:\n"
                         " fd = os.open(f, os.O_RDWR); n = os.fstat(fd).st_size\n"
                         " for at in range(0, n, 4096): os.pwrite(fd, os.urandom(64), at)"}


@pytest.mark.parametrize("how", SPOIL)
def test_files_of_marks_that_are(how, tmp_path):
    """A job that spoils its own marks ends itself at most, not its recorder."""
    script = (f'{MARKER} wait {tmp_path} & p=$!; sleep 0.4; python3 -c "{SPOIL[how]}" ${{TACHO_MARKS#*:}}/$p-*; '
              f"sleep 0.4; kill -9 $p; wait $p; {MARKER} loop after 10")
    path = tmp_path / "run.tacho"
    result = record(path, "bash", "-c", script)
    assert result.returncode == 0, result.stderr
    assert scopes(report(path))["after"]["count"] == 10


# ---- a place without room ----

def test_full_memory_file_system(tmp_path):
    """Marks are given up for want of room; the job and its recording are not."""
    small = "mount -t tmpfs -o size=100k none /dev/shm"
    if subprocess.run(["unshare", "-m", "sh", "-c", small], capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces here")
    path = tmp_path / "run.tacho"
    script = f"{small} && exec {TACHO} record -o {path} -- {MARKER} loop squeezed 3000"
    result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert report(path)["exit"]["code"] == 0


# ---- shell scripts ----

def test_label_and_scope(tmp_path):
    shell = (f"{TACHO} label one two; {TACHO} scope -c I/O outer -- sh -c "
             f"'{TACHO} scope inner -- sleep 0.1; exit 3'; echo $? >{tmp_path}/status; true")
    summary = marked(tmp_path, "sh", "-c", shell)
    assert (tmp_path / "status").read_text() == "3\n"
    found = scopes(summary)
    assert 0.1 <= found["inner"]["total_s"] <= found["outer"]["total_s"] < summary["wall_s"]
    assert found["outer"]["category"] == "I/O"
    (label,) = summary["labels"]
    assert label["text"] == "one two"
    commands = {p["pid"]: p["command"] for p in export(tmp_path / "run.tacho", "processes")}
    assert commands[label["pid"]].startswith("sh -c")  # the script's, not tacho's


def test_outside_of_a_recording(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TACHO_MARKS")}
    label = run("label", "x", env=environment)
    assert label.returncode == 1 and label.stderr.count("\n") == 1
    assert "not under tacho record" in label.stderr
    quiet = run("label", "-q", "x", env=environment)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    scope = run("scope", "x", "--", "sh", "-c", "echo ran; exit 5", env=environment)
    assert (scope.returncode, scope.stdout) == (5, "ran\n")
    assert "not under tacho record" in scope.stderr
    assert run("scope", "-q", "x", "nosuchcommand", env=environment).returncode == 127
    stale = dict(environment, TACHO_MARKS="mono:/dev/shm/tacho-0-1-gone")
    assert run("label", "x", env=stale).returncode == 1


@pytest.mark.parametrize("arguments", [["label"], ["scope"], ["scope", "name"],
                                       ["scope", "name", "--"], ["label", "--loud", "x"]])
def test_wrong_usage(arguments):
    result = run(*arguments)
    assert result.returncode == 2 and result.stderr.count("\n") == 1


def test_scope_passes_signals_on(tmp_path):
    script = f"{TACHO} scope s -- sh -c 'trap \"exit 9\" TERM; echo up >{tmp_path}/up; sleep 31.75 & wait'"
    job = subprocess.Popen([TACHO, "record", "-q", "-o", tmp_path / "run.tacho", "--wait", "root",
                            "--", "sh", "-c", f"{script}; echo $? >{tmp_path}/status"])
    wait_until((tmp_path / "up").exists)
    subprocess.run(["pkill", "-TERM", "-f", f"^{TACHO} scope s -- sh -c .*{tmp_path}/up"])
    job.wait(timeout=60)
    assert (tmp_path / "status").read_text() == "9\n"
    assert scopes(report(tmp_path / "run.tacho"))["s"]["count"] == 1
    subprocess.run(["pkill", "-f", "^sleep 31.75"])


def test_the_example_script(tmp_path):
    environment = dict(os.environ, PATH=f"{BUILD}:{os.environ['PATH']}")
    summary = marked(tmp_path, ROOT / "examples/pipeline.sh", env=environment)
    found = scopes(summary)
    assert {n: s["count"] for n, s in found.items()} == {"make": 3, "pack": 3, "join": 1, "unpack": 1}
    assert [label["text"] for label in summary["labels"]] == ["part a", "part b", "part c", "done"]
    assert {c["name"] for c in summary["categories"]} == {"I/O", "Compute", "Others"}
