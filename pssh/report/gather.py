"""Blocks of equal output under the hosts that gave it, then the table of causes.

A block is worst first, as rows are. Hosts that printed nothing have no block; the table has them.
"""

from pssh.model.event import Event, RunEnded
from pssh.model.report import Report
from pssh.report import words
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
                count = f" ({len(group)})" if len(group) > 1 else ""
                status = paint(first.status, first.status, color=self._color)
                why = "" if first.ok else f"  {status}: {words.cause(first)}"
                names = words.hosts(result.host for result in group)
                self._screen.write(f"{words.RULE}\n{names}{count}{why}\n{words.RULE}\n{text}")
                any_block = True
        return any_block


class Auto:
    """A table when it can show every output whole, else blocks."""

    def __init__(self, table: Table, gather: Gather) -> None:
        self._table = table
        self._gather = gather

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            short = all(map(words.is_short, event.report.results))
            (self._table if short else self._gather).on(event)
