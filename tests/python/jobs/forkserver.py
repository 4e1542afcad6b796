"""A fork server that runs before the program records itself, or from one recording to the next. Usage:
forkserver.py before|between|none DIRECTORY"""

import multiprocessing
import os
import sys

import tacho


@tacho.scope("work", category="Core")
def work(n):
    return n * n, tacho.marking()


def pool(context):
    """Whether the workers of a pool mark."""
    with context.Pool(2) as workers:
        result = workers.map(work, range(20))
        workers.close()
        workers.join()
    assert [square for square, _ in result] == [n * n for n in range(20)]
    (marking,) = {marking for _, marking in result}
    return marking


if __name__ == "__main__":
    when, directory = sys.argv[1:]
    context = multiprocessing.get_context("forkserver")
    if when == "before":
        pool(context)
    for number in range(1 if when == "before" else 2):
        if when != "none":
            tacho.start(os.path.join(directory, f"{number}.tacho"))
        with tacho.scope("all"):
            print(pool(context))
        if when != "none":
            tacho.stop()
