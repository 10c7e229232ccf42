"""A session as one step of a job has it: within a time of its own, here or on the host, quietly where that is wanted.

Promises: once its time is over the command under way is ended as any limit ends one, and no further one begins but what
tidies up; of a part it is known whether anything of it can have run.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply, StepResult
from pssh.model.work import Duplex, Input, JobSession, Session, TransportError

# A failure in one of these stages means that nothing was requested of the host.
NOT_BEGUN_STAGES = frozenset({"dns", "connect", "banner", "kex", "host-key", "auth"})


class Part:
    """Stands before the session of a job while a `with` block lasts."""

    def __init__(self, session: JobSession, there: Session, *, seconds: float = 0.0, quiet: bool = False) -> None:
        """`there`: the session that commands run on. `seconds`: how long all of them may take; 0 is no limit."""
        self._session, self._there = session, there
        self._seconds, self._quiet = seconds, quiet
        self._late: Failure | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._seconds:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        message = f"it took longer than {self._seconds:g} s (`timeout`)"
        self._late = Failure(stage="exec", kind="total", message=message)
        self._there.end(self._late)

    @property
    def sparing(self) -> bool:
        return self._session.sparing

    @sparing.setter
    def sparing(self, value: bool) -> None:
        self._session.sparing = value

    @property
    def seconds(self) -> dict[str, float]:
        return self._there.seconds

    @property
    def banner(self) -> str:
        return self._there.banner

    @property
    def input(self) -> Input:
        return self._there.input

    @property
    def ending(self) -> Failure | None:
        return self._session.ending

    async def exec(self, command: str, *, quiet: bool = False, **how: Any) -> Reply:
        if self._late is not None and not quiet:
            raise TransportError(replace(self._late, remote_end="exited"))
        return await self._there.exec(command, quiet=quiet or self._quiet, **how)

    async def subsystem(self, name: str) -> Duplex:
        if self._late is not None:
            raise TransportError(self._late)
        return await self._there.subsystem(name)

    def moved(self, done: int, total: int) -> None:
        self._session.moved(done, total)

    def end(self, why: Failure) -> None:
        self._there.end(why)

    async def again(self) -> None:
        await self._there.again()

    async def beside(self) -> Session:
        return await self._session.beside()

    def step(self, result: StepResult) -> None:
        self._session.step(result)

    async def host_key(self) -> str:
        return await self._there.host_key()
