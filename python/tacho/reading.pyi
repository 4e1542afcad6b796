"""Recordings as Python objects and arrays. The docstrings are in reading.py."""

import os
from datetime import datetime
from types import TracebackType
from typing import Dict, Iterable, List, Optional, Tuple, Type, Union

import numpy
import pandas
from numpy.typing import NDArray

from ._read import Label, Metric, Process, Site

Floats = NDArray[numpy.float64]  # without numpy: a memoryview of the same shape, format "d"
Pair = Tuple[Floats, Floats]
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

def open(path: Path) -> Recording: ...

class Entity:
    of: str
    name: str
    @property
    def metrics(self) -> List[str]: ...
    def series(self, name: str) -> Pair: ...

class Recording:
    path: str
    def __enter__(self) -> Recording: ...
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None: ...
    def close(self) -> None: ...
    def refresh(self) -> int: ...
    @property
    def facts(self) -> Dict[str, Union[int, str, List[str]]]: ...
    @property
    def command(self) -> List[str]: ...
    @property
    def host(self) -> Optional[str]: ...
    @property
    def started(self) -> Optional[datetime]: ...
    @property
    def wall_s(self) -> float: ...
    @property
    def interval_s(self) -> Optional[float]: ...
    @property
    def salvage(self) -> Dict[str, int]: ...
    @property
    def processes(self) -> List[Process]: ...
    @property
    def metrics(self) -> List[Metric]: ...
    def series(
        self,
        name: str,
        *,
        pid: Optional[int] = ...,
        process: Union[Process, int, None] = ...,
    ) -> Pair: ...
    @property
    def machine(self) -> Entity: ...
    @property
    def tree(self) -> Entity: ...
    @property
    def recorder(self) -> Entity: ...
    @property
    def processors(self) -> Dict[str, Entity]: ...
    @property
    def disks(self) -> Dict[str, Entity]: ...
    @property
    def networks(self) -> Dict[str, Entity]: ...
    @property
    def cgroups(self) -> Dict[str, Entity]: ...
    def scopes(
        self,
        name: Optional[str] = ...,
        category: Optional[str] = ...,
        *,
        pid: Optional[int] = ...,
        process: Union[Process, int, None] = ...,
        thread: Union[int, str, None] = ...,
    ) -> Floats: ...
    @property
    def scope_names(self) -> List[Site]: ...
    def counters(
        self,
        name: Optional[str] = ...,
        category: Optional[str] = ...,
        *,
        pid: Optional[int] = ...,
        process: Union[Process, int, None] = ...,
        thread: Union[int, str, None] = ...,
    ) -> Pair: ...
    @property
    def counter_names(self) -> List[Site]: ...
    @property
    def labels(self) -> List[Label]: ...
    def to_pandas(self, metrics: Optional[Iterable[str]] = ...) -> pandas.DataFrame: ...
