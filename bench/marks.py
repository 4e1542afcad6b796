"""What a scope costs: the thread that marks, the recorder, the disk, and the report. `bench/marks.c`
beside the floor (two readings of the tick counter) and beside what Debian packages, in one run."""

import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
BUILD = os.path.dirname(TACHO)
PROGRAM, FILE = f"{WORK}/marks", f"{WORK}/marks.tacho"
ROUNDS, BURSTS, SCOPES, PAUSE = 3, 20, 20000, 120000
chance = random.Random(4)


def build(output, *options):
    return subprocess.run(["cc", "-O2", "-Iinclude", "-Ibench", "-o", output, "bench/marks.c", *options,
                           f"-L{BUILD}", "-ltacho", f"-Wl,-rpath,{BUILD}", "-lpthread"],
                          capture_output=True).returncode == 0


def run(*command, **environment):
    plain = {k: v for k, v in os.environ.items() if not k.startswith("TACHO")}
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True,
                          env={**plain, **environment}).stdout


def figures(text):
    floor, scope = map(float, text.split())
    return floor, scope


def recorded(*command):
    return run(TACHO, "record", "-q", "--force", "-o", FILE, "--", *command)


def alone(*command):
    if os.path.exists(FILE):
        os.unlink(FILE)
    return run(*command, TACHO=FILE)


def report():
    return json.loads(run(TACHO, "report", "--json", FILE))


def show(name, pairs):
    floor = statistics.median(f for f, _ in pairs)
    scope = statistics.median(s for _, s in pairs)
    ratio = statistics.median(s / f for f, s in pairs)
    print(f"  {name:<40} {scope:6.1f} ns   floor {floor:5.1f}   {ratio:5.2f}x")


def calling_thread():
    print(f"A scope, for the thread that marks (median of {ROUNDS} rounds; goal 1.15x the floor)")
    ways = [("under tacho record", recorded), ("alone", alone)]
    for threads in (1, 2, 4):
        for name, way in ways:
            show(f"{name}, {threads} threads", [
                figures(way(PROGRAM, "burst", threads, BURSTS, SCOPES // threads, PAUSE))
                for _ in range(ROUNDS)])
    for threads in (1, 2):
        show(f"nothing but scopes, {threads} threads", [
            figures(recorded(PROGRAM, "tight", threads, 10_000_000)) for _ in range(ROUNDS)])
    show("not recorded (goal 1 ns)", [figures(run(PROGRAM, "tight", 1, 20_000_000))
                                      for _ in range(ROUNDS)])


def lttng():
    program = f"{WORK}/marks_lttng"
    with open(f"{WORK}/probes.c", "w") as f:
        f.write('#define LTTNG_UST_TRACEPOINT_CREATE_PROBES\n#define LTTNG_UST_TRACEPOINT_DEFINE\n'
                '#include "marks_lttng.h"\n')
    if not build(program, "-DWITH_LTTNG", f"{WORK}/probes.c", "-llttng-ust", "-ldl"):
        return print("  lttng-ust is not installed")
    trace = f"{WORK}/lttng"
    run("lttng", "create", "tacho-bench", f"--output={trace}")
    try:
        run("lttng", "enable-event", "-u", "bench:*")
        run("lttng", "start")
        show("lttng-ust", [figures(run(program, "burst", 1, BURSTS, SCOPES, PAUSE))
                           for _ in range(ROUNDS)])
    finally:
        run("lttng", "destroy", "tacho-bench")
        shutil.rmtree(trace, ignore_errors=True)


def sysprof():
    program = f"{WORK}/marks_sysprof"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "--static", "sysprof-capture-4"],
                           capture_output=True, text=True).stdout.split()
    if not flags or not build(program, "-DWITH_SYSPROF", *flags):
        return print("  sysprof-capture is not installed")
    show("sysprof-capture", [figures(run(program, "burst", 1, BURSTS, SCOPES, PAUSE,
                                         SYSPROF_FILE=f"{WORK}/x.syscap")) for _ in range(ROUNDS)])


def recorder():
    """CPU of the recorder for what it recorded, less that of a job that marks nothing."""
    costs = []
    for _ in range(ROUNDS):
        recorded(PROGRAM, "tight", 1, 10_000_000)
        busy = report()
        recorded(PROGRAM, "idle", 1)
        quiet = report()
        kept = 10_000_000 + 1 - busy["completeness"]["lost_marks"]
        spent = busy["recorder"]["cpu_s"] - quiet["recorder"]["cpu_s"]
        costs.append((spent / kept * 1e9, kept))
    cost, kept = sorted(costs)[len(costs) // 2]
    print(f"The recorder, a scope it keeps (goal 35 ns)  {cost:5.1f} ns, {kept:,} of 10,000,001 kept")


def on_disk():
    for name, mode, goal in (("regular loop", ("burst", 1, 100, SCOPES, 20000), 2),
                             ("jittered", ("jitter", 3_000_000), 4)):
        recorded(PROGRAM, *mode)
        summary = report()
        count = sum(s["count"] for s in summary["scopes"]) - summary["completeness"]["lost_marks"]
        size = os.path.getsize(FILE)
        alone(PROGRAM, *mode)
        summary = report()
        plain = sum(s["count"] for s in summary["scopes"]) - summary["completeness"]["lost_marks"]
        print(f"A scope on disk, {name:<14} (goal {goal} B)  {size / count:5.2f} B, uncompressed "
              f"{os.path.getsize(FILE) / plain:.2f} B")


def long_report():
    subprocess.run([TACHO, "record", "-q", "--force", "-o", FILE, "--", PROGRAM, "burst", "1", "600",
                    "20000", "10000"], check=True, stdout=subprocess.DEVNULL)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    began = time.monotonic()
    summary = report()
    took = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    kept = sum(s["count"] for s in summary["scopes"]) - summary["completeness"]["lost_marks"]
    print(f"Report of {kept:,} scopes (goal 1.5 s for 10,000,000)  {took:.2f} s, {used:.2f} s of CPU")


def idle_thread():
    """A program that records itself and does nothing, beside a thread that only wakes as often."""
    with open(f"{WORK}/wake.c", "w") as f:
        f.write("#include <time.h>\nint main(void) { for (int i = 0; i < 200; i++) "
                "nanosleep(&(struct timespec){0, 100000000}, 0); return 0; }\n")
    subprocess.run(["cc", "-O2", "-o", f"{WORK}/wake", f"{WORK}/wake.c"], check=True)
    used = []
    for seconds in (1, 21):
        alone(PROGRAM, "idle", seconds)
        used.append(report()["recorder"]["cpu_s"])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([f"{WORK}/wake"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wake = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"Recording itself at 10 Hz (goal 0.05 % of a processor)  {(used[1] - used[0]) * 5:.3f} %; "
          f"waking alone {wake * 5:.3f} %")


def kills():
    """SIGKILL of the program or of the recorder at random: what had begun against what is read."""
    worst, unreadable, late = {"program": 0, "recorder": 0.0}, 0, 0
    for turn in range(300):
        victim = "recorder" if turn % 3 == 2 else "program"
        counter = f"{WORK}/counted"
        with open(counter, "wb") as f:
            f.write(b"\0" * 16)
        job = subprocess.Popen([TACHO, "record", "-q", "--force", "-o", FILE, "--", f"{WORK}/counted_job",
                                counter], start_new_session=True)
        began = time.monotonic()
        while open(counter, "rb").read(8) == b"\0" * 8 and time.monotonic() - began < 5:
            time.sleep(0.001)
        began = time.monotonic()
        time.sleep(chance.uniform(0, 0.4) if victim == "program" else chance.uniform(0.2, 2.5))
        pid = int(subprocess.run(["pgrep", "-f", "-n", f"{WORK}/counted_job {counter}$"],
                                 capture_output=True, text=True).stdout)
        if victim == "recorder":
            job.kill()
            lived = time.monotonic() - began
        os.kill(pid, signal.SIGKILL)
        job.wait()
        made = int.from_bytes(open(counter, "rb").read(8), "little")
        result = subprocess.run([TACHO, "report", "--json", FILE], capture_output=True, text=True)
        if result.returncode != 0:
            unreadable += 1
            continue
        summary = json.loads(result.stdout)
        read = sum(s["count"] for s in summary["scopes"])
        if victim == "program":
            worst[victim] = max(worst[victim], made - read)
        else:
            worst[victim] = max(worst[victim], lived - summary["wall_s"])
    print("300 SIGKILLs at random moments")
    print(f"  recordings that could not be read          {unreadable}")
    print(f"  program killed: most scopes lost           {worst['program']} (goal: at most one mark)")
    print(f"  recorder killed: most time lost            {worst['recorder']:.2f} s (goal: the last drain)")


COUNTED = """
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <tacho/tacho.h>
int main(int argc, char **argv) {
    (void)argc;
    volatile uint64_t *made = mmap(0, 16, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[1], O_RDWR), 0);
    for (;;) {
        tacho_begin("counted", 0);
        ++*made;
        for (volatile int i = 0; i < 2000; i++)
            ;
        tacho_end();
    }
}
"""

if not build(PROGRAM):
    sys.exit("bench/marks.c does not compile")
with open(f"{WORK}/counted.c", "w") as source:
    source.write(COUNTED)
subprocess.run(["cc", "-O2", "-Iinclude", "-o", f"{WORK}/counted_job", f"{WORK}/counted.c", f"-L{BUILD}",
                "-ltacho", f"-Wl,-rpath,{BUILD}"], check=True)
calling_thread()
lttng()
sysprof()
recorder()
on_disk()
long_report()
idle_thread()
kills()
