"""Which jobs wait, which run where and which have ended: what the promises rest on, without any I/O or clock.

A job is handed out, may be heard to have begun, and ends once. What is heard of a job from anyone but the one who has
it in hand is not passed on. Only a job that was never heard to begin is handed out a second time, and then no more.

A rule that stops the run is looked at with every result, so that nothing is handed out after the result that breaks it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from pssh.engine import endings
from pssh.engine.pacing import Pacer
from pssh.engine.rules import Rules
from pssh.engine.waiting import Waiting
from pssh.engine.wire import FromLane
from pssh.model.event import (
    Event,
    JobConnected,
    JobEnded,
    JobReady,
    JobStarted,
    Released,
    StepEnded,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Failure, Result, StepResult
from pssh.model.rollout import Rollout
from pssh.model.work import Job


class InHand:
    """A job that somebody has."""

    __slots__ = ("attempt", "begun", "job", "number", "ready", "since", "started", "steps", "who", "why")

    def __init__(self, job: Job, attempt: int, who: Any, number: int, since: float, started: float) -> None:
        self.job, self.attempt = job, attempt
        self.who, self.number = who, number
        self.since, self.started = since, started
        self.begun = False
        self.ready = False  # behind the barrier
        self.why = ""  # it was told to end, apart from the run
        self.steps: list[StepResult] = []

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

    def __init__(self, jobs: Sequence[Job], parallel: int, rollout: Rollout | None = None) -> None:
        """The first wave is open."""
        if len({job.id for job in jobs}) < len(jobs):
            raise ValueError("two jobs have the same id")
        rollout = rollout or Rollout()
        self.cause = ""  # once set, nothing more is handed out
        self.rule = ""  # the rule that set it
        self.held = False  # nothing is handed out for now
        self.parallel = parallel
        self.left = self._total = len(jobs)  # jobs without a result
        self.ended = 0  # those that came to a result before the run was given up
        self.gathering = rollout.barrier  # nobody was released yet
        self._rules = Rules(rollout, jobs)
        self._waiting = Waiting(jobs)
        self._waves = rollout.sizes(len(jobs))
        numbers = rollout.numbers(len(jobs))
        self._wave_of = {job.id: number for job, number in zip(jobs, numbers, strict=True)} if numbers else {}
        self._wave = 0  # how many were opened
        self._closed = 0
        self._pacer = Pacer(rollout.pace) if rollout.pace else None
        self._origin: float | None = None
        self._in_hand: dict[int, InHand] = {}
        self._ready = 0  # of those in hand
        self.open_wave()

    @property
    def waiting(self) -> int:
        """How many jobs nobody has."""
        return self._waiting.count

    @property
    def busy(self) -> bool:
        """Whether anybody has a job in hand."""
        return bool(self._in_hand)

    def having(self, job_id: int) -> InHand | None:
        """Return that job if somebody has it."""
        return self._in_hand.get(job_id)

    def take(self, who: Any, number: int, now: float, started: float) -> tuple[InHand, JobStarted] | None:
        """Hand the next job to `who`, worker `number`; None if there is none, or not now."""
        if not self._may():
            self.full()
            return None
        if self._origin is None:
            self._origin = now
        if self._pacer and not self._pacer.take(now - self._origin):
            return None
        job, attempt = self._waiting.take()
        taken = self._in_hand[job.id] = InHand(job, attempt, who, number, now, started)
        return taken, JobStarted(job.id, job.host, number, attempt, self._wave_of.get(job.id, 0))

    def _may(self) -> bool:
        return (
            not self.cause
            and not self.held
            and len(self._in_hand) < self.parallel
            and self._waiting.first() is not None
        )

    def full(self) -> None:
        """Say that nothing can be begun: starts that the pace allows meanwhile are not saved up."""
        if self._pacer and self.waiting:
            self._pacer.full()

    def due(self, now: float) -> float | None:
        """Return in how many seconds the pace allows a start; None if it is not the pace that is waited for."""
        if not self._pacer or self._origin is None or not self._may():
            return None
        return self._pacer.due(now - self._origin)

    def heard(self, who: Any, event: FromLane) -> Event | None:
        """Note what `who` says of a job and return what is passed on, if anything is."""
        found = self._in_hand.get(event.result.job_id if isinstance(event, JobEnded) else event.job_id)
        if found is None or found.who is not who:
            return None
        match event:
            case JobReady():
                self._mark(found, True)
                self._rules.logged_in(found.job)
            case JobStarted(job_id=job_id):
                self._mark(found, False)
                return replace(event, wave=self._wave_of.get(job_id, 0))
            case StepEnded(step=step):
                found.steps.append(step)
            case JobConnected(login=login):
                found.begun = True
                if login and not found.job.connection.speculate:  # else nobody has answered the login yet
                    self._rules.logged_in(found.job)
            case JobEnded(result=result):
                return self._end(found, replace(result, host=found.job.host, operation=found.job.operation.label))
        return event

    def fail(self, taken: InHand, failure: Failure, now: float) -> JobEnded:
        """End a job in hand in the place of whoever has it."""
        return self._end(taken, taken.result(failure, now), cut=taken.begun)

    def died(self, who: Any, reason: str, now: float, *, sure: bool = True) -> tuple[list[JobEnded], bool]:
        """Note that `who` is no more; return the ends of the jobs it cost, and whether it had begun any.

        Not `sure`: what it said last could not be read, so that any of its jobs may have begun.
        """
        ends, back, progress = [], [], False
        for taken in [taken for taken in self._in_hand.values() if taken.who is who]:
            taken.begun = taken.begun or not sure
            progress = progress or taken.begun
            why = taken.why or self.cause
            if why and not taken.begun:
                ends.append(self.fail(taken, endings.stopped(why), now))
            elif taken.begun or taken.attempt > 1:
                ends.append(self.fail(taken, endings.died(reason), now))
            else:
                back.append(taken)
        for taken in reversed(back):  # so that they stand in their order
            self._leave(taken)
            self._waiting.give_back(taken.job, taken.attempt + 1)
        return ends, progress

    def drop(self, job_id: int, cause: str) -> JobEnded | None:
        """End a job that nobody has; None if somebody has it, or it has ended."""
        entry = self._waiting.drop(job_id)
        if entry is None:
            return None
        job, attempt = entry
        return self._count(job, endings.result(job, endings.stopped(cause), begun=False, attempts=attempt))

    def abandon(self, now: float) -> list[JobEnded]:
        """End every job in hand: the stop's grace is over."""
        ends = []
        for taken in list(self._in_hand.values()):
            failure = endings.stopped(self.cause, taken.begun)
            ends.append(self.fail(taken, replace(failure, remote_end="left running" if taken.begun else ""), now))
        return ends

    def rest(self, failure: Failure) -> Iterator[JobEnded]:
        """End every job that nobody has, one by one."""
        while self.waiting:
            job, attempt = self._waiting.any()
            self.left -= 1
            yield self._judged(job, endings.result(job, failure, begun=False, attempts=attempt))

    def _end(self, taken: InHand, result: Result, *, cut: bool = False) -> JobEnded:
        """End a job; `cut`: in the place of whoever had it, and had begun it."""
        steps = taken.steps
        if owed := getattr(taken.job.operation, "owed", None):
            steps = [*steps, *owed(steps, cut=cut, cause=result.end.cause)]
        if steps:
            state = "finished" if result.state == "not-started" else result.state  # what did not start is a later step
            result = replace(result, steps=tuple(steps), state=state)
        self._leave(taken)
        self._waiting.ended(taken.job)
        return self._count(taken.job, result)

    def _leave(self, taken: InHand) -> None:
        self._mark(taken, False)
        del self._in_hand[taken.job.id]

    def _count(self, job: Job, result: Result) -> JobEnded:
        self.left -= 1
        self.ended += 1
        return self._judged(job, result)

    def _judged(self, job: Job, result: Result) -> JobEnded:
        if not self.cause:
            self.cause = self.rule = self._rules.broken(job, result)
        wave = self._wave_of.get(job.id, 0)
        return JobEnded(result if wave == result.wave else replace(result, wave=wave))

    def _mark(self, taken: InHand, ready: bool) -> None:
        self._ready += ready - taken.ready
        taken.ready = ready

    @property
    def gathered(self) -> bool:
        """Whether all behind the barrier are ready, nobody else can come to it, and none is held back."""
        return (
            self.gathering
            and not self.cause
            and not self.held
            and self._ready == len(self._in_hand)
            and self._waiting.first() is None  # what waits for a word of those who are ready cannot come
        )

    def release(self) -> Released:
        """Let everybody pass the barrier, now and from now on."""
        self.gathering = False
        return Released(ready=self._ready, missing=self._total - self.left)

    def wave(self) -> WaveStarted | None:
        """Return what is to be said of the wave that was opened last; None if all hosts are one wave."""
        if len(self._waves) < 2:
            return None
        return WaveStarted(self._wave, len(self._waves), self._waves[self._wave - 1])

    def open_wave(self) -> bool:
        """Let the hosts of the next wave go too; false if there is none."""
        if self._wave == len(self._waves):
            return False
        self._waiting.open(self._waves[self._wave])
        self._wave += 1
        return True

    def close_wave(self) -> WaveEnded | None:
        """Return once that the hosts of a wave have all ended; None if they have not, or all hosts are one wave."""
        if self._closed == self._wave or self._in_hand or self._waiting.here or len(self._waves) < 2:
            return None
        self._closed = self._wave
        return WaveEnded(self._wave, len(self._waves))
