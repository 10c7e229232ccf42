"""What ping shows: one row per host, one column per phase with its time, and the cause where one failed.

On a narrow screen columns are left out, those first that tell least beside a cause, and a long host name is broken.
"""

import sys
from collections.abc import Sequence

from pssh.model.event import Event, RunEnded
from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.grid import GAP, clip, grid, width_of, wrap
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.style import paint

MOST_ROWS = 200
_MOST_LINES = 10  # of one HOST cell
_READABLE = 16  # columns the last column is given before others are left out
# column: (the phases whose times it adds up, the stages of the failures that belong to it)
_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "TCP": (("dns", "connect"), ("dns", "connect")),
    "BANNER": (("banner",), ("banner",)),
    "KEX": (("kex",), ("kex",)),
    "HOST KEY": ((), ("host-key",)),
    "AUTH": (("auth",), ("auth",)),
    "EXEC": (("open", "run"), ("exec", "transfer", "local", "worker")),
}
_RIGHT = (*_COLUMNS, "TOTAL")
_LEAVE = ("", "HOST KEY", "BANNER", "TCP", "KEX", "EXEC", "AUTH", "TOTAL")

Row = dict[str, str]


class PingTable:
    """Shows the phases when the run has ended."""

    def __init__(self, screen: Screen, *, width: int = 0, color: bool = False) -> None:
        self._screen = screen
        self._width = width
        self._color = color

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            self._screen.write(ping_table(event.report, width=self._width, color=self._color))


def ping_table(report: Report, *, width: int = 0, color: bool = False) -> str:
    """Return the table, what failed first; `width` 0: as wide as it gets."""
    results = sorted(report.results, key=lambda result: BY_WEIGHT.index(result.status))
    shown = results[:MOST_ROWS]
    rows = [_row(result) for result in shown]
    columns, first_width, last_width = _fit(rows, width or sys.maxsize)
    for result, row in zip(shown, rows, strict=True):
        row["HOST"] = wrap(row["HOST"], first_width, _MOST_LINES)
        row["STATUS"] = paint(result.status, row["STATUS"], color=color)
        row["SERVER"] = clip(row["SERVER"], last_width)
    rest = f"… {len(results) - MOST_ROWS:,} more hosts\n" if len(results) > MOST_ROWS else ""
    return grid(columns, [[row[column] for column in columns] for row in rows], right=_RIGHT) + rest


def _fit(rows: Sequence[Row], width: int) -> tuple[list[str], int, int]:
    """Return the columns to show, and how wide the first and the last of them may be."""
    columns = ["HOST", "STATUS", *_RIGHT, "SERVER"]
    wide = {name: max([len(name) + GAP, *(width_of(row[name]) for row in rows)]) for name in columns}
    least = min(wide["SERVER"], _READABLE)
    for left_out in _LEAVE:
        columns = [name for name in columns if name != left_out]
        room = width - sum(wide[name] + GAP for name in columns[1:-1]) - GAP
        if room - wide["HOST"] >= least:
            break
    first_width = max(min(wide["HOST"], room - least), len("HOST") + GAP)
    return columns, first_width, max(room - first_width, len("SERVER") + GAP)


def _row(result: Result) -> Row:
    return {
        "HOST": safe(result.host),
        "STATUS": result.status,
        **dict(zip(_COLUMNS, _cells(result), strict=True)),
        "TOTAL": _time(result.seconds.get("total", 0.0)),
        "SERVER": words.cause(result) or safe(result.banner),
    }


def _cells(result: Result) -> list[str]:
    """Return one cell per phase: its time, `failed` where the host failed, and nothing after that."""
    stage = result.failure.stage if result.failure else ""
    cells: list[str] = []
    for phases, stages in _COLUMNS.values():
        if stage in stages:
            return [*cells, "failed", *[""] * (len(_COLUMNS) - len(cells) - 1)]
        took = [result.seconds[phase] for phase in phases if phase in result.seconds]
        accepted = not phases and ("auth" in result.seconds or stage in ("auth", "exec"))  # the key came before these
        cells.append("ok" if accepted else _time(sum(took)))
    return cells


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms" if seconds else ""
