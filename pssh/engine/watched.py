"""A session as an operation sees it: once its job is to end it begins no further command, and knows what became of one.

What only prepares or tidies up is still let through: an operation that is told to end may remove what it has made.
This machine is beside the host: commands for the host that run here are under the same watch.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply, StepResult
from pssh.model.work import Duplex, Input, Session, TransportError


class Watched:
    """Stands before a session of a transport."""

    def __init__(
        self, session: Session, beside: Callable[[], Awaitable[Session]], step: Callable[[StepResult], None]
    ) -> None:
        """`beside` opens a session of this machine, `step` hears how steps end."""
        self.seconds = session.seconds
        self.left: Literal["", "killed", "exited", "left running"] = ""  # what became of the latest command
        self.step = step
        self.sparing = False  # see `JobSession`
        self.requested = True  # whether it was, of the command under way
        self._session = session
        self._open_beside = beside
        self._beside: Session | None = None
        self._at = session  # where the latest command runs
        self._busy = 0  # commands under way
        self._why: Failure | None = None
        self._dropped = False

    @property
    def banner(self) -> str:
        return self._session.banner

    @property
    def input(self) -> Input:
        return self._session.input

    @property
    def busy(self) -> bool:
        """Whether a command is under way on its host, or may be."""
        return self._busy > 0 and self.requested

    @property
    def ending(self) -> Failure | None:
        return self._why

    async def exec(self, command: str, *, quiet: bool = False, **how: Any) -> Reply:
        return await self.exec_at(self._session, command, quiet=quiet, **how)

    async def exec_at(self, session: Session, command: str, *, quiet: bool = False, **how: Any) -> Reply:
        """Run a command on one of the two sessions."""
        if self._why is not None and not quiet:
            raise TransportError(replace(self._why, remote_end=self.left))
        self._busy += 1
        self._at, self.requested = session, quiet  # what only prepares is a matter of moments
        try:
            reply = await session.exec(command, quiet=quiet, **how)
            self.left = "exited"
            return reply
        except TransportError as error:
            self.left = error.failure.remote_end
            raise
        except asyncio.CancelledError:
            if self._why is not None and self._dropped:  # an operation tidies up after a failure
                raise TransportError(replace(self._why, remote_end=self.left)) from None
            self.left = "left running"
            raise
        finally:
            self._busy -= 1

    async def beside(self) -> Session:
        if self._beside is None:
            self._beside = _Beside(self, await self._open_beside())
        return self._beside

    async def again(self) -> None:
        await self._session.again()

    async def subsystem(self, name: str) -> Duplex:
        return await self.subsystem_at(self._session, name)

    async def subsystem_at(self, session: Session, name: str) -> Duplex:
        """Open a subsystem of one of the two sessions."""
        if self._why is not None:
            raise TransportError(replace(self._why, remote_end=self.left))
        self._at = session
        return await session.subsystem(name)

    def moved(self, done: int, total: int) -> None:
        self._session.moved(done, total)

    def end(self, why: Failure) -> None:
        """End the command under way, and let others begin."""
        self._at.end(why)

    def halt(self, why: Failure) -> None:
        """End what runs, and begin nothing more."""
        self._why = why
        self._at.end(why)

    def spare(self, why: Failure) -> None:
        """Begin nothing more but what is quiet; what runs ends by itself."""
        self._why = why

    def drop(self, why: Failure) -> None:
        """Begin nothing more; whoever waits for a command is about to be cancelled, and then hears `why`."""
        self._why, self._dropped = why, True

    async def host_key(self) -> str:
        return await self._session.host_key()


class _Beside:
    """The session of this machine, under the watch of the one that it is beside."""

    def __init__(self, watched: Watched, session: Session) -> None:
        self.seconds: dict[str, float] = {}
        self._watched, self._session = watched, session
        self.again, self.end, self.host_key = session.again, session.end, session.host_key
        self.moved = session.moved

    @property
    def banner(self) -> str:
        return self._session.banner

    @property
    def input(self) -> Input:
        return self._session.input

    async def subsystem(self, name: str) -> Duplex:
        return await self._watched.subsystem_at(self._session, name)

    async def exec(self, command: str, **how: Any) -> Reply:
        return await self._watched.exec_at(self._session, command, **how)
