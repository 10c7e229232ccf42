"""The standard streams of one command on this machine: which descriptors it gets, and which ends of them are ours.

Input that is all there is an unlinked file, which needs neither pump nor end, and disturbs nobody who does not read it;
what may still grow, or waits for a password, goes through a pipe; a terminal is all three streams at once. Why not
asyncio's own pipe: it is a socket, which `/dev/stdin` cannot open.
"""

import asyncio
import contextlib
import errno
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from io import FileIO

from pssh.model.outcome import Failure
from pssh.model.work import Input
from pssh.transport import terminal
from pssh.transport.feed import Feed
from pssh.transport.pump import Pump


class Ends:
    """Ours are closed by `close`; the command's are closed here as soon as it has its own copies."""

    def __init__(self) -> None:
        self._pump: Pump | None = None
        self._master: FileIO | None = None
        self.screen: asyncio.ReadTransport | None = None  # what a terminal shows

    @contextlib.contextmanager
    def given(
        self, stdin: bytes | Input, feed: Feed, *, tty: bool, prompted: bool, on_moved: Callable[[], None]
    ) -> Iterator[int]:
        """Yield what the command gets as its standard input, and on a terminal as its output too; raises OSError."""
        if tty:
            ours, theirs = terminal.opened()
            self._master = FileIO(ours, "r+")
            self._pump = Pump(os.dup(ours), feed, on_moved)
            with FileIO(theirs, "r+"):
                yield theirs
        elif not prompted and feed.empty:
            yield subprocess.DEVNULL
        elif not prompted and isinstance(stdin, bytes):
            with tempfile.TemporaryFile() as file:
                file.write(stdin)
                file.flush()
                os.lseek(file.fileno(), 0, os.SEEK_SET)
                yield file.fileno()
        else:
            theirs, ours = os.pipe()
            self._pump = Pump(ours, feed, on_moved)
            with FileIO(theirs, "r"):
                yield theirs

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Begin to write the input, and to read what a terminal shows."""
        if self._master is not None:
            self.screen, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self._master)
        self.move()

    def move(self) -> None:
        """Write on: there may be an answer, or the input may follow."""
        if self._pump is not None:
            self._pump.move()

    def close(self) -> None:
        if self._pump is not None:
            self._pump.close()
        if self.screen is not None:
            self.screen.close()
        elif self._master is not None:
            self._master.close()


def not_started(error: OSError | ValueError) -> Failure:
    """Return why a command could not be started."""
    number = error.errno if isinstance(error, OSError) else 0
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if number in (errno.E2BIG, 0):
        return Failure(stage="exec", kind="denied", message=f"this machine cannot run such a command: {words}")
    kind = "disk-full" if number in (errno.ENOSPC, errno.EDQUOT) else "denied"
    return Failure(stage="local", kind=kind, message=f"this machine could not start the command: {words}")
