"""The process groups of one command on this machine: its leader's, and those that others of its session made.

Promises: only what descends from the leader and shares its session is signalled, so that a daemon that left is left
alone; a group that was seen to end is never signalled again, for its number may be another's by then.

Why not all of a session from /proc: that is a thousand files to read for each command of a run that is stopped.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Groups:
    """The groups of the command that this process leads."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._groups = {leader}

    def signal(self, number: int) -> None:
        """Send a signal to all of them."""
        if self._leader in self._groups:
            self._groups.update(_below(self._leader))
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def live(self) -> bool:
        """Whether anybody in them runs."""
        self._groups = {group for group in self._groups if _lives(group)}
        return bool(self._groups)


class _Process(NamedTuple):
    state: bytes
    group: int
    session: int


def _below(leader: int) -> Iterator[int]:
    """Yield the group of each descendant that is in the leader's session."""
    left = [leader]
    while left:
        for child in _children(left.pop()):
            process = _read(_PROC / str(child) / "stat")
            if process is not None and process.session == leader:
                yield process.group
                left.append(child)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _listed(_PROC / str(pid) / "task"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found += map(int, (task / "children").read_bytes().split())
    return found


def _listed(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing if it is not there, or no more."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _lives(group: int) -> bool:
    """Whether anybody in a process group runs. In a container orphans may stay unreaped for ever: they do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    entries = [entry for entry in _listed(_PROC) if entry.name.isdecimal()]
    return not entries or any(_runs_in(group, _read(entry / "stat")) for entry in entries)


def _runs_in(group: int, process: _Process | None) -> bool:
    return process is not None and process.group == group and process.state not in (b"Z", b"X")


def _read(stat: Path) -> _Process | None:
    """Read what stands behind the name in parentheses (proc(5)); None if the process has ended."""
    try:
        state, _, group, session = stat.read_bytes().rpartition(b")")[2].split()[:4]
    except (OSError, ValueError):
        return None
    return _Process(state, int(group), int(session))
