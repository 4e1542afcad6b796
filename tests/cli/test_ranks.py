"""Ranks of a parallel job: each is recorded on its own, and they are reported side by side."""

import os
import re
import subprocess

from support import MARKER, TACHO, info

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
