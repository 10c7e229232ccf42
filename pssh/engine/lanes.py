"""One job in flight: open a session, perform the operation, and say how it ended; always in exactly one result.

A lane is the session's listener. A job is tried again only while nothing can have run on the host, and only after what
a busy or starting host does: refuse, reset, close before login, throttle. Never after a refused login or host key.
Where the limits say so, a command that answered with no success is tried again on the same session.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from pssh import plugins
from pssh.engine import endings
from pssh.engine.clock import Clock
from pssh.engine.given import Given
from pssh.engine.watched import Watched
from pssh.engine.wire import PIECE, FromLane
from pssh.history.spooled import Spool, Spooled
from pssh.model.event import (
    HostKeyLearned,
    JobConnected,
    JobMoved,
    JobReady,
    JobSaid,
    JobStarted,
    StepEnded,
)
from pssh.model.outcome import Failure, Reply, Result, StepResult
from pssh.model.secret import Secret
from pssh.model.work import NO_INPUT, Input, Job, JobSession, Session, StreamName, Transport, TransportError

_TRIED_AGAIN_STAGES = {"connect", "banner", "kex"}
_TRIED_AGAIN_KINDS = {"refused", "reset", "closed", "throttled"}
_LEAVING = 1.0  # seconds for a command that was killed to be seen ending, and for what an operation cleans up
_BACK_OFF = 0.5  # seconds before the first new try at most; twice that before the next
_LONGEST = 30.0  # seconds before any new try
_MOVES = 0.25  # seconds between two words on how far a job's content has come

# What importing or making a transport raises where a library is missing, or not the one that it was written for.
NO_LOCAL = Failure(stage="local", kind="transport", message="there is no way to run commands on this machine")
UNUSABLE = (ImportError, KeyError, AttributeError, OSError, RuntimeError, TypeError, ValueError)


class Outlet(Protocol):
    """Where a lane's events go."""

    def tell(self, event: FromLane) -> None: ...

    def tell_now(self, event: FromLane) -> None:
        """Return once the parent will hear of it even if this process dies."""

    def tell_then(self, event: FromLane, call: Callable[[], None]) -> None:
        """Call once the parent will hear of it even if this process dies; meanwhile nothing is held up."""

    def room(self) -> Awaitable[None] | None:
        """Return something to await before saying more."""


class Lane:
    """Runs one job, once."""

    def __init__(
        self,
        job: Job,
        outlet: Outlet,
        clock: Clock,
        *,
        attempt: int = 1,
        worker: int = -1,
        barrier: bool = False,
        input: Given | None = None,
        here: Callable[[], Transport | Failure] | None = None,
        spool: Spool | None = None,
    ) -> None:
        """`barrier`: the first command waits for `release`. `here`: how this machine is reached, for jobs that ask.

        `spool`: where what the job's result does not hold is kept.
        """
        if barrier and job.connection.speculate:  # that would send the command before anybody is asked
            job = replace(job, connection=replace(job.connection, speculate=False))
        if spool is not None:
            job = replace(job, limits=replace(job.limits, spool=True))
        self.job = job
        self._spooled = Spooled(spool, job.id) if spool is not None else None
        self.begun = False  # the command may have run
        self._place = input.place(self._interrupt) if input is not None else None
        self.input: Input = self._place or NO_INPUT
        self._outlet, self._clock, self._here = outlet, clock, here
        self._attempt, self._worker = attempt, worker
        self._barrier = barrier
        self._go: Callable[[], None] | None = None  # begins the command that waits
        self._told = False  # that it has begun
        self._said = 0  # bytes that the host has printed
        self._tried = 0
        self._resting = False  # between two tries
        self._last = False  # no new try
        self._session: Watched | None = None
        self._reply: Reply | None = None
        self._why: Failure | None = None  # what ends the job from our side
        self._stopped = False
        self._cutting: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Result] | None = None
        self._since, self._started = clock.now(), clock.wall()
        self._moved, self._next_move = (0, 0), 0.0

    def ready(self, go: Callable[[], None], *, login: bool = True) -> None:
        if self._barrier:
            self._go = go
            self._outlet.tell(JobReady(self.job.id, self.job.host))
        else:
            self._tell_and(go, login=login)

    def release(self) -> None:
        """Let the command begin that waits behind the barrier, and none wait there from now on."""
        self._barrier = False
        if self._go is not None:
            self._tell_and(self._go)

    def _tell_and(self, go: Callable[[], None], *, login: bool = True) -> None:
        """Let a command begin as soon as the parent will hear of it, however slowly it listens."""
        if self._told:
            self._requested()
            go()
        else:
            self._told = True
            self._go = go
            self._outlet.tell_then(JobConnected(self.job.id, self.job.host, login), self._begin)

    def _begin(self) -> None:
        if self._go is not None:  # else the job has been ended
            go, self._go = self._go, None
            self._requested()
            go()

    def _requested(self) -> None:
        self.begun = True
        if self._session is not None:
            self._session.requested = True

    def connected(self, *, login: bool = True) -> None:
        self._requested()
        if not self._told and not self._barrier:  # what is behind the barrier may still begin elsewhere
            self._told = True
            self._outlet.tell_now(JobConnected(self.job.id, self.job.host, login))

    def said(self, stream: StreamName, data: bytes) -> Awaitable[None] | None:
        most = self.job.limits.output
        self._said += len(data)
        if self._spooled is not None:
            self._spooled.take(stream, data)
        if most and self._said - len(data) <= most < self._said:  # not from within what a session is doing
            asyncio.get_running_loop().call_soon(self._interrupt, endings.too_much(most))
        if not self.job.limits.say:
            return None
        for at in range(0, len(data), PIECE):
            self._outlet.tell(JobSaid(self.job.id, self.job.host, stream, bytes(data[at : at + PIECE])))
        return self._outlet.room()

    def step(self, result: StepResult) -> None:
        if self._spooled is not None and not result.undo:
            if result.status in ("ok", "skipped"):
                self._spooled.again()
            else:
                self._spooled.hold()  # it is what the job ends by
        self._outlet.tell(StepEnded(self.job.id, self.job.host, result))

    def learned(self, line: str) -> None:
        file = self.job.connection.known_hosts[0] if self.job.connection.known_hosts else ""
        self._outlet.tell(HostKeyLearned(self.job.id, self.job.host, file, line))

    def moved(self, done: int, total: int) -> None:
        now, where = self._clock.now(), (done, total)
        if where != self._moved and (now >= self._next_move or done == total):
            self._moved, self._next_move = where, now + _MOVES
            self._outlet.tell(JobMoved(self.job.id, self.job.host, done, total))

    def stop(self, cause: str, *, running: bool = True) -> None:
        """End the job; its result says so, unless the host has answered. The second time no host is waited for.

        Unless `running`, a command that has begun on its host may finish there, and this does not count as a time.
        """
        self._last = True
        if not running and self.begun and self._go is None and not self._resting:
            return
        if running:
            if self._stopped and self._task is not None:
                self._task.cancel()
            self._stopped = True
        self._interrupt(endings.stopped(cause, self.begun and self._go is None))

    async def run(self, transport: Transport) -> Result:
        """Return the job's result; raises nothing."""
        loop, seconds = asyncio.get_running_loop(), self.job.limits.host
        self._task = asyncio.current_task()
        limit = loop.call_later(seconds, self._late) if seconds else None
        try:
            return self.result(self._why or await self._outcome(transport))
        except (Exception, SystemExit) as error:  # noqa: BLE001  a bug in one operation must cost one row, not the run
            return self.result(endings.bug(error))
        finally:
            for timer in (limit, self._cutting):
                if timer is not None:
                    timer.cancel()
            if self._place is not None:
                self._place.close()
            self._session = self._task = self._reply = None  # a session knows its listener: no collector is waited for

    def _late(self) -> None:
        self._interrupt(endings.late(self.job.limits.host, self.begun))

    def _interrupt(self, why: Failure) -> None:
        """End the command on the host if there is one, else whatever we do here."""
        if self._why is not None or self._task is None:
            self._why = self._why or why
            return
        self._why = why
        if self._go is not None:  # of what prepares the command nothing counts
            self._go, self.begun = None, False
        seconds = self.job.limits.kill_after + _LEAVING + self.job.limits.undo
        self._cutting = asyncio.get_running_loop().call_later(seconds, self._task.cancel)
        session = self._session
        if session is not None and session.sparing:
            session.spare(why)
            return
        if self.begun and session is not None and session.busy:
            session.halt(why)
            return
        if session is not None:
            session.drop(why)
        self._task.cancel()

    def result(self, end: Reply | Failure) -> Result:
        """Return the result of this job with that end."""
        session = self._session
        if self._spooled is not None:
            end = self._spooled.end(end)
        return endings.result(
            self.job,
            end,
            begun=self.begun,
            started=self._started,
            seconds={**(session.seconds if session else {}), "total": self._clock.now() - self._since},
            attempts=self._attempt,
            worker=self._worker,
            banner=session.banner if session else "",
            label=False,
        )

    async def _outcome(self, transport: Transport) -> Reply | Failure:
        try:
            end = await self._tries(transport)
        except asyncio.CancelledError:
            if self._why is None:
                raise RuntimeError("cancelled, but not by us") from None
            end = self._why
            if self.begun and self._session is not None:
                end = replace(end, remote_end=self._session.left)
        if self._reply is None:
            # What a transport says of a login that we cut short is not how the job ended.
            return end if self._why is None or self.begun else self._why
        # The host had answered: what went wrong after that does not change how the job ended.
        note = self._reply.note or (end.words if isinstance(end, Failure) else "")
        return self._reply if note == self._reply.note else replace(self._reply, note=note)

    async def _tries(self, transport: Transport) -> Reply | Failure:
        while True:
            end = await self._once(transport)
            if not isinstance(end, Failure) or not self._again(end):
                return end
            await self._rest()

    async def _once(self, transport: Transport) -> Reply | Failure:
        job = self.job
        try:
            async with AsyncExitStack() as opened:
                session = await opened.enter_async_context(transport.open(job.host, job.connection, job.limits, self))
                self._session = Watched(session, partial(self._beside, opened), self.step)
                return await self._answer(self._session)
        except TransportError as error:
            _forget(error)
            return error.failure

    async def _beside(self, opened: AsyncExitStack) -> Session:
        """Return a session of this machine, closed with the host's own."""
        transport = self._here() if self._here is not None else NO_LOCAL
        if isinstance(transport, Failure):
            raise TransportError(transport)
        there = transport.open(self.job.host, self.job.connection, self.job.limits, _Here(self))
        return await opened.enter_async_context(there)

    async def _answer(self, session: JobSession) -> Reply:
        """Return the host's answer, or the last of them."""
        operation, limits = self.job.operation, self.job.limits
        while True:
            reply = await operation.perform(session)
            if not isinstance(reply, Reply):
                raise TypeError(f"`{type(operation).__name__}` gave a {type(reply).__name__}, not a Reply")
            self._reply = reply
            if not limits.retry_exit or reply.exit_code in limits.ok or not self._may_try():
                return reply
            await self._rest()
            self._reply = None

    def _again(self, end: Failure) -> bool:
        return (
            not self.begun and end.stage in _TRIED_AGAIN_STAGES and end.kind in _TRIED_AGAIN_KINDS and self._may_try()
        )

    def _may_try(self) -> bool:
        return self._tried < self.job.limits.retries and self._why is None and not self._last

    async def _rest(self) -> None:
        """Wait before a new try, a random part of a time that doubles, so that hosts do not come back together."""
        self._resting = True
        await self._clock.sleep(min(_BACK_OFF * 2**self._tried, _LONGEST) * self._clock.random())
        self._resting = False
        self._tried += 1
        self._attempt += 1
        self._said = 0
        if self._spooled is not None:
            self._spooled.again()
        self._outlet.tell(JobStarted(self.job.id, self.job.host, self._worker, self._attempt))


class _Here:
    """Hears from a command of this machine that is run for a host: it may have run, and the host was not asked yet."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.input, self.said, self.learned, self.moved = lane.input, lane.said, lane.learned, lane.moved

    def ready(self, go: Callable[[], None]) -> None:
        self._lane.ready(go, login=False)

    def connected(self) -> None:
        self._lane.connected(login=False)


def _forget(error: BaseException) -> None:
    """Drop the frames that an exception went through: they hold what was printed, and the exception itself."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__context__


class Transports:
    """The transports of one process, each made once; one that cannot be made is the failure of every job that asks."""

    def __init__(
        self, paths: Mapping[str, str], secrets: Mapping[str, Secret], connect_limit: int, jump_limit: int
    ) -> None:
        self._paths, self._secrets, self._handshakes = paths, secrets, (connect_limit, jump_limit)
        self._made: dict[str, Transport | Failure] = {}

    def find(self, name: str) -> Transport | Failure:
        """Return the transport of that name, or why there is none."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def close(self) -> None:
        """Let go of what outlives sessions, where a transport has such things: nothing is opened any more."""
        for made in self._made.values():
            if (close := getattr(made, "close", None)) is not None:
                close()

    def _make(self, name: str) -> Transport | Failure:
        try:
            path = self._paths.get(name)
            factory = plugins.resolve(path) if path else plugins.find("pssh.transports", name)
            made: Transport = factory(self._secrets, *self._handshakes)
            return made
        except UNUSABLE as error:
            unknown = isinstance(error, KeyError)
            message = f"there is no transport `{name}`" if unknown else f"transport `{name}` cannot be used: {error}"
            return Failure(stage="local", kind="transport", message=message)
