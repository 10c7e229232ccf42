"""Our own inventory format: TOML with the schema of `ours`."""

import re
import tomllib
from pathlib import Path

from pssh.inventory.document import Document
from pssh.inventory.safety import read_text
from pssh.inventory.sources import tomllines
from pssh.inventory.sources.ours import document, unreadable

_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load(path: Path) -> Document:
    """Return what the file says; raises InventoryError only if it cannot be read at all."""
    text = read_text(path)
    if line := tomllines.too_deep(text):
        return unreadable(path, line, f"a key has more than {tomllines.MOST_PARTS} parts")
    try:
        said = tomllib.loads(text)
    except RecursionError:
        return unreadable(path, 0, "values are nested too deeply")
    except ValueError as error:
        # Not only TOMLDecodeError: a number of thousands of digits is refused by `int` itself.
        message = str(error)
        place = _AT.search(message)
        line = (int(place[1]) if place[1] else text.count("\n") + 1) if place else 0
        reason = _AT.sub("", message)
        return unreadable(path, line, f"this is no TOML: {reason[:1].lower()}{reason[1:]}")
    return document(path, said, lambda: tomllines.lines(text), "version = 1")
