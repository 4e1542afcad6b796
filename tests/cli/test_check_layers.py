"""tools/check-layers finds each kind of breach, and none in this tree."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def check(root):
    run = subprocess.run(
        [sys.executable, ROOT / "tools/check-layers", root], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    return run.returncode, run.stdout


def tree(root, files):
    """A good little tree, with these files added or replaced."""
    good = {
        "include/tacho/recording.h": "",
        "src/base/clock.h": "",
        "src/base/clock.c": '#include "base/clock.h"\n#include "config.h"\n#include <time.h>\n',
        "src/format/block.h": '#include <tacho/recording.h>\n#include "base/clock.h"\n',
        "src/source/stat.h": "",
        "src/cli/main.c": '#include "format/block.h"\nint main(void) { puts("tacho"); }\n',
    }
    for name, text in (good | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_tree():
    assert check(ROOT) == (0, "")


def test_good_tree(tmp_path):
    assert check(tree(tmp_path, {})) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (
            "src/base/up.c",
            '\n#include "format/block.h"\n',
            'src/base/up.c:2: src/base must not include "format/block.h": src/format is above it',
        ),
        (
            "src/format/side.c",
            '#  include "source/stat.h"\n',
            'src/format/side.c:1: src/format must not include "source/stat.h": '
            "src/source is on the same floor",
        ),
        (
            "src/base/bare.c",
            '/* a\ncomment */\n#include "clock.h"\n',
            'src/base/bare.c:3: "clock.h" is not written folder/file.h',
        ),
        (
            "src/base/deep.c",
            '#include "../base/clock.h"\n',
            'src/base/deep.c:1: "../base/clock.h" is not written folder/file.h',
        ),
        (
            "src/format/gone.c",
            '#include "base/gone.h"\n',
            'src/format/gone.c:1: "base/gone.h" does not exist in src/',
        ),
        (
            "src/base/angle.c",
            "#include <format/block.h>\n",
            'src/base/angle.c:1: <format/block.h> is our own: write "format/block.h"',
        ),
        ("src/stray.c", "", "src/stray.c: lies in no folder with a floor"),
        ("src/attic/old.c", "", "src/attic/old.c: lies in no folder with a floor"),
        ("src/source/block.h", "", "src/source/block.h: the name is taken by src/format/block.h"),
        (
            "src/read/recording.h",
            "",
            "src/read/recording.h: the name is taken by include/tacho/recording.h",
        ),
        (
            "src/read/block.c",
            "",
            "src/read/block.c: its name belongs to src/format/block.h",
        ),
    ],
)
def test_misplaced(tmp_path, name, text, line):
    assert check(tree(tmp_path, {name: text})) == (1, line + "\n")


@pytest.mark.parametrize(
    ("call", "function"),
    [
        ('printf("%d", 1);', "printf"),
        ('fprintf(stderr, "x");', "fprintf"),
        ('fprintf( stdout, "x");', "fprintf"),
        ('fputs("x", stderr);', "fputs"),
        ('puts("x");', "puts"),
        ("exit(1);", "exit"),
        ("abort ();", "abort"),
        ('perror("x");', "perror"),
        ("/* why */ if (x) exit(1); /* so */", "exit"),
        ("char quote = '\"'; exit(1); // \"", "exit"),
        ('char *s = "\\"/*"; exit(1); /* "*/', "exit"),
    ],
)
def test_prints_or_exits(tmp_path, call, function):
    root = tree(tmp_path, {"src/base/loud.c": f"\nvoid f(int x)\n{{\n{call}\n}}\n"})
    assert check(root) == (1, f"src/base/loud.c:4: {function}(): only src/cli prints or exits\n")


@pytest.mark.parametrize(
    "call",
    [
        "/* exit(1) */",
        "// exit(1) \\\n exit(1)",
        'say("exit(1)");',
        "_exit(127);",
        "ops->exit(ops);",
        "ops.exit(&ops);",
        'fprintf(file, "x");',
        'snprintf(s, 1, "x");',
        "void say(char *, ...) __attribute__((format(printf, 1, 2)));",
        "on_exit(f, 0);",
    ],
)
def test_silent(tmp_path, call):
    root = tree(tmp_path, {"src/base/quiet.c": f"void f(void)\n{{\n{call}\n}}\n"})
    assert check(root) == (0, "")


def test_every_breach_is_named(tmp_path):
    files = {"src/base/one.c": "void f(void) { exit(1); exit(2); }\n", "src/base/two.c": "exit(3);"}
    code, out = check(tree(tmp_path, files))
    assert code == 1
    assert len(out.splitlines()) == 3


def test_no_source_tree(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / "tools/check-layers", tmp_path], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr == f"check-layers: no src/ in {tmp_path}\n"
