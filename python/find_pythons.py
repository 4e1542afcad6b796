"""Prints the Pythons that the extension can be built for, one a line:
VERSION PROGRAM HEADERS SUFFIX PLACE, the last being where it looks for packages that are installed.

The one that runs this comes first. Others are python3.9 and later on PATH and among pyenv's, one for each
version. Those without headers are named on stderr. None at all if the first has none."""

import glob
import os
import subprocess
import sys

ASK = """
import sys, sysconfig
print("%d.%d" % sys.version_info[:2], sysconfig.get_path("include"), sysconfig.get_config_var("EXT_SUFFIX"),
      sysconfig.get_path("platlib"))
"""


def candidates():
    yield sys.executable
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    yield from sorted(glob.glob(f"{pyenv}/versions/3.*/bin/python3"))
    for folder in os.environ.get("PATH", "").split(":"):
        yield from sorted(glob.glob(f"{folder}/python3.[0-9]*[0-9]"))


def asked(program):
    """[version, headers, suffix, place], or None of what is no Python that works."""
    try:
        result = subprocess.run([program, "-I", "-c", ASK], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = result.stdout.split()
    return words if result.returncode == 0 and len(words) == 4 else None


seen = set()
for path in candidates():
    found = asked(path)
    if found is None or found[0] in seen or int(found[0].split(".")[1]) < 9:
        continue
    version, headers, suffix, place = found
    seen.add(version)
    if os.path.exists(f"{headers}/Python.h"):
        print(version, path, headers, suffix, place)
    else:
        print(f"no headers of Python {version} in {headers}", file=sys.stderr)
        if path == sys.executable:
            break
