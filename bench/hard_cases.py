"""The jobs that today's tools get wrong: the truth, tacho (10 Hz, polling), and GNU time."""

import json
import os
import subprocess
import sys

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
BURNER = f"{WORK}/burner"
subprocess.run(["cc", "-O2", "-pthread", "-o", BURNER, "tests/cli/jobs/burner.c"], check=True)

CASES = [
    ("300 children of 10 ms CPU each", ["children", "300", "0.01"], 3.0),
    ("a setsid() child", ["session", "3"], 3.0),
    ("a double-fork orphan", ["orphan", "3"], 3.0),
    ("a child named `a b) R 1 1`", ["renamed", "3", "a b) R 1 1"], 3.0),
    ("a child forked by a thread", ["thread", "3"], 3.0),
]


def recorded(arguments):
    """The summary, and what the burner says the kernel accounted to it and its children."""
    path = f"{WORK}/case.tacho"
    job = subprocess.run([TACHO, "record", "-q", "--force", "-o", path, "--", BURNER, *arguments],
                         check=True, stdout=subprocess.PIPE)
    summary = subprocess.run([TACHO, "report", "--json", path], check=True, stdout=subprocess.PIPE)
    return json.loads(summary.stdout), float(job.stdout)


def gnu_time(arguments, fields):
    log = f"{WORK}/time"
    subprocess.run(["/usr/bin/time", "-f", fields, "-o", log, BURNER, *arguments], check=True,
                   stdout=subprocess.DEVNULL)
    return [float(field) for field in open(log).read().split()]


print(f"{'job':36}{'truth':>8}{'tacho':>9}{'error':>8}{'time':>8}   CPU seconds")
for name, arguments, burnt in CASES:
    summary, own = recorded(arguments)
    total = summary["cpu"]["total_s"]
    truth = max(burnt, own)  # forking costs as well; an orphan is in nobody's account
    other = sum(gnu_time(arguments, "%U %S"))
    print(f"{name:36}{truth:8.2f}{total:9.3f}{(total / truth - 1) * 100:+7.1f}%{other:8.2f}")
memory = recorded(["shared", "5", "200", "4"])[0]["memory"]
(largest,) = gnu_time(["shared", "5", "200", "1"], "%M")
print(f"{'5 processes sharing 200 MiB':36}{200:8} {memory['peak_pss_bytes'] / 2**20:8.0f}"
      f"{'':8}{largest / 1024:8.0f}   MiB (PSS; sum of RSS {memory['peak_rss_bytes'] / 2**20:.0f})")
