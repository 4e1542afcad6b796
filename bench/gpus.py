"""What recording GPUs costs: with the tests' stand-in for NVIDIA's library beside without, same run.

The stand-in answers at once: what is measured is tacho's own part, not a driver's. CPU time of the
recorder over ticks at 10 Hz, of a job that sleeps; rounds are interleaved, the median is printed.
"""

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

TACHO, WORK = os.environ["TACHO_BINARY"], Path(sys.argv[1])
SECONDS, HZ, ROUNDS, GPUS, PROCESSES = 5, 10, 3, (1, 8, 16), 4


def cost_of(options, env):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([TACHO, "record", "-q", "--force", "-o", WORK / "gpus.tacho", *options, "--",
                    "sleep", str(SECONDS)], check=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / (SECONDS * HZ) * 1e6


def main():
    library = WORK / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-shared", "-fPIC", "-pthread", "-o",
                    library, "tests/cli/jobs/nvml_standin.c"], check=True)
    lines = WORK / "gpus.lines"
    env = {**os.environ, "LD_LIBRARY_PATH": str(WORK), "NVML_STANDIN": str(lines)}
    without, costs = [], {gpus: [] for gpus in GPUS}
    for _ in range(ROUNDS):
        without.append(cost_of(("--gpu", "none"), env))
        for gpus in GPUS:
            lines.write_text(f"gpus {gpus}\n" + "".join(
                f"process {gpu} {os.getpid() + p} {p + 1}000000 10\n"
                for gpu in range(gpus) for p in range(PROCESSES)))
            costs[gpus].append(cost_of((), env))
    base = statistics.median(without)
    print(f"GPUs, by a stand-in for the driver's library, {PROCESSES} processes on each, "
          f"{ROUNDS} rounds of {SECONDS} s at {HZ} Hz:")
    print(f"  without          {base:6.0f} us of CPU a tick")
    for gpus in GPUS:
        all_of_it = statistics.median(costs[gpus])
        print(f"  {gpus:2} GPU{'s' if gpus > 1 else ' '}          {all_of_it:6.0f} us, "
              f"{(all_of_it - base) / gpus:4.0f} us more for each GPU")


main()
