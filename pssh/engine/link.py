"""One end of the socket between the parent and a worker: frames in, frames out, many to a system call.

What is sent during one turn of the loop leaves in one system call, and one read hands over every whole frame it holds.
`send_now` returns only once the kernel has it, and everything queued before: after that the other side will read it
even if this process dies. `send_then` calls back then, and holds nobody up meanwhile.
"""

import asyncio
import select
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from pssh.engine.wire import Garbled, pack, unpack

_HEADER = 4
_READ = 256 << 10
_ROOM = 1 << 20  # above so many queued bytes, whoever can wait is asked to


class Link:
    """Reads values of one type from a socket and writes values of another; belongs to the running loop."""

    def __init__(
        self,
        sock: socket.socket,
        kind: Any,
        limit: int,
        hear: Callable[[Any], None],
        gone: Callable[[str], None],
        turn: Callable[[int], None] = lambda size: None,
    ) -> None:
        """`hear` gets each value; `turn` follows those of one read, with its size; `gone` says what was garbled."""
        sock.setblocking(False)
        self.closed = False
        self._sock, self._fd = sock, sock.fileno()
        self._kind, self._limit = kind, limit
        self._hear, self._gone, self._turn = hear, gone, turn
        self._in, self._out = bytearray(), bytearray()
        self._chunk = memoryview(bytearray(_READ))
        self._loop = asyncio.get_running_loop()
        self._flushing = self._writing = False
        self._room: asyncio.Future[None] | None = None
        self._written = 0  # bytes that the kernel took
        self._calls: deque[tuple[int, Callable[[], None]]] = deque()  # each with the bytes it waits for
        self.resume()

    def pause(self) -> None:
        """Read nothing for a while."""
        if not self.closed:
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        if not self.closed:
            self._loop.add_reader(self._fd, self._readable)

    def send(self, value: Any) -> None:
        """Queue a value; it leaves at the end of this turn of the loop."""
        self.send_raw(pack(value))

    def send_raw(self, raw: bytes) -> None:
        """Queue a value that is packed already."""
        self._queue(raw)
        self._flush_soon()

    def send_now(self, value: Any) -> bool:
        """Return true once the kernel has this value and all before it, false if the other side is gone."""
        self._queue(pack(value))
        while there := self._write():
            if not self._out:
                break
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            poll.poll()
        return there

    def send_then(self, value: Any, call: Callable[[], None]) -> None:
        """Call once the kernel has this value and all before it: at once if it can be; never if the other is gone."""
        self._queue(pack(value))
        end = self._written + len(self._out)
        if self._write() and self._written >= end:
            call()
        elif self._out:
            self._calls.append((end, call))
            self._flush_soon()

    def room(self) -> Awaitable[None] | None:
        """Return something to await if more than 1 MiB is queued."""
        if len(self._out) <= _ROOM or self.closed:
            return None
        if self._room is None:
            self._room = self._loop.create_future()
        return asyncio.shield(self._room)

    def close(self) -> None:
        """Neither read nor write any more; `gone` is not called."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._out.clear()
            self._calls.clear()
            self._make_room()
            self._sock.close()

    def _queue(self, raw: bytes) -> None:
        self._out += len(raw).to_bytes(_HEADER, "big")
        self._out += raw

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._writing and not self.closed and self._write() and self._out:
            self._writing = True
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        if not self._write() or not self._out:
            self._writing = False
            self._loop.remove_writer(self._fd)

    def _write(self) -> bool:
        """Send what the kernel takes; false if there is nobody to send to, which reading will find out."""
        if self._out:
            try:
                size = self._sock.send(self._out)
            except BlockingIOError:
                return True
            except OSError:
                self._out.clear()
                self._calls.clear()
                return False
            else:
                del self._out[:size]
                self._written += size
                while self._calls and self._calls[0][0] <= self._written:
                    self._loop.call_soon(self._calls.popleft()[1])
            finally:
                if len(self._out) <= _ROOM // 4:
                    self._make_room()
        return True

    def _make_room(self) -> None:
        if self._room is not None:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None

    def _readable(self) -> None:
        try:
            size = self._sock.recv_into(self._chunk)
        except BlockingIOError:
            return
        except OSError:  # the peer died with something of ours unread
            size = 0
        if not size:
            self._broke("")
            return
        self._in += self._chunk[:size]
        try:
            self._frames()
        except Garbled as error:
            self._broke(str(error))
            return
        self._turn(size)

    def _frames(self) -> None:
        at, end = 0, len(self._in)
        with memoryview(self._in) as view:
            while end - at >= _HEADER and not self.closed:
                size = int.from_bytes(view[at : at + _HEADER], "big")
                if not 0 < size <= self._limit:
                    raise Garbled(f"a frame of {size} bytes")
                if end - at - _HEADER < size:
                    break
                at += _HEADER + size
                self._hear(unpack(view[at - size : at], self._kind))
        del self._in[:at]

    def cut(self) -> None:
        """Treat the link as ended."""
        self._broke("")

    def _broke(self, why: str) -> None:
        self.close()
        self._gone(why)
