"""Names of hosts: the range notation `web[01-20,30]`, read and written.

`expand` counts before it builds, so that no text can ask for more memory than its limit allows. `fold` is for printing:
it gives one notation per set, and `expand(fold(names))` is the same set for names of any characters, because a name
that could be read as notation is written in double quotes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv6Address
from itertools import chain, product
from math import prod
from typing import NamedTuple

from pssh.errors import TargetsError

MOST_NAMES = 100_000
NAME_RULE = "a host or user name holds letters, digits, `.`, `_`, `-` and does not begin with `-`"

_WORD = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,254}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9._-]{1,32})?")
# Possessive, so that a text without end costs one pass.
_ELEMENT = re.compile(r'\s*+(?:"((?:[^"]|"")*+)"|((?:\[[^\[\]]*+\]|[^\[\],"])*+))\s*+(,|$)')
_PIECE = re.compile(r"\[([^\[\]]*+)\]|([^\[\]]++)")
_ITEM = re.compile(r"([0-9]+|[A-Za-z])(?:[-:]([0-9]+|[A-Za-z]))?(?:[/:]([0-9]+))?")
_DIGITS = re.compile(r"(?<![0-9])([0-9]{1,15})(?![0-9])")
_ODD = re.compile(r'[\[\],"\s]')
_MOST_DIGITS = 15


class _Run(NamedTuple):
    """One item of a bracket: numbers written with so many digits, or letters by their code."""

    values: range
    width: int = 0
    letters: bool = False

    def texts(self) -> Iterator[str]:
        if self.letters:
            return map(chr, self.values)
        return (str(value).zfill(self.width) for value in self.values)


_Pieces = list[str | list[_Run]]  # plain text, and what stands in a bracket


def plain(name: str) -> bool:
    """Whether this can be the name of a host or user: up to 255 of letters, digits, `.`, `_`, `-`, no `-` in front.

    An IPv6 address is one too. Anything else could be read as an option or by a shell.
    """
    return word(name) or ipv6(name)


def word(name: str) -> bool:
    """Whether this is a plain name and no address that could be mistaken for notation."""
    return _WORD.fullmatch(name) is not None


def ipv6(text: str) -> bool:
    """Whether this is a literal IPv6 address, with or without a zone."""
    if ":" not in text or not _IPV6.fullmatch(text):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def elements(text: str) -> list[tuple[str, bool]]:
    """Return the comma-joined parts of a text, ranges unread, each with whether it was quoted: then it is a name.

    Raises TargetsError.
    """
    if not text.strip():
        return []
    found = []
    place = 0
    while True:
        match = _ELEMENT.match(text, place)
        if match is None:
            raise TargetsError(f"`{text[place:].strip()}` has a bracket or a quote that is not closed")
        quoted, bare, comma = match.groups()
        if quoted is None and not bare.strip():
            raise TargetsError(f"`{text}` has a comma with nothing beside it")
        found.append((bare.strip(), False) if quoted is None else (quoted.replace('""', '"'), True))
        if not comma:
            return found
        place = match.end()


def count(text: str) -> int:
    """Return how many names a text stands for, before duplicates are dropped and without building one."""
    return sum(1 if quoted else _size(_pieces(part)) for part, quoted in elements(text))


def size(text: str) -> int:
    """Return how many texts `spread` would give, before duplicates are dropped and without building one."""
    return _size(_pieces(text))


def expand(text: str) -> list[str]:
    """Return every name of a comma-joined text once, in the order written; raises TargetsError above MOST_NAMES."""
    parts = elements(text)
    pieces: list[_Pieces] = [[part] if quoted else _pieces(part) for part, quoted in parts]
    _refuse_many(text, sum(map(_size, pieces)))
    return list(dict.fromkeys(chain.from_iterable(map(_build, pieces))))


def spread(text: str) -> list[str]:
    """Return what one text with ranges stands for, as `expand` does, but with commas outside brackets as plain text."""
    pieces = _pieces(text)
    _refuse_many(text, _size(pieces))
    return _build(pieces)


def fold(names: Iterable[str]) -> str:
    """Return one short notation for a set of names, sorted, whatever their order: `db1,web[01-20]`."""
    distinct = set(names)
    if len(distinct) == 1 and (name := next(iter(distinct))) and not _ODD.search(name):
        return name  # as it is for each row of a report in which no two hosts agree
    shapes: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    odd = []
    for name in distinct:
        if not name or _ODD.search(name):
            odd.append('"' + name.replace('"', '""') + '"')
        else:
            parts = _DIGITS.split(name)
            shapes[tuple(parts[::2])].append(parts[1::2])
    keyed = sorted(chain.from_iterable(_boxes(shape, numbers) for shape, numbers in shapes.items()))
    return ",".join([text for _, text in keyed] + sorted(odd))


def clipped(text: str, most: int) -> str:
    """Return a text of at most so many characters for a message."""
    return text if len(text) <= most else text[: most - 3] + "..."


def _refuse_many(text: str, total: int) -> None:
    if total > MOST_NAMES:
        raise TargetsError(f"`{clipped(text, 80)}` stands for {total:,} names, and {MOST_NAMES:,} is the most")


def _pieces(text: str) -> _Pieces:
    """Cut a text into plain pieces and brackets; an IPv6 address loses its brackets and is plain."""
    pieces: _Pieces = []
    place = 0
    while place < len(text):
        match = _PIECE.match(text, place)
        if match is None:
            raise TargetsError(f"`{text}` has a bracket that is not closed")
        inside, outside = match.groups()
        if outside is not None:
            pieces.append(outside)
        else:
            pieces.append(inside if ipv6(inside) else [_item(text, item) for item in inside.split(",")])
        place = match.end()
    return pieces


def _item(text: str, item: str) -> _Run:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _unreadable(text, item)
    first, last, step_text = match.group(1), match.group(2) or match.group(1), match.group(3) or "1"
    step = int(step_text) if len(step_text) <= _MOST_DIGITS else 0
    if not step or max(len(first), len(last)) > _MOST_DIGITS:
        raise TargetsError(f"`{text}` has a number that is too long, or a step of 0")
    if first.isdigit() != last.isdigit() or first.isupper() != last.isupper():
        raise TargetsError(
            f"`{text}` has a range from `{first}` to `{last}`", hint="both ends are of one kind: `[a-c]`"
        )
    letters = not first.isdigit()
    start, end = (ord(first), ord(last)) if letters else (int(first), int(last))
    if end < start:
        raise TargetsError(f"`{text}` counts down", hint=f"write `[{last}-{first}]`")
    padded = any(end[0] == "0" and len(end) > 1 for end in (first, last))
    if padded and len(first) != len(last):
        width = max(len(first), len(last))
        hint = f"write `[{first.zfill(width)}-{last.zfill(width)}]`"
        raise TargetsError(f"`{text}` has a range whose ends differ in width", hint=hint)
    return _Run(range(start, end + 1, step), len(first) if padded else 0, letters)


def _unreadable(text: str, item: str) -> TargetsError:
    if re.fullmatch(r"[-:][0-9]+", item):
        return TargetsError(f"`{text}` has a range that has no start", hint=f"write `[0-{item[1:]}]`")
    if re.fullmatch(r"[0-9]+[-:]", item):
        return TargetsError(f"`{text}` has a range that has no end", hint=f"write `[{item[:-1]}-N]`")
    hint = "a range is `[1-3]`, `[01-20,30]`, `[1-10/2]` or `[a-c]`"
    return TargetsError(f"`{text}` has `{item}` where a range belongs", hint=hint)


def _size(pieces: _Pieces) -> int:
    return prod(sum(len(run.values) for run in piece) for piece in pieces if not isinstance(piece, str))


def _build(pieces: _Pieces) -> list[str]:
    axes = [
        [piece] if isinstance(piece, str) else list(dict.fromkeys(chain.from_iterable(run.texts() for run in piece)))
        for piece in pieces
    ]
    return list(map("".join, product(*axes)))


_Box = tuple[tuple[int, ...], ...]  # the values on each axis; the box is their product


def _boxes(shape: tuple[str, ...], rows: list[list[str]]) -> Iterator[tuple[list[object], str]]:
    """Fold names that differ in their numbers only; each box has a key that sorts it among boxes of any shape."""
    axes = range(len(shape) - 1)
    padded = [{len(row[axis]) for row in rows if row[axis][0] == "0" and len(row[axis]) > 1} for axis in axes]
    by_width: dict[tuple[int, ...], list[_Box]] = defaultdict(list)
    for row in rows:
        # `10` is of two digits beside `09`, and of any width beside `9`.
        widths = tuple(len(text) if len(text) in padded[axis] else 0 for axis, text in enumerate(row))
        by_width[widths].append(tuple((int(text),) for text in row))
    for widths, boxes in by_width.items():
        for box in _merged(boxes, len(axes)):
            key: list[object] = [shape[0]]
            text = shape[0]
            for width, values, after in zip(widths, box, shape[1:], strict=True):
                key += [(width, values[0]), after]
                text += _axis(values, width) + after
            yield key, text


def _merged(boxes: list[_Box], axes: int) -> list[_Box]:
    """Join boxes that differ on one axis only, the last axis first; what was disjoint stays so."""
    for axis in reversed(range(axes)):
        alike: dict[_Box, list[tuple[int, ...]]] = defaultdict(list)
        for box in boxes:
            alike[box[:axis] + box[axis + 1 :]].append(box[axis])
        boxes = [
            (*rest[:axis], tuple(sorted(chain.from_iterable(values))), *rest[axis:]) for rest, values in alike.items()
        ]
    return boxes


def _axis(values: tuple[int, ...], width: int) -> str:
    if len(values) == 1:
        return str(values[0]).zfill(width)
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][1] == value - 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    texts = [
        str(first).zfill(width) if first == last else f"{str(first).zfill(width)}-{str(last).zfill(width)}"
        for first, last in runs
    ]
    return f"[{','.join(texts)}]"
