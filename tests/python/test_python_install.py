"""The package as people install it: by pip, without a network, and by `make install`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from marked import PLAIN, ROOT, SANITIZED, TACHO, counts, report

pytestmark = pytest.mark.skipif(SANITIZED, reason="what is installed is plain")
PIP = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-index", "--no-deps",
       "--no-warn-script-location", "--root-user-action=ignore"]
CLEAN = {k: v for k, v in PLAIN.items() if k != "PYTHONPATH"}
USE = """
import sys, tacho
assert tacho.__file__.startswith(sys.argv[2]), tacho.__file__
with tacho.recording(sys.argv[1]), tacho.scope("installed"): pass
with tacho.open(sys.argv[1]) as rec: assert len(rec.scopes("installed")) == 1
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What pip needs of the source tree, where it may write."""
    path = tmp_path_factory.mktemp("tree")
    for name in ("include", "src", "python"):
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("build", "__pycache__"))
    shutil.copy(ROOT / "meson.build", path)
    return path


def works(where, path, env=None, program=sys.executable):
    subprocess.run([program, "-c", USE, str(path), str(where)], check=True,
                   env={**CLEAN, **(env or {})}, timeout=60)
    assert counts(report(path)) == {"installed": 1}


def test_pip(tree, tmp_path):
    target = tmp_path / "target"
    subprocess.run([*PIP, "--target", target, "./python"], cwd=tree, check=True, env=CLEAN, timeout=150)
    works(target, tmp_path / "own.tacho", {"PYTHONPATH": str(target)})
    assert {path.name for path in (target / "tacho").glob("*.py*")} == {
        path.name for path in (ROOT / "python" / "tacho").glob("*.py*")}
    symbols = subprocess.run(["nm", "-D", "--defined-only", *(target / "tacho").glob("*.so")], check=True,
                             capture_output=True, text=True).stdout
    assert {line.split()[2] for line in symbols.splitlines() if " T " in line} == {
        "PyInit__marks", "PyInit__read"}


def test_pip_into_a_virtual_environment(tree, tmp_path):
    """As anybody: with the setuptools of the system."""
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip",
                    tmp_path / "venv"], check=True, env=CLEAN, timeout=60)
    program = tmp_path / "venv" / "bin" / "python"
    subprocess.run([program, *PIP[1:], "./python"], cwd=tree, check=True, env=CLEAN, timeout=150)
    works(tmp_path / "venv", tmp_path / "own.tacho", program=program)


def test_the_folder_alone_says_what_is_missing(tree, tmp_path):
    shutil.copytree(tree / "python", tmp_path / "python", ignore=shutil.ignore_patterns("build"))
    result = subprocess.run([sys.executable, "setup.py", "--version"], cwd=tmp_path / "python", env=CLEAN,
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "build from tacho's source tree" in result.stderr


def test_make_install(tmp_path):
    subprocess.run(["meson", "install", "-C", Path(TACHO).parent, "--no-rebuild", "--quiet", "--destdir",
                    tmp_path], check=True, env=CLEAN, timeout=60)
    (package,) = {path.parent for path in tmp_path.rglob("_marks.cpython-*.so")}
    assert (package / "__init__.py").exists() and (package / "py.typed").exists()
    works(tmp_path, tmp_path / "own.tacho", {"PYTHONPATH": str(package.parent)})
    # Where the interpreter looks for it without being told.
    installed = os.path.join("/", package.parent.relative_to(tmp_path))
    if installed.startswith("/usr/"):
        assert installed in sys.path
