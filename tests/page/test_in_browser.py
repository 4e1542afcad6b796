"""The HTML page in a browser: its script and style, on made-up pages (pages.py).

The cases are in cases.mjs and run in one Chromium; here each is a test. PAGE_BUILD is a folder for what they need.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
WEB = HERE.parents[1] / "web"
BUILD = Path(os.environ["PAGE_BUILD"])
PACKAGE = ("package.json", "package-lock.json", ".npmrc")
PATIENCE_S = 600

CASES = re.findall(r'^test\("([^"]+)"', (HERE / "cases.mjs").read_text(encoding="utf-8"), re.MULTILINE)
CASES += [f"axe finds nothing, {scheme}" for scheme in ("light", "dark")]

sys.path.insert(0, str(HERE))
import pages  # noqa: E402


@pytest.fixture(scope="session")
def modules():
    """The packages of web/package-lock.json, installed once for each state of it."""
    target = BUILD / "node"
    stamp = target / "installed"
    state = hashlib.sha256(b"".join((WEB / name).read_bytes() for name in PACKAGE)).hexdigest()
    if not stamp.exists() or stamp.read_text() != state:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in PACKAGE:
            shutil.copy(WEB / name, target)
        done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=target, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            pytest.fail(f"npm ci in {target}: {done.stderr.strip()[-500:]}", pytrace=False)
        stamp.write_text(state)
    return target / "node_modules"


JOB = """
tacho label -q '</script><b>first'
tacho scope -q -c I/O write -- dd if=/dev/zero of=scratch bs=1M count=8 status=none
for i in 1 2 3; do tacho scope -q -c Compute count -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done' & done
wait
sh -c 'exit 3'
tacho label -q last
"""


def record(target):
    """real.html: a job that the program has recorded and reported."""
    tacho = Path(os.environ["TACHO_BINARY"])
    env = {**os.environ, "PATH": f"{tacho.parent}:{os.environ['PATH']}"}
    subprocess.run([tacho, "record", "-i", "0.02", "-o", "real.tacho", "--", "sh", "-c", JOB], cwd=target, env=env, check=True)
    subprocess.run([tacho, "report", "real.tacho", "--html", "real.html"], cwd=target, env=env, check=True)


@pytest.fixture(scope="session")
def results(request, modules, tmp_path_factory):
    """What came of each case that is wanted, all in one browser."""
    wanted = [item.callspec.params["case"] for item in request.session.items if "case" in getattr(item, "fixturenames", ())]
    target = tmp_path_factory.mktemp("pages")
    pages.write(target)
    if not wanted or any("program" in case for case in wanted):
        record(target)
    done = subprocess.run(["node", HERE / "harness.mjs", modules, target, *wanted], capture_output=True, text=True, timeout=PATIENCE_S)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {line["name"]: line for line in lines}
    found[None] = done.stderr[-2000:]
    return found


@pytest.mark.parametrize("case", CASES)
def test_in_a_browser(case, results):
    assert case in results, f"it did not run: {results[None]}"
    print(results[case]["ms"], "ms")
    for note in results[case]["notes"]:
        print(note)
    if results[case]["error"]:
        pytest.fail(results[case]["error"], pytrace=False)


def test_uplot_is_as_its_package_ships_it(modules):
    for name, vendored in {"dist/uPlot.iife.min.js": "uPlot.iife.min.js", "dist/uPlot.min.css": "uPlot.min.css", "LICENSE": "LICENSE"}.items():
        assert (modules / "uplot" / name).read_bytes() == (WEB / "vendor" / vendored).read_bytes(), vendored
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/uplot"]["version"] == "1.6.32"
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def c_text(definition):
    """The bytes of a C string literal that embed.py wrote."""
    out = bytearray()
    for line in re.findall(r'^        "(.*)",?$', definition, re.MULTILINE):
        out += re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), line.encode())
    return bytes(out)


def test_what_is_embedded_is_what_its_hash_says(tmp_path):
    made = []
    for name in ("a.c", "b.c"):
        subprocess.run([WEB / "embed.py", tmp_path / name], check=True)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    text = made[0].decode("ascii")
    script, style = text.split("const struct embedded page_style")
    for definition, expected in ((script, pages.embed.script()), (style, pages.embed.style())):
        raw = c_text(definition)
        assert raw == expected.encode()
        assert f".bytes = {len(raw)}," in definition
        assert f'.hash = "{pages.embed.csp_hash(expected)}"' in definition


def test_embedding_refuses_what_would_end_the_element(tmp_path):
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "page.js").write_text("// </SCRIPT >\n")
    done = subprocess.run([copy / "embed.py", tmp_path / "out.c"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "page.js must not contain '</script'" in done.stderr
    assert not (tmp_path / "out.c").exists()
