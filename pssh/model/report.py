"""The results of a run, and what can be said of them without showing them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from signal import Signals
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply, Result, Status

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
RULES = frozenset({"stop/budget", "stop/canary", "stop/window", "stop/deadline", "stop/auth-brake"})
# What a row without an exit code counts for under `max`: as timeout(1), ssh(1) and a shell that cannot run a command.
_WITHOUT_CODE: dict[Status, int] = {
    "timed-out": 124,
    "unreachable": 255,
    "host-key": 255,
    "auth": 255,
    "lost": 255,
    "failed": 126,
    "cancelled": 3,
    "not-run": 3,
}

ExitRule = Literal["all", "any", "max", "0"]


class JobRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of which maintenance job a run is one, and why it was begun; times are seconds since 1970."""

    file: str  # its absolute path
    reason: str = ""  # "due", "catch-up", "now", "resume"
    due: float = 0.0
    until: float = 0.0  # no host began from then on; 0: nothing said so


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
    given: str = ""  # the options, as for a shell, by which the same names reach the same hosts again
    job: JobRun | None = None


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
        """The command's exit code: a signal, then a fault of our own, then what the exit rule makes of the hosts."""
        if self.stopped in _INTERRUPTED:
            return _INTERRUPTED[self.stopped]
        statuses = {result.status for result in self.results}
        causes = {result.cause for result in self.results}
        if "error" in statuses or any(cause.startswith("worker/") for cause in causes):
            return 1
        if self.exit_rule == "0" or (self.exit_rule == "any" and "ok" in statuses):
            return 0
        if self.exit_rule == "max":
            return max(map(_remote_code, self.results), default=0)
        return _code_of(statuses, causes)

    @property
    def waves(self) -> list[list[Result]]:
        """The results of each wave, in the order of the targets; empty if all hosts were one wave."""
        most = max((result.wave for result in self.results), default=0)
        return [[result for result in self.results if result.wave == number] for number in range(1, most + 1)]

    @property
    def owed(self) -> dict[str, list[str]]:
        """The hosts on which a step was not taken back, or may not have been, by the name of the step."""
        found: dict[str, list[str]] = {}
        for result in self.results:
            for step in result.steps:
                if step.undo and step.status != "ok":
                    found.setdefault(step.name, []).append(result.host)
        return found

    def groups(self) -> list[list[Result]]:
        """Equal results together: worst status first, then the largest group, then the order of the targets."""
        return grouped(self.results)


def _code_of(statuses: set[Status], causes: set[str]) -> int:
    """Return the code that says in one number how the hosts did: the first rule that matches."""
    if "not-run" in statuses and causes & RULES:
        return 6
    if statuses & {"timed-out", "lost", "cancelled", "not-run"}:
        return 3
    if statuses & {"unreachable", "host-key", "auth"}:
        return 4
    return 5 if "failed" in statuses else 0


def _remote_code(result: Result) -> int:
    """Return the code that one host counts for: 0 if it is ok, else as a shell would give it."""
    if result.status in ("ok", "skipped"):
        return 0
    if (reply := result.reply) is None:
        return 6 if result.status == "not-run" and result.cause in RULES else _WITHOUT_CODE[result.status]
    if reply.exit_code is not None:
        return min(reply.exit_code, 255) or 5  # `--ok 1` makes a failure of 0
    number = Signals.__members__.get(f"SIG{reply.signal}")
    return 128 + number if number else 255


def grouped(results: Iterable[Result]) -> list[list[Result]]:
    """Put results together that have equal status, cause and output.

    Those of failures also need equal words, but for what is a host's own, and the same said of what became of the
    command.
    """
    found: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        end = result.end
        word = end.exit_code if isinstance(end, Reply) else (end.message, end.remote_end)
        key = (result.status, result.cause, word, end.stdout, end.stderr, end.stdout_cut, end.stderr_cut, end.note)
        found.setdefault(key, []).append(result)
    return sorted(found.values(), key=lambda group: (BY_WEIGHT.index(group[0].status), -len(group)))


def spoken_for(group: Sequence[Result]) -> Result:
    """Return what can be said of a whole group: its first result, without what is that host's own."""
    first = group[0]
    if isinstance(first.end, Failure) and first.end.detail and any(one.end != first.end for one in group[1:]):
        return replace(first, end=replace(first.end, detail=""))
    return first
