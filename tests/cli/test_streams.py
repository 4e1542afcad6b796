"""--stream rows and directory: what `tacho export` makes of a recording, as the job goes on."""

import csv
import json
import resource
import signal
import subprocess

import pytest
from support import BURNER, TACHO, export, record, report, run, wait_until
from tool_readers import COLUMNS, METRICS, SUMS, percents_as_seconds, read_resources

SHORT = "head -c 3000000 /dev/zero | cat >/dev/null"


def start(*options, **kwargs):
    return subprocess.Popen([TACHO, "record", *map(str, options)], text=True,
                            stderr=subprocess.PIPE, **kwargs)


def job(script):
    """A shell that waits for a line before it begins."""
    return subprocess.Popen(["sh", "-c", f"read go; {script}"], stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, text=True)


def sums_of(folder):
    lines = [line.split("\t") for line in (folder / "agg_metrics.tsv").read_text().splitlines()]
    assert lines[0] == SUMS.split() and {len(line) for line in lines} == {len(lines[0])}
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def lines_in(path):
    return path.read_text().count("\n") if path.exists() else 0


@pytest.fixture(scope="module")
def seen_thrice(tmp_path_factory):
    """One job, as a recording, a stream of rows and one of a directory that watched it together."""
    path = tmp_path_factory.mktemp("streams")
    script = f"for i in 1 2 3 4; do {SHORT}; {BURNER} burn 0.1; done; exec sleep 0.3"
    with job(script) as shell:
        options = ["-q", "-i", "0.05", "-p", shell.pid]
        recorders = [start(*options, "-o", path / "run.tacho"),
                     start(*options, "--stream", "rows", "-o", path / "rows.log"),
                     start(*options, "--stream", "directory", "-o", path / "live")]
        wait_until(lambda: lines_in(path / "rows.log") > 3 and (path / "run.tacho").exists() and
                   any(lines_in(sums) > 1 for sums in path.glob("live/*/agg_metrics.tsv")) and
                   (path / "run.tacho").stat().st_size > 0)
        shell.communicate("go\n")
    for recorder in recorders:
        assert recorder.communicate(timeout=60)[1] == ""
        assert recorder.returncode == 0
    assert run("export", path / "run.tacho", "--to", "directory", "-o", path / "made").returncode == 0
    return path


def agree(live, exported, follow):
    """Where the kernel tells what each process used, not how the ticks fell decides."""
    assert live == pytest.approx(exported, rel=0.02 if follow == "bpf" else 0.3, abs=20)


def test_rows_agree_with_the_export(seen_thrice):
    facts, live = read_resources((seen_thrice / "rows.log").read_text())
    recording = seen_thrice / "run.tacho"
    _, exported = read_resources(run("export", recording, "--to", "rows").stdout)
    follow = report(recording)["completeness"]["follow"]
    assert facts["vm_total_mb"] == report(recording)["machine"]["memory_bytes"] >> 20
    assert {"logger_process_pid", "cpu_count", "vm_available_mb", "swap_free_mb"} < facts.keys()
    assert list(live["time"]) == sorted(set(live["time"]))
    for name in ("read_count", "write_count", "read_mb", "write_mb", "read_count_global"):
        assert list(live[name]) == sorted(live[name])
    for name in ("read_count", "write_count", "write_mb"):
        agree(live[name][-1], exported[name][-1], follow)
    assert percents_as_seconds(live) == pytest.approx(percents_as_seconds(exported), abs=0.1)
    assert percents_as_seconds(live) > 0.35
    assert 0 < max(live["rss_mb"]) < 100


def test_directory_agrees_with_the_export(seen_thrice):
    (live,), (made,) = (seen_thrice / "live").iterdir(), (seen_thrice / "made").iterdir()
    follow = report(seen_thrice / "run.tacho")["completeness"]["follow"]
    assert live.name.split("-")[-1] == made.name.split("-")[-1]
    for name in ("reference_pid.txt", "cpu_details.json", "core_affinity.json"):
        assert (live / name).read_bytes() == (made / name).read_bytes()
    sums, exported = sums_of(live), sums_of(made)
    for name in ("sum_write_chars", "sum_read_chars", "sum_write_count"):
        values = [int(row[name]) for row in sums]
        assert values == sorted(values)
        agree(values[-1], int(exported[-1][name]), follow)
    assert max(int(row["numpids"]) for row in sums) >= 2
    if follow == "bpf":  # each birth is told, however short the life
        assert {path.name for path in live.iterdir()} == {path.name for path in made.iterdir()}
        assert sorted(line.split("\t")[1:] for line in (live / "pids.txt").read_text().splitlines()) \
            == sorted(line.split("\t")[1:] for line in (made / "pids.txt").read_text().splitlines())


def test_each_process_has_its_own_file(seen_thrice):
    (live,) = (seen_thrice / "live").iterdir()
    head, *known = [line.split("\t") for line in (live / "pids.txt").read_text().splitlines()]
    assert head == ["Time", "PID", "create_time"] and len(known) > 4
    burned = 0
    for _, pid, create in known:
        lines = (live / f"metrics-{pid}_{create}.csv").read_text().splitlines()
        assert lines[0] == METRICS
        rows = list(csv.DictReader(lines))
        assert {row["PID"] for row in rows} <= {pid} and all(None not in row.values() for row in rows)
        command = json.loads((live / f"command-{pid}_{create}.json").read_text())
        assert (live / f"command-{pid}_{create}.txt").read_text() == " ".join(command) + "\n"
        burned += command[1:] == ["burn", "0.1"]
    assert burned == 4
    # The shell that became another program goes by its last name.
    root = (live / "reference_pid.txt").read_text().strip()
    (command,) = live.glob(f"command-{root}_*.txt")
    assert command.read_text() == "sleep 0.3\n"
    assert not (live / "unfinished").exists()
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in live.iterdir())


def test_a_launched_job(tmp_path):
    """To stdout, with what was too short to be sampled, and the job's exit status."""
    script = f"exec 3>&1 >/dev/null; for i in 1 2 3; do {SHORT}; done; exit 7"
    result = run("record", "--stream", "rows", "-i", "0.05", "sh", "-c", script)
    assert (result.returncode, result.stderr) == (7, "")
    _, columns = read_resources(result.stdout)
    assert columns["write_count"][-1] > 0
    result = run("record", "--stream", "directory", "-o", tmp_path / "out", "sh", "-c", script)
    assert (result.returncode, result.stdout, result.stderr) == (7, "", "")
    (folder,) = (tmp_path / "out").iterdir()
    assert int(sums_of(folder)[-1]["sum_write_chars"]) == pytest.approx(18_000_000, rel=0.01)


def test_the_machine_alone():
    facts, columns = read_resources(
        run("record", "-a", "-d", "0.4", "-i", "0.1", "--stream", "rows").stdout)
    assert facts["vm_total_mb"] > 0 and len(columns["time"]) >= 2
    assert set(columns["rss_mb"]) == set(columns["cpu_percent"]) == {None}
    assert min(columns["vms_global_mb"]) > 0


def test_each_tick_is_there_at_once_and_survives_kill(tmp_path):
    rows, out = tmp_path / "rows.log", tmp_path / "out"
    with job("sleep 0.1") as shell:
        options = ["-q", "-i", "0.02", "-p", shell.pid]
        recorders = [start(*options, "--stream", "rows", "-o", rows),
                     start(*options, "--stream", "directory", "-o", out)]
        wait_until(lambda: lines_in(rows) > 12 and
                   any(lines_in(sums) > 12 for sums in out.glob("*/agg_metrics.tsv")))
        for recorder in recorders:
            recorder.send_signal(signal.SIGKILL)
            assert recorder.communicate(timeout=60)[1] == ""
        assert shell.poll() is None
        shell.communicate("go\n")
    assert shell.returncode == 0
    assert rows.read_text().endswith("\n")
    _, columns = read_resources(rows.read_text())
    assert columns.keys() == set(COLUMNS) and len(columns["time"]) >= 10
    (folder,) = out.iterdir()
    assert len(sums_of(folder)) >= 12
    assert all(path.read_bytes().endswith(b"\n") for path in folder.iterdir())
    (metrics,) = folder.glob("metrics-*.csv")
    assert all(None not in row.values() for row in csv.DictReader(metrics.open()))


def test_ctrl_c_ends_it_whole(tmp_path):
    rows = tmp_path / "rows.log"
    with job("sleep 0.1") as shell:
        recorder = start("-i", "0.05", "-p", shell.pid, "--stream", "rows", "-o", rows)
        wait_until(lambda: lines_in(rows) > 4)
        recorder.send_signal(signal.SIGINT)
        assert recorder.communicate(timeout=60)[1] == "" and recorder.returncode == 0
        assert shell.poll() is None
        shell.communicate("go\n")
    read_resources(rows.read_text())


@pytest.mark.parametrize("form", ["rows", "directory"])
def test_where_nothing_more_can_be_written_the_job_goes_on(form, tmp_path):
    """Files may not grow beyond a bound, as on a full disk: the job ends as it would, its lines are whole."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))

    errors = tmp_path / "errors"
    with errors.open("w") as file:
        result = record(tmp_path / "out", "sh", "-c", f"until grep -q . {errors}; do sleep 0.1; done; exit 3",
                        options=["--stream", form, "-i", "0.01"], preexec_fn=limit,
                        capture_output=False, stderr=file)
    assert result.returncode == 3
    assert errors.read_text() == f"tacho: cannot write {tmp_path}/out: File too large; it ends there\n"
    if form == "rows":
        read_resources((tmp_path / "out").read_text())
    else:
        (folder,) = (tmp_path / "out").iterdir()
        assert sums_of(folder)
        assert all(path.read_bytes().endswith(b"\n") for path in folder.iterdir())


def test_a_full_disk_and_a_folder_that_is_none(tmp_path):
    result = record("/dev/full", "sh", "-c", "exit 3", options=["--stream", "rows", "--force"])
    assert result.returncode == 3 and result.stderr.count("\n") == 1
    assert "No space left" in result.stderr
    (tmp_path / "file").touch()
    result = record(tmp_path / "file", "touch", tmp_path / "ran", options=["--stream", "directory"])
    assert result.returncode == 1 and "Not a directory" in result.stderr
    assert not (tmp_path / "ran").exists()


def test_a_stream_is_never_written_over(tmp_path):
    path = tmp_path / "rows.log"
    path.write_text("mine")
    result = record(path, "true", options=["--stream", "rows"])
    assert result.returncode == 1 and "--force" in result.stderr
    assert path.read_text() == "mine"
    assert record(path, "true", options=["--stream", "rows", "--force"]).returncode == 0
    read_resources(path.read_text())


def test_processes_that_come_and_go_leave_nothing_behind(tmp_path):
    """Places of those that ended are given again: each still has its own files."""
    script = "i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i+1)); done"
    recorded = tmp_path / "run.tacho"
    assert record(recorded, "sh", "-c", script).returncode == 0
    assert record(tmp_path / "out", "sh", "-c", script,
                  options=["--stream", "directory", "-i", "0.02"]).returncode == 0
    (folder,) = (tmp_path / "out").iterdir()
    if report(recorded)["completeness"]["follow"] == "bpf":
        assert len(export(recorded, "processes")) == 61
        assert len(list(folder.glob("metrics-*.csv"))) == 61
    for path in folder.glob("metrics-*.csv"):
        pid = path.name.split("-")[1].split("_")[0]
        assert {row["PID"] for row in csv.DictReader(path.open())} <= {pid}
