"""What is known of a run while it goes on: who is at work, what has ended, how much was moved, and how fast.

Each event costs the same however many hosts there are; whoever looks pays for what is looked at. Those at work are
kept in the order of their starts, and those that print in the order in which they were last heard, so that the
longest and the most silent are found at the front.
"""

from collections import Counter, deque
from collections.abc import Iterator

from pssh.model.event import (
    Event,
    JobConnected,
    JobEnded,
    JobMoved,
    JobReady,
    JobSaid,
    JobStarted,
    Released,
    RunStarted,
    WaveStarted,
)
from pssh.model.outcome import Status

_WINDOW = 5.0  # seconds over which speeds are taken
_LONGEST = 200  # of those at work that are looked at for their times


class Progress:
    """Hears a run; times are seconds on the clock of whoever tells."""

    def __init__(self) -> None:
        self.total = 0
        self.wave = ""
        self.begun = 0.0
        self.moved = 0  # bytes of file content, of all hosts
        self.counts: Counter[Status] = Counter()
        self.ready: set[int] = set()  # at the barrier
        self._at_work: dict[int, tuple[float, str]] = {}  # since when, and the host; the longest first
        self._heard: dict[int, float] = {}  # when a running host was last heard; the most silent first
        self._parts: dict[int, int] = {}  # bytes moved by hosts at work
        self._samples: deque[tuple[float, int, int]] = deque()  # when, how many had ended, bytes moved

    def on(self, event: Event, now: float) -> None:
        match event:
            case RunStarted(run=run):
                self.total, self.begun = len(run.hosts), now
                self._samples.append((now, 0, 0))
            case JobStarted(job_id=job_id, host=host):
                self._at_work.setdefault(job_id, (now, host))
                self._heard.pop(job_id, None)
                self.ready.discard(job_id)
            case JobReady(job_id=job_id):
                self.ready.add(job_id)
            case JobConnected(job_id=job_id) | JobSaid(job_id=job_id):
                self._hear(job_id, now)
            case JobMoved(job_id=job_id, done=done):
                self.moved += done - self._parts.get(job_id, 0)
                self._parts[job_id] = done
                self._hear(job_id, now)
            case Released():
                self.ready.clear()
            case WaveStarted(number=number, of=of):
                self.wave = f"wave {number}/{of}"
            case JobEnded(result=result):
                self._at_work.pop(result.job_id, None)
                self._heard.pop(result.job_id, None)
                self._parts.pop(result.job_id, None)
                self.ready.discard(result.job_id)
                self.counts[result.status] += 1
            case _:
                pass

    def _hear(self, job_id: int, now: float) -> None:
        self._heard.pop(job_id, None)
        self._heard[job_id] = now  # at the end again

    @property
    def done(self) -> int:
        return self.counts.total()

    @property
    def running(self) -> int:
        """How many hosts are at work, those aside that wait at a barrier."""
        return len(self._at_work) - len(self.ready)

    def look(self, now: float) -> None:
        """Note how far the run is, for its speed."""
        self._samples.append((now, self.done, self.moved))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW:
            self._samples.popleft()

    def speed(self) -> tuple[float, float]:
        """Return how many hosts end and how many bytes move in a second, of late."""
        (then, done, moved), (now, done_now, moved_now) = self._samples[0], self._samples[-1]
        took = now - then
        return ((done_now - done) / took, (moved_now - moved) / took) if took > 0 else (0.0, 0.0)

    def eta(self, now: float) -> float:
        """Return how many seconds are left if it goes on as it went; 0 if that cannot be told."""
        return (now - self.begun) / self.done * (self.total - self.done) if self.done else 0.0

    def longest(self, now: float, least: float) -> Iterator[tuple[int, list[str]]]:
        """Yield hosts that have been at work for at least so long, by whole seconds, the longest first."""
        yield from _by_second(((now - since, host) for since, host in self._at_work.values()), least)

    def silent(self, now: float, least: float) -> Iterator[tuple[int, list[str]]]:
        """Yield hosts that have not been heard for at least so long, by whole seconds, the most silent first."""
        yield from _by_second(((now - when, self._at_work[job][1]) for job, when in self._heard.items()), least)


def _by_second(ages: Iterator[tuple[float, str]], least: float) -> Iterator[tuple[int, list[str]]]:
    """Yield hosts of the same whole second together; of very many only the first."""
    names: list[str] = []
    second = -1
    for number, (age, host) in enumerate(ages):
        if age < least or number == _LONGEST:
            break
        if int(age) != second and names:
            yield second, names
            names = []
        second = int(age)
        names.append(host)
    if names:
        yield second, names
