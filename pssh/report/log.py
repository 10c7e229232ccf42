"""The table of earlier runs: when, what, on which hosts, and how it ended; one line each.

On a narrow screen the year goes first, then the targets, then the time that a run took; what is left is clipped.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from pssh.model.outcome import Status
from pssh.model.report import Run
from pssh.report import words
from pssh.report.grid import GAP, clip, grid, width_of
from pssh.report.safe import safe

_RIGHT = ("N", "TIME", "EXIT")
_CLIPPED = ("COMMAND", "TARGETS")
_READABLE = 12  # columns that a clipped cell should have
_LEAVE = ((), ("TARGETS",), ("TARGETS", "TIME"))


class Line(Struct, frozen=True, kw_only=True):
    """One earlier run."""

    run: Run
    repeats: str = ""  # the run that it repeats a part of
    hosts: int
    counts: Mapping[Status, int]
    state: str  # "ended", "running", "interrupted"
    seconds: float | None
    exit: int | None


def log_table(lines: Sequence[Line], *, width: int = 0) -> str:
    """Return the table; `width` 0: as wide as it gets."""
    rows = [_row(line) for line in lines]
    if not rows:
        return ""
    columns = list(rows[0])
    wide = _wide(columns, rows)
    if width and sum(wide.values()) > width:
        rows = [{**row, "WHEN": row["WHEN"][5:]} for row in rows]
        wide = _wide(columns, rows)
    for left_out in _LEAVE:
        columns = [name for name in rows[0] if name not in left_out]
        clipped = [name for name in columns if name in _CLIPPED]
        room = (width or sys.maxsize) - sum(wide[name] for name in columns if name not in clipped)
        if room >= sum(min(wide[name], _READABLE) for name in clipped):
            break
    shares = _shares(max(room, 2 * _READABLE if len(clipped) > 1 else _READABLE), [wide[name] for name in clipped])
    most = {name: max(share - GAP, 1) for name, share in zip(clipped, shares, strict=True)}
    cells = [[clip(row[name], most.get(name, sys.maxsize // 8)) for name in columns] for row in rows]
    return grid(columns, cells, right=_RIGHT)


def _wide(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    return {name: GAP + max(len(name) + GAP, *(width_of(row[name]) for row in rows)) for name in columns}


def _shares(room: int, wanted: Sequence[int]) -> list[int]:
    """Share the room out: what one does not need the other gets."""
    if len(wanted) == 1 or sum(wanted) <= room:
        return [min(one, room) for one in wanted]
    first = min(wanted[0], max(room * 3 // 5, room - wanted[1]))
    return [first, room - first]


def _command(run: Run) -> str:
    bare = run.operation == "command" or run.text.split(" ", 1)[0] == run.operation
    return run.text if bare else f"{run.operation} {run.text}".strip()


def _row(line: Line) -> dict[str, str]:
    run = line.run
    when = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M")
    counted = ", ".join(f"{number:,} {status}" for status, number in line.counts.items())
    return {
        "RUN": f"{run.id}<{line.repeats}" if line.repeats else run.id,
        "WHEN": when,
        "COMMAND": safe(_command(run)),
        "TARGETS": safe(run.targets),
        "N": f"{line.hosts:,}",
        "RESULT": counted if line.state == "ended" else f"{line.state}: {counted}".rstrip(": "),
        "TIME": "" if line.seconds is None else words.seconds(line.seconds),
        "EXIT": "" if line.exit is None else str(line.exit),
    }
