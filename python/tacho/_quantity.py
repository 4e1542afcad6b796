"""Durations and sizes as `tacho report` writes them: three digits that count."""


def _three(value):
    size = abs(value)
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def duration(seconds):
    """'0 s', '1.23 ms', '45.6 s', '2:05', '1:02:05'."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.1:
        return f"{_three(seconds * 1e3)} ms"
    if seconds < 59.95:
        return f"{_three(seconds)} s"
    whole = int(seconds + 0.5)
    minutes = f"{whole // 60}:" if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02}:"
    return f"{minutes}{whole % 60:02}"


def size(count):
    """'512 B', '1.50 MiB'."""
    unit = size_unit(abs(count))
    return f"{count:.0f} B" if unit[1] == "B" else f"{_three(count / unit[0])} {unit[1]}"


def size_unit(count):
    """The unit in which `count` bytes are written: (bytes, name)."""
    bytes_each, names = 1, ["B", "KiB", "MiB", "GiB", "TiB"]
    while count / bytes_each >= 999.5 and len(names) > 1:
        bytes_each *= 1024
        names.pop(0)
    return bytes_each, names[0]
