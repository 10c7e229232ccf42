"""The two streams a run is shown on, and the one line that comes and goes on the second.

Results are written whole and flushed, and an `OSError` of theirs is the caller's to decide on. What goes to stderr only
accompanies them, so a stderr that is closed or full costs nothing. The line is taken off the screen before anything
else is written, because both streams usually end on the same terminal. A question stands in the place of progress.
"""

from contextlib import suppress
from typing import BinaryIO

_CLEAR = "\r\x1b[K"


class Screen:
    """Where reporters write; text must have passed `safe`, apart from our own colours."""

    def __init__(self, out: BinaryIO, err: BinaryIO) -> None:
        self._out = out
        self._err = err
        self._progress = self._question = self._shown = ""

    def write(self, data: str | bytes) -> None:
        """Write whole lines of results to stdout; raises OSError."""
        if self._shown:
            self._tell(_CLEAR)
        self._out.write(data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace"))
        self._out.flush()
        if self._shown:
            self._tell(self._shown)

    def say(self, text: str | bytes) -> None:
        """Write whole lines to stderr, or the bytes of a host that are wanted as they are."""
        if self._shown:
            self._tell(_CLEAR)
        self._tell(text)
        if self._shown:
            self._tell(self._shown)

    def progress(self, line: str) -> None:
        """Put the progress line on a terminal in place of the last one; empty: take it off."""
        self._progress = line
        self._draw()

    def ask(self, line: str) -> None:
        """Show a question on a terminal instead of progress; empty: show progress again."""
        self._question = line
        self._draw()

    def again(self) -> None:
        """Show the line once more: whoever had the terminal meanwhile has written over it."""
        if self._shown:
            self._tell(f"{_CLEAR}{self._shown}")

    def _draw(self) -> None:
        line = self._question or self._progress
        if line != self._shown:
            self._shown = line
            self._tell(f"{_CLEAR}{line}")

    def _tell(self, text: str | bytes) -> None:
        with suppress(OSError):
            self._err.write(text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace"))
            self._err.flush()
