#!/usr/bin/env python3
"""Pages from made-up columns, in the form of web/README.md, with the script and style that go into the program.

    tests/page/pages.py DIR      writes them all, to look at

What no recorder makes in seconds is made here: a million scopes, ten thousand processes, texts that attack.
"""

import base64
import html
import importlib.util
import json
import math
import random
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC_ROWS = 1000
SERIES_A_BLOCK = 50
BLOCK_BYTES = 500000

spec = importlib.util.spec_from_file_location("embed", ROOT / "web/embed.py")
embed = importlib.util.module_from_spec(spec)
spec.loader.exec_module(embed)


def varint(u):
    out = bytearray()
    while u >= 128:
        out.append(u & 127 | 128)
        u >>= 7
    out.append(u)
    return bytes(out)


SHORT = [varint(u) for u in range(1 << 14)]


def difference(d):
    u = (2 * d if d >= 0 else -2 * d - 1) + 1
    return SHORT[u] if u < len(SHORT) else varint(u)


def encoded(values, scale):
    out = bytearray()
    known = 0
    for value in values:
        if value is None:
            out.append(0)
            continue
        whole = round(value * scale)
        out += difference(whole - known)
        known = whole
    return bytes(out)


class Contents:
    """The one object that the page holds for the script, and the blocks it points into."""

    def __init__(self, to_s):
        self.blocks = [bytearray()]
        self.columns = 0
        self.texts = {}
        self.object = {
            "version": 1, "to_s": to_s, "started_unix_s": 1700000000.25, "labels": None, "charts": [],
            "processes": None, "categories": [], "threads": [],
        }

    def raw(self, encoded_bytes, scale=1):
        if self.columns == SERIES_A_BLOCK or len(self.blocks[-1]) > BLOCK_BYTES:
            self.blocks.append(bytearray())
            self.columns = 0
        self.columns += 1
        place = {"block": len(self.blocks) - 1, "at": len(self.blocks[-1]), "bytes": len(encoded_bytes)}
        self.blocks[-1] += encoded_bytes
        return {**place, "scale": scale}

    def column(self, values, scale=1):
        return self.raw(encoded(values, scale), scale)

    def repeated(self, differences, times, scale=1):
        """A column of differences that come again and again: made at once however long it is."""
        return self.raw(b"".join(difference(d) for d in differences) * times, scale)

    def text(self, text):
        return self.texts.setdefault(text, len(self.texts))

    def labels(self, labels):
        """labels: (at, text, pid)"""
        at, text, pid = zip(*labels)
        self.object["labels"] = {
            "count": len(labels), "at": self.column(at, 1000000),
            "text": self.column([self.text(t) for t in text]), "pid": self.column(pid),
        }

    def chart(self, key, title, unit, bucket_s, lines, limit=None):
        """lines: dicts with name, mean and maybe kind, pid, stacked, min, max; columns as lists."""
        made = []
        scale = 1 if unit.startswith("bytes") else 1000
        for line in lines:
            one = {"name": line["name"], "kind": line.get("kind", "whole"), "pid": line.get("pid"),
                   "stacked": line.get("stacked", False)}
            for name in ("mean", "min", "max"):
                if name in line:
                    one[name] = self.column(line[name], scale)
            made.append(one)
        self.object["charts"].append({
            "key": key, "title": title, "unit": unit, "bucket_s": bucket_s, "count": len(lines[0]["mean"]),
            "limit": limit, "lines": made,
        })

    def processes(self, rows):
        """rows: dicts, in order of the tree; parent is a row or None."""
        columns = {"start": 1000000, "end": 1000000, "cpu": 1000000, "parent": 1, "pid": 1, "status": 1, "rss": 1,
                   "read": 1, "written": 1, "threads": 1}
        made = {"count": len(rows)}
        for name, scale in columns.items():
            made[name] = self.column([row.get(name) for row in rows], scale)
        for name in ("name", "command"):
            made[name] = self.column([self.text(row[name]) for row in rows])
        self.object["processes"] = made

    def scripts(self):
        blocks = list(self.blocks)
        texts = json.dumps(list(self.texts), ensure_ascii=False).encode("utf-8", "replace")
        contents = {**self.object, "texts": {"block": len(blocks), "at": 0, "bytes": len(texts)}}
        blocks.append(texts)
        text = json.dumps(contents, ensure_ascii=False)
        for character in "<>&\u2028\u2029":
            text = text.replace(character, f"\\u{ord(character):04x}")
        yield f'<script type="application/json" id="page">{text}</script>\n'
        for i, block in enumerate(blocks):
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = base64.b64encode(packer.compress(bytes(block)) + packer.flush()).decode()
            yield f'<script type="text/plain" id="block-{i}">{packed}</script>\n'


def shown(text):
    return html.escape(str(text))


def number(value, words):
    if value is None:
        return '<td class="number"></td>'
    return f'<td class="number"><data value="{value}">{shown(words)}</data></td>'


def duration(seconds):
    if seconds >= 59.95:
        return f"{int(seconds) // 60}:{round(seconds) % 60:02}"
    return f"{seconds:.2f} s"


def size(value):
    if value is None:
        return ""
    unit = 0
    while value >= 999.5 and unit < 4:
        value /= 1024
        unit += 1
    return f"{value:.3g} " + ("B", "KiB", "MiB", "GiB", "TiB")[unit]


def ended(status):
    if status is None:
        return "<td></td>"
    words = f"exit {status}" if status < 256 else f"signal {status - 256}"
    return f'<td{" class=bad" * (status > 0)}><data value="{status}">{words}</data></td>'


PROCESS_HEADERS = [("name", "process"), ("pid", "PID"), ("start", "start"), ("wall", "wall"), ("cpu", "CPU"),
                   ("rss", "peak RSS"), ("read", "read"), ("written", "written"), ("threads", "threads"),
                   ("status", "ended by"), ("command", "command")]


def process_table(rows, to_s):
    depths = []
    for row in rows:
        depths.append(0 if row["parent"] is None else depths[row["parent"]] + 1)
    out = ['<section id="processes"><h2>Processes</h2>\n<table id="process-table" class="sortable tree"><thead><tr>']
    for key, words in PROCESS_HEADERS:
        kind = "" if key in ("name", "status", "command") else ' class="number"'
        out.append(f'<th scope="col" data-column="{key}"{kind}>{words}</th>')
    out.append("</tr></thead><tbody>\n")
    for i, row in enumerate(rows[:STATIC_ROWS]):
        wall = (to_s if row["end"] is None else row["end"]) - row["start"]
        out.append(
            f'<tr data-row="{i}" data-depth="{depths[i]}"><td>{shown(row["name"])}</td>' + number(row["pid"], row["pid"])
            + number(row["start"], duration(row["start"])) + number(wall, duration(wall))
            + number(row["cpu"], duration(row["cpu"])) + number(row["rss"], size(row["rss"]))
            + number(row["read"], size(row["read"])) + number(row["written"], size(row["written"]))
            + number(row["threads"], row["threads"]) + ended(row["status"])
            + f'<td><code>{shown(row["command"])}</code></td></tr>\n')
    return "".join(out) + "</tbody></table></section>\n"


def bar(shares):
    x = 0.0
    parts = []
    for i, share in shares:
        parts.append(f'<rect x="{x:.2f}" width="{100 * share:.2f}" height="10" class="{i}"></rect>')
        x += 100 * share
    label = ", ".join(f"{100 * share:.0f} %" for _, share in shares)
    return (f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{label}">'
            + "".join(parts) + "</svg>")


def categories_section(names, ranks):
    head = "".join(f'<th scope="col" class="number">{shown(name)}</th>' for name in names)
    rows = []
    for rank, seconds in ranks:
        whole = sum(seconds)
        shares = [(f"category-{i}" if i + 1 < len(seconds) else "category-other", s / whole) for i, s in enumerate(seconds)]
        rows.append(f'<tr><th scope="row">{shown(rank)}</th><td>{bar(shares)}</td>'
                    + "".join(number(s, f"{s:.1f} s") for s in seconds) + "</tr>")
    return ('<section id="categories"><h2>Time per category and process</h2>\n<table class="sortable"><thead><tr>'
            f'<th scope="col">process</th><th scope="col" data-unsorted>share</th>{head}</tr></thead><tbody>'
            + "\n".join(rows) + "</tbody></table></section>\n")


def scopes_section(rows):
    head = "".join(f'<th scope="col"{c}{s}>{w}</th>' for w, c, s in [
        ("scope", "", ""), ("category", "", ""), ("count", ' class="number"', ""),
        ("total", ' class="number"', ' aria-sort="descending"'), ("mean", ' class="number"', "")])
    body = "\n".join(
        f"<tr><td>{shown(name)}</td><td>{shown(category)}</td>{number(count, count)}{number(total, duration(total))}"
        f"{number(total / count, duration(total / count))}</tr>" for name, category, count, total in rows)
    return ('<section id="scopes"><h2>Scopes</h2>\n<table class="sortable"><thead><tr>' + head + "</tr></thead><tbody>"
            + body + "</tbody></table></section>\n")


def page(contents, title, command, verdict, cards, findings, sections="", messages=()):
    script, style = embed.script(), embed.style()
    csp = (f"default-src 'none'; script-src '{embed.csp_hash(script)}'; style-src '{embed.csp_hash(style)}'; img-src data:; "
           "base-uri 'none'; form-action 'none'")
    made = contents.object
    processes = ('<section id="process-lanes"><h2>Processes over time</h2><div class="picture"></div></section>\n'
                 if made["processes"] else "")
    scopes = ('<section id="scope-lanes"><h2>Scopes over time</h2><div class="picture"></div></section>\n'
              if made["threads"] else "")
    return "".join([
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{csp}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{shown(title)}</title>\n<style>{style}</style>\n<script>{script}</script></head>\n<body>\n",
        f'<header class="session"><h1>{shown(title)}</h1>\n<p><code>{shown(command)}</code></p>\n',
        "<p>node-07, 8 processors, 59.6 GiB. Started 2026-03-04 09:15:00 +0000, 10 samples a second.</p></header>\n",
        f'<main>\n<p class="verdict {verdict[0]}">{shown(verdict[1])}</p>\n<ul class="cards">\n',
        *(f'<li><data value="{v}" data-json="x">{shown(w)}</data> <span>{shown(n)}</span></li>\n' for v, w, n in cards),
        '</ul>\n<ul class="findings">\n',
        *(f'<li class="{kind}"><strong>{shown(what)}</strong> {shown(advice)}</li>\n' for kind, what, advice in findings),
        '</ul>\n<section id="charts"><h2>Over time</h2><div class="controls"></div><div class="pictures"></div></section>\n',
        processes, scopes, sections,
        '<section id="messages"><h2>Messages</h2>' + ("<ul>" + "".join(f"<li>{shown(m)}</li>" for m in messages) + "</ul>"
                                                      if messages else '<p class="empty">None.</p>') + "</section>\n",
        '<section id="method"><h2>Method and limits</h2><dl><dt>followed by</dt><dd>bpf: every birth and end is seen.</dd>'
        "<dt>CPU</dt><dd>exact, from the kernel at exit.</dd><dt>memory</dt><dd>sampled ten times a second.</dd></dl></section>\n",
        "</main>\n", *contents.scripts(), "</body></html>\n",
    ])


# A job as people have them: a build, tests, a solver with checkpoints.

STAGES = [("build", 0, 420), ("tests", 425, 700), ("solve", 712, 1780)]
CHECKPOINTS = [840 + 120 * i for i in range(8)]
SECONDS = 1800


def level_at(t):
    if any(c <= t < c + 12 for c in CHECKPOINTS):
        return 1.9
    return {"build": 7.3, "tests": 3.1, "solve": 7.7}[next((n for n, a, b in STAGES if a <= t < b), "build")] if any(
        a <= t < b for _, a, b in STAGES) else 0.15


def pipeline_processes(dice, jobs, tests_at_once):
    def process(parent, pid, name, command, start, end, cpu, status=0, rss=30 << 20):
        return {"parent": parent, "pid": pid, "name": name, "command": command, "start": start, "end": end, "cpu": cpu,
                "status": status, "rss": rss, "read": dice.randrange(1 << 24), "written": dice.randrange(1 << 22), "threads": 1}

    rows = [process(None, 20000, "bash", "bash ./pipeline.sh --all", 0, SECONDS, 1.2, rss=5 << 20)]
    rows.append(process(0, 20001, "make", "make -j8 all", 2, 420, 3, rss=17 << 20))
    pid = 20002
    for slot in range(jobs):
        t = 2.5 + slot * 0.2
        while t < 410:
            long = dice.uniform(0.8, 6)
            gcc = len(rows)
            status = 1 if dice.random() < 0.01 else 0
            rows.append(process(1, pid, "gcc", f"gcc -O2 -c src/file{pid}.c", t, t + long, 0.02, status))
            rows.append(process(gcc, pid + 1, "cc1", f"cc1 -quiet src/file{pid}.c -O2", t + 0.05, t + long * 0.8, long * 0.7,
                                status, 90 << 20))
            if not status:
                rows.append(process(gcc, pid + 2, "as", "as -o file.o", t + long * 0.8, t + long - 0.02, long * 0.05))
            pid += 3
            t += long + dice.uniform(0.01, 0.3)
    tests = len(rows)
    rows.append(process(0, pid, "python3", "python3 -m pytest -n 4 tests/", 425, 700, 40, rss=205 << 20))
    for slot in range(tests_at_once):
        t = 427 + slot * 0.3
        while t < 690:
            long = dice.expovariate(0.25) + 0.2
            pid += 1
            rows.append(process(tests, pid, f"test-{dice.randrange(40)}", f"./tests/run {pid}", t, min(699, t + long), long * 0.2,
                                139 + 117 + 11 if dice.random() < 0.01 else 0))
            t += long + 0.1
    mpi = len(rows)
    rows.append(process(0, 24900, "mpirun", "mpirun -n 8 ./solver --grid 4096", 710, 1785, 5))
    for rank in range(8):
        rows.append(process(mpi, 24901 + rank, "solver", "./solver --grid 4096", 712, 1780, 990, rss=3 << 30))
    rows.append(process(mpi, 24990, "monitor", "monitor --quiet", 713, None, 0.4))
    return rows


def pipeline(bucket_s=2, jobs=1, tests_at_once=2):
    dice = random.Random(7)
    contents = Contents(SECONDS)
    count = round(SECONDS / bucket_s)
    times = [i * bucket_s for i in range(count)]
    level = [level_at(t) for t in times]
    mean = [max(0.0, v + dice.gauss(0, 0.12 if v > 1 else 0.02)) for v in level]
    low = [max(0.0, v - abs(dice.gauss(0, 0.5))) for v in mean]
    high = [min(8.0, v + abs(dice.gauss(0, 0.4))) for v in mean]
    solving = [t >= 712 and t < 1780 for t in times]
    lines = [{"name": "all processes", "mean": mean, "min": low, "max": high}]
    rest = list(mean)
    for rank in range(3):
        share = [v * (0.25 - 0.03 * rank) if s else None for v, s in zip(mean, solving)]
        rest = [r - (v or 0) for r, v in zip(rest, share)]
        lines.append({"name": "solver", "kind": "process", "pid": 24901 + rank, "stacked": True, "mean": share})
    tests = [v * 0.4 if 425 <= t < 700 else None for v, t in zip(mean, times)]
    rest = [r - (v or 0) for r, v in zip(rest, tests)]
    lines.append({"name": "python3", "kind": "process", "pid": 23276, "stacked": True, "mean": tests})
    lines.append({"name": "others", "kind": "other", "stacked": True, "mean": rest})
    lines.append({"name": "machine", "kind": "machine", "mean": [min(8, v + 0.2) for v in mean]})
    contents.chart("cpu", "CPU", "cores", bucket_s, lines, {"value": 8, "name": "processors"})
    rss = [25e9 * (1 - math.exp(-(t - 712) / 150)) if s else 9e8 for t, s in zip(times, solving)]
    contents.chart("memory", "Memory", "bytes", bucket_s, [
        {"name": "RSS", "mean": rss, "max": [v * 1.01 for v in rss]},
        {"name": "PSS", "mean": [v * 0.82 for v in rss]},
        {"name": "swapped", "mean": [0] * count},
    ], {"value": 64e9, "name": "memory of the machine"})
    burst = [5.6e8 * dice.uniform(0.3, 1) if any(c <= t < c + 12 for c in CHECKPOINTS) else 4e6 * dice.random() for t in times]
    contents.chart("disk", "Disk", "bytes/s", bucket_s, [
        {"name": "read", "mean": [2e7 * dice.random() if t < 420 else 0 for t in times]},
        {"name": "written", "mean": burst, "max": [min(6e8, v * 1.4) for v in burst]}])
    contents.chart("tcp", "TCP connections", "count", bucket_s, [
        {"name": "open", "mean": [56 if s else 2 for s in solving]}])
    contents.chart("processes", "Processes and threads", "count", bucket_s, [
        {"name": "processes", "mean": [dice.randrange(10, 24) if t < 420 else 12 for t in times],
         "max": [24 if t < 420 else 12 for t in times]},
        {"name": "threads", "mean": [dice.randrange(18, 30) if t < 420 else 44 for t in times]}])
    contents.chart("counter", "residual", "", bucket_s, [
        {"name": "residual", "mean": [math.exp(-(t - 712) / 300) if s else None for t, s in zip(times, solving)]}])
    labels = [(0.1, "build start", 20000), (420, "build done", 20000), (425, "tests", 20000), (700, "tests done", 20000),
              (713, "solver: init", 24901), (735, "solver: mesh of 4096 x 4096 read", 24901)]
    labels += [(c, f"checkpoint {i + 1}", 24901) for i, c in enumerate(CHECKPOINTS)]
    labels.append((1779, "done", 24901))
    contents.labels(labels)
    rows = pipeline_processes(dice, jobs, tests_at_once)
    contents.processes(rows)
    names = ["compute", "MPI wait", "I/O", "checkpoint", "setup"]
    contents.object["categories"] = names
    for rank in range(10):
        add_solver_thread(contents, dice, rank)
    ranks = [(f"rank {r}", [dice.uniform(720, 830), dice.uniform(45, 150), dice.uniform(40, 60), 70, 9, 30]) for r in range(8)]
    sections = categories_section([*names, "Others"], ranks) + process_table(rows, SECONDS) + scopes_section(
        [(n, c, k, s) for n, c, k, s in [("step", "compute", 8000, 6120.4), ("exchange", "MPI wait", 8000, 720.2),
                                         ("write", "checkpoint", 64, 560.0), ("read mesh", "I/O", 8, 161.0), ("init", "setup", 8, 72.5),
                                         ("assemble", "compute", 8000, 3020.4), ("norm", "compute", 800, 40.4),
                                         ("log", "I/O", 900, 2.4), ("flush", "I/O", 64, 1.9)]])
    cards = [(1800, "30:00", "wall time"), (11920, "3:18:40", "CPU time"), (6.62, "6.62 of 8", "cores busy, mean"),
             (26199999999, "24.4 GiB", "peak RSS"), (21474836480, "20.0 GiB", "peak PSS"), (6012954214, "5.60 GiB", "read"),
             (28346784153, "26.4 GiB", "written"), (len(rows), f"{len(rows):,}", "processes, at most 24 at once"),
             (30, "30", "failed")]
    findings = [
        ("bad", "30 processes failed.", "The first was gcc 20118 at 1:02, exit 1; the compiler's message is in its own output."),
        ("warning", "MPI wait takes 11 % of the solver's time.", "Rank 3 waits longest: the mesh is not divided evenly."),
        ("note", "Checkpoints write 560 MiB/s for 12 s, and nothing is computed meanwhile.", "8 of them take 5 % of the run."),
    ]
    return page(contents, "pipeline.sh", "bash ./pipeline.sh --all", ("warning", "Ended well (exit 0) after 30:00; 30 of its processes failed."),
                cards, findings, sections, ["2 ticks were late, the worst by 40 ms."])


def add_solver_thread(contents, dice, rank):
    slices = []
    t = 713 + rank * 0.1
    slices.append((t, 20, 0, "init", 4))
    slices.append((t + 2, 15, 1, "read mesh", 2))
    t += 22
    while t < 1775:
        long = dice.uniform(0.6, 1.4)
        if any(c <= t < c + 12 for c in CHECKPOINTS):
            slices.append((t, 11, 0, "write", 3))
            t += 12
            continue
        slices.append((t, long, 0, "step", 0))
        slices.append((t, long * 0.55, 1, "assemble", 0))
        slices.append((t + long * 0.6, long * 0.3 * dice.random(), 1, "exchange", 1))
        t += long
    columns = list(zip(*slices))
    contents.object["threads"].append({
        "name": "solver", "pid": 24901 + rank, "tid": 24901 + rank, "slices": len(slices), "merged_s": 0,
        "start": contents.column(columns[0], 1000000), "length": contents.column(columns[1], 1000000),
        "depth": contents.column(columns[2]), "category": contents.column(columns[4]),
        "scope": contents.column([contents.text(text) for text in columns[3]]),
    })


# As much as there can be.

BIG_SECONDS = 3600.0
BIG_BUCKETS = 65536
BIG_PEAK_AT = 40001  # the bucket
BIG_PEAK = 7777
BIG_PROCESSES = 10000
BIG_SLICES = 1000000


def big_thread(contents, name, tid, slices, seconds):
    """Pairs of scopes, one in the other, from 0 to the end; written as differences, so it costs nothing."""
    names = [contents.text(f"scope {i}") for i in range(4)]
    pairs = slices // 2
    step = round(seconds / pairs * 1e9)
    period = 4  # categories and names come again after so many pairs
    again = [names[i % 4] for i in range(period) for _ in (0, 1)]
    categories = [i % 3 for i in range(period) for _ in (0, 1)]

    def cyclic(values):
        first = contents.raw(encoded(values, 1) + b"".join(
            difference(b - a) for a, b in zip([values[-1], *values], values)) * (pairs // period - 1))
        return first

    contents.object["threads"].append({
        "name": name, "pid": 1000, "tid": tid, "slices": slices, "merged_s": 0,
        "start": contents.repeated([step // 8, step - step // 8], pairs, 1e9),
        "length": contents.raw(encoded([step * 0.8e-9, step * 0.5e-9], 1e9) + (
            difference(round(step * 0.8) - round(step * 0.5)) + difference(round(step * 0.5) - round(step * 0.8))) * (pairs - 1), 1e9),
        "depth": cyclic([0, 1] * period), "scope": cyclic(again), "category": cyclic(categories),
    })


def big():
    dice = random.Random(3)
    contents = Contents(BIG_SECONDS)
    mean = [100 + 50 * math.sin(i / 3000) for i in range(BIG_BUCKETS)]
    greatest = [v + 20 for v in mean]
    greatest[BIG_PEAK_AT] = BIG_PEAK
    contents.chart("counter", "spike", "", BIG_SECONDS / BIG_BUCKETS,
                   [{"name": "spike", "mean": mean, "min": [v - 20 for v in mean], "max": greatest}])
    gaps = [None if 20000 <= i < 30000 else i % 100 for i in range(BIG_BUCKETS)]
    contents.chart("counter", "gaps", "count", BIG_SECONDS / BIG_BUCKETS, [{"name": "gaps", "mean": gaps}])
    rows = [{"parent": None, "pid": 1000, "name": "main", "command": "./main", "start": 0, "end": BIG_SECONDS, "cpu": 10.0,
             "status": 0, "rss": 1 << 30, "read": 0, "written": 0, "threads": 2}]
    for i in range(1, BIG_PROCESSES):
        start = dice.uniform(0, BIG_SECONDS - 20)
        rows.append({"parent": 0 if i % 10 == 1 else i - (i - 1) % 10, "pid": 1000 + i, "name": f"job{i % 9}",
                     "command": f"./job --number {i}", "start": start, "end": start + dice.uniform(1, 15), "cpu": i / 1000,
                     "status": 1 if i % 500 == 7 else 0, "rss": i * 4096, "read": i, "written": None if i % 3 else i, "threads": 1})
    for i, row in enumerate(rows):
        if row["parent"]:
            row["start"] = max(row["start"], rows[row["parent"]]["start"])
            row["end"] = max(row["end"], row["start"])
    contents.processes(rows)
    contents.labels([(i * BIG_SECONDS / 20000, f"label {i}", 1000) for i in range(20000)])
    return page(contents, "big", "./main", ("good", "Ended well (exit 0)."), [(3600, "1:00:00", "wall time")], [],
                process_table(rows, BIG_SECONDS))


def slices():
    contents = Contents(BIG_SECONDS)
    contents.chart("counter", "one", "", 36, [{"name": "one", "mean": [1] * 100}])
    contents.object["categories"] = ["compute", "I/O", "wait"]
    big_thread(contents, "main", 1000, BIG_SLICES, BIG_SECONDS)
    for i in range(9):
        big_thread(contents, "worker", 1001 + i, 1000, BIG_SECONDS)
    return page(contents, "slices", "./main", ("good", "Ended well (exit 0)."), [], [])


# What a recording can hold when somebody means ill: each of these is shown, none of it acts.

ATTACKS = [
    "</script><script>window.attacked=1;alert(1)</script>",
    "<img src=x onerror=window.attacked=2>",
    "<!--<script>",
    "\u2028window.attacked=3\u2029//",
    '"onmouseover="window.attacked=4" x="',
    "'; window.attacked=5; //",
    "javascript:window.attacked=6",
    "\u202eright to left\u2066\u2067",
    "]]><svg onload=window.attacked=7>",
    "&lt;b&gt;&amp;amp;",
    "${window.attacked=8}",
    "__proto__",
    "constructor",
    "</style><style>*{display:none}</style>",
    "long " * 2000,
    "W" * 5000,
    "",
]


def hostile():
    contents = Contents(60.0)
    flat = [i % 7 for i in range(600)]
    for attack in ATTACKS[:6]:
        contents.chart(attack, attack, attack, 0.1, [
            {"name": other, "kind": "process", "pid": 1, "stacked": True, "mean": flat} for other in ATTACKS[:3]
        ] + [{"name": attack, "mean": flat}], {"value": 9, "name": attack})
    for attack in ("__proto__", "constructor", "toString"):
        contents.chart(attack, attack, attack, 0.1, [{"name": attack, "mean": flat}])
    contents.labels([(i * 3.0, attack, 1) for i, attack in enumerate(ATTACKS)])
    rows = [{"parent": None if i == 0 else i - 1, "pid": i + 1, "name": attack, "command": attack, "start": i, "end": 50, "cpu": 1,
             "status": 300, "rss": 1, "read": 1, "written": 1, "threads": 1} for i, attack in enumerate(ATTACKS)]
    contents.processes(rows)
    contents.object["categories"] = ATTACKS
    for i, attack in enumerate(ATTACKS):
        contents.object["threads"].append({
            "name": attack, "pid": 1, "tid": i, "slices": 2, "merged_s": 0.5,
            "start": contents.column([1, 30], 1000), "length": contents.column([20, 20], 1000), "depth": contents.column([0, 0]),
            "scope": contents.column([contents.text(attack)] * 2), "category": contents.column([i, None])})
    sections = (categories_section(ATTACKS, [(attack, [1.0] * len(ATTACKS)) for attack in ATTACKS])
                + process_table(rows, 60.0) + scopes_section([(a, a, 1, 1.0) for a in ATTACKS]))
    return page(contents, ATTACKS[0], ATTACKS[1], ("bad", ATTACKS[2]), [(1, a[:300], a) for a in ATTACKS],
                [("bad", a, a) for a in ATTACKS], sections, ATTACKS)


# One chart of which the columns are cut off, one that is whole, a block that is no deflate.

def damaged():
    contents = Contents(10.0)
    contents.chart("cpu", "cut off", "cores", 0.1, [{"name": "all", "mean": [1] * 100}])
    contents.chart("memory", "whole", "bytes", 0.1, [{"name": "all", "mean": [1 << 20] * 100}])
    contents.chart("disk", "elsewhere", "bytes/s", 0.1, [{"name": "all", "mean": [1] * 100}])
    contents.chart("tcp", "short", "count", 0.1, [{"name": "all", "mean": [3] * 5}])
    lines = [chart["lines"][0]["mean"] for chart in contents.object["charts"]]
    lines[0]["bytes"] = 10**9
    lines[2]["block"] = 99
    contents.object["charts"][3]["count"] = 100
    contents.labels([(1, "label", 1)])
    contents.object["labels"]["text"]["block"] = 98
    return page(contents, "damaged", "true", ("good", "Ended well (exit 0)."), [], [])


def full():
    return pipeline(0.5, 8, 12)


PAGES = {"pipeline": pipeline, "big": big, "slices": slices, "hostile": hostile, "damaged": damaged}


def write(target, names=PAGES):
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        text = PAGES[name]()
        (target / f"{name}.html").write_bytes(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tests/page/pages.py DIR")
    write(Path(sys.argv[1]))
    (Path(sys.argv[1]) / "full.html").write_text(full(), encoding="utf-8")
