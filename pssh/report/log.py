"""The table of earlier runs: when, what, on which hosts, and how it ended; one line each.

On a narrow screen the year goes first, then the targets, then the time that a run took; commands are clipped, and what
came of a run takes a quarter of the line or so.
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
_READABLE = 10  # columns that a clipped cell should have
_LEAVE = (((), 24), (("TARGETS",), _READABLE), (("TARGETS", "TIME"), _READABLE))  # with what is left for such a cell


class Line(Struct, frozen=True, kw_only=True):
    """One earlier run."""

    run: Run
    words: str = ""  # of the subcommand, where the run's own do not say which it was
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
    width = width or sys.maxsize
    wide = _wide(rows)
    if sum(wide.values()) > width:
        most = max(width // 3 - 9, _READABLE)
        rows = [{**row, "WHEN": row["WHEN"][5:], "RESULT": clip(row["RESULT"], most)} for row in rows]
        wide = _wide(rows)
    for left_out, least in _LEAVE:
        columns = [name for name in wide if name not in left_out]
        clipped = {name: wide[name] for name in columns if name in _CLIPPED}
        room = width - sum(wide[name] for name in columns if name not in clipped)
        if room >= sum(min(one, least) for one in clipped.values()):
            break
    cut = {**wide, **_shares(room, clipped)}
    return grid(columns, [[clip(row[name], max(cut[name] - GAP, 1)) for name in columns] for row in rows], right=_RIGHT)


def _wide(rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    return {name: GAP + max(len(name) + GAP, *(width_of(row[name]) for row in rows)) for name in rows[0]}


def _shares(room: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Share the room out evenly; what one does not need the others get."""
    found = {}
    for number, name in enumerate(sorted(wanted, key=wanted.__getitem__)):
        found[name] = max(min(wanted[name], room // (len(wanted) - number)), _READABLE)
        room -= found[name]
    return found


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
        "COMMAND": safe(f"{line.words} {run.text}".strip() if line.words else _command(run)),
        "TARGETS": safe(run.targets),
        "N": f"{line.hosts:,}",
        "RESULT": counted if line.state == "ended" else f"{line.state}: {counted}".rstrip(": "),
        "TIME": "" if line.seconds is None else words.seconds(line.seconds),
        "EXIT": "" if line.exit is None else str(line.exit),
    }
