"""What type checkers know of the package: mypy, strictly, on programs that use all of it; and stubtest."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from marked import JOBS, PACKAGE, PLAIN, SANITIZED, python

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="what is checked are texts"),
    pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="no mypy here: apt-get install mypy"),
]

# Where the stubs say on purpose what is not so, or leave out what nobody calls.
ALLOWED = r"""
tacho\.scope                                   # a type there, see _marks.pyi
tacho\._marks\.scope
tacho\._(magic|cell|cell_plot|quantity)\..*    # IPython's, and typed by nobody
tacho\.(_read|reading)\.\w+\.(__match_args__|n_fields|n_sequence_fields|n_unnamed_fields)
tacho\._read\.(Column|Recording)               # made by others only, and without a name
tacho\.reading\.(Entity|Recording)\.__init__
tacho\.reading\.(Floats|Pair|Path)             # names of types
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("mypy") / "mypy.ini"
    # Kept in the build folder: numpy's own types take seconds.
    path.write_text(f"[mypy]\ncache_dir = {Path(PACKAGE).parent / 'mypy'}\nstrict = True\n"
                    "[mypy-IPython.*,pandas.*]\nignore_missing_imports = True\n")
    return path


@pytest.fixture(scope="module")
def said(config):
    """What mypy says: {file: {line: [(severity, text)]}}."""
    result = subprocess.run([sys.executable, "-m", "mypy", "--config-file", config, "typed.py", "typed_wrongly.py"],
                            cwd=JOBS, env={**PLAIN, "MYPYPATH": PACKAGE}, capture_output=True, text=True, timeout=150)
    assert result.returncode == 1, result.stderr + result.stdout
    found = {"typed.py": {}, "typed_wrongly.py": {}}
    for file, line, severity, text in re.findall(r"^(.*?):(\d+): (\w+): (.*)$", result.stdout, re.MULTILINE):
        if not text.endswith(" defined here"):  # in the stubs, about which there is nothing else to say
            found[file].setdefault(int(line), []).append((severity, text))
    return found


def commented(name, pattern):
    lines = (JOBS / name).read_text().splitlines()
    return {number: line.split("  # ")[1] for number, line in enumerate(lines, 1) if re.search(pattern, line)}


def test_types_are_as_said(said):
    revealed = {line: re.search(r'"(.*)"', text)[1].replace("builtins.", "")
                for line, ((severity, text),) in said["typed.py"].items() if severity == "note"}
    assert revealed == commented("typed.py", r"^\s*reveal_type\(")
    assert len(revealed) > 30 and len(revealed) == len(said["typed.py"]), "and no errors"


def test_wrong_uses_are_found(said):
    errors = {line: [re.search(r"\[([\w-]+)\]$", text)[1] for severity, text in messages if severity == "error"]
              for line, messages in said["typed_wrongly.py"].items()}
    assert errors == {line: [kind] for line, kind in commented("typed_wrongly.py", "  # ").items()}
    assert len(errors) >= 15


def test_the_typed_program_runs_and_uses_everything(tmp_path):
    import tacho

    result = python("-W", "error", JOBS / "typed.py", tmp_path / "typed.tacho")
    assert result.returncode == 0, result.stderr
    text = (JOBS / "typed.py").read_text()
    assert [name for name in [*tacho.__all__, "open"] if f"tacho.{name}" not in text] == []


def test_the_stubs_are_what_is_there(config, tmp_path):
    (tmp_path / "allowed").write_text(ALLOWED)
    result = subprocess.run([sys.executable, "-m", "mypy.stubtest", "tacho", "--concise", "--mypy-config-file", config,
                             "--allowlist", tmp_path / "allowed", "--ignore-unused-allowlist"], env=PLAIN,
                            cwd=tmp_path, capture_output=True, text=True, timeout=150)
    assert result.returncode == 0, result.stdout + result.stderr
