"""Control groups and limits: what a job was granted, and why it ended, on groups that are made here."""

import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
import support

CGROUPS = Path("/sys/fs/cgroup")
HOG = ("/usr/bin/python3", "-c", "x = bytearray(1 << 30)")
MEMORY_LIMIT = 256 << 20  # the recorder is in the group too
SPIN = "while :; do :; done"


def v1_or_v2(controller):
    """Where groups of this controller can be made, and the version; skips where they cannot."""
    if os.getuid() != 0:
        pytest.skip("making control groups takes root")
    if (CGROUPS / controller / "cgroup.procs").exists():
        return CGROUPS / controller, 1
    for top in (CGROUPS, CGROUPS / "unified"):
        enabled = top / "cgroup.subtree_control"
        if enabled.exists() and controller in enabled.read_text().split():
            return top, 2
    pytest.skip(f"no control groups with {controller} here")


class Group:
    """A group for the time of a test; `limits` are files by version."""

    def __init__(self, controller, limits):
        self.top, self.version = v1_or_v2(controller)
        self.path = self.top / f"tacho-test-{os.getpid()}-{time.monotonic_ns()}"
        try:
            self.path.mkdir()
        except OSError as error:
            pytest.skip(f"cannot make a control group: {error}")
        try:
            for name, text in limits[self.version].items():
                (self.path / name).write_text(text)
        except OSError as error:
            self.path.rmdir()
            pytest.skip(f"cannot limit a control group: {error}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for line in (self.path / "cgroup.procs").read_text().split():
            os.kill(int(line), signal.SIGKILL)

        def removed():
            try:
                self.path.rmdir()
            except OSError:
                return False
            return True

        support.wait_until(removed)

    def enter(self):
        """For a child before exec: it joins."""
        (self.path / "cgroup.procs").write_text("0" if self.version == 2 else str(os.getpid()))


def memory_group():
    return Group("memory", {1: {"memory.limit_in_bytes": str(MEMORY_LIMIT)},
                            2: {"memory.max": str(MEMORY_LIMIT), "memory.swap.max": "0"}})


def test_a_job_that_is_killed_at_its_memory_limit_says_so(tmp_path):
    out = tmp_path / "run.tacho"
    with memory_group() as group:
        result = support.record(out, *HOG, preexec_fn=group.enter)
    assert result.returncode == 137
    summary = support.report(out)
    assert summary["exit"]["signal"] == 9
    assert summary["exit"]["reason"] == "cgroup_oom"
    assert summary["exit"]["killed"]["name"] == "python3"
    cgroup = summary["cgroup"]
    assert cgroup["path"] == "/" + group.path.name and cgroup["version"] == group.version
    assert cgroup["memory_max_bytes"] == MEMORY_LIMIT
    assert 0.9 * MEMORY_LIMIT < cgroup["memory_peak_bytes"] <= MEMORY_LIMIT
    assert cgroup["oom_kills"] == 1
    texts = [f["text"] for f in summary["findings"] if f["severity"] == "bad"]
    assert ("The kernel killed 1 process of the job's control group for want of memory: "
            "it came to its limit of 256 MiB") in texts
    verdict = support.run("report", out, env={**os.environ, "COLUMNS": "200"}).stdout.splitlines()[1]
    assert re.match(r"killed by SIGKILL, at the memory limit of its control group \(256 MiB\), after",
                    verdict)
    kinds = [row for row in support.export(out, "machine") if row["kind"] == "cgroup"]
    assert kinds[0]["oom_kills"] == 0 and kinds[-1]["oom_kills"] == 1
    assert {row["name"] for row in kinds} == {cgroup["path"]}


def test_a_child_of_a_shell_that_is_killed_so_is_named(tmp_path):
    out = tmp_path / "run.tacho"
    with memory_group() as group:
        result = support.record(out, "sh", "-c", f"{HOG[0]} -c '{HOG[2]}'; exit $?",
                                preexec_fn=group.enter)
    assert result.returncode == 137
    ending = support.report(out)["exit"]
    assert ending["code"] == 137 and ending["signal"] is None
    assert ending["reason"] == "cgroup_oom"
    assert ending["killed"]["name"] == "python3" and ending["killed"]["signal"] == 9


def test_a_root_that_moves_takes_the_samples_with_it(tmp_path):
    out = tmp_path / "run.tacho"
    with memory_group() as group:
        procs = group.path / "cgroup.procs"
        script = f"sleep 0.5; echo $$ > {procs}; sleep 1.5; exec {HOG[0]} -c '{HOG[2]}'"
        result = support.record(out, "sh", "-c", script)
    assert result.returncode == 137
    summary = support.report(out)
    assert summary["cgroup"]["path"] == "/" + group.path.name
    assert summary["cgroup"]["memory_max_bytes"] == MEMORY_LIMIT
    assert summary["exit"]["reason"] == "cgroup_oom"
    names = [row["name"] for row in support.export(out, "machine") if row["kind"] == "cgroup"]
    assert names[-1] == "/" + group.path.name and names[0] != names[-1]


def test_throttling_and_granted_cores(tmp_path):
    out = tmp_path / "run.tacho"
    with Group("cpu", {1: {"cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "100000"},
                       2: {"cpu.max": "20000 100000"}}) as group:
        support.record(out, "timeout", "1.5", "sh", "-c", SPIN, preexec_fn=group.enter)
    summary = support.report(out)
    cgroup = summary["cgroup"]
    assert cgroup["cpu_max"] == pytest.approx(0.2)
    assert cgroup["granted_cores"] == pytest.approx(0.2)
    assert 0 < cgroup["throttled_periods"] <= cgroup["periods"]
    assert cgroup["throttled_s"] > 0
    assert any("limit of 0.20 cores held the job back in" in f["text"] for f in summary["findings"])
    text = support.run("report", out, env={**os.environ, "COLUMNS": "200"}).stdout
    assert " of 0.20 granted cores on average" in text
    assert "by the limit of 0.20 cores, in " in text


def limited(which, amount):
    return lambda: resource.setrlimit(which, (amount, amount))


def test_a_limit_of_cpu_time_kills(tmp_path):
    out = tmp_path / "run.tacho"
    result = support.record(out, "sh", "-c", SPIN, preexec_fn=limited(resource.RLIMIT_CPU, 1))
    assert result.returncode == 137  # both limits are the same: the kernel does not warn
    assert support.report(out)["exit"]["reason"] == "cpu_limit"
    assert "at its limit of CPU time (1 s)," in " ".join(support.run("report", out).stdout.split())


def test_a_soft_limit_of_cpu_time_warns_by_a_signal_of_its_own(tmp_path):
    out = tmp_path / "run.tacho"
    result = support.record(out, "sh", "-c", f"ulimit -S -t 1; {SPIN}")
    assert result.returncode == 128 + signal.SIGXCPU
    assert support.report(out)["exit"]["reason"] == "cpu_limit"


def test_a_limit_of_file_size_kills(tmp_path):
    out = tmp_path / "run.tacho"
    script = f"ulimit -f 1; exec /usr/bin/head -c 100000 /dev/zero > {tmp_path}/large"
    result = support.record(out, "sh", "-c", script)
    assert result.returncode == 128 + signal.SIGXFSZ
    assert support.report(out)["exit"]["reason"] == "file_limit"


def test_the_end_of_a_batch_job_s_time(tmp_path):
    out = tmp_path / "run.tacho"
    env = {**os.environ, "SLURM_JOB_END_TIME": str(int(time.time()))}
    assert support.record(out, "sh", "-c", "kill -TERM $$", env=env).returncode == 143
    assert support.report(out)["exit"]["reason"] == "time_limit"
    later = {**env, "SLURM_JOB_END_TIME": str(int(time.time()) + 3600)}
    out = tmp_path / "other.tacho"
    assert support.record(out, "sh", "-c", "kill -TERM $$", env=later).returncode == 143
    assert support.report(out)["exit"]["reason"] == "signal"


def test_ordinary_ends(tmp_path):
    for status, reason in ((0, "success"), (3, "error"), (200, "error")):
        out = tmp_path / f"{status}.tacho"
        assert support.record(out, "sh", "-c", f"exit {status}").returncode == status
        ending = support.report(out)["exit"]
        assert ending == {"code": status, "signal": None, "reason": reason, "killed": None}


def test_the_page_has_the_limit(tmp_path):
    out, page = tmp_path / "run.tacho", tmp_path / "page.html"
    with memory_group() as group:
        support.record(out, "true", preexec_fn=group.enter)
    assert support.run("report", out, "--html", page).returncode == 0
    assert "memory granted to its control group" in page.read_text()


def test_attached(tmp_path):
    out = tmp_path / "run.tacho"
    with memory_group() as group:
        job = subprocess.Popen(("sleep", "60"), preexec_fn=group.enter)
        try:
            assert support.run("record", "-o", out, "-d", "0.3", "-p", job.pid).returncode == 0
        finally:
            job.kill()
            job.wait()
    cgroup = support.report(out)["cgroup"]
    assert cgroup["path"] == "/" + group.path.name
    assert cgroup["memory_max_bytes"] == MEMORY_LIMIT
