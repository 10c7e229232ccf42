"""How results are worded for people: output, cause, time, hosts; every text from here is safe to show.

Each line that a host printed stands behind a gutter, `| `, with which no line of ours begins: whatever a host prints,
nobody takes it for a row, a heading or a hint of ours. On a terminal a line that is too long for it is broken here, and
goes on behind `|…`: broken by the terminal, its rest would stand at the edge, where ours begin. Why not as it came: a
host could write a report of its own.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from pssh.model.names import fold
from pssh.model.outcome import Failure, Output, Result
from pssh.report.grid import width_of
from pssh.report.safe import safe

RULE = "---------------"
STDERR = "--- stderr"
OURS = "\0"  # begins a line of ours within a block: what has passed `safe` holds none
GUTTER = "|"
_LOOKED_AT = 64 << 10  # bytes in which a first line is looked for


def hosts(names: Iterable[str]) -> str:
    """Return host names folded."""
    return safe(fold(list(names)))


def count(number: int) -> str:
    """Return how many hosts."""
    return "1 host" if number == 1 else f"{number:,} hosts"


def seconds(value: float) -> str:
    return f"{value:.1f} s"


def clock(value: float) -> str:
    """Return a longer time as `0:41` or `1:02:03`."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(value: float) -> str:
    """Return a time since 1970 as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slowest(results: Iterable[Result]) -> str:
    """Return the total time of the slowest; empty if none began."""
    longest = max((result.seconds.get("total", 0.0) for result in results), default=0.0)
    return seconds(longest) if longest else ""


def code(result: Result) -> str:
    reply = result.reply
    return "" if reply is None or reply.exit_code is None else str(reply.exit_code)


def cause(result: Result) -> str:
    """Return why a result is not ok, in one line; empty for one that is."""
    end = result.end
    if not isinstance(end, Failure):
        return safe(result.cause)  # the host chose the name of a signal
    return f"{named_cause(end)}: {safe(end.words)}"


def named_cause(end: Failure) -> str:
    """Return the name of a cause, and what became of the command; in front, because a narrow table clips the rest."""
    return f"{end.cause} ({end.remote_end})" if end.remote_end else end.cause


def first_line(result: Result) -> str:
    """Return a cause, or the first line that was printed: of stderr before stdout if the row is not ok."""
    end = result.end
    streams = (end.stdout, end.stderr) if result.ok else (end.stderr, end.stdout)
    line = next((line for line in map(_first, streams) if line), "")
    if isinstance(end, Failure):
        line = cause(result)
    elif end.signal:
        line = f"signal {safe(end.signal)}{line and f': {line}'}"
    return _joined(line, notes(end))


def cause_and_notes(result: Result) -> str:
    return _joined(cause(result), notes(result.end))


def notes(end: Output) -> str:
    """Return in parentheses what else there is to know of an output; usually nothing."""
    said = [safe(end.note)] if end.note else []
    if end.truncated:
        printed = f"{end.stdout_bytes + end.stderr_bytes:,} bytes printed"
        said.append(printed if end.whole else f"truncated: {printed}")
    return f"({', '.join(said)})" if said else ""


def text(data: bytes, cut: int, at: int = 0) -> str:
    """Return all that was kept of a stream, with a newline at its end; where bytes were cut, a line counts them.

    `at`: where that is, if not in the middle.
    """
    return _text(data, cut, at)


def _text(data: bytes, cut: int, at: int, ours: str = "") -> str:
    if not cut:
        return _ended(safe(data, newlines=True))
    at = at or len(data) // 2
    head, tail = (_ended(safe(part, newlines=True)) for part in (data[:at], data[at:]))
    return f"{head}{ours}… {cut:,} bytes left out …\n{tail}"


def block(end: Output) -> str:
    """Return all that was printed, with a newline at its end; lines of ours in it begin with `OURS`."""
    said = _text(end.stdout, end.stdout_cut, end.stdout_at, OURS)
    if end.stderr:
        said += f"{OURS}{STDERR}\n{_text(end.stderr, end.stderr_cut, end.stderr_at, OURS)}"
    return said


def guttered(block: str, width: int = 0) -> str:
    """Return a block as it is shown: lines of ours as they are, those of the host behind the gutter; 0: any width."""
    shown = []
    for line in block.removesuffix("\n").split("\n"):
        shown.append(line[1:] if line[:1] == OURS else behind(line, width))
    return "\n".join(shown) + "\n"


def behind(line: str, width: int = 0, gutter: str = GUTTER) -> str:
    """Return a line of a host behind a gutter, in several lines if it has more than so many columns; 0: any number."""
    if not line:
        return gutter
    first, *rest = pieces(line, width - width_of(gutter) - 1) if width else (line,)
    return "\n".join([f"{gutter} {first}", *(f"{gutter}…{piece}" for piece in rest)])


def pieces(line: str, width: int) -> Iterator[str]:
    """Yield a line in pieces of so many columns, at least 2; tabs are as wide as if it began at the edge."""
    text, width, at = line.expandtabs(), max(width, 2), 0
    plain = text.isascii()
    while at < len(text):
        size = width
        if not plain:
            cut = text[at : at + 4 * width]  # a letter may carry any number of marks that take no column
            fits = len(cut) <= width // 2 or width_of(cut) <= width
            size = len(cut) if fits else bisect_right(range(1, len(cut) + 1), width, key=partial(_width_to, cut)) or 1
        yield text[at : at + size]
        at += size


def _width_to(text: str, end: int) -> int:
    return width_of(text[:end])


def printed(result: Result) -> bool:
    """Whether the host printed anything."""
    return bool(result.end.stdout or result.end.stderr)


def is_short(result: Result) -> bool:
    """Whether a table can show all of it: at most one line, and none beside a failure's own."""
    end = result.end
    if isinstance(end, Failure):
        return not (end.stdout or end.stderr)
    return not end.truncated and _lines(end.stdout) + _lines(end.stderr) <= 1


def _joined(*parts: str) -> str:
    return "  ".join(filter(None, parts))


def _first(data: bytes) -> str:
    lines = data[:_LOOKED_AT].lstrip(b"\r\n").split(b"\n", 1)
    more = len(lines) > 1 and bool(lines[1].strip())
    return safe(lines[0].rstrip()).expandtabs() + (" …" if more else "")


def _lines(data: bytes) -> int:
    """Return 0, 1, or 2 for more."""
    end = data.find(b"\n")
    return 2 if 0 <= end < len(data) - 1 else int(bool(data))


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else f"{text}\n"
