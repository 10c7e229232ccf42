"""What hosts print beyond what a result holds, whole: a folder for each run, a file for each stream of such a host.

A file is begun once a host has printed more than fits into the memory it has here, holds its stream from the first
byte, and goes again if the result turns out to hold everything. So much of a host is taken, and of all hosts together;
what is more is left to the result, which has the end of it and counts the rest. Nothing here ever fails a host: where
the disk is full, what was written stays, and its row says so.

Why in the workers: what hosts print is not sent on to the main process only to be written down. They share what the run
may take by a number in a file, under a lock that ends with its holder.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply, Result
from pssh.model.work import StreamName

HELD = 128 << 10  # bytes of a stream that wait for their file
_PIECE = 256 << 10
_AT_ONCE = 1 << 20  # bytes that a process takes of what the run may have
_COMPARED = 4096
_ROOM = "room"  # the file with the number of bytes taken
_STREAMS: tuple[StreamName, ...] = ("stdout", "stderr")


class Budget(Struct, frozen=True):
    """Where the outputs of a run go, and how many bytes of a host and of all hosts; 0: any number."""

    path: str = ""
    most: int = 0
    most_run: int = 0


NOWHERE = Budget()


def path_of(folder: Path, run: str) -> Path:
    """Return the folder of a run's outputs."""
    return folder / f"{run}.spool"


def remove(folder: Path, run: str) -> None:
    """Remove the outputs of a run, if there are any."""
    with suppress(OSError):
        shutil.rmtree(path_of(folder, run))


def settle(folder: Path, run: str) -> None:
    """Remove what only a run that goes on needs, and the folder if nothing else is there."""
    with suppress(OSError):
        (path_of(folder, run) / _ROOM).unlink()
    with suppress(OSError):
        path_of(folder, run).rmdir()


def pieces(folder: Path, run: str, job: int, stream: StreamName, most: int) -> Iterator[bytes]:
    """Yield the first so many bytes of a stream; fewer where a file is gone or was cut."""
    with suppress(OSError):
        descriptor = os.open(_file(path_of(folder, run), job, stream), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while most and (data := os.read(descriptor, min(_PIECE, most))):
                most -= len(data)
                yield data
        finally:
            os.close(descriptor)


def printed(folder: Path, run: str, result: Result) -> Iterator[tuple[StreamName, bytes]]:
    """Yield all that is kept of what a host printed, in pieces, stdout first; what is missing is passed over."""
    for name in _STREAMS:
        data, end = getattr(result.end, name), getattr(result.end, f"{name}_bytes")
        tail = len(data) - len(data) // 2
        wanted = min(getattr(result.end, f"{name}_spooled"), end - tail)
        read = 0
        for piece in pieces(folder, run, result.job_id, name, wanted):
            read += len(piece)
            yield name, piece
        if rest := data[len(data) - tail if read > len(data) // 2 else read :]:
            yield name, rest


def filled(folder: Path, run: str, result: Result, most: int) -> Result:
    """Return a result with what else is kept of its streams put in, up to so many bytes of each from its beginning."""
    more: dict[str, Any] = {}
    for name in _STREAMS:
        data, size = getattr(result.end, name), getattr(result.end, f"{name}_bytes")
        tail = len(data) - len(data) // 2
        wanted = min(getattr(result.end, f"{name}_spooled"), size - tail, most)
        first = b"".join(pieces(folder, run, result.job_id, name, wanted))
        if len(first) > len(data) // 2:
            cut = size - len(first) - tail
            more |= {name: first + data[len(data) - tail :], f"{name}_cut": cut, f"{name}_at": len(first) if cut else 0}
            more |= {} if cut else {f"{name}_spooled": 0}
    return replace(result, end=replace(result.end, **more)) if more else result


class Spool:
    """The outputs of a run, as one process writes them."""

    def __init__(self, budget: Budget) -> None:
        self.path = Path(budget.path)
        self.most = budget.most
        self._most_run = budget.most_run
        self._left = 0  # bytes taken and not used

    def take(self, size: int) -> int:
        """Return how many of so many bytes the run has room for; raises OSError."""
        if not self._most_run:
            return size
        if self._left < size:
            self._left += self._more(size - self._left)
        granted = min(size, self._left)
        self._left -= granted
        return granted

    def give_back(self, size: int) -> None:
        if self._most_run:
            self._left += size

    def _more(self, least: int) -> int:
        self.make()
        descriptor = os.open(self.path / _ROOM, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            used = int.from_bytes(os.pread(descriptor, 8, 0), "big")
            granted = max(min(max(least, _AT_ONCE), self._most_run - used), 0)
            os.pwrite(descriptor, (used + granted).to_bytes(8, "big"), 0)
            return granted
        finally:
            os.close(descriptor)

    def make(self) -> None:
        """Make the folder if there is none; raises OSError."""
        with suppress(FileExistsError):
            self.path.mkdir(0o700)


class Spooled:
    """What one host prints."""

    def __init__(self, spool: Spool, job: int) -> None:
        self._spool, self._job = spool, job
        self._held: dict[StreamName, bytearray] = {}
        self._written = dict.fromkeys(_STREAMS, 0)  # bytes in files
        self._over = False  # nothing more is taken
        self._trouble = ""

    def take(self, stream: StreamName, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of a stream; nothing of `data` itself is held on to."""
        if self._over:
            return
        held = self._held.setdefault(stream, bytearray())
        held += data
        if len(held) > HELD:
            self._write(stream)

    def again(self) -> None:
        """Forget what was printed: the command begins once more, or another one does."""
        self._drop(_STREAMS)
        self._over, self._trouble = False, ""

    def hold(self) -> None:
        """Take nothing more: what is still printed is another command's."""
        self._over = True

    def end(self, end: Reply | Failure) -> Reply | Failure:
        """Return how the host ended with how much of it lies here; what it holds itself goes."""
        cut = [name for name in _STREAMS if getattr(end, f"{name}_cut")]
        for name in cut:
            if self._held.get(name) and not self._trouble:
                self._write(name)
        found: dict[str, Any] = {f"{name}_spooled": self._written[name] for name in cut if self._fits(name, end)}
        self._drop([name for name in _STREAMS if f"{name}_spooled" not in found])
        if cut and self._trouble and not end.note:
            found["note"] = f"not all of the output could be kept: {self._trouble}"
        return replace(end, **found) if found else end

    def _fits(self, name: StreamName, end: Reply | Failure) -> bool:
        """Whether the file is that of this end: operations of many commands answer with what they like."""
        size = self._written[name]
        kept: bytes = getattr(end, name)
        printed: int = getattr(end, f"{name}_bytes")
        first = b"".join(pieces(self._spool.path.parent, self._spool.path.stem, self._job, name, _COMPARED))
        there = min(_COMPARED, size, len(kept) // 2)
        return 0 < size <= printed and first[:there] == kept[:there]

    def _write(self, name: StreamName) -> None:
        """Put what is held into its file, as far as there is room; few files are open at once."""
        data = self._held.pop(name)
        try:
            if self._spool.most:
                self._over = sum(self._written.values()) + len(data) > self._spool.most
                del data[max(self._spool.most - sum(self._written.values()), 0) :]
            granted = self._spool.take(len(data))
            self._over = self._over or granted < len(data)
            if granted:
                self._append(name, memoryview(data)[:granted])
        except OSError as error:
            self._over, self._trouble = True, error.strerror or str(error)

    def _append(self, name: StreamName, data: memoryview) -> None:
        self._spool.make()
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        flags |= os.O_APPEND if self._written[name] else os.O_TRUNC
        descriptor = os.open(_file(self._spool.path, self._job, name), flags, 0o600)
        try:
            while data:
                size = os.write(descriptor, data)
                self._written[name] += size
                data = data[size:]
        finally:
            os.close(descriptor)

    def _drop(self, names: "list[StreamName] | tuple[StreamName, ...]") -> None:
        for name in names:
            self._held.pop(name, None)
            if self._written[name]:
                with suppress(OSError):
                    _file(self._spool.path, self._job, name).unlink()
                self._spool.give_back(self._written[name])
                self._written[name] = 0


def spilled(spool: Spool, job: int, end: Reply | Failure, less: Reply | Failure) -> Reply | Failure:
    """Return the end that holds less than another, whose streams lie here from now on as far as there is room."""
    written = Spooled(spool, job)
    for name in _STREAMS:
        if getattr(less, f"{name}_cut") and not getattr(end, f"{name}_cut"):
            written.take(name, getattr(end, name))
    return written.end(less)


def _file(folder: Path, job: int, stream: StreamName) -> Path:
    return folder / f"{job}.{stream}"
