"""The package with each Python that was found beside Debian's: the same cases, by its own unittest."""

import os
import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OTHERS = [path for path in os.environ.get("PYTHONS", "").split(":") if path][1:]


@pytest.mark.parametrize("program", OTHERS or [None])
def test_marks(program):
    if program is None:
        pytest.skip("no other Python from 3.9 on, with headers, is here")
    result = subprocess.run([program, "-B", "-m", "unittest", "test_python_marks"], cwd=HERE,
                            capture_output=True, text=True, timeout=150)
    assert result.returncode == 0, result.stderr[-4000:]
    assert int(re.search(r"Ran (\d+) tests", result.stderr)[1]) > 20
