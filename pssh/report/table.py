"""The table: one row per distinct result, worst first.

Every host is in exactly one row. On a narrow screen the last column is clipped, then TIME and N are left out, and HOSTS
is broken after commas; above 200 rows the rest is counted. TIME is that of the slowest host of a row.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from pssh.model.event import Event, RunEnded
from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report, spoken_for
from pssh.report import words
from pssh.report.grid import GAP, clip, grid, width_of, wrap
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.style import paint

MOST_ROWS = 200
_MOST_LINES = 10  # of one HOSTS cell
_READABLE = 24  # columns the last column is given before others are left out
_RIGHT = ("N", "CODE", "TIME")
_LEAVE = ((), ("TIME",), ("TIME", "N"))

Groups = Sequence[Sequence[Result]]
Row = dict[str, str]


class Table:
    """Shows a table when the run has ended."""

    def __init__(
        self, screen: Screen, *, width: int = 0, rows: str = "result", color: bool = False, causes: bool = False
    ) -> None:
        self._write = screen.say if causes else screen.write
        self._width = width
        self._rows = rows
        self._color = color
        self._causes = causes

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            make = cause_table if self._causes else table
            self._write(make(event.report, width=self._width, rows=self._rows, color=self._color))


def table(report: Report, *, width: int = 0, rows: str = "result", color: bool = False) -> str:
    """Return the table of a report; `width` 0: as wide as it gets; `rows` "host": one row per host."""
    groups = _single(report.results) if rows == "host" else report.groups()
    lines = [_row(group, rows, "OUTPUT", words.first_line(spoken_for(group))) for group in groups[:MOST_ROWS]]
    return _draw(groups, lines, width, color)


def cause_table(report: Report, *, width: int = 0, rows: str = "result", color: bool = False) -> str:
    """Return the table that goes with outputs shown elsewhere: equal status and cause together, CAUSE for OUTPUT."""
    groups = _single(report.results) if rows == "host" else _by_cause(report.results)
    lines = [_row(group, rows, "CAUSE", _common_cause(group)) for group in groups[:MOST_ROWS]]
    return _draw(groups, lines, width, color)


def _single(results: Iterable[Result]) -> Groups:
    return [[result] for result in sorted(results, key=_weight)]


def _by_cause(results: Iterable[Result]) -> Groups:
    found: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        key = (result.status, _name(result), words.code(result), words.notes(result.end))
        found.setdefault(key, []).append(result)
    return sorted(found.values(), key=lambda group: (_weight(group[0]), -len(group)))


def _weight(result: Result) -> int:
    return BY_WEIGHT.index(result.status)


def _common_cause(group: Sequence[Result]) -> str:
    """Return the whole cause if all have the same words, else only its name."""
    if len({(result.failure.message if result.failure else "", words.notes(result.end)) for result in group}) > 1:
        return _name(group[0])
    return words.cause_and_notes(spoken_for(group))


def _name(result: Result) -> str:
    return safe(words.named_cause(result.failure) if result.failure else result.cause)


def _row(group: Sequence[Result], rows: str, last: str, text: str) -> Row:
    names = words.hosts(result.host for result in group)
    who = {"HOST": names} if rows == "host" else {"HOSTS": names, "N": str(len(group))}
    return {
        **who,
        "STATUS": group[0].status,
        "CODE": words.code(group[0]),
        "TIME": words.slowest(group),
        last: text,
    }


def _draw(groups: Groups, rows: Sequence[Row], width: int, color: bool) -> str:
    if not rows:
        return ""
    columns, first_width, last_width = _fit(rows, width or sys.maxsize)
    first, last = columns[0], columns[-1]
    lines = []
    for group, row in zip(groups, rows, strict=False):
        row[first] = wrap(row[first], first_width, _MOST_LINES)
        row[last] = clip(row[last], last_width)
        row["STATUS"] = paint(group[0].status, row["STATUS"], color=color)
        lines.append([row[column] for column in columns])
    return grid(columns, lines, right=_RIGHT) + _rest(groups[MOST_ROWS:])


def _fit(rows: Sequence[Row], width: int) -> tuple[list[str], int, int]:
    """Return the columns to show, and how wide the first and the last of them may be."""
    wide = {name: max(len(name) + GAP, *(width_of(row[name]) for row in rows)) for name in rows[0]}
    first, *_, last = names = list(wide)
    for left_out in _LEAVE:
        columns = [name for name in names if name not in left_out]
        room = width - sum(wide[name] + GAP for name in columns[1:-1]) - GAP
        share = min(max(room * 3 // 5, room - wide[last]), room - len(last) - GAP)
        first_width = max(min(wide[first], share), len(first) + GAP)
        if room - first_width >= min(wide[last], _READABLE):
            break
    return columns, first_width, max(room - first_width, len(last) + GAP)


def _rest(groups: Groups) -> str:
    if not groups:
        return ""
    counts = Counter(result.status for group in groups for result in group)
    said = ", ".join(f"{counts[status]:,} {status}" for status in BY_WEIGHT if counts[status])
    return f"… {len(groups):,} more rows, {counts.total():,} hosts: {said}\n"
