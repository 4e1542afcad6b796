"""What scopes are billed for: the CPU of the processes that were started inside."""

import os
from pathlib import Path

import pytest
from support import AUTOMATIC, BURNER, need, record, report

SHELLING = os.environ.get("SHELLING", str(Path(BURNER).parent / "shelling"))
EXACT = ("bpf",)  # with the kernel's account of each process


def scopes_of(path):
    return {row["name"]: row for row in report(path)["scopes"]}


@pytest.mark.parametrize("mechanism", AUTOMATIC)
def test_a_block_that_shells_out(tmp_path, mechanism):
    need(mechanism)
    path = tmp_path / "run.tacho"
    result = record(path, SHELLING, "run", f"{BURNER} burn 1; true", options=["--follow", mechanism])
    assert result.returncode == 0
    burnt, scopes = float(result.stdout), scopes_of(path)
    for name in "shell out", "all":
        row = scopes[name]
        assert row["cpu_s"] == pytest.approx(burnt, rel=0.03 if mechanism in EXACT else 0.1)
        assert 0 <= row["cpu_s"] - row["children_cpu_s"] < 0.05 * burnt
        assert row["processes"] == 2  # the shell and the burner
        assert row["children_rss_peak_bytes"] > 100000
    assert scopes["after"]["processes"] == 0
    assert scopes["after"]["cpu_s"] < 0.02


@pytest.mark.parametrize("mechanism", AUTOMATIC)
def test_many_that_no_tick_sees(tmp_path, mechanism):
    need(mechanism)
    path = tmp_path / "run.tacho"
    result = record(path, SHELLING, "run", f"{BURNER} children 60 0.01",
                    options=["--follow", mechanism])
    row = scopes_of(path)["shell out"]
    assert row["cpu_s"] == pytest.approx(float(result.stdout), rel=0.03 if mechanism in EXACT else 0.15)
    if mechanism in EXACT:
        assert row["processes"] == 62


def test_a_process_that_outlives_its_scope(tmp_path):
    need("bpf")
    path = tmp_path / "run.tacho"
    record(path, SHELLING, "leave", f"exec {BURNER} burn 0.5")
    scopes = scopes_of(path)
    assert scopes["leave"]["total_s"] < 0.2
    assert scopes["leave"]["children_cpu_s"] == pytest.approx(0.5, rel=0.05)
    assert scopes["after"]["children_cpu_s"] < 0.02


def test_the_same_scope_in_parent_and_child(tmp_path):
    need("bpf")
    path = tmp_path / "run.tacho"
    record(path, SHELLING, "fork", "0.5")
    row = scopes_of(path)["work"]
    assert row["count"] == 3
    assert row["cpu_s"] == pytest.approx(1, rel=0.05)
    assert row["children_cpu_s"] == pytest.approx(0.5, rel=0.05)
    assert row["processes"] == 1
