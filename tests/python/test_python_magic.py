"""%tacho and %%tacho in a real IPython: what they run, show, and refuse."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest
from marked import PLAIN, SANITIZED, TACHO, counts, labels, python, report

pytest.importorskip("IPython", reason="no IPython here: apt-get install python3-ipython")

# Runs the cells of a notebook that stdin has, and says what each displayed.
KERNEL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance(colors="NoColor")
said = []
for cell in json.load(sys.stdin):
    with capture_output() as shown:
        result = shell.run_cell(cell, store_history=True)
    said.append({"stdout": shown.stdout, "stderr": shown.stderr, "displayed": [dict(o.data) for o in shown.outputs],
                 "value": repr(result.result), "error": type(result.error_in_exec or result.error_before_exec).__name__})
json.dump(said, sys.__stdout__)
"""
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</svg><script>alert(1)</script>&\"'\u202e\x1b[2J"

# Long enough for samples, however slow the machine: it waits for time, not for work.
SPIN = "import time, tacho\nbegun = time.monotonic()\nwhile time.monotonic() - begun < 0.2: sum(range(1000))\n"


def cells(directory, *sources, around=()):
    """What each cell displayed, with the extension loaded before."""
    (directory / "kernel.py").write_text(KERNEL)
    environment = {**PLAIN, "IPYTHONDIR": str(directory / "ipython"), "TMPDIR": str(directory)}
    result = subprocess.run([*around, sys.executable, "kernel.py"], input=json.dumps(["%load_ext tacho", *sources]),
                            capture_output=True, text=True, cwd=directory, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr
    loaded, *said = json.loads(result.stdout)
    assert loaded["error"] == "NoneType" and not loaded["stdout"], loaded
    assert not list(directory.glob("tacho-*")), "nothing temporary stays"
    return said


def text(cell):
    (shown,) = cell["displayed"]
    return shown["text/plain"]


def picture(cell):
    """The <svg> of a cell, parsed: what is not well-formed fails here."""
    (shown,) = cell["displayed"]
    return xml.fromstring(shown["text/html"]).find(SVG + "svg")


def texts(element):
    """What stands in it, tooltips apart."""
    return [(node.text or "") + "".join(title.tail or "" for title in node) for node in element.iter(SVG + "text")]


def test_a_cell_is_run_and_shown(tmp_path):
    first, then = cells(tmp_path, f"""%%tacho --interval 0.02
{SPIN}
keep = bytearray(64 << 20)
with tacho.scope("load", category="I/O"):
    with tacho.scope("inner"):
        time.sleep(0.1)
    tacho.label("loaded")
for i in range(20):
    with tacho.scope("solve"):
        pass
import threading
other = threading.Thread(target=tacho.scope("elsewhere")(lambda: None))
other.start(); other.join()
x = 41
x + 1""", "x, len(keep)")
    assert (first["value"], first["error"], then["value"]) == ("42", "NoneType", "(41, 67108864)")
    assert "Out[2]: 42" in first["stdout"]
    said = text(first)
    assert re.match(r"In \[2\] took [\d.:]+ (m?s)?", said)
    assert re.search(r"memory \d.* MiB at the peak", said) and re.search(r"[6-9]\d\.\d MiB more at the end", said)
    assert re.search(r"  1 x  load \[I/O\]$", said, re.MULTILINE) and re.search(r" 20 x  solve$", said, re.MULTILINE)
    assert re.search(r"at +[\d.]+ s  loaded$", said, re.MULTILINE)
    assert "scopes in other threads and processes: 1, which" in said and "elsewhere" not in said
    svg = picture(first)
    assert {"CPU", "cores", "Memory", "MiB", "load", "solve", "loaded", "a"} <= set(texts(svg))
    assert "inner" not in texts(svg)  # stands in load
    assert len(svg.findall(SVG + "polyline")) == 2
    bars = {rect.find(SVG + "title").text for rect in svg.iter(SVG + "rect")}
    assert bars == {"load", "solve"}


def test_the_figures_are_the_recordings(tmp_path):
    cell, after = cells(tmp_path, f"%%tacho --interval 0.02 --output kept.tacho -o\n{SPIN}\n"
                        "with tacho.scope('one'): time.sleep(0.05)\n7",
                        "import json; json.dumps([_.summary, _.value, _.name, _.recording.scopes('one').tolist(),\n"
                        "            _.recording.wall_s, len(_.samples), _.path])")
    assert cell["value"].startswith("<tacho cell In [2]: ")
    summary, value, name, ((begin, end),), wall_s, samples, path = json.loads(eval(after["value"]))
    assert (value, name, path) == (7, "In [2]", str(tmp_path / "kept.tacho"))
    (scope,) = summary["scopes"]
    assert scope == {"name": "one", "category": "", "count": 1, "total_s": pytest.approx(end - begin)}
    assert 0.25 <= summary["wall_s"] <= wall_s and samples >= 3
    cpu, memory = summary["cpu"], summary["memory"]
    assert 0 < cpu["total_s"] == pytest.approx(cpu["user_s"] + cpu["system_s"])
    kept = report(tmp_path / "kept.tacho")
    assert counts(kept) == {"In [2]": 1, "one": 1}
    assert cpu["total_s"] <= kept["cpu"]["total_s"] + 0.02
    assert memory["peak_rss_bytes"] <= kept["memory"]["peak_rss_bytes"]
    assert "see: tacho report " in text(cell)


def test_hostile_texts_are_only_text(tmp_path):
    (cell,) = cells(tmp_path, f"%%tacho --interval 0.02\n{SPIN}\nhostile = {HOSTILE!r}\ntacho.label(hostile)\n"
                    "tacho.label('\\udc80')\nwith tacho.scope(hostile, category=hostile): time.sleep(0.05)")
    svg = picture(cell)
    elements = {node.tag.replace(SVG, "") for node in svg.iter()}
    assert elements == {"svg", "title", "text", "line", "polyline", "polygon", "rect"}
    assert any("</svg><script>" in line for line in texts(svg))
    shown = cell["displayed"][0]
    assert "<script" not in shown["text/html"] and "\\udc80" in shown["text/html"]
    for form in shown.values():
        assert "\x1b" not in form and "\u202e" not in form


def test_exceptions_are_shown_and_so_is_the_summary(tmp_path):
    failing, after, wrong, left = cells(tmp_path, "%%tacho\nimport tacho\nx = 1\nwith tacho.scope('s'):\n    1 / 0",
                                        "x", "%%tacho\nif :", "%%tacho\nraise SystemExit(3)")
    assert failing["error"] == "ZeroDivisionError" and "----> 4" in failing["stdout"]
    assert "until ZeroDivisionError" in text(failing) and " 1 x  s" in text(failing)
    assert "s: ZeroDivisionError" in text(failing)
    assert after["value"] == "1"
    assert wrong["error"] == "SyntaxError" and not wrong["displayed"]
    assert left["error"] == "SystemExit" and "until SystemExit" in text(left)


def test_short_cells_and_children(tmp_path):
    cell, parent = cells(tmp_path, "%%tacho --interval 3600\nimport tacho\nwith tacho.scope('brief'): pass",
                         "%%tacho\nimport subprocess, sys\n"
                         "code = 'import time\\nwhile time.process_time() < 0.1: pass'\n"
                         "subprocess.run([sys.executable, '-S', '-c', code], check=True);")
    assert re.search(r"programs it started and waited for took [\d.]+ s of CPU more", text(parent))
    assert set(cell["displayed"][0]) == {"text/plain"}
    assert "too short for a plot: no sample (one each 1:00:00) fell into it" in text(cell)
    assert "took" in text(cell) and " 1 x  brief" in text(cell)


def test_statements(tmp_path):
    line, assigned, quiet, negative, plain, inside = cells(
        tmp_path, "%tacho 6 * 7", "y = %tacho -o --no-plot sum(range(10))\n(y.value, y.error, y.summary['labels'])",
        "%%tacho\n5;", "%tacho --no-plot -- -3", f"%%tacho --no-plot --interval=0.02\n{SPIN}",
        "def f(z):\n    %tacho z + 1\n    return get_ipython().run_line_magic('tacho', 'z + 1')\nf(1)")
    assert line["value"] == "42" and "took" in text(line)
    assert assigned["value"] == "(45, None, [])"
    assert quiet["value"] == "None" and "took" in text(quiet)
    assert negative["value"] == "-3"
    assert set(plain["displayed"][0]) == {"text/plain"}
    assert inside["value"] == "2" and len(inside["displayed"]) == 2


@pytest.mark.parametrize("line, said", [
    ("%%tacho --interval\n1", "--interval needs a value"),
    ("%%tacho --interval never\n1", "--interval must be from 0.001 to 86400 seconds, not 'never'"),
    ("%%tacho --interval nan\n1", "--interval must be from 0.001"),
    ("%%tacho --intervall 1\n1", "no option --intervall; options are --interval SECONDS"),
    ("%%tacho f()\n1", "not behind it: 'f()'"),
    ("%tacho", "nothing to run: %tacho STATEMENT"),
    ("%tacho --no-plot", "nothing to run"),
    ("%%tacho --output kernel.py\nran = 1", "kernel.py exists already; --replace writes over it"),
    ("%%tacho --output 'kernel.py/x'\nran = 1", "cannot record: "),
    ("%%tacho\nimport asyncio\nawait asyncio.sleep(0)", "await at the top"),
])
def test_wrong_uses_are_one_line(bad_uses, line, said):
    cell = bad_uses[line]
    assert not cell["displayed"] and not cell["stdout"]
    (complaint,) = cell["stderr"].strip().splitlines()
    assert complaint.startswith("UsageError: tacho: ") and said in complaint


@pytest.fixture(scope="module")
def bad_uses(tmp_path_factory):
    (mark,) = [m for m in test_wrong_uses_are_one_line.pytestmark if m.name == "parametrize"]
    lines = [line for line, _ in mark.args[1]]
    *said, ran = cells(tmp_path_factory.mktemp("bad"), *lines, "'ran' in globals()")
    assert ran["value"] == "False"
    return dict(zip(lines, said))


def test_inside_another_recording(tmp_path):
    begun, cell, last, nested = cells(
        tmp_path, "import tacho; tacho.start('all.tacho', interval=0.02)", f"%%tacho --output no.tacho\n{SPIN}\n"
        "with tacho.scope('mine'): pass", "tacho.stop()", f"%%tacho --interval 0.02\n{SPIN}\n%tacho -o 1 + 1")
    assert begun["value"] == "'all.tacho'" and last["error"] == "NoneType"
    assert f"recorded already into {tmp_path}/all.tacho: there the cell is the scope In [3]" in text(cell)
    assert "--output no.tacho was not written" in text(cell) and not (tmp_path / "no.tacho").exists()
    assert " 1 x  mine" in text(cell) and picture(cell) is not None
    assert counts(report(tmp_path / "all.tacho")) == {"In [3]": 1, "mine": 1}
    inner, outer = (shown["text/plain"] for shown in nested["displayed"])
    assert "recorded already for the cell around this: there the cell is the scope In [5]" in inner and "recorded already" not in outer
    assert " 1 x  In [5]" in outer


def test_under_tacho_record(tmp_path):
    (cell,) = cells(tmp_path, "%%tacho\nimport tacho\ntacho.label('said')\n3",
                    around=[TACHO, "record", "-q", "-o", "outer.tacho", "--"])
    assert cell["value"] == "3"
    assert "recorded already, by another process" in text(cell) and "In [2] took" in text(cell)
    summary = report(tmp_path / "outer.tacho")
    assert counts(summary) == {"In [2]": 1} and labels(summary) == ["said"]


def test_a_cell_that_ends_its_recording_or_moves_away(tmp_path):
    ended, again, moved = cells(tmp_path, "%%tacho\nimport tacho\ntacho.stop()", "%tacho 1",
                                "%%tacho --output here.tacho\nimport os\nos.chdir('/')")
    assert "has itself ended the recording" in text(ended)
    assert "In [3] took" in text(again)
    assert "no summary" not in moved["stderr"] and f"see: tacho report {tmp_path}/here.tacho" in text(moved)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own time")
def test_import_stays_light():
    result = python("-X", "importtime", "-c", "import sys, tacho; assert not {'IPython', 'numpy', 'ast', 'inspect', "
                    "'tacho._magic', 'tacho._cell', 'typing'} & set(sys.modules), sorted(sys.modules)")
    assert result.returncode == 0, result.stderr


def test_no_ipython_no_harm(tmp_path):
    """Who has no IPython has the rest."""
    (tmp_path / "IPython.py").write_text("raise ImportError('none')")
    result = python("-c", "import tacho; tacho.label('x')", env={"PYTHONPATH": os.pathsep.join(
        [str(tmp_path), PLAIN["PYTHONPATH"]])})
    assert result.returncode == 0, result.stderr
