"""`make -j2` of a real tree (this one), beside GNU time of the same run."""

import json
import os
import subprocess
import sys

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
path, log, makefile = f"{WORK}/make.tacho", f"{WORK}/time", f"{WORK}/Makefile"
sources = sorted(subprocess.run(["git", "ls-files", "src/*.c"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout.split())
flags = "-std=gnu17 -D_GNU_SOURCE -O2 -Isrc -Iinclude -I" + os.path.dirname(TACHO) + "/src"
with open(makefile, "w") as file:
    objects = [f"{WORK}/{source.replace('/', '_')}.o" for source in sources]
    file.write(f"all: {' '.join(objects)}\n")
    for source, object_ in zip(sources, objects):
        file.write(f"{object_}: {source}\n\t@cc {flags} -c -o $@ $<\n")
subprocess.run([TACHO, "record", "-q", "--force", "-o", path, "--", "/usr/bin/time", "-v", "-o",
                log, "make", "-j2", "-s", "-f", makefile], check=True)
seen = dict(line.strip().rsplit(": ", 1) for line in open(log) if ": " in line)
user, system = float(seen["User time (seconds)"]), float(seen["System time (seconds)"])
clock = seen["Elapsed (wall clock) time (h:mm:ss or m:ss)"].split(":")
wall = sum(float(part) * 60 ** i for i, part in enumerate(reversed(clock)))
summary = json.loads(subprocess.run([TACHO, "report", "--json", path], check=True,
                                    stdout=subprocess.PIPE).stdout)
subprocess.run([TACHO, "report", path], check=True)
total = summary["cpu"]["total_s"]
print(f"make -j2, {len(sources)} files        time -v    tacho")
print(f"  CPU                 {user + system:10.2f} {total:8.2f} s  "
      f"({(total / (user + system) - 1) * 100:+.2f} %)")
print(f"  wall                {wall:10.2f} {summary['wall_s']:8.2f} s  "
      f"({(summary['wall_s'] / wall - 1) * 100:+.2f} %)")
print(f"  exit status         {seen['Exit status']:>10} {summary['exit']['code']:8}")
