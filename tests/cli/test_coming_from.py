"""docs/coming-from.md: all that it says to type or to write instead is run here, on a small job."""

import importlib.util
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import BURNER, MARKER, TACHO, run, wait_until

ROOT = Path(__file__).parents[2]
NVML = os.environ.get("NVML_NEW", Path(TACHO).parent / "tests/cli/libnvml-standin-new.so")
PACKAGE = Path(TACHO).parent / "python"
TEXT = (ROOT / "docs" / "coming-from.md").read_text()
SECTIONS = dict(part.split("\n", 1) for part in TEXT.split("\n## "))
TYPED = re.compile(r"(?:\w+=\w+ )?(?:tacho|mpirun|python3) ")  # a command line; else it is code


def rows(section):
    """The rows of its table, as the code in their last column."""
    for line in SECTIONS[section].splitlines():
        if line.startswith("|") and not re.match(r"\|[ -]*\||.*\| tacho \|$", line):
            *_, ours = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            yield [code.replace("\\|", "|") for code in re.findall(r"`([^`]+)`", ours)]


def blocks(section, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[section], re.MULTILINE | re.DOTALL)


TOOLS = [name for name in SECTIONS if list(rows(name))]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """`tacho` by name, a launcher that starts ranks as MPI's do: by their environment, and two GPUs."""
    programs = tmp_path_factory.mktemp("programs")
    (programs / "tacho").symlink_to(Path(TACHO).absolute())
    mpirun = programs / "mpirun"
    mpirun.write_text('#!/bin/sh\nn=$2; shift 2\nfor i in $(seq 0 $((n-1))); do\n'
                      'PMI_RANK=$i PMI_SIZE=$n "$@" & done; wait\n')
    mpirun.chmod(0o755)
    (programs / "libnvidia-ml.so.1").symlink_to(NVML)
    (programs / "gpus").write_text("gpus 2\n")
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(PACKAGE),
            "LD_LIBRARY_PATH": str(programs), "NVML_STANDIN": str(programs / "gpus"),
            "TERM": "xterm", "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, environment):
    """What the lines take for granted: the job, its recording and that of another rank, a log, a program."""
    path = tmp_path_factory.mktemp("folder")
    job = path / "job"
    job.write_text(f"#!/bin/sh\n{BURNER} burn 0.03 >/dev/null\nhead -c 100000 /dev/zero >/dev/null\n$MARKS\n")
    job.chmod(0o755)
    (path / "program.py").write_text("import time\ntry:\n    import tacho\nexcept ImportError:\n    pass\n"
                                     "time.sleep(0.1)\n")
    for rank, name in enumerate(("run.tacho", "rank1.tacho")):
        subprocess.run(["tacho", "record", "-i", "0.02", "-o", name, "--", "./job"], check=True, cwd=path,
                       env={**environment, "MARKS": f"{MARKER} each", "PMI_RANK": str(rank), "PMI_SIZE": "2"})
    (path / "app.log").write_text(run("export", path / "run.tacho", "--to", "log").stdout)
    leave_old_logs(path / "old", path / "run.tacho")
    return path


def leave_old_logs(old, recording):
    """What the other tools left."""
    old.mkdir()
    (old / "activity.txt").write_text("# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)\n"
                                      "       0.000        0.000        5.500       20.000\n"
                                      "       1.000      100.000       12.250       21.000\n")
    (old / "mprofile.dat").write_text("CMDLINE ./job\nMEM 9.500000 1714979289.2500\n"
                                      "MEM 20.500000 1714979290.2500\n")
    for name, *options in (("resources.log", "rows"), ("events.log", "rows", "--table", "scopes"),
                           ("executions", "directory"), ("ranks", "ranks"), ("duct", "duct")):
        assert run("export", recording, "-o", old / name, "--to", *options).returncode == 0


def written(place, known, lines=1):
    """Whether the line has brought so much forth by now, on stdout or in files. Of a recording any of it."""
    def has(path):
        return path.suffix == ".tacho" or path.read_bytes().count(b"\n") >= lines

    return any(has(path) for path in place.rglob("*")
               if path.relative_to(place).parts[0] not in known and path.is_file() and path.stat().st_size > 0)


def look_on(line, place, environment):
    """A command for a terminal: it shows something, and q ends it. Its exit status and last words."""
    shown, (pid, terminal) = b"", pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execvpe("sh", ["sh", "-c", f"stty rows 24 cols 80; exec {line}"], environment)
    end, asked = time.monotonic() + 60, False
    while time.monotonic() < end and select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # its end is closed
            break
        if not asked and b"CPU" in shown:
            asked = os.write(terminal, b"q") == 1
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")[-500:]


def watch(line, place, known, environment):
    """A line that goes on until it is asked to end, or what it watches does."""
    with (place / "stdout").open("w") as out:
        exact = "exec " if " -a" in line else ""
        process = subprocess.Popen(["sh", "-c", exact + line], cwd=place, env=environment, stdout=out,
                                   stderr=subprocess.PIPE, text=True)
        wait_until(lambda: written(place, known, 2) or process.poll() is not None, 60)
        if " -a" in line:
            process.send_signal(signal.SIGINT)
        return process


def type_line(line, folder, place, environment):
    """Runs a line in a copy of the folder; what is wrong with it, or None."""
    shutil.copytree(folder, place)
    outputs = re.findall(r"(?: -o| --html| --plot| >| 2>) ?(\S+)", line)
    known = {path.name for path in folder.iterdir()} - set(outputs)
    for name in outputs:
        (place / name).unlink(missing_ok=True)
    watched = [subprocess.Popen(["sleep", "100"]) for _ in range(2)]
    for pid, process in zip(("1234", "4321"), watched):
        line = re.sub(rf"\b{pid}\b", str(process.pid), line)
    try:
        if line.startswith("tacho top"):
            status, said = look_on(line, place, environment)
            return None if status == 0 else f"{line}: {status} {said}"
        process = watch(line, place, known, environment)
        for one in watched if " -p " in line else ():
            one.kill()
            one.wait()
        errors = process.communicate(timeout=100)[1]
    finally:
        for one in watched:
            one.kill()
            one.wait()
    # What was to be written is there; the report of a directory, too, says something.
    errors = re.sub(r"tacho: \S+( and \d+ more pictures)? (is|are) drawn\n", "", errors)
    missing = [name for name in outputs if not (place / name).exists() or not written(place, known)]
    silent = not written(place, known)
    if process.returncode != 0 or errors or missing or silent:
        return f"{line}: status {process.returncode}, {errors!r}, missing {missing}, silent {silent}"
    return None


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_typed(tool, folder, tmp_path, environment):
    lines = [code for row in rows(tool) for code in row if TYPED.match(code)]
    assert lines
    if "tacho top works" not in run("doctor").stdout:
        lines = [line for line in lines if not line.startswith("tacho top")]
    if not PACKAGE.is_dir():
        lines = [line for line in lines if not line.startswith("TACHO_LOG")]
    # Most of their time is the jobs' waiting.
    with ThreadPoolExecutor(4) as pool:
        wrong = pool.map(lambda numbered: type_line(numbered[1], folder, tmp_path / str(numbered[0]), environment),
                         enumerate(lines))
    assert [what for what in wrong if what is not None] == []


def test_what_comes_first(folder, tmp_path, environment):
    (block,) = blocks(next(iter(SECTIONS)), "sh")
    place = tmp_path / "place"
    shutil.copytree(folder, place)
    result = subprocess.run(["sh", "-e", "-c", block], cwd=place, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "") and "CPU" in result.stdout


def test_each_row_says_something_and_all_code_is_in_a_program():
    assert len(TOOLS) == 10
    for tool in TOOLS:
        programs = "".join(blocks(tool, "python") + blocks(tool, "ipython"))
        for row in rows(tool):
            assert row, tool
            for code in row:
                assert TYPED.match(code) or code in programs, code


@pytest.mark.parametrize("tool", [name for name in TOOLS if blocks(name, "python")])
def test_what_is_written(tool, tmp_path, environment):
    if not PACKAGE.is_dir():
        pytest.skip("this build has no Python package")
    for number, block in enumerate(blocks(tool, "python")):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "program.py").write_text(block)
        result = subprocess.run([sys.executable, "program.py"], cwd=place, env=environment, capture_output=True,
                                text=True, timeout=100)
        assert (result.returncode, result.stderr) == (0, ""), block
        for recording in place.glob("*.tacho"):
            assert run("report", recording).returncode == 0
        for log in place.glob("*.log"):
            assert "step 3" in run("report", log).stdout


def test_the_magic(tmp_path, environment):
    if not PACKAGE.is_dir() or importlib.util.find_spec("IPython") is None:
        pytest.skip("no Python package of this build, or no IPython")
    (block,) = blocks("memory_profiler (mprof)", "ipython")
    program = ("from IPython.core.interactiveshell import InteractiveShell\n"
               "shell = InteractiveShell.instance()\nshell.run_line_magic('load_ext', 'tacho')\n"
               f"shell.run_cell({block.replace('build(n)', 'build(1000)', 2)!r}).raise_error()\n")
    result = subprocess.run([sys.executable, "-c", program.replace("def build(1000)", "def build(n)")], cwd=tmp_path,
                            env={**environment, "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    assert "CPU" in result.stdout
