"""Who hears a run hears it after the history, and in order."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from pssh.audience import Audience
from pssh.errors import HistoryError
from pssh.model.event import Event, JobEnded, JobStarted, Notice, RunEnded
from pssh.model.outcome import Result
from pssh.model.report import Report
from tests.support.runs import ok, report


class Keeps:
    """A history that says what it was given, and fails once it is full."""

    def __init__(self, log: list[Any], room: int = 1000) -> None:
        self.trouble: HistoryError | None = None
        self.unstored: list[str] = []
        self._log, self._room = log, room

    def keep(self, results: Sequence[Result]) -> None:
        self._log.append(("kept", [one.host for one in results]))
        self._room -= len(results)
        if self._room < 0:
            self.trouble = HistoryError("full")
            self.unstored += [one.host for one in results]

    def end(self, report: Report) -> None:
        self._log.append("end")


class Hears:
    def __init__(self, log: list[Any]) -> None:
        self._log = log

    def on(self, event: Event, /) -> None:
        match event:
            case JobEnded(result=result):
                self._log.append(result.host)
            case _:
                self._log.append(type(event).__name__)


class Stops:
    def __init__(self) -> None:
        self.causes: list[str] = []

    def __call__(self, cause: str, *, finish: bool) -> None:
        self.causes.append(cause)


async def test_results_that_arrive_together_are_kept_together_and_then_heard_in_order() -> None:
    log: list[Any] = []
    audience = Audience([Hears(log)], Stops(), Keeps(log))
    audience.on(JobStarted(0, "a"))
    assert log == ["JobStarted"]  # of that there is nothing to keep
    for event in (JobEnded(ok("a")), Notice("look"), JobEnded(ok("b"))):
        audience.on(event)
    assert log == ["JobStarted"]
    await asyncio.sleep(0)
    assert log == ["JobStarted", ("kept", ["a", "b"]), "a", "Notice", "b"]


async def test_the_end_waits_for_nobody() -> None:
    log: list[Any] = []
    audience = Audience([Hears(log)], Stops(), Keeps(log))
    audience.on(JobEnded(ok("a")))
    audience.on(RunEnded(report([ok("a")])))
    assert log == [("kept", ["a"]), "end", "a", "RunEnded"]


async def test_many_results_do_not_pile_up() -> None:
    log: list[Any] = []
    audience = Audience([], Stops(), Keeps(log))
    for number in range(600):
        audience.on(JobEnded(ok(f"h{number}")))
    assert [len(hosts) for _, hosts in log] == [256, 256]


async def test_a_full_history_stops_new_starts_once_and_everything_is_still_heard() -> None:
    log: list[Any] = []
    stops = Stops()
    audience = Audience([Hears(log)], stops, Keeps(log, room=1))
    for host in "abc":
        audience.on(JobEnded(ok(host)))
        await asyncio.sleep(0)
    assert stops.causes == ["history"]
    assert [entry for entry in log if isinstance(entry, str)] == ["a", "Notice", "b", "c"]


async def test_without_a_history_everything_is_heard_at_once() -> None:
    log: list[Any] = []
    Audience([Hears(log)], Stops()).on(JobEnded(ok("a")))
    assert log == ["a"]


async def test_a_bug_of_a_reporter_ends_the_run_also_where_nobody_waits_for_it() -> None:
    class Broken:
        def on(self, event: Event, /) -> None:
            raise ZeroDivisionError

    async def hear() -> None:
        audience = Audience([Broken()], Stops(), Keeps([]))
        try:
            audience.on(JobEnded(ok("a")))
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert audience.bug
            raise audience.bug from None

    with pytest.raises(ZeroDivisionError):
        await asyncio.create_task(hear())
