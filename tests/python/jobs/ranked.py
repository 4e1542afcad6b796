"""A rank that records itself into a directory, under a launcher whose environment does not tell: that of
Open MPI is taken away once MPI runs. Usage: ranked.py DIRECTORY start|recording|environment"""

import os
import sys

from mpi4py import MPI

for name in [name for name in os.environ if name.startswith(("OMPI_", "PMI", "MPI_", "SLURM_"))]:
    del os.environ[name]
directory, way = sys.argv[1:]
if way == "environment":
    os.environ["TACHO"] = directory

import tacho  # noqa: E402

if way != "environment":
    tacho.start(directory)
with tacho.scope("wait", category="Communication"):
    MPI.COMM_WORLD.barrier()
if way != "environment":
    tacho.stop()
