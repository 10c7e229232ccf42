"""Runs put into a history as the product does it, so that a test says only what the hosts answered."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pssh.history.codec import pack
from pssh.history.keeper import Keeper
from pssh.history.records import Again, KeptHost
from pssh.history.store import History
from pssh.model.options import RunOptions
from pssh.model.outcome import Result
from pssh.model.report import Report, Run
from pssh.ops.command import Command

STARTED = 1795341600.0


def begun(
    history: History,
    hosts: Iterable[str],
    *,
    first: int = 0,
    counts: bool = True,
    waves: Sequence[int] = (),
    **about: Any,
) -> Keeper:
    """Return the keeper of a run of `uname -r` that has begun on these hosts; `waves` are theirs, in their order."""
    names = tuple(hosts)
    keeper = history.allot(counts=counts)
    said = {
        "started": STARTED + keeper.number,
        "operation": "command",
        "text": "uname -r",
        "targets": "@all",
        "inventory": ("fleet.toml",),
        **about,
    }
    run = Run(id=keeper.name, hosts=names, **said)
    again = Again(path="pssh.ops.command:Command", operation=pack(Command("uname -r")), options=RunOptions())
    numbers = waves or [0] * len(names)
    keeper.begin(run, [KeptHost(name, wave=wave) for name, wave in zip(names, numbers, strict=True)], again, first)
    return keeper


def kept(history: History, results: Iterable[Result], *, first: int = 0, **about: Any) -> int:
    """Keep a whole run of one host per result, and return its number."""
    results = tuple(results)
    keeper = begun(history, (one.host for one in results), first=first, **about)
    numbered = [numbered_as(place, one) for place, one in enumerate(results)]
    keeper.keep(numbered)
    queried = Run(
        id=keeper.name, started=STARTED, operation="command", text="uname -r", targets="@all", inventory=(), hosts=()
    )
    keeper.end(Report(run=queried, results=tuple(numbered), seconds=1.5))
    return keeper.number


def numbered_as(place: int, result: Result) -> Result:
    from msgspec.structs import replace

    return replace(result, job_id=place)


def state(folder: Path) -> Path:
    """Return where the history of a user with this home lies."""
    return folder / ".local" / "state" / "pssh"
