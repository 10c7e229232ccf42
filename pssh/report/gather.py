"""Blocks of equal output under the hosts that gave it, then the table of causes.

A block is worst first, as rows are. Hosts that printed nothing have no block; the table has them.
"""

import sys
from collections.abc import Sequence

from pssh.model.event import Event, RunEnded
from pssh.model.outcome import Result
from pssh.model.report import Report
from pssh.report import words
from pssh.report.grid import clip, width_of
from pssh.report.screen import Screen
from pssh.report.style import paint
from pssh.report.table import Table, cause_table


class Gather:
    """Shows blocks and the table of causes when the run has ended."""

    def __init__(self, screen: Screen, *, width: int = 0, rows: str = "result", color: bool = False) -> None:
        self._screen = screen
        self._width = width
        self._rows = rows
        self._color = color

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            any_block = self._blocks(event.report)
            text = cause_table(event.report, width=self._width, rows=self._rows, color=self._color)
            self._screen.write(f"\n{text}" if any_block else text)

    def _blocks(self, report: Report) -> bool:
        """Write one block after the other, so that no more than one is held as text."""
        any_block = False
        for group in report.groups():
            first = group[0]
            if text := words.block(first.end):
                self._screen.write(f"{words.RULE}\n{self._head(group)}\n{words.RULE}\n{text}")
                any_block = True
        return any_block

    def _head(self, group: Sequence[Result]) -> str:
        """Return the hosts of a block, and why they are not ok as far as the line has room for it."""
        first = group[0]
        who = words.hosts(result.host for result in group) + (f" ({len(group)})" if len(group) > 1 else "")
        if first.ok:
            return who
        room = (self._width or sys.maxsize) - width_of(f"{who}  {first.status}: ")
        why = f": {clip(words.cause(first), room)}" if room > 0 else ""
        return f"{who}  {paint(first.status, first.status, color=self._color)}{why}"


class Auto:
    """A table when it can show every output whole, else blocks."""

    def __init__(self, table: Table, gather: Gather) -> None:
        self._table = table
        self._gather = gather

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            short = all(map(words.is_short, event.report.results))
            (self._table if short else self._gather).on(event)
