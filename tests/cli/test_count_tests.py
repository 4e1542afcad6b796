"""tools/count-tests counts cases, not programs, and takes no crash for a success."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def count(tmp_path, *tests):
    """Output of count-tests, as lines, on a build directory where these tests have run."""
    log = tmp_path / "meson-logs/testlog.json"
    log.parent.mkdir()
    common = {"name": "unit / t", "command": ["t"], "result": "OK", "returncode": 0, "starttime": 0}
    log.write_text("".join(json.dumps(common | test) + "\n" for test in tests))
    run = subprocess.run(
        [sys.executable, ROOT / "tools/count-tests", tmp_path], capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    ("test", "last"),
    [
        ({"stdout": "1..2\nok 1 - a\nchatter\nok 2 - b\n"}, "2 passed, 0 failed, 0 skipped"),
        (
            {"stdout": "1..2\nok 1 - a\nnot ok 2 - b\n", "result": "FAIL", "returncode": 1},
            "1 passed, 1 failed, 0 skipped",
        ),
        (
            {"stdout": "1..3\nok 1 - a\n", "result": "FAIL", "returncode": -6},
            "1 passed, 1 failed, 0 skipped",
        ),
        # Ends in the middle, but with the exit status of a success.
        ({"stdout": "1..3\nok 1 - a\n"}, "1 passed, 1 failed, 0 skipped"),
        # A leak is found after the last case.
        (
            {"stdout": "1..1\nok 1 - a\n", "result": "FAIL", "returncode": 23},
            "1 passed, 1 failed, 0 skipped",
        ),
        ({"stdout": "no cases in here\n"}, "1 passed, 0 failed, 0 skipped"),
        ({"result": "FAIL", "returncode": 1}, "0 passed, 1 failed, 0 skipped"),
        ({"result": "TIMEOUT", "returncode": -9}, "0 passed, 1 failed, 0 skipped"),
        ({"result": "SKIP", "returncode": 77}, "0 passed, 0 failed, 1 skipped"),
    ],
)
def test_program(tmp_path, test, last):
    assert count(tmp_path, test)[-1] == last


def test_cmocka_skip_has_its_reason(tmp_path):
    lines = count(tmp_path, {"stdout": "1..2\nok 1 - a\n# no GPU here\nnot ok 2 # SKIP b\n"})
    assert lines == ["skipped: unit / t b: no GPU here", "1 passed, 0 failed, 1 skipped"]


def test_failure_shows_output(tmp_path):
    test = {"stdout": "1..1\nnot ok 1 - a\n# 1 != 2\n", "result": "FAIL", "stderr": "a trace"}
    lines = count(tmp_path, test)
    assert lines[0] == "FAILED: unit / t a"
    assert "# 1 != 2" in lines
    assert "a trace" in lines


JUNIT = """<testsuites><testsuite>
<testcase name="good"/>
<testcase name="bad"><failure message="m">assert 1 == 2</failure></testcase>
<testcase name="broken"><error message="m">no such fixture</error></testcase>
<testcase name="absent"><skipped message="no BPF here"/></testcase>
</testsuite></testsuites>
"""


def test_pytest_cases(tmp_path):
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT)
    test = {"command": ["pytest", f"--junitxml={junit}"], "result": "FAIL", "returncode": 1}
    lines = count(tmp_path, test)
    assert "assert 1 == 2" in lines
    assert lines[-2:] == ["skipped: unit / t absent: no BPF here", "1 passed, 2 failed, 1 skipped"]


def test_junit_of_an_earlier_run_does_not_count(tmp_path):
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT)
    test = {
        "command": ["pytest", f"--junitxml={junit}"],
        "starttime": junit.stat().st_mtime + 60,
        "result": "TIMEOUT",
        "returncode": -9,
    }
    assert count(tmp_path, test)[-1] == "0 passed, 1 failed, 0 skipped"


def test_all_programs_are_summed(tmp_path):
    one = {"stdout": "1..2\nok 1 - a\nok 2 - b\n"}
    assert count(tmp_path, one, one, {}) == ["5 passed, 0 failed, 0 skipped"]
