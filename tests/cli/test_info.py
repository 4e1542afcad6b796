"""tacho info: what a recording holds."""

import json

from support import info, run


def test_text(recording):
    result = run("info", recording)
    assert result.returncode == 0 and result.stderr == ""
    for word in ("all of it readable", "Session", "hostname", "started_real_ns", "Ticks",
                 "one asked for every 100 ms", "Blocks", "journal", "bytes each", "process: ",
                 "tree: ", "recorder: ", "machine: ", "read_bytes"):
        assert word in result.stdout


def test_json(recording):
    told = info(recording)
    assert told["schema"] == "tacho.info/1" and told["path"] == str(recording)
    assert told["salvage"] == {
        "file_bytes": recording.stat().st_size, "read_bytes": recording.stat().st_size,
        "lost_bytes": 0, "lost_offset": None, "lost_stretches": 0, "missing_blocks": 0,
        "undecodable_blocks": 0, "ended": True}
    facts = {fact["key"]: fact.get("text", fact.get("number", fact.get("list")))
             for fact in told["facts"]}
    assert facts["interval_ns"] == 100000000 and facts["target"] == "launch"
    assert facts["command"][0] == "sh"
    ticks = told["ticks"]
    assert ticks["asked_interval_s"] == 0.1 and ticks["count"] >= 5
    assert 0.05 < ticks["mean_interval_s"] <= ticks["longest_interval_s"]
    assert sum(block["stored_bytes"] for block in told["blocks"]) <= told["salvage"]["file_bytes"]
    assert {block["type"] for block in told["blocks"]} >= {"journal", "processes", "overview"}
    assert told["gaps"] == []


def test_json_counts_values(recording):
    told = info(recording)
    kinds = {kind["kind"]: kind for kind in told["kinds"]}
    process = kinds["process"]
    metrics = {metric["name"]: metric for metric in process["metrics"]}
    assert metrics["cpu"] == {"name": "cpu", "unit": "ns", "cumulative": True, "group": 0,
                              "values": process["samples"]}
    assert metrics["rss"]["unit"] == "bytes" and not metrics["rss"]["cumulative"]
    assert 0 < metrics["rss"]["values"] <= process["samples"]
    assert told["values"] == sum(metric["values"] for kind in told["kinds"]
                                 for metric in kind["metrics"])
    assert 0 < told["bytes_per_value"] < 20
    for missing in told["missing"]:
        assert missing["metrics"] and missing["cause"] and missing["count"] > 0


def test_a_cut_file(recording, tmp_path):
    cut = tmp_path / "cut.tacho"
    whole = recording.read_bytes()
    cut.write_bytes(whole[:len(whole) * 2 // 3])
    told = info(cut)
    assert told["salvage"]["ended"] is False and told["salvage"]["lost_bytes"] > 0
    assert told["salvage"]["lost_offset"] is not None
    text = run("info", cut).stdout
    assert "cannot be read, from byte" in text and "without its end" in text
    assert json.loads(run("info", "--json", cut).stdout) == told
