"""A TCP connection that a host makes for us: one `direct-tcpip` channel, and a socket here whose other end it is.

Promises: what may wait on either side is bounded; the end of either side ends the other; a host that ends in mid-way
looks to whoever has the socket like a connection that was closed. Why a socket pair, and not the channel itself: what
goes through is a whole connection with its own reads, writes and keys, and nothing of it has to know.
"""

import asyncio
import socket
from contextlib import suppress

from paramiko import common

from pssh.model.work import TransportError
from pssh.transport.duplex import Inbox, Outbox
from pssh.transport.feed import Feed
from pssh.transport.ssh.channel import MAX_DATA, WINDOW, OpenRefused, Window, expect, refusal
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.failures import unconnected
from pssh.transport.ssh.stdin import Stdin
from pssh.transport.ssh.wire import Fields, ProtocolError, text, u32

_PIECE = 128 << 10  # bytes read at once from the pair


class Tunnel:
    """One such channel of a connection that is logged in."""

    def __init__(self, driver: Driver, address: str, port: int) -> None:
        self._driver = driver
        self._where = text(address) + u32(port) + text("127.0.0.1") + u32(0)  # RFC 4254 section 7.2
        self._outbox, self._inbox = Outbox(), Inbox()
        self._stdin = Stdin(driver, Feed(self._outbox))
        self._window = Window(driver, lambda error: None)
        self._remote = 0
        self._over = self._left = False
        self._pumps: list[asyncio.Task[None]] = []
        self._finishing: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self.number = driver.add(self)

    async def open(self) -> socket.socket:
        """Return its socket; raises OpenRefused, TransportError, or what ended the connection."""
        self._driver.open(self)
        try:
            return await self._opened
        except asyncio.CancelledError:
            if self._opened.done() and not self._opened.cancelled() and self._opened.exception() is None:
                self._opened.result().close()  # it came, and nobody takes it any more
            raise

    # ---- a Channel

    def request_open(self, *, speculate: bool) -> None:
        head = b"\x5a" + text("direct-tcpip") + u32(self.number) + u32(WINDOW) + u32(MAX_DATA)
        self._driver.send(head + self._where)

    def passed_over(self) -> None: ...

    def on(self, kind: int, fields: Fields) -> None:
        if kind == common.MSG_CHANNEL_DATA:
            data = bytes(fields.string())
            self._window.count(len(data))
            self._window.taken(self._inbox.write(data))
        elif kind == common.MSG_CHANNEL_WINDOW_ADJUST:
            self._stdin.widen(fields.u32())
        elif kind == common.MSG_CHANNEL_OPEN_SUCCESS:
            self._begin(fields)
        elif kind == common.MSG_CHANNEL_OPEN_FAILURE:
            del self._driver.channels[self.number]
            self._refuse(refusal(fields, "connection"))
        elif kind == common.MSG_CHANNEL_EOF:
            self._end()
        elif kind == common.MSG_CHANNEL_CLOSE:
            self._close()
            del self._driver.channels[self.number]
            self._refuse(OpenRefused("no connection: it was closed at once"))
            self._end()
        elif kind == common.MSG_CHANNEL_REQUEST:
            fields.string()
            if fields.bool():
                self._driver.send(b"\x64" + u32(self._remote))
        else:
            raise ProtocolError(f"unexpected packet {kind}")

    def fail(self, error: Exception) -> None:
        """The connection ended."""
        self._left = True
        self._close()
        self._outbox.clear()
        self._refuse(error)
        self._end()

    # ---- between the channel and the pair

    def _begin(self, fields: Fields) -> None:
        expect(not self._pumps, "a connection that is open was opened again")
        self._remote = self._window.remote = fields.u32()
        self._stdin.opened(fields.u32(), fields.u32())
        if self._opened.done():  # nobody waits any more
            self._close()
            return
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:  # of this host alone: the connection serves others
            self._refuse(TransportError(unconnected(error, "")))
            self._close()
            return
        for end in (ours, theirs):
            end.setblocking(False)
        self._stdin.begin(self._remote)
        self._pumps = [asyncio.ensure_future(self._inwards(ours)), asyncio.ensure_future(self._outwards(ours))]
        self._finishing = asyncio.ensure_future(self._finish(ours))
        self._opened.set_result(theirs)

    async def _outwards(self, ours: socket.socket) -> None:
        """Send the host what is written into the pair."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while (data := await loop.sock_recv(ours, _PIECE)) and self._driver.active:
                if (wait := self._outbox.put(data)) is not None:
                    await wait
        self._end()
        if self._driver.active:  # else it was left, and knows nothing any more
            self._outbox.close()

    async def _inwards(self, ours: socket.socket) -> None:
        """Write into the pair what the host sends, and its end behind that."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while (data := self._inbox.take()) or not self._over:
                if data:
                    await loop.sock_sendall(ours, data)
                else:
                    await self._inbox.wait()
            ours.shutdown(socket.SHUT_WR)

    async def _finish(self, ours: socket.socket) -> None:
        """Once nothing more comes out of the pair, leave; what it can still take it has been given."""
        try:
            await asyncio.wait(self._pumps)
        finally:
            ours.close()
        self._outbox.clear()
        self._window.let_go()
        if not self._left and self._driver.active:
            self._close()
            self._driver.flush()

    def _end(self) -> None:
        self._over = True
        self._inbox.wake()

    def _refuse(self, error: Exception) -> None:
        if not self._opened.done():
            self._opened.set_exception(error)

    def _close(self) -> None:
        self._window.close()
        self._stdin.close()
        if not self._left and self._driver.active:
            self._left = True
            self._driver.send(b"\x61" + u32(self._remote))
