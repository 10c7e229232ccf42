"""Lists of hosts as text, one expression per line: one reading for `^file`, standard input and plain inventories."""

import re
from collections.abc import Iterator

from msgspec import structs

from pssh.inventory.expr import Chain, Named, parse
from pssh.model import names

_SIMPLE = re.compile(r"(?:([A-Za-z0-9._][A-Za-z0-9._-]*+)@)?([A-Za-z0-9._][A-Za-z0-9._-]*+)(?::([1-9][0-9]{0,4}))?")


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that says something, comments cut off."""
    for number, line in enumerate(text.split("\n"), 1):
        said = line.partition("#")[0].strip()
        if said:
            yield number, said


def expression(line: str) -> Chain:
    """Read one line: an expression, or `host[:port] user`. Raises TargetsError."""
    simple = _SIMPLE.fullmatch(line)
    if simple and int(simple[3] or 1) < 65536:
        # Nearly every line of a long list; the parser would take ten times as long.
        return Chain(Named(simple[2], simple[1] or "", int(simple[3] or 0)))
    words = line.split()
    if len(words) == 2 and names.word(words[1]) and not any(char in words[0] for char in "@,&!(/^="):
        first = parse(words[0]).first
        if isinstance(first, Named):
            return Chain(structs.replace(first, user=words[1]))
    return parse(line)
