"""Kills, full disks, stopped recorders: what was written reads back, and the job goes on."""

import os
import random
import resource
import signal
import subprocess
import time

import pytest
from support import BURNER, TACHO, export, info, record, report, run, wait_until

JOB = f"for i in 1 2 3 4 5 6 7 8; do {BURNER} burn 0.05; sleep 0.05; done; exit 3"


def test_recorder_killed_at_any_moment(tmp_path):
    chance = random.Random(20261121)
    for turn in range(8):
        path, done = tmp_path / f"{turn}.tacho", tmp_path / f"{turn}.done"
        recorder = subprocess.Popen([TACHO, "record", "-i", "0.02", "-o", path, "--", "sh", "-c",
                                     f"sleep 1.7; touch {done}"], start_new_session=True)
        wait_until(lambda: path.exists() and path.stat().st_size > 0)
        began = time.monotonic()
        time.sleep(chance.uniform(0, 1.5))
        lived = time.monotonic() - began
        recorder.kill()
        recorder.wait()
        summary = report(path)
        assert summary["exit"] is None
        assert lived - 1.3 <= summary["wall_s"] <= lived + 1
        assert info(path)["salvage"]["ended"] is False
        wait_until(done.exists)  # the job was not harmed


def test_job_killed(tmp_path):
    path = tmp_path / "run.tacho"
    assert record(path, "sh", "-c", "sleep 0.3; kill -KILL $$").returncode == 137
    summary = report(path)
    assert summary["exit"]["signal"] == 9 and info(path)["salvage"]["ended"] is True


def test_terminated_with_all_but_a_tick(tmp_path):
    path = tmp_path / "run.tacho"
    runs = tmp_path / "runs"
    recorder = subprocess.Popen([TACHO, "record", "-o", path, "--", "sh", "-c",
                                 "trap '' TERM; : > $0; sleep 20", runs], start_new_session=True)
    wait_until(runs.exists)
    time.sleep(0.75)
    before = path.stat().st_size
    recorder.terminate()
    wait_until(lambda: path.stat().st_size > before)
    os.killpg(recorder.pid, signal.SIGKILL)
    recorder.wait()
    assert report(path)["wall_s"] >= 0.55


def test_a_cut_file_is_a_prefix(tmp_path):
    path = tmp_path / "run.tacho"
    record(path, "sh", "-c", "sleep 2.2")
    fields = ("--fields", "time,entity,pid,cpu,rss,read_chars")
    whole, rows = path.read_bytes(), export(path, "samples", *fields)
    cut = tmp_path / "cut.tacho"
    first_block = 48 + int.from_bytes(whole[12:16], "little")
    for size in range(len(whole) - 1, first_block, -max(1, len(whole) // 40)):
        cut.write_bytes(whole[:size])
        some = export(cut, "samples", *fields)
        assert some == rows[:len(some)]
    cut.write_bytes(whole[:first_block - 1])
    result = run("export", cut, "--to", "jsonl")
    assert result.returncode == 1 and result.stderr.count("\n") == 1


def test_file_size_limit(tmp_path):
    path = tmp_path / "run.tacho"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    result = record(path, "sh", "-c", JOB, options=["-i", "0.005"], preexec_fn=limit)
    assert result.returncode == 3
    assert result.stderr.count("cannot write") == 1
    assert path.stat().st_size <= 4096
    assert report(path)["command"][0] == "sh"
    assert info(path)["salvage"]["ended"] is False


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_full_disk_is_told_once_and_becomes_a_gap(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        path, filler = disk / "run.tacho", disk / "filler"
        recorder = subprocess.Popen([TACHO, "record", "-i", "0.01", "-o", path, "--", "sh", "-c",
                                     "sleep 5; exit 3"], stderr=subprocess.PIPE, text=True)
        wait_until(lambda: path.exists() and path.stat().st_size > 0)
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        time.sleep(2.6)
        filler.unlink()
        _, errors = recorder.communicate(timeout=30)
        assert recorder.returncode == 3
        assert errors.count("cannot write") == 1 and "No space left" in errors
        told = info(path)
        assert len(told["gaps"]) >= 1 and told["salvage"]["lost_bytes"] == 0
        assert report(path)["exit"]["code"] == 3
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_stopped_recorder_tells_of_late_ticks(tmp_path):
    path = tmp_path / "run.tacho"
    recorder = subprocess.Popen([TACHO, "record", "-o", path, "--", "sleep", "4"])
    wait_until(lambda: run("export", path, "--table", "machine").stdout.count("\n") > 1)  # it ticks
    recorder.send_signal(signal.SIGSTOP)
    time.sleep(1)
    recorder.send_signal(signal.SIGCONT)
    assert recorder.wait(timeout=30) == 0
    assert report(path)["completeness"]["late_ticks"] >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_another_users_process(tmp_path):
    """I/O of root's process is refused to nobody: missing and counted, never 0."""
    job = subprocess.Popen([BURNER, "burn", "1"])
    path = tmp_path / "run.tacho"
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    result = run("record", "-d", "0.6", "-o", path, "-p", job.pid,
                 preexec_fn=lambda: (os.setgid(65534), os.setuid(65534)))
    job.wait()
    assert result.returncode == 0, result.stderr
    rows = export(path, "samples", "--fields", "time,cpu,rss,read_chars,pss")
    assert all(row["read_chars"] is None and row["pss"] is None for row in rows)
    assert any(row["cpu"] for row in rows) and any(row["rss"] for row in rows)
    assert any(m["cause"] for m in info(path)["missing"])
    assert report(path)["io"]["read_chars"] is None
