"""Uses all of the package. A comment behind reveal_type is what a checker has to say of it."""

import argparse
import asyncio
import logging
import sys
from typing import TYPE_CHECKING, AsyncIterator, Iterator

import tacho

if not TYPE_CHECKING:

    def reveal_type(value: object) -> None:
        pass


@tacho.scope
def plain(a: int, b: str = "") -> float:
    return float(a)


@tacho.scope(category="I/O")
def named(a: int, *, b: bool) -> str:
    return str(a)


@tacho.scope("numbers", category="Core")
def numbers(n: int) -> Iterator[int]:
    yield from range(n)


@tacho.scope
async def fetch(a: int) -> bytes:
    async with tacho.scope("block"):
        return bytes(a)


@tacho.scope("ticks")
async def ticks(n: int) -> AsyncIterator[int]:
    yield n


class Solver:
    @tacho.scope
    def run(self, n: int) -> int:
        return n

    @tacho.scope
    @classmethod
    def outer(cls, n: int) -> str:
        return str(n)

    @classmethod
    @tacho.scope("inner")
    def inner(cls, n: int) -> str:
        return str(n)

    @staticmethod
    @tacho.scope
    def still(n: int) -> float:
        return float(n)

    @property
    @tacho.scope(category="Core")
    def size(self) -> int:
        return 1


reveal_type(plain)  # def (a: int, b: str =) -> float
reveal_type(named)  # def (a: int, *, b: bool) -> str
reveal_type(numbers)  # def (n: int) -> typing.Iterator[int]
reveal_type(fetch)  # def (a: int) -> typing.Coroutine[Any, Any, bytes]
reveal_type(ticks)  # def (n: int) -> typing.AsyncIterator[int]
reveal_type(Solver().run)  # def (n: int) -> int
reveal_type(Solver.outer)  # def (n: int) -> str
reveal_type(Solver.inner)  # def (n: int) -> str
reveal_type(Solver().still)  # def (n: int) -> float
reveal_type(Solver().size)  # int


def mark(path: str) -> None:
    with tacho.recording(path, interval=0.1, replace=True) as recording:
        reveal_type(recording.path)  # Union[str, None]
        with tacho.scope("load", "I/O") as scope:
            reveal_type(scope.name)  # Union[str, None]
            reveal_type(scope.category)  # Union[str, None]
        for item in tacho.iterate(["a"], "items", category="Core"):
            reveal_type(item)  # str
        plain(1)
        named(1, b=True)
        list(numbers(2))
        asyncio.run(fetch(1))
        Solver.outer(Solver().run(Solver().size))
        tacho.label("said")
        tacho.counter("residual", 1)
        tacho.thread_name("main")
        reveal_type(tacho.marking())  # bool
        tacho.flush()
    reveal_type(tacho.start(path, 0.5, replace=True))  # Union[str, None]
    tacho.stop()


def log() -> None:
    parser = tacho.add_arguments(argparse.ArgumentParser())
    reveal_type(parser)  # argparse.ArgumentParser
    with tacho.from_args(parser.parse_args([]), logger="program"):
        pass
    with tacho.log_process(0.0, logging.getLogger("x"), level=logging.DEBUG):
        pass


def read(path: str) -> None:
    with tacho.open(path) as rec:
        reveal_type(rec)  # tacho.reading.Recording
        reveal_type(rec.command)  # list[str]
        reveal_type(rec.host)  # Union[str, None]
        reveal_type(rec.started)  # Union[datetime.datetime, None]
        reveal_type(rec.wall_s)  # float
        reveal_type(rec.interval_s)  # Union[float, None]
        reveal_type(rec.salvage)  # dict[str, int]
        rec.refresh()
        for process in rec.processes:
            reveal_type(process.pid)  # Union[int, None]
            reveal_type(process.command)  # list[str]
            times, values = rec.series("cpu", process=process)
            reveal_type(times)  # numpy.ndarray[Any, numpy.dtype[numpy.floating[numpy._typing._64Bit]]]
            float((values[-1:] - values[:1]).sum())
        for entity in (rec.machine, rec.tree, rec.recorder):
            reveal_type(entity.metrics)  # list[str]
        for by_name in (rec.processors, rec.disks, rec.networks, rec.cgroups, rec.energy):
            reveal_type(by_name)  # dict[str, tacho.reading.Entity]
        rec.scopes("load", category="I/O", pid=None, thread="main")
        rec.counters("residual", process=rec.processes[0])
        for site in rec.scope_names + rec.counter_names:
            reveal_type((site.name, site.category, site.count))  # Tuple[str, str, int]
        for label in rec.labels:
            reveal_type((label.at_s, label.text, label.tid))  # Tuple[float, str, Union[int, None]]
        for metric in rec.metrics:
            reveal_type(metric.unit)  # str
        if TYPE_CHECKING:
            rec.to_pandas(["cpu"])


if __name__ == "__main__":
    mark(sys.argv[1])
    log()
    read(sys.argv[1])
