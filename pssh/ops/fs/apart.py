"""One file operation on this machine becomes one for each of its paths, so that they run beside each other."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from pssh.model.work import Operation
from pssh.ops.fs.base import FileOperation
from pssh.ops.fs.here.globs import expanded
from pssh.ops.fs.paths import is_pattern
from pssh.ops.shellwords import shown

_LIVE = "\\*?["


def apart(operation: Operation) -> Sequence[tuple[str, Operation]]:
    """Return each path and its operation, patterns matched; nothing if there is but one, or they belong together."""
    if not isinstance(operation, FileOperation) or not operation.apart:
        return ()
    paths: dict[str, None] = {}
    for path in operation.paths:
        found = expanded(path) if is_pattern(path) else []
        paths.update(dict.fromkeys(map(_plain, found) if found else [path]))
    if len(paths) < 2:
        return ()
    whole: Any = operation
    return [(shown(path), replace(whole, paths=(path,))) for path in paths]


def of_path(operation: Operation, path: str) -> Operation | None:
    """Return the operation of one path, as it was part of an earlier run; None if it is none for paths apart."""
    if not isinstance(operation, FileOperation) or not operation.apart:
        return None
    whole: Any = operation
    found: Operation = replace(whole, paths=(_plain(path),))
    return found


def _plain(path: str) -> str:
    """Return a path that exists so that no letter of it is a pattern."""
    return "".join(f"\\{letter}" if letter in _LIVE else letter for letter in path)
