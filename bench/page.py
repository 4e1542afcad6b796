"""Pages: how large, and how much CPU, for a million and for a hundred million values, and for a million scopes."""

import os
import resource
import subprocess
import sys

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
BUILD = os.path.dirname(TACHO)

subprocess.run(["ninja", "-C", BUILD, "bench/bench_reference", "tests/cli/marker"], check=True,
               stdout=subprocess.DEVNULL)


def used(*command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(what, recording, goal):
    page = f"{WORK}/page.html"
    seconds = used(TACHO, "report", recording, "--html", page)
    summary = used("sh", "-c", f"'{TACHO}' report --json '{recording}' > /dev/null")
    print(f"  {what:20} {os.path.getsize(recording) / 1e6:6.2f} MB recorded, page "
          f"{os.path.getsize(page) / 1e6:6.2f} MB in {seconds:5.2f} s of CPU, the summary alone {summary:5.2f} s; {goal}")
    os.unlink(recording)


print("tacho report --html")
for samples, what, goal in ((50, "10^6 values", "goal: 1.5 MB"), (5000, "10^8 values", "goal: 12 MB, 3 s")):
    recording = f"{WORK}/reference.tacho"
    subprocess.run([f"{BUILD}/bench/bench_reference", recording, "zstd", str(samples)], check=True,
                   stdout=subprocess.DEVNULL)
    show(what, recording, goal)
recording = f"{WORK}/scopes.tacho"
subprocess.run([TACHO, "record", "-q", "-o", recording, "--", f"{BUILD}/tests/cli/marker", "loop", "step",
                "1000000"], check=True)
show("10^6 scopes", recording, "no goal")
