"""Who is at work: told when somebody asks, and when a run is stopped.

Those that take longest come first, in at most twenty lines. Only jobs in flight are kept, and the answer is made when
it is asked for.
"""

from collections.abc import Callable, Iterator

from pssh.model.event import Event, JobConnected, JobEnded, JobReady, JobStarted, RunStarted, StatusAsked, Stopping
from pssh.report import words
from pssh.report.grid import clip, wrap
from pssh.report.screen import Screen

_MOST_LINES = 20
_MOST_STOPPED = 10  # lines of the hosts that a stop meets at work
_STOPPED = {
    "interrupt": "stopping",
    "terminate": "stopping by SIGTERM",
    "hangup": "stopping by SIGHUP",
    "operator": "nothing more is started",
    "budget": "stopped by `--max-fail`",
    "canary": "stopped by `--canary`",
    "auth-brake": "stopped, because passwords were refused one after the other",
    "deadline": "stopped by a time limit",
    "window": "the window has closed: no new host starts",
    "halt": "stopped by `--halt now`",
}
_NEXT = {
    "interrupt": "Ctrl-C again reports at once",
    "terminate": "a second signal reports at once",
    "hangup": "a second signal reports at once",
    "operator": "they may finish; Ctrl-C ends them",
}


class Status:
    """Shows who is at work."""

    def __init__(self, screen: Screen, *, width: int, quiet: bool, clock: Callable[[], float]) -> None:
        self._screen = screen
        self._width = width
        self._quiet = quiet
        self._clock = clock
        self._total = self._ended = 0
        self._at_work: dict[int, tuple[float, str, str]] = {}  # since when, the phase, the host; oldest first

    def on(self, event: Event, /) -> None:
        match event:
            case RunStarted(run=run):
                self._total = len(run.hosts)
            case JobStarted(job_id=job_id, host=host):
                self._enter(job_id, host, "connecting")
            case JobReady(job_id=job_id, host=host):
                self._enter(job_id, host, "ready")
            case JobConnected(job_id=job_id, host=host):
                self._enter(job_id, host, "running")
            case JobEnded(result=result):
                self._at_work.pop(result.job_id, None)
                self._ended += 1
            case StatusAsked():
                self._screen.say("".join(self._status()))
            case Stopping() if not self._quiet:
                self._screen.say(self._stopping(event))
            case _:
                pass

    def _enter(self, job_id: int, host: str, phase: str) -> None:
        """Note a phase; how long a host takes counts from its first attempt on."""
        since = found[0] if (found := self._at_work.get(job_id)) else self._clock()
        self._at_work[job_id] = (since, phase, host)

    def _status(self) -> Iterator[str]:
        now = self._clock()
        yield f"{self._ended:,} of {words.count(self._total)} ended, {len(self._at_work):,} at work\n"
        groups: dict[tuple[str, str], list[str]] = {}
        for since, phase, host in self._at_work.values():
            groups.setdefault((words.clock(now - since), phase), []).append(host)
        for number, ((took, phase), names) in enumerate(groups.items()):
            if number == _MOST_LINES - 1 and len(groups) > _MOST_LINES:
                rest = sum(map(len, list(groups.values())[number:]))
                yield f"  … {words.count(rest)} more\n"
                return
            head = f"  {took:>5}  {phase:10}  "
            yield f"{head}{clip(words.hosts(names), max(self._width - len(head), 1))}\n"

    def _stopping(self, event: Stopping) -> str:
        if event.times > 2:
            return "pssh: leaving at once\n"
        if event.times > 1:
            return f"pssh: reporting at once, {words.count(len(self._at_work))} at work\n"
        said = _STOPPED.get(event.cause, "stopping")
        if not self._at_work:
            return f"pssh: {said}; no host is at work\n"
        names = wrap(words.hosts(host for _, _, host in self._at_work.values()), self._width - 2, _MOST_STOPPED)
        lines = [f"pssh: {said}; {words.count(len(self._at_work))} at work:", *names.split("\n")]
        lines += [_NEXT[event.cause]] if event.cause in _NEXT else []
        return "\n  ".join(lines) + "\n"
