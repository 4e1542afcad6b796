"""tacho record -p and -a, streams, and the output file."""

import csv
import io
import json
import os
import signal
import stat
import subprocess
import time

import pytest
from support import BURNER, TACHO, export, info, record, report, run, wait_until


def test_attach_follows_descendants_that_are_there_and_that_come(tmp_path):
    path = tmp_path / "run.tacho"
    job = subprocess.Popen(["sh", "-c", f"{BURNER} burn 1.5 & sleep 0.7; {BURNER} burn 0.5; wait"])
    time.sleep(0.2)
    assert run("record", "-o", path, "-p", job.pid).returncode == 0
    job.wait()
    names = [p["comm"] for p in export(path, "processes")]
    assert names.count("burner") == 2 and "sh" in names
    assert report(path)["cpu"]["total_s"] == pytest.approx(1.8, abs=0.3)


def test_attach_ends_on_interrupt(tmp_path):
    path = tmp_path / "run.tacho"
    job = subprocess.Popen(["sleep", "60"])
    recorder = subprocess.Popen([TACHO, "record", "-o", path, "-p", str(job.pid)])
    wait_until(path.exists)
    time.sleep(0.4)
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(timeout=30) == 0
    assert job.poll() is None
    job.kill()
    job.wait()
    assert info(path)["salvage"]["ended"] is True


def test_attach_to_our_own_shell_leaves_the_recorder_out(tmp_path):
    path = tmp_path / "run.tacho"
    script = f"{TACHO} record -d 0.5 -o {path} -p $$; exit 0"
    subprocess.run(["sh", "-c", script], check=True)
    assert [p["comm"] for p in export(path, "processes")] == ["sh"]


def test_unknown_pid(tmp_path):
    result = run("record", "-o", tmp_path / "run.tacho", "-p", 4194304)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "4194304" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_machine(tmp_path):
    path = tmp_path / "machine.tacho"
    assert run("record", "-a", "-d", "1.2", "-o", path).returncode == 0
    rows = [r for r in export(path, "machine") if r.get("memory_total") is not None]
    assert len(rows) >= 2
    kib = int(open("/proc/meminfo").readline().split()[1])
    assert all(row["memory_total"] == kib * 1024 for row in rows)
    # Births are recorded where the mechanism sees all of them; nobody is sampled.
    assert all("forked" in p["flags"] for p in export(path, "processes"))
    assert export(path) == []


@pytest.mark.parametrize("arguments", [
    [], ["-p", "1", "--", "true"], ["-a", "-p", "1"], ["-p", "1,x"], ["-p", ""], ["-i", "0", "true"],
    ["-i", "-1", "true"], ["-i", "nan", "true"], ["-d", "0", "true"], ["--wait", "no", "true"],
    ["--follow", "magic", "true"], ["--stream", "xml", "true"], ["--stream", "sqlite", "true"],
    ["--stream", "directory", "true"], ["--stream", "directory", "-o", "-", "true"],
    ["--stream", "directory", "-a", "-o", "out"], ["--nonsense"], ["-o", "", "true"],
])
def test_wrong_options_are_one_line(arguments, tmp_path):
    result = run("record", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("tacho record: ")
    assert list(tmp_path.iterdir()) == []


# ---- rows as they are sampled ----

def test_stream_to_stdout():
    result = run("record", "--stream", "csv", "-i", "0.05", "--", "sleep", "0.5")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert result.returncode == 0 and len(rows) >= 5
    assert {row["comm"] for row in rows} <= {"sleep", "tacho"}
    assert all(float(a["time"]) < float(b["time"]) for a, b in zip(rows, rows[1:]))


def test_stream_of_the_machine_to_a_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert run("record", "-a", "-d", "1.2", "--stream", "jsonl", "-o", path).returncode == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) >= 2 and rows[0]["memory_total"] > 0


@pytest.mark.parametrize("form", ["csv", "rows"])
def test_a_reader_that_goes_away_does_not_end_the_job(form, tmp_path):
    done = tmp_path / "done"
    recorder = subprocess.Popen(
        [TACHO, "record", "--stream", form, "-i", "0.02", "--", "sh", "-c",
         f"exec >/dev/null; sleep 1; touch {done}; exit 3"], stdout=subprocess.PIPE)
    recorder.stdout.readline()
    recorder.stdout.close()
    assert recorder.wait(timeout=30) == 3
    assert done.exists()


# ---- the file ----

def test_mode_and_default_name(tmp_path):
    run("record", "--", "true", cwd=tmp_path, check=True)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("tacho-true-") and path.suffix == ".tacho"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "run.tacho"
    path.write_text("precious")
    result = record(path, "touch", tmp_path / "ran")
    assert result.returncode == 1 and "--force" in result.stderr
    assert path.read_text() == "precious" and not (tmp_path / "ran").exists()
    assert record(path, "true", options=["--force"]).returncode == 0
    assert report(path)["exit"]["code"] == 0


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_planted_link_is_not_followed(tmp_path, force):
    victim, path = tmp_path / "victim", tmp_path / "run.tacho"
    victim.write_text("precious")
    path.symlink_to(victim)
    result = record(path, "true", options=force)
    assert victim.read_text() == "precious"
    assert result.returncode == (0 if force else 1)
    assert path.is_symlink() == (not force)


def test_unwritable_directory(tmp_path):
    result = record(tmp_path / "no" / "run.tacho", "true")
    assert result.returncode == 1 and result.stderr.count("\n") == 1


def test_a_removed_recording_is_told(tmp_path):
    path = tmp_path / "run.tacho"
    result = record(path, "sh", "-c", f"sleep 0.2; rm {path}; exit 2")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "removed" in result.stderr
