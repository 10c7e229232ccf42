"""Which files of a folder are inventories, and which source reads a file.

A format that is known by its suffix but has no source is an error and never left out in silence: a run on half of an
inventory is worse than none.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pssh import plugins
from pssh.errors import InventoryError
from pssh.inventory.document import Document

POINT = "pssh.inventory"
INI = ".ini"
_FOREIGN = {
    ".cfg": "ClusterShell",
    ".conf": "ClusterShell",
    ".json": "JSON",
}
_SECTION = re.compile(rb"^[ \t]*+\[", re.MULTILINE)
_NOTES = {"", ".md", ".rst", ".bak", ".old", ".orig"}  # nobody's inventory; else each would be a look at all plugs


def files(folder: Path) -> list[Path]:
    """Return the inventory files of a folder in name order; hidden files, backups and notes are not among them."""
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise InventoryError(f"`{folder}` cannot be read: {error.strerror}") from None
    return [path for path in names if path.suffix in _FOREIGN or _bare_ini(path) or _read_by_us(path.suffix)]


def _read_by_us(suffix: str) -> bool:
    return suffix not in _NOTES and plugins.has(POINT, suffix)


def source(path: Path) -> Callable[[Path], Document]:
    """Return the function that reads this file; raises InventoryError if the format has none."""
    with suppress(KeyError):
        found: Callable[[Path], Document] = plugins.find(POINT, INI if _bare_ini(path) else path.suffix)
        return found
    hint = f"this version reads {', '.join(f'`{suffix}`' for suffix in plugins.names(POINT))}"
    if form := _FOREIGN.get(path.suffix):
        raise InventoryError(f"`{path}` is an inventory in {form} form, and this version cannot read it", hint=hint)
    raise InventoryError(f"`{path}` is no inventory by its name", hint=hint)


def _bare_ini(path: Path) -> bool:
    """Whether this is a file without suffix and with a section, as Ansible's `hosts`."""
    if path.suffix or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(1 << 20)
    except OSError:
        return False
    # A program may hold such lines too.
    return not start.startswith(b"#!") and b"\0" not in start and bool(_SECTION.search(start))
