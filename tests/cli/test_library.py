"""The installed reader library: its example builds against it and reads; nothing else is exported."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, export, record

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent


def test_exports_are_the_headers_functions():
    declared = set(re.findall(r"\b(tacho_\w+)\(", "".join(
        part.split(";")[0] for part in
        (ROOT / "include/tacho/recording.h").read_text().split("TACHO_READ_API")[2:])))
    symbols = subprocess.run(["nm", "-D", "--defined-only", BUILD / "libtacho-read.so"], check=True,
                             capture_output=True, text=True).stdout
    exported = {line.split()[2].split("@")[0] for line in symbols.splitlines()}
    assert len(declared) > 20 and exported == declared


@pytest.mark.skipif(SANITIZED, reason="the example would need the sanitizer's runtime first")
def test_example_reads_a_recording(tmp_path):
    path, program = tmp_path / "run.tacho", tmp_path / "processes"
    record(path, "sh", "-c", "sleep 0.3; exit 0")
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic",
                    f"-I{ROOT}/include", "-o", program, ROOT / "examples/processes.c",
                    f"-L{BUILD}", "-ltacho-read", f"-Wl,-rpath,{BUILD}"], check=True)
    listed = subprocess.run([program, path], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    assert [int(row[0]) for row in rows] == [p["pid"] for p in export(path, "processes")]
    assert subprocess.run([program, os.devnull], capture_output=True).returncode == 1


@pytest.mark.parametrize("compiler, standard", [("cc", "c99"), ("cc", "c11"), ("cc", "c17"),
                                                ("c++", "c++11"), ("c++", "c++20")])
def test_header_compiles_everywhere(tmp_path, compiler, standard):
    source = tmp_path / ("a.c" if compiler == "cc" else "a.cc")
    source.write_text("#include <tacho/recording.h>\nint main(void) { return 0; }\n")
    subprocess.run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic",
                    f"-I{ROOT}/include", "-fsyntax-only", source], check=True)
