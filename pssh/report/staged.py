"""The waves of a run as a report tells of them: which hosts went in each, how they did, and why none followed.

All is taken from the results, so that the waves of a run that was killed are told as far as they came.
"""

from collections import Counter

from msgspec import Struct

from pssh.model.outcome import Result, Status
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words


class Wave(Struct, frozen=True, kw_only=True):
    """One wave."""

    number: int
    of: int
    hosts: int  # how many were to go in it
    results: tuple[Result, ...]  # of those that did
    began: float  # seconds after the run did
    seconds: float
    why: str = ""  # no wave follows although one was to, or hosts of this one were not reached

    @property
    def counts(self) -> dict[Status, int]:
        seen = Counter(result.status for result in self.results)
        return {status: seen[status] for status in ("ok", *BY_WEIGHT[:-1]) if seen[status]}

    @property
    def ended(self) -> float:
        """When its last host had ended, in seconds after the run began."""
        return self.began + self.seconds

    @property
    def missed(self) -> int:
        """How many hosts of it were not reached."""
        return max(self.hosts - len(self.results), 0)


def waves(report: Report) -> list[Wave]:
    """Return the waves of a run, also those that did not begin; none if it went in one."""
    parts = report.waves
    reached = [[result for result in part if result.status != "not-run"] for part in parts]
    last = max((number for number, results in enumerate(reached, 1) if results), default=0)
    told = []
    for number, (part, results) in enumerate(zip(parts, reached, strict=True), 1):
        starts = [result.started for result in results if result.started]
        ends = [result.started + result.seconds.get("total", 0.0) for result in results if result.started]
        began = min(starts, default=report.run.started)
        wave = Wave(
            number=number,
            of=len(parts),
            hosts=len(part),
            results=tuple(results),
            began=max(began - report.run.started, 0.0),
            seconds=max(max(ends, default=began) - began, 0.0),
            why=_why(report) if number == last and (number < len(parts) or len(results) < len(part)) else "",
        )
        told.append(wave)
    return told


def told(wave: Wave) -> tuple[str, str, str]:
    """Return how the hosts of a wave did, when it began and how long it took."""
    missed = f"{wave.missed:,} not reached" if wave.missed else ""
    did = ", ".join(filter(None, [*(f"{number:,} {status}" for status, number in wave.counts.items()), missed]))
    return (did, words.clock(wave.began), words.seconds(wave.seconds)) if wave.results else (did, "", "")


def _why(report: Report) -> str:
    """Return why hosts were not reached: in the words of their rows, or the one word of the run."""
    ends = (result.failure for result in report.results if result.status == "not-run")
    return next((end.message for end in ends if end), report.stopped)
