"""The docstrings are in _log.py."""

import argparse
import logging
from types import TracebackType
from typing import Any, Optional, Type, TypeVar, Union

# An argparse.ArgumentParser, or a group of one.
_Parser = TypeVar("_Parser", bound=argparse._ActionsContainer)
_Logger = Union[logging.Logger, "logging.LoggerAdapter[Any]", str, None]

LEAST_INTERVAL: float
INFO: int
NEXT: int
FIRST: int
LAST: int

class log_process:
    def __init__(self, interval: float = 1.0, logger: _Logger = None, level: int = 20) -> None: ...
    def __enter__(self) -> log_process: ...
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None: ...

def add_arguments(parser: _Parser) -> _Parser: ...
def from_args(args: argparse.Namespace, logger: _Logger = None, level: int = 20) -> log_process: ...
