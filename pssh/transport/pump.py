"""Writes a feed into a pipe or a terminal of a command on this machine, without ever waiting for the command."""

import asyncio
import os
from collections.abc import Callable

from pssh.transport.feed import Feed

_MOST = 64 << 10  # a pipe's usual size


class Pump:
    """Owns the descriptor, and closes it at the feed's end, when nobody reads any more, or when told to."""

    def __init__(self, fd: int, feed: Feed, on_moved: Callable[[], None]) -> None:
        os.set_blocking(fd, False)
        self._fd, self._feed, self._on_moved = fd, feed, on_moved
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._waits = False
        feed.on_more = self.move

    def move(self) -> None:
        """Write what there is and what goes in; the rest follows when there is room."""
        while self._fd >= 0:
            if not self._rest:
                data = self._feed.next(_MOST)
                if data is None:
                    self._wait(False)
                    return
                if not data:
                    self.close()
                    return
                self._rest = bytes(data)
            try:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
                self._on_moved()
            except BlockingIOError:
                self._wait(True)
                return
            except OSError:  # nobody reads any more, which is no fault of the command
                self.close()

    def close(self) -> None:
        """Let whoever reads see the end."""
        if self._fd >= 0:
            self._wait(False)
            os.close(self._fd)
            self._fd = -1
            self._feed.close()
            self._on_moved = _nothing  # it leads back to us, and no collector runs

    def _wait(self, waits: bool) -> None:
        if waits != self._waits:
            self._waits = waits
            if waits:
                self._loop.add_writer(self._fd, self.move)
            else:
                self._loop.remove_writer(self._fd)


def _nothing() -> None: ...
