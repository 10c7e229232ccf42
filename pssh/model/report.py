"""The results of a run, and what can be said of them without showing them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from pssh.model.outcome import Reply, Result, Status

# Worst first: the order of rows and of counts.
BY_WEIGHT: tuple[Status, ...] = (
    "error",
    "lost",
    "timed-out",
    "host-key",
    "auth",
    "unreachable",
    "failed",
    "cancelled",
    "not-run",
    "skipped",
    "ok",
)
_INTERRUPTED = {"interrupt": 130, "terminate": 143, "hangup": 129}
_RULES = {"stop/budget", "stop/canary", "stop/window", "stop/deadline", "stop/auth-brake"}


ExitRule = Literal["all", "any", "max", "0"]


class Run(Struct, frozen=True, kw_only=True):
    """One invocation, as it began."""

    id: str  # "r42"; empty until runs are kept
    started: float  # wall clock, seconds since 1970
    operation: str  # "command", "script", "ping"
    text: str  # the operation's label
    targets: str
    inventory: tuple[str, ...]  # what it was read from; empty: none in use
    hosts: tuple[str, ...]  # names, in order
    user: str = ""
    options: dict[str, Any] = {}


class Report(Struct, frozen=True, kw_only=True):
    """A finished run: one result per host, in the order of the targets."""

    run: Run
    results: tuple[Result, ...]
    seconds: float
    stopped: str = ""  # "interrupt", "terminate", "hangup", or the rule that stopped the run
    exit_rule: ExitRule = "all"
    spread: float | None = None  # seconds from the first to the last command that a barrier released

    @property
    def counts(self) -> dict[Status, int]:
        """How many results have each status that occurs, `ok` first, then worst first."""
        seen = Counter(result.status for result in self.results)
        return {status: seen[status] for status in ("ok", *BY_WEIGHT[:-1]) if seen[status]}

    @property
    def exit_code(self) -> int:
        """The command's exit code: the first rule that matches."""
        if self.stopped in _INTERRUPTED:
            return _INTERRUPTED[self.stopped]
        statuses = {result.status for result in self.results}
        causes = {result.cause for result in self.results}
        if "error" in statuses or any(cause.startswith("worker/") for cause in causes):
            return 1
        if "not-run" in statuses and causes & _RULES:
            return 6
        if statuses & {"timed-out", "lost", "cancelled", "not-run"}:
            return 3
        if statuses & {"unreachable", "host-key", "auth"}:
            return 4
        return 5 if "failed" in statuses else 0

    def groups(self) -> list[list[Result]]:
        """Equal results together: worst status first, then the largest group, then the order of the targets."""
        return grouped(self.results)


def grouped(results: Iterable[Result]) -> list[list[Result]]:
    """Put results together that have equal status, cause and output; a failure also needs an equal message."""
    found: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        end = result.end
        word = end.exit_code if isinstance(end, Reply) else end.message
        key = (result.status, result.cause, word, end.stdout, end.stderr, end.stdout_cut, end.stderr_cut, end.note)
        found.setdefault(key, []).append(result)
    return sorted(found.values(), key=lambda group: (BY_WEIGHT.index(group[0].status), -len(group)))
