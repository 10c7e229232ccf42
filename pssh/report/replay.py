"""An earlier run on the screen once more: the reporters hear it from its report, and show what they showed then.

Times are those of then. Of what happened in between only the results and their waves are kept: a replay has no
retries and no keys.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import inf

from msgspec.structs import replace

from pssh.model.event import Event, JobEnded, JobSaid, RunEnded, RunStarted, WaveEnded, WaveStarted
from pssh.model.outcome import Result
from pssh.model.report import Report
from pssh.model.work import StreamName
from pssh.report.base import Reporter
from pssh.report.staged import waves


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
    staged = {float(wave.number): wave for wave in waves(report) if wave.results} if _complete(report) else {}
    done: list[Result] = []
    for number, group in groupby(sorted(report.results, key=_order), _stage):
        if wave := staged.get(number):
            yield WaveStarted(wave.number, wave.of, wave.hosts)
        results = list(group)
        yield from _ends(results, then, printed)
        done += results
        if wave:
            yield WaveEnded(wave.number, wave.of, report=replace(report, results=tuple(done), seconds=wave.ended))
    then.now = run.started + report.seconds
    yield RunEnded(report)


def _complete(report: Report) -> bool:
    return len(report.results) == len(report.run.hosts)


def _stage(result: Result) -> float:
    """Return in which wave a host went; those that were not run come after them all."""
    return inf if result.status == "not-run" else result.wave


def _order(result: Result) -> tuple[float, float]:
    return _stage(result), result.started + result.seconds.get("total", 0.0)


def _ends(results: Iterable[Result], then: Then, printed: Printed | None) -> Iterator[Event]:
    for result in results:
        then.now = max(then.now, result.started + result.seconds.get("total", 0.0))
        for stream, data in printed(result) if printed else ():
            yield JobSaid(result.job_id, result.host, stream, data)
        yield JobEnded(result)
