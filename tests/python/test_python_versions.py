"""The package with each Python that was found beside Debian's: the same cases, by its own unittest; and with
all of them what differs between versions."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from marked import JOBS, counts, python, report, table

HERE = Path(__file__).parent
ALL = [path for path in os.environ.get("PYTHONS", "").split(":") if path]
OTHERS = ALL[1:]


def version(program):
    return tuple(map(int, python("-c", "import sys; print(*sys.version_info[:2])",
                                 program=program).stdout.split()))


@pytest.mark.parametrize("program", OTHERS or [None])
def test_marks(program):
    if program is None:
        pytest.skip("no other Python from 3.9 on, with headers, is here")
    result = subprocess.run([program, "-B", "-m", "unittest", "test_python_marks"], cwd=HERE,
                            capture_output=True, text=True, timeout=150)
    assert result.returncode == 0, result.stderr[-4000:]
    assert int(re.search(r"Ran (\d+) tests", result.stderr)[1]) > 20


@pytest.mark.parametrize("program", ALL)
def test_interpreters_of_one_process(tmp_path, program):
    path = tmp_path / "own.tacho"
    result = python(JOBS / "interpreters.py", path, program=program)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    runs = 6 * (3 if version(program) >= (3, 12) else 1)
    summary = report(path)
    assert counts(summary) == {"inner": 100 * runs, "items": 3 * runs, "block": 3 * runs + 1}
    assert summary["completeness"]["lost_marks"] == 0
    assert sum(row["text"] == "inner: ValueError" for row in table(path, "labels")) == runs
