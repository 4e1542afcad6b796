"""What a checker has to refuse: the comment is its name for the mistake. Not to be run."""

import tacho


@tacho.scope(category="I/O")
def load(path: str) -> int:
    return 1


load(5)  # arg-type
load("a").upper()  # attr-defined
tacho.label(3)  # arg-type
tacho.label(text="positional")  # call-arg
tacho.counter("residual", "high")  # arg-type
tacho.scope(name=3)  # call-overload
tacho.scope("a", kind="b")  # call-overload
tacho.scope("a")(3)  # type-var
tacho.start(interval="1")  # arg-type
tacho.recording(output=3)  # arg-type
tacho.recording().path.upper()  # union-attr
tacho.log_process(logger=3)  # arg-type
tacho.add_arguments("parser")  # type-var
with tacho.open("x") as rec:
    rec.series("cpu", 3)  # misc
    rec.series("cpu", pid="3")  # arg-type
    rec.scopes(thread=1.5)  # arg-type
    rec.wall_s = 1.0  # misc
    rec.processes[0].cmdline  # attr-defined
