"""What ping shows: one row per host, one column per phase with its time, and the cause where one failed."""

from pssh.model.event import Event, RunEnded
from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.grid import GAP, clip, grid, width_of
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.style import paint

MOST_ROWS = 200
_READABLE = 24  # columns that the last one is given, however narrow the screen
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
    headers = ["HOST", "STATUS", *_RIGHT, "SERVER"]
    rows = [_row(result) for result in shown]
    room = _room(headers, rows, width) if width else 0
    for result, row in zip(shown, rows, strict=True):
        row[-1] = clip(row[-1], room) if room else row[-1]
        row[1] = paint(result.status, row[1], color=color)
    rest = f"… {len(results) - MOST_ROWS:,} more hosts\n" if len(results) > MOST_ROWS else ""
    return grid(headers, rows, right=_RIGHT) + rest


def _room(headers: list[str], rows: list[list[str]], width: int) -> int:
    """Return how many columns of the screen are left for the last one."""
    before = zip(headers[:-1], *(row[:-1] for row in rows), strict=True)
    taken = sum(GAP + max(len(header) + GAP, *map(width_of, cells)) for header, *cells in before) if rows else 0
    return max(width - taken, _READABLE)


def _row(result: Result) -> list[str]:
    total = _time(result.seconds.get("total", 0.0))
    return [safe(result.host), result.status, *_cells(result), total, words.cause(result) or safe(result.banner)]


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
