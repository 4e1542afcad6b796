"""Fixtures of the command-line tests."""

import os
import tempfile
from pathlib import Path

import pytest
from support import BURNER, record


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """A recorded job: a shell whose children burn 0.6 s, sleep, and fail; it ends with status 3."""
    path = tmp_path_factory.mktemp("recorded") / "job.tacho"
    script = f"{BURNER} burn 0.6; (sleep 0.3; exit 7); head -c 100000 /dev/zero >/dev/null; exit 3"
    result = record(path, "sh", "-c", script, "an argument\x1b[31m")
    assert result.returncode == 3, result.stderr
    return path


@pytest.fixture
def public_path():
    """A directory in which every user may write: not below pytest's, which each session closes to
    others as it begins."""
    with tempfile.TemporaryDirectory(prefix="tacho-") as path:
        os.chmod(path, 0o777)
        yield Path(path)
