"""The standard input of one command on one channel, sent as far as everybody on the way can take it.

Promises: no more leaves than the host's window allows, and no more is encrypted ahead of the network than a bounded
queue holds; nothing is added while keys change, when it could only be held back. Whatever was in the way calls `pump`
when it is out of the way: the host's window, the socket, the key exchange, and who writes the input.

Why not all that the window allows: what sshd has not passed on to its command yet lies in a buffer that it enlarges by
32 KiB at a time, copied and wiped each time, which up to its 2 MiB costs more than 64 MiB of AES. A host that is near
is given no more than keeps it busy. Only sshd: whoever opens his window when half of it is used would wait for ever.
"""

import asyncio

from pssh.transport.feed import Feed
from pssh.transport.ssh.driver import OPENSSH, Driver
from pssh.transport.ssh.wire import u32

_MOST = 32 << 10  # bytes in one packet
_PIECE, _PACKETS = 256 << 10, 64  # bytes and packets put in at once: a host may take one byte in each
_MOST_QUEUED = 256 << 10  # bytes that have not left yet
_NEAR, _RATE = 512 << 10, 1 << 30  # bytes under way to sshd at least; bytes a second that the rest of its window is for
_LEAST = 128 << 10  # bytes less than that: for fewer it is not worth to begin again
_PATIENCE = 1.0  # seconds for a host to open its window; after that it is none of sshd's


class Stdin:
    """Sends a feed, and its end."""

    def __init__(self, driver: Driver, feed: Feed) -> None:
        self.moved = 0.0  # when bytes last left
        self._driver, self._feed, self._senders = driver, feed, driver.senders
        self._loop = asyncio.get_running_loop()
        self._remote = 0
        self._room = self._packet = 0  # bytes that the host's window has room for; bytes in one packet
        self._widest = self._near = 0  # bytes: the window with nothing under way; how many are to be that, 0: all
        self._widened = 0  # times
        self._doubt: asyncio.TimerHandle | None = None
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
        self._room = self._widest = room
        self._packet = max(packet, 1)
        seconds = self._driver.round_trip()
        if seconds and self._driver.remote_version.startswith(OPENSSH):
            self._near = max(_NEAR, int(seconds * _RATE))
        self.pump()

    def widen(self, more: int) -> None:
        """The host takes so many bytes more; the driver calls `pump` once it has heard all that came."""
        self._room = min(self._room + more, 0xFFFFFFFF)
        self._widest = max(self._widest, self._room)
        self._widened += 1

    def release(self) -> None:
        """Send what was held for a question that did not come."""
        self._feed.release()
        self._go_on()

    def pump(self) -> None:
        """Send what can be sent now; without a flush, because it is called by that."""
        while not self._ended and not self._enough():
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
        if self._doubt is not None:
            self._doubt.cancel()
        self._feed.close()

    def _go_on(self) -> None:
        self.pump()
        self._driver.flush()

    def _most(self) -> int:
        if self._driver.held is not None:  # so that nothing has to be held back
            return 0
        queued = len(self._driver.packetizer.out)
        return min(self._allowed(), _PIECE, self._packet * _PACKETS) if queued < _MOST_QUEUED else 0

    def _allowed(self) -> int:
        """Return how many bytes may leave: what the window has room for, and of that a part if the host is near."""
        return min(self._room, self._near - (self._widest - self._room)) if self._near else self._room

    def _enough(self) -> bool:
        """Whether so much is under way to a host that is near that it is better to wait until it has taken some."""
        if self._allowed() >= min(_LEAST, self._room):
            return False
        if self._doubt is None:
            self._doubt = self._loop.call_later(_PATIENCE, self._look_again, self._widened)
        return True

    def _look_again(self, widened: int) -> None:
        """Hold nothing back from a host that has not opened its window since."""
        self._doubt = None
        if self._widened == widened:
            self._near = 0
        self._go_on()
