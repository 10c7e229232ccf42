"""Jump hosts: one connection to each, shared by all hosts of a worker that lie behind it.

Promises: it is made when the first host needs it, and once, however many wait; a jump host that could not be reached is
not tried again for a while, so that a thousand hosts behind it neither wait for it each nor have it lock us out; one
whose connection was lost is connected anew for who comes next. What a host is told names the jump host.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from pssh.model.host import Hop
from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.transport.ssh.channel import OpenRefused

_AGAIN = 30.0  # seconds
_WORDS = {"refused": "refused", "timed out": "timeout", "no route": "no-route", "unreachable": "no-route"}  # of sshd


class Way(Protocol):
    """What is needed of a session on a jump host."""

    @property
    def alive(self) -> bool: ...
    async def up(self) -> None: ...
    def leave(self) -> None: ...
    async def tunnel(self, address: str, port: int) -> socket.socket: ...


class Passage:
    """One jump host."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._coming: asyncio.Task[Way] | None = None
        self._failed = 0.0  # when it could not be reached

    async def ready(self, open: Callable[[], Way]) -> None:
        """Return once it is logged in to; `open` makes a session on it. Raises TransportError."""
        if self._coming is not None and self._coming.done() and self._stale(self._coming):
            self.close()
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._come(open()))
            self._coming.add_done_callback(_seen)
        try:
            await asyncio.shield(self._coming)
        except TransportError as error:
            raise TransportError(self._behind(error.failure)) from None

    async def tunnel(self, address: str, port: int) -> socket.socket:
        """Return a connection to an address as the jump host sees it; raises TransportError."""
        assert self._coming is not None
        try:
            return await self._coming.result().tunnel(address, port)
        except OpenRefused as error:
            kind = next((kind for words, kind in _WORDS.items() if words in f"{error}".lower()), "proxy")
            message = f"jump host `{self._name}`: {error}"
            raise TransportError(Failure(stage="connect", kind=kind, message=message)) from None
        except TransportError as error:
            if error.failure.stage == "local":
                raise
            raise TransportError(self._behind(error.failure)) from None
        except Exception:  # noqa: BLE001  whatever ended the connection to the jump host
            message = f"jump host `{self._name}`: the connection ended"
            raise TransportError(Failure(stage="connect", kind="proxy", message=message)) from None

    def close(self) -> None:
        """Leave the jump host."""
        coming, self._coming = self._coming, None
        if coming is not None and coming.done() and not coming.cancelled() and coming.exception() is None:
            coming.result().leave()
        elif coming is not None:
            coming.cancel()

    async def _come(self, session: Way) -> Way:
        try:
            await session.up()
        except BaseException:
            self._failed = self._loop.time()
            session.leave()
            raise
        return session

    def _stale(self, coming: "asyncio.Task[Way]") -> bool:
        if coming.cancelled():
            return True
        if coming.exception() is None:
            return not coming.result().alive
        return self._loop.time() - self._failed > _AGAIN

    def _behind(self, failure: Failure) -> Failure:
        unknown = failure.cause == "host-key/unknown"
        hint = f"`pssh trust {self._name}` collects its key" if unknown else failure.hint
        kind = "throttled" if failure.kind == "throttled" else "proxy"  # the former is tried again
        message = f"jump host `{self._name}`: {failure.message}"
        return replace(failure, stage="connect", kind=kind, message=message, hint=hint)


class Passages:
    """The jump hosts of a worker."""

    def __init__(self) -> None:
        self._known: dict[Hop, Passage] = {}

    async def ready(self, hop: Hop, open: Callable[[], Way]) -> Passage:
        """Return the passage through a jump host once that is logged in to; raises TransportError."""
        if hop not in self._known:
            self._known[hop] = Passage(hop.name)
        await self._known[hop].ready(open)
        return self._known[hop]

    def close(self) -> None:
        """Leave all of them."""
        for passage in self._known.values():
            passage.close()


def _seen(coming: "asyncio.Task[Way]") -> None:
    """Whoever waited may be gone: what nobody asks for is no fault of the loop."""
    if not coming.cancelled():
        coming.exception()
