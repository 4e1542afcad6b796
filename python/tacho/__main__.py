"""python -m tacho: the command-line program, whose exit status is this one's."""

import os
import shutil
import sys
from pathlib import Path


def find_program():
    """Path of the program: on PATH, or where the package was installed or built; None."""
    found = shutil.which("tacho")
    if found is not None:
        return found
    beside = [Path(sys.executable).parent]
    for above in Path(__file__).resolve().parents:
        beside += [above / "bin", above / "build"]
    for folder in beside:
        if os.access(folder / "tacho", os.X_OK) and (folder / "tacho").is_file():
            return str(folder / "tacho")
    return None


def main():
    program = find_program()
    if program is None:
        sys.exit("python -m tacho: the program tacho is neither on PATH nor beside this package; "
                 "install it, or add its folder to PATH")
    try:
        # In place of this process: signals, terminal and exit status are the program's own.
        os.execv(program, ["tacho", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"python -m tacho: {program}: {error.strerror}")


if __name__ == "__main__":
    main()
