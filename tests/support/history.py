"""Runs put into a history as the product does it, so that a test says only what the hosts answered."""

from collections.abc import Iterable
from pathlib import Path

from pssh.history.codec import pack
from pssh.history.keeper import Keeper
from pssh.history.records import Again, KeptHost
from pssh.history.store import History
from pssh.model.options import RunOptions
from pssh.model.outcome import Result
from pssh.model.report import Report, Run
from pssh.ops.command import Command

STARTED = 1795341600.0


def begun(history: History, hosts: Iterable[str], *, first: int = 0, counts: bool = True, **about: object) -> Keeper:
    """Return the keeper of a run of `uname -r` that has begun on these hosts."""
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
    run = Run(id=keeper.name, hosts=names, **said)  # type: ignore[arg-type]  # what a test says of a run fits
    again = Again(path="pssh.ops.command:Command", operation=pack(Command("uname -r")), options=RunOptions())
    keeper.begin(run, [KeptHost(name) for name in names], again, first)
    return keeper


def kept(history: History, results: Iterable[Result], *, first: int = 0, **about: object) -> int:
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
