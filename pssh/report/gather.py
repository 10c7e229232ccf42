"""Blocks of equal output behind a gutter, under the hosts that gave it, then the table of causes.

A block is worst first, as rows are. Hosts that printed nothing have no block; the table has them. Where blocks are
compared, the largest is shown whole, and the others by what differs from it.
"""

import sys

from pssh.model.event import Event, RunEnded
from pssh.model.report import Report, spoken_for
from pssh.report import words
from pssh.report.blocks import EXACT, Block, Compare, blocks, largest
from pssh.report.diff import MOST_DIFFS, drawn, unified
from pssh.report.grid import clip, width_of
from pssh.report.screen import Screen
from pssh.report.style import paint
from pssh.report.table import Table, cause_table


class Gather:
    """Shows blocks and the table of causes when the run has ended."""

    def __init__(
        self,
        screen: Screen,
        *,
        width: int = 0,
        rows: str = "result",
        color: bool = False,
        compare: Compare = EXACT,
    ) -> None:
        self._screen = screen
        self._width = width
        self._rows = rows
        self._color = color
        self._compare = compare

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            any_block = (self._diffs if self._compare.diff else self._blocks)(event.report)
            text = cause_table(event.report, width=self._width, rows=self._rows, color=self._color)
            self._screen.write(f"\n{text}" if any_block else text)

    def _blocks(self, report: Report) -> bool:
        """Write one block after the other, so that no more than one is held as text."""
        any_block = False
        for block in blocks(report, self._compare):
            if text := block.text:
                self._screen.write(f"{self._head(block)}{words.guttered(text, self._width)}")
                any_block = True
        return any_block

    def _diffs(self, report: Report) -> bool:
        """Write the largest block, then how each other one that has an answer differs."""
        found = blocks(report, self._compare)
        if not (base := largest(found)):
            return False
        text = base.text
        self._screen.write(f"{self._head(base)}{words.guttered(text, self._width)}")
        others = [block for block in found if block is not base and (block.first.reply or words.printed(block.first))]
        for block in others[:MOST_DIFFS]:
            lines = drawn(unified(text, block.text), width=self._width, color=self._color)
            self._screen.write(self._head(block) + ("".join(lines) or "no difference in the output\n"))
        if rest := others[MOST_DIFFS:]:
            hosts = sum(len(block.results) for block in rest)
            self._screen.write(f"{words.RULE}\n… {len(rest):,} more blocks, {words.count(hosts)}\n")
        return True

    def _head(self, block: Block) -> str:
        """Return the hosts of a block, and why they are not ok as far as the line has room for it, between rules."""
        first, number = block.first, len(block.results)
        who = words.hosts(result.host for result in block.results) + (f" ({number:,})" if number > 1 else "")
        if not first.ok:
            room = (self._width or sys.maxsize) - width_of(f"{who}  {first.status}: ")
            why = f": {clip(words.cause(spoken_for(block.results)), room)}" if room > 0 else ""
            who = f"{who}  {paint(first.status, first.status, color=self._color)}{why}"
        return f"{words.RULE}\n{who}\n{words.RULE}\n"


class Auto:
    """A table when it can show every output whole, else blocks."""

    def __init__(self, table: Table, gather: Gather) -> None:
        self._table = table
        self._gather = gather

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            short = all(map(words.is_short, event.report.results))
            (self._table if short else self._gather).on(event)
