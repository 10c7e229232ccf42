"""Durations as people write them, in options and inventories alike: `10`, `500ms`, `2m30s`."""

import re

_NUMBER = r"(\d++(?:\.\d++)?+)"  # possessive: else `500ms` would be 50 s and 0 ms
_DURATION = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s?)?(?:{_NUMBER}ms)?", re.ASCII)
_UNITS = (86400.0, 3600.0, 60.0, 1.0, 0.001)


def seconds(text: str) -> float:
    """Return a duration in seconds; a number alone is seconds. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"`{text}` is no duration; write `10`, `500ms` or `2m30s`")
    return sum(float(number or 0) * unit for number, unit in zip(match.groups(), _UNITS, strict=True))
