"""The line that tells on a terminal how far a run is, and a line for each host that went wrong, as it happens.

The line is written again at most ten times a second, and only when something is heard; it is gone before the report.
"""

from collections import Counter
from collections.abc import Callable

from pssh.model.event import Event, JobEnded, JobReady, JobStarted, Released, RunEnded, RunStarted, WaveStarted
from pssh.model.outcome import Result, Status
from pssh.model.report import BY_WEIGHT
from pssh.report import words
from pssh.report.grid import clip
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.style import paint

INTERVAL = 0.1
_LONGEST = 400  # columns of a line about one host
_UNEVENTFUL = ("ok", "cancelled", "not-run", "skipped")  # nothing went wrong there, or the person did it


class Live:
    """Shows progress while a run goes on."""

    def __init__(self, screen: Screen, *, width: int, color: bool, clock: Callable[[], float]) -> None:
        self._screen = screen
        self._width = width
        self._color = color
        self._clock = clock
        self._begun = self._drawn = 0.0
        self._total = 0
        self._wave = ""
        self._running: set[int] = set()
        self._ready: set[int] = set()  # at the barrier
        self._counts: Counter[Status] = Counter()

    def on(self, event: Event, /) -> None:
        match event:
            case RunStarted(run=run):
                self._total = len(run.hosts)
                self._begun = self._drawn = self._clock()
            case JobStarted(job_id=job_id):
                self._running.add(job_id)
                self._ready.discard(job_id)
            case JobReady(job_id=job_id):
                self._ready.add(job_id)
            case Released():
                self._ready.clear()
            case WaveStarted(number=number, of=of):
                self._wave = f"wave {number}/{of}"
            case JobEnded(result=result):
                self._running.discard(result.job_id)
                self._ready.discard(result.job_id)
                self._counts[result.status] += 1
                if result.status not in _UNEVENTFUL:
                    self._screen.say(self._about(result))
            case RunEnded():
                self._screen.progress("")
                return
            case _:
                pass
        now = self._clock()
        if now - self._drawn >= INTERVAL:
            self._drawn = now
            self._screen.progress(clip(self._line(now), max(self._width - 1, 1)))

    def _about(self, result: Result) -> str:
        status = paint(result.status, result.status, color=self._color)
        why = words.first_line(result) if result.failure else f"{words.cause(result)}: {words.first_line(result)}"
        return f"{safe(result.host)}  {status}  {clip(why.rstrip(': '), _LONGEST)}\n"

    def _line(self, now: float) -> str:
        done = self._counts.total()
        counts = [f"{status} {self._counts[status]}" for status in ("ok", *BY_WEIGHT[:-1]) if self._counts[status]]
        eta = (now - self._begun) / done * (self._total - done) if done else 0.0
        ready = f"ready {len(self._ready)}" if self._ready else ""
        running = f"running {len(self._running) - len(self._ready)}"
        parts = [f"{done}/{self._total}", self._wave, *counts, ready, running, f"eta {words.clock(eta)}" if eta else ""]
        return "  ".join(filter(None, parts))
