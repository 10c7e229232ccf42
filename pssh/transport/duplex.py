"""The two streams of a program that a session runs, as one channel: what every transport makes a subsystem of.

Promises: what was not yet received or sent is bounded, by making the host or the sender wait; the end of the program is
heard once, behind all that it printed; only while somebody waits for the host is it the host that is silent.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError

_MOST = 1 << 20  # bytes to be sent, or to be received, above which somebody waits
_GOODBYE = 1.0  # seconds for the other side to end by itself
_STAGES = {"connection-closed", "stall"}  # kinds that a transfer has as well as a command


def no_subsystem(name: str, why: str) -> Failure:
    """Return the failure of a host that does not offer it."""
    hint = "check `Subsystem sftp` in its sshd_config" if name == "sftp" else ""
    return Failure(stage="transfer", kind="no-sftp", message=f"the host offers no `{name}`: {why}", hint=hint)


class Outbox:
    """What is to be sent: the program's standard input."""

    def __init__(self) -> None:
        self.taken = 0.0  # when any of it last left
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes | memoryview] = deque()
        self._base = 0  # where in all that was ever put the first of them begins
        self._size = 0
        self._closed = False
        self._more: Callable[[], None] | None = None
        self._room: asyncio.Future[None] | None = None

    def put(self, data: bytes | memoryview) -> asyncio.Future[None] | None:
        """Add to it. Await what is returned before adding more."""
        if self._closed or not data:
            return None
        self._pieces.append(data)
        self._size += len(data)
        self._tell()
        if self._size <= _MOST:
            return None
        if self._room is None:
            self._room = self._loop.create_future()
        return asyncio.shield(self._room)

    def close(self) -> None:
        """Nothing more will be added."""
        self._closed = True
        self._tell()

    def clear(self) -> None:
        """Nobody takes anything any more."""
        self._closed, self._more = True, None
        self._pieces.clear()
        self._make_room()

    def read(self, at: int, most: int) -> bytes | None:
        """Return what is there from `at` on, empty at the end; None if there is no more yet. What is before is gone."""
        self._pass(at)
        if not self._pieces:
            return b"" if self._closed else None
        found, skip = list[bytes | memoryview](), at - self._base
        for piece in self._pieces:
            part = memoryview(piece)[skip : skip + most] if skip or len(piece) > most else piece
            found.append(part)
            most, skip = most - len(part), 0
            if not most:
                break
        return b"".join(found)

    def _pass(self, at: int) -> None:
        """Drop what has been taken."""
        while self._pieces and self._base + len(self._pieces[0]) <= at:
            size = len(self._pieces.popleft())
            self._base += size
            self._size -= size
            self.taken = self._loop.time()
        if self._size <= _MOST // 2:
            self._make_room()

    def when_more(self, call: Callable[[], None]) -> None:
        self._more = call

    def _tell(self) -> None:
        if self._more is not None:
            call, self._more = self._more, None
            call()

    def _make_room(self) -> None:
        if self._room is not None:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None


class Inbox:
    """What came and was not received yet: a sink for the program's output."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._room: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def write(self, data: bytes | bytearray | memoryview) -> asyncio.Future[None] | None:
        self._pieces.append(bytes(data))
        self._size += len(data)
        self.wake()
        if self._size <= _MOST:
            return None
        if self._room is None:
            self._room = self._loop.create_future()
        return asyncio.shield(self._room)

    def take(self) -> bytes:
        """Return all that came; empty if nothing did."""
        if not self._pieces:
            return b""
        piece = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._room is not None:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None
        return piece

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Return once something came, or `wake` was called."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class Piped:
    """One program; its session runs it with `outbox` as its input and `inbox` as its sink."""

    def __init__(self, name: str, stall: float) -> None:
        """`stall`: seconds; 0 is no limit."""
        self.outbox, self.inbox = Outbox(), Inbox()
        self._name, self._stall = name, stall
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._over = False
        self._error: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._why: Failure | None = None  # what we end it for

    def started(self) -> None:
        """The host says that it runs."""
        if not self._started.done():
            self._started.set_result(None)

    async def run(self, running: Coroutine[Any, Any, Reply]) -> None:
        """Return once the program has been started; raises TransportError."""
        self._task = asyncio.ensure_future(self._watch(running))
        try:
            await asyncio.wait({self._task, self._started}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.abandon()
            raise
        if not self._started.done():
            raise self._error or TransportError(no_subsystem(self._name, "it ended at once"))

    # ---- a Duplex

    def send(self, data: bytes | memoryview) -> asyncio.Future[None] | None:
        return self.outbox.put(data)

    async def receive(self) -> bytes:
        try:
            while not (data := self.inbox.take()):
                if self._over:
                    if self._error is not None:
                        raise self._error
                    return b""
                if self._stall and self._timer is None:
                    self._timer = self._loop.call_later(self._stall, self._check, self._loop.time())
                await self.inbox.wait()
            return data
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    async def close(self) -> None:
        self.outbox.close()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_GOODBYE)
        await self.abandon()

    async def abandon(self) -> None:
        """End the program without waiting for it to end by itself."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    # ---- its end

    async def _watch(self, running: Coroutine[Any, Any, Reply]) -> None:
        try:
            await running
        except TransportError as error:
            self._error = TransportError(self._as_transfer(error.failure))
        except asyncio.CancelledError:
            self._error = TransportError(self._why or _CLOSED)
        except Exception as error:  # noqa: BLE001  whoever receives has to know it
            self._error = error
        finally:
            self._over = True
            self.outbox.clear()
            self.inbox.wake()

    def _as_transfer(self, failure: Failure) -> Failure:
        if self._why is not None:
            return replace(self._why, remote_end=failure.remote_end, stderr=failure.stderr)
        if failure.cause == "exec/denied" and not self._started.done():
            return no_subsystem(self._name, failure.message)
        if failure.stage == "exec" and failure.kind in _STAGES:
            return replace(failure, stage="transfer")
        return failure

    def _check(self, since: float) -> None:
        left = max(since, self.outbox.taken) + self._stall - self._loop.time()
        if left > 0 and self._task is not None:
            self._timer = self._loop.call_later(left, self._check, since)
        elif self._task is not None and not self._task.done():
            message = f"nothing came for {self._stall:g} s (`--stall`)"
            self._why = Failure(stage="transfer", kind="stall", message=message)
            self._task.cancel()


_CLOSED = Failure(stage="transfer", kind="connection-closed", message="the session is closed")
