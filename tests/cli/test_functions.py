"""libtacho-functions: scopes of what is compiled with -finstrument-functions, named when reading."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, export, info, record, report, run

BUILD = Path(TACHO).parent
SOURCE = Path(__file__).parent / "jobs" / "functions.c"
COUNTS = {"main": 1, "work": 2, "step": 1234, "jumps": 5, "shared": 1, "hidden": 7, "fib": 177}

pytestmark = pytest.mark.skipif(SANITIZED, reason="the program would need the sanitizer's runtime")


def build(output, *args):
    subprocess.run(["cc", "-finstrument-functions", "-o", output, SOURCE, *map(str, args)],
                   check=True)
    return output


def program(directory, *args, link=("-ltacho-functions",)):
    """The job with its library, both instrumented; the program linked as said."""
    library = build(directory / "libjob.so", "-DFUNCTIONS_LIBRARY", "-shared", "-fPIC")
    return build(directory / "job", *args, library, f"-L{BUILD}", *link, "-ltacho", "-pthread",
                   f"-Wl,-rpath,{directory}:{BUILD}")


def scopes(path):
    """How often each was entered. All of them nest, whatever way they were left."""
    told, summary = run("report", path).stdout, report(path)
    assert "Scopes" in told and "did not match" not in told and "only counted" not in told
    rows = {scope["name"]: scope for scope in summary["scopes"]}
    assert len(rows) == len(summary["scopes"])
    assert rows and all(not scope["category"] for scope in rows.values())
    return {name: scope["count"] for name, scope in rows.items()}


def recorded(tmp_path, job, **kwargs):
    path = tmp_path / "run.tacho"
    result = record(path, job, **kwargs)
    assert (result.returncode, result.stdout, result.stderr) == (0, "55\n", "")
    return path


@pytest.mark.parametrize("flags", [("-O0", "-fPIE", "-pie"), ("-O0", "-fno-pie", "-no-pie"),
                                   ("-O2",), ("-O3", "-fomit-frame-pointer")],
                         ids=["pie", "no-pie", "O2", "O3"])
def test_counts_by_name(tmp_path, flags):
    assert scopes(recorded(tmp_path, program(tmp_path, *flags))) == COUNTS


def test_static_archive(tmp_path):
    job = program(tmp_path, link=("-rdynamic", "-l:libtacho-functions.a"))
    needed = subprocess.run(["readelf", "-d", job], check=True, capture_output=True).stdout
    assert b"libtacho.so" in needed and b"libtacho-functions" not in needed
    assert scopes(recorded(tmp_path, job)) == COUNTS


def test_nothing_shared(tmp_path):
    """The C library's own hooks are there, too, and come after."""
    library = build(tmp_path / "library.o", "-DFUNCTIONS_LIBRARY", "-c")
    job = build(tmp_path / "job", "-static", library, f"-L{BUILD}", "-ltacho-functions", "-ltacho",
                "-pthread")
    assert scopes(recorded(tmp_path, job)) == COUNTS


def test_preloaded(tmp_path):
    """A program that is not linked with it: the hooks are then those of libc, which do nothing."""
    job = program(tmp_path, "-Wl,--as-needed", link=())
    path = tmp_path / "run.tacho"
    assert record(path, "env", f"LD_PRELOAD={BUILD}/libtacho-functions.so", job).returncode == 0
    assert scopes(path) == COUNTS


def test_on_its_own(tmp_path):
    path = tmp_path / "own.tacho"
    subprocess.run([program(tmp_path)], check=True, env={**os.environ, "TACHO": str(path)})
    assert scopes(path) == COUNTS


def test_not_recorded(tmp_path):
    job = program(tmp_path)
    assert subprocess.run([job], check=True, capture_output=True).stdout == b"55\n"


def test_without_symbols(tmp_path):
    """Static functions of a stripped program have no names; exported ones keep theirs."""
    job = program(tmp_path, "-rdynamic")
    path = recorded(tmp_path, job)
    subprocess.run(["strip", job, tmp_path / "libjob.so"], check=True)
    counts = scopes(path)
    assert counts["main"] == counts["shared"] == 1
    places = [name for name in counts if re.fullmatch(r"job\+0x[0-9a-f]+", name)]
    assert sorted(counts[name] for name in places) == sorted(COUNTS[name] for name in ("work", "step", "jumps", "fib"))
    assert [count for name, count in counts.items() if name.startswith("libjob.so+0x")] == [7]


def test_another_build_and_no_file(tmp_path):
    job = program(tmp_path)
    path = recorded(tmp_path, job)
    build(job, "-O2", tmp_path / "libjob.so", f"-L{BUILD}", "-ltacho-functions", "-ltacho")
    (tmp_path / "libjob.so").unlink()
    counts = scopes(path)
    assert sorted(counts.values()) == sorted(COUNTS.values())
    assert all(re.fullmatch(r"(job|libjob\.so)\+0x[0-9a-f]+", name) for name in counts)


def test_no_build_id(tmp_path):
    """The file's age has to do."""
    job = program(tmp_path, "-Wl,--build-id=none")
    path = recorded(tmp_path, job)
    assert scopes(path) == COUNTS
    os.utime(job)
    assert "job+0x" in str(scopes(path)) and scopes(path)["shared"] == 1


def test_exported_by_name(tmp_path):
    path = recorded(tmp_path, program(tmp_path))
    rows = export(path, "scopes")
    assert {name: sum(row["name"] == name for row in rows) for name in COUNTS} == COUNTS
    assert len(rows) == sum(COUNTS.values())
    depth = {row["name"]: row["depth"] for row in rows if row["name"] != "fib"}
    assert depth == {"main": 0, "work": 0, "step": 1, "jumps": 1, "shared": 1, "hidden": 2}
    assert info(path)["salvage"]["undecodable_blocks"] == 0


def test_nothing_else_is_exported():
    symbols = subprocess.run(["nm", "-D", "--defined-only", BUILD / "libtacho-functions.so"],
                             check=True, capture_output=True, text=True).stdout
    assert {line.split()[2] for line in symbols.splitlines()} == {
        "__cyg_profile_func_enter", "__cyg_profile_func_exit"}
