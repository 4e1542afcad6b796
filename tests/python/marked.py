"""What the tests of the Python package share. No pytest in here: other versions of Python have none."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tacho

ROOT = Path(__file__).resolve().parents[2]
TACHO = os.environ.get("TACHO_BINARY", str(ROOT / "build" / "tacho"))
JOBS = Path(__file__).parent / "jobs"
# Where the package under test lies, for programs that are started.
PACKAGE = str(Path(tacho.__file__).parents[1])
PLAIN = {**{k: v for k, v in os.environ.items() if not k.startswith("TACHO")},
         "PYTHONPATH": PACKAGE, "PYTHONDONTWRITEBYTECODE": "1"}
SANITIZED = os.environ.get("SANITIZE", "none") != "none"


def read(path, command="report", *options):
    result = subprocess.run([TACHO, command, *options, str(path)], capture_output=True, text=True,
                            timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def report(path):
    return json.loads(read(path, "report", "--json"))


def counts(summary):
    return {s["name"]: s["count"] for s in summary["scopes"]}


def labels(summary):
    return [label["text"] for label in summary["labels"]]


def table(path, name):
    text = read(path, "export", "--to", "jsonl", "--table", name)
    return [json.loads(line) for line in text.splitlines()]


class Recorded(unittest.TestCase):
    """What a test marks is recorded: self.summary() ends that and tells."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "test.tacho"
        tacho.start(self.path)
        self.runs = True

    def summary(self):
        if self.runs:
            self.runs = False
            tacho.stop()
        return report(self.path)

    def balanced(self):
        """Each begin had its end."""
        self.summary()
        self.assertNotIn("did not match", read(self.path))

    def tearDown(self):
        if self.runs:
            tacho.stop()
        self.directory.cleanup()

    def counts(self):
        summary = self.summary()
        self.assertEqual(summary["completeness"]["lost_marks"], 0)
        return counts(summary)


def python(*arguments, env=None, program=sys.executable, **kwargs):
    """Runs a Python with the package under test; the result."""
    kwargs.setdefault("timeout", 120)
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          env={**PLAIN, **(env or {})}, **kwargs)
