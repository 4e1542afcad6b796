"""tacho export for monitoring and workflow tools: what their readers find is what the report says."""

import csv
import datetime
import json
import os

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Timestamp
from support import BURNER, export, record, report, run


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("workflow") / "run.tacho"
    script = f"{BURNER} burn 0.5; sleep 0.3; head -c 30000000 /dev/zero | cat >/dev/null; exit 3"
    result = record(path, "sh", "-c", script, 'a "b"\\', options=["-i", "0.1"])
    assert result.returncode == 3, result.stderr
    return path


@pytest.fixture(scope="module")
def summary(recording):
    return report(recording)


def exported(path, form):
    result = run("export", path, "--to", form)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def the_row(text):
    (row,) = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert None not in row and None not in row.values()
    return row


def test_openmetrics(recording, monkeypatch):
    # Some versions of prometheus_client (Debian 12 has one) compare seconds and nanoseconds each by itself, so that time goes
    # back for it wherever a second begins.
    monkeypatch.setattr(Timestamp, "__gt__", lambda a, b: (a.sec, a.nsec) > (b.sec, b.nsec))
    families = {family.name: family for family in
                text_string_to_metric_families(exported(recording, "openmetrics"))}
    assert families.keys() == {
        "process_cpu_time_seconds", "process_memory_usage_bytes", "process_memory_virtual_bytes",
        "process_disk_io_bytes", "process_thread_count", "process_open_file_descriptor_count",
        "process_context_switches", "process_paging_faults"}
    assert families["process_cpu_time_seconds"].type == "counter"
    assert families["process_memory_usage_bytes"].unit == "bytes"
    rows = export(recording, "samples", "--fields", "time,entity,rss,user", "--time", "epoch")

    def series(name, **labels):
        return [(round(float(s.timestamp), 3), s.labels["entity"], s.value)
                for s in families[name].samples if labels.items() <= s.labels.items()]

    def sampled(field):
        return [(round(row["time"], 3), str(row["entity"]), row[field]) for row in rows
                if row[field] is not None]

    assert sorted(series("process_memory_usage_bytes")) == sorted(sampled("rss"))
    assert sorted(series("process_cpu_time_seconds", cpu_mode="user")) == sorted(sampled("user"))
    names = {s.labels["process_executable_name"] for s in families["process_thread_count"].samples}
    assert {"sh", "burner", "sleep"} <= names


def test_snakemake(recording, summary):
    row = the_row(exported(recording, "snakemake"))
    assert list(row) == ["s", "h:m:s", "max_rss", "max_vms", "max_uss", "max_pss", "io_in", "io_out",
                         "mean_load", "cpu_time"]
    assert float(row["s"]) == pytest.approx(summary["wall_s"], abs=1e-3)
    assert row["h:m:s"] in ("0:00:00", "0:00:01", "0:00:02", "0:00:03", "0:00:04")
    assert float(row["max_rss"]) == pytest.approx(summary["memory"]["peak_rss_bytes"] / 2**20,
                                                  abs=0.3)
    assert float(row["cpu_time"]) == pytest.approx(summary["cpu"]["total_s"], abs=0.02)
    assert float(row["mean_load"]) == pytest.approx(summary["cpu"]["mean_cores"] * 100, abs=2)
    assert float(row["io_out"]) == pytest.approx(summary["io"]["write_bytes"] / 2**20, abs=0.01)


def test_nextflow(recording, summary):
    row = the_row(exported(recording, "nextflow"))
    assert set(row) == {"name", "status", "exit", "realtime", "%cpu", "%mem", "rss", "vmem", "peak_rss",
                        "peak_vmem", "rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes"}
    assert (row["status"], row["exit"]) == ("FAILED", "3")
    assert row["name"].startswith("sh -c ") and "burn 0.5" in row["name"]
    assert int(row["realtime"]) == pytest.approx(summary["wall_s"] * 1000, abs=1)
    assert float(row["%cpu"]) == pytest.approx(summary["cpu"]["mean_cores"] * 100, abs=2)
    for column, key in (("rchar", "read_chars"), ("wchar", "write_chars"), ("syscr", "read_count"),
                        ("syscw", "write_count"), ("read_bytes", "read_bytes"),
                        ("write_bytes", "write_bytes")):
        assert int(row[column]) == summary["io"][key]
    assert 0 < int(row["rss"]) <= int(row["peak_rss"]) and int(row["vmem"]) <= int(row["peak_vmem"])


def test_prmon(recording, summary):
    rows = list(csv.DictReader(exported(recording, "prmon").splitlines(), delimiter="\t"))
    assert list(rows[0]) == ("Time wtime pss rss swap vmem rchar read_bytes wchar write_bytes stime utime "
                             "nprocs nthreads").split()
    table = {name: [float(row[name]) for row in rows] for name in rows[0]}
    for name in ("Time", "wtime", "rchar", "wchar", "read_bytes", "write_bytes"):
        assert table[name] == sorted(table[name])
    assert table["wchar"][-1] == summary["io"]["write_chars"]
    assert table["utime"][-1] + table["stime"][-1] == pytest.approx(summary["cpu"]["total_s"], abs=0.02)
    tree = [row["rss"] for row in export(recording, "machine") if row["kind"] == "tree"]
    assert max(table["rss"]) == pytest.approx(max(tree) / 1024, rel=0.05)
    assert max(table["nprocs"]) in (2, 3)


def test_duct(recording, summary, tmp_path):
    out = tmp_path / "duct"
    result = run("export", recording, "--to", "duct", "-o", out)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert {path.name for path in out.iterdir()} == {"usage.jsonl", "info.json"}
    lines = [json.loads(line) for line in (out / "usage.jsonl").read_text().splitlines()]
    pids = {str(row["pid"]) for row in export(recording, "samples")}
    for line in lines:
        assert datetime.datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert line["totals"]["rss"] == sum(one["rss"] for one in line["processes"].values())
        assert line["totals"]["pcpu"] <= os.cpu_count() * 100 + 10
    assert {pid for line in lines for pid in line["processes"]} == pids
    said = json.loads((out / "info.json").read_text())
    summed = said["execution_summary"]
    assert said["schema_version"] and summed["exit_code"] == 3
    assert summed["command"].startswith("sh -c ")
    assert summed["wall_clock_time"] == pytest.approx(summary["wall_s"], abs=1e-3)
    assert summed["peak_rss"] == pytest.approx(summary["memory"]["peak_rss_bytes"], abs=300_000)
    assert summed["end_time"] - summed["start_time"] == pytest.approx(summary["wall_s"], abs=1e-3)
    assert summed["num_samples"] == len(lines)
    assert said["system"]["memory_total"] == summary["machine"]["memory_bytes"]
    result = run("export", recording, "--to", "duct", "-o", out)
    assert result.returncode == 1 and "--force" in result.stderr
