"""tacho report --plot: figures that agree with the summary, pictures that are whole, strings that do nothing."""

import math
import os
import shutil
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from support import BURNER, record, report, run

JOB = os.environ.get("HOSTILE", str(Path(BURNER).parent / "hostile"))

# What ran commands or broke files in some place of gnuplot's, and what may break a picture.
HOSTILE = [
    b"`touch canary`", b"$(touch canary)", b"a\n!touch canary\n", b"\nEOD\nsystem('touch canary')\n",
    b"<touch canary", b"|touch canary", b"'.system('touch canary').'", b"\".system(\"touch canary\").\"",
    b"]]><x>&amp;", b"<script>1</script>", b"bad \xff\xfe\xc3( utf-8", b"\xef\xbf\xbe\xef\xbf\xbf",
    "\u202etxt.exe\u2066".encode(), b"it's \"quoted\"", b"ends in \\", b"\\", b"'", b"\"", b"@macro %s %d",
    b"{/Symbol a}^2_3~x{y}", b"\x1b[31m\x00red"[:6], b"#comment", b"a\tb\r\nc", b"x" * 3000, b"\x01\x02",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    words = [text.hex() for text in HOSTILE]
    result = record(folder / "hostile.tacho", JOB, *words, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "hostile.tacho"


def need_gnuplot():
    if not shutil.which("gnuplot"):
        pytest.skip("no gnuplot here")


def plot(path, folder, *options, **kwargs):
    need_gnuplot()
    result = run("report", path, "--plot", folder, *options, **kwargs)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("\n") == 1 and "drawn" in result.stderr
    return result


def rows(path):
    """The columns of a .dat by name; every line has as many cells."""
    lines = path.read_text().split("\n")
    assert lines.pop() == ""
    names = lines[0].split("\t")
    cells = [line.split("\t") for line in lines[1:]]
    assert all(len(row) == len(names) for row in cells)
    return {name.strip('"'): [float(row[i]) for row in cells] for i, name in enumerate(names)}


def amount(columns, name):
    """What a rate comes to. Moments are in the middle of buckets, of which the last may be shorter."""
    seconds, values = columns["seconds"], columns[name]
    width = 2 * seconds[0]
    widths = [width] * (len(seconds) - 1) + [2 * (seconds[-1] - width * (len(seconds) - 1))]
    return sum(value * width for value, width in zip(values, widths) if not math.isnan(value))


def check_pictures(folder, formats=("svg",)):
    """Each script drew whole pictures."""
    scripts = list(folder.glob("*.plt"))
    assert scripts
    for script in scripts:
        for form in ("pdf",) if script.stem == "pages" else formats:
            picture = script.with_suffix(f".{form}")
            content = picture.read_bytes()
            if form == "svg":
                assert xml.fromstring(content).tag.endswith("svg")
                assert b"<script" not in content.lower() and b"onload" not in content.lower()
            elif form == "png":
                assert content.startswith(b"\x89PNG") and b"IEND" in content[-12:]
            else:
                assert content.startswith(b"%PDF") and b"%%EOF" in content[-32:]


# ---- figures ----


def test_what_is_drawn_adds_up_to_the_summary(recording, tmp_path):
    plot(recording, tmp_path / "plots")
    summary = report(recording)
    cpu = rows(tmp_path / "plots" / "cpu.dat")
    total = amount(cpu, "all processes mean")
    assert total == pytest.approx(summary["cpu"]["total_s"], rel=0.02, abs=0.02)
    parts = [name for name in cpu if name.endswith(" mean") and name not in
             ("all processes mean", "machine mean")]
    if parts:
        assert sum(amount(cpu, name) for name in parts) == pytest.approx(total, rel=0.05)
    calls = rows(tmp_path / "plots" / "calls.dat")
    for name, key in (("read mean", "read_chars"), ("written mean", "write_chars")):
        assert amount(calls, name) == pytest.approx(summary["io"][key], rel=0.02)
    memory = rows(tmp_path / "plots" / "memory.dat")
    peak = max(value for value in memory["all processes max"] if not math.isnan(value))
    assert peak <= summary["memory"]["peak_rss_bytes"]


def test_pictures_can_be_drawn_again_by_hand(recording, tmp_path):
    plot(recording, tmp_path, "--format", "svg,png,pdf", "--metrics", "cpu,memory")
    check_pictures(tmp_path, ("svg", "png", "pdf"))
    (tmp_path / "cpu.svg").unlink()
    subprocess.run(["gnuplot", "cpu.plt"], cwd=tmp_path, check=True, timeout=60)
    assert xml.fromstring((tmp_path / "cpu.svg").read_bytes()).tag.endswith("svg")


def test_metrics_are_chosen(recording, tmp_path):
    plot(recording, tmp_path, "--metrics", "memory,tcp,cpu")
    assert {path.stem for path in tmp_path.glob("*.plt")} == {"overview", "all", "cpu", "memory", "tcp"}
    check_pictures(tmp_path)


def test_several_stand_side_by_side(recording, tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    for i in range(3):
        shutil.copy(recording, folder / f"{i}.tacho")
    plot(folder, tmp_path / "few")
    names = (tmp_path / "few" / "ranks-cpu.dat").read_text().split("\n")[0].split("\t")
    assert len(names) == 1 + 3 * 3
    for i in range(3, 20):
        shutil.copy(recording, folder / f"{i}.tacho")
    plot(folder, tmp_path / "many", "--metrics", "memory")
    assert not (tmp_path / "many" / "ranks-cpu.plt").exists()
    many = rows(tmp_path / "many" / "ranks-memory.dat")
    mean, least, most = (many[f"mean of 20 {what}"] for what in ("mean", "min", "max"))
    known = [i for i, value in enumerate(mean) if not math.isnan(value)]
    assert known and all(least[i] == most[i] for i in known)  # they are all the same
    for name in ("few", "many"):
        check_pictures(tmp_path / name)


# ---- strings ----


def test_no_string_runs_a_command_or_breaks_a_picture(hostile, tmp_path):
    folder = tmp_path / "plots"
    plot(hostile, folder, "--format", "svg,pdf", cwd=tmp_path)
    plot(hostile, tmp_path / "png", "--format", "png", "--metrics", "cpu,memory", cwd=tmp_path)
    assert not list(tmp_path.rglob("*canary*")) and not list(hostile.parent.rglob("*canary*"))
    assert not any(name.startswith((b"touch", b"<", b"|", b"`")) for name in os.listdir(os.fsencode(folder)))
    check_pictures(folder, ("svg", "pdf"))
    check_pictures(tmp_path / "png", ("png",))
    summary = report(hostile)
    labels = rows_of_labels(folder / "labels.dat")
    assert len(labels) == len(summary["labels"]) == len(HOSTILE)
    counters = {path.stem for path in folder.glob("counter-*.plt")}
    assert len(counters) >= 20


def rows_of_labels(path):
    lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
    for line in lines:
        seconds, pid, text = line.split("\t")
        float(seconds), int(pid)
        assert text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return lines


# ---- refusals ----


def refuse(status, words, *args, **kwargs):
    result = run("report", *args, **kwargs)
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.count("\n") == 1 and words in result.stderr, result.stderr


def test_without_gnuplot_the_scripts_are_written(recording, tmp_path):
    refuse(1, "apt-get install gnuplot-nox", recording, "--plot", tmp_path / "plots",
           env={**os.environ, "PATH": "/nonexistent"})
    assert (tmp_path / "plots" / "cpu.dat").stat().st_size > 0
    assert (tmp_path / "plots" / "cpu.plt").stat().st_size > 0
    assert not list((tmp_path / "plots").glob("*.svg"))
    need_gnuplot()
    subprocess.run(["gnuplot", *sorted(path.name for path in (tmp_path / "plots").glob("*.plt"))],
                   cwd=tmp_path / "plots", check=True, timeout=120)
    check_pictures(tmp_path / "plots")


def test_a_gnuplot_that_fails_is_quoted(recording, tmp_path):
    broken = tmp_path / "gnuplot"
    broken.write_text("#!/bin/sh\necho first; echo 'no terminal here' >&2; exit 3\n")
    broken.chmod(0o755)
    refuse(1, "no terminal here", recording, "--plot", tmp_path / "plots",
           env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})


def test_nobody_s_settings_are_read(recording, tmp_path):
    (tmp_path / ".gnuplot").write_text("system('touch canary')\n")
    plot(recording, tmp_path / "plots", "--metrics", "cpu", env={**os.environ, "HOME": str(tmp_path)})
    assert not list(tmp_path.rglob("canary"))


def test_wrong_usage(recording, tmp_path):
    refuse(2, "'gif'", recording, "--plot", tmp_path, "--format", "svg,gif")
    refuse(2, "there are cpu, memory", recording, "--plot", tmp_path, "--metrics", "cpu,heat")
    refuse(2, "--plot", recording, "--format", "svg")
    refuse(2, "--json", recording, "--plot", tmp_path, "--json")
    refuse(2, "there are cpu, memory", recording, recording, "--plot", tmp_path, "--metrics", "tcp")
    refuse(1, "Not a directory", recording, "--plot", recording)
    refuse(1, "cannot be made", recording, "--plot", tmp_path / "no" / "where")
    assert not list(tmp_path.iterdir())


def test_links_are_not_followed(recording, tmp_path):
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "cpu.dat").symlink_to(target)
    refuse(1, "cannot be written", recording, "--plot", tmp_path / "plots")
    assert target.read_text() == "mine"
