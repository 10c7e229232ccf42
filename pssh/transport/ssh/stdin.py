"""The standard input of one command on one channel, sent as far as everybody on the way can take it.

Promises: no more leaves than the host's window allows, and no more is encrypted ahead of the network than a bounded
queue holds; nothing is added while keys change, when it could only be held back. Whatever was in the way calls `pump`
when it is out of the way: the host's window, the socket, the key exchange, and who writes the input.
"""

import asyncio

from pssh.transport.feed import Feed
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.wire import u32

_MOST = 32 << 10  # bytes in one packet
_PIECE, _PACKETS = 256 << 10, 64  # bytes and packets put in at once: a host may take one byte in each
_MOST_QUEUED = 1 << 20  # bytes that have not left yet


class Stdin:
    """Sends a feed, and its end."""

    def __init__(self, driver: Driver, feed: Feed) -> None:
        self.moved = 0.0  # when bytes last left
        self._driver, self._feed, self._senders = driver, feed, driver.senders
        self._loop = asyncio.get_running_loop()
        self._remote = 0
        self._room = self._packet = 0  # bytes that the host's window has room for; bytes in one packet
        self._ended = True

    def begin(self, remote: int) -> None:
        """The command was requested: send the end of an empty input at once, or `cat` would wait for ever."""
        self._remote, self._ended = remote, False
        self._feed.on_more = self._go_on
        self.pump()
        if not self._ended and self.pump not in self._senders:
            self._senders.append(self.pump)

    def passed_over(self) -> None:
        """The request, and all that went with it, was not looked at: there will be another."""
        self._ended = True

    def opened(self, room: int, packet: int) -> None:
        """The host opened the channel with this window, and takes so much in a packet."""
        self._room, self._packet = room, max(packet, 1)
        self.pump()

    def widen(self, more: int) -> None:
        """The host takes so many bytes more; the driver calls `pump` once it has heard all that came."""
        self._room = min(self._room + more, 0xFFFFFFFF)

    def release(self) -> None:
        """Send what was held for a question that did not come."""
        self._feed.release()
        self._go_on()

    def pump(self) -> None:
        """Send what can be sent now; without a flush, because it is called by that."""
        while not self._ended:
            data = self._feed.next(self._most())
            if data is None:
                return
            if data:
                self._driver.packetizer.send_data(b"\x5e" + u32(self._remote), data, min(self._packet, _MOST))
                self._room -= len(data)
                self.moved = self._loop.time()
            else:
                self._driver.send(b"\x60" + u32(self._remote))
                self._ended = True

    def close(self) -> None:
        """Send nothing more."""
        self._ended = True
        if self.pump in self._senders:
            self._senders.remove(self.pump)
        self._feed.close()

    def _go_on(self) -> None:
        self.pump()
        self._driver.flush()

    def _most(self) -> int:
        if self._driver.held is not None:  # so that nothing has to be held back
            return 0
        queued = len(self._driver.packetizer.out)
        return min(self._room, _PIECE, self._packet * _PACKETS) if queued < _MOST_QUEUED else 0
