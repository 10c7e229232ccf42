"""What is kept of a stream: its first and its last part, with an exact count of everything.

Memory is about twice `keep`, whatever a host prints, and each byte is copied once. Why not a list of pieces: a host
that sends two bytes at a time would make each cost a whole object.
"""

from typing import Any, TypeVar

from msgspec.structs import replace

from pssh.model.outcome import Output

_Ending = TypeVar("_Ending", bound=Output)


class Heard:
    """Collects one stream; what is at most `2 * keep` bytes long is kept whole."""

    __slots__ = ("_at", "_head", "_keep", "_tail", "size")

    def __init__(self, keep: int) -> None:
        self.size = 0  # bytes heard, kept or not
        self._keep = keep
        self._head = bytearray()
        self._tail = bytearray()  # once `keep` bytes long, a ring whose oldest byte is at `_at`
        self._at = 0

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes; nothing of `data` itself is held on to."""
        self.size += len(data)
        if self.size <= self._keep:
            self._head += data
            return
        rest = memoryview(data)
        for part in (self._head, self._tail):
            room = self._keep - len(part)
            part += rest[:room]
            rest = rest[room:]
        if rest and self._keep:
            self._turn(rest[-self._keep :])

    def _turn(self, data: memoryview) -> None:
        """Overwrite the oldest bytes of the ring; `data` is no longer than the ring."""
        before_end = min(len(data), self._keep - self._at)
        after = len(data) - before_end
        self._tail[self._at : self._at + before_end] = data[:before_end]
        self._tail[:after] = data[before_end:]
        self._at = (self._at + len(data)) % self._keep

    @property
    def cut(self) -> int:
        """How many bytes are left out of the middle."""
        return self.size - len(self._head) - len(self._tail)

    def kept(self) -> bytes:
        """Return all of it, or the first and the last `keep` bytes with nothing between them."""
        return b"".join((self._head, memoryview(self._tail)[self._at :], memoryview(self._tail)[: self._at]))


def printed(stdout: Heard, stderr: Heard) -> dict[str, Any]:
    """Return the fields of an Output that these two streams give."""
    return {"stdout": stdout.kept(), "stderr": stderr.kept(), "stdout_cut": stdout.cut, "stderr_cut": stderr.cut}


def trim(output: _Ending, most: int) -> _Ending:
    """Return the same reply or failure with at most `most` bytes of each stream, cut from the middle and counted."""
    stdout, stderr = _ends(output.stdout, most), _ends(output.stderr, most)
    if len(stdout) == len(output.stdout) and len(stderr) == len(output.stderr):
        return output
    return replace(
        output,
        stdout=stdout,
        stderr=stderr,
        stdout_cut=output.stdout_bytes - len(stdout),
        stderr_cut=output.stderr_bytes - len(stderr),
    )


def _ends(data: bytes, most: int) -> bytes:
    half = most // 2
    return data if len(data) <= most else data[:half] + data[len(data) - half :]
