r"""Lines as they arrive: `web01: text`, and `web01! text` for stderr.

Only whole lines are shown, so that hosts do not mix inside one. A line that does not end within 200 ms, grows over
64 KiB or is the last without a newline is shown as far as it is, with a `\` at its end. Every line carries our label,
so that none can pass for another host's. What is held back is at most one such line per stream of a job in flight.
"""

from collections.abc import Callable, Iterator

from pssh.model.event import Event, JobEnded, JobSaid
from pssh.model.outcome import Result
from pssh.model.work import StreamName
from pssh.report import words
from pssh.report.safe import safe
from pssh.report.screen import Screen

LONGEST = 64 << 10
PATIENCE = 0.2

_Key = tuple[int, StreamName]


class Lines:
    """Shows what hosts print while they print it."""

    def __init__(self, screen: Screen, *, clock: Callable[[], float], labels: bool = True, width: int = 0) -> None:
        """`width`: columns of the terminal; a line that is longer is broken, and its rest labelled too. 0: none is."""
        self._screen = screen
        self._width = width if labels else 0
        self._clock = clock
        self._labels = labels
        self._held: dict[_Key, tuple[float, str, bytes]] = {}  # since when, whose, the line so far
        self._checked = 0.0

    def on(self, event: Event, /) -> None:
        match event:
            case JobSaid():
                self._say(event)
            case JobEnded(result=result):
                self._end(result)
            case _:
                pass
        now = self._clock()
        if now - self._checked >= PATIENCE / 4:
            self._checked = now
            for key in [key for key, (since, _, _) in self._held.items() if now - since >= PATIENCE]:
                self._release(key)

    def _shown(self, label: str, line: str) -> str:
        """Return a line behind its label."""
        if self._width and (len(label) + len(line) > self._width or not line.isascii() or "\t" in line):
            return words.behind(line, self._width, label.rstrip()) + "\n"
        return f"{label}{line}\n"

    def _say(self, event: JobSaid) -> None:
        key = (event.job_id, event.stream)
        label = f"{safe(event.host)}{'!' if event.stream == 'stderr' else ':'} " if self._labels else ""
        since, _, held = self._held.pop(key, (self._clock(), "", b""))
        done, newline, rest = (held + event.data).rpartition(b"\n")
        if newline:
            self._screen.write("".join(self._shown(label, line) for line in _split(done)))
            since = self._clock()
        *long, rest = _pieces(rest)
        if long:
            self._screen.write("".join(self._shown(label, f"{safe(piece)}\\") for piece in long))
        if rest:
            self._held[key] = (since, label, rest)

    def _end(self, result: Result) -> None:
        streams: tuple[StreamName, ...] = ("stdout", "stderr")
        for stream in streams:
            self._release((result.job_id, stream), ended=True)

    def _release(self, key: _Key, *, ended: bool = False) -> None:
        """Show an unended line as far as it is; a character that is not complete yet waits on, unless all has ended."""
        if key not in self._held:
            return
        _, label, data = self._held.pop(key)
        end = len(data) if ended else complete(data)
        if end:
            self._screen.write(self._shown(label, f"{safe(data[:end])}\\"))
        if data[end:]:
            self._held[key] = (self._clock(), label, data[end:])


def complete(data: bytes) -> int:
    """Return how much of the data ends with a complete UTF-8 character; all of it if it is no UTF-8 there."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:  # a first byte: it tells how many belong to it
            whole = back >= (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4)
            return len(data) if whole else len(data) - back
        if byte < 0x80:
            break
    return len(data)


def _split(data: bytes) -> Iterator[str]:
    if len(data) <= LONGEST:
        yield from safe(data.removesuffix(b"\r"), newlines=True).split("\n")
        return
    for line in data.split(b"\n"):
        *long, rest = _pieces(line)
        yield from (f"{safe(piece)}\\" for piece in long)
        yield safe(rest.removesuffix(b"\r"))


def _pieces(line: bytes) -> Iterator[bytes]:
    """Yield pieces of at most 64 KiB that do not cut a character."""
    while len(line) > LONGEST:
        end = complete(line[:LONGEST])
        yield line[:end]
        line = line[end:]
    yield line
