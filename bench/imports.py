"""Megabytes a second of other tools' logs, and the memory that takes."""

import os
import subprocess
import sys

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
ROWS = 300_000


def psrecord(out):
    out.write("# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)\n")
    for i in range(ROWS):
        out.write(f"{i / 10:12.3f} {50 + i % 40:12.3f} {100 + i % 77:12.3f} {500:12.3f}\n")


def events(out):
    for i in range(ROWS // 2):
        out.write(f"{i / 100:.4f},start,step{i % 20},{i // 20}\n")
        out.write(f"{i / 100 + i % 7 / 1000:.4f},end,step{i % 20},{i // 20}\n")


def prmon(out):
    out.write("Time\twtime\tpss\trss\tvmem\trchar\twchar\tstime\tutime\tnprocs\tnthreads\n")
    for i in range(ROWS):
        out.write(f"{1714979289 + i}\t{i}\t{5000 + i % 99}\t{6000 + i % 99}\t35036\t{i * 4096}\t{i * 512}\t{i // 9}\t"
                  f"{i // 2}\t4\t9\n")


print(f"import of {ROWS} rows")
for write in (psrecord, events, prmon):
    log = f"{WORK}/{write.__name__}.log"
    with open(log, "w") as out:
        write(out)
    process = subprocess.Popen([TACHO, "import", log, "-o", f"{log}.tacho"])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    used = usage.ru_utime + usage.ru_stime
    print(f"  {write.__name__:9} {os.path.getsize(log) / used / 1e6:5.0f} MB/s  {ROWS / used / 1e6:5.2f} million rows/s  "
          f"{usage.ru_maxrss / 1024:4.0f} MiB")
    os.unlink(log)
    os.unlink(f"{log}.tacho")
