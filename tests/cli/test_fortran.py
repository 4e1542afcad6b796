"""The Fortran module: its calls are recorded as they say, blanks and all."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, export, record, report, run

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="programs would need the sanitizer's runtime first"),
    pytest.mark.skipif(shutil.which("gfortran") is None, reason="no gfortran here"),
]


@pytest.fixture(scope="module", params=["f2008", "f2018", "f2018 alone"])
def recorded(request, tmp_path_factory):
    """A recording of all calls, linked shared or static, by `tacho record` or by the program itself."""
    directory = tmp_path_factory.mktemp("fortran")
    standard, *alone = request.param.split()
    link = {"f2008": [f"-L{BUILD}", "-ltacho", f"-Wl,-rpath,{BUILD}"],
            "f2018": [BUILD / "libtacho.a", "-pthread"]}[standard]
    command = ["gfortran", f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror", "-J",
               directory, "-o", directory / "every_call", ROOT / "fortran/tacho.f90",
               ROOT / "tests/cli/jobs/every_call.f90", *link]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert subprocess.run([directory / "every_call"]).returncode == 0  # nobody listens
    if alone:
        result = subprocess.run([directory / "every_call", directory / "run.tacho"],
                                capture_output=True, text=True)
    else:
        result = record(directory / "run.tacho", directory / "every_call")
    assert result.returncode == 0, result.stderr
    return directory / "run.tacho"


def test_scopes(recorded):
    assert {(s["name"], s["category"]): s["count"] for s in report(recorded)["scopes"]} == {
        ("padded with blanks", "I/O"): 1, ("in a loop", ""): 3, ("in", ""): 1,
        ("of two kinds", "Core computation"): 1, ("long" * 255 + "lon", ""): 1,
    }
    rows = export(recorded, "scopes")
    assert all(row["end_seen"] and row["thread"] == "main" for row in rows)
    assert "did not match" not in run("report", recorded).stdout


def test_labels(recorded):
    texts = [label["text"] for label in report(recorded)["labels"]]
    assert texts == ["100 %s of %d", "", "x" * 4095]


def test_counters(recorded):
    values = [(row["name"], row["value"]) for row in export(recorded, "counters")]
    assert values == [("double", 0.5), ("single", 0.25), ("integer", 7), ("long", 4294967296)]
