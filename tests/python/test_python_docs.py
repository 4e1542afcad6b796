"""docs/PYTHON.md does what it says: each of its Python blocks is a program that runs."""

import ast
import re
import subprocess
import sys

import pytest
from marked import PLAIN, ROOT, TACHO, counts, labels, python, report

TEXT = (ROOT / "docs" / "PYTHON.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(tmp_path, number):
    (tmp_path / "program.py").write_text(BLOCKS[number])
    result = python("program.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for log in tmp_path.glob("*.log"):
        assert labels(report(log)) == ["step 1"]


def test_the_first_is_recorded_as_it_says(tmp_path):
    (tmp_path / "program.py").write_text(BLOCKS[0])
    subprocess.run([TACHO, "record", "-q", "-o", "run.tacho", "--", sys.executable, "program.py"], check=True,
                   cwd=tmp_path, env=PLAIN, timeout=60)
    summary = report(tmp_path / "run.tacho")
    assert counts(summary) == {"everything": 1, "load": 1, "parse": 2, "solve": 1}
    assert labels(summary) == ["2 rows"]
    assert {c["name"] for c in summary["categories"]} >= {"I/O", "Core"}


def test_the_numpy_example_runs_as_it_says(tmp_path):
    pytest.importorskip("numpy", reason="no numpy here: apt-get install python3-numpy")
    path = tmp_path / "run.tacho"
    program = ROOT / "examples" / "spectrum.py"
    result = subprocess.run([TACHO, "record", "-q", "-o", path, "--", sys.executable, program, "2"], cwd=tmp_path,
                            env=PLAIN, capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["440.00", "Hz", "523.25", "Hz"]
    summary = report(path)
    assert counts(summary) == {"simulate": 2, "make_signal": 2, "save": 2, "load all": 1, "analyse": 2, "loudest": 2,
                               "fourier": 2}
    assert labels(summary) == ["tone of 440 Hz", "tone of 523 Hz", "all signals are saved"]
    assert {c["name"] for c in summary["categories"]} == {"Simulation", "I/O", "Analysis", "Others"}


def test_the_cell_runs_as_it_says(tmp_path):
    pytest.importorskip("IPython", reason="no IPython here: apt-get install python3-ipython")
    pytest.importorskip("numpy", reason="no numpy here: apt-get install python3-numpy")
    cells = re.findall(r"^```\n(%.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "program.py").write_text(
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"for cell in {[cell.replace('1000', '40') for cell in cells]}:\n"
        "    InteractiveShell.instance().run_cell(cell).raise_error()\n")
    result = python("program.py", cwd=tmp_path, env={"IPYTHONDIR": str(tmp_path / "ipython")})
    assert len(cells) == 2 and result.returncode == 0, result.stderr
    assert " 1 x  product [Core]" in result.stdout and "(40, 40)" in result.stdout


def test_all_of_the_package_is_in_it():
    import tacho

    for name in tacho.__all__:
        assert f"tacho.{name}" in TEXT or name in ("thread_name", "from_args"), name


def test_the_stubs_have_what_the_extension_has():
    from tacho import _marks

    stub = ast.parse((ROOT / "python" / "tacho" / "_marks.pyi").read_text())
    said = {node.name for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    said.remove("_Scope")  # what the type scope makes, for checkers alone
    assert said == {name for name in dir(_marks) if not name.startswith("__")}
    for name in said:
        assert getattr(_marks, name).__doc__ or name.startswith("_"), name
