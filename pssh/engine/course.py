"""What every engine does alike with one run: events in order, waves, limits, stops in two steps, nothing left behind.

An engine adds where jobs go: a `Course` of its own that begins jobs, cancels them, and ends what it started. What is
decided is decided in the ledger; here are the timers, and what follows from a decision.
"""

import asyncio
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence

from msgspec.structs import replace

from pssh.engine import endings
from pssh.engine.base import End, EngineOptions, GoOn, Hold, Order, Widen
from pssh.engine.clock import Clock
from pssh.engine.ledger import InHand, Ledger
from pssh.engine.mailbox import Mailbox
from pssh.history.spooled import Budget
from pssh.model.event import Event, JobEnded, JobReady
from pssh.model.outcome import Failure
from pssh.model.work import Job

_AFTER_GRACE = 0.8  # seconds for a KILL at the end of the grace time to be seen (0.5), and for results on their way
_OPERATOR = "operator"  # whoever steers the run


class Course(ABC):
    """One run from its first job to its last result; belongs to the running loop."""

    def __init__(self, jobs: Sequence[Job], options: EngineOptions, clock: Clock, parallel: int, most: int) -> None:
        """At first `parallel` jobs are in flight, and `most` after they were widened."""
        self.options, self.clock = options, clock
        self.ledger = Ledger(jobs, parallel, options.rollout)
        self.mail = Mailbox()
        self.hopeless: Failure | None = None  # nobody is left to take jobs
        self.loop = asyncio.get_running_loop()
        self.abandoned = False  # some jobs were still in hand when their time was over
        self._most = most
        self._grace = options.grace + max((job.limits.undo for job in jobs), default=0.0)
        tail = options.rollout.tail
        self._tail_from = tail.share.up(len(jobs)) if tail else len(jobs) + 1
        self._ruled = False  # what follows from a broken rule was done
        self._cancelling = False
        self._told = False  # to end, by whoever asked for the run
        self._waving = False  # a wave was begun
        self._asking = False  # the next wave waits to be told
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    @abstractmethod
    def begin(self) -> None:
        """Make ready whoever takes jobs, and hand out the first, now or as soon as there is somebody."""

    @abstractmethod
    def fill(self) -> None:
        """Hand out as many jobs as may go now."""

    @abstractmethod
    def cancel(self, *, running: bool) -> None:
        """Have every job in hand end, the second time without waiting for its host.

        Unless `running`, only those whose command has not begun on its host.
        """

    @abstractmethod
    def end_one(self, taken: InHand) -> None:
        """Have this job end, for `taken.why`."""

    @abstractmethod
    def release(self) -> None:
        """Let every job in hand pass the barrier."""

    @abstractmethod
    def listen(self) -> None:
        """Everything was taken from the mailbox."""

    @abstractmethod
    async def end(self) -> None:
        """Let nothing of the run remain, also if it was left before its end."""
        self.ledger.cause = self.ledger.cause or "closed"
        for timer in self._timers.values():
            timer.cancel()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what happens until every job has its result."""
        if self.options.input is not None:
            self.options.input.start(self.mail.put)
        if self.options.rollout.deadline:
            self.after(self.options.rollout.deadline, self._deadline)
        if self.options.rollout.window:
            self.after(self.options.rollout.window, self._close)
        if not self.ledger.cause:
            self._say_wave()
        self.begin()
        while True:
            event = self.mail.take()
            if event is not None:
                yield event
            elif not self.ledger.left:
                return
            elif self.ledger.waiting and (failure := self._why_not()):
                for end in self.ledger.rest(failure):
                    yield end
                self._follow()
            else:
                self.listen()
                await self.mail.wait()

    def _why_not(self) -> Failure | None:
        """Return why the waiting jobs will never begin, if so."""
        return endings.stopped(self.ledger.cause) if self.ledger.cause else self.hopeless

    def put(self, event: Event, size: int = 0) -> None:
        """Pass on what happened to a job, and do what follows for the run."""
        self.mail.put(event, size)
        if isinstance(event, JobReady) and self.ledger.cause:
            self._end_one(event.job_id, self.ledger.cause)  # it was preparing when the others were told, and would wait
        elif isinstance(event, JobEnded | JobReady):
            self._follow()

    def _follow(self) -> None:
        ledger, rollout = self.ledger, self.options.rollout
        if ledger.rule and not self._ruled:
            self._ruled = True
            self._finish(ledger.rule) if rollout.halt == "soon" else self._cancel(ledger.rule)
        if ledger.ended >= self._tail_from and rollout.tail:
            self._tail_from = ledger.left + ledger.ended + 1
            self.after(rollout.tail.seconds, self._tail)
        if ledger.gathered:
            self._release()
        if self._waving and (ended := ledger.close_wave()):
            more = bool(ledger.waiting) and not ledger.cause
            self._asking = rollout.ask and more
            self.mail.put(replace(ended, asks=self._asking))
            if more and not self._asking:
                self.after(rollout.pause, self._next_wave)

    def _next_wave(self) -> None:
        if not self.ledger.cause and self.ledger.open_wave():
            self._say_wave()
            self._follow()  # every host of it may have been ended before
            self.fill()

    def _say_wave(self) -> None:
        if wave := self.ledger.wave():
            self._waving = True
            self.mail.put(wave)

    def _release(self) -> None:
        released = self.ledger.release()
        if released.ready:
            self.mail.put(released)
            self.release()
        self.after(0, self.fill)  # what could not come to the barrier: of one word only one job did

    def stop(self, cause: str, finish: bool) -> None:
        """Begin nothing more, and unless what runs may `finish`, end it; at once, if that was asked before."""
        if finish:
            self._finish(cause)
        elif self._told:
            self._abandon()
        else:
            self._told = True
            self._cancel(cause)
        self.mail.wake()

    def _finish(self, cause: str) -> None:
        """Let what has begun on its host finish, and nothing else."""
        if not self._cancelling:
            self.ledger.cause = self.ledger.cause or cause
            self.cancel(running=False)
            self.mail.wake()

    def _cancel(self, cause: str) -> None:
        """End what runs within the grace time."""
        if not self._cancelling:
            self.ledger.cause = cause
            self._cancelling = True
            if self.options.input is not None:
                self.options.input.halt()
            self.after(self._grace + _AFTER_GRACE, self._abandon)
            self.cancel(running=True)
            self.mail.wake()

    def _deadline(self) -> None:
        self._cancel("deadline")

    def _close(self) -> None:
        self._finish("window")

    def _tail(self) -> None:
        self._cancel("tail")

    def steer(self, order: Order) -> None:
        """Do as ordered."""
        match order:
            case Hold():
                self.ledger.held = True
            case GoOn():
                self.ledger.held = False
                if self._asking:
                    self._asking = False
                    self._next_wave()
                self._follow()  # those at the barrier may have been ready since
            case Widen(by=by):
                self.widen(min(max(self.ledger.parallel + by, 1), self._most))
            case End(job_id=job_id):
                self._end_one(job_id, _OPERATOR)
        self.fill()

    def widen(self, parallel: int) -> None:
        """Have so many jobs in flight from now on; those above it that are in flight are left alone."""
        self.ledger.parallel = parallel

    def _end_one(self, job_id: int, cause: str) -> None:
        taken = self.ledger.having(job_id)
        if taken is not None:
            taken.why = taken.why or cause
            self.end_one(taken)
        elif end := self.ledger.drop(job_id, cause):
            self.put(end)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Do it then, and not at the time that was set before."""
        if do in self._timers:
            self._timers[do].cancel()
        self._timers[do] = self.loop.call_later(seconds, do)

    def _abandon(self) -> None:
        """Give the results here that did not come from there, and let what is left be dropped."""
        self.abandoned = self.abandoned or self.ledger.busy
        self.cancel(running=True)
        for event in self.ledger.abandon(self.loop.time()):
            self.put(event)


class OneRun(ABC):
    """The outside of an engine that has one run at a time."""

    def __init__(self, options: EngineOptions | None = None, clock: Clock | None = None) -> None:
        self.options, self.clock = options or EngineOptions(), clock or Clock()
        self._course: Course | None = None
        self._stops: list[tuple[str, bool]] = []

    @abstractmethod
    def course(self, jobs: Sequence[Job]) -> Course:
        """Return a new run of these jobs."""

    async def run(self, jobs: Sequence[Job]) -> AsyncGenerator[Event, None]:
        """Yield what happens until every job has ended; then nothing of it is left."""
        if self._course is not None:
            raise RuntimeError("the engine has a run under way")
        try:
            course = self._course = self.course(jobs)
        except BaseException:
            self._leave()
            raise
        try:
            for cause, finish in self._stops:
                course.stop(cause, finish)
            async for event in course.events():
                yield event
        finally:
            self._course = None
            self._stops.clear()
            await course.end()
            self._leave()

    def _leave(self) -> None:
        if self.options.input is not None:
            self.options.input.close()
        self.close()

    def mark_in(self, path: str) -> None:
        """Have each job marked in this file, at its number, before its command leaves."""
        self.options = dataclasses.replace(self.options, marks=path)

    def spool_in(self, budget: Budget) -> None:
        """Have what results do not hold kept there."""
        self.options = dataclasses.replace(self.options, spool=budget)

    def close(self) -> None:  # noqa: B027  most engines hold nothing between runs
        """Free what is held for the next run."""

    def stop(self, cause: str = "interrupt", *, finish: bool = False) -> None:
        """Start nothing more and end what runs within the grace time; a second call ends it at once."""
        if self._course is None:
            self._stops.append((cause, finish))
        else:
            self._course.stop(cause, finish)

    def steer(self, order: Order) -> None:
        """Change the run under way; without one nothing happens."""
        if self._course is not None:
            self._course.steer(order)
