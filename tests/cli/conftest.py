"""Fixtures of the command-line tests."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from support import BURNER, record

# A shell that runs the tests in its background ignores these; what is ignored from the beginning a
# job's script cannot trap.
for number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


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
