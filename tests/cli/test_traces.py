"""tacho export for viewers of traces: what each shows is what the tables say."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import MARKER, TACHO, export, record, run

NAME = 'outer "quoted"\n\ufffd'
PROTO = Path(__file__).with_name("perfetto.proto")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A shell that starts a marking program twice, sets a label, and runs a scope of its own."""
    path = tmp_path_factory.mktemp("traces") / "run.tacho"
    script = f"{MARKER} each; {TACHO} label half; {TACHO} scope -c I/O load -- {MARKER} each; exit 3"
    result = record(path, "sh", "-c", script, options=["-i", "0.05"])
    assert result.returncode == 3, result.stderr
    return path


def exported(path, form, tmp_path):
    out = tmp_path / f"trace.{form}"
    result = run("export", path, "--to", form, "-o", out)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert run("export", path, "--to", form, text=False).stdout == out.read_bytes()
    return out


def scopes_of(path):
    """What the table of scopes says, as (pid, tid, name, category, begin, duration), in ns."""
    rows = export(path, "scopes")
    assert {row["name"] for row in rows} == {NAME, "inner", "in thread", "left open", "load"}
    return sorted((row["pid"], row["tid"], row["name"], row["category"] or "", ns(row["start"]),
                   ns(row["duration"])) for row in rows)


def ns(seconds):
    return round(seconds * 1e9)


def values_of(path):
    return [(row["pid"], row["name"], row["value"]) for row in export(path, "counters")
            if row["value"] is not None]


# ---- chrome ----


def test_chrome_has_what_the_tables_say(recording, tmp_path):
    text = exported(recording, "chrome", tmp_path).read_text(encoding="utf-8", errors="strict")
    trace = json.loads(text, parse_float=str)
    assert trace["displayTimeUnit"] == "ns"
    assert "sh -c" in trace["otherData"]["command"]
    events = trace["traceEvents"]

    def us(figure):  # exact: three decimals of a microsecond
        whole, point, part = figure.partition(".")
        assert point == "." and len(part) == 3
        return int(whole) * 1000 + int(part)

    slices = [event for event in events if event["ph"] == "X"]
    assert sorted((e["pid"], e["tid"], e["name"], e.get("cat", ""), us(e["ts"]), us(e["dur"]))
                  for e in slices if e.get("cat") != "process") == scopes_of(recording)
    lives = {e["pid"]: e for e in slices if e.get("cat") == "process"}
    processes = {row["pid"]: row for row in export(recording, "processes")}
    assert lives.keys() == processes.keys()
    for pid, life in lives.items():
        assert life["args"]["command"] == processes[pid]["command"]
        assert life["args"].get("exit_code") == processes[pid]["exit_code"]
        inside = [e for e in slices if e["pid"] == pid and e is not life]
        for e in inside:
            assert us(life["ts"]) <= us(e["ts"])
            assert us(e["ts"]) + us(e["dur"]) <= us(life["ts"]) + us(life["dur"])
    values = [(e["pid"], e["name"], float(e["args"]["value"])) for e in events
              if e["ph"] == "C" and "value" in e["args"]]
    assert sorted(values) == sorted(values_of(recording))
    assert {(e["name"], e["s"]) for e in events if e["ph"] == "i"} == {
        ("half", "p"), ('half, "way"', "t")}
    names = {e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    assert "worker" in names


def test_chrome_counters_are_the_samples(recording, tmp_path):
    events = json.loads(exported(recording, "chrome", tmp_path).read_text())["traceEvents"]
    rows = export(recording, "samples", "--fields", "pid,rss")
    for pid in {row["pid"] for row in rows}:
        values = [e["args"]["bytes"] for e in events
                  if e["ph"] == "C" and e["pid"] == pid and e["name"] == "rss"]
        sampled = [row["rss"] for row in rows if row["pid"] == pid and row["rss"] is not None]
        changed = [v for i, v in enumerate(sampled) if i == 0 or sampled[i - 1] != v]
        assert values == changed
    whole = {e["name"] for e in events if e["ph"] == "C" and e["pid"] == 0}
    assert {"all rss", "all processes", "machine cpu_percent"} <= whole


# ---- perfetto ----


@pytest.fixture(scope="module")
def perfetto_pb2(tmp_path_factory):
    """Readers that protoc makes of what tacho uses of Perfetto's format."""
    out = tmp_path_factory.mktemp("protoc")
    subprocess.run(["protoc", f"--proto_path={PROTO.parent}", f"--python_out={out}", PROTO.name],
                   check=True)
    sys.path.insert(0, str(out))
    try:
        import perfetto_pb2
        yield perfetto_pb2
    finally:
        sys.path.remove(str(out))


def unknown_fields(message):
    """Fields that the .proto does not know, at any depth."""
    found = len(message.UnknownFields())
    for field, value in message.ListFields():
        if field.message_type is not None:
            found += sum(unknown_fields(m) for m in (value if field.label == 3 else [value]))
    return found


class Trace:
    """Tracks and events of a trace, paired by the rules of Perfetto."""

    def __init__(self, pb, path):
        self.packets = pb.Trace.FromString(path.read_bytes()).packet
        self.names, self.categories, self.tracks = {}, {}, {}
        self.slices, self.values, self.instants = [], [], []
        assert sum(unknown_fields(packet) for packet in self.packets) == 0
        assert {packet.trusted_packet_sequence_id for packet in self.packets} == {1}
        assert self.packets[0].sequence_flags == 1
        stacks = {}
        for packet in self.packets:
            self.names.update((n.iid, n.name) for n in packet.interned_data.event_names)
            self.categories.update((n.iid, n.name) for n in packet.interned_data.event_categories)
            if packet.HasField("track_descriptor"):
                assert packet.track_descriptor.uuid not in self.tracks
                self.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
            if packet.HasField("track_event"):
                self.take(pb.TrackEvent, packet, stacks)
        assert not any(stacks.values())

    def take(self, kinds, packet, stacks):
        event = packet.track_event
        assert event.track_uuid in self.tracks or event.track_uuid == 0
        stack = stacks.setdefault(event.track_uuid, [])
        if event.type == kinds.TYPE_SLICE_BEGIN:
            stack.append(packet)
        elif event.type == kinds.TYPE_SLICE_END:
            begin = stack.pop()
            assert begin.sequence_flags == 2
            self.slices.append((self.tracks[event.track_uuid], *self.called(begin.track_event),
                                begin.timestamp, packet.timestamp - begin.timestamp))
        elif event.type == kinds.TYPE_COUNTER:
            self.values.append((self.tracks[event.track_uuid],
                                event.double_counter_value or event.counter_value))
        else:
            assert event.type == kinds.TYPE_INSTANT
            self.instants.append((self.tracks.get(event.track_uuid), self.called(event)[0]))

    def called(self, event):
        categories = [self.categories[i] for i in event.category_iids] + list(event.categories)
        name = self.names[event.name_iid] if event.HasField("name_iid") else event.name
        return name, "".join(categories)


def test_perfetto_has_what_the_tables_say(recording, tmp_path, perfetto_pb2):
    trace = Trace(perfetto_pb2, exported(recording, "perfetto", tmp_path))
    snapshot = {c.clock_id: c.timestamp for c in trace.packets[0].clock_snapshot.clocks}
    start = snapshot[6]
    assert abs(snapshot[1] / 1e9 - os.stat(recording).st_mtime) < 120
    scopes = [(t.thread.pid, t.thread.tid, name, category, begin - start, duration)
              for t, name, category, begin, duration in trace.slices if t.HasField("thread")]
    assert sorted(scopes) == scopes_of(recording)
    rows = {row["pid"]: row for row in export(recording, "processes")}
    lives = {t.process.pid: (t, name) for t, name, category, _, _ in trace.slices
             if category == "process"}
    assert lives.keys() == rows.keys()
    for pid, (track, name) in lives.items():
        assert name == track.process.process_name == rows[pid]["comm"]
    parents = {uuid: t.process.pid for uuid, t in trace.tracks.items() if t.HasField("process")}
    marked = [(parents[t.parent_uuid], t.name, v) for t, v in trace.values if t.name == "residual"]
    assert sorted(marked) == sorted(values_of(recording))
    assert {name for _, name in trace.instants} == {"half", 'half, "way"'}
    assert "worker" in {t.thread.thread_name for t in trace.tracks.values()}
    sampled = {(t.name, t.counter.unit, t.counter.unit_name) for t, _ in trace.values}
    assert {("rss", 3, ""), ("num_threads", 2, ""), ("cpu_percent", 0, "%")} <= sampled


def test_perfetto_counters_are_the_samples(recording, tmp_path, perfetto_pb2):
    trace = Trace(perfetto_pb2, exported(recording, "perfetto", tmp_path))
    rows = export(recording, "samples", "--fields", "pid,cpu_percent")
    for uuid, process in trace.tracks.items():
        if not process.HasField("process"):
            continue
        values = [v for t, v in trace.values if t.parent_uuid == uuid and t.name == "cpu_percent"]
        sampled = [row["cpu_percent"] for row in rows
                   if row["pid"] == process.process.pid and row["cpu_percent"] is not None]
        assert values == [v for i, v in enumerate(sampled) if i == 0 or sampled[i - 1] != v]


# ---- speedscope ----


def check_speedscope(file):
    """What https://www.speedscope.app/file-format-schema.json demands, and speedscope's importer."""
    assert file.keys() <= {"$schema", "shared", "profiles", "name", "activeProfileIndex", "exporter"}
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = file["shared"]["frames"]
    for frame in frames:
        assert isinstance(frame["name"], str)
        assert frame.keys() <= {"name", "file", "line", "col"}
    for profile in file["profiles"]:
        assert profile.keys() == {"type", "name", "unit", "startValue", "endValue", "events"}
        assert profile["type"] == "evented" and profile["unit"] == "nanoseconds"
        stack, last = [], profile["startValue"]
        for event in profile["events"]:
            assert event.keys() == {"type", "frame", "at"}
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                assert 0 <= event["frame"] < len(frames)
                stack.append(event)
            else:
                assert event["type"] == "C" and stack.pop()["frame"] == event["frame"]
        assert stack == []


def test_speedscope_has_what_the_tables_say(recording, tmp_path):
    file = json.loads(exported(recording, "speedscope", tmp_path).read_text(encoding="utf-8"))
    check_speedscope(file)
    frames, scopes = file["shared"]["frames"], []
    for profile in file["profiles"]:
        stack = []
        for event in profile["events"]:
            if event["type"] == "O":
                stack.append(event)
                continue
            begin, frame = stack.pop(), frames[event["frame"]]
            scopes.append((frame["name"], frame.get("file", ""), begin["at"],
                           event["at"] - begin["at"]))
    assert sorted(scopes) == sorted(scope[2:] for scope in scopes_of(recording))
    threads = {(row["pid"], row["tid"]) for row in export(recording, "scopes")}
    assert len(file["profiles"]) == len(threads)
    assert any("worker" in profile["name"] for profile in file["profiles"])


def test_speedscope_spools_what_is_long(tmp_path):
    path = tmp_path / "run.tacho"
    assert record(path, MARKER, "loop", "again", "20000").returncode == 0
    file = json.loads(exported(path, "speedscope", tmp_path).read_text())
    check_speedscope(file)
    assert [len(profile["events"]) for profile in file["profiles"]] == [40000]


def test_speedscope_without_a_place_to_spool(tmp_path):
    path = tmp_path / "run.tacho"
    assert record(path, MARKER, "loop", "again", "20000").returncode == 0
    result = run("export", path, "-t", "speedscope", "-o", tmp_path / "out",
                 env={**os.environ, "TMPDIR": str(tmp_path / "missing")})
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "No such file" in result.stderr


# ---- all of them ----


@pytest.mark.parametrize("form", ["chrome", "perfetto"])
def test_a_job_without_marks(form, tmp_path, perfetto_pb2):
    path = tmp_path / "run.tacho"
    assert record(path, "sleep", "0.3", options=["-i", "0.05"]).returncode == 0
    out = exported(path, form, tmp_path)
    if form == "chrome":
        assert {"X", "M", "C"} == {e["ph"] for e in json.loads(out.read_text())["traceEvents"]}
    else:
        assert len(Trace(perfetto_pb2, out).slices) == 1


def test_what_makes_no_sense(recording, tmp_path):
    path = tmp_path / "run.tacho"
    assert record(path, "true").returncode == 0
    result = run("export", path, "--to", "speedscope")
    assert (result.returncode, result.stdout) == (1, "")
    assert "nothing in the recording is marked" in result.stderr
    for option in ("--table=scopes", "--fields=rss", "--time=epoch", "--fill"):
        result = run("export", recording, "--to", "chrome", option)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1 and option.split("=")[0] in result.stderr
    result = run("export", recording, "--to", "chrom")
    assert "csv, tsv, jsonl, sqlite, chrome, perfetto" in result.stderr


def test_a_bar_on_a_terminal(recording, tmp_path):
    """Where stderr is a terminal, what takes its time shows how far it is, and leaves nothing."""
    path = tmp_path / "run.tacho"
    assert record(path, MARKER, "loop", "again", "20000").returncode == 0
    controller, terminal = pty.openpty()
    os.set_blocking(controller, False)
    process = subprocess.Popen([TACHO, "export", path, "--to", "chrome"], stdout=subprocess.PIPE,
                               stderr=terminal)
    os.close(terminal)
    shown, out = b"", b""
    while piece := os.read(process.stdout.fileno(), 8192):
        out += piece
        time.sleep(0.008)  # a reader that is slow: two megabytes take it two seconds
        shown += drained(controller)
    assert process.wait(60) == 0
    shown += drained(controller)
    json.loads(out)
    assert re.match(rb"\r\[[#.]{40}\] +\d+ %", shown), shown
    assert shown.endswith(b"\r\x1b[K")


def drained(fd):
    try:
        return os.read(fd, 65536)
    except OSError:  # nothing there, or nobody who could write
        return b""
