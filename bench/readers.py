"""CPU of the readers of control groups, limits, energy and GPU clients, ns a call."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = Path(os.environ["TACHO_BINARY"]).parent

subprocess.run(["meson", "compile", "-C", BUILD, "bench_readers"], check=True,
               stdout=subprocess.DEVNULL)
print("readers beside processes, CPU a call and how often it is made")
sys.stdout.flush()
with tempfile.TemporaryDirectory(dir=sys.argv[1]) as tree:
    subprocess.run([BUILD / "bench" / "bench_readers", tree], check=True)
