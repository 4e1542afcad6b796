"""Ranks of a parallel job in Python, with real ones of Open MPI and mpi4py where they are installed."""

import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from marked import JOBS, PLAIN, ROOT, TACHO, python, read, table
from tacho import _recording

RANKS = ROOT / "examples" / "ranks.py"
ENVIRONMENT = {**{k: v for k, v in PLAIN.items()
                  if not k.startswith(("OMPI_", "PMI", "MPI_", "SLURM_"))},
               "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "OPENBLAS_NUM_THREADS": "1"}


def mpirun(size, *program, **env):
    """By Open MPI; the test is skipped where it or mpi4py is not there."""
    command = shutil.which("mpirun.openmpi")
    if command is None:
        pytest.skip("Open MPI is not installed")
    for module in ("mpi4py", "numpy"):
        pytest.importorskip(module)
    result = subprocess.run([command, "--oversubscribe", "--mca", "oob_tcp_if_include", "lo", "--mca",
                             "btl", "self,vader", "-n", str(size), *map(str, program)],
                            env={**ENVIRONMENT, **env}, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    return result.stdout


def together(directory):
    whole = json.loads(read(directory, "report", "--json"))
    assert whole["schema"] == "tacho.together/1"
    return whole


# ---- by the launcher ----

@pytest.fixture(scope="module")
def four(tmp_path_factory):
    directory = tmp_path_factory.mktemp("four")
    out = mpirun(4, sys.executable, RANKS, 20, TACHO=f"{directory}/")
    assert out == "4 ranks, 5 steps\n"
    return directory


def test_four_ranks_that_record_themselves(four):
    names = sorted(path.name for path in four.iterdir())
    for rank, name in enumerate(names):
        assert re.fullmatch(rf"tacho-ranks-\d+T\d+-.+-r{rank}-\d+\.tacho", name)
    whole = together(four)
    assert [rank["rank"] for rank in whole["ranks"]] == [0, 1, 2, 3]
    assert {rank["size"] for rank in whole["ranks"]} == {4}
    assert whole["together"]["missing"] == 0 and whole["together"]["jobs"] == 1
    for rank in whole["ranks"]:
        times = {part["name"]: part["total_s"] for part in rank["categories"]}
        assert list(times)[-1] == "Others"
        assert times.keys() == {"Computation", "Communication", "I/O", "Others"}
        assert all(seconds > 0 for seconds in times.values())
        (process,) = whole["recordings"][rank["recording"]]["category_processes"]
        assert sum(times.values()) == pytest.approx(process["wall_s"])
        assert rank["calls"] == 20


def test_their_imbalance(four):
    """Rank 3 computes four times what rank 0 does. Turns at a processor blur that in time, so little is
    asked of it; how many scopes there are is exact."""
    found = together(four)["together"]["imbalance"]
    categories = {category["name"]: category["time_s"] for category in found["categories"]}
    assert categories["Computation"]["imbalance"] > 1
    assert categories["Communication"]["imbalance"] > 1
    scopes = {scope["name"]: scope["calls"] for scope in found["scopes"]}
    assert scopes["solve"]["max"] == scopes["solve"]["min"] == 5


def test_in_words(four):
    text = read(four)
    assert text.startswith("4 recordings of 4 ranks of job ")
    after = text[text.index("\nTime per category and rank\n"):]
    head = after.splitlines()[2].split()
    assert set(head) >= {"rank", "Computation", "Communication", "I/O", "Others", "wall"}
    assert len(re.findall(r"^ +[0-3] +\d", after, re.MULTILINE)) == 4


def test_what_each_step_marked(four):
    for path in four.iterdir():
        values = [row["value"] for row in table(path, "counters") if row["name"] == "norm"]
        assert len(values) == 5 and all(value > 0 for value in values)


def test_each_under_a_recorder(tmp_path):
    mpirun(2, "sh", "-c", f"cd {tmp_path} && exec {TACHO} record -q {sys.executable} {RANKS} 2")
    whole = together(tmp_path)
    assert [(rank["rank"], rank["size"], rank["calls"], rank["exit"]["code"])
            for rank in whole["ranks"]] == [(0, 2, 20, 0), (1, 2, 20, 0)]


# ---- by MPI ----

@pytest.mark.parametrize("way", ["start", "environment"])
def test_where_the_launcher_does_not_tell(tmp_path, way):
    mpirun(2, sys.executable, JOBS / "ranked.py", tmp_path, way)
    for rank in range(2):
        assert len(list(tmp_path.glob(f"tacho-ranked-*-r{rank}-*.tacho"))) == 1
    whole = together(tmp_path)
    assert [(rank["rank"], rank["size"]) for rank in whole["ranks"]] == [(0, 2), (1, 2)]
    assert whole["together"]["missing"] == 0
    summaries = [whole["recordings"][rank["recording"]] for rank in whole["ranks"]]
    assert [summary["ranks"][0]["launcher"] for summary in summaries] == [None, None]


def module(initialized=True, finalized=False, rank=1, size=2):
    """What mpi4py.MPI has of it."""
    world = SimpleNamespace(Get_rank=lambda: rank, Get_size=lambda: size)
    return SimpleNamespace(Is_initialized=lambda: initialized, Is_finalized=lambda: finalized,
                           COMM_WORLD=world)


@pytest.mark.parametrize("mpi, rank", [
    (module(), (1, 2)), (module(initialized=False), (0, 0)), (module(finalized=True), (0, 0)),
    (module(rank=0, size=1), (0, 0)), (SimpleNamespace(), (0, 0)), (None, (0, 0)),
    (module(rank=2, size=2), (0, 0)), (module(rank=-1), (0, 0)), (module(rank="1"), (0, 0))])
def test_what_is_asked_of_mpi(monkeypatch, mpi, rank):
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)
    assert _recording._rank() == rank


def test_mpi_is_not_imported_for_it(tmp_path):
    out = python("-c", f"import sys, tacho; tacho.start({str(tmp_path)!r}); tacho.stop(); "
                       "print([name for name in sys.modules if 'mpi' in name.lower()])").stdout
    assert out == "[]\n"
