"""A socket with a driver behind it: reads and writes when the kernel is ready, and tells once how it ended.

The loop is given descriptor numbers: with socket objects `selectors` formats their `repr` at each registration. One
`recv` of at most 256 KiB per readiness, so that one loud host cannot starve the others, and of 16 KiB until a host has
filled that. Everything a turn produces leaves in one `send`.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable

from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.wire import lap

_FIRST_READ = 16 << 10
_LITTLE = 256 << 10  # bytes still to be sent, below which more is asked for
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


def prepare(sock: socket.socket, keepalive: float) -> None:
    """Set what a fleet tool needs before connecting; `keepalive` is in seconds."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if keepalive and _USER_TIMEOUT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(keepalive * 3000))


class Link:
    """One connected socket. `on_end` is called once, with what ended it, unless we close it ourselves."""

    def __init__(self, sock: socket.socket, driver: Driver, on_end: Callable[[Exception], None]) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._driver = driver
        self._on_end = on_end
        self._writing = False
        self._open = True
        self._acks = sock.family != socket.AF_UNIX
        self._flows = False  # the host has filled a small piece, and may be read in large ones
        self.heard = self._loop.time()  # when the host last sent anything
        self.misses = 0  # signs of life asked for and not answered
        driver.flush = self.flush
        driver.on_error = self.fail
        driver.on_answer = self._answered
        driver.round_trip = self._round_trip
        driver.packetizer.straight = self._straight

    def start(self) -> None:
        self._loop.add_reader(self._fd, self._readable)
        self._driver.begin()
        self.flush()

    def flush(self) -> None:
        """Send what the kernel takes now; the rest follows when it is ready."""
        if not self._open:
            return
        out = self._driver.packetizer.out
        try:
            if out:
                del out[: self._sock.send(out)]
            if len(out) < _LITTLE:
                self._driver.on_room()
        except BlockingIOError:
            pass
        except OSError as error:
            self.fail(error)
            return
        if bool(out) != self._writing:
            self._writing = bool(out)
            if out:
                self._loop.add_writer(self._fd, self.flush)
            else:
                self._loop.remove_writer(self._fd)

    def _straight(self, data: memoryview) -> int:
        """Send what the kernel takes now of what nothing waits in front of; an error is seen by the flush behind it."""
        try:
            return self._sock.send(data) if self._open else 0
        except OSError:
            return 0

    def _round_trip(self) -> float:
        """Return the shortest time in seconds that a segment and its answer took; 0: the kernel does not say."""
        with contextlib.suppress(OSError):
            if _TCP_INFO is not None and len(info := self._sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 152)) == 152:
                return int.from_bytes(info[148:], sys.byteorder) / 1e6  # `tcpi_min_rtt` of linux/tcp.h
        return 0.0

    def fail(self, error: Exception) -> None:
        """End the connection for a reason."""
        if self._open:
            self._shut()
            self._on_end(error)

    def close(self) -> None:
        """Leave politely; the host sees a DISCONNECT."""
        if self._open:
            with contextlib.suppress(OSError):
                self._driver.say_goodbye()
                self._sock.send(self._driver.packetizer.out)
            self._shut()
        self._driver.dissolve()

    def _shut(self) -> None:
        self._open = False
        self._loop.remove_reader(self._fd)
        if self._writing:
            self._loop.remove_writer(self._fd)
        self._sock.close()

    def _readable(self) -> None:
        try:
            data: bytes | memoryview
            if self._flows:
                data = lap()
                data = data[: self._sock.recv_into(data)]
            else:
                data = self._sock.recv(_FIRST_READ)
                self._flows = len(data) == _FIRST_READ and self._driver.packetizer.flows
            if _QUICKACK is not None and self._acks and not self._flows:
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # the kernel clears it after each
            self.heard = self._loop.time()
            self._driver.feed(data)
            # With no channel left, a CLOSE waits for what follows at once: the next request, or our DISCONNECT.
            if self._open and (self._driver.channels or not self._driver.authenticated):
                self.flush()
        except BlockingIOError:
            pass
        except Exception as error:  # noqa: BLE001  whatever a hostile host provokes ends this connection only
            self.fail(error)

    def _answered(self) -> None:
        self.misses = 0
