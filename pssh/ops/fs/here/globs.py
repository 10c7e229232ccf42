"""What a path with patterns matches on this machine."""

import os
import re
from glob import glob

# A backslash and what follows; a bracket expression; `*` and `?`; anything else.
_PIECE = re.compile(r"\\(?P<plain>.)|(?P<set>\[[!^]?\]?[^\]/]*\])|(?P<any>[*?])|(?P<text>[^\\\[*?]+|\[|\\$)", re.DOTALL)
_INSIDE = re.compile(r"[!^]?[A-Za-z0-9._@%+=:,-]+")  # of a bracket; anything else in one is text


def expanded(path: str) -> list[str]:
    """Return the paths that are meant, in order; without a pattern the one, whether or not it is there."""
    start = ""
    if path == "~" or path.startswith("~/"):
        start, path = os.path.expanduser("~"), path[1:]
    pieces = read(path)
    if not any(live for _, live in pieces):
        return [start + "".join(text for text, _ in pieces)]
    return sorted(glob(_escaped(start) + "".join(text if live else _escaped(text) for text, live in pieces)))


def read(path: str) -> list[tuple[str, bool]]:
    """Return the pieces of a path, and of each whether it matches and is not text."""
    return [_piece(found) for found in _PIECE.finditer(path)]


def _piece(found: re.Match[str]) -> tuple[str, bool]:
    if found["any"]:
        return found["any"], True
    if found["set"] and _INSIDE.fullmatch(found["set"][1:-1]):
        return found["set"].replace("[^", "[!", 1), True
    return found["plain"] or found["set"] or found["text"], False


def _escaped(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
