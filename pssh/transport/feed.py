"""What a command is still to be given on its standard input, taken piece by piece as there is room.

Promises: each command reads at its own place, and nothing is read ahead of the room that there is; what the user gave
waits while the feed is held, so that a password asked for before is all that a password prompt can read; once closed it
gives nothing, and keeps nothing alive. Input that breaks off has no end: whoever reads it must not take it for whole.
"""

from collections.abc import Callable

from pssh.model.work import Input

_END_OF_FILE = b"\x04"  # what a terminal in line mode takes for the end, at the beginning of a line


class _Whole:
    """Bytes that are all there."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, at: int, most: int) -> bytes:
        return self._data[at : at + most]

    def when_more(self, call: Callable[[], None]) -> None: ...


class Feed:
    """Gives answers first, then the input, then its end: on a terminal as the character for it."""

    def __init__(self, stdin: bytes | Input, *, tty: bool = False) -> None:
        self.on_more: Callable[[], None] = _nothing  # there may be more to take
        self.on_broken: Callable[[Exception], None] = _ignore  # what the input raised; it is closed
        self._input: Input = _Whole(stdin) if isinstance(stdin, bytes) else stdin
        self._at = 0
        self._tty = tty
        self._front: bytes | memoryview = b""  # goes before everything else
        self._line_begun = False  # what was given last did not end a line
        self._more_there = False  # seen when there was no room for it
        self._held = self._waiting = self._over = self._closed = False

    @property
    def empty(self) -> bool:
        """Whether the user gave nothing at all."""
        try:
            return self._input.read(0, 1) == b""
        except Exception:  # noqa: BLE001  it is raised again to whoever reads it
            return False

    def hold(self) -> None:
        """Keep the input back until `release`."""
        self._held = True

    def release(self) -> None:
        """Let the input follow."""
        self._held = False

    def answer(self, data: bytes) -> None:
        """Put this in front, also while the input is held."""
        self._front = bytes(self._front) + data

    def finish(self) -> None:
        """Give nothing more but the end."""
        self._held = self._line_begun = self._more_there = False
        self._input, self._at, self._front = _Whole(b""), 0, b""

    def close(self) -> None:
        """Give nothing at all from here on."""
        self._closed = True
        self.on_more, self.on_broken = _nothing, _ignore

    def next(self, most: int) -> bytes | memoryview | None:
        """Return up to `most` bytes; empty at the end, for which no room is needed; None if there are none for now.

        It may be a view of a buffer that is used again by whatever is read next.
        """
        if self._closed:
            return None
        if not self._front and not self._held and not self._over:
            self._read(most)
        if self._front:
            data, self._front = self._front[:most], self._front[most:] or b""
            return data or None
        return b"" if self._over and not self._tty else None

    def _read(self, most: int) -> None:
        if self._more_there and not most:
            return  # whoever asks without room is asking for the end
        try:
            data = self._input.read(self._at, max(most, 1))
        except Exception as error:  # noqa: BLE001  whatever it is, it ends this command and no other
            broken = self.on_broken
            self.close()
            broken(error)
            return
        if data is None:
            if not self._waiting:
                self._waiting = True
                self._input.when_more(self._more)
        elif not data:
            self._over = True
            if self._tty:  # twice in mid-line: the first only sends off what the line holds
                self._front = _END_OF_FILE * (2 if self._line_begun else 1)
        else:
            self._more_there = not most
            if most:
                self._front, self._at, self._line_begun = data, self._at + len(data), data[-1:] != b"\n"

    def _more(self) -> None:
        self._waiting = False
        self.on_more()


def _nothing() -> None: ...


def _ignore(error: Exception) -> None: ...
