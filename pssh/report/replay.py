"""An earlier run on the screen once more: the reporters hear it from its report, and show what they showed then.

Times are those of then. Of what happened in between only the results are kept: a replay has no retries, waves or keys.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pssh.model.event import Event, JobEnded, JobSaid, RunEnded, RunStarted
from pssh.model.outcome import Result
from pssh.model.report import Report
from pssh.model.work import StreamName
from pssh.report.base import Reporter


class Then:
    """The clock of a replay."""

    def __init__(self, report: Report) -> None:
        self.now = report.run.started

    def __call__(self) -> float:
        return self.now


Printed = Callable[[Result], Iterable[tuple[StreamName, bytes]]]  # all that is kept of what a host printed, in pieces


def replay(report: Report, made: Callable[[Then], Sequence[Reporter]], *, printed: Printed | None = None) -> None:
    """Let the reporters that `made` returns hear the run; also what was `printed`, before each host's end."""
    then = Then(report)
    reporters = made(then)
    for event in _events(report, then, printed):
        for reporter in reporters:
            reporter.on(event)


def _events(report: Report, then: Then, printed: Printed | None) -> Iterator[Event]:
    run = report.run
    yield RunStarted(run)
    for result in sorted(report.results, key=lambda result: result.started + result.seconds.get("total", 0.0)):
        then.now = max(then.now, result.started + result.seconds.get("total", 0.0))
        for stream, data in printed(result) if printed else ():
            yield JobSaid(result.job_id, result.host, stream, data)
        yield JobEnded(result)
    then.now = run.started + report.seconds
    yield RunEnded(report)
