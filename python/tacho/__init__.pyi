"""The docstrings are in __init__.py and where it imports from."""

from typing import Any

from ._log import add_arguments as add_arguments, from_args as from_args, log_process as log_process
from ._marks import (
    counter as counter,
    flush as flush,
    iterate as iterate,
    label as label,
    marking as marking,
    scope as scope,
    thread_name as thread_name,
)
from ._recording import recording as recording, start as start, stop as stop
from .reading import open as open

__all__ = [
    "add_arguments",
    "counter",
    "flush",
    "from_args",
    "iterate",
    "label",
    "log_process",
    "marking",
    "recording",
    "scope",
    "start",
    "stop",
    "thread_name",
]
__version__: str

def load_ipython_extension(ipython: Any) -> None: ...
