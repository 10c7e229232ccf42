"""What the run was given to read, put into one file that every worker reads at its own pace.

Promises: a regular file is read where it lies, from where it stood to the end it had; anything else is taken as it
comes, into a file without a name, of which nothing is left however the run ends; no more is taken than a little beyond
what the fastest host has read; the end is told only if it was reached, and where nothing more can be had, that is told.

Why not a pipe to each worker: a host that reads slowly, or begins late, would hold up all others.
"""

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Callable
from typing import Self

from pssh.engine import given
from pssh.engine.wire import Grown
from pssh.model.event import Notice
from pssh.model.outcome import Failure

_PIECE = 256 << 10
_STDIN = 0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # of the file that keeps what comes

Hear = Callable[[Grown], None]


class Spool:
    """The input of one run."""

    def __init__(self, source: int) -> None:
        """Take over an open file. Raises OSError."""
        self.base = self.size = 0  # where the input begins in the file, and how many bytes are there by now
        self.ended = False
        self.broken: Failure | None = None  # why there will be no more although it has not ended
        self._source = self.file = source
        self._wanted = 0  # how far the fastest host has read
        self._hearers: list[Hear] = []
        self._notice: Callable[[Notice], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading = self._always = self._closed = False
        status = os.fstat(source)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if stat.S_ISREG(status.st_mode):
            self.base = os.lseek(source, 0, os.SEEK_CUR)
            self.size, self.ended = max(status.st_size - self.base, 0), True
        else:
            self.file = _nameless()

    @classmethod
    def stdin(cls) -> Self:
        """Return a spool of our own standard input. Raises OSError."""
        return cls._taking(os.dup(_STDIN))

    @classmethod
    def read(cls, path: str) -> Self:
        """Return a spool of that file. Raises OSError; waits for whoever writes into a named pipe."""
        return cls._taking(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    @classmethod
    def _taking(cls, source: int) -> Self:
        try:
            return cls(source)
        except OSError:
            os.close(source)
            raise

    def start(self, notice: Callable[[Notice], None]) -> None:
        """Begin to take what comes, in the running loop; `notice` is told what goes wrong."""
        self._loop, self._notice = asyncio.get_running_loop(), notice
        self._go_on()

    def subscribe(self, hear: Hear) -> None:
        """Tell `hear` how far the input reaches, now and whenever that changes."""
        self._hearers.append(hear)
        if self.size or self._over:
            hear(Grown(self.size, self.ended, self.broken))

    def unsubscribe(self, hear: Hear) -> None:
        if hear in self._hearers:
            self._hearers.remove(hear)

    def given(self) -> given.Given:
        """Return the input for whoever reads it in this process."""
        found = given.Given(self.file, self.base)
        found.want = self.wanted
        self.subscribe(lambda grown: found.grown(grown.size, grown.ended, grown.broken))
        return found

    def wanted(self, at: int) -> None:
        """Some host has read so far."""
        self._wanted = max(self._wanted, at)
        self._go_on()

    def halt(self) -> None:
        """Take nothing more. The end is not told: what has come is not all there was."""
        self._hold()
        self._loop = None

    def close(self) -> None:
        """Free everything. A file that was given is left as if it had been read, for whoever reads on."""
        self.halt()
        if self._closed:
            return
        self._closed = True
        self._hearers.clear()
        if self.file is self._source:
            with contextlib.suppress(OSError):
                os.lseek(self._source, self.base + self.size, os.SEEK_SET)
        else:
            os.close(self.file)
        os.close(self._source)

    # ---- taking what comes

    def _go_on(self) -> None:
        if self._loop is None or self._reading or self._over or self.size >= self._wanted + given.AHEAD:
            return
        self._reading = True
        try:
            # Never set to non-blocking: who shares the terminal with us would find it so.
            self._loop.add_reader(self._source, self._take)
        except PermissionError:  # a device that is always ready, so that the system does not watch it
            self._always = True
            self._loop.call_soon(self._take)

    def _hold(self) -> None:
        if self._reading and self._loop is not None and not self._always:
            self._loop.remove_reader(self._source)
        self._reading = False

    def _take(self) -> None:
        if not self._reading:
            return
        try:
            data = os.read(self._source, _PIECE)
            self._keep(data)
            self.ended = not data
        except BlockingIOError:  # somebody who shares it was quicker
            return
        except OSError as error:
            self._break(error)
        if self._over or self.size >= self._wanted + given.AHEAD:
            self._hold()
        elif self._always and self._loop is not None:
            self._loop.call_soon(self._take)
        for hear in tuple(self._hearers):
            hear(Grown(self.size, self.ended, self.broken))

    @property
    def _over(self) -> bool:
        return self.ended or self.broken is not None

    def _keep(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            written = os.pwrite(self.file, left, self.size)
            left, self.size = left[written:], self.size + written

    def _break(self, error: OSError) -> None:
        text = f"the input of the run broke off after {self.size:,} bytes: {error.strerror or error}"
        kind = "disk-full" if error.errno in _FULL else "changed"
        self.broken = Failure(stage="local", kind=kind, message=text)
        if self._notice is not None:
            self._notice(Notice(text, hint="commands that come to this place are ended: there was more to read"))


def _nameless() -> int:
    """Return a new file that has no name, and so ends with the last process that holds it."""
    import tempfile  # 4 ms that only a piped input is worth

    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())
