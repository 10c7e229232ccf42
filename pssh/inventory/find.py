"""Where inventories are: the first of a fixed order of places that exists, and only if it may be trusted.

Levels are never merged, so that what is in force can be told from one line. A folder search takes data files only.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pssh.errors import InventoryError
from pssh.inventory.folder import files, program
from pssh.inventory.safety import check

SYSTEM = Path("/etc/pssh/inventory")


def find(
    explicit: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    config_home: Path,
    system: Path = SYSTEM,
) -> list[Path]:
    """Return the inventories in force, none if there are none; raises InventoryError for one that is refused.

    Order: `explicit`, `PSSH_INVENTORY` (several are joined by colons), then the folder `inventory` in `cwd` and in
    `config_home`, then `system`.
    """
    named = list(explicit) or [path for path in environ.get("PSSH_INVENTORY", "").split(os.pathsep) if path]
    if named:
        return [_named(cwd / Path(path).expanduser(), path, asked=bool(explicit)) for path in named]
    for path in (cwd / "inventory", config_home / "inventory", system):
        # A folder of that name without any inventory in it belongs to something else, such as a program's source.
        if path.is_dir() and (found := files(path)):
            for each in (path, *found):
                check(each)
            return [path]
    return []


def _named(path: Path, shown: str, *, asked: bool) -> Path:
    source = "-i" if asked else "PSSH_INVENTORY"
    if not path.exists():
        hint = f"`{source}` names a file such as `fleet.toml` or `hosts.yml`, or a folder of such files"
        raise InventoryError(f"There is no inventory `{shown}`", hint=hint)
    check(path)
    if not asked and program(path):
        hint = f"`-i {shown}` runs it: no environment decides what is run"
        raise InventoryError(f"`{shown}` of `PSSH_INVENTORY` is a program", hint=hint)
    if path.is_dir():
        found = files(path)
        if not found:
            raise InventoryError(
                f"The folder `{shown}` holds no inventory", hint="inventories end in `.toml`, `.yaml`, `.ini` or `.txt`"
            )
        for each in found:
            check(each)
    return path
