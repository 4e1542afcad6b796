"""The live status line of tacho record: when it is there, what it says, and that nobody suffers from it."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from support import TACHO, wait_until

LINE = re.compile(r"\rtacho: \S+ (?:s|ms)  1 process.*?  memory \S+ [KM]iB[^\r]*\x1b\[K")


class Terminal:
    """A program that is alone in the foreground of a terminal, and what it wrote there."""

    def __init__(self, *argv, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", **env})
            os.execv(argv[0], [str(a) for a in argv])
        self.text, self.status = "", None

    def read(self, seconds):
        """Takes what there is; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:
            chunk = b""
        self.text += chunk.decode(errors="replace")
        return chunk != b""

    def read_until(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert self.read(1), f"ended: {self.text!r}"
            assert time.monotonic() < end, f"waited in vain for {pattern}: {self.text!r}"
        return re.search(pattern, self.text)

    def end(self):
        while self.read(60):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return self.text


@contextmanager
def sleeping():
    """A process that has no terminal."""
    with subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_attached_says_how_it_stands_and_leaves_nothing(tmp_path):
    with sleeping() as job:
        terminal = Terminal(TACHO, "record", "-o", tmp_path / "run.tacho", "-p", job.pid)
        terminal.read_until(LINE)
        terminal.read_until(r"CPU 0\.\d\d cores")
        job.kill()
    text = terminal.end()
    assert terminal.status == 0
    assert re.search(r"\r\x1b\[Ktacho: recorded in [^\r\n]*\r\n$", text)
    assert "\n" not in text.split("\r\x1b[Ktacho: recorded")[0]


def test_of_the_machine(tmp_path):
    terminal = Terminal(TACHO, "record", "-a", "-o", tmp_path / "run.tacho", "-d", "0.4")
    terminal.read_until(r"\rtacho: \S+ m?s  \S+ (?:B|KiB) recorded\x1b\[K")
    assert terminal.end().endswith("run.tacho\r\n")


def test_width_is_the_terminals(tmp_path):
    with sleeping() as job:
        terminal = Terminal("/bin/sh", "-c", f"stty cols 30; exec '{TACHO}' record -o "
                            f"'{tmp_path}/run.tacho' -p {job.pid}")
        drawn = terminal.read_until(r"\r(tacho: [^\r]*)\x1b\[K")[1]
        job.kill()
    terminal.end()
    assert len(drawn) <= 29 and drawn.endswith("…")


def test_a_command_has_the_terminal_to_itself(tmp_path):
    terminal = Terminal(TACHO, "record", "-o", tmp_path / "run.tacho", "sh", "-c",
                        "printf 'Password: '; sleep 0.5; echo done")
    text = terminal.end()
    assert terminal.status == 0
    assert text.startswith("Password: done\r\ntacho: recorded in ")


def test_status_is_for_who_asks_and_a_label_is_only_text(tmp_path):
    label = "a\x1b[2Jb\nc\u202ed"
    terminal = Terminal(TACHO, "record", "--status", "-o", tmp_path / "run.tacho", "sh", "-c",
                        '"$0" label "$1"; read line; exit 7', TACHO, label)
    terminal.read_until(r"label: a\\x1b\[2Jb\\nc\\u202ed\x1b\[K")
    os.write(terminal.fd, b"\n")
    text = terminal.end()
    assert terminal.status == 7
    assert "\x1b[2J" not in text and "\u202e" not in text


@pytest.mark.parametrize("options, env", [(["-q"], {}), (["--status", "--quiet"], {}),
                                          ([], {"TERM": "dumb"}), ([], {"TERM": ""})])
def test_no_line(tmp_path, options, env):
    with sleeping() as job:
        terminal = Terminal(TACHO, "record", "-o", tmp_path / "run.tacho", *options, "-d", "0.4",
                            "-p", job.pid, **env)
        text = terminal.end()
    assert terminal.status == 0 and "\x1b" not in text
    assert text == "" or text.startswith("tacho: recorded in ")


def test_no_line_where_stderr_is_no_terminal(tmp_path):
    with sleeping() as job:
        terminal = Terminal("/bin/sh", "-c", f"'{TACHO}' record --status -d 0.4 -o "
                            f"'{tmp_path}/run.tacho' -p {job.pid} 2>'{tmp_path}/err'")
        assert terminal.end() == ""
    assert (tmp_path / "err").read_text() == ""


def test_one_who_has_our_terminal_is_left_alone(tmp_path):
    """A job of the same shell."""
    terminal = Terminal("/bin/sh", "-c", f"sleep 600 & '{TACHO}' record -d 0.4 -o "
                        f"'{tmp_path}/run.tacho' -p $!; kill $!")
    assert terminal.end().startswith("tacho: recorded in ")


# Starts tacho as a shell would with `&`: in a process group that is not the terminal's.
BACKGROUND = """
import os, subprocess, sys
job = subprocess.Popen(sys.argv[1:], preexec_fn=lambda: os.setpgid(0, 0))
print("status", job.wait())
"""


def test_nothing_is_drawn_from_the_background(tmp_path):
    with sleeping() as job:
        terminal = Terminal(sys.executable, "-c", BACKGROUND, TACHO, "record", "--status", "-o",
                            tmp_path / "run.tacho", "-d", "0.4", "-p", job.pid)
        text = terminal.end()
    assert "status 0" in text and "\x1b" not in text and "process" not in text


def test_a_stopped_terminal_stops_nothing(tmp_path):
    """Ctrl-S: what would be drawn waits for nobody, and the recording goes on."""
    output = tmp_path / "run.tacho"
    with sleeping() as job:
        terminal = Terminal(TACHO, "record", "-o", output, "-p", job.pid)
        terminal.read_until(LINE)
        os.write(terminal.fd, b"\x13")
        before = output.stat().st_size
        wait_until(lambda: output.stat().st_size > before)
        before = output.stat().st_size
        wait_until(lambda: output.stat().st_size > before)
        os.write(terminal.fd, b"\x11")
        os.kill(terminal.pid, signal.SIGINT)
        assert "recorded in" in terminal.end()
    assert terminal.status == 0
