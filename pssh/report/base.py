"""Who hears a run, and which of ours a display asks for.

A reporter hears every event in the main process, one at a time. It keeps no copies: what it shows at the end it takes
from the report. An `OSError` of stdout leaves `on`; the caller decides what it means for the run. What few displays
ask for is imported when one does: each run waits for these imports before its first host.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from pssh.model.event import Event
from pssh.model.options import Format
from pssh.report.blocks import EXACT, Compare
from pssh.report.folders import Folders, Room
from pssh.report.forms import FORMS, Whole, saved
from pssh.report.gather import Auto, Gather
from pssh.report.lines import Lines
from pssh.report.screen import Screen
from pssh.report.status import Status
from pssh.report.summary import Notices, Summary
from pssh.report.table import Table
from pssh.report.waves import Waves

Rows = Literal["result", "host"]


class Reporter(Protocol):
    """Who hears what happens in a run."""

    def on(self, event: Event, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Display:
    """How a run is to be shown, every question about the terminal settled."""

    format: Format = "auto"
    rows: Rows = "result"
    quiet: bool = False  # neither progress nor the last lines
    color: bool = False
    width: int = 80  # columns of stdout; 0: as wide as it gets
    err_width: int | None = None  # columns of stderr; None: those of stdout
    err_color: bool | None = None  # None: as stdout
    live: bool = False  # stderr is a terminal
    labels: bool = True  # of the format `lines`
    gathered: bool = False  # after `lines`, the blocks of `gather` too
    compare: Compare = EXACT  # of the blocks of `gather`
    output: bool = False  # among the events of `ndjson`
    outdir: str = ""  # the folder of a file for each host; empty: none
    errdir: str = ""
    append: bool = False  # to files that are there
    most: int = 0  # bytes of one host that they keep; 0: all
    most_run: int = 0  # of all hosts together
    saved: tuple[Path, ...] = ()  # further reports, each in the form that its suffix says

    @property
    def says(self) -> bool:
        """Whether output is wanted while it comes."""
        return bool(self.format == "lines" or self.output or self.outdir or self.errdir)

    @property
    def beside(self) -> int:
        """Columns of what goes to stderr; 0: as wide as it gets."""
        return self.width if self.err_width is None else self.err_width

    @property
    def color_beside(self) -> bool:
        """Whether what goes to stderr is coloured."""
        return self.color if self.err_color is None else self.err_color


def reporters(
    display: Display,
    screen: Screen,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    shows: Callable[[Screen], Reporter] | None = None,
) -> list[Reporter]:
    """Return the reporters of a display, in the order in which they hear; `clock` for intervals, `now` for times.

    `shows` makes the reporter that writes stdout, where it is none of the known formats. Raises UsageError for a file
    or folder that cannot be written.
    """
    width = display.beside or 80
    status = Status(screen, width=width, quiet=display.quiet, clock=clock)
    made: list[Reporter] = [Notices(screen), status, Waves(screen, quiet=display.quiet)]
    if display.live and not display.quiet:
        from pssh.report.live import Live

        slim = display.format == "lines"
        made.append(Live(screen, color=display.color_beside, clock=clock, hears=display.says, slim=slim))
    made.extend([shows(screen)] if shows else _results(display, screen, clock, now))
    if display.outdir or display.errdir:
        room = Room(display.most, display.most_run)
        made.append(Folders(display.outdir, display.errdir, append=display.append, room=room, say=screen.say))
    made.extend(saved(path, now, output=display.output) for path in display.saved)
    if not display.quiet:
        made.append(Summary(screen))
    return made


def _results(display: Display, screen: Screen, clock: Callable[[], float], now: Callable[[], float]) -> list[Reporter]:
    width, rows, color = display.width, display.rows, display.color
    table = Table(screen, width=width, rows=rows, color=color)
    gather = Gather(screen, width=width, rows=rows, color=color, compare=display.compare)
    match display.format:
        case "auto":
            return [Auto(table, gather)]
        case "table":
            return [table]
        case "gather":
            return [gather]
        case "json":
            from pssh.report.jsonout import Json

            return [Json(screen)]
        case "ndjson":
            from pssh.report.jsonout import NdJson

            return [NdJson(screen, now=now, output=display.output)]
        case "csv":
            return [Whole(screen, FORMS[".csv"])]
        case "md":
            from pssh.report import markdown

            return [Whole(screen, partial(markdown.render, rows=rows))]
        case "junit":
            return [Whole(screen, FORMS[".xml"])]
        case "lines":
            lines = Lines(screen, clock=clock, labels=display.labels, width=width)
            if display.gathered:
                return [lines, gather]
            if display.quiet:
                return [lines]
            beside = Table(screen, width=display.beside, rows=rows, color=display.color_beside, causes=True)
            return [lines, beside]
