"""tacho top in a terminal of 80 x 24: what it shows is what the recording says, and the terminal is given back."""

import os
import re
import shlex
import signal
import subprocess
import time

import pytest
from support import BURNER, TACHO, export, record, report, run, wait_until

HELP = "play from here"

if "tacho top works" not in run("doctor").stdout:
    pytest.skip("this build has no tacho top", allow_module_level=True)


class Window:
    """A tmux window of our own with a shell in it."""

    def __init__(self, directory, columns=80, rows=24, **env):
        self.socket = str(directory / "tmux")
        settings = {"LC_ALL": "C.UTF-8", "PS1": "ready> ", **env}
        shell = ["env", *(f"{k}={v}" for k, v in settings.items()), "bash", "--norc", "-i"]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  shlex.join(shell))
        self.wait_for("^ready>")

    def tmux(self, *args):
        result = subprocess.run(["tmux", "-u", "-S", self.socket, *args], capture_output=True,
                                text=True, timeout=30, check=True)
        return result.stdout

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.keys("Enter")

    def wait_for(self, pattern, seconds=60):
        """The match of a pattern that the screen comes to show; and stays to be seen in what failed."""
        end = time.monotonic() + seconds
        while True:
            screen = self.screen()
            found = re.search(pattern, screen, re.MULTILINE)
            if found:
                return found
            assert time.monotonic() < end, f"waited in vain for {pattern!r}:\n{screen}"
            time.sleep(0.03)

    def step_to(self, key, pattern, steps=100):
        """Steps through time until the screen shows it."""
        for _ in range(steps):
            if re.search(pattern, self.screen(), re.MULTILINE):
                return
            before = position(self)
            self.keys(key)
            wait_until(lambda: position(self) != before)
            self.wait_for(r"(?s)\A(?!.*^ Scopes +\.\.\.)")
        raise AssertionError(f"never came to {pattern!r}:\n{self.screen()}")

    def top(self, *args):
        self.type("clear; " + shlex.join([TACHO, "top", *map(str, args)]) + '; echo "status $?"')

    def pid_of(self, *args):
        line = "\0".join([TACHO, "top", *map(str, args)])
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                    if entry.isdigit() and file.read().rstrip("\0") == line:
                        return int(entry)
            except OSError:
                pass
        return None

    def close(self):
        self.tmux("kill-server")


@pytest.fixture
def window(tmp_path):
    window = Window(tmp_path)
    yield window
    window.close()


HOSTILE = "\x1b[2Jevil"


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A burner in a scope, with labels around it, and a process with a name to be obeyed."""
    directory = tmp_path_factory.mktemp("top")
    script, path = directory / "job.sh", directory / "run.tacho"
    script.write_text(f"""
        "$1" label 'it begins'
        "$1" scope -c Work busy -- {BURNER} burn 0.5 &
        (exec -a "$2" sleep 0.8) &
        sleep 0.3
        "$1" label $'second\\x1b[31m'
        wait
    """)
    result = record(path, "bash", script, TACHO, HOSTILE)
    assert result.returncode == 0, result.stderr
    return path


def seconds(text):
    number, unit = text.split()
    return float(number) * (0.001 if unit == "ms" else 1)


def size(text):
    number, unit = text.split()
    return float(number) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit)


def position(window):
    return seconds(re.search(r"([\d.]+ m?s) of [\d.:]+ m?s$", window.screen().splitlines()[0])[1])


def test_numbers_are_the_recordings(window, recording):
    rows = export(recording, "samples", "--time", "elapsed", "--fields", "time,pid,comm,cpu,rss")
    summary = report(recording)
    window.top(recording)
    window.wait_for(r"^ bash .* 0 s of ")
    for _ in range(4):
        before = position(window)
        window.keys("PageDown")
        wait_until(lambda: position(window) > before)
    at = window.wait_for(r"([\d.]+ m?s) of ([\d.]+ m?s)\n")
    now = seconds(at[1])
    assert seconds(at[2]) == pytest.approx(summary["wall_s"], abs=0.3)
    line = window.wait_for(r"^ +(\d+) +([\d.]+) +([\d.]+ [KM]iB) .*└ burner burn 0.5")
    mine = [r for r in rows if r["pid"] == int(line[1]) and r["time"] <= now + 0.005]
    last = mine[-1]
    assert size(line[3]) == pytest.approx(last["rss"], rel=0.01)
    # Over the second before, or since it was born.
    born = next(r["seen"] for r in export(recording, "processes", "--time", "elapsed", "--fields",
                                          "pid,seen") if r["pid"] == int(line[1]))
    before = [r for r in mine if last["time"] - r["time"] <= 1.0]
    since, had = (born, 0) if born > now - 1 else (before[0]["time"], before[0]["cpu"])
    assert float(line[2]) == pytest.approx(
        100 * (last["cpu"] - had) / (last["time"] - since), abs=1)
    assert window.wait_for(r"(\d+) processes")[1] == str(
        len({r["pid"] for r in rows if abs(r["time"] - last["time"]) < 0.02}))
    window.keys("q")
    window.wait_for(r"^status 0$")


def test_marks_of_the_moment(window, recording):
    window.top(recording)
    window.wait_for("0 s of ")
    window.wait_for(r"Label +[\d.]+ m?s +it begins$|^ Label$")
    window.step_to("Right", r"Label .* second\\x1b\[31m$")
    window.wait_for(r"Scopes +\S+ \(pid \d+\): busy  0\.\d+ s$")
    window.keys("End")
    window.wait_for(r"exit 0  [\d.]+ s of ")
    window.wait_for(r"Scopes +none is open$")


def test_hostile_names_are_only_text(window, recording):
    window.top(recording)
    window.wait_for("0 s of ")
    window.step_to("Right", r"\$'\\x1b\[2Jevil' 0\.8$")
    window.wait_for(r"^ bash .* of ")  # nothing was cleared


def test_keys(window, recording):
    window.top(recording)
    window.wait_for("0 s of ")
    window.step_to("Right", "scope -c")
    window.wait_for(r"^.*CPU %.*\n.*bash")
    window.keys("T", "m")
    window.wait_for(r"\*RSS.*COMMAND\n(?!.*└)")
    window.keys("/")
    window.tmux("send-keys", "-l", "scope -c")
    window.wait_for(r"/scope -c_")
    window.keys("Enter")
    window.wait_for(r"only 'scope -c'")
    rows = re.search(r"COMMAND\n((?: +\d+ .*\n)+)", window.screen())[1].splitlines()
    assert rows and all("scope -c" in row for row in rows)
    window.keys("Escape")
    window.wait_for(r"sleep|evil")
    window.keys("?")
    window.wait_for(HELP)
    window.keys("x")
    window.wait_for("COMMAND")
    window.keys("Home")
    window.wait_for("0 s of ")
    window.keys("+", "Space")
    window.wait_for("playing 2x")
    window.wait_for(r"exit 0  ([\d.]+ s) of \1$")
    window.keys("q")
    window.wait_for(r"^status 0$")


def test_resized(window, recording):
    window.top(recording)
    window.wait_for("0 s of ")
    for columns, rows, heading in ((132, 50, "COMMAND"), (40, 10, "COMMAND"), (20, 5, "PID")):
        window.tmux("resize-window", "-x", str(columns), "-y", str(rows))
        wait_until(lambda: len(window.screen().splitlines()) == rows
                   and "q quit" in window.screen().splitlines()[-1])
        window.wait_for(heading)
        assert max(map(len, window.screen().splitlines())) <= columns
    window.tmux("resize-window", "-x", "80", "-y", "24")
    window.wait_for(r"THR S   I/O /s COMMAND")
    window.keys("q")
    window.wait_for(r"^status 0$")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_terminal_is_given_back(window, recording, tmp_path, number):
    window.type(f"clear; stty -a >'{tmp_path}/before'; echo kept; trap : {number.name[3:]}")
    window.wait_for("^kept")
    window.type(f"'{TACHO}' top '{recording}'; echo \"status $?\"; stty -a >'{tmp_path}/after'")
    window.wait_for("0 s of ")
    wait_until(lambda: window.pid_of(recording))
    os.kill(window.pid_of(recording), number)
    window.wait_for(rf"^status {128 + number}$")
    window.wait_for(r"^kept")  # what was there before is there again
    wait_until(lambda: (tmp_path / "after").exists() and (tmp_path / "after").read_text())
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    assert "0 s of " not in window.screen()


def test_ends_with_its_terminal(tmp_path, recording):
    window = Window(tmp_path)
    window.top(recording)
    window.wait_for("0 s of ")
    wait_until(lambda: window.pid_of(recording))
    top = window.pid_of(recording)
    window.close()
    wait_until(lambda: not os.path.exists(f"/proc/{top}"))


def test_ascii_without_colours(tmp_path, recording):
    window = Window(tmp_path, LC_ALL="C", NO_COLOR="1")
    try:
        window.top(recording)
        window.wait_for("0 s of ")
        window.step_to("Right", r"` \S*burner burn")
        assert window.screen().isascii()
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", window.screen("-e"))
        window.keys("q")
        window.wait_for(r"^status 0$")
    finally:
        window.close()


# ---- what goes on now ----

@pytest.fixture
def burner():
    with subprocess.Popen([BURNER, "burn", "600"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def recorders():
    """Recordings in memory that somebody has open."""
    found = set()
    for entry in os.listdir("/proc"):
        try:
            for fd in os.listdir(f"/proc/{entry}/fd"):
                if "tacho-top" in os.readlink(f"/proc/{entry}/fd/{fd}"):
                    found.add(entry)
        except OSError:
            pass
    return found


def test_live_of_a_process(window, burner):
    before = recorders()
    window.top("-i", "0.1", "-p", burner.pid)
    found = window.wait_for(rf"^ +{burner.pid} +([1-9][\d.]*) .*burner burn 600")
    assert 0 < float(found[1]) < 120
    window.wait_for(r"live +[1-9]\.\d+ s of ")
    window.keys("Left")
    window.wait_for(r"^ process \d+: (?!.*live)")
    window.keys("End")
    window.wait_for(r"live ")
    burner.kill()
    burner.wait()
    window.wait_for(r"^ process \d+: (?!.*live)")
    window.keys("q")
    window.wait_for(r"^status 0$")
    assert recorders() <= before


def test_live_without_its_recorder(window, burner):
    """It may be killed: then there is an end."""
    before = recorders()
    window.top("-i", "0.1", "-p", burner.pid)
    window.wait_for(r"live ")
    top = str(window.pid_of("-i", "0.1", "-p", burner.pid))
    for pid in recorders() - before - {top}:
        os.kill(int(pid), signal.SIGKILL)
    window.wait_for(r"^ process \d+: (?!.*live)")
    window.keys("q")
    window.wait_for(r"^status 0$")


def test_live_of_the_machine(window, burner):
    before = recorders()
    window.top()
    window.wait_for(r"^ the machine \S+ .*live")
    window.keys("T", "/")
    window.tmux("send-keys", "-l", f"{burner.pid} burner")
    window.wait_for(rf"^ +{burner.pid} +[1-9][\d.]* .*burner burn 600")
    wait_until(lambda: window.pid_of())
    top = window.pid_of()
    os.kill(top, signal.SIGKILL)  # its recorder does not outlive it
    wait_until(lambda: recorders() <= before)


def test_a_recording_that_is_still_written(window, tmp_path, burner):
    output = tmp_path / "run.tacho"
    with subprocess.Popen([TACHO, "record", "-q", "-o", output, "-p", str(burner.pid)]) as recorder:
        wait_until(lambda: output.exists() and output.stat().st_size > 0)
        window.top(output)
        window.wait_for(r"recording +[\d.]+ m?s of ")
        first = position(window)
        wait_until(lambda: position(window) > first)
        recorder.send_signal(signal.SIGINT)
    window.wait_for(r"^ process \d+: (?!.*recording)")
    window.keys("q")
    window.wait_for(r"^status 0$")


# ---- what it refuses ----

@pytest.mark.parametrize("args, status, words", [
    (["-p", "99999999"], 1, "no process 99999999"),
    (["-p", "x"], 2, "'x' is not a list of process ids"),
    (["a", "b"], 2, "one recording at a time"),
    (["-p", "1", "a"], 2, "give a recording or -p, not both"),
    (["-i", "1", "a"], 2, "leave out -i"),
    (["/nonexistent.tacho"], 1, "No such file"),
    (["/dev/null"], 1, "/dev/null"),
])
def test_refused(args, status, words):
    result = run("top", *args, stdin=subprocess.DEVNULL)
    assert result.returncode == status and result.stdout == ""
    assert words in result.stderr and result.stderr.count("\n") == 1


def test_needs_a_terminal(recording):
    result = run("top", recording, stdin=subprocess.DEVNULL)
    assert result.returncode == 1 and "needs a terminal" in result.stderr


@pytest.mark.parametrize("term, words", [("nonesuch", "the terminal 'nonesuch' is not known"),
                                         ("dumb", "the terminal is dumb")])
def test_unfit_terminal(window, recording, term, words):
    window.type(f"clear; TERM={term} '{TACHO}' top '{recording}'; echo \"status $?\"")
    window.wait_for(words)
    window.wait_for(r"^status 1$")
