"""The examples of programs that mark: they build as they say, run, and their reports tell what they did."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, export, record, report

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent
LINK = (f"-L{BUILD}", "-ltacho", f"-Wl,-rpath,{BUILD}")
WARNINGS = ("-Wall", "-Wextra", "-Werror")

pytestmark = pytest.mark.skipif(SANITIZED, reason="programs would need the sanitizer's runtime first")


def build_and_record(directory, compiler, sources, *arguments, options=()):
    """The summary of a run in `directory`, and where the recording is."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    command = [compiler, *WARNINGS, "-O2", *options, f"-I{ROOT}/include", "-o", directory / "example",
               *[ROOT / source for source in sources], *LINK, "-lm"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=directory)
    assert result.returncode == 0, result.stderr
    path = directory / "run.tacho"
    result = record(path, directory / "example", *arguments, cwd=directory)
    assert result.returncode == 0, result.stderr
    summary = report(path)
    # The categories and what is in none are the time of the one process, which the run outlives a little.
    categories_s = sum(category["total_s"] for category in summary["categories"])
    assert 0.5 * summary["wall_s"] < categories_s <= 1.001 * summary["wall_s"]
    return summary, path


def scopes_of(summary):
    return {scope["name"]: (scope["category"], scope["count"]) for scope in summary["scopes"]}


def kinds(summary):
    return {category["name"] for category in summary["categories"] if category["total_s"] > 0}


def test_c(tmp_path):
    summary, path = build_and_record(tmp_path, "gcc", ["examples/heat.c"], 100, 50, "plate.dat",
                                     options=["-std=c99", "-pedantic"])
    assert scopes_of(summary) == {"make": ("Setup", 1), "run": ("", 1), "save": ("I/O", 5),
                                  "diffuse": ("Core computation", 50)}
    assert {"Setup", "I/O", "Core computation"} <= kinds(summary)
    assert [label["text"] for label in summary["labels"]] == ["saved 10000 cells to plate.dat"] * 5
    changes = [row["value"] for row in export(path, "counters")]
    assert len(changes) == 50 and changes == sorted(changes, reverse=True)
    assert (tmp_path / "plate.dat").stat().st_size == 10000 * 8


def test_cxx(tmp_path):
    summary, path = build_and_record(tmp_path, "g++", ["examples/words.cpp"], 3, "text",
                                     options=["-std=c++11", "-pedantic", "-pthread"])
    core = "Core computation"
    assert scopes_of(summary) == {
        "write text": ("I/O", 1), "read text": ("I/O", 1), "count": (core, 1), "part 1": (core, 1),
        "part 2": (core, 1), "part 3": (core, 1), "count_part": (core, 3), "merge": ("Communication", 1),
    }
    assert {"I/O", core, "Communication"} <= kinds(summary)
    assert [label["text"] for label in summary["labels"]] == ["counted 500000 words"]
    threads = {row["thread"] for row in export(path, "scopes") if row["name"] == "count_part"}
    assert threads == {"counter 1", "counter 2", "counter 3"}


def test_fortran(tmp_path):
    summary, path = build_and_record(tmp_path, "gfortran", ["fortran/tacho.f90", "examples/wave.f90"],
                                     "shapes.dat")
    assert scopes_of(summary) == {"pluck": ("Setup", 1), "advance": ("Core computation", 8000),
                                  "save shape": ("I/O", 4)}
    assert {"Setup", "I/O", "Core computation"} <= kinds(summary)
    steps = [f"shape at step {step} is written" for step in (2000, 4000, 6000, 8000)]
    assert [label["text"] for label in summary["labels"]] == steps
    assert [row["name"] for row in export(path, "counters")] == ["height"] * 4
    assert (tmp_path / "shapes.dat").stat().st_size == 4 * 20000 * 8
