"""What the format costs: the reference recording, with and without zstd."""

import os
import subprocess
import sys

BUILD, WORK = os.path.dirname(os.environ["TACHO_BINARY"]), sys.argv[1]

subprocess.run(["meson", "compile", "-C", BUILD, "bench_reference"], check=True,
               stdout=subprocess.DEVNULL)
print("1,000 processes x 20 metrics x 600 samples, 4.7 % changing (goal: ≤ 0.2 B a value)")
for codec in ("none", "zstd"):
    subprocess.run([f"{BUILD}/bench/bench_reference", f"{WORK}/reference.tacho", codec], check=True)
