"""Sizes as people write them: `64K`, `1.5M`, `1G`, in powers of 1024."""

import re

_SIZE = re.compile(r"(\d{1,15})(\.\d{1,6})?([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = ("", "K", "M", "G", "T")


def size(text: str) -> int:
    """Return the bytes that `65536`, `64K` or `1G` means; raises ValueError."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is no size; write `65536`, `64K`, `16M` or `1G`")
    unit = 1 << 10 * _UNITS.index(found[3].upper())
    return int(found[1]) * unit + int(float(found[2] or 0) * unit)


def sized(number: int) -> str:
    """Return the shortest text that `size` reads as this number: `16M`."""
    power = next((power for power in (4, 3, 2, 1) if number and not number % (1 << 10 * power)), 0)
    return f"{number >> 10 * power}{_UNITS[power]}"
