"""Joins a run and the history that keeps it: its number before it is planned, its record before anything connects."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from msgspec.structs import replace

from pssh.engine import wire
from pssh.errors import HistoryError
from pssh.history.codec import pack
from pssh.history.keeper import Keeper
from pssh.history.records import Again, KeptHost
from pssh.history.store import History
from pssh.model.host import Host
from pssh.model.options import RunOptions
from pssh.model.work import Operation
from pssh.plan import Plan


@contextmanager
def keeping(history: History, *, counts: bool = True) -> Iterator[Keeper]:
    """Give a new run its number, and take it back if the run does not begin; without `counts` it is never `last`."""
    keeper = history.allot(counts=counts)
    try:
        yield keeper
    finally:
        with suppress(HistoryError):
            keeper.close()


def begin(
    keeper: Keeper,
    plan: Plan,
    operation: Operation,
    hosts: Sequence[Host],
    options: RunOptions,
    *,
    inventory: Sequence[str] = (),
    first: int = 0,
    unmarked: bool = False,
) -> None:
    """Store the record of a planned run; `operation` as it was given, `inventory` as named, `first` what it repeats.

    `unmarked`: its engine marks no host before a command leaves. That somebody has said yes to protected hosts holds
    for this run alone, and is not kept. Raises HistoryError.
    """
    path, packed = ("", b"") if plan.run.job else _packed(operation)  # its file says it, also what may be secret
    again = Again(
        path=path,
        operation=packed,
        options=replace(options, yes=False),
        inventory=tuple(inventory),
        folder=_folder(),
    )
    waves = dict(zip((job.id for job in plan.jobs), options.rollout.numbers(len(plan.jobs)), strict=False))
    kept = [KeptHost.of(host, waves.get(place, 0)) for place, host in enumerate(hosts)]
    keeper.begin(plan.run, kept, again, first, unmarked=unmarked)


def _packed(operation: Operation) -> tuple[str, bytes]:
    """Return how the operation is found again; nothing for one that cannot be, as of a notebook."""
    try:
        return wire.operation_path(operation), pack(operation)
    except TypeError:
        return "", b""


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  as text, also where it holds bytes that are no UTF-8
    except OSError:
        return ""
