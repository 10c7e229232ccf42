"""What one inventory file says, before it is joined with others: the value that every source returns.

A file is read to its end whatever is wrong in it, so that every finding can be shown at once; a Document with findings
is never used for a run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from pssh.model.host import Settings

MOST_HOSTS = 500_000  # of one inventory; a file is refused before it builds more
Where = Callable[..., int]  # the line of what a path of keys names; looked up only when it is needed


class Paired(tuple[Any, ...]):
    """One value for each host of a block: what a range in a value stands for."""

    __slots__ = ()


class Finding(Struct, frozen=True, order=True):
    """One thing wrong in a file; line 0 is the whole file."""

    line: int
    text: str

    def at(self, path: Path) -> str:
        return f"{path}:{self.line}: {self.text}" if self.line else f"{path}: {self.text}"


class Block(Struct, frozen=True, gc=False):
    """Hosts that one line or table names, with what it says of them; a Paired value gives each its own."""

    names: list[str]
    settings: dict[str, Any] = {}
    vars: dict[str, Any] = {}
    line: int = 0

    def said(self, place: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the settings and variables of the host at that place."""
        return _own(self.settings, place), _own(self.vars, place)


class GroupSaid(Struct, frozen=True, kw_only=True):
    """A group as one file defines it: expressions still unread."""

    name: str
    members: Sequence[str] = ()  # hosts of the same file by name, with nothing to be read in them
    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # here a bare word is a group
    exclude: tuple[str, ...] = ()
    settings: Settings = {}
    vars: dict[str, Any] = {}
    priority: int = 0
    protected: bool = False
    adds_only: bool = False  # to a group that must be defined elsewhere


class Document(Struct, frozen=True, kw_only=True):
    """All that one file says."""

    path: Path
    blocks: list[Block] = []
    groups: list[GroupSaid] = []
    settings: Settings = {}  # of every host
    vars: dict[str, Any] = {}  # of every host
    findings: list[Finding] = []
    notices: list[str] = []
    line: Where = lambda *keys: 0


def _own(values: dict[str, Any], place: int) -> dict[str, Any]:
    return {key: value[place] if type(value) is Paired else value for key, value in values.items()}
