"""The two streams a run is shown on, and the few lines that come and go on the second.

Results are written whole and flushed, and an `OSError` of theirs is the caller's to decide on. What goes to stderr only
accompanies them, so a stderr that is closed or full costs nothing. The lines are taken off the screen before anything
else is written, because both streams usually end on the same terminal. A question stands in the place of progress.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from pssh.report.grid import width_of

_CLEAR = "\r\x1b[K"
_CLEAR_ABOVE = "\x1b[A\x1b[K"  # line by line: tmux keeps a copy of what one erasure takes off the top of its screen
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


Size = tuple[int, int]  # columns and rows; 0: not known


def _unknown() -> Size:
    return 0, 0


class Screen:
    """Where reporters write; text must have passed `safe`, apart from our own colours.

    `size` tells how large the terminal of `err` is now; it is asked each time, so a change of it needs no signal.
    """

    def __init__(self, out: BinaryIO, err: BinaryIO, size: Callable[[], Size] = _unknown) -> None:
        self._out = out
        self._err = err
        self.size = size
        self._progress = self._question = self._shown = ""
        self._wide = 0  # columns when the lines were shown

    def write(self, data: str | bytes) -> None:
        """Write whole lines of results to stdout; raises OSError."""
        if self._shown:
            self._tell(self._clear())
        self._out.write(data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace"))
        self._out.flush()
        if self._shown:
            self._tell(self._shown)

    def say(self, text: str | bytes) -> None:
        """Write whole lines to stderr, or the bytes of a host that are wanted as they are."""
        if self._shown:
            self._tell(self._clear())
        self._tell(text)
        if self._shown:
            self._tell(self._shown)

    def progress(self, lines: str) -> None:
        """Put the lines of progress on a terminal in place of the last ones; empty: take them off."""
        self._progress = lines
        self._draw()

    def ask(self, line: str) -> None:
        """Show a question on a terminal instead of progress; empty: show progress again."""
        self._question = line
        self._draw()

    def again(self) -> None:
        """Show the lines once more, below what whoever had the terminal meanwhile has written."""
        if self._shown:
            self._tell(f"{_CLEAR}{self._shown}")

    def _draw(self) -> None:
        lines = self._question or self._progress
        if lines != self._shown:
            clear = self._clear()
            self._shown, self._wide = lines, self.size()[0]
            self._tell(f"{clear}{lines}")

    def _clear(self) -> str:
        """Return what takes the lines off; the cursor stands at the end of the last of them."""
        return _CLEAR + _CLEAR_ABOVE * (self._rows() - 1)

    def _rows(self) -> int:
        """Return how many rows the lines take: a terminal that became narrower has broken them."""
        lines = self._shown.split("\n")
        wide = self.size()[0]
        if not wide or wide >= self._wide:
            return len(lines)
        return sum(max(-(-width_of(_COLOR.sub("", line)) // wide), 1) for line in lines)

    def _tell(self, text: str | bytes) -> None:
        with suppress(OSError):
            self._err.write(text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace"))
            self._err.flush()
