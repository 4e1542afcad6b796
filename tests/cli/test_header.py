"""<tacho/tacho.h> compiles without a warning wherever programs include it, and its macros do what they say."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, export, record, report

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent
SOURCE = ROOT / "tests/cli/jobs/every_mark.c"
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror"]
C = {"c99", "c11", "c17", "gnu17"}
CXX = {"c++11", "c++14", "c++17", "c++20"}


def compile_marks(compiler, standard, *options):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    language = "c++" if standard in CXX else "c"
    result = subprocess.run([compiler, "-x", language, f"-std={standard}", *WARNINGS,
                             f"-I{ROOT}/include", SOURCE, "-x", "none", *options],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("compiler, standard", [
    *[(compiler, standard) for compiler in ("gcc", "clang") for standard in sorted(C)],
    *[(compiler, standard) for compiler in ("g++", "clang++") for standard in sorted(CXX)],
])
def test_compiles_everywhere(compiler, standard, tmp_path):
    compile_marks(compiler, standard, "-O2", "-c", "-o", tmp_path / "out.o")


def test_nothing_of_the_header_is_left_out():
    header = (ROOT / "include/tacho/tacho.h").read_text()
    macros = set(re.findall(r"#define (TACHO_\w*[A-Z])\(", header))
    assert len(macros) >= 5
    assert not {name for name in macros if name + "(" not in SOURCE.read_text()}


@pytest.mark.skipif(SANITIZED, reason="the program would need the sanitizer's runtime first")
@pytest.mark.parametrize("compiler, standard", [("gcc", "c99"), ("clang", "c17"), ("g++", "c++11"),
                                                ("clang++", "c++20")])
def test_marks_are_recorded_as_they_say(compiler, standard, tmp_path):
    program, path = tmp_path / "every_mark", tmp_path / "run.tacho"
    compile_marks(compiler, standard, "-o", program, f"-L{BUILD}", "-ltacho", f"-Wl,-rpath,{BUILD}")
    assert subprocess.run([program]).returncode == 0  # nobody listens: no value is evaluated
    result = record(path, program)
    assert result.returncode == 0, result.stderr
    summary = report(path)
    assert {(s["name"], s["category"]): s["count"] for s in summary["scopes"]} == {
        ("plain", ""): 1, ("with a category", "I/O"): 1, ("in a loop", ""): 3, ("its CPU", ""): 3,
        ("its CPU, with a category", "Core computation"): 3, ("whole_function", ""): 2,
        ("whole_function_of_a_kind", "Core computation"): 2, ("begun", "I/O"): 1,
        ("begun", ""): 1, ("by hand", "I/O"): 2,
    }
    assert [label["text"] for label in summary["labels"]] == ["no values", "-1 and text", "3 of 3"]
    counters = Counter((row["name"], row["value"]) for row in export(path, "counters"))
    assert counters == Counter([("residual", 0.5), ("steps", -1.0), ("steps", 3.0), ("by hand", 1.5)])
