"""Which files of a folder are inventories, and which source reads a file.

A format that is known by its suffix but has no source is an error and never left out in silence: a run on half of an
inventory is worse than none.
"""

import os
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
_SETTINGS = ("ansible.cfg",)
_RUNS = "`-i ./program` runs what has the executable bit, as `ansible-inventory` would: `--list`, `--host NAME`"
_SECTION = re.compile(rb"^[ \t]*+\[", re.MULTILINE)
_NOTES = {"", ".md", ".rst", ".bak", ".old", ".orig"}  # nobody's inventory; else each would be a look at all plugs


def files(folder: Path) -> list[Path]:
    """Return the inventory files of a folder in name order; hidden files, backups and notes are not among them."""
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise InventoryError(f"`{folder}` cannot be read: {error.strerror}") from None
    names = [path for path in names if path.name not in _SETTINGS]
    return [path for path in names if path.suffix in _FOREIGN or _bare_ini(path) or _read_by_us(path.suffix)]


def _read_by_us(suffix: str) -> bool:
    return suffix not in _NOTES and plugins.has(POINT, suffix)


def program(path: Path) -> bool:
    """Whether this is a program by its name and mode; what it may be is said by whoever names it."""
    if path.suffix in _FOREIGN and path.suffix != ".json":
        return False
    data = _bare_ini(path) or _read_by_us(path.suffix)
    return not data and path.is_file() and os.access(path, os.X_OK)


def source(path: Path, *, named: bool = False) -> Callable[[Path], Document]:
    """Return the function that reads this file, or runs it if it is a program and the person named it.

    Raises InventoryError if there is none.
    """
    if named and program(path):
        runs: Callable[[Path], Document] = plugins.resolve("pssh.inventory.sources.program:load")
        return runs
    with suppress(KeyError):
        found: Callable[[Path], Document] = plugins.find(POINT, INI if _bare_ini(path) else path.suffix)
        return found
    hint = f"this version reads {', '.join(f'`{suffix}`' for suffix in plugins.names(POINT))}"
    if path.suffix == ".json":
        raise InventoryError(f"`{path}` is JSON, which is read from programs only", hint=_RUNS)
    if form := _FOREIGN.get(path.suffix):
        raise InventoryError(f"`{path}` is an inventory in {form} form, and this version cannot read it", hint=hint)
    if _script(path):
        raise InventoryError(f"`{path}` is no inventory by its name, and no program without `chmod +x`", hint=_RUNS)
    raise InventoryError(f"`{path}` is no inventory by its name", hint=hint)


def _script(path: Path) -> bool:
    return path.suffix in (".py", ".sh", ".rb", ".pl") or _start(path).startswith(b"#!")


def _bare_ini(path: Path) -> bool:
    """Whether this is a file without suffix and with a section, as Ansible's `hosts`."""
    start = _start(path) if not path.suffix else b""
    # A program may hold such lines too.
    return not start.startswith(b"#!") and b"\0" not in start and bool(_SECTION.search(start))


def _start(path: Path) -> bytes:
    if not path.is_file():
        return b""  # to open a pipe would be to wait for its writer
    try:
        with path.open("rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""
