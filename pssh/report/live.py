"""What tells on a terminal how far a run is, and a line for each of the first hosts that went wrong, as it happens.

A few lines, never one per host; written again at most eight times a second, and gone before the report. Each time the
terminal is asked how large it is. On a small one there is a single line, and so there is beside output that comes
line by line, where it is written again with each of them.

Why not rich: its import takes longer than a run of one host, and eight lines need four escape sequences.
"""

from collections.abc import Callable, Iterator

from pssh.model.event import Event, JobEnded, RunEnded, RunStarted
from pssh.model.outcome import Result, Status
from pssh.model.report import BY_WEIGHT
from pssh.report import words
from pssh.report.grid import clip, width_of
from pssh.report.progress import Progress
from pssh.report.safe import safe
from pssh.report.screen import Screen, Size
from pssh.report.style import paint

INTERVAL = 0.125
MOST_FAILURES = 20  # lines of hosts that went wrong
_LONGEST = 400  # columns of a line about one host
_UNEVENTFUL = ("ok", "cancelled", "not-run", "skipped")  # nothing went wrong there, or the person did it
_ORDER: tuple[Status, ...] = ("ok", *BY_WEIGHT[:-1])
_SLOW = 5.0  # seconds at work after which hosts are named
_SILENT = 30.0  # seconds without a sign of life
_BAR = 40  # columns at most
_NARROW, _LOW = 40, 8  # columns and rows of a terminal on which there is a single line
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


class Live:
    """Shows progress while a run goes on; `hears`: hosts are heard when they print, so that silence tells something."""

    def __init__(
        self,
        screen: Screen,
        *,
        color: bool,
        clock: Callable[[], float],
        hears: bool = False,
        slim: bool = False,
    ) -> None:
        self._screen = screen
        self._slim = slim
        self._color = color
        self._clock = clock
        self._hears = hears
        self._drawn = 0.0
        self._failures = 0
        self._height = 0  # lines shown so far: what is below does not jump
        self._progress = Progress()

    def on(self, event: Event, /) -> None:
        now = self._clock()
        self._progress.on(event, now)
        match event:
            case JobEnded(result=result) if result.status not in _UNEVENTFUL:
                self._tell(result)
            case RunStarted():
                self._drawn = now
            case RunEnded():
                self._screen.progress("")
                return
            case _:
                pass
        if now - self._drawn >= INTERVAL:
            self._drawn = now
            self._progress.look(now)
            self._draw(now)

    def _tell(self, result: Result) -> None:
        self._failures += 1
        if self._failures <= MOST_FAILURES:
            self._screen.say(self._about(result))
        elif self._failures == MOST_FAILURES + 1:
            self._screen.say("and more, which are only counted until the end\n")

    def _about(self, result: Result) -> str:
        status = paint(result.status, result.status, color=self._color)
        why = words.first_line(result) if result.failure else f"{words.cause(result)}: {words.first_line(result)}"
        head = f"{safe(result.host)}  {result.status}  "
        room = (self._screen.size()[0] or _LONGEST) - width_of(
            head
        )  # broken by the terminal, its rest could be taken for ours
        return f"{safe(result.host)}  {status}  {clip(why.rstrip(': '), max(min(room, _LONGEST), 1))}\n"

    def _draw(self, now: float) -> None:
        columns, rows = self._screen.size()
        size = columns, 1 if self._slim else rows
        lines = picture(self._progress, now, size, color=self._color, hears=self._hears)
        self._height = max(self._height, len(lines)) if len(lines) > 1 else 1
        self._screen.progress("\n".join([*lines, *[""] * (self._height - len(lines))]))


def picture(progress: Progress, now: float, size: Size, *, color: bool = False, hears: bool = False) -> list[str]:
    """Return the lines that show how far a run is, none of which reaches the last column."""
    columns, rows = size[0] or 80, size[1] or 24
    room = max(columns - 1, 1)
    counts = _counts(progress, now, room, color)
    if columns < _NARROW or rows < _LOW:
        return [counts]
    lines = [_bar(progress, room, color), counts, *_named("longest", progress.longest(now, _SLOW), room)]
    return [*lines, *_named("silent", progress.silent(now, _SILENT), room)] if hears else lines


def _counts(progress: Progress, now: float, room: int, color: bool) -> str:
    eta = progress.eta(now)
    counted = {f"{status} {progress.counts[status]}": status for status in _ORDER if progress.counts[status]}
    parts = [
        f"{progress.done}/{progress.total}",
        progress.wave,
        *counted,
        f"ready {len(progress.ready)}" if progress.ready else "",
        f"running {progress.running}",
        f"eta {words.clock(eta)}" if eta else "",
    ]
    parts = list(filter(None, parts))
    line = "  ".join(parts)
    if len(line) > room or not color:
        return clip(line, room)
    return "  ".join(paint(counted[part], part, color=True) if part in counted else part for part in parts)


def _bar(progress: Progress, room: int, color: bool) -> str:
    """Return a bar of what ended, good and bad, and how fast it goes, as far as there is room."""
    share = progress.done / progress.total if progress.total else 1.0
    hosts, data = progress.speed()
    said = [f"{int(share * 100):>3} %"]
    if hosts:
        said.append(f"{hosts:.1f}/s" if hosts < 10 else f"{hosts:,.0f}/s")
    if progress.moved:
        said.append(f"{size_of(progress.moved)} moved  {size_of(data)}/s")
    beside = "  ".join(said)
    wide = min(_BAR, room - len(beside) - 2)
    if wide < 10:
        return clip(beside.lstrip(), room)
    bad = progress.done - sum(progress.counts[status] for status in ("ok", "skipped"))
    full = int(wide * share)
    shown_bad = min(max(round(wide * bad / progress.total), 1), full) if bad and full else 0
    parts = [
        paint("ok", "█" * (full - shown_bad), color=color),
        paint("failed", "▓" * shown_bad, color=color),
        "░" * (wide - full),
    ]
    return f"{''.join(parts)}  {beside}"


def size_of(amount: float) -> str:
    """Return bytes in a unit that leaves at most three digits before the point."""
    for unit in _UNITS[:-1]:
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 99.5 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} {_UNITS[-1]}"


def _named(word: str, groups: Iterator[tuple[int, list[str]]], room: int) -> list[str]:
    """Return a line of hosts by their seconds, as many as it has room for; none if there are none."""
    line = f"{word:7}"
    for number, (second, names) in enumerate(groups):
        part = f"  {words.clock(second)} {words.hosts(names)}"
        if number and width_of(line) + width_of(part) > room - 2:
            return [clip(f"{line} …", room)]
        line += part
        if width_of(line) > room:
            return [clip(line, room)]
    return [line] if len(line) > 7 else []
