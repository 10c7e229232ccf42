"""Who is told of a run, and what: on which occasions, in which words. Purely; `deliver` sends it.

Nobody is told of every success. What is told holds names of hosts, statuses and causes, and nothing that a host
printed: its output may hold anything, and a chat room is no place for it.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from msgspec import Struct

from pssh.errors import UsageError
from pssh.model.names import fold
from pssh.model.placeholders import fill
from pssh.model.report import Report, grouped
from pssh.schedule.jobfile import Notify, Occasion, span
from pssh.schedule.state import Answer

NAMES = ("job", "status", "occasion", "exit", "run", "hosts", "machine", "text")
_LONG = 2.0  # times as long as usual
_USUAL = 3  # runs say what is usual
_LEAST_LONG = 60.0  # seconds more than usual
_MOST_LINES = 40


class Message(Struct, frozen=True, kw_only=True):
    """What is told of one run."""

    job: str
    occasion: str
    status: str
    machine: str
    exit: int | None = None  # None while it goes on
    run: str = ""
    hosts: int = 0
    counts: dict[str, int] = {}
    seconds: float = 0.0
    text: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The message as a webhook gets it."""
        return {"v": 1, **{name: getattr(self, name) for name in self.__struct_fields__}}

    @property
    def names(self) -> dict[str, str]:
        """What placeholders may name."""
        return {name: "" if (value := getattr(self, name)) is None else str(value) for name in NAMES}


def occasions(status: str, before: Sequence[Answer]) -> list[Occasion]:
    """Return what the end of a run is an occasion for; `before` are the earlier answers, the newest first."""
    if status == "window":
        return ["window"]
    if status != "ok":
        return ["failure"]
    last = next((answer for answer in before if answer.what == "run" and answer.status), None)
    return ["recovery"] if last and last.status != "ok" else []


def long_after(said: Notify, before: Sequence[Answer]) -> float | None:
    """Return after how many seconds a run is long; None if nobody is told of it, or nothing says what is usual."""
    if "long" not in said.on:
        return None
    if said.long:
        return span(said.long)
    took = [run.seconds for run in before if run.status == "ok" and run.seconds is not None]
    if len(took) < _USUAL:
        return None
    return max(_LONG * median(took), median(took) + _LEAST_LONG)


def text_of(report: Report | None, status: str) -> str:
    """Return a report in a few lines: its counts, and the hosts of each cause."""
    if report is None:
        return f"{status}: it did not begin\n"
    counts = ", ".join(f"{number} {name}" for name, number in report.counts.items())
    lines = [f"{len(report.results)} hosts: {counts}; {report.seconds:.0f} s"]
    for group in grouped(report.results):
        if not group[0].ok:
            lines.append(f"{group[0].status} {group[0].cause}: {fold([result.host for result in group])}")
    lines += [f"not undone: {step}: {fold(hosts)}" for step, hosts in report.owed.items()]
    more = [f"... and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return "".join(f"{line}\n" for line in (*lines[:_MOST_LINES], *more))


def filled(texts: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return texts with their placeholders filled; raises UsageError for a name that is unknown."""
    return [fill(text, names, str) for text in texts]


def refused(said: Notify) -> str:
    """Return what is wrong with the placeholders of a file; empty if nothing is."""
    try:
        filled([*said.command, said.input], dict.fromkeys(NAMES, ""))
    except UsageError as error:
        return f"{error.message}; {error.hint}"
    return ""
