"""Requests to a file server and their replies, many under way at once (SFTP version 3).

Promises: each reply is matched to its request by number, and anything else ends the session: an unknown number, a reply
of another kind, a wrong length. At most 64 requests and 2 MiB are under way, whatever asks; who asks first is let
through first. The host is listened to only while something is due, so that its silence at other times is no fault.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import NamedTuple

from pssh.model.work import Duplex, TransportError
from pssh.ops.sftp import refused
from pssh.ops.sftp.packets import MAX_PACKET, Kind, Malformed, Reader, u32

MOST_REQUESTS, MOST_BYTES = 64, 2 << 20
_MOST_HELLO = 64 << 10  # bytes of the first packet
_FIRST = 200  # bytes shown of what came in its place

Reply = tuple[int, memoryview]  # the kind, and what follows the number


class _Request(NamedTuple):
    reply: asyncio.Future[Reply]
    kind: Kind
    parts: tuple[bytes, ...]
    cost: int


class Requests:
    """One session with a file server."""

    def __init__(self, duplex: Duplex) -> None:
        self._duplex = duplex
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._due: dict[int, tuple[asyncio.Future[Reply], int]] = {}  # each with the bytes that it counts
        self._bytes = 0
        self._waiting: deque[tuple[asyncio.Future[Awaitable[None] | None], _Request]] = deque()  # not to be sent yet
        self._in = b""  # until the first packet is there
        self._parts: list[bytes] = []  # of what came and was not looked at
        self._have, self._need = 0, 4  # bytes of them, and how many it takes to look
        self._asked = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    async def greet(self) -> dict[bytes, bytes]:
        """Agree on version 3 and return the extensions that are offered."""
        self._duplex.send(u32(5) + bytes((Kind.INIT,)) + u32(3))
        while (packet := self._hello()) is None:
            data = await self._duplex.receive()
            if not data:
                raise self._no_hello()
            self._in += data
        try:
            reader = Reader(packet)
            version = reader.u32()
            offered = {}
            while reader.more:
                name = reader.string()
                offered[name] = reader.string()
        except Malformed as error:
            raise refused.broken(str(error)) from None
        if version != 3:
            raise refused.failed("no-sftp", f"the file server speaks version {version} of the protocol, not 3")
        self._parts, self._have = [self._in], len(self._in)
        self._listening = asyncio.ensure_future(self._listen())
        return offered

    def _hello(self) -> bytes | None:
        """Return what follows the kind of the first packet, once it is whole."""
        if len(self._in) < 5:
            return None
        size = int.from_bytes(self._in[:4], "big")
        if self._in[4] != Kind.VERSION or not 5 <= size <= _MOST_HELLO:
            raise self._noisy()
        if len(self._in) < 4 + size:
            return None
        packet, self._in = self._in[5 : 4 + size], self._in[4 + size :]
        return packet

    def _no_hello(self) -> TransportError:
        if self._in:
            return self._noisy()
        return refused.failed("no-sftp", "the host's file server ended before it began")

    def _noisy(self) -> TransportError:
        first = self._in[:_FIRST].decode("utf-8", "replace")
        return refused.failed(
            "noisy-login",
            f"the host printed `{first.strip()}` where its file server was to answer",
            hint="let the login files of that user print nothing where there is no terminal",
        )

    # ---- asking

    async def ask(self, kind: Kind, *parts: bytes, cost: int = 0) -> Reply:
        """Send a request and return its reply."""
        return await (await self.post(kind, *parts, cost=cost))

    async def post(self, kind: Kind, *parts: bytes, cost: int = 0) -> Awaitable[Reply]:
        """Send a request as soon as there is room, and return its reply to come. `cost`: bytes, either way."""
        reply: asyncio.Future[Reply] = self._loop.create_future()
        request = _Request(reply, kind, parts, cost)
        if self._error is not None:
            raise self._error
        if self._waiting or not self._has_room(cost):
            turn: asyncio.Future[Awaitable[None] | None] = self._loop.create_future()
            self._waiting.append((turn, request))
            wait = await turn
        else:
            wait = self._send(request)
        if wait is not None:
            await wait
        return reply

    def post_last(self, kind: Kind, *parts: bytes) -> None:
        """Send a request without waiting for anything: to tidy up where nobody can wait."""
        if self._error is None:
            self._send(_Request(self._loop.create_future(), kind, parts, 0))

    def _send(self, request: _Request) -> Awaitable[None] | None:
        number = self._number = (self._number + 1) & 0xFFFFFFFF
        self._due[number] = request.reply, request.cost
        self._bytes += request.cost
        self._asked.set()
        size = 5 + sum(map(len, request.parts))
        return self._duplex.send(b"".join((u32(size), bytes((request.kind,)), u32(number), *request.parts)))

    def _has_room(self, cost: int) -> bool:
        return len(self._due) < MOST_REQUESTS and (self._bytes + cost <= MOST_BYTES or not self._bytes)

    def _admit(self) -> None:
        """Send what has waited longest."""
        while self._waiting and self._has_room(self._waiting[0][1].cost):
            turn, request = self._waiting.popleft()
            if not turn.done():  # else it was cancelled
                turn.set_result(self._send(request))

    # ---- hearing

    async def _listen(self) -> None:
        try:
            self._take()
            while True:
                await self._asked.wait()
                data = await self._duplex.receive()
                if not data:
                    raise refused.failed("connection-closed", "the host's file server ended in the middle")
                self._parts.append(data)
                self._have += len(data)
                if self._have >= self._need:
                    self._take()
                if not self._due:
                    self._asked.clear()
        except Exception as error:  # noqa: BLE001  whatever it is, all that wait have to know
            self._fail(refused.broken(str(error)) if isinstance(error, Malformed) else error)

    def _take(self) -> None:
        """Hand over each reply that is whole."""
        data = b"".join(self._parts)
        at, end, view, self._need = 0, len(data), memoryview(data), 4
        while end - at >= 4:
            size = int.from_bytes(view[at : at + 4], "big")
            if not 5 <= size <= MAX_PACKET + 1024:
                raise Malformed(f"a packet of {size} bytes")
            if end - at - 4 < size:
                self._need = 4 + size
                break
            number = int.from_bytes(view[at + 5 : at + 9], "big")
            self._answer(number, (view[at + 4], view[at + 9 : at + 4 + size]))
            at += 4 + size
        self._parts, self._have = [data[at:]], end - at

    def _answer(self, number: int, reply: Reply) -> None:
        if number not in self._due:
            raise Malformed("a reply to what nobody asked")
        future, cost = self._due.pop(number)
        self._bytes -= cost
        if not future.done():  # else nobody waits any more
            future.set_result(reply)
        self._admit()

    def _fail(self, error: Exception) -> None:
        self._error = error
        for future, _ in self._due.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # it may be that nobody looks
        self._due.clear()
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(error)
                turn.exception()

    async def close(self) -> None:
        """End the session; raises nothing."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        if self._error is None:
            self._fail(refused.failed("connection-closed", "the file server was left"))
        await self._duplex.close()
