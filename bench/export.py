"""Rows a second: the reference recording (600,000 rows) as csv, and as jsonl."""

import os
import resource
import subprocess
import sys

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
BUILD = os.path.dirname(TACHO)

subprocess.run(["meson", "compile", "-C", BUILD, "bench_reference"], check=True,
               stdout=subprocess.DEVNULL)
path = f"{WORK}/reference.tacho"
subprocess.run([f"{BUILD}/bench/bench_reference", path, "none"], check=True,
               stdout=subprocess.DEVNULL)
print("export of samples, default fields (goal: ≥ 1 million rows a second of CPU)")
for form in ("csv", "jsonl"):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = f"{WORK}/rows"
    subprocess.run([TACHO, "export", path, "--to", form, "-o", out, "--force"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with open(out, "rb") as file:
        rows = sum(1 for _ in file) - (form == "csv")
    print(f"  {form:6} {rows / used / 1e6:6.2f} million rows/s")
    os.unlink(out)
