"""Ranks of a parallel job: each is recorded on its own, and they are reported side by side."""

import json
import os
import re
import shutil
import subprocess

import pytest
from support import BURNER, MARKER, TACHO, info, report, run

LAUNCHERS = ("OMPI_", "PMI", "MPI_", "PALS_", "JSM_", "FLUX_", "SLURM_", "LSB_", "PBS_")
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith(("TACHO", *LAUNCHERS))}


def environment(rank, size, **more):
    """As Open MPI makes it."""
    own = {"OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_SIZE": size,
           "OMPI_COMM_WORLD_LOCAL_RANK": rank, "OMPI_COMM_WORLD_LOCAL_SIZE": size,
           "PMIX_NAMESPACE": "17@job/1"}
    return {**PLAIN, **{k: str(v) for k, v in {**own, **more}.items()}}


def launch(directory, commands, size=None):
    """Ranks that record themselves at the same time; the pids in their order."""
    jobs = [subprocess.Popen([MARKER, *map(str, command)],
                             env=environment(rank, size or len(commands), TACHO=f"{directory}/"))
            for rank, command in enumerate(commands)]
    assert [job.wait(60) for job in jobs] == [0] * len(jobs)
    return [job.pid for job in jobs]


def facts(path):
    return {f["key"]: f.get("text", f.get("number")) for f in info(path)["facts"]}


# ---- each ----

def test_each_names_its_file_and_says_who_it_is(tmp_path):
    pids = launch(tmp_path, [("loop", "step", 10)] * 3, size=12)
    host = os.uname().nodename.split(".")[0]
    names = sorted(path.name for path in tmp_path.iterdir())
    for rank, (pid, name) in enumerate(zip(pids, names)):
        assert re.fullmatch(rf"tacho-marker-\d+T\d+-17_job_1-{re.escape(host)}-r0{rank}-{pid}\.tacho",
                            name)
        own = facts(tmp_path / name)
        assert own["rank"] == rank and own["rank_size"] == 12 and own["rank_local"] == rank
        assert own["rank_local_size"] == 12
        assert own["job"] == "17@job/1" and own["launcher"] == "openmpi"


def test_a_rank_that_tacho_records(tmp_path):
    result = subprocess.run([TACHO, "record", "-q", "true"], cwd=tmp_path, timeout=60,
                            env=environment(1, 2), check=False)
    assert result.returncode == 0
    (path,) = tmp_path.glob("tacho-true-*-17_job_1-*-r1-*.tacho")
    assert facts(path)["rank"] == 1


def test_no_rank_where_nobody_says_so(tmp_path):
    result = subprocess.run([TACHO, "record", "-q", "true"], cwd=tmp_path, timeout=60, env=PLAIN,
                            check=False)
    assert result.returncode == 0
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"tacho-true-\d+T\d+-\d+\.tacho", path.name)
    assert not {"rank", "rank_size", "job", "launcher"} & facts(path).keys()


def test_a_program_that_knows_its_rank_where_no_launcher_tells(tmp_path):
    for directory, env in (("told", environment(2, 4)), ("untold", {**PLAIN, "SLURM_JOB_ID": "12"})):
        (tmp_path / directory).mkdir()
        subprocess.run([MARKER, "ranked"], cwd=tmp_path / directory, env=env, timeout=60, check=True)
    assert [facts(path)["rank"] for path in (tmp_path / "told").iterdir()] == [2, 2]
    (ranked,) = (tmp_path / "untold").glob("tacho-marker-*-12-*-r07-*.tacho")
    assert "rank" not in facts(tmp_path / "untold" / "older.tacho")
    assert report(ranked)["ranks"] == [{"rank": 7, "size": 12, "local_rank": None, "local_size": None,
                                        "job": "12", "launcher": None}]
    assert together(ranked, ranked)["together"]["size"] == 12


def test_who_attaches_is_no_rank(tmp_path):
    path = tmp_path / "a.tacho"
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        subprocess.run([TACHO, "record", "-q", "-o", path, "-d", "0.2", "-p", str(sleeper.pid)],
                       timeout=60, env=environment(1, 2), check=True)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert "rank" not in facts(path)


# ---- side by side ----

def together(*arguments, status=0):
    result = run("report", "--json", *arguments)
    assert result.returncode == status, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """Four ranks, each with 1,000 scopes more than the one before; the last has another, too."""
    path = tmp_path_factory.mktemp("four")
    launch(path, [("loop", "step", 1000), ("loop", "step", 2000), ("loop", "step", 3000),
                  ("end", "return")])
    return path


def test_a_directory_is_reported_side_by_side(four):
    whole = together(four)
    assert whole["schema"] == "tacho.together/1"
    assert [rank["rank"] for rank in whole["ranks"]] == [0, 1, 2, 3]
    assert [rank["size"] for rank in whole["ranks"]] == [4] * 4
    assert [rank["calls"] for rank in whole["ranks"]] == [1000, 2000, 3000, 101]
    for rank in whole["ranks"]:
        summary = whole["recordings"][rank["recording"]]
        assert summary == report(rank["path"])
        assert summary["wall_s"] == rank["wall_s"] and summary["cpu"]["total_s"] == rank["cpu_s"]
        assert summary["ranks"] == [{"rank": rank["rank"], "size": 4, "local_rank": rank["rank"],
                                     "local_size": 4, "job": "17@job/1", "launcher": "openmpi"}]
        assert summary["category_processes"][0]["pid"] == rank["pid"]
        # To the nanosecond, which a double need not hold.
        assert sum(round(part["total_s"] * 1e9) for part in rank["categories"]) == round(
            summary["category_processes"][0]["wall_s"] * 1e9)


def test_what_all_ranks_come_to(four):
    whole = together(four)
    ranks, sums = whole["ranks"], whole["together"]
    assert (sums["recordings"], sums["ranks"], sums["size"], sums["missing"]) == (4, 4, 4, 0)
    assert sums["jobs"] == sums["hosts"] == 1
    assert sums["cpu_s"] == pytest.approx(sum(rank["cpu_s"] for rank in ranks))
    assert sums["wall_s"] >= max(rank["wall_s"] for rank in ranks)
    peaks = [rank["peak_rss_bytes"] for rank in ranks]
    assert max(peaks) <= sums["peak_rss_bytes"] <= sum(peaks)
    (step,) = [s for s in sums["imbalance"]["scopes"] if s["name"] == "step"]
    assert step["count"] == 6000 and step["category"] == "Core"
    assert step["calls"] == {"min": 0, "mean": 1500, "max": 3000, "imbalance": 2, "most": 2,
                             "of": 4}
    times = [next(p["total_s"] for p in rank["categories"] if p["name"] == "Core")
             for rank in ranks]
    core = sums["imbalance"]["categories"][0]
    assert core["name"] == "Core" and core["total_s"] == pytest.approx(sum(times))
    assert core["time_s"]["imbalance"] == pytest.approx(4 * max(times) / sum(times), abs=1e-3)
    assert sums["imbalance"]["categories"][-1]["name"] == "Others"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_in_words(four, width):
    text = run("report", four, "--width", width, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    assert all(len(line) <= width for line in text.splitlines())
    assert text.startswith("4 recordings of 4 r")
    if width >= 80:
        assert "\nTime per category and rank\n" in text and "Others" in text
        assert "\n  max/mean" in text and "\nScopes over all ranks\n" in text
        assert "of all at one time" in text or "alone, more than was sampled" in text


def test_peaks_that_are_at_one_time_and_that_are_not(tmp_path):
    """Two that hold 60 MB each come to 120 where they do so at one time, and else to 60."""
    def held(directory, number):
        # The recorder, which samples it, and a job that says when it holds its memory.
        ready, name = directory / f"ready{number}", directory / f"{number}.tacho"
        job = ("import sys, time; x = b'x' * 60000000; open(sys.argv[1], 'w').close(); "
               "time.sleep(0.7)")
        return ready, subprocess.Popen([TACHO, "record", "-q", "-o", name, "/usr/bin/python3", "-c",
                                        job, str(ready)], env=environment(number, 2))

    for at_once in (True, False):
        directory = tmp_path / str(at_once)
        directory.mkdir()
        jobs = []
        for number in range(2):
            jobs.append(held(directory, number))
            if not at_once:
                jobs[-1][1].wait(60)
        for ready, job in jobs:
            assert job.wait(60) == 0 and ready.exists()
        sums = together(directory)["together"]
        assert (sums["peak_rss_bytes"] > 115e6) == at_once, sums
        assert sums["peak_rss_is"] == ("sampled_sum" if at_once else sums["peak_rss_is"])


def test_ranks_of_several_hosts(tmp_path):
    """Hosts are names alone here; they write into one directory."""
    for rank in range(2):
        result = subprocess.run(["unshare", "-u", "sh", "-c",
                                 f"hostname node{rank}.site && {MARKER} loop step 9"], timeout=60,
                                env=environment(rank, 2, TACHO=f"{tmp_path}/"), check=False)
        if result.returncode != 0:
            pytest.skip("no UTS namespace of one's own here")
    assert len(list(tmp_path.glob("*-node0-r0-*"))) == len(list(tmp_path.glob("*-node1-r1-*"))) == 1
    whole = together(tmp_path)
    assert [rank["host"] for rank in whole["ranks"]] == ["node0.site", "node1.site"]
    assert whole["together"]["hosts"] == whole["together"]["peak_of"] == 2
    text = run("report", tmp_path).stdout
    assert "on 2 hosts" in text
    if whole["together"]["peak_rss_is"] == "sampled_sum":
        assert "by their own clocks" in text


def test_missing_ranks_are_told(four, tmp_path):
    for path in four.iterdir():
        if "-r2-" not in path.name:
            shutil.copy(path, tmp_path)
    sums = together(tmp_path)["together"]
    assert sums["missing"] == 1 and sums["missing_ranks"] == [2]
    assert "no recording of rank 2\n" in run("report", tmp_path).stdout


def test_what_cannot_be_read_is_told_and_the_rest_reported(four, tmp_path):
    for path in four.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "bad.tacho").write_text("no recording")
    (tmp_path / "gone.tacho").symlink_to("nowhere")
    (tmp_path / "below.tacho.old").write_text("not looked at")
    result = run("report", tmp_path)
    assert result.returncode == 1 and result.stdout.startswith("4 recordings of 4 ranks")
    assert result.stderr.count("\n") == 2
    assert len(together(tmp_path, status=1)["ranks"]) == 4


def test_where_there_is_nothing(tmp_path):
    for arguments in ((tmp_path,), ("--json", tmp_path)):
        result = run("report", *arguments)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr == (f"tacho report: {tmp_path}: no recordings (*.tacho) and no logs of other tools in "
                                 "this directory\n")


def test_recordings_that_are_of_no_rank(tmp_path):
    for name, code in (("a", 0), ("b", 7)):
        run("record", "-q", "-o", tmp_path / f"{name}.tacho", BURNER, "burn", "0.1", env=PLAIN)
        run("record", "-q", "-o", tmp_path / f"{name}2.tacho", "sh", "-c", f"exit {code}", env=PLAIN)
    whole = together(tmp_path / "a.tacho", tmp_path / "b.tacho", tmp_path / "b2.tacho")
    assert [r["rank"] for r in whole["ranks"]] == [None] * 3
    assert [r["exit"]["code"] for r in whole["ranks"]] == [0, 0, 7]
    assert whole["together"]["missing"] is None and whole["ranks"][0]["calls"] is None
    assert whole["together"]["cpu_s"] >= 0.2
    text = run("report", tmp_path / "a.tacho", tmp_path / "b2.tacho").stdout
    assert text.startswith("2 recordings\n") and "exit 7" in text and "rank" not in text


def test_forty_ranks_are_counted_where_they_are_not_shown(tmp_path):
    for first in range(0, 40, 4):
        jobs = [subprocess.Popen([MARKER, "loop", "step", "1"],
                                 env=environment(rank, 40, TACHO=f"{tmp_path}/"))
                for rank in range(first, first + 4)]
        assert [job.wait(60) for job in jobs] == [0] * 4
    text = run("report", tmp_path).stdout
    assert text.startswith("40 recordings of 40 ranks") and text.count("and 8 more") >= 2
    assert len(together(tmp_path)["ranks"]) == 40


# ---- with MPI ----

def mpirun(n, *command, **kwargs):
    """By Open MPI; the test is skipped where it is not there."""
    program = shutil.which("mpirun.openmpi")
    if program is None:
        pytest.skip("Open MPI is not installed")
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    env = {**PLAIN, **allowed, **kwargs}
    command = [program, "--oversubscribe", "--mca", "oob_tcp_if_include", "lo", "-n", str(n),
               *command]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=100)


def test_four_real_ranks_that_record_themselves(tmp_path):
    result = mpirun(4, MARKER, "loop", "step", "500", TACHO=f"{tmp_path}/")
    assert result.returncode == 0, result.stderr
    whole = together(tmp_path)
    assert [rank["rank"] for rank in whole["ranks"]] == [0, 1, 2, 3]
    assert {rank["job"] for rank in whole["ranks"]} != {None} and whole["together"]["jobs"] == 1
    assert [rank["calls"] for rank in whole["ranks"]] == [500] * 4


def test_four_real_ranks_each_under_a_recorder(tmp_path):
    result = mpirun(4, "sh", "-c", f"cd {tmp_path} && exec {TACHO} record -q {MARKER} loop step 500")
    assert result.returncode == 0, result.stderr
    whole = together(tmp_path)
    assert [(rank["rank"], rank["exit"]["code"]) for rank in whole["ranks"]] == [
        (rank, 0) for rank in range(4)]
    assert whole["together"]["missing"] == 0
    assert [rank["calls"] for rank in whole["ranks"]] == [500] * 4
