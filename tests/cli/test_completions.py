"""Completions load in their shell and know commands, options, values and recordings."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import support

COMPLETIONS = Path(__file__).parents[2] / "completions"
TACHO = Path(support.TACHO).absolute()


def shell(*command, **kwargs):
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} here")
    environment = {
        "PATH": f"{TACHO.parent}:{os.environ['PATH']}",
        "HOME": str(kwargs.get("cwd") or "/nonexistent"),
        "LC_ALL": "C.UTF-8",
    }
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, **kwargs
    )
    assert result.stderr == ""
    assert result.returncode == 0
    return result.stdout


def bash(*words, cwd=None):
    """What bash offers for the last of the words."""
    script = """
        set -u
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tacho
        (( ${#COMPREPLY[@]} == 0 )) || printf '%s\\n' "${COMPREPLY[@]}"
    """
    command = ["bash", "--norc", "-c", script, "bash", COMPLETIONS / "tacho.bash", *words]
    return shell(*map(str, command), cwd=cwd).split()


def fish(line, cwd=None):
    """What fish offers at the end of the line."""
    script = f"source {COMPLETIONS / 'tacho.fish'}; complete -C '{line}'"
    output = shell("fish", "--no-config", "-c", script, cwd=cwd)
    return [offer.split("\t")[0] for offer in output.splitlines()]


def zsh(line, cwd):
    """What the line becomes when zsh has completed it."""
    if not shutil.which("zsh"):
        pytest.skip("no zsh here")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.environ.update(
            PATH=f"{TACHO.parent}:{os.environ['PATH']}", TERM="vt100", HOME=str(cwd), COLUMNS="200"
        )
        os.execvp("zsh", ["zsh", "-f", "-i"])
    setup = (
        f"PS1='> '; fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -u -D; "
        "unsetopt auto_menu list_beep; echo rea''dy\n"
    )
    try:
        os.write(fd, setup.encode())
        read_until(fd, b"ready\r\n")
        # Bound to a key: prints the line as completion left it.
        show = b"show() { print -r -- ; print -r -- \"<$BUFFER>\" }; zle -N show; "
        os.write(fd, show + b"bindkey '^X^P' show; echo bou''nd\n")
        read_until(fd, b"bound\r\n")
        os.write(fd, line.encode() + b"\t\x18\x10")
        text = read_until(fd, b">\r\n")
        return text.rsplit(b"<", 1)[1].split(b">")[0].decode()
    finally:
        os.close(fd)
        os.waitpid(pid, 0)


def read_until(fd, end):
    text = b""
    deadline = time.monotonic() + 30
    while end not in text:
        assert time.monotonic() < deadline, text
        if select.select([fd], [], [], 1)[0]:
            text += os.read(fd, 4096)
    return text


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run one.tacho").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_bash_completes_commands():
    assert bash("tacho", "") == ["record", "report", "diff", "top", "export", "import", "info", "label",
                                 "scope", "doctor", "--help", "--version"]
    assert bash("tacho", "rec") == ["record"]
    assert bash("tacho", "nonsense", "") == []


def test_bash_completes_options_and_values():
    assert "--interval" in bash("tacho", "record", "--")
    assert bash("tacho", "record", "--rep") == ["--repeat"]
    assert bash("tacho", "record", "--repeat", "5", "--wait", "=", "t") == ["tree"]
    assert bash("tacho", "record", "--wait", "") == ["root", "tree"]
    assert bash("tacho", "record", "--wait", "=", "t") == ["tree"]
    assert bash("tacho", "record", "--wait", "=") == ["root", "tree"]
    assert bash("tacho", "export", "x.tacho", "--to", "j") == ["jsonl"]
    assert bash("tacho", "export", "x.tacho", "--to", "r") == ["rows", "ranks"]
    assert bash("tacho", "report", "--w") == ["--width"]
    assert bash("tacho", "report", "--format", "svg,p") == ["svg,png", "svg,pdf"]
    assert bash("tacho", "report", "--metrics", "cpu,mem") == ["cpu,memory"]
    assert bash("tacho", "diff", "a", "--m") == ["--metrics"]
    assert bash("tacho", "diff", "a", "--", "b", "--metrics", "wall,peak") == ["wall,peak_rss",
                                                                              "wall,peak_pss"]
    assert bash("tacho", "top", "-") == ["--pid", "--interval", "--help"]
    assert bash("tacho", "import", "-")[:2] == ["--output", "--force"]
    assert bash("tacho", "info", "-") == ["--json", "--help"]
    assert bash("tacho", "label", "-") == ["--quiet", "--help"]
    assert bash("tacho", "scope", "-") == ["--category", "--quiet", "--help"]
    assert bash("tacho", "doctor", "") == ["--json", "--help"]


def test_bash_completes_recordings(folder):
    assert bash("tacho", "report", "run", cwd=folder) == ["run", "one.tacho"]
    assert bash("tacho", "report", "no", cwd=folder) == []
    assert "notes.txt" in bash("tacho", "import", "", cwd=folder)
    assert bash("tacho", "export", "", cwd=folder) == ["run", "one.tacho", "sub"]


def test_bash_completes_processes():
    own = str(os.getpid())
    assert own in bash("tacho", "record", "-p", own)
    assert f"1,{own}" in bash("tacho", "record", "-p", f"1,{own}")
    assert bash("tacho", "record", "-p", f"{own},{own}") == []


def test_bash_completes_the_recorded_command():
    assert "sleep" in bash("tacho", "record", "sle")
    assert "sleep" in bash("tacho", "record", "-i", "1", "--wait", "=", "root", "--", "sle")
    # What follows the command is its own.
    assert "--interval" not in bash("tacho", "record", "ls", "--")


def test_bash_completes_fields():
    if not TACHO.exists():
        pytest.skip("no tacho here")
    assert bash(TACHO, "export", "--fields", "time,num_t") == ["time,num_threads"]
    fields = bash(TACHO, "export", "--table", "processes", "--fields", "max_rss")
    assert fields == ["max_rss", "max_rss_anon", "max_rss_file", "max_rss_shmem"]


def test_fish_completes_commands():
    assert fish("tacho rec") == ["record"]
    assert {"record", "report", "export", "info", "doctor"} <= set(fish("tacho "))


def test_fish_completes_options_and_values():
    assert "--interval" in fish("tacho record --i")
    assert fish("tacho record --repeat 5 --wait ") == ["root", "tree"]
    assert fish("tacho record --wait ") == ["root", "tree"]
    assert fish("tacho export x.tacho --to j") == ["jsonl"]
    assert fish("tacho report --w") == ["--width"]
    assert fish("tacho report --metrics cpu,mem") == ["cpu,memory"]
    assert fish("tacho diff a --fa") == ["--fail-above"]
    assert fish("tacho diff --metrics wall,read") == ["wall,read_bytes"]
    assert fish("tacho top --i") == ["--interval"]
    assert fish("tacho export --in") == []


def test_fish_completes_recordings(folder):
    assert "run one.tacho" in fish("tacho report run", cwd=folder)
    # Others come only where no recording fits.
    assert fish("tacho report ", cwd=folder)[0] == "run one.tacho"


def test_fish_completes_processes():
    own = str(os.getpid())
    assert own in fish(f"tacho record -p {own}")
    assert f"1,{own}" in fish(f"tacho record -p 1,{own}")


def test_fish_completes_the_recorded_command():
    assert "sleep" in fish("tacho record sle")
    assert "sleep" in fish("tacho record -i 1 -- sle")
    assert "--interval" not in fish("tacho record ls --")


def test_fish_completes_fields():
    if not TACHO.exists():
        pytest.skip("no tacho here")
    assert "time,num_threads" in fish("tacho export --fields time,num_t")


@pytest.mark.parametrize(
    "line, completed",
    [
        ("tacho rec", "tacho record "),
        ("tacho record --inte", "tacho record --interval="),
        ("tacho record --wait=t", "tacho record --wait=tree "),
        ("tacho export --table=mach", "tacho export --table=machine "),
        ("tacho report ru", "tacho report run\\ one.tacho "),
        ("tacho diff --metri", "tacho diff --metrics="),
        ("tacho diff ru", "tacho diff run\\ one.tacho "),
        ("tacho report --jso", "tacho report --json "),
        ("tacho record ls no", "tacho record ls notes.txt "),
    ],
)
def test_zsh_completes(line, completed, folder):
    assert zsh(line, folder) == completed


def test_zsh_completes_fields(folder):
    if not TACHO.exists():
        pytest.skip("no tacho here")
    line = zsh("tacho export --fields=time,num_t", folder)
    assert line.rstrip(",") == "tacho export --fields=time,num_threads"
