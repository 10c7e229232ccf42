"""The run's input as a worker sees it: one file, its length as it is told, and a place in it for each host.

The file crosses the process border as a descriptor, before the first frame. Promise: no host is ever told of an end
that is none; an input that cannot be read any more, or was cut short, ends the job.
"""

import array
import contextlib
import os
import socket
from collections.abc import Callable

from pssh.model.outcome import Failure

AHEAD = 8 << 20  # bytes that are taken beyond what the fastest host has read
_PRELUDE = 8  # bytes that come with the descriptor: where the input begins in the file


def send(sock: socket.socket, file: int | None, base: int) -> None:
    """Hand over the input, or say that there is none; if the other side is gone, reading will find out."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))] if file is not None else []
    with contextlib.suppress(OSError):
        sock.sendmsg([base.to_bytes(_PRELUDE, "big")], rights)


def receive(sock: socket.socket) -> "Given | None":
    """Wait for the input. Raises EOFError if the other side is gone; None if the run has none."""
    prelude, files, _, _ = socket.recv_fds(sock, _PRELUDE, 1)
    if len(prelude) < _PRELUDE:
        raise EOFError
    if not files:
        return None
    os.set_inheritable(files[0], False)
    return Given(files[0], int.from_bytes(prelude, "big"))


class Given:
    """The input, as far as it has come."""

    def __init__(self, file: int, base: int) -> None:
        self.want: Callable[[int], None] = _nobody  # is told how far the fastest host has read
        self.size, self.ended = 0, False
        self.broken: Failure | None = None  # why there will be no more although it has not ended
        self._file, self._base = file, base
        self._asked = 0
        self._waiting: set[Place] = set()

    def grown(self, size: int, ended: bool, broken: Failure | None = None) -> None:
        """Note how far the input reaches, and tell those who wait for more."""
        self.size, self.ended, self.broken = size, ended, broken
        waiting, self._waiting = self._waiting, set()
        for place in waiting:
            place.wake()

    def place(self, broke: Callable[[Failure], None]) -> "Place":
        """Return what one job reads from; `broke` is called if it cannot be read."""
        return Place(self, broke)

    def read(self, at: int, most: int) -> bytes:
        """Return up to `most` bytes of those that are there. Raises OSError."""
        data = os.pread(self._file, min(most, self.size - at), self._base + at)
        if not self.ended and at + len(data) > self._asked + AHEAD // 2:
            self._asked = at + len(data)
            self.want(self._asked)
        return data

    def wait(self, place: "Place") -> None:
        self._waiting.add(place)

    def leave(self, place: "Place") -> None:
        self._waiting.discard(place)


class Place:
    """One job's input."""

    def __init__(self, given: Given, broke: Callable[[Failure], None]) -> None:
        self._given, self._broke = given, broke
        self._calls: list[Callable[[], None]] = []

    def read(self, at: int, most: int) -> bytes | None:
        if at >= self._given.size:
            if self._given.broken is not None:
                self._broke(self._given.broken)
            return b"" if self._given.ended else None
        try:
            data = self._given.read(at, most)
        except OSError as error:
            self._fail(f"the input of the run cannot be read: {error.strerror}")
            return None
        if not data:
            self._fail("the input of the run was cut short while it was read")
            return None
        return data

    def when_more(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        self._given.wait(self)

    def wake(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            call()

    def close(self) -> None:
        """Wait for nothing any more: who is called back keeps a host's whole output alive."""
        self._given.leave(self)
        self._calls.clear()
        self._broke = _nothing

    def _fail(self, message: str) -> None:
        self._broke(Failure(stage="local", kind="changed", message=message))


def _nobody(at: int) -> None: ...


def _nothing(failure: Failure) -> None: ...
