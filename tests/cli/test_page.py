"""`tacho report --html`: what stands in the page, and when it is written. tests/page looks at it in a browser."""

import base64
import json
import os
import re
import stat
import zlib
from html.parser import HTMLParser

import pytest
from support import MARKER, TACHO, record, report, run

HOSTILE = "</script><script>window.hit=1</script>\"'&\u2028\u202e\x1b[31m<img src=x onerror=hit()>"
VOID = {"meta", "rect", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Elements that are open and closed in order, texts, and what could run."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.data, self.scripts, self.ids = [], {}, [], {}
        self.dangerous, self.words, self.key = [], [], None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.dangerous += [f"{tag} {name}" for name in attrs if name.startswith("on") or name == "style"]
        self.dangerous += [tag] * (tag in ("img", "link", "iframe", "object", "base", "form", "a"))
        if tag == "script":
            self.scripts.append([attrs.get("type", ""), attrs.get("id", ""), ""])
        if tag == "data":
            self.key = attrs.get("data-json")
            if self.key:
                self.data[self.key] = float(attrs["value"])
        if "id" in attrs:
            assert attrs["id"] not in self.ids
            self.ids[attrs["id"]] = tag
        if tag not in VOID or tag == "rect":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][2] += data
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    def drawn(self):
        return json.loads(next(text for _, name, text in self.scripts if name == "page"))

    def column(self, where):
        """The numbers of a column, None unknown."""
        numbers, last, values = varints(self.bytes(where)), 0, []
        for u in numbers:
            if u == 0:
                values.append(None)
                continue
            z = u - 1
            last += -(z + 1) // 2 if z & 1 else z // 2
            values.append(last / where["scale"])
        return values

    def bytes(self, where):
        block = next(text for _, name, text in self.scripts if name == f"block-{where['block']}")
        raw = zlib.decompress(base64.b64decode(block, validate=True), -15)
        return raw[where["at"] : where["at"] + where["bytes"]]

    def texts(self):
        return json.loads(self.bytes(self.drawn()["texts"]))


def varints(raw):
    value = shift = 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
    assert shift == 0


def page_of(recording):
    result = run("report", recording, "--html", "-")
    assert result.returncode == 0, result.stderr
    if "makes no pages" in result.stderr:
        pytest.skip("this build makes no pages")
    return Page(result.stdout), result.stdout


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A job with processes, scopes, categories and a failure."""
    out = tmp_path_factory.mktemp("page") / "run.tacho"
    script = f"{MARKER} loop step 500; {TACHO} label half; {TACHO} scope -c I/O copy -- sleep 0.4; false; sleep 0.3; exit 3"
    assert record(out, "sh", "-c", script).returncode == 3
    return out


def value_at(summary, key):
    for part in key.split("."):
        summary = summary[int(part)] if isinstance(summary, list) else summary[part]
    return summary


def test_every_number_is_that_of_the_json(marked):
    page, _ = page_of(marked)
    summary = report(marked)
    assert len(page.data) > 20
    for key in ("wall_s", "cpu.total_s", "memory.peak_rss_bytes", "processes.total", "scopes.0.total_s"):
        assert key in page.data
    for key, value in page.data.items():
        assert value == value_at(summary, key), key


def test_the_words_stand_in_the_page_without_script(marked):
    page, _ = page_of(marked)
    words = " ".join(page.words)
    for expected in ("exit 3 after", "The command failed: exit 3", "step", "copy", "half", "wall time", "Method and limits"):
        assert expected in words
    for section in ("findings", "charts", "process-lanes", "scope-lanes", "categories", "scopes", "processes", "labels", "method"):
        assert page.ids[section] == "section"
    assert page.ids["process-table"] == "table"


def test_what_the_script_is_given(marked):
    page, _ = page_of(marked)
    drawn, texts, summary = page.drawn(), page.texts(), report(marked)
    assert drawn["to_s"] == summary["wall_s"]
    processes = drawn["processes"]
    assert processes["count"] == summary["processes"]["total"]
    cpu = page.column(processes["cpu"])
    assert len(cpu) == processes["count"]
    # All that is known of each; what is not is in the receipt.
    assert sum(filter(None, cpu)) == pytest.approx(summary["completeness"]["cpu_accounted_s"], abs=1e-4)
    names = [texts[int(i)] for i in page.column(processes["name"])]
    assert names.count("sleep") == 2
    starts, ends = page.column(processes["start"]), page.column(processes["end"])
    assert all(0 <= s <= e <= drawn["to_s"] + 0.1 for s, e in zip(starts, ends))
    assert [texts[int(i)] for i in page.column(drawn["labels"]["text"])] == ["half"]
    slices = {}
    for thread in drawn["threads"]:
        for name, length in zip(page.column(thread["scope"]), page.column(thread["length"])):
            slices.setdefault(texts[int(name)], []).append(length)
    assert len(slices["step"]) == 500
    assert len(slices["copy"]) == 1 and slices["copy"][0] >= 0.4
    copy = next(s for s in summary["scopes"] if s["name"] == "copy")
    assert slices["copy"][0] == pytest.approx(copy["total_s"], abs=1e-9)


def test_charts_agree_with_the_summary(marked):
    page, _ = page_of(marked)
    summary, charts = report(marked), {c["key"]: c for c in page.drawn()["charts"]}
    whole = next(line for line in charts["cpu"]["lines"] if line["kind"] == "whole")
    cpu = page.column(whole["mean"])
    assert len(cpu) == charts["cpu"]["count"]
    used = sum(filter(None, cpu)) * charts["cpu"]["bucket_s"]
    assert used == pytest.approx(summary["cpu"]["total_s"], rel=0.05, abs=0.01)
    rss = next(line for line in charts["memory"]["lines"] if line["kind"] == "whole")
    most = max(filter(None, page.column(rss.get("max", rss["mean"]))))
    assert most <= summary["memory"]["peak_rss_bytes"]


def test_hostile_texts_stay_texts(tmp_path):
    out = tmp_path / "run.tacho"
    environment = {**os.environ, "NOTHING": "1"}
    script = f'exec -a "$0" {MARKER} loop "$0" 3'
    assert record(out, "bash", "-c", script, HOSTILE, env=environment).returncode == 0
    page, text = page_of(out)
    assert page.dangerous == []
    kinds = [kind for kind, _, _ in page.scripts]
    assert kinds.count("") == 1 and kinds.count("application/json") == 1
    assert set(kinds) == {"", "application/json", "text/plain"}
    assert "\u2028" not in text and "\u202e" not in text and "\x1b" not in text
    assert "<script>window.hit" not in text
    assert any("<script>window.hit=1</script>" in words for words in page.words)


def test_nothing_but_our_script_may_run(marked):
    import hashlib

    _, text = page_of(marked)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src 'none'; ")
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        content = re.search(f"<{element}>(.*?)</{element}>", text, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_a_machine_has_a_page(tmp_path):
    out = tmp_path / "run.tacho"
    assert run("record", "-a", "-d", "0.5", "-o", out).returncode == 0
    page, _ = page_of(out)
    assert "machine.busy_s" in page.data
    assert page.data["machine.busy_s"] == report(out)["machine"]["busy_s"]


def test_the_shortest_job_has_a_page(tmp_path):
    out = tmp_path / "run.tacho"
    assert record(out, "true").returncode == 0
    page, _ = page_of(out)
    assert page.data["processes.total"] == 1


# ---- the file ----


def test_a_page_replaces_a_page_and_nothing_else(tmp_path, marked):
    target = tmp_path / "page.html"
    assert run("report", marked, "--html", target).returncode == 0
    first = target.read_bytes()
    assert run("report", marked, "--html", target).returncode == 0
    assert target.read_bytes() == first
    target.write_text("mine")
    result = run("report", marked, "--html", target)
    assert result.returncode == 1
    assert result.stderr == f"tacho report: {target} is there and no page of tacho's: --force replaces it\n"
    assert target.read_text() == "mine"
    assert run("report", marked, "--html", target, "--force").returncode == 0
    assert target.read_bytes() == first
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_new_page_is_as_private_as_the_recording(tmp_path, marked):
    target = tmp_path / "page.html"
    assert run("report", marked, "--html", target).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.chmod(0o644)
    assert run("report", marked, "--html", target).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_where_it_cannot_be_written(tmp_path, marked):
    result = run("report", marked, "--html", tmp_path / "none" / "page.html")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "No such file" in result.stderr
    result = run("report", marked, "--html", "/dev/full")
    assert result.returncode == 1
    assert "No space left" in result.stderr


def test_wrong_uses(tmp_path, marked):
    assert run("report", marked, "--html", "-", "--json").returncode == 2
    result = run("report", tmp_path / "none.tacho", "--html", tmp_path / "page.html")
    assert result.returncode == 1
    assert not (tmp_path / "page.html").exists()


# ---- several, side by side ----


def rank_environment(rank, size):
    return {**os.environ, "OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": str(size)}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """Three ranks of which the last has most to do, and one that fails."""
    directory = tmp_path_factory.mktemp("ranks")
    for rank in range(3):
        script = f"{MARKER} loop step {100 * (1 + 20 * rank)}; {TACHO} scope -c I/O write -- sleep 0.{rank + 1}; exit {rank // 2}"
        environment = rank_environment(rank, 3)
        assert record(directory / f"{rank}.tacho", "sh", "-c", script, env=environment).returncode == rank // 2
    return directory


def test_ranks_stand_side_by_side(ranks):
    page, text = page_of(ranks)
    summary = json.loads(run("report", "--json", ranks).stdout)
    assert page.dangerous == []
    assert len(page.data) > 15
    for key, value in page.data.items():
        assert value == value_at(summary, key), key
    words = " ".join(page.words)
    assert "3 recordings of 3 ranks" in words and "1 of 3 did not end well" in words
    assert re.search(r"I/O took rank 2 .* times the mean", words)
    assert "ranks.2.categories.0.total_s" in page.data
    for chart in page.drawn()["charts"]:
        assert [line["name"] for line in chart["lines"]] == ["rank 0", "rank 1", "rank 2"]
    assert {chart["key"] for chart in page.drawn()["charts"]} == {"cpu", "memory"}


def test_lines_of_ranks_are_on_one_clock(ranks):
    page, _ = page_of(ranks)
    summary = json.loads(run("report", "--json", ranks).stdout)
    memory = next(c for c in page.drawn()["charts"] if c["key"] == "memory")
    first = []
    for line in memory["lines"]:
        known = [i for i, v in enumerate(page.column(line["mean"])) if v is not None]
        first.append(known[0] * memory["bucket_s"])
        most = max(v for v in page.column(line.get("max", line["mean"])) if v is not None)
        rank = next(r for r in summary["ranks"] if f"rank {r['rank']}" == line["name"])
        assert most <= rank["peak_rss_bytes"]
    # One after the other: each begins when the one before has ended.
    walls = [r["wall_s"] for r in summary["ranks"]]
    for i in range(2):
        assert first[i + 1] - first[i] >= walls[i] - 2 * memory["bucket_s"]


def test_forty_recordings_are_a_band_and_the_largest(ranks, tmp_path):
    for i in range(40):
        os.link(ranks / f"{i % 3}.tacho", tmp_path / f"{i}.tacho")
    page, _ = page_of(tmp_path)
    memory = next(c for c in page.drawn()["charts"] if c["key"] == "memory")
    assert memory["lines"][0]["name"] == "mean of 40"
    assert len(memory["lines"]) == 9
