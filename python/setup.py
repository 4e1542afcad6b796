"""Builds the extensions tacho._marks and tacho._read with the library's own sources in them, so that
nothing has to be installed before. What follows processes or compresses is the program's, and left out;
compressed recordings can be read where zstd's header is found."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FOLDERS = ("base", "format", "source", "mark", "sample", "record")
FOLLOW = "build/tree/src/follow/follow.c"  # what tries mechanisms, of which there are none here
WARNINGS = ["-Wall", "-Wextra", "-Wno-missing-field-initializers"]
FLAGS = ["-std=gnu17", "-O2", "-D_GNU_SOURCE", "-fvisibility=hidden", "-ffunction-sections", *WARNINGS]

if not (ROOT / "src" / "mark").is_dir():
    sys.exit(f"setup.py: {ROOT}/src is not there: build from tacho's source tree, whose folder python/ "
             "is (pip install ./python), with pip 21 or newer")


def sources(folder):
    """What the folder's meson.build lists, without what only an optional part needs."""
    text = (ROOT / "src" / folder / "meson.build").read_text(encoding="utf-8")
    listed = re.search(rf"^{folder}_sources = files\((.*?)\)", text, re.DOTALL | re.MULTILINE)
    return [f"build/tree/src/{folder}/{name}" for name in re.findall(r"'([^']+)'", listed[1])]


def version():
    text = (ROOT / "meson.build").read_text(encoding="utf-8")
    return re.search(r"^  version: '([^']+)'", text, re.MULTILINE)[1]


def prepare():
    """What Meson configures, and a name below this folder for the tree: where objects are put follows
    from where sources lie."""
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    (build / "config.h").write_text(f'#define TACHO_VERSION "{version()}"\n', encoding="utf-8")
    tree = build / "tree"
    if not tree.is_symlink():
        tree.symlink_to(ROOT)


prepare()
includes = ["build/tree/include", "build/tree/src", "build"]
library = ("tacho_own", {
    "sources": [source for folder in FOLDERS for source in sources(folder)] + [FOLLOW],
    "include_dirs": includes,
    "cflags": [*FLAGS, "-fPIC"],
})
marks = Extension(
    "tacho._marks",
    sorted(f"src/{path.name}" for path in (HERE / "src").glob("*.c")),
    depends=["src/module.h"],
    include_dirs=includes,
    extra_compile_args=FLAGS,
    # Nothing of the library is for others, and nothing of others, libtacho.so for one, is in its place.
    extra_link_args=["-Wl,--exclude-libs,ALL", "-Wl,-Bsymbolic", "-Wl,--gc-sections", "-Wl,-z,nodelete", "-pthread"],
)


def has_zstd():
    """Whether what reads compressed recordings can be compiled and linked."""
    probe = ["-x", "c", "-", "-o", str(HERE / "build" / "probe"), "-lzstd"]
    program = "#include <zstd.h>\nint main(void) { return (int)ZSTD_isError(0); }\n"
    try:
        compiler = shlex.split(os.environ.get("CC", "cc"))
        return subprocess.run([*compiler, *probe], input=program, text=True, capture_output=True,
                              timeout=60).returncode == 0
    except OSError:
        return False


zstd = has_zstd()
read = Extension(
    "tacho._read",
    sorted(f"src/read/{path.name}" for path in (HERE / "src" / "read").glob("*.c"))
    + sources("read") + ["build/tree/src/analyse/scope_stacks.c"]
    + (["build/tree/src/format/codec_zstd.c"] if zstd else []),
    depends=["src/read/read_objects.h", "src/read/read.map"],
    include_dirs=includes,
    define_macros=[("HAVE_ZSTD", "1")] if zstd else [],
    libraries=["zstd"] if zstd else [],
    extra_compile_args=FLAGS,
    extra_link_args=["-Wl,--version-script=src/read/read.map", "-Wl,-Bsymbolic", "-pthread"],
)

setup(
    name="tacho",
    version=version(),
    description="A flight recorder for programs: scopes, labels, counters, and reading recordings",
    license="MIT",
    platforms=["Linux"],
    python_requires=">=3.9",
    packages=["tacho"],
    package_data={"tacho": ["py.typed", "*.pyi"]},
    libraries=[library],
    ext_modules=[marks, read],
)
