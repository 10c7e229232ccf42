"""Reads the history back: which run a word means, what came of it, and which of its hosts a target names.

A rerun joins the run it repeats a part of. What is asked of a run's hosts is answered from the newest result of each,
over the run and all that repeat a part of the same one and came after it; so repeating `rerun` comes to an end.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import HistoryError, NoHosts, TargetsError
from pssh.history import spooled
from pssh.history.codec import unpack
from pssh.history.records import Again, KeptHost, KeptRun
from pssh.history.store import History
from pssh.model.outcome import Failure, Reply, Result, Status
from pssh.model.report import BY_WEIGHT, ExitRule, Report, Run
from pssh.model.work import StreamName

_Any = TypeVar("_Any")
STATUSES: tuple[str, ...] = get_args(Status)
STATES = ("not-started", "end-unknown", "finished")
WORDS = (*STATUSES, "bad", "changed", "todo", "all")
_NAME = re.compile(r"r?([0-9]{1,15})", re.ASCII)
_LAST = re.compile(r"last(?:~([0-9]{1,9}))?", re.ASCII)
_COLUMNS = "number, first, state, about, hosts, seconds, stopped, exit"


class Newest(Struct, frozen=True):
    """How a host did when it was last tried; None for what no result says, as it has none."""

    host: KeptHost
    status: str | None = None
    state: str | None = None
    cause: str = ""
    changed: bool = False


def picks(word: str, value: str, one: Newest) -> bool:
    """Whether a host is among those that the word after a run means; one without a result is in `all` alone."""
    match word:
        case "" | "all":
            return True
        case _ if one.status is None:
            return False
        case "todo":
            return one.status != "ok" and one.state != "end-unknown"
        case "bad":
            return one.status not in ("ok", "skipped")
        case "changed":
            return one.changed
        case "state":
            return one.state == value
        case "cause":
            return fnmatchcase(one.cause, value)
    return one.status == word


class Queries:
    """What can be asked of a history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def number(self, name: str) -> int:
        """Return the number of the run that `last`, `last~2` or `r42` means; raises NoHosts."""
        if found := _LAST.fullmatch(name):
            back = int(found[1] or 0)
            row = self._one(
                "select number from runs where counts and state != 'preparing' order by number desc limit 1 offset ?",
                back,
            )
            if row is None:
                total = self._one("select count(*) from runs where counts and state != 'preparing'")[0]
                hint = "`pssh log` lists them" if total else "`pssh run TARGETS COMMAND` makes the first"
                raise NoHosts(f"There is no run `{name}`: the history holds {total:,}", hint=hint)
            return int(row[0])
        if not (found := _NAME.fullmatch(name)):
            raise TargetsError(f"`{name}` is no run", hint="runs are `last`, `last~1`, `r42`; `pssh log` lists them")
        if self._one("select 1 from runs where number = ? and state != 'preparing'", int(found[1])) is None:
            raise NoHosts(f"There is no run `r{int(found[1])}` in the history", hint="`pssh log` lists them")
        return int(found[1])

    def run(self, number: int) -> KeptRun:
        row = self._one(f"select {_COLUMNS} from runs where number = ?", number)
        return self._kept(row)

    def runs(self, *, since: float = 0.0, limit: int = -1) -> list[KeptRun]:
        """Return the newest runs that began at `since` or later, the newest first."""
        rows = self._all(
            f"select {_COLUMNS} from runs where state != 'preparing' and started >= ? order by number desc limit ?",
            since,
            limit,
        )
        return [self._kept(row) for row in rows]

    def hosts(self, number: int) -> list[KeptHost]:
        return self._unpack(self._one("select targets from runs where number = ?", number)[0], list[KeptHost])

    def again(self, number: int) -> Again:
        return self._unpack(self._one("select again from runs where number = ?", number)[0], Again)

    def path(self, number: int) -> str:
        """Return where the operation of a run is, as "module:Class"; empty if that cannot be told."""
        try:
            return self.again(number).path
        except HistoryError:
            return ""

    def results(self, number: int) -> Iterator[Result]:
        """Yield the results that a run has, in the order of its targets."""
        text = self.run(number).run.text
        known: dict[int, Reply | Failure] = {}
        rows = self._all("select end, about from results where run = ? order by job", number)
        for end, about in rows:
            if end not in known:
                data = self._one("select data from ends where run = ? and number = ?", number, end)[0]
                known[end] = self._unpack(data, Reply | Failure)  # type: ignore[arg-type]  # a union is a type to msgspec
            result = self._unpack(about, Result)
            yield replace(result, end=known[end], operation=result.operation or text)

    def report(self, number: int) -> Report:
        """Return what came of a run, as it was reported then."""
        kept = self.run(number)
        spread = self._one("select spread from runs where number = ?", number)[0]
        names = tuple(host.name for host in self.hosts(number))
        results = tuple(self.results(number))
        return Report(
            run=replace(kept.run, hosts=names),
            results=results,
            seconds=_lasted(kept, results) if kept.seconds is None else kept.seconds,
            stopped="killed" if kept.state == "interrupted" else kept.stopped,
            exit_rule=self._exit_rule(number),
            spread=spread,
        )

    def printed(self, number: int, result: Result) -> Iterator[tuple[StreamName, bytes]]:
        """Yield all that is kept of what a host printed, in pieces, stdout first; what is missing is passed over."""
        return spooled.printed(self._history.folder, f"r{number}", result)

    def filled(self, number: int, result: Result, most: int) -> Result:
        """Return a result with what else is kept of its streams put in, up to so many bytes of each."""
        return spooled.filled(self._history.folder, f"r{number}", result, most)

    def _exit_rule(self, number: int) -> ExitRule:
        try:
            return self.again(number).options.exit
        except HistoryError:  # options of another version: a report can do without them
            return "all"

    def newest(self, name: str) -> tuple[int, list[Newest]]:
        """Return the run that a target names, and how each of its hosts did last.

        `last` stands for the run that the last one repeats a part of, if it does. Raises NoHosts, and TargetsError
        while the run goes on.
        """
        number = self.number(name)
        first = self._one("select first from runs where number = ?", number)[0]
        if name.startswith("last") and self._one("select 1 from runs where number = ?", first):
            number = first
        going = self._one(
            "select number from runs where first = ? and number >= ? and state = 'running'", first, number
        )
        if going:
            hint = f"wait for its end, or name another run; `pssh show r{going[0]}` shows it so far"
            raise TargetsError(f"The run `r{going[0]}` goes on", hint=hint)
        hosts = self.hosts(number)
        found = {host.name: Newest(host) for host in hosts}
        rows = self._all("select number from runs where first = ? and number >= ? order by number", first, number)
        for (member,) in rows:
            names = hosts if member == number else self.hosts(member)
            for job, status, state, cause, changed in self._all(
                "select job, status, state, cause, changed from results where run = ?", member
            ):
                host = names[job]
                if host.name in found:
                    found[host.name] = Newest(found[host.name].host, status, state, cause, bool(changed))
        return number, list(found.values())

    def pick(self, name: str, word: str = "", value: str = "") -> list[KeptHost]:
        """Return the hosts of `@NAME:WORD`, or of `@NAME:WORD=VALUE`; raises TargetsError for an unknown word."""
        check(name, word, value)
        return [one.host for one in self.newest(name)[1] if picks(word, value, one)]

    def _kept(self, row: Sequence[Any]) -> KeptRun:
        number, first, state, about, hosts, seconds, stopped, code = row
        counted: dict[Any, int] = dict(
            self._all("select status, count(*) from results where run = ? group by status", number)
        )
        counts: Mapping[Status, int] = {
            status: counted[status] for status in ("ok", *BY_WEIGHT[:-1]) if status in counted
        }
        return KeptRun(
            number=number,
            first=first,
            state=state,
            run=self._unpack(about, Run),
            hosts=hosts,
            counts=counts,
            seconds=seconds,
            stopped=stopped,
            exit=code,
        )

    def _unpack(self, raw: bytes, kind: type[_Any]) -> _Any:
        try:
            return unpack(raw, kind)
        except (ValueError, TypeError) as error:
            raise HistoryError(f"The history `{self._history.path}` is damaged: {error}") from None

    def _one(self, sql: str, *values: Any) -> Any:
        with self._history.told():
            return self._history.database.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with self._history.told():
            return self._history.database.execute(sql, values).fetchall()


def _lasted(kept: KeptRun, results: Sequence[Result]) -> float:
    """Return the seconds until the last host ended, of a run whose own end is not known."""
    ends = [one.started + one.seconds.get("total", 0.0) for one in results]
    return max([0.0, *(end - kept.run.started for end in ends)])


def check(name: str, word: str, value: str) -> None:
    """Raise TargetsError for a word that means no hosts of a run."""
    shown = f"@{name}:{word}{'=' if value else ''}{value}"
    if word == "state" and value not in STATES:
        raise TargetsError(f"`{shown}` has no state of a host", hint=f"states are {', '.join(STATES)}")
    if word in ("state", "cause") and not value:
        raise TargetsError(f"`{shown}` has no value", hint=f"write `{shown}=…`, such as `cause=connect/*`")
    if word and word not in ("state", "cause") and (value or word not in WORDS):
        raise TargetsError(f"`{shown}` means no hosts of a run", hint=f"there are: {', '.join(WORDS)}, state=, cause=")
