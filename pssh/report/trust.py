"""The table of host keys that a person agrees to: what each host showed, alarms first.

A fingerprint is never cut, since a part of one proves nothing. On a narrow screen the last column goes into a line of
its own, and the type of a key loses what all have.
"""

import sys
from collections.abc import Iterable, Sequence

from pssh.report.grid import GAP, clip, grid, width_of
from pssh.report.safe import safe

_HEADS = ("HOST", "TYPE", "FINGERPRINT", "STATE", "")


def key_table(rows: Iterable[Sequence[str]], width: int = 0) -> str:
    """Return the table of rows of host, key type, fingerprint, state, and place or cause; `width` 0: any."""
    cells = [[safe(cell) for cell in row] for row in rows]
    if _wide(cells) <= (width or sys.maxsize):
        return grid(_HEADS, cells)
    kept, below = [], ["", ""]
    for host, kind, fingerprint, state, why in cells:
        kept.append([host, _short(kind), fingerprint or clip(why, max(width // 2, 1)), state])
        below.append(f"\n  {clip(why, max(width - 2, 1))}" if fingerprint and why else "")
    lines = grid(_HEADS[:-1], kept).splitlines()
    return "".join(f"{line}{more}\n" for line, more in zip(lines, below, strict=True))


def _wide(cells: Sequence[Sequence[str]]) -> int:
    columns = zip(_HEADS, *cells, strict=True)
    return sum(max(map(width_of, column)) + GAP for column in columns)


def _short(kind: str) -> str:
    return kind.removeprefix("ssh-").partition("-sha2-")[0]
