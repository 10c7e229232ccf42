"""A session as an operation sees it: once its job is to end it begins no further command, and knows what became of one.

What only prepares or tidies up is still let through: an operation that is told to end may remove what it has made.
"""

import asyncio
from typing import Literal

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply
from pssh.model.work import Duplex, Input, Prompt, Session, Sink, TransportError


class Watched:
    """Stands before a session of a transport."""

    def __init__(self, session: Session) -> None:
        self.seconds = session.seconds
        self.left: Literal["", "killed", "exited", "left running"] = ""  # what became of the latest command
        self._session = session
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
        """Whether a command is under way."""
        return self._busy > 0

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes | Input = b"",
        quiet: bool = False,
        tty: bool = False,
        prompt: Prompt | None = None,
        sink: Sink | None = None,
    ) -> Reply:
        if self._why is not None and not quiet:
            raise TransportError(replace(self._why, remote_end=self.left))
        self._busy += 1
        try:
            reply = await self._session.exec(command, stdin=stdin, quiet=quiet, tty=tty, prompt=prompt, sink=sink)
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

    async def subsystem(self, name: str) -> Duplex:
        if self._why is not None:
            raise TransportError(replace(self._why, remote_end=self.left))
        return await self._session.subsystem(name)

    def moved(self, done: int, total: int) -> None:
        self._session.moved(done, total)

    def end(self, why: Failure) -> None:
        """End what runs, and begin nothing more."""
        self._why = why
        self._session.end(why)

    def drop(self, why: Failure) -> None:
        """Begin nothing more; whoever waits for a command is about to be cancelled, and then hears `why`."""
        self._why, self._dropped = why, True

    async def host_key(self) -> str:
        return await self._session.host_key()
