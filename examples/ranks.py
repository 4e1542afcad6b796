"""Ranks of a parallel job that record themselves, and are reported side by side:

    mkdir run
    TACHO=run/ mpirun -n 4 python3 ranks.py
    tacho report run

It needs mpi4py and numpy. Rank r has r + 1 times the work of rank 0, so all wait for the last one: the
report shows "Computation" out of balance, and the others' waiting under "Communication".
"""

import os
import sys
import tempfile

import numpy
from mpi4py import MPI  # before tacho: a launcher that tells no rank by the environment then does by MPI

import tacho

WORLD = MPI.COMM_WORLD
STEPS = 5


@tacho.scope(category="Computation")
def solve(matrix, rounds):
    for _ in range(rounds):
        matrix = matrix @ matrix
        matrix /= numpy.abs(matrix).max()
    return matrix


@tacho.scope(category="I/O")
def save(matrix, path):
    with open(path, "wb") as file:
        numpy.save(file, matrix)
        file.flush()
        os.fsync(file.fileno())


@tacho.scope(category="Communication")
def total(value):
    return WORLD.allreduce(value)


def main(rounds):
    matrix = numpy.random.default_rng(WORLD.rank).random((120, 120))
    with tempfile.TemporaryDirectory() as folder:
        for step in tacho.iterate(range(STEPS), "steps"):
            matrix = solve(matrix, rounds * (WORLD.rank + 1))
            tacho.counter("norm", total(float(numpy.linalg.norm(matrix))))
            save(matrix, os.path.join(folder, f"{WORLD.rank}-{step}.npy"))
    if WORLD.rank == 0:
        print(f"{WORLD.size} ranks, {STEPS} steps")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
