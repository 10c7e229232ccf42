"""What every engine does alike with one run: events in order, stops in two steps, nothing left behind.

An engine adds where jobs go: a `Course` of its own that begins jobs, cancels them, and ends what it started.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence

from pssh.engine import endings
from pssh.engine.base import EngineOptions, Order
from pssh.engine.clock import Clock
from pssh.engine.ledger import Ledger
from pssh.engine.mailbox import Mailbox
from pssh.model.event import Event
from pssh.model.outcome import Failure
from pssh.model.work import Job

_AFTER_GRACE = 0.8  # seconds for a KILL at the end of the grace time to be seen (0.5), and for results on their way


class Course(ABC):
    """One run from its first job to its last result; belongs to the running loop."""

    def __init__(self, jobs: Sequence[Job], options: EngineOptions, clock: Clock, parallel: int) -> None:
        self.options, self.clock = options, clock
        self.ledger = Ledger(jobs, parallel, options.rollout.pace)
        self.mail = Mailbox()
        self.hopeless: Failure | None = None  # nobody is left to take jobs
        self.loop = asyncio.get_running_loop()
        self.abandoned = False  # some jobs were still in hand when their time was over
        self._cancelling = False
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    @abstractmethod
    def begin(self) -> None:
        """Hand out the first jobs, now or as soon as there is somebody to take them."""

    @abstractmethod
    def cancel(self) -> None:
        """Have every job in hand end; the second time without waiting for its host."""

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
            else:
                self.listen()
                await self.mail.wait()

    def _why_not(self) -> Failure | None:
        """Return why the waiting jobs will never begin, if so."""
        return endings.stopped(self.ledger.cause) if self.ledger.cause else self.hopeless

    def stop(self, cause: str, finish: bool) -> None:
        """Begin nothing more, and unless what runs may `finish`, end it; at once, if that was asked before."""
        if self._cancelling:
            self._abandon()
        elif finish:
            self.ledger.cause = self.ledger.cause or cause
        else:
            self.ledger.cause = cause
            self._cancelling = True
            self.after(self.options.grace + _AFTER_GRACE, self._abandon)
            self.cancel()
        self.mail.wake()

    def steer(self, order: Order) -> None:  # noqa: B027
        """Do as ordered."""

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Do it then, and not at the time that was set before."""
        if do in self._timers:
            self._timers[do].cancel()
        self._timers[do] = self.loop.call_later(seconds, do)

    def _abandon(self) -> None:
        """Give the results here that did not come from there, and let what is left be dropped."""
        self.abandoned = self.abandoned or self.ledger.busy
        self.cancel()
        for event in self.ledger.abandon(self.loop.time()):
            self.mail.put(event)


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
        course = self._course = self.course(jobs)
        try:
            for cause, finish in self._stops:
                course.stop(cause, finish)
            async for event in course.events():
                yield event
        finally:
            self._course = None
            self._stops.clear()
            await course.end()
            self.close()

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
