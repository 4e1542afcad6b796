"""What the command-line tests share: running tacho, and the jobs it records."""

import json
import os
import subprocess
import time
from pathlib import Path

TACHO = os.environ.get("TACHO_BINARY", str(Path(__file__).parents[2] / "build" / "tacho"))
BURNER = os.environ.get("BURNER", str(Path(TACHO).parent / "tests" / "cli" / "burner"))
SANITIZED = os.environ.get("SANITIZE", "none") != "none"


def run(*args, **kwargs):
    """Runs tacho with text output captured."""
    kwargs.setdefault("timeout", 120)
    kwargs.setdefault("capture_output", True)
    kwargs.setdefault("text", True)
    return subprocess.run([TACHO, *map(str, args)], **kwargs)


def record(output, *command, options=(), **kwargs):
    """Records a command into `output`; the result of tacho record."""
    return run("record", "-o", output, *options, "--", *command, **kwargs)


def report(path):
    """The summary of a recording as tacho report --json gives it."""
    result = run("report", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def export(path, table="samples", *options):
    """The rows of a table, as dicts."""
    result = run("export", path, "--to", "jsonl", "--table", table, *options)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def info(path):
    result = run("info", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def wait_until(condition, seconds=30):
    """Waits for `condition()` to be true; the test fails when it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
