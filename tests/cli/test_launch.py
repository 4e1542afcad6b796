"""tacho record -- COMMAND: the job must not notice that it is recorded."""

import json
import os
import re
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from support import TACHO, info, record, report, run, wait_until

# What a process can see of its surroundings. Printed by a job, with and without tacho.
SURROUNDINGS = r"""
import json, os, resource, signal
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd")
                          if os.path.exists(f"/proc/self/fd/{fd}")),
    "blocked": status["SigBlk"], "ignored": status["SigIgn"],
    "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource)
               if n.startswith("RLIMIT_")},
    "environment": {k: v for k, v in os.environ.items() if k != "_"},
    "group": os.getpgrp(), "session": os.getsid(0), "nice": os.nice(0),
    "cwd": os.getcwd(), "umask": os.umask(0),
    "timerslack": open("/proc/self/timerslack_ns").read(),
    "subreaper": 0,
}))
"""


def surroundings(prefix, **kwargs):
    output = subprocess.run([*prefix, "/usr/bin/python3", "-c", SURROUNDINGS], check=True,
                            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, **kwargs).stdout
    return json.loads(output)


def ignoring(*signals):
    def prepare():
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        # Python ignores these itself; a plain program would not.
        for number in {signal.SIGPIPE, signal.SIGXFSZ} - set(signals):
            signal.signal(number, signal.SIG_DFL)
    return prepare


@pytest.mark.parametrize("prepare", [
    ignoring(),
    ignoring(signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP),
    lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1}),
], ids=["plain", "ignored", "blocked"])
def test_nothing_leaks_into_the_job(tmp_path, prepare):
    path = tmp_path / "run.tacho"
    bare = surroundings([], preexec_fn=prepare)
    recorded = surroundings([TACHO, "record", "-o", str(path), "--"], preexec_fn=prepare)
    assert recorded["environment"].pop("TACHO_RECORDING") == str(path)
    assert re.fullmatch("(tsc|mono):/dev/shm/tacho-.*", recorded["environment"].pop("TACHO_MARKS"))
    assert recorded == bare


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_descriptors_stay_closed(tmp_path, closed):
    path = tmp_path / "run.tacho"
    listings = []
    for prefix in ("", f"{TACHO} record -o {path} -- "):
        log = tmp_path / f"log{len(listings)}"
        job = f"sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done >{log}'"
        subprocess.run(["sh", "-c", f"{prefix}{job} {closed}"])
        listings.append(log.read_text())
    assert listings[0] == listings[1]
    assert info(path)["salvage"]["lost_bytes"] == 0


@pytest.mark.parametrize("script, status", [
    ("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143),
])
def test_exit_status_is_the_jobs(tmp_path, script, status):
    path = tmp_path / "run.tacho"
    assert record(path, "sh", "-c", script).returncode == status
    end = report(path)["exit"]
    code, signal = (status, None) if status < 128 or status == 255 else (None, status - 128)
    assert end["code"] == code and end["signal"] == signal


def test_input_and_output_are_the_jobs(tmp_path):
    result = run("record", "-o", tmp_path / "run.tacho", "--", "sh", "-c", "cat; echo oops >&2",
                 input="through\n")
    assert (result.stdout, result.stderr) == ("through\n", "oops\n")


def test_command_not_found(tmp_path):
    result = record(tmp_path / "run.tacho", "no-such-command-here")
    assert result.returncode == 127
    assert result.stderr.count("\n") == 1 and "no-such-command-here" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_command_not_executable(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    result = record(tmp_path / "run.tacho", script)
    assert result.returncode == 126
    assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["script"]


@pytest.mark.parametrize("number", ["TERM", "INT", "HUP", "USR1", "QUIT"])
def test_signals_sent_to_tacho_reach_the_job_once(tmp_path, number):
    path, log = tmp_path / "run.tacho", tmp_path / "log"
    script = f"trap 'echo got >> {log}; exit 7' {number}; echo up > {log}; while :; do sleep 0.05; done"
    recorder = subprocess.Popen([TACHO, "record", "-o", path, "--", "sh", "-c", script])
    wait_until(lambda: log.exists() and log.read_text() == "up\n")
    recorder.send_signal(getattr(signal, "SIG" + number))
    assert recorder.wait(timeout=30) == 7
    assert log.read_text() == "up\ngot\n"
    assert report(path)["exit"]["code"] == 7


def test_a_job_that_signals_its_group_is_not_signalled_again(tmp_path):
    log = tmp_path / "log"
    script = f"trap 'echo got >> {log}' TERM; sleep 0.3; kill -TERM 0; sleep 0.5; exit 4"
    result = record(tmp_path / "run.tacho", "sh", "-c", script, start_new_session=True)
    assert result.returncode == 4
    assert log.read_text() == "got\n"


def test_wait_root_and_tree(tmp_path):
    script = "setsid sleep 1.5 & exit 0"
    for wait, least, most in (("root", 0, 1.2), ("tree", 1.4, 30)):
        path = tmp_path / f"{wait}.tacho"
        assert record(path, "sh", "-c", script, options=["--wait", wait],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      capture_output=False).returncode == 0
        assert least <= report(path)["wall_s"] <= most


def test_duration_ends_the_recording_not_the_job(tmp_path):
    path = tmp_path / "run.tacho"
    result = record(path, "sh", "-c", "sleep 1.5; echo done; exit 5", options=["-d", "0.5"])
    assert (result.returncode, result.stdout) == (5, "done\n")
    assert 0.4 <= report(path)["wall_s"] <= 1.2


# ---- the terminal ----

class Terminal:
    """An interactive bash on a terminal of its own."""

    def __init__(self, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      {"PATH": os.environ["PATH"], "PS1": "ready> ", "TERM": "dumb",
                       "HOME": str(cwd), **{k: v for k, v in os.environ.items() if "SAN" in k}})
        self.seen = ""
        self.expect("ready> ")

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text, seconds=60):
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 4096).decode(errors="replace")
        before, self.seen = self.seen.split(text, 1)
        return before

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def test_ctrl_c_reaches_the_job_once(terminal, tmp_path):
    (tmp_path / "job.py").write_text(
        "import signal, sys, time\n"
        "count = 0\n"
        "def got(*_):\n    global count; count += 1\n"
        "signal.signal(signal.SIGINT, got)\n"
        "print('job is ' + 'up', flush=True)\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.3); print(f'interrupts={count}.'); sys.exit(9)\n")
    terminal.type(f"{TACHO} record -q -o run.tacho -- /usr/bin/python3 job.py; echo status=$?.\n")
    terminal.expect("job is up")
    terminal.type("\x03")
    terminal.expect("interrupts=1.")
    terminal.expect("status=9.")


def test_ctrl_z_and_fg(terminal, tmp_path):
    (tmp_path / "job.sh").write_text("echo job is 'up'; sleep 1; echo job is 'over'; exit 6\n")
    terminal.type(f"{TACHO} record -q -o run.tacho -- sh job.sh\n")
    terminal.expect("job is up")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.expect("ready> ")
    time.sleep(0.5)
    terminal.type("fg; echo status=$?.\n")
    terminal.expect("job is over")
    terminal.expect("status=6.")


def test_a_background_job_that_reads_the_terminal_stops(terminal, tmp_path):
    terminal.type(f"{TACHO} record -q -o run.tacho -- cat &\n")
    terminal.expect("ready> ")

    def is_stopped():
        terminal.type("jobs\n")
        return "Stopped" in terminal.expect("ready> ")

    wait_until(is_stopped)
    terminal.type("fg\n")
    terminal.expect("cat")
    time.sleep(0.5)  # bash hands the terminal over after it has said so
    terminal.type("said once\n")
    terminal.expect("said once")  # as typed
    terminal.expect("said once")  # by cat
    terminal.type("\x04")
    terminal.expect("ready> ")


def test_window_size_is_the_terminals(terminal, tmp_path):
    import fcntl
    import struct
    import termios
    (tmp_path / "job.sh").write_text(
        "trap 'stty size; exit 0' WINCH; echo job is 'up'; while :; do sleep 0.05; done\n")
    terminal.type(f"{TACHO} record -q -o run.tacho -- bash job.sh\n")
    terminal.expect("job is up")
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    terminal.expect("33 77")


def test_where_the_recording_lies_is_said_on_a_terminal_only(terminal, tmp_path):
    terminal.type(f"{TACHO} record -o run.tacho -- true\n")
    terminal.expect("run.tacho; see it with: tacho report run.tacho")
    assert record(tmp_path / "other.tacho", "true").stderr == ""
