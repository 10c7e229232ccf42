"""The process groups of one command on this machine: its leader's, and those that others of its session made.

Promises: only what descends from the leader and shares its session is signalled, so that a daemon that left is left
alone; a group that was seen to end is never signalled again, for its number may be another's by then.

Why not all of a session from /proc: that is a thousand files to read for each command of a run that is stopped.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_OVER = (b"Z", b"X")
_BEGIN_SESSIONS = (b"sudo", b"su")  # the one where it has a terminal of its own, the other always
_NULL = asyncio.subprocess.DEVNULL


class Groups:
    """The groups of the command that this process leads."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._groups = {leader}

    def signal(self, number: int) -> list[int]:
        """Send a signal to all of them as far as we may, and return them: of others' processes we may signal none."""
        if self._leader in self._groups:
            self._groups.update(_below(self._leader))
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        return list(self._groups)

    def live(self) -> bool:
        """Whether anybody in them runs."""
        self._groups = {group for group in self._groups if _lives(group)}
        return bool(self._groups)


async def signal_through(words: str, groups: Iterable[int], number: int) -> None:
    """Send a signal to groups of another user, by words that make a command that user's and ask nobody."""
    with contextlib.suppress(OSError):
        line = f"{words} sh -c '{'; '.join(f'kill -{number} -{group}' for group in groups)}'"
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", line), stdin=_NULL, stdout=_NULL, stderr=_NULL, start_new_session=True
        )
        await process.wait()


class _Process(NamedTuple):
    name: bytes
    state: bytes
    group: int
    session: int


def _below(leader: int) -> Iterator[int]:
    """Yield the group of each descendant in the leader's session, or in one that a `sudo` or `su` there began."""
    first = _read(_PROC / str(leader) / "stat")
    left = [(leader, first.name if first is not None else b"")]
    sessions = {leader}
    while left:
        parent, name = left.pop()
        for child in _children(parent):
            process = _read(_PROC / str(child) / "stat")
            if process is None:
                continue
            if name in _BEGIN_SESSIONS:
                sessions.add(process.session)
            if process.session in sessions:
                yield process.group
                left.append((child, process.name))


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
    except PermissionError:  # another user's; where those are hidden, nobody is seen in it
        return not (members := _members(group)) or any(process.state not in _OVER for process in members)
    return not (_PROC / "self").exists() or any(process.state not in _OVER for process in _members(group))


def _members(group: int) -> list[_Process]:
    found = (_read(entry / "stat") for entry in _listed(_PROC) if entry.name.isdecimal())
    return [process for process in found if process is not None and process.group == group]


def _read(stat: Path) -> _Process | None:
    """Read what stands behind the name in parentheses (proc(5)); None if the process has ended."""
    try:
        front, _, rest = stat.read_bytes().rpartition(b")")
        state, _, group, session = rest.split()[:4]
    except (OSError, ValueError):
        return None
    return _Process(front.partition(b"(")[2], state, int(group), int(session))
