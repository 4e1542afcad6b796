"""What tacho exports, in readers that come with npm: DuckDB, and Firefox's profiler.

They are installed once for each state of tests/readers/package.json, beside the tests' programs.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import BURNER, MARKER, export, record, run

READERS = Path(__file__).parents[1] / "readers"
DOCS = Path(__file__).parents[2] / "docs" / "EXPORT.md"
PACKAGE = ("package.json", ".npmrc")


@pytest.fixture(scope="module")
def modules():
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    target = Path(BURNER).absolute().parent / "readers"
    stamp = target / "installed"
    state = hashlib.sha256(b"".join((READERS / name).read_bytes() for name in PACKAGE)).hexdigest()
    if not stamp.exists() or stamp.read_text() != state:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in PACKAGE:
            shutil.copy(READERS / name, target)
        done = subprocess.run(["npm", "install", "--no-package-lock", "--ignore-scripts"], cwd=target, capture_output=True,
                              text=True, timeout=170)
        if done.returncode != 0:
            pytest.fail(f"npm install in {target}: {done.stderr.strip()[-500:]}", pytrace=False)
        stamp.write_text(state)
    return target / "node_modules"


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("readers") / "run.tacho"
    result = record(path, "sh", "-c", f"{MARKER} each; sleep 0.2; true", options=["-i", "0.05"])
    assert result.returncode == 0, result.stderr
    return path


def test_duckdb_makes_parquet_as_documented(recording, modules, tmp_path):
    line, = (line for line in DOCS.read_text().splitlines() if "parquet" in line and "copy" in line)
    assert run("export", recording, "-o", tmp_path / "samples.csv").returncode == 0
    asked = "select count(*), sum(rss), max(cpu), typeof(max(time)) from 'samples.parquet'"
    result = subprocess.run(["node", READERS / "duckdb.mjs", modules, line, asked], cwd=tmp_path,
                            capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    (count, rss, cpu, type_), = json.loads(result.stdout)
    rows = export(recording)
    assert int(count) == len(rows)
    assert int(rss) == sum(row["rss"] or 0 for row in rows)
    assert cpu == pytest.approx(max(row["cpu"] or 0 for row in rows))
    assert type_ == "DOUBLE"
    assert (tmp_path / "samples.parquet").read_bytes()[:4] == b"PAR1"


def test_the_firefox_profiler_loads_chrome(recording, modules, tmp_path):
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(node.strip("v\n").split(".")[0]) < 20:
        pytest.skip(f"profiler-cli was seen to work with node 20, here is {node.strip()}")
    trace = tmp_path / "run.json"
    assert run("export", recording, "--to", "chrome", "-o", trace).returncode == 0

    def profiler(*arguments):
        return subprocess.run([modules / ".bin" / "profiler-cli", *arguments], capture_output=True,
                              text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)})

    try:
        # Its daemon is given half a second to begin, which is not enough on a machine that is busy.
        for _ in range(10):
            loaded = profiler("load", trace)
            if loaded.returncode == 0:
                break
        else:
            if "did not become ready within" in loaded.stderr:
                pytest.skip("profiler-cli's daemon was too slow for it ten times")
        assert loaded.returncode == 0, loaded.stderr
        listed = profiler("thread", "list").stdout
    finally:
        profiler("stop", "--all")
    for pid in {row["pid"] for row in export(recording, "processes")}:
        assert str(pid) in listed
    assert "worker" in listed and "marker" in listed
