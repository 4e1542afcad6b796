"""Nothing of a call is left when it is over, with each Python that is here: jobs/leaks.py calls."""

import os
import sys

import pytest
from marked import JOBS, SANITIZED, python

OTHERS = [path for path in os.environ.get("PYTHONS", "").split(":") if path][1:]
CALLS = 10_000 if SANITIZED else 50_000


def leaks(program, calls, *file):
    result = python(JOBS / "leaks.py", calls, *file, program=program)
    assert result.returncode == 0, result.stderr
    *found, steps = result.stdout.splitlines()
    assert found == [] and steps == "21 steps"


def test_nobody_records():
    leaks(sys.executable, CALLS)


def test_recorded(tmp_path):
    leaks(sys.executable, CALLS, tmp_path / "own.tacho")


@pytest.mark.skipif(not OTHERS, reason="no other Python from 3.9 on, with headers, is here")
def test_other_versions(tmp_path):
    for number, program in enumerate(OTHERS):
        leaks(program, CALLS // 10, tmp_path / f"{number}.tacho")
