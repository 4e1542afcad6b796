"""No process escapes: each is seen, once, as what it was; or the number of those missed is told."""

import os
import re
import signal
import subprocess
import sys

import pytest
from support import (AUTOMATIC, ESCAPEES, INNER_PIDS, LOCKED_DOWN, MECHANISMS, NOBODY, SANITIZED,
                     SEES_ALL, TACHO, Escape, command_of, ended_as, escape, export, follows, need,
                     record, report, run, unable, wait_until)

MANY = 400 if SANITIZED else 2000
SOME = 100 if SANITIZED else 400


def first_of(truth):
    """A command line that it had only until its thread exec'd."""
    return command_of(truth).replace("threaded", "thread-exec")


def check_pairs(pairs):
    """What is told of those that were seen is true, as far as it goes."""
    for truth, row in pairs:
        assert ended_as(row) in (None, os.waitstatus_to_exitcode(truth["status"])), row
        assert row["command"] is None or row["command"] in (command_of(truth), first_of(truth)) \
            or not row["command"].startswith("escapee "), row
        assert row["end"] is None or row["seen"] - 0.02 <= row["end"], row


def visible(run, mechanism):
    """The kernel keeps those made with CLONE_UNTRACED from every tracer."""
    hidden = "untraced" if mechanism == "ptrace" else None
    return [truth for truth in run.truth if truth["kind"] != hidden]


def check(run, mechanism, others=1, pid="pid"):
    """`others`: processes that were recorded beside those of whom the truth is told."""
    pairs = run.seen(pid)
    assert run.twice() == []
    check_pairs(pairs)
    truths = visible(run, mechanism)
    assert run.processes["total"] >= len(truths) + others
    if mechanism in SEES_ALL:
        kinds = [truth["kind"] for truth in truths]
        seen = [truth["kind"] for truth, _ in pairs]
        assert {k: seen.count(k) for k in kinds} == {k: kinds.count(k) for k in kinds}
        assert run.processes["unseen"] == 0 and len(run.rows) == len(truths) + others
    if mechanism == "bpf":
        check_exact(run, pairs)
    return pairs


def check_exact(run, pairs):
    """What BPF programs tell of each."""
    check_accounts(run.rows)
    assert run.processes["exact"] + run.processes["sampled"] == run.processes["total"]
    # As with accounts: one that is freed untold is counted when its place is used again.
    assert run.summary["completeness"]["lost_events"] <= len(run.rows) * 0.03 + 1
    for truth, row in pairs:
        assert ended_as(row) == os.waitstatus_to_exitcode(truth["status"]), row
        if truth["kind"] in ("A", "G", "O", "R", "threaded"):
            assert row["command"] == command_of(truth)
    # Of one without the account is known what it had run at the clock's last tick before its end.
    early = sum(row["accounting"] == "sampled" for row in run.rows)
    total = run.summary["cpu"]["total_s"]
    missing = total - sum(row["cpu"] for row in run.rows)
    assert -0.001 - 0.01 * total <= missing <= 0.001 + 0.01 * total + 0.004 * early


def check_accounts(rows):
    """All have the kernel's account, but for a few: Linux 6.18 frees a task in a thousand late, or
    without running the program that takes the account (seen in a virtual machine); and those that
    ended last may be freed after the recorder's patience, where the processors are busy."""
    exact = [row for row in rows if row["accounting"] == "exact"]
    assert {row["accounting"] for row in rows} <= {"exact", "sampled"}
    assert len(exact) >= len(rows) * 0.97 - 5


def check_waited_for(pairs):
    """Of an orphan whose end nobody has waited for yet there is no final account."""
    assert all(ended_as(row) is not None for _, row in pairs)
    check_accounts([row for truth, row in pairs if truth["kind"] != "O"])


def check_parents(pairs):
    """Parents as they were at birth: of an orphan the one that left it."""
    intermediate = {truth["number"]: row for truth, row in pairs if truth["kind"] == "I"}
    for truth, row in pairs:
        if truth["kind"] == "O":
            assert row["parent"] == intermediate[truth["number"]]["entity"]
            assert row["ppid"] == intermediate[truth["number"]]["pid"]
        else:
            assert row["ppid"] == truth["ppid"] and row["parent"] is not None


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_four_kinds(tmp_path, mechanism):
    need(mechanism)
    run = escape(tmp_path, mechanism, "four", MANY if mechanism != "ptrace" else SOME)
    assert run.summary["completeness"]["follow"].split("+")[0] == mechanism
    pairs = check(run, mechanism)
    if mechanism == "bpf":
        check_parents(pairs)


@pytest.mark.parametrize("mechanism", SEES_ALL)
def test_at_many_ticks_nobody_is_seen_twice(tmp_path, mechanism):
    """What happens at a tick, just before it and just after it."""
    need(mechanism)
    check(escape(tmp_path, mechanism, "four", SOME, options=["-i", "0.002"]), mechanism)


@pytest.mark.parametrize("mechanism", AUTOMATIC)
def test_four_kinds_as_somebody_without_rights(public_path, mechanism):
    need(mechanism, *NOBODY)
    check(escape(public_path, mechanism, "four", SOME, prefix=NOBODY), mechanism)


def test_locked_down_the_bound_holds_and_is_told(tmp_path):
    for mechanism in ("bpf", "perf", "connector"):
        assert unable(mechanism, *LOCKED_DOWN) is not None
    escaped = escape(tmp_path, None, "four", MANY, prefix=LOCKED_DOWN)
    assert escaped.summary["completeness"]["follow"] == "poll"
    check(escaped, "poll")
    if escaped.processes["unseen"] > 0:
        text = run("report", escaped.path).stdout.replace("\n", " ")
        assert escaped.processes["missed_is_bound"]
        assert f"up to {escaped.processes['unseen']:,} more process" in re.sub(" +", " ", text)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_odd_births_and_deaths(tmp_path, mechanism):
    need(mechanism)
    check(escape(tmp_path, mechanism, "odd", "+", "threads"), mechanism)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root chooses pids")
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_pid_that_is_used_again_and_again(tmp_path, mechanism):
    """All within a tick: processes are told apart by more than their pid."""
    need(mechanism)
    path = tmp_path / "run.tacho"
    result = record(path, ESCAPEES, tmp_path / "truth", "reuse", 20,
                    options=["--follow", mechanism])
    assert result.returncode == 0, result.stderr
    escaped = Escape(tmp_path)
    assert len({truth["pid"] for truth in escaped.truth}) == 1
    try:
        check_pairs([(truth, row) for truth, row in escaped.seen()
                     if row["command"] == command_of(truth)])
    except AssertionError:
        if mechanism == "connector":
            pytest.xfail("a command line is read a moment after its exec: late, it is the next one's")
        raise
    assert escaped.processes["total"] >= 21
    if mechanism == "perf" and len(escaped.rows) < 21:
        pytest.xfail("perf may take a birth for the end of another that had the same pid")
    if mechanism in SEES_ALL:
        assert len(escaped.rows) == 21
    if mechanism == "bpf":
        check_exact(escaped, escaped.seen())


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_pid_namespace_inside_the_tree(tmp_path, mechanism):
    """What the truth calls pids are there inner ones. Besides: the job and `unshare`."""
    need(mechanism)
    if subprocess.run([*INNER_PIDS, "true"], check=False).returncode != 0:
        pytest.skip("no pid namespace can be made here")
    escaped = escape(tmp_path, mechanism, "four", 100, "+", "odd", within=INNER_PIDS)
    assert escaped.processes["total"] >= len(visible(escaped, mechanism)) + 2
    assert escaped.twice() == []
    if mechanism in SEES_ALL:
        assert len(escaped.rows) == len(visible(escaped, mechanism)) + 2
    if mechanism == "bpf":
        # One of the odd is the first process of a namespace of its own.
        new = [truth for truth in escaped.truth if truth["kind"] == "new-pids"]
        for truth in new:
            truth["pid"] = 1
        pairs = check(escaped, mechanism, others=2, pid="inner_pid")
        assert len(pairs) == len(escaped.truth)


@pytest.mark.parametrize("mechanism", AUTOMATIC)
def test_a_recorder_in_a_pid_namespace(tmp_path, mechanism):
    """Pids are those of the recorder's namespace, as the job in it sees them."""
    need(mechanism, *INNER_PIDS)
    escaped = escape(tmp_path, mechanism, "four", SOME, prefix=INNER_PIDS)
    check(escaped, mechanism)
    assert min(row["pid"] for row in escaped.rows) <= 5


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_recorder_in_a_recorder(tmp_path, mechanism):
    """Both follow; to the outer one the inner one is a process like others."""
    need(mechanism)
    if mechanism == "ptrace":
        pytest.skip("a process has one tracer at most")
    inner = tmp_path / "inner.tacho"
    escaped = escape(tmp_path, mechanism, "four", 100, "+", "odd",
                     within=[TACHO, "record", "-q", "-o", inner, "--follow", mechanism, "--"])
    # Besides the truth: the inner recorder and its children, the job and such as it tries with.
    pairs = escaped.seen()
    (root,) = [row for row in escaped.rows if "root" in row["flags"]]
    known = {row["entity"] for _, row in pairs} | {root["entity"]}
    others = [row for row in escaped.rows if row["entity"] not in known]
    assert mechanism == "poll" or {row["parent"] for row in others} == {root["entity"]}
    check(escaped, mechanism, others=1 + len(others))
    check(Escape(tmp_path, name="inner.tacho"), mechanism)


# ---- attached ----


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_attached_births_from_then_on(tmp_path, mechanism):
    need(mechanism)
    path = tmp_path / "run.tacho"
    job = subprocess.Popen(["sh", "-c", 'sleep 60 >/dev/null & echo $!; exec "$@"', "sh", ESCAPEES,
                            tmp_path / "truth", "wait", "+", "four", str(SOME), "+", "odd"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sleeper = int(job.stdout.readline())
    assert job.stdout.readline() == "waiting\n"
    recorder = subprocess.Popen([TACHO, "record", "-q", "-o", path, "--follow", mechanism, "-p",
                                 str(job.pid)], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: path.exists() and follows(path, job.pid))
    job.communicate("\n", timeout=60)
    os.kill(sleeper, signal.SIGKILL)
    assert recorder.communicate(timeout=60)[1] == "" and recorder.returncode == 0
    escaped = Escape(tmp_path)
    pids = [row["pid"] for row in escaped.rows]
    assert pids.count(job.pid) == pids.count(sleeper) == 1
    pairs = escaped.seen()
    check_pairs(pairs)
    assert escaped.twice() == []
    assert escaped.processes["total"] >= len(visible(escaped, mechanism)) + 2
    if mechanism in SEES_ALL:
        assert len(pairs) == len(visible(escaped, mechanism)) == len(escaped.rows) - 2
    if mechanism == "bpf":
        check_waited_for(pairs)


ZOMBIE = """
import os, sys
pid = os.fork()
if pid == 0:
    os._exit(7)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print(pid, flush=True)
sys.stdin.readline()
os.waitpid(pid, 0)
print("reaped", flush=True)
sys.stdin.readline()
"""


def stranger_as(pid):
    """A process of ours with that pid, which has children; their pids."""
    read_end, write_end = os.pipe()
    for _ in range(1000):
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(pid - 1))
        child = os.fork()
        if child == 0:
            for _ in range(3 if os.getpid() == pid else 0):
                grandchild = os.posix_spawn("/bin/true", ["true"], {})
                os.write(write_end, f"{grandchild}\n".encode())
                os.waitpid(grandchild, 0)
            os._exit(0)
        os.waitpid(child, 0)
        if child == pid:
            os.close(write_end)
            with open(read_end) as file:
                return [int(line) for line in file]
    pytest.skip("the pid was always taken")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root chooses pids")
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_who_has_the_pid_of_a_zombie_later_is_a_stranger(tmp_path, mechanism):
    need(mechanism)
    path = tmp_path / "run.tacho"
    job = subprocess.Popen([sys.executable, "-c", ZOMBIE], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True)
    zombie = int(job.stdout.readline())
    recorder = subprocess.Popen([TACHO, "record", "-q", "-o", path, "--follow", mechanism, "-p",
                                 str(job.pid)])
    wait_until(lambda: path.exists() and follows(path, job.pid))
    job.stdin.write("\n")
    job.stdin.flush()
    assert job.stdout.readline() == "reaped\n"
    strangers = stranger_as(zombie)
    job.communicate("\n", timeout=60)
    assert recorder.wait(timeout=60) == 0
    pids = [row["pid"] for row in export(path, "processes")]
    assert len(strangers) == 3 and not set(strangers) & set(pids)
    assert pids.count(zombie) <= 1


# ---- the whole machine ----


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_machine_records_births_and_ends(tmp_path, mechanism):
    need(mechanism, target=("-a", "-d", "0.01"))
    path = tmp_path / "run.tacho"
    recorder = subprocess.Popen([TACHO, "record", "-q", "-a", "-o", path, "--follow", mechanism],
                                stderr=subprocess.PIPE, text=True)
    wait_until(lambda: path.exists() and run("export", path, "--table", "machine").stdout != "")
    subprocess.run([ESCAPEES, tmp_path / "truth", "four", str(SOME), "+", "odd"], check=True,
                   stdout=subprocess.DEVNULL)
    recorder.send_signal(signal.SIGINT)
    assert recorder.communicate(timeout=60)[1] == "" and recorder.returncode == 0
    escaped = Escape(tmp_path)
    pairs = escaped.seen()
    assert len(pairs) == len(escaped.truth)
    check_pairs(pairs)
    assert escaped.twice() == []
    if mechanism == "bpf":
        check_waited_for(pairs)


# ---- what the reader is told ----

FAILING = """
for status in 3 4 5; do sh -c "echo \\$\\$ exit $status; exit $status"; done
sh -c 'echo $$ SIGKILL; kill -KILL $$'
sh -c 'echo $$ SIGTERM; kill -TERM $$'
exit 0
"""


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_those_that_failed_are_named_with_their_status(tmp_path, mechanism):
    need(mechanism)
    path = tmp_path / "run.tacho"
    result = record(path, "sh", "-c", FAILING, options=["--follow", mechanism])
    failed = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert len(failed) == 5 and result.returncode == 0
    told = {str(row["pid"]): ended_as(row) for row in export(path, "processes")}
    known = [(pid, how) for pid, how in failed if told.get(pid) is not None]
    assert len(known) == 5 or mechanism != "bpf"
    if not known:
        pytest.skip(f"{mechanism} told no status of such short processes")
    assert report(path)["processes"]["failed"] == len(known)
    text = run("report", path).stdout
    lines = text[text.index("\nFailed"):].splitlines()
    for pid, how in known:
        assert any(line.strip().startswith(how) and f" {pid} " in line for line in lines), how
