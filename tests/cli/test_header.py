"""<tacho/tacho.h> and <tacho/tacho.hpp> compile without a warning wherever programs include them, and what
they have does what they say."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, export, record, report, run

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent
MARKS = ROOT / "tests/cli/jobs/every_mark.c"
SCOPES = ROOT / "tests/cli/jobs/every_scope.cpp"
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion", "-Werror"]
C = {"c99", "c11", "c17", "gnu17"}
CXX = {"c++11", "c++14", "c++17", "c++20"}


def build(source, compiler, standard, *options):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    language = "c++" if standard in CXX else "c"
    result = subprocess.run([compiler, "-x", language, f"-std={standard}", *WARNINGS,
                             f"-I{ROOT}/include", source, "-x", "none", *options],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def linked(program):
    return ("-o", program, f"-L{BUILD}", "-ltacho", f"-Wl,-rpath,{BUILD}")


AS_C = [(compiler, standard) for compiler in ("gcc", "clang") for standard in sorted(C)]
AS_CXX = [(compiler, standard) for compiler in ("g++", "clang++") for standard in sorted(CXX)]
plain = pytest.mark.skipif(SANITIZED, reason="programs would need the sanitizer's runtime first")


@pytest.mark.parametrize("compiler, standard", [*AS_C, *AS_CXX])
def test_compiles_everywhere(compiler, standard, tmp_path):
    build(MARKS, compiler, standard, "-O2", "-c", "-o", tmp_path / "out.o")


@pytest.mark.parametrize("compiler, standard", AS_CXX)
def test_scope_objects_compile_everywhere(compiler, standard, tmp_path):
    build(SCOPES, compiler, standard, "-O2", "-c", "-o", tmp_path / "out.o")


def test_nothing_of_the_header_is_left_out():
    header = (ROOT / "include/tacho/tacho.h").read_text()
    macros = set(re.findall(r"#define (TACHO_\w*[A-Z])\(", header))
    assert len(macros) >= 5
    assert not {name for name in macros if name + "(" not in MARKS.read_text()}


@plain
@pytest.mark.parametrize("compiler, standard", [("gcc", "c99"), ("clang", "c17"), ("g++", "c++11"),
                                                ("clang++", "c++20")])
def test_marks_are_recorded_as_they_say(compiler, standard, tmp_path):
    program, path = tmp_path / "every_mark", tmp_path / "run.tacho"
    build(MARKS, compiler, standard, *linked(program))
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
    assert [label["text"] for label in summary["labels"]] == ["no values", "-1 and text", "3 of 3",
                                                           "100 %s of a"]
    counters = Counter((row["name"], row["value"]) for row in export(path, "counters"))
    assert counters == Counter([("residual", 0.5), ("steps", -1.0), ("steps", 3.0), ("by hand", 1.5)])


@plain
@pytest.mark.parametrize("compiler, standard", [("g++", "c++11"), ("clang++", "c++20")])
def test_scope_objects_end_with_their_blocks(compiler, standard, tmp_path):
    program, path = tmp_path / "every_scope", tmp_path / "run.tacho"
    build(SCOPES, compiler, standard, *linked(program))
    assert subprocess.run([program]).returncode == 0
    result = record(path, program)
    assert result.returncode == 0, result.stderr
    summary, rows = report(path), export(path, "scopes")
    assert "did not match" not in run("report", path).stdout
    assert all(row["end_seen"] and row["thread"] == "main" for row in rows)
    found = {(row["name"], row["category"], row["depth"]) for row in rows}
    assert {("step 0", "Core computation", 0), ("step 1", "Core computation", 0)} <= found
    # An exception ends those that it leaves, and no other.
    assert {("deep", "Recursion", 10), ("catches", "", 1), ("tries", "", 0)} <= found
    assert {("of strings", "I/O", 0), ("literal", "", 5), ("second", "", 0), ("moved", "", 0),
            ("moved, with CPU", "", 1), ("after", "", 0)} <= found
    assert [label["text"] for label in summary["labels"]] == ["100 %s of it", "and more"]
    assert [(row["name"], row["value"]) for row in export(path, "counters")] == [("residual", 0.5),
                                                                                ("steps", 2.0)]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ here")
def test_a_scope_without_a_name_is_warned_of(tmp_path):
    source = tmp_path / "nameless.cpp"
    source.write_text('#include <tacho/tacho.hpp>\nint main() { tacho::scope{"nameless"}; }\n')
    result = subprocess.run(["g++", "-std=c++17", f"-I{ROOT}/include", "-fsyntax-only", source],
                            capture_output=True, text=True)
    assert "nodiscard" in result.stderr


@plain
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ here")
def test_a_recording_object(tmp_path):
    program, path = tmp_path / "every_scope", tmp_path / "own.tacho"
    build(SCOPES, "g++", "c++17", *linked(program))
    assert subprocess.run([program, path]).returncode == 0
    assert [s["name"] for s in report(path)["scopes"]] == ["in its own recording"]
    before = path.read_bytes()
    assert subprocess.run([program, path]).returncode == 1  # it exists
    assert path.read_bytes() == before
