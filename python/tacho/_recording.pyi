"""The docstrings are in _recording.py."""

import os
from types import TracebackType
from typing import Optional, Type, Union

_Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

LEAST_INTERVAL: float
VARIABLE: str

def start(
    output: Optional[_Path] = None, interval: float = 1.0, replace: bool = False
) -> Optional[str]: ...
def stop() -> None: ...
def current_path() -> Optional[str]: ...

class recording:
    path: Optional[str]
    def __init__(
        self, output: Optional[_Path] = None, interval: float = 1.0, replace: bool = False
    ) -> None: ...
    def __enter__(self) -> recording: ...
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None: ...
