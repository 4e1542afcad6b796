"""Numbers of seconds, as people give them."""

MOST = 86400.0  # a day


def checked(value, what, least):
    """`value` as a float, from `least` to a day. TypeError for no number, ValueError for others."""
    if isinstance(value, (str, bytes, bool)):
        raise TypeError(f"{what} must be a number of seconds, not {value!r}")
    seconds = float(value)
    if not least <= seconds <= MOST:
        raise ValueError(f"{what} must be from {least} to {MOST:.0f} seconds, not {seconds!r}")
    return seconds
