"""tacho diff: what changed between two sets of runs, how sure that is, and what fails for CI."""

import json
import os
import re
import statistics
import subprocess

import pytest
from support import MARKER, SANITIZED, TACHO, record, run
from test_report import cells, one_line, terminal_output

BASE = (10.2, 9.9, 10.0, 10.1, 10.4)
SLOWER = (11.0, 10.9, 11.2, 11.1, 12.0)
NOISY = (10.0, 10.9, 9.2, 10.1, 12.0)
# Of so many runs of each side, the pair from either end where the bound of 95 % is.
LEFT_OUT = {4: 1, 5: 3}


def line(suffix, elapsed, cpu, rss):
    values = {"timestamp": "2024-05-06 07:08:09.0", "elapsed_time": elapsed, "pid": 4711,
              "memory_info": {"rss": rss, "vms": 2 * rss},
              "cpu_times": {"user": cpu, "system": cpu / 4, "children_user": 0.0,
                            "children_system": 0.0}}
    return f"ProcessLoggingThread-JSON{suffix} {json.dumps(values)}\n"


@pytest.fixture
def runs(tmp_path):
    """Makes logs of runs that took so long; CPU is half of it. RSS grows with `rss`."""
    def make(name, walls, rss=10_000_000):
        paths = []
        for i, wall in enumerate(walls):
            path = tmp_path / f"{name}-{i}.log"
            path.write_text(line("-START", wall / 2, wall / 5, rss) +
                            line("-STOP", wall, wall * 2 / 5, rss))
            paths.append(path)
        return paths

    return make


def diff(a, b, *options, status=0):
    result = run("diff", *a, "--", *b, "--json", *options)
    assert result.returncode == status and result.stderr == "", result.stderr
    whole = json.loads(result.stdout)
    assert whole["schema"] == "tacho.diff/1"
    return whole


def metric(whole, name):
    (found,) = [m for m in whole["metrics"] if m["name"] == name]
    return found


def bound(a, b, of):
    """All pairs in order, and so many left out at both ends."""
    assert len(a) == len(b)
    pairs = sorted(of(x, y) for x in a for y in b)
    return pytest.approx([pairs[LEFT_OUT[len(a)] - 1], pairs[-LEFT_OUT[len(a)]]], abs=1e-4)


# ---- figures ----

def test_medians_and_bounds(runs):
    whole = diff(runs("a", BASE), runs("b", SLOWER))
    wall, cpu = metric(whole, "wall"), metric(whole, "cpu")
    assert wall["unit"] == "s" and wall["verdict"] == "more" and wall["fails"] is False
    assert wall["a"] == {"runs": 5, "median": 10.1, "min": 9.9, "max": 10.4}
    assert wall["b"]["median"] == statistics.median(SLOWER)
    assert wall["values_a"] == list(BASE) and wall["values_b"] == list(SLOWER)
    assert wall["difference"] == pytest.approx(1.0)
    assert wall["percent"] == pytest.approx(100 / 10.1, abs=1e-4)
    assert wall["difference_bound"] == bound(BASE, SLOWER, lambda x, y: y - x)
    assert wall["percent_bound"] == bound(BASE, SLOWER, lambda x, y: 100 * (y / x - 1))
    assert cpu["a"]["median"] == pytest.approx(10.1 / 2)
    assert cpu["percent_bound"] == wall["percent_bound"]
    rss = metric(whole, "peak_rss")
    assert rss["verdict"] == "same" and rss["difference_bound"] == [0, 0]
    assert rss["values_a"] == [10_000_000] * 5
    for name in ("peak_pss", "read_bytes", "write_bytes"):
        unknown = metric(whole, name)
        assert unknown["verdict"] == "unknown" and unknown["a"]["runs"] == 0
        assert unknown["percent_bound"] is None and unknown["values_a"] == [None] * 5
    assert whole["scopes"] == [] and whole["categories"] == [] and whole["failing"] == 0


def test_swapped_sides_swap_the_signs(runs):
    a, b = runs("a", BASE), runs("b", SLOWER)
    there, back = metric(diff(a, b), "wall"), metric(diff(b, a), "wall")
    assert there["difference"] == -back["difference"]
    assert there["difference_bound"] == [-x for x in reversed(back["difference_bound"])]
    assert (there["verdict"], back["verdict"]) == ("more", "less")
    assert metric(diff(a, a), "wall")["difference"] == 0


def test_noise_hides_a_change(runs):
    wall = metric(diff(runs("a", BASE), runs("b", NOISY)), "wall")
    low, high = wall["percent_bound"]
    assert wall["verdict"] == "no change seen" and low < 0 < high


def test_few_runs_claim_nothing(runs):
    for a, b in (((10,), (20,)), ((10,), (20, 21, 22, 23, 24)), ((10, 11, 12), (20, 21, 22))):
        whole = diff(runs("a", a), runs("b", b))
        wall = metric(whole, "wall")
        assert wall["verdict"] == "too few runs"
        assert wall["percent"] > 80 and wall["percent_bound"] is None
        assert any("--repeat" in note for note in whole["notes"])
    assert metric(diff(runs("a", (10, 11, 12, 13)), runs("b", (20, 21, 22, 23))),
                  "wall")["verdict"] == "more"


# ---- for people ----

def text(*args, **kwargs):
    result = run("diff", *args, **kwargs)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return result.stdout


def row(output, name):
    (found,) = [r for r in output.splitlines() if r.endswith(f"  {name}")]
    return found


def test_says_what_changed(runs):
    out = text(*runs("a", BASE), "--", *runs("b", SLOWER))
    assert out.startswith("A  5 runs ") and "\nB  5 runs " in out and "and 4 more" in out
    assert row(out, "wall").split() == ["10.1", "s", "11.1", "s", "+1.00", "s", "+9.9", "%", "+6.7",
                                        "to", "+19", "%", "wall"]
    assert "same" in row(out, "peak RSS")
    assert "peak PSS" not in out and "?" not in out
    assert "no change seen" in row(text(*runs("c", BASE), "--", *runs("d", NOISY)), "wall")
    one = text(*runs("e", (10,)), "--", *runs("f", (20,)))
    assert "+100 % ?" in row(one, "wall") and "A and B are one run each" in one


def test_what_is_known_of_few_runs_is_no_news(runs):
    a = runs("a", BASE)
    for path in a[1:]:
        path.write_text(re.sub(r'"memory_info": {[^}]*}', '"memory_info": {}', path.read_text()))
    b = runs("b", SLOWER, rss=20_000_000)
    out = text(*a, "--", *b)
    assert "+100 % ?" in row(out, "peak RSS") and "?" not in row(out, "wall")
    assert "What has a ? is known of too few runs" in " ".join(out.split())
    rss = metric(diff(a, b), "peak_rss")
    assert rss["a"]["runs"] == 1 and rss["values_a"][1:] == [None] * 4


def test_nothing_claimed_to_be_more_is_less(runs):
    out = text(*runs("a", SLOWER), "--", *runs("b", BASE))
    assert " -1.00 s " in row(out, "wall") and " -9.0 % " in row(out, "wall")


@pytest.mark.parametrize("width", [20, 40, 80, 132])
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_no_line_is_wider_than_asked(marked, width, locale):
    out = text(*marked["a"], "--", *marked["b"], "--width", width, encoding="utf-8",
               env={**os.environ, "LC_ALL": locale})
    assert max(map(cells, out.splitlines())) <= width
    if width == 80:
        assert row(out, "wall") and "B - A" in out and "95 % bound" in out


def test_colours_are_for_terminals(runs, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    a, b = runs("a", BASE), runs("b", SLOWER)
    assert "\x1b[1m" in terminal_output("diff", *a, "--", *b)
    assert "\x1b" not in terminal_output("diff", *a, "--", *b, NO_COLOR="1")
    assert "\x1b" not in text(*a, "--", *b)


# ---- for CI ----

def judged(*args):
    result = run("diff", *args)
    return result.returncode, result.stdout, result.stderr


def test_fails_where_the_whole_bound_is_above(runs):
    a, b = runs("a", BASE), runs("b", SLOWER)  # wall and CPU: by 6.7 to 19 %
    status, out, err = judged(*a, "--", *b, "--fail-above", "6%")
    assert status == 1 and err == ""
    assert out.endswith("wall, CPU: certain to have grown by more than 6 %\n")
    status, out, err = judged(*a, "--", *b, "--fail-above=7.5")
    assert status == 0 and err == ""
    assert out.endswith("Nothing judged is certain to have grown by more than 7.5 %\n")
    assert judged(*b, "--", *a, "--fail-above", "0")[0] == 0  # better
    assert judged(*a, "--", *runs("c", NOISY), "--fail-above", "0")[0] == 0
    assert judged(*a, "--", *b)[0] == 0


def test_only_what_is_chosen_is_shown_and_judged(runs):
    a, b = runs("a", BASE), runs("b", SLOWER)
    more = runs("c", BASE, rss=12_000_000)
    whole = diff(a, b, "--metrics", "peak_rss,system", "--fail-above", "5", status=1)
    assert [m["name"] for m in whole["metrics"]] == ["system", "peak_rss"]
    assert [m["fails"] for m in whole["metrics"]] == [True, False]
    assert whole["failing"] == 1 and whole["fail_above_percent"] == 5
    assert diff(a, b, "--metrics", "peak_rss", "--fail-above", "5")["failing"] == 0
    status, out, _ = judged(*a, "--", *more, "--fail-above", "5")
    assert status == 1 and out.endswith("peak RSS: certain to have grown by more than 5 %\n")


def test_what_cannot_be_judged_fails(runs):
    status, out, err = judged(*runs("a", (10,)), "--", *runs("b", (10,)), "--fail-above", "5%")
    assert status == 1 and "tacho record --repeat" in err and "wall" in out
    assert err.count("\n") == 1 and "1 run of A and 1 of B" in err
    status, _, err = judged(*runs("c", BASE), "--", *runs("d", BASE), "--fail-above", "5%",
                            "--metrics", "wall,peak_pss,scopes")
    assert status == 1 and err.count("\n") == 2
    assert "peak_pss cannot be judged" in err and "no scope can be judged" in err


# ---- marks, and real recordings ----

@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Four runs each of a program that is 100 and 300 times in a scope."""
    directory = tmp_path_factory.mktemp("marked")
    paths = {"a": [], "b": []}
    for i in range(4):
        for side, times in (("a", 100), ("b", 300)):
            path = directory / side / f"{i}.tacho"
            path.parent.mkdir(exist_ok=True)
            assert record(path, MARKER, "loop", "step", times, options=["-q", "--follow", "poll"]).returncode == 0
            paths[side].append(path)
    return paths


def test_scopes_and_categories(marked):
    whole = diff(marked["a"], marked["b"])
    (scope,) = [s for s in whole["scopes"] if s["name"] == "step"]
    assert scope["category"] == "Core" and whole["scopes_total"] == len(whole["scopes"])
    count = scope["count"]
    assert count["unit"] == "count" and count["a"]["median"] == 100 and count["b"]["min"] == 300
    assert count["difference_bound"] == [200, 200] and count["percent_bound"] == [200, 200]
    assert scope["total"]["a"]["median"] > 0 and scope["total"]["unit"] == "s"
    assert scope["mean"]["a"]["median"] * 100 == pytest.approx(scope["total"]["a"]["median"], rel=0.01)
    assert {c["name"] for c in whole["categories"]} == {"Core", "Others"}
    # How many were not seen is a bound at best: then there is no number of processes. A leak sanitizer
    # looks for leaks in a process of its own.
    assert set(metric(whole, "processes")["values_a"]) <= ({1, 2, None} if SANITIZED else {1, None})
    assert metric(whole, "peak_rss")["a"]["median"] > 100_000
    assert whole["a"]["marking"] == 4 and whole["a"]["failed"] == 0
    out = text(*marked["a"], "--", *marked["b"], "--width", 100)
    (line_of_count,) = [r for r in out.splitlines() if r.split()[-3:] == ["count", "Core", "step"]]
    assert "+200 %" in line_of_count and "\nCategories\n" in out


def test_a_directory_is_its_recordings(marked):
    a, b = marked["a"][0].parent, marked["b"][0].parent
    whole = diff([a], [b])
    assert whole["a"]["runs"] == whole["b"]["runs"] == 4
    assert whole["a"]["from"] == str(a)
    assert whole["notes"] == ["A and B ran different commands"]
    assert diff([a], [a])["notes"] == []
    # Two names are two sides.
    result = run("diff", a, b, "--json")
    assert result.returncode == 0 and json.loads(result.stdout) == whole


def test_marks_on_one_side_alone(marked, runs):
    whole = diff(marked["a"], runs("a", BASE))
    assert any("nothing is marked in B" in note for note in whole["notes"])
    assert whole["scopes"][0]["total"]["verdict"] == "unknown"
    out = text(*marked["a"], "--", *runs("b", BASE))
    assert "nothing is marked in B" in out and "\nScopes\n" not in out


def test_hostile_names_are_harmless(tmp_path):
    path = tmp_path / "hostile\x1b[31m.tacho"
    assert record(path, os.environ["HOSTILE"], "1b5b33316d0a",
                  options=["-q", "--follow", "poll"]).returncode == 0
    out = text(path, "--", path)
    assert "\nScopes\n" in out and "  \\x1b[31m\\n" in out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)
    assert diff([path], [path])["scopes_total"] > 0


def test_runs_that_failed_are_told(tmp_path):
    paths = []
    for i in range(2):
        paths.append(tmp_path / f"{i}.tacho")
        record(paths[-1], "sh", "-c", f"exit {i}", options=["-q", "--follow", "poll"])
    out = text(*paths, "--", paths[0])
    assert "1 of 2 runs of A failed" in out
    assert "the runs of A are of different commands" in out


# ---- what cannot be ----

def test_wrong_usage(runs):
    a = runs("a", BASE)
    for args, words in (
        ((), "nothing divides the two sides"),
        ((a[0],), "nothing divides the two sides"),
        (a[:3], "nothing divides the two sides"),
        (("--", a[0]), "no recording named before '--'"),
        ((a[0], "--"), "no recording named after '--'"),
        ((a[0], "--", a[1], "--metrics", "wall,cup"), "knows no 'cup'"),
        ((a[0], "--", a[1], "--metrics", ""), "knows no ''"),
        ((a[0], "--", a[1], "--fail-above", "many"), "takes per cent"),
        ((a[0], "--", a[1], "--fail-above", "-5"), "takes per cent"),
        ((a[0], "--", a[1], "--fail-above", "5%%"), "takes per cent"),
        ((a[0], "--", a[1], "--fail-above", "1.2.3"), "takes per cent"),
        ((a[0], "--", a[1], "--nonsense"), "unknown option"),
    ):
        assert words in one_line(run("diff", *args), 2)


def test_one_run_is_not_taken_for_two(runs, tmp_path):
    a = runs("a", (10, 20))
    (tmp_path / "again.log").symlink_to(a[0])
    result = run("diff", *a, a[1], tmp_path / "again.log", "--", a[0], "--json")
    assert result.returncode == 0 and result.stderr.count("named twice") == 2
    assert json.loads(result.stdout)["a"]["runs"] == 2


def test_what_cannot_be_read_is_told_and_the_rest_compared(runs, tmp_path):
    a, b = runs("a", BASE), runs("b", SLOWER)
    bad = tmp_path / "bad\x1b[31m.tacho"
    bad.write_text("no recording")
    result = run("diff", *a, bad, "--", *b, "--json")
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and "\x1b" not in result.stderr
    assert json.loads(result.stdout)["a"]["runs"] == 5
    error = one_line(run("diff", *a, "--", bad), 1)
    assert error.startswith("tacho diff: ")
    one_line(run("diff", *a, "--", tmp_path / "missing"), 1)
    (tmp_path / "empty").mkdir()
    assert "no recordings" in one_line(run("diff", tmp_path / "empty", "--", *b), 1)


def test_a_closed_pipe_and_a_full_disk(runs):
    a, b = runs("a", BASE), runs("b", SLOWER)
    command = [TACHO, "diff", *map(str, a), "--", *map(str, b)]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode == 1 and "cannot write to stdout" in result.stderr
