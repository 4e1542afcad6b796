"""tacho doctor: what it says of mechanisms is what recording with them shows."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import LOCKED, LOCKED_DOWN, TACHO, run

MECHANISMS = {"bpf", "connector+taskstats", "connector", "perf", "poll", "ptrace"}


def doctor(*prefix):
    result = subprocess.run([*prefix, TACHO, "doctor", "--json"], capture_output=True, text=True,
                            timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def by_name(findings):
    return {finding["name"]: finding for finding in findings}


@pytest.fixture(scope="module")
def here():
    return doctor()


def test_the_schema(here):
    assert list(here) == ["schema", "version", "kernel", "processors", "build", "follow", "read",
                          "report", "limits"]
    assert here["schema"] == "tacho.doctor/1"
    assert here["kernel"] == os.uname().release
    assert here["processors"] == os.cpu_count()
    for part in ("build", "follow", "read", "report", "limits"):
        for finding in here[part]:
            assert isinstance(finding["works"], bool)
            assert finding["works"] or finding["reason"], finding
    assert set(by_name(here["follow"])) <= MECHANISMS
    assert by_name(here["follow"])["poll"]["works"]


def test_gnuplot(here):
    assert by_name(here["report"])["gnuplot"]["works"] == bool(shutil.which("gnuplot"))
    without = subprocess.run([TACHO, "doctor", "--json"], capture_output=True, text=True,
                             timeout=120, env={**os.environ, "PATH": "/nonexistent"})
    finding = by_name(json.loads(without.stdout)["report"])["gnuplot"]
    assert not finding["works"] and "apt-get install gnuplot-nox" in finding["reason"]


def test_what_works_records_and_what_does_not_says_why(here, tmp_path):
    for name, finding in by_name(here["follow"]).items():
        path = tmp_path / f"{name}.tacho"
        result = run("record", "-q", "-o", path, "--follow", name, "--", "/bin/true")
        if finding["works"]:
            assert (result.returncode, result.stderr) == (0, ""), name
            assert run("info", "--json", path).returncode == 0
        else:
            assert result.returncode == 1, name
            assert finding["reason"] in result.stderr
            assert len(result.stderr.splitlines()) == 1


def test_auto_takes_the_first_that_works(here, tmp_path):
    path = tmp_path / "auto.tacho"
    assert run("record", "-q", "-o", path, "--", "/bin/true").returncode == 0
    first = next(f["name"] for f in here["follow"] if f["works"] and f["automatic"])
    assert json.loads(run("report", "--json", path).stdout)["completeness"]["follow"] == first


def test_another_user_is_told_what_is_missing(here):
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    if not os.access(TACHO, os.X_OK) or any(p.stat().st_mode & 1 == 0 for p in
                                            Path(TACHO).parents):
        pytest.skip("another user cannot reach the program")
    found = doctor("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    follow = by_name(found["follow"])
    if "bpf" in follow:
        assert not follow["bpf"]["works"]
        assert "CAP_BPF" in follow["bpf"]["reason"]
    assert follow["poll"]["works"]
    assert not by_name(found["read"])["others"]["works"]


def test_a_locked_container_leaves_polling(here):
    if not Path(LOCKED).exists():
        pytest.skip("no launcher that forbids what following needs")
    follow = by_name(doctor(*LOCKED_DOWN)["follow"])
    for name, finding in follow.items():
        if name in ("poll", "ptrace"):
            continue
        assert not finding["works"], name
        assert finding["reason"], name
    assert follow["poll"]["works"]


def test_people_get_the_same(here):
    result = run("doctor", env={**os.environ, "COLUMNS": "200", "LC_ALL": "C"})
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    for finding in here["follow"]:
        line = next(line for line in result.stdout.splitlines()
                    if line[6:].split(" ")[0] == finding["name"])
        assert line.startswith("  yes " if finding["works"] else "  no  ")
    narrow = run("doctor", env={**os.environ, "COLUMNS": "40", "LC_ALL": "C"}).stdout
    assert max(map(len, narrow.splitlines())) <= 40


def test_usage():
    assert run("doctor", "--help").returncode == 0
    for wrong in (["--nonsense"], ["something"]):
        result = run("doctor", *wrong)
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 1
