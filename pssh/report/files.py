"""The tables of file operations: one row per distinct answer, with the hosts that gave it folded.

Every host is in at least one row: whoever failed, or had nothing to say, has one in a second table, which is that of
all other runs. Of trees that should be equal the odd ones come first, with what differs from what most hosts have.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace

from pssh.model.event import Event, RunEnded
from pssh.model.files import Act, Answer, Digest, Entry, Space, Sum, read
from pssh.model.outcome import Result
from pssh.model.report import Report
from pssh.report import words
from pssh.report.grid import GAP, grid, width_of, wrap
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.table import table

Sort = Literal["name", "size", "age", "host"]
MOST_ROWS = 2000
_MOST_LINES = 10
_MOST_DIFFERENT = 5  # paths named for one odd tree
_READABLE = 16
_LETTERS = {"dir": "d", "link": "l", "fifo": "p", "socket": "s", "block": "b", "char": "c"}
_UNITS = "KMGTPE"


@dataclass(frozen=True, slots=True)
class Look:
    """How a table of files is to look."""

    width: int = 0  # columns; 0: as wide as it gets
    color: bool = False
    exact: bool = False  # bytes and times as they are
    sort: Sort = "name"
    reverse: bool = False


class FilesTable:
    """Shows the answers when the run has ended."""

    def __init__(self, screen: Screen, look: Look = Look(), *, now: Callable[[], float] = time.time) -> None:
        self._screen, self._look, self._now = screen, look, now

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            self._screen.write(files_table(event.report, self._look, self._now()))


@dataclass(slots=True)
class _Row:
    """Equal answers."""

    cells: dict[str, str]
    path: str
    size: int = 0
    ages: list[int] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    weight: int = 0  # what is odd comes first


def files_table(report: Report, look: Look, now: float) -> str:
    """Return the table of the answers, and below it that of hosts that failed or had none."""
    answers: list[tuple[str, Answer]] = []
    rest = []
    for result in report.results:
        found = list(read(result.end.stdout)) if result.reply else []
        answers += [(result.host, answer) for answer in found]
        if not result.ok or not found or result.end.stdout_cut:
            rest.append(replace(result, end=replace(result.end, stdout=b"")) if found or result.ok else result)
    parts = [_drawn(rows, look, now) for rows in _rows(answers, look)]
    if rest:
        parts.append(table(replace(report, results=tuple(rest)), width=look.width, color=look.color))
    return "\n".join(filter(None, parts))


def listing(result: Result) -> str:
    """Return what a host answered, a line each and all of it exact, to be compared line by line."""
    look, lines = Look(exact=True), []
    for answer in read(result.end.stdout):
        cells = _cells(answer, look)
        if isinstance(answer, Entry):
            cells["AGE"] = _age([answer.mtime], look, 0.0)
        lines.append("  ".join(filter(None, cells.values())))
    return "".join(f"{line}\n" for line in lines) + words.block(replace(result.end, stdout=b"", stdout_cut=0))


def _rows(answers: Iterable[tuple[str, Answer]], look: Look) -> Iterable[list[_Row]]:
    """Yield the rows of each kind of answer."""
    kinds: dict[type, dict[object, _Row]] = defaultdict(dict)
    odd = _odd(answer for _, answer in answers if isinstance(answer, Digest))
    for host, answer in answers:
        cells = _cells(answer, look)
        if isinstance(answer, Digest):
            cells["DIFFERS"] = _differs(answer, odd.get(answer.path))
        rows = kinds[type(answer)]
        key = tuple(cells.values())
        row = rows.get(key)
        if row is None:
            row = rows[key] = _Row(cells, answer.path, getattr(answer, "size", 0))
            row.weight = 0 if cells.get("DIFFERS") else 1
        if not row.hosts or row.hosts[-1] != host:
            row.hosts.append(host)
        if isinstance(answer, Entry):
            row.ages.append(answer.mtime)
    for rows in kinds.values():
        yield _sorted(list(rows.values()), look)


def _sorted(rows: list[_Row], look: Look) -> list[_Row]:
    match look.sort:
        case "size":
            rows.sort(key=lambda row: (-row.size, row.path))
        case "age":
            rows.sort(key=lambda row: (-max(row.ages, default=0), row.path))
        case "host":
            rows.sort(key=lambda row: (row.hosts[0], row.path))
        case _:
            rows.sort(key=lambda row: (row.path, row.weight, -len(row.hosts)))
    return rows[::-1] if look.reverse else rows


def _cells(answer: Answer, look: Look) -> dict[str, str]:
    path = safe(answer.path)
    match answer:
        case Entry():
            to = f" -> {safe(answer.target)}" if answer.target else ""
            size = "" if answer.type in ("dir", "link") else number(answer.size, look)
            owner = safe(f"{answer.user}:{answer.group}")
            return {"MODE": mode(answer), "OWNER": owner, "SIZE": size, "AGE": "", "PATH": path + to}
        case Sum():
            disk = number(answer.disk, look)
            return {"SIZE": number(answer.size, look), "DISK": disk, "FILES": f"{answer.files:,}", "PATH": path}
        case Digest():
            digest = answer.sha256 if look.exact else answer.sha256[:12]
            files = f"{answer.files:,}" if answer.type == "dir" else ""
            return {
                "SHA256": safe(digest) or "unreadable",
                "FILES": files,
                "SIZE": number(answer.size, look),
                "PATH": path,
            }
        case Space():
            full = f"{-(-100 * answer.used // max(answer.used + answer.free, 1))}%"
            sizes = [number(value, look) for value in (answer.size, answer.used, answer.free)]
            return {
                "SIZE": sizes[0],
                "USED": sizes[1],
                "FREE": sizes[2],
                "FULL": full,
                "ON": path,
                "DEVICE": safe(answer.device),
            }
        case Act():
            return {"DID": safe(answer.did), "PATH": path}


def _odd(digests: Iterable[Digest]) -> dict[str, Digest]:
    """Return what most hosts have, by path, where not all have the same."""
    found: dict[str, dict[str, Digest]] = defaultdict(dict)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for digest in digests:
        found[digest.path].setdefault(digest.sha256, digest)
        counts[digest.path][digest.sha256] += 1
    return {path: found[path][counts[path].most_common(1)[0][0]] for path in found if len(found[path]) > 1}


def _differs(digest: Digest, most: Digest | None) -> str:
    """Return which paths differ from what most have; empty if none do."""
    if most is None or digest.sha256 == most.sha256:
        return ""
    names = sorted(
        name for name in digest.parts.keys() | most.parts.keys() if digest.parts.get(name) != most.parts.get(name)
    )
    # A folder differs because of what is in it only where that is not listed.
    marked = [f"{_sign(name, digest, most)}{safe(name)}" for name in names]
    more = f" and {len(marked) - _MOST_DIFFERENT:,} more" if len(marked) > _MOST_DIFFERENT else ""
    return ", ".join(marked[:_MOST_DIFFERENT]) + more or "content"


def _sign(name: str, digest: Digest, most: Digest) -> str:
    return "" if name in digest.parts and name in most.parts else "+" if name in digest.parts else "-"


def mode(entry: Entry) -> str:
    """Return kind and permissions as `ls -l` does."""
    text = ""
    for shift, special, letter in ((6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")):
        bits = entry.mode >> shift & 7
        run = "x" if bits & 1 else "-"
        if entry.mode & special:
            run = letter if bits & 1 else letter.upper()
        text += ("r" if bits & 4 else "-") + ("w" if bits & 2 else "-") + run
    return _LETTERS.get(entry.type, "-" if entry.type == "file" else "?") + text


def number(size: int, look: Look) -> str:
    """Return bytes, short unless they are to be exact."""
    if look.exact:
        return f"{size:,}"
    if size < 1024:
        return str(size)
    value, unit = size / 1024, _UNITS[0]
    for larger in _UNITS[1:]:
        if value < 999.5:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"


def age(seconds: float) -> str:
    """Return how long ago something was."""
    for unit, length in (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f}y" if unit == "y" else f"{int(seconds // length)}{unit}"
    return f"{int(max(seconds, 0))}s"


def _age(times: Sequence[int], look: Look, now: float) -> str:
    if not times:
        return ""
    if look.exact:
        first, last = _date(min(times)), _date(max(times))
        return first if first == last else f"{first}..{last[11:] if first[:10] == last[:10] else last}"
    young, old = age(now - max(times)), age(now - min(times))
    return young if young == old else f"{young}-{old}"


def _date(seconds: int) -> str:
    """Return a time, which a host may have made up: what is in no calendar stays the number that it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


_RIGHT = ("SIZE", "DISK", "FILES", "AGE", "USED", "FREE", "FULL")
_LEAVE = ("", "OWNER", "DEVICE", "FILES", "MODE", "AGE")


def _drawn(rows: Sequence[_Row], look: Look, now: float) -> str:
    shown = rows[:MOST_ROWS]
    if not shown:
        return ""
    lines = [{"HOSTS": words.hosts(row.hosts), **row.cells} for row in shown]
    for row, line in zip(shown, lines, strict=True):
        if "AGE" in line:
            line["AGE"] = _age(row.ages, look, now)
    columns = [name for name in lines[0] if name in ("PATH", "HOSTS") or any(line[name] for line in lines)]
    columns, first, last = _fit(columns, lines, look.width)
    for line in lines:
        line["HOSTS"] = wrap(line["HOSTS"], first, _MOST_LINES)
        line[columns[-1]] = clip_left(line[columns[-1]], last)
    rest = f"… {len(rows) - MOST_ROWS:,} more rows\n" if len(rows) > MOST_ROWS else ""
    return grid(columns, [[line[column] for column in columns] for line in lines], right=_RIGHT) + rest


def _fit(columns: list[str], lines: Sequence[dict[str, str]], width: int) -> tuple[list[str], int, int]:
    """Return the columns to show, and how wide the first and the last may be."""
    wide = {name: max(len(name) + GAP, *(width_of(line[name]) for line in lines)) for name in columns}
    if not width:
        return columns, wide["HOSTS"], wide[columns[-1]]
    for left_out in _LEAVE:
        columns = [name for name in columns if name != left_out]
        room = width - sum(wide[name] + GAP for name in columns[1:-1]) - GAP
        least = min(wide[columns[-1]], _READABLE)
        if room - min(wide["HOSTS"], _READABLE) >= least:
            break
    first = max(min(wide["HOSTS"], max(room // 2, room - wide[columns[-1]])), len("HOSTS") + GAP)
    return columns, first, max(room - first, len(columns[-1]) + GAP)


def clip_left(text: str, width: int) -> str:
    """Return a path cut at its beginning, whose end tells more."""
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1:
        text = text[max(1, width_of(text) - width + 1) :]
    return "…" + text
