"""The magics %tacho and %%tacho of IPython and Jupyter: `%load_ext tacho`."""

import ast
import contextlib
import inspect
import io
import os
import re
import shutil
import sys
import tempfile
import tokenize

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from IPython.display import display

from . import _marks, _recording
from ._cell import Cell, printable
from ._cell_plot import Shown
from ._seconds import checked

INTERVAL_S = 0.1  # as `tacho record`
OPTION = re.compile(r"""\s*(-o|--(?:no-plot|replace|interval|output)|-{1,2}[\w-]*)(?=[\s=]|$)"""
                    r"""(?:(?:=|\s+)(?P<value>"[^"]*"|'[^']*'|\S+))?""")
HELP = "options are --interval SECONDS, --output FILE, --replace, --no-plot and -o, before the statement"


class _Options:
    def __init__(self):
        self.interval, self.output, self.replace = INTERVAL_S, None, False
        self.plot, self.returned = True, False


def _take(options, name, value):
    if name in ("--interval", "--output") and value is None:
        raise UsageError(f"tacho: {name} needs a value")
    if name == "--interval":
        try:
            options.interval = checked(float(value), "--interval", _recording.LEAST_INTERVAL)
        except ValueError:
            raise UsageError(f"tacho: --interval must be from {_recording.LEAST_INTERVAL} to 86400 seconds, "
                             f"not {value!r}") from None
    elif name == "--output":
        options.output = os.path.expanduser(value)
    elif name == "--replace":
        options.replace = True
    elif name == "--no-plot":
        options.plot = False
    elif name == "-o":
        options.returned = True
    else:
        raise UsageError(f"tacho: no option {name}; {HELP}; a statement that begins so goes behind --")


def parse(line):
    """Options and the statement behind them; UsageError."""
    options = _Options()
    while True:
        line = line.lstrip()
        found = OPTION.match(line)
        if found is None:
            return options, line
        name, value = found[1], found["value"]
        if name == "--":
            return options, line[2:].lstrip()
        takes = name in ("--interval", "--output")
        if takes and value is not None and value[0] in "'\"" and value[-1] == value[0]:
            value = value[1:-1]
        _take(options, name, value if takes else None)
        line = line[found.end() if takes else found.end(1):]


# ---- the code ----


def _is_quiet(source):
    """Whether it ends with a semicolon, which is to say: do not show the value."""
    try:
        tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline)
                  if token.type not in (tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT)]
    except (tokenize.TokenError, SyntaxError):
        return False
    return bool(tokens) and tokens[-1].string == ";"


def compiled(shell, source):
    """(statements, last expression or None), as code. SyntaxError shows the user's own line."""
    __tracebackhide__ = True  # noqa: F841
    source = shell.transform_cell(source)
    name = shell.compile.cache(source, shell.execution_count)
    flags = shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = shell.transform_ast(compile(source, name, "exec", flags | ast.PyCF_ONLY_AST, True))
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_quiet(source):
        last = ast.Expression(tree.body.pop().value)
    codes = [compile(tree, name, "exec", flags, True),
             last and compile(last, name, "eval", flags, True)]
    if any(code is not None and code.co_flags & inspect.CO_COROUTINE for code in codes):
        raise UsageError("tacho: await at the top of a cell cannot be recorded by a magic; in an ordinary cell "
                         "write: with tacho.recording() as r: ...")
    return codes


def _execute(codes, names, local_names):
    __tracebackhide__ = True  # noqa: F841
    statements, last = codes
    exec(statements, names, local_names)
    return eval(last, names, local_names) if last is not None else None


# ---- the recording ----


class _Session:
    """The recording that a cell runs in: a new one, or the one there is already."""

    folders: "set[str]" = set()  # of the recordings that are not kept

    def __init__(self, options):
        self._options, self._folder, self.path = options, None, None
        self.is_own, self.process = not _marks.marking(), os.getpid()

    def begin(self):
        if not self.is_own:
            self.path = _recording.current_path()
            if self.path is not None:
                with contextlib.suppress(OSError):  # which end() will tell
                    _marks.flush()  # a sample now, not one of long ago
            return
        output = self._options.output
        try:
            if output is None:
                self._folder = tempfile.mkdtemp(prefix="tacho-")
                self.folders.add(self._folder)
                output = os.path.join(self._folder, "cell.tacho")
            _recording.start(output, self._options.interval, self._options.replace)
        except FileExistsError:
            self.forget()
            raise UsageError(f"tacho: {output} exists already; --replace writes over it") from None
        except (OSError, ValueError) as error:
            self.forget()
            raise UsageError(f"tacho: cannot record: {error}") from None
        self.path = _recording.current_path()

    def end(self, cell):
        """The cell takes its figures."""
        if not self.is_own:
            self._note_other(cell)
        elif _recording.current_path() == self.path:
            _recording.stop()
        else:
            cell.notes.append("the cell has itself ended the recording that tacho made for it")
        if self.path is None:
            return
        from .reading import open

        if not self.is_own and _recording.current_path() == self.path:
            _marks.flush()
        cell.read(open(self.path))
        if self.is_own and self._folder is None:
            cell.path = self.path

    def _note_other(self, cell):
        where = f" into {self.path}" if self.path else ", by another process or by TACHO=FILE"
        if self.path and os.path.dirname(self.path) in self.folders:
            where = " for the cell around this"
        cell.notes.append(f"recorded already{where}: there the cell is the scope {cell.name}")
        if self._options.output is not None:
            cell.notes.append(f"--output {self._options.output} was not written")

    def forget(self):
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self.folders.discard(self._folder)


# ---- the magics ----


@magics_class
class TachoMagics(Magics):
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def tacho(self, line="", cell=None, local_ns=None):
        """Records a statement or a cell, and shows what it cost: time, CPU, memory, scopes, labels.

            %tacho [OPTIONS] STATEMENT
            %%tacho [OPTIONS]

        It runs in your namespace, as without the magic: variables stay, the last expression is shown,
        exceptions are too.

        --interval SECONDS  between two samples, 0.001 to 86400; default 0.1
        --output FILE       keeps the recording, for tacho report and tacho.open
        --replace           FILE may exist
        --no-plot           the summary alone, as text
        -o                  returns the result: .summary (dict), .recording (as of tacho.open), .value

        Where the kernel is recorded already, by tacho record or tacho.start, the cell is a scope there.
        """
        __tracebackhide__ = True  # noqa: F841
        options, statement = parse(line)
        if cell is not None and statement:
            raise UsageError(f"tacho: what is to run stands below %%tacho, not behind it: {statement!r}")
        source = statement if cell is None else cell
        if not source.strip():
            raise UsageError(f"tacho: nothing to run: %tacho STATEMENT; {HELP}")
        codes = compiled(self.shell, source)
        names = self.shell.user_ns
        result = Cell(f"In [{self.shell.execution_count}]")
        session = _Session(options)
        session.begin()
        try:
            self._run(result, codes, names, local_ns if cell is None and local_ns is not None else names)
        finally:
            self._finish(result, session, options)
        return result if options.returned else result.value

    def _run(self, result, codes, names, local_names):
        __tracebackhide__ = True  # noqa: F841
        with _marks.scope(result.name):
            result.begin()
            try:
                result.value = _execute(codes, names, local_names)
            except BaseException as error:
                result.error = printable(type(error).__name__)
                raise
            finally:
                result.end()

    def _finish(self, result, session, options):
        """Never in the way of the user's own exception, nor in a child that the cell forked."""
        if session.process != os.getpid():
            return
        try:
            session.end(result)
            display(Shown(result, options.plot))
        except Exception as error:
            print(f"tacho: no summary of {result.name}: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            session.forget()
        if not options.returned and result.recording is not None:
            result.recording.close()


def register(shell):
    shell.register_magics(TachoMagics)
