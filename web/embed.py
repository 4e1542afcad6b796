#!/usr/bin/env python3
"""Puts the page's script and style into a C file, for src/report/embedded.h.

    web/embed.py OUT.c

The script is one text: vendored uPlot, then our own files, each wrapped in a function. The hashes
are those that a Content-Security-Policy names, so the text must stand in the page to the byte.
"""

import base64
import hashlib
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
SCRIPTS = [
    "unpack.js",
    "quantities.js",
    "span.js",
    "colours.js",
    "pictures.js",
    "levels.js",
    "gestures.js",
    "tip.js",
    "labels.js",
    "timebar.js",
    "charts.js",
    "lanes.js",
    "process_lanes.js",
    "scope_lanes.js",
    "tables.js",
    "process_table.js",
    "page.js",
]
STYLES = ["colours.css", "page.css", "pictures.css", "media.css"]
LITERAL_BYTES = 90


def read(name):
    text = (WEB / name).read_text(encoding="utf-8")
    # What HTML would end the element at, take as a comment, or hash otherwise than it is stored.
    for bad in ("</script", "</style", "<!--", "\r", "\0"):
        if bad in text.lower():
            sys.exit(f"embed.py: {name} must not contain {bad!r}: it stands inside an HTML page")
    return text


def licence():
    """Of uPlot, which asks to stand in every copy."""
    return f"/*! uPlot\n{read('vendor/LICENSE').strip()}\n*/\n"


def script():
    parts = [licence(), read("vendor/uPlot.iife.min.js"), "\nconst tacho = {};\n"]
    parts += [f'(function () {{\n"use strict";\n{read(name)}}})();\n' for name in SCRIPTS]
    return "".join(parts)


def style():
    parts = [licence(), read("vendor/uPlot.min.css"), "\n", *map(read, STYLES)]
    return "".join(parts)


def csp_hash(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def literal(part):
    # Octal escapes end after three digits, so no byte is taken with the one before it.
    return '"' + "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in part
    ) + '"'


def definition(name, text):
    raw = text.encode()
    lines = [literal(raw[at : at + LITERAL_BYTES]) for at in range(0, len(raw), LITERAL_BYTES)]
    return (
        f"const struct embedded {name} = {{\n"
        f"    .bytes = {len(raw)},\n"
        f'    .hash = "{csp_hash(text)}",\n'
        "    .text =\n" + "\n".join("        " + line for line in lines) + ",\n};\n"
    )


def c_file():
    return (
        "/* Made by web/embed.py. */\n"
        '#include "report/embedded.h"\n\n'
        + definition("page_script", script())
        + "\n"
        + definition("page_style", style())
    )


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: web/embed.py OUT.c")
    Path(sys.argv[1]).write_text(c_file(), encoding="ascii")


if __name__ == "__main__":
    main()
