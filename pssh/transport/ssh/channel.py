"""What any session channel does, whatever runs on it: what the host may send, and when it may send more (RFC 4254).

Promises: the window is enforced against the host, and opened only for what was taken. Only the window holds the host
back: the socket is still read, because signs of life and key changes arrive there.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from pssh.model.outcome import Failure
from pssh.transport import terminal
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.wire import Fields, ProtocolError, text, u32

WINDOW, MAX_DATA = 2 << 20, 128 << 10  # larger windows make sshd burn tens of seconds of CPU per GB
_REFUSED = {1: "administratively prohibited", 2: "open failed", 3: "unknown channel type", 4: "resource shortage"}


# Modes of a terminal (RFC 4254 section 8): ECHO and ONLCR are off, as `terminal` says; all else is as the host has it.
_MODES = b"\x35" + u32(0) + b"\x48" + u32(0) + b"\0"
TERMINAL = text(terminal.KIND) + u32(terminal.COLUMNS) + u32(terminal.ROWS) + u32(0) + u32(0) + text(_MODES)


def opening(number: int) -> bytes:
    """Return the message that asks for a session (RFC 4254 section 6.1)."""
    return b"\x5a" + text("session") + u32(number) + u32(WINDOW) + u32(MAX_DATA)


def request(remote: int, kind: str, rest: bytes, *, reply: bool = False) -> bytes:
    """Return a channel request (RFC 4254 section 5.4); `reply`: the host is to answer it."""
    return b"\x62" + u32(remote) + text(kind) + (b"\1" if reply else b"\0") + rest


def expect(true: bool, words: str) -> None:
    """Raise ProtocolError with these words unless it is true."""
    if not true:
        raise ProtocolError(words)


class OpenRefused(Exception):
    """The host logged us in but opens no further session on this connection (MaxSessions)."""

    @property
    def failure(self) -> Failure:
        return Failure(stage="exec", kind="denied", message=str(self))


def refusal(fields: Fields, what: str = "session") -> OpenRefused:
    """Read why no channel was opened (RFC 4254 section 5.1)."""
    code, words = fields.u32(), fields.words()[:200]
    return OpenRefused(f"no {what}: {_REFUSED.get(code, code)}: {words}")


class Window:
    """What the host may still send on one channel."""

    def __init__(self, driver: Driver, broken: Callable[[Exception], None]) -> None:
        """`broken` is told what an awaitable raised that was to be waited for."""
        self.remote = 0  # the number that the host gave the channel
        self._driver, self._broken = driver, broken
        self._left = WINDOW
        self._waits: deque[Awaitable[None]] = deque()
        self._refill: asyncio.Task[None] | None = None
        self._then: Callable[[], None] | None = None
        self._closed = False

    @property
    def held(self) -> bool:
        """Whether it is we who hold the host back."""
        return self._refill is not None

    def count(self, size: int) -> None:
        """So many bytes came in one message; raises ProtocolError where they were not allowed."""
        self._left -= size
        if self._left < 0 or size > MAX_DATA:
            raise ProtocolError("the host sent more than its window allows")

    def taken(self, wait: Awaitable[None] | None) -> None:
        """What came was taken, or is once `wait` is over."""
        if wait is not None:
            self._waits.append(wait)
            if self._refill is None:
                self._refill = asyncio.ensure_future(self._refill_after())
        elif self._refill is None and self._left < WINDOW // 2:
            self._open()

    def after(self, then: Callable[[], None]) -> None:
        """Call once nothing is waited for any more."""
        self._then = then

    def close(self) -> None:
        """The channel takes nothing more; what is waited for is still told."""
        self._closed = True

    def let_go(self) -> None:
        """Wait for nothing any more."""
        self._closed, self._then, self._broken = True, None, _ignore
        if self._refill is not None:
            self._refill.cancel()

    async def _refill_after(self) -> None:
        # Who takes the output is slower than the host, of which more may come as long as its window lasts.
        try:
            while self._waits:
                await self._waits.popleft()
        except Exception as error:  # noqa: BLE001  a sink may raise anything, and it ends one command only
            self._broken(error)
        self._refill = None
        if not self._closed:
            self._open()
            self._driver.flush()
        if self._then is not None:
            self._then()

    def _open(self) -> None:
        self._driver.send(b"\x5d" + u32(self.remote) + u32(WINDOW - self._left))
        self._left = WINDOW


def _ignore(error: Exception) -> None: ...
