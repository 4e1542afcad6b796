"""Following: what it sees of 5,000 short processes of four kinds, and what the job feels of it.

Each mechanism that works here, and no recorder, in interleaved rounds; medians, and in brackets the
least and the most. ROUNDS (7) is how many; PROCESSES (5000) how many escape; MANY (200000) how many
one recording holds. `bench/run following` takes a quarter of an hour.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import time

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
ROUNDS = int(os.environ.get("ROUNDS", "7"))
PROCESSES = int(os.environ.get("PROCESSES", "5000"))
MANY = int(os.environ.get("MANY", "200000"))
PATH, TRUTH = f"{WORK}/open/run.tacho", f"{WORK}/open/truth"
ESCAPEES, LOCKED, SPAWN, NOTHING = (f"{WORK}/{name}" for name in
                                    ("escapees", "locked", "spawn", "nothing"))
AUTOMATIC = ("bpf", "connector", "perf", "poll")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
# Two-sided 95 % of Student's distribution, by degrees of freedom.
STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def output(command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def recorder(mechanism, prefix=(), options=()):
    """The command that records what is appended to it; nothing for no mechanism."""
    if mechanism is None:
        return []
    return [*prefix, TACHO, "record", "-q", "--force", "-o", PATH, "--follow", mechanism,
            *options, "--"]


def summary():
    return json.loads(output([TACHO, "report", "--json", PATH]))


def rows():
    lines = output([TACHO, "export", PATH, "--table", "processes", "--to", "jsonl"]).splitlines()
    return [json.loads(line) for line in lines]


def works(mechanism, prefix=()):
    command = [*recorder(mechanism, prefix), "true"]
    return subprocess.run(command, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def spread(values, digits=1):
    return (f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} … "
            f"{max(values):.{digits}f}]")


def interval(ratios):
    """The mean of ratios in percent, with a 95 % confidence interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean, half = statistics.mean(logs), math.inf
    if len(logs) > 1:
        error = statistics.stdev(logs) / math.sqrt(len(logs))
        half = STUDENT.get(len(logs) - 1, 2.2) * error
    low, high = ((math.exp(mean + sign * half) - 1) * 100 for sign in (-1, 1))
    return f"{(math.exp(mean) - 1) * 100:+.2f} % [{low:+.2f} … {high:+.2f}]"


def rounds(mechanisms, measure, count=ROUNDS):
    """For each mechanism and None: what `measure` gave in each round."""
    found = {mechanism: [] for mechanism in (None, *mechanisms)}
    for turn in range(count):
        order = list(found)
        for mechanism in order if turn % 2 == 0 else reversed(order):
            found[mechanism].append(measure(mechanism))
    return found


# ---- what the job feels ----


def spawn_loop(mechanism):
    """CPU and wall of the loop on processor 1, µs a process; the recorder is on processor 0."""
    loop = ["taskset", "-c", "1", SPAWN, "20000", NOTHING]
    outside = ["taskset", "-c", "0"] if mechanism else []
    return [float(word) for word in output([*outside, *recorder(mechanism), *loop]).split()]


def slow_down(mechanisms):
    found = rounds(mechanisms, spawn_loop)
    print("vfork + exec + exit in a loop, the recorder on the other processor")
    print(f"  {'':12}{'µs of CPU each':>28}   {'slow-down: CPU':>24}   {'wall':>24}   goal")
    for mechanism, values in found.items():
        cpu = spread([value[0] for value in values])
        if mechanism is None:
            print(f"  {'no recorder':12}{cpu:>28}")
            continue
        ratios = [[(value[i] / plain[i] - 1) * 100 for value, plain in zip(values, found[None])]
                  for i in range(2)]
        goal = {"bpf": "≤ 3 %", "ptrace": "none: only when asked for"}.get(mechanism, "")
        print(f"  {mechanism:12}{cpu:>28}   {spread(ratios[0]) + ' %':>24}   "
              f"{spread(ratios[1]) + ' %':>24}   {goal}")


def makefile():
    """A build of this tree, and of four targets that fail."""
    sources = sorted(output(["git", "ls-files", "src/*.c"]).split())
    sources = [source for source in sources if not source.endswith(".bpf.c")]
    flags = "-std=gnu17 -D_GNU_SOURCE -O2 -Isrc -Iinclude -I" + os.path.dirname(TACHO) + "/src"
    objects = [f"{WORK}/{source.replace('/', '_')}.o" for source in sources]
    with open(f"{WORK}/Makefile", "w") as file:
        file.write(f"all: {' '.join(objects)}\nfails: fail3 fail4 fail5 fail6\n")
        for source, object_ in zip(sources, objects):
            file.write(f"{object_}: {source}\n\t@cc {flags} -c -o $@ $<\n")
        file.write("fail%:\n\t@sh -c 'exit $*'\n.PHONY: all fails\n")
    return objects


def make(mechanism, goals=("all",)):
    """CPU and wall of make as GNU time has them."""
    for name in os.listdir(WORK):
        if name.endswith(".o"):
            os.unlink(f"{WORK}/{name}")
    command = [*recorder(mechanism), "/usr/bin/time", "-q", "-f", "%U %S %e", "-o",
               f"{WORK}/time", "make", "-k", "-j2", "-s", "-f", f"{WORK}/Makefile", *goals]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    user, system, wall = (float(word) for word in open(f"{WORK}/time").read().split())
    return user + system, wall


def real_make(mechanisms):
    objects = makefile()
    make(None)
    if not all(os.path.exists(object_) for object_ in objects):
        sys.exit("the tree cannot be compiled: build tacho first")
    found = rounds(mechanisms, make)
    cpu, wall = (statistics.median(column) for column in zip(*found[None]))
    print(f"make -j2 of {len(objects)} files ({cpu:.2f} s of CPU, {wall:.2f} s), by recorder; 95 % "
          f"confidence of {ROUNDS} rounds")
    for mechanism in mechanisms:
        pairs = list(zip(found[mechanism], found[None]))
        ratios = [[recorded[i] / plain[i] for recorded, plain in pairs] for i in range(2)]
        print(f"  {mechanism:12}CPU {interval(ratios[0]):>30}   wall {interval(ratios[1]):>30}   "
              "goal: within noise")


def accounted_make(mechanisms):
    makefile()
    print("tacho record -- make -j2: CPU by the processes' exact accounts, against wait4's")
    for mechanism in mechanisms:
        truth, _ = make(mechanism, ("all", "fails"))
        table = [row for row in rows() if row["comm"] != "time"]
        exact = [row for row in table if row["accounting"] == "exact"]
        own = sum(row["cpu"] or 0 for row in exact)
        codes = {row["exit_code"] for row in table if row["command"] and "exit" in row["command"]}
        goal = "goal: within 1 %, all named" if mechanism == "bpf" else ""
        print(f"  {mechanism:12}{own:8.3f} of {truth:.2f} s ({(own / truth - 1) * 100:+.2f} %), "
              f"{len(exact)} of {len(table)} exact, "
              f"failed: {len(codes & {3, 4, 5, 6})} of 4 with their code   {goal}")


# ---- what it sees, and what that costs ----


def escape(mechanism, prefix=(), count=PROCESSES):
    if os.path.exists(TRUTH):
        os.unlink(TRUTH)
    subprocess.run([*recorder(mechanism, prefix), ESCAPEES, TRUTH, "four", str(count)], check=True,
                   stdout=subprocess.DEVNULL)


def cost(mechanisms):
    def each(mechanism):
        if mechanism is None:
            return 0
        subprocess.run([*recorder(mechanism), "true"], check=True)
        start = summary()["recorder"]["cpu_s"]
        escape(mechanism)
        return (summary()["recorder"]["cpu_s"] - start) / PROCESSES * 1e6

    found = rounds(mechanisms, each, min(ROUNDS, 3))
    print(f"the recorder's CPU for {PROCESSES} escapees, its start and end left out")
    for mechanism in mechanisms:
        print(f"  {mechanism:12}{spread(found[mechanism]):>28} µs a process")


def seen(mechanism, prefix):
    """Percents by kind: seen, and with an exact account; and how many it says there were."""
    escape(mechanism, prefix)
    by_pid = {}
    for row in rows():
        by_pid.setdefault(row["pid"], []).append(row)
    counts = {}
    for line in open(TRUTH):
        truth = json.loads(line)
        found = by_pid.get(truth["pid"])
        total, there, exact = counts.get(truth["kind"], (0, 0, 0))
        counts[truth["kind"]] = (total + 1, there + bool(found),
                                 exact + (bool(found) and found[0]["accounting"] == "exact"))
    return counts, summary()["processes"]


def coverage(users):
    goals = {("root", "bpf"): "100 % exact", ("uid 65534", "connector"): "100 % seen",
             ("uid 65534", "perf"): "100 % seen",
             ("locked down", "poll"): "≥ 99 % of A, G, O; a bound"}
    print(f"{PROCESSES} escapees: % seen / % exact. A exec'd child with threads, G exec'd "
          "grandchild,")
    print(f"I that only forks, O orphan in a new session; N said to be {PROCESSES + 1} or more")
    print(f"  {'':24}{'A':>12}{'G':>12}{'I':>12}{'O':>12}{'N said':>9}   goal")
    for user, prefix in users:
        for mechanism in AUTOMATIC:
            if not works(mechanism, prefix):
                continue
            counts, told = seen(mechanism, prefix)
            cells = [f"{there / total * 100:.1f}/{exact / total * 100:.1f}"
                     for total, there, exact in (counts[kind] for kind in "AGIO")]
            print(f"  {user:12}{mechanism:12}" + "".join(f"{cell:>12}" for cell in cells) +
                  f"{told['total']:9}   {goals.get((user, mechanism), '')}")


def many(mechanisms):
    print(f"{MANY} processes one after the other in one recording")
    for mechanism in mechanisms:
        subprocess.run([*recorder(mechanism), ESCAPEES, TRUTH, "short", str(MANY)], check=True,
                       stdout=subprocess.DEVNULL)
        told, walls = summary(), []
        for _ in range(3):
            begun = time.monotonic()
            report = subprocess.Popen([TACHO, "report", PATH], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(report.pid, 0)
            walls.append(time.monotonic() - begun)
            report.returncode = os.waitstatus_to_exitcode(status)
        print(f"  {mechanism:12}recorder {told['recorder']['peak_rss_bytes'] / 2**20:.1f} MiB, "
              f"file {os.path.getsize(PATH) / 2**20:.1f} MiB, "
              f"{told['completeness']['lost_events']} events lost, "
              f"{told['processes']['exact']} exact, {told['processes']['missed']} missed, "
              f"report in {statistics.median(walls):.2f} s ({usage.ru_maxrss / 1024:.0f} MiB)")
    print("  goal: bounded memory, none lost (bpf), report < 1 s")


def main():
    os.makedirs(f"{WORK}/open", exist_ok=True)
    for path in (WORK, f"{WORK}/open"):
        os.chmod(path, 0o777)
    mechanisms = [mechanism for mechanism in AUTOMATIC if works(mechanism)]
    asked_for = [mechanism for mechanism in ("ptrace",) if works(mechanism)]
    users = [("root" if os.geteuid() == 0 else "this user", [])]
    users += [("uid 65534", NOBODY)] if os.geteuid() == 0 else []
    users += [("locked down", [LOCKED])]
    parts = {
        "slow_down": lambda: slow_down([*mechanisms, *asked_for]),
        "make": lambda: real_make(mechanisms),
        "cost": lambda: cost([*mechanisms, *asked_for]),
        "coverage": lambda: coverage(users),
        "many": lambda: many(mechanisms),
        "accounts": lambda: accounted_make(mechanisms),
    }
    for part in os.environ.get("PARTS", " ".join(parts)).split():
        parts[part]()
        print(flush=True)


main()
