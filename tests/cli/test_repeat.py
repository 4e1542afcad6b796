"""tacho record --repeat: the command several times, a recording each, for tacho diff."""

import json
import os
import pty
import signal
import subprocess

import pytest
from support import BURNER, TACHO, report, run, wait_until
from test_report import one_line


# That which begins fastest, for many short runs.
FAST = ("--follow", "poll")


def repeat(directory, times, *command, options=(), **kwargs):
    return run("record", "--repeat", times, "-o", directory, *FAST, *options, "--", *command, **kwargs)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_each_run_has_a_recording(tmp_path):
    base = tmp_path / "base"
    script = 'echo "$TACHO_RECORDING" >> ' + str(tmp_path / "paths") + "; echo out"
    result = repeat(f"{base}/", 3, "sh", "-c", script)
    assert result.returncode == 0 and result.stderr == "" and result.stdout == "out\n" * 3
    assert names(base) == ["run-1.tacho", "run-2.tacho", "run-3.tacho"]
    assert (tmp_path / "paths").read_text().split() == [str(base / name) for name in names(base)]
    starts = [report(base / name)["started"] for name in names(base)]
    assert starts == sorted(starts) and len(set(starts)) == 3


def test_names_sort_as_runs_were_made(tmp_path):
    assert repeat(tmp_path / "ten", 10, "true").returncode == 0
    assert names(tmp_path / "ten") == [f"run-{i:02}.tacho" for i in range(1, 11)]


def test_runs_are_compared(tmp_path):
    assert repeat(tmp_path / "base", 4, BURNER, "burn", "0.01").returncode == 0
    assert repeat(tmp_path / "new", 4, BURNER, "burn", "0.1").returncode == 0
    result = run("diff", tmp_path / "base", "--", tmp_path / "new", "--json", "--fail-above", "100%",
                 "--metrics", "cpu")
    assert result.returncode == 1 and result.stderr == ""
    (cpu,) = json.loads(result.stdout)["metrics"]
    assert cpu["verdict"] == "more" and cpu["fails"] and cpu["percent_bound"][0] > 100
    # Each run's figures are its own: those of an earlier one are in none.
    assert all(0.01 <= value < 0.09 for value in cpu["values_a"])
    assert all(0.1 <= value < 0.3 for value in cpu["values_b"])


def test_without_a_name(tmp_path):
    assert run("record", "--repeat", 2, "--", "true", cwd=tmp_path).returncode == 0
    (directory,) = tmp_path.iterdir()
    assert directory.name.startswith("tacho-true-") and names(directory) == ["run-1.tacho",
                                                                             "run-2.tacho"]


# ---- failing ----

def test_the_status_is_that_of_the_first_that_failed(tmp_path):
    count = tmp_path / "count"
    script = f"echo >> {count}; n=$(wc -l < {count}); [ $n -eq 1 ] || exit $n"
    result = repeat(tmp_path / "runs", 3, "sh", "-c", script)
    assert result.returncode == 2
    assert len(names(tmp_path / "runs")) == 3
    assert result.stderr.count("\n") == 2
    assert "run 2 of 3" in result.stderr and "ended with status 3" in result.stderr
    count.unlink()
    result = repeat(tmp_path / "again", 3, "sh", "-c", script, options=["-q"])
    assert result.returncode == 2 and result.stderr == ""


def test_a_killed_run_is_a_run_that_failed(tmp_path):
    result = repeat(tmp_path / "runs", 2, "sh", "-c", "kill -KILL $$")
    assert result.returncode == 128 + signal.SIGKILL and len(names(tmp_path / "runs")) == 2


def test_a_command_that_cannot_run_ends_the_series(tmp_path):
    error = one_line(repeat(tmp_path / "runs", 5, "/nonexistent/command"), 127)
    assert "not found" in error and list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(tmp_path):
    base = tmp_path / "base"
    assert repeat(base, 3, "true").returncode == 0
    before = (base / "run-1.tacho").read_bytes()
    assert "has recordings already" in one_line(repeat(base, 2, "true"), 1)
    assert (base / "run-1.tacho").read_bytes() == before and len(names(base)) == 3
    (base / "mine.tacho").write_text("mine")
    (base / "run-notes.txt").write_text("mine")
    assert repeat(base, 2, "true", options=["--force"]).returncode == 0
    assert names(base) == ["mine.tacho", "run-1.tacho", "run-2.tacho", "run-notes.txt"]
    assert (base / "run-1.tacho").read_bytes() != before


def test_wrong_usage(tmp_path):
    for args, words in (
        (("--repeat", "0", "--", "true"), "a number from 1 to 9999"),
        (("--repeat", "many", "--", "true"), "a number from 1 to 9999"),
        (("--repeat", "10000", "--", "true"), "a number from 1 to 9999"),
        (("--repeat", "2", "-p", "1"), "not with -p or -a"),
        (("--repeat", "2", "-a"), "not with -p or -a"),
        (("--repeat", "2", "--stream", "csv", "--", "true"), "not with --stream"),
        (("--repeat", "2", "-o", "base.tacho", "--", "true"), "-o names a directory, such as 'base'"),
    ):
        assert words in one_line(run("record", *args, cwd=tmp_path), 2)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    one_line(repeat(tmp_path / "file", 2, "true"), 1)
    one_line(repeat(tmp_path / "no" / "such", 2, "true"), 1)


# ---- signals ----

@pytest.fixture
def series(tmp_path):
    """Starts a series of five runs of a script, in a session of its own; ended if the test does not."""
    started = []

    def start(script):
        command = [TACHO, "record", "--repeat", "5", "-o", str(tmp_path / "runs"), *FAST, "--", "sh",
                   "-c", script]
        started.append(subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_whole_series(series, tmp_path, number):
    process = series("trap 'echo told >> told; exit 0' TERM INT; echo >> begun; "
                     "while :; do sleep 0.05; done")
    wait_until((tmp_path / "begun").exists)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    assert (tmp_path / "told").read_text() == "told\n"
    assert (tmp_path / "begun").read_text() == "\n"
    assert names(tmp_path / "runs") == ["run-1.tacho"]
    assert report(tmp_path / "runs" / "run-1.tacho")["ended"]
    assert "after run 1 of 5" in process.stderr.read()


def test_other_signals_are_the_command_s(series, tmp_path):
    process = series("echo >> begun; [ $(wc -l < begun) -gt 1 ] && exit 0; "
                     "trap 'exit 0' USR1; touch ready; while :; do sleep 0.05; done")
    wait_until((tmp_path / "ready").exists)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(60) == 0
    assert len(names(tmp_path / "runs")) == 5


def test_a_job_that_signals_its_own_group_means_itself(series, tmp_path):
    process = series("trap 'echo told >> told' TERM; kill -TERM 0; exit 0")
    assert process.wait(60) == 0
    assert len(names(tmp_path / "runs")) == 5
    assert (tmp_path / "told").read_text() == "told\n" * 5


def test_the_terminal_ends_the_whole_series(tmp_path):
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execv(TACHO, [TACHO, "record", "--repeat", "3", "-o", "runs", *FAST, "--", "sh",
                         "-c", "echo >> begun; sleep 60"])
    try:
        wait_until((tmp_path / "begun").exists)
        os.write(terminal, b"\x03")
        text = b""
        try:
            while chunk := os.read(terminal, 4096):
                text += chunk
        except OSError:
            pass  # the other side is closed
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGINT
    finally:
        os.close(terminal)
    assert names(tmp_path / "runs") == ["run-1.tacho"]
    assert b"after run 1 of 3" in text
    assert (tmp_path / "begun").read_text() == "\n"
