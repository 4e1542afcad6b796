"""Sampling 1,000 processes at 10 Hz: tacho's whole recorder beside psutil and pidstat, same run.

CPU time of the recorder (user + system; sampling, encoding, writing) over process-ticks; psutil's
`oneshot` (cpu, memory, I/O, threads) once each tick as a loop of samplers would; pidstat -urd.
Rounds are interleaved, the median is printed.
"""

import os
import resource
import statistics
import subprocess
import sys
import time

import psutil

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
PROCESSES, SECONDS, HZ, ROUNDS = 1000, 10, 10, 3


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cost_of(command):
    """CPU seconds of a command. The load's processes are no children of ours while it runs."""
    before = children_cpu()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return children_cpu() - before


def tacho(parent, seconds):
    path = f"{WORK}/sampling.tacho"
    return cost_of([TACHO, "record", "-q", "--force", "-o", path, "-d", str(seconds), "-p",
                    str(parent)])


def tacho_per_tick(parent):
    """The steady cost: a long recording less a short one, which had the same start.

    By 6 s the slow schedule has looked at each of the processes once.
    """
    short, long = tacho(parent, 6), tacho(parent, 6 + SECONDS)
    return (long - short) / (SECONDS * HZ * PROCESSES) * 1e6


def psutil_per_tick(parent):
    processes = psutil.Process(parent).children()
    ticks, used = 20, 0.0
    for _ in range(ticks):
        began = time.process_time()
        for process in processes:
            with process.oneshot():
                process.cpu_times()
                process.memory_info()
                process.io_counters()
                process.num_threads()
        used += time.process_time() - began
        time.sleep(0.05)
    return used / (ticks * len(processes)) * 1e6


def pidstat_per_tick(parent):
    """-p ALL: the load is nearly all there is on the machine."""
    used = cost_of(["pidstat", "-urd", "-p", "ALL", "1", "4"])
    return used / (5 * PROCESSES) * 1e6


def main():
    print(f"sampling {PROCESSES} processes at {HZ} Hz, µs of CPU per process and tick "
          f"(median of {ROUNDS} interleaved rounds)")
    print(f"{'':28}{'tacho':>9}{'psutil':>9}{'ratio':>8}{'pidstat':>9}{'ratio':>8}   goal")
    for mode, goal in (("sleep", "≤ 0.6 µs, ≥ 60x"), ("run", "≤ 4 µs, ≥ 10x")):
        load = subprocess.Popen([f"{WORK}/many", str(PROCESSES), mode], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        load.stdout.readline()
        time.sleep(1)
        rounds = [(tacho_per_tick(load.pid), psutil_per_tick(load.pid), pidstat_per_tick(load.pid))
                  for _ in range(ROUNDS)]
        load.stdin.close()
        load.wait()
        own, other, third = (statistics.median(column) for column in zip(*rounds))
        name = "all sleep" if mode == "sleep" else "all ran since the last tick"
        print(f"{name:28}{own:9.2f}{other:9.1f}{other / own:7.0f}x{third:9.1f}"
              f"{third / own:7.0f}x   {goal}")


main()
