"""One job in flight: open a session, perform the operation, and say how it ended; always in exactly one result.

A lane is the session's listener. A job is tried again only while nothing can have run on the host, and only after what
a busy or starting host does: refuse, reset, close before login, throttle. Never after a refused login or host key.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Protocol

from msgspec.structs import replace

from pssh import plugins
from pssh.engine import endings
from pssh.engine.clock import Clock
from pssh.engine.wire import PIECE, FromLane
from pssh.model.event import HostKeyLearned, JobConnected, JobSaid, JobStarted
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.secret import Secret
from pssh.model.work import Job, Session, StreamName, Transport, TransportError

_TRIED_AGAIN_STAGES = {"connect", "banner", "kex"}
_TRIED_AGAIN_KINDS = {"refused", "reset", "closed", "throttled"}
_BACK_OFF = 0.5  # seconds before the first new try at most; twice that before the next


class Outlet(Protocol):
    """Where a lane's events go."""

    def tell(self, event: FromLane) -> None: ...

    def tell_now(self, event: FromLane) -> None:
        """Return once the parent will hear of it even if this process dies."""

    def room(self) -> Awaitable[None] | None:
        """Return something to await before saying more."""


class Lane:
    """Runs one job, once."""

    def __init__(self, job: Job, outlet: Outlet, clock: Clock, *, attempt: int = 1, worker: int = -1) -> None:
        self.job = job
        self.begun = False  # the command may have run
        self._outlet, self._clock = outlet, clock
        self._attempt, self._worker = attempt, worker
        self._session: Session | None = None
        self._reply: Reply | None = None
        self._cause = ""
        self._task: asyncio.Task[Result] | None = None
        self._since, self._started = clock.now(), clock.wall()

    def connected(self) -> None:
        if not self.begun:
            self.begun = True
            self._outlet.tell_now(JobConnected(self.job.id, self.job.host))

    def said(self, stream: StreamName, data: bytes) -> Awaitable[None] | None:
        if not self.job.limits.say:
            return None
        for at in range(0, len(data), PIECE):
            self._outlet.tell(JobSaid(self.job.id, self.job.host, stream, bytes(data[at : at + PIECE])))
        return self._outlet.room()

    def learned(self, line: str) -> None:
        file = self.job.connection.known_hosts[0] if self.job.connection.known_hosts else ""
        self._outlet.tell(HostKeyLearned(self.job.id, self.job.host, file, line))

    def stop(self, cause: str) -> None:
        """End the job; its result says so, unless the host had answered already."""
        self._cause = cause
        if self._task is not None:
            self._task.cancel()

    async def run(self, transport: Transport) -> Result:
        """Return the job's result; raises nothing."""
        self._task = asyncio.current_task()
        try:
            return self.result(endings.stopped(self._cause) if self._cause else await self._limited(transport))
        except (Exception, SystemExit) as error:  # noqa: BLE001  a bug in one operation must cost one row, not the run
            return self.result(endings.bug(error))

    def result(self, end: Reply | Failure) -> Result:
        """Return the result of this job with that end."""
        session = self._session
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

    async def _limited(self, transport: Transport) -> Reply | Failure:
        """Try within the job's own limit. A transport may answer being cancelled with what it has, or not at all."""
        host = self.job.limits.host
        end: Reply | Failure | None = None
        try:
            async with asyncio.timeout(host or None) as limit:
                end = await self._tries(transport)
        except asyncio.CancelledError:
            if not self._cause:
                raise RuntimeError("cancelled, but not by a stop") from None
        except TimeoutError:
            if not limit.expired():
                raise
        if self._reply is not None:  # the host has answered: nothing after that changes how the job ended
            note = self._reply.note or (end.message if isinstance(end, Failure) else "")
            return replace(self._reply, note=note) if note != self._reply.note else self._reply
        so_far = end if isinstance(end, Failure) else None
        if self._cause:
            return endings.stopped(self._cause, so_far)
        if limit.expired():
            return endings.late(host, self.begun, so_far)
        assert end is not None  # only a stop and the limit leave it open
        return end

    async def _tries(self, transport: Transport) -> Reply | Failure:
        tried = 0
        while True:
            end = await self._once(transport)
            if not self._again(end, tried):
                return end
            await self._clock.sleep(_BACK_OFF * 2**tried * self._clock.random())
            tried += 1
            self._attempt += 1
            self._outlet.tell(JobStarted(self.job.id, self.job.host, self._worker, self._attempt))

    async def _once(self, transport: Transport) -> Reply | Failure:
        job = self.job
        try:
            async with transport.open(job.host, job.connection, job.limits, self) as session:
                self._session = session
                reply = await job.operation.perform(session)
                if not isinstance(reply, Reply):
                    raise TypeError(f"`{type(job.operation).__name__}` gave a {type(reply).__name__}, not a Reply")
                self._reply = reply
            return reply
        except TransportError as error:
            return error.failure

    def _again(self, end: Reply | Failure, tried: int) -> bool:
        return (
            isinstance(end, Failure)
            and not self.begun
            and not self._cause
            and tried < self.job.limits.retries
            and end.stage in _TRIED_AGAIN_STAGES
            and end.kind in _TRIED_AGAIN_KINDS
        )


class Transports:
    """The transports of one process, each made once; one that cannot be made is the failure of every job that asks."""

    def __init__(self, paths: Mapping[str, str], secrets: Mapping[str, Secret], connect_limit: int) -> None:
        self._paths, self._secrets, self._connect_limit = paths, secrets, connect_limit
        self._made: dict[str, Transport | Failure] = {}

    def find(self, name: str) -> Transport | Failure:
        """Return the transport of that name, or why there is none."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def _make(self, name: str) -> Transport | Failure:
        try:
            path = self._paths.get(name)
            factory = plugins.resolve(path) if path else plugins.find("pssh.transports", name)
            made: Transport = factory(self._secrets, self._connect_limit)
            return made
        except KeyError:
            return Failure(stage="local", kind="transport", message=f"there is no transport `{name}`")
        except (ImportError, AttributeError, OSError, RuntimeError, TypeError, ValueError) as error:
            return Failure(stage="local", kind="transport", message=f"transport `{name}` cannot be used: {error}")
