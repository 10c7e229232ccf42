"""Which jobs wait, which run where and which have ended: what the promises rest on, without any I/O or clock.

A job is handed out, may be heard to have begun, and ends once. What is heard of a job from anyone but the one who has
it in hand is not passed on. Only a job that was never heard to begin is handed out a second time, and then no more.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from pssh.engine import endings
from pssh.engine.pacing import Pacer
from pssh.engine.wire import FromLane
from pssh.model.event import Event, JobConnected, JobEnded, JobStarted
from pssh.model.outcome import Failure, Result
from pssh.model.rollout import Launch, Pace
from pssh.model.work import Job


class InHand:
    """A job that somebody has."""

    __slots__ = ("attempt", "begun", "job", "number", "since", "started", "who")

    def __init__(self, job: Job, attempt: int, who: Any, number: int, since: float, started: float) -> None:
        self.job, self.attempt = job, attempt
        self.who, self.number = who, number
        self.since, self.started = since, started
        self.begun = False

    def result(self, end: Failure, now: float) -> Result:
        """Return the result given in the place of whoever has the job."""
        return endings.result(
            self.job,
            end,
            begun=self.begun,
            started=self.started,
            seconds={"total": now - self.since},
            attempts=self.attempt,
            worker=self.number,
        )


class Ledger:
    """The jobs of one run; `now` is in seconds on one clock that only goes forward."""

    def __init__(self, jobs: Sequence[Job], parallel: int, pace: Pace | Launch | None = None) -> None:
        self.cause = ""  # once set, nothing more is handed out
        if len({job.id for job in jobs}) < len(jobs):
            raise ValueError("two jobs have the same id")
        self.left = len(jobs)  # jobs without a result
        self._jobs = iter(jobs)
        self._unseen = len(jobs)
        self._again: deque[tuple[Job, int]] = deque()
        self._parallel = parallel
        self._pacer = Pacer(pace) if pace else None
        self._origin: float | None = None
        self._in_hand: dict[int, InHand] = {}

    @property
    def waiting(self) -> int:
        """How many jobs nobody has."""
        return self._unseen + len(self._again)

    @property
    def busy(self) -> bool:
        """Whether anybody has a job in hand."""
        return bool(self._in_hand)

    def take(self, who: Any, number: int, now: float, started: float) -> tuple[InHand, JobStarted] | None:
        """Hand the next job to `who`, worker `number`; None if there is none, or not now."""
        if self.cause or not self.waiting:
            return None
        if len(self._in_hand) >= self._parallel:
            self.full()
            return None
        if self._origin is None:
            self._origin = now
        if self._pacer and not self._pacer.take(now - self._origin):
            return None
        job, attempt = self._next()
        taken = self._in_hand[job.id] = InHand(job, attempt, who, number, now, started)
        return taken, JobStarted(job.id, job.host, number, attempt)

    def _next(self) -> tuple[Job, int]:
        if self._again:
            return self._again.popleft()
        self._unseen -= 1
        return next(self._jobs), 1

    def full(self) -> None:
        """Say that every lane is taken: starts that the pace allows meanwhile are not saved up."""
        if self._pacer and self.waiting:
            self._pacer.full()

    def due(self, now: float) -> float | None:
        """Return in how many seconds the pace allows a start; None if it is not the pace that is waited for."""
        if not self._pacer or self.cause or not self.waiting or self._origin is None:
            return None
        return self._pacer.due(now - self._origin)

    def heard(self, who: Any, event: FromLane) -> Event | None:
        """Note what `who` says of a job and return what is passed on, if anything is."""
        found = self._in_hand.get(event.result.job_id if isinstance(event, JobEnded) else event.job_id)
        if found is None or found.who is not who:
            return None
        match event:
            case JobConnected():
                found.begun = True
            case JobEnded(result=result):
                del self._in_hand[found.job.id]
                self.left -= 1
                return JobEnded(replace(result, host=found.job.host, operation=found.job.operation.label))
        return event

    def fail(self, taken: InHand, failure: Failure, now: float) -> JobEnded:
        """End a job in hand in the place of whoever has it."""
        del self._in_hand[taken.job.id]
        self.left -= 1
        return JobEnded(taken.result(failure, now))

    def died(self, who: Any, reason: str, now: float, *, sure: bool = True) -> tuple[list[JobEnded], bool]:
        """Note that `who` is no more; return the ends of the jobs it cost, and whether it had begun any.

        Not `sure`: what it said last could not be read, so that any of its jobs may have begun.
        """
        ends, progress = [], False
        for taken in [taken for taken in self._in_hand.values() if taken.who is who]:
            taken.begun = taken.begun or not sure
            progress = progress or taken.begun
            if self.cause and not taken.begun:
                ends.append(self.fail(taken, endings.stopped(self.cause), now))
            elif taken.begun or taken.attempt > 1:
                ends.append(self.fail(taken, endings.died(reason), now))
            else:
                del self._in_hand[taken.job.id]
                self._again.append((taken.job, taken.attempt + 1))
        return ends, progress

    def abandon(self, now: float) -> list[JobEnded]:
        """End every job in hand: the stop's grace is over."""
        return [
            self.fail(
                taken, replace(endings.stopped(self.cause), remote_end="left running" if taken.begun else ""), now
            )
            for taken in list(self._in_hand.values())
        ]

    def rest(self, failure: Failure) -> Iterator[JobEnded]:
        """End every job that nobody has, one by one."""
        while self.waiting:
            job, attempt = self._next()
            self.left -= 1
            yield JobEnded(endings.result(job, failure, begun=False, attempts=attempt))
