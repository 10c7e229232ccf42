"""Colour for the words of status, and for nothing else: a report reads the same without it."""

from pssh.model.outcome import Status

_CODES: dict[Status, str] = {
    "ok": "32",
    "failed": "31",
    "error": "1;31",
    "lost": "1;35",
    "timed-out": "35",
    "host-key": "1;33",
    "auth": "33",
    "unreachable": "33",
    "cancelled": "36",
    "not-run": "36",
    "skipped": "36",
}


def paint(status: Status, text: str, *, color: bool) -> str:
    """Return the text in the colour of a status."""
    return f"\x1b[{_CODES[status]}m{text}\x1b[0m" if color and text else text
