"""tacho: say what the code is doing, and record what it costs.

    import tacho

    @tacho.scope(category="I/O")
    def load(path): ...

    with tacho.scope("solve"):
        tacho.label("200 rows")
        tacho.counter("residual", 0.1)

Under `tacho record` that stands in its recording. Without it a program records itself, with
`tacho.recording()`, `tacho.start()`, or TACHO=FILE.tacho in its environment. Else nobody listens, and a
mark costs next to nothing. `tacho report FILE` shows the recording; docs/PYTHON.md is the tutorial.

`tacho.open("run.tacho")` reads a recording: see tacho.reading.

Marks may be made by any thread. Forked children, and Python programs that are started while it is
recorded, mark into the same recording.
"""

from ._log import add_arguments, from_args, log_process
from ._marks import counter, flush, iterate, label, marking, scope, thread_name
from ._recording import recording, start, stop

__all__ = ["add_arguments", "counter", "flush", "from_args", "iterate", "label", "log_process",
           "marking", "recording", "scope", "start", "stop", "thread_name"]
__version__ = "0.1.0"


def load_ipython_extension(ipython):
    """What `%load_ext tacho` calls: IPython and Jupyter get the magics %tacho and %%tacho.

    `%%tacho?` explains them; docs/PYTHON.md shows them.

    Args:
        ipython: the shell, an InteractiveShell.
    """
    from ._magic import register

    register(ipython)


def __getattr__(name):
    """tacho.open is loaded by those who read: programs that mark start sooner."""
    if name == "open":
        from .reading import open

        globals()["open"] = open
        return open
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
