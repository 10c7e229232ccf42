"""What is kept of a run besides its results: what it was, whom it was for, and how to do it again."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from pssh.model.host import Host, Settings
from pssh.model.options import RunOptions
from pssh.model.outcome import Status
from pssh.model.report import Run

State = Literal["preparing", "running", "ended", "interrupted"]


class KeptHost(Struct, frozen=True, array_like=True, omit_defaults=True):
    """A host of a run: its name, what was typed for it, and what the inventory said then of how to reach it.

    No variables: they are the inventory's, and may hold what nobody wants in a history.
    """

    name: str
    typed: Settings = {}
    settings: Settings = {}
    wave: int = 0  # in which it is to go

    @classmethod
    def of(cls, host: Host, wave: int = 0) -> "KeptHost":
        return cls(host.name, host.typed, host.settings, wave)


class Again(Struct, frozen=True, kw_only=True):
    """What it takes to do the same once more: the operation as it was given, before placeholders were filled in.

    No secret is in it: an operation has the names of secrets, and whoever runs it again is asked again.
    """

    path: str  # the operation's type, as "module:Class"; empty: it cannot be found again
    operation: bytes
    options: RunOptions
    inventory: tuple[str, ...] = ()  # as they were named
    folder: str = ""  # in which relative paths meant something


class KeptRun(Struct, frozen=True, kw_only=True):
    """One run of the history."""

    number: int
    first: int  # the run that this one repeats a part of; its own number if it repeats none
    state: State
    run: Run  # without the names of its hosts
    hosts: int
    counts: Mapping[Status, int]
    seconds: float | None = None
    stopped: str = ""
    exit: int | None = None  # None: it was interrupted, or has not ended

    @property
    def name(self) -> str:
        return f"r{self.number}"
