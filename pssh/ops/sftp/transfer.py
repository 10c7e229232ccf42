"""The content of one open file, from a source or into a sink, with many pieces under way.

Promises: each WRITE's reply is looked at; what is read reaches the sink in order and without a gap: a short READ is
asked on, an end before the size or content behind it is a file that changed. At most 64 pieces are held.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol

from pssh.model.work import Input, Sink
from pssh.ops.sftp import refused
from pssh.ops.sftp.packets import Kind, Malformed, Reader, text, u32, u64
from pssh.ops.sftp.requests import MOST_BYTES, MOST_REQUESTS, Reply, Requests


class Server(Protocol):
    """What a transfer needs of a session with a file server."""

    read_most: int
    write_most: int

    @property
    def requests(self) -> Requests: ...


def reader(reply: Reply, wanted: Kind, what: str, path: bytes) -> Reader:
    """Return the content of a reply of the wanted kind; raises Refused for a status in its place."""
    kind, data = reply
    if kind == wanted:
        return Reader(data)
    if kind != Kind.STATUS:
        raise refused.broken(f"an answer of kind {kind} where {wanted.value} was due")
    code, words = _status(data)
    if not code:
        raise refused.broken(f"`ok` where an answer of kind {wanted.value} was due")
    raise refused.refused(code, words, what, path)


def done(reply: Reply, what: str, path: bytes) -> None:
    """Raise unless the reply says that it was done."""
    kind, data = reply
    if kind != Kind.STATUS:
        raise refused.broken(f"an answer of kind {kind} where a status was due")
    code, words = _status(data)
    if code:
        raise refused.refused(code, words, what, path)


def _status(data: memoryview) -> tuple[int, bytes]:
    try:
        return refused.status(Reader(data))
    except Malformed as error:
        raise refused.broken(str(error)) from None


async def write(
    server: Server, handle: bytes, path: bytes, source: Input, size: int, moved: Callable[[int], None]
) -> None:
    """Write the source, which must have just so many bytes, to an open file."""
    sent = taken = 0
    under_way: deque[tuple[Awaitable[Reply], int]] = deque()
    head = text(handle)
    while sent < size or under_way:
        if sent < size and len(under_way) < MOST_REQUESTS:
            data = await _next(source, sent, min(server.write_most, size - sent))
            if not data:
                raise _changed(path, f"it ended after {sent:,} of {size:,} bytes")
            parts = (head, u64(sent), u32(len(data)), data)
            under_way.append((await server.requests.post(Kind.WRITE, *parts, cost=len(data)), len(data)))
            sent += len(data)
        while under_way and (sent == size or len(under_way) == MOST_REQUESTS or _there(under_way[0][0])):
            reply, length = under_way.popleft()
            done(await reply, "write", path)
            taken += length
            moved(taken)
    if await _next(source, size, 1):
        raise _changed(path, f"it has more than {size:,} bytes")


def _there(reply: Awaitable[Reply]) -> bool:
    return isinstance(reply, asyncio.Future) and reply.done()


async def _next(source: Input, at: int, most: int) -> bytes:
    while (data := source.read(at, most)) is None:
        more: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        source.when_more(partial(_wake, more))
        await more
    return bytes(data)  # which waits to be sent, while the next is read


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Piece(NamedTuple):
    at: int
    size: int
    reply: Awaitable[Reply]


async def read(
    server: Server,
    handle: bytes,
    path: bytes,
    sink: Sink,
    size: int | None,
    most: int,
    moved: Callable[[int, int], None],
) -> int:
    """Read an open file into the sink; `size` is what the host says of it, None if nothing. Return its true size."""
    if size is not None and size > most:
        raise _too_large(path, f"it has {size:,} bytes", most)
    asked, came, step = 0, 0, server.read_most
    under_way: deque[_Piece] = deque()
    limit = most + 1 if size is None else size
    while True:
        while asked < limit and len(under_way) < MOST_REQUESTS and asked - came < MOST_BYTES:
            length = min(step, limit - asked)
            under_way.append(_Piece(asked, length, await _ask(server, handle, asked, length)))
            asked += length
        if not under_way:
            break
        piece = under_way.popleft()
        data = _data(await piece.reply, piece.size, path)
        if data is None and size is None:
            break
        if data is None:
            raise _changed(path, f"it ended after {piece.at:,} of {size:,} bytes")
        if len(data) < piece.size:  # ask for its rest first, and from now on for no more than is given at a time
            step = max(min(step, len(data)), 512)
            at, length = piece.at + len(data), piece.size - len(data)
            under_way.appendleft(_Piece(at, length, await _ask(server, handle, at, length)))
        if (wait := sink.write(data)) is not None:
            await wait
        came += len(data)
        if came > most:
            raise _too_large(path, "it has more", most)
        moved(came, size or 0)
    if size is not None and _data(await (await _ask(server, handle, size, 1)), 1, path) is not None:
        raise _changed(path, f"it has more than {size:,} bytes")
    return came


async def _ask(server: Server, handle: bytes, at: int, length: int) -> Awaitable[Reply]:
    return await server.requests.post(Kind.READ, text(handle), u64(at), u32(length), cost=length)


def _data(reply: Reply, most: int, path: bytes) -> memoryview | None:
    """Return what a READ gave; None at the end."""
    try:
        found = reader(reply, Kind.DATA, "read", path)
        data = found.view()
        found.end()
    except refused.Refused as error:
        if error.code == refused.EOF:
            return None
        raise
    except Malformed as error:
        raise refused.broken(str(error)) from None
    if not 0 < len(data) <= most:
        raise refused.broken(f"{len(data)} bytes where up to {most} were asked for")
    return data


def _changed(path: bytes, why: str) -> Exception:
    return refused.failed("changed-while-read", f"`{refused.shown(path)}` changed while it was copied: {why}")


def _too_large(path: bytes, why: str, most: int) -> Exception:
    return refused.failed("too-large", f"`{refused.shown(path)}` is too large: {why}, and {most:,} are allowed")
