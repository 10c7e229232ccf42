"""The Python API: load an inventory, select hosts, run something on them, and get the results as data.

What a host does wrong is a result; only misuse raises. Callbacks run in the caller's own thread, one at a time, and one
that raises is logged and loses nothing. It works from a script without a `__main__` guard, from `python -`, and inside
a running event loop, because the run has a loop in a thread of its own: only `astream` uses the caller's.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from msgspec import structs

from pssh.audience import Keeps, kept
from pssh.engine.base import Engine
from pssh.errors import RunFailed, UsageError
from pssh.inventory.select import Selection
from pssh.model.event import Event, JobEnded, JobSaid, JobStarted, RunEnded
from pssh.model.options import RunOptions, options_from
from pssh.model.outcome import Result, Status
from pssh.model.report import Report
from pssh.model.secret import Secret
from pssh.model.work import Operation
from pssh.ops.command import Command
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.plan import Plan
from pssh.prepare import Sources, prepare, with_credentials
from pssh.report.base import Reporter
from pssh.report.table import table
from pssh.runner import Stop, events, pool

_log = logging.getLogger("pssh")
_log.addHandler(logging.NullHandler())
_AHEAD = 1000  # events that may wait for a slow callback before the run waits too


class Results(Mapping[str, Result]):
    """What came of a run: one result per host, by name, in the order of the targets."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._by_host = {result.host: result for result in report.results}

    def __getitem__(self, host: str) -> Result:
        return self._by_host[host]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_host)

    def __len__(self) -> int:
        return len(self._by_host)

    @property
    def ok(self) -> list[Result]:
        return [result for result in self.report.results if result.ok]

    @property
    def failed(self) -> list[Result]:
        """Every result that is not ok, whatever the reason."""
        return [result for result in self.report.results if not result.ok]

    @property
    def counts(self) -> dict[Status, int]:
        return self.report.counts

    def groups(self) -> list[list[Result]]:
        """Equal results together, what needs a look first."""
        return self.report.groups()

    def table(self) -> str:
        """Return the table that the command line shows, as wide as it gets."""
        return table(self.report)

    def check(self) -> Self:
        """Return this, or raise RunFailed if not every host is ok."""
        if failed := self.failed:
            first = failed[0]
            raise RunFailed(
                f"{len(failed)} of {len(self)} hosts are not ok, the first is `{first.host}`: {first.cause}"
            )
        return self


@dataclass(frozen=True)
class Fleet:
    """Hosts to run things on: those of an inventory, all of them until some are selected."""

    sources: Sources
    targets: str = "@all"
    narrowing: dict[str, Any] = field(default_factory=dict)
    ask: Callable[[str], str | None] | None = None

    @classmethod
    def load(
        cls,
        *inventory: str | Path,
        config_file: str = "",
        ask: Callable[[str], str | None] | None = None,
    ) -> Self:
        """Return the fleet of these inventories, or of the first place that the command line would find one in.

        `ask` is given a prompt when a passphrase or password is needed, such as `getpass.getpass`.
        """
        return cls(Sources.found([str(path) for path in inventory], config_file), ask=ask)

    def select(self, targets: str, **narrowing: Any) -> Self:
        """Return the fleet of the hosts that the targets name; takes `exclude first pick slice seed` as options do."""
        return replace(self, targets=targets, narrowing=narrowing)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the selected hosts; raises TargetsError or NoHosts."""
        return tuple(host.name for host in self._selection().hosts)

    def run(
        self,
        operation: str | Operation,
        *,
        on_start: Callable[[JobStarted], object] | None = None,
        on_output: Callable[[JobSaid], object] | None = None,
        on_result: Callable[[Result], object] | None = None,
        reporters: Sequence[Reporter] = (),
        engine: Engine | None = None,
        history: bool = False,
        **options: Any,
    ) -> Results:
        """Run a command or another operation on every host, and return the results once all have ended.

        The options are those of `RunOptions`: `parallel=8, timeout=30, user="ops"`. With `history` the run is kept as
        the command line keeps it: it has a number, and `pssh log`, `show` and `rerun` know it. A program's runs are
        not kept unless it asks: they would push out those of the person. Raises HistoryError where they cannot be.
        """
        hears = (_Callbacks(on_start, on_output, on_result), *reporters)
        with (
            self._ready(operation, options, engine, history, say=on_output is not None) as ready,
            closing(_in_a_thread(ready)) as happening,
        ):
            for event in happening:
                for reporter in hears:
                    reporter.on(event)
                if isinstance(event, RunEnded):
                    report = event.report
        return Results(report)

    def put(self, *paths: str, **how: Any) -> Results:
        """Copy files to every host; the last path is where to. Options: the fields of `Put` and those of `run`."""
        return self._moved(Put, paths, how)

    def get(self, *paths: str, **how: Any) -> Results:
        """Fetch files from every host; the last path is where to. Options: the fields of `Get` and those of `run`."""
        return self._moved(Get, paths, how)

    def _moved(self, kind: type[Put] | type[Get], paths: tuple[str, ...], how: dict[str, Any]) -> Results:
        own = {name: how.pop(name) for name in kind.__struct_fields__ if name in how}
        if len(paths) < 2:
            raise UsageError("There is no source or no destination", hint="the last path is the destination")
        return self.run(kind(paths[:-1], paths[-1], **own), **how)

    def stream(
        self, operation: str | Operation, *, engine: Engine | None = None, history: bool = False, **options: Any
    ) -> Generator[Result, None, None]:
        """Yield each result as its host finishes. Leaving the loop early ends the run; `history` as in `run`."""
        with (
            self._ready(operation, options, engine, history) as ready,
            closing(_in_a_thread(ready)) as happening,
        ):
            yield from (event.result for event in happening if isinstance(event, JobEnded))

    async def astream(
        self, operation: str | Operation, *, engine: Engine | None = None, history: bool = False, **options: Any
    ) -> AsyncGenerator[Result, None]:
        """Yield each result as its host finishes, in the running event loop. Closing it early ends the run."""
        with self._ready(operation, options, engine, history) as ready:
            async with aclosing(ready.events(Stop(ready.engine))) as happening:
                async for event in happening:
                    if isinstance(event, JobEnded):
                        yield event.result

    def _selection(self) -> Selection:
        return self.sources.select(self.targets, **self.narrowing)

    @contextmanager
    def _ready(
        self,
        operation: str | Operation,
        options: dict[str, Any],
        engine: Engine | None,
        history: bool,
        say: bool = False,
    ) -> "Iterator[_Ready]":
        """Plan a run, and have it kept if that is wanted."""
        wanted = Command(operation) if isinstance(operation, str) else operation
        settled = structs.replace(options_from(options), say=say)
        if not history:
            plan = self._plan(wanted, settled, self._selection())
            yield _Ready(plan, engine or pool(settled, plan.secrets))
            return
        from pssh.history.store import History  # SQLite, which other programs do not need
        from pssh.keeping import begin, keeping

        with closing(History.usual()) as opened, keeping(opened) as keeper:
            selection = self._selection()
            plan = self._plan(wanted, settled, selection, keeper.name)
            begin(
                *(keeper, plan, wanted, plan.hosts, settled),
                inventory=self.sources.explicit,
                unmarked=engine is not None,
            )
            ours = pool(settled, plan.secrets)
            ours.mark_in(str(keeper.marks))
            ours.spool_in(keeper.spool)
            yield _Ready(plan, engine or ours, keeper)

    def _plan(self, wanted: Operation, settled: RunOptions, selection: Selection, number: str = "") -> Plan:
        if settled.pause == "ask":
            raise UsageError(
                "`pause='ask'` has nobody to ask", hint="a program pauses for so many seconds, `pause='30s'`"
            )
        plan = prepare(wanted, self.targets, self.sources, selection, settled, self.narrowing.get("seed"), number)
        if plan.protected and not settled.yes:
            raise UsageError(
                f"Some hosts are protected, the first is `{plan.protected[0]}`", hint="`yes=True` means them"
            )
        return with_credentials(plan, settled, self._asked)

    def _asked(self, prompt: str) -> Secret | None:
        answer = self.ask(prompt) if self.ask else None
        return None if answer is None else Secret(answer)


class _Callbacks:
    """The reporter that calls what the caller gave, and logs what it raises."""

    def __init__(self, on_start: Any, on_output: Any, on_result: Any) -> None:
        self._wanted = {JobStarted: on_start, JobSaid: on_output, JobEnded: on_result}

    def on(self, event: Event, /) -> None:
        if not (callback := self._wanted.get(type(event))):
            return
        try:
            callback(event.result if isinstance(event, JobEnded) else event)
        except Exception:  # noqa: BLE001  whatever a callback raises costs no result
            _log.exception("A callback of this run failed; the run goes on")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A run that can begin."""

    plan: Plan
    engine: Engine
    keeper: Keeps | None = None

    def events(self, stop: Stop) -> AsyncGenerator[Event, None]:
        happening = events(self.plan, self.engine, stop, self.keeper)
        return kept(happening, self.keeper, self.engine.stop) if self.keeper else happening


def _in_a_thread(ready: _Ready) -> Generator[Event, None, None]:
    """Run the jobs in a thread of their own and yield the events in this one; closing it ends the run first."""
    handed: queue.Queue[Event | BaseException | None] = queue.Queue(_AHEAD)
    stop = Stop(ready.engine)
    loop = asyncio.new_event_loop()

    async def work() -> None:
        async with aclosing(ready.events(stop)) as happening:
            async for event in happening:
                handed.put(event)

    def thread() -> None:
        last = None
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(work())
        except BaseException as error:  # noqa: BLE001  it is raised again where the events are read
            last = error
        handed.put(last)

    worker = threading.Thread(target=thread, name="pssh-run")
    worker.start()
    over = False
    try:
        while not over:
            item = handed.get()
            over = item is None or isinstance(item, BaseException)
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                yield item
    finally:
        while not over:
            with suppress(RuntimeError):  # its loop is closed already: then the end is in the queue
                loop.call_soon_threadsafe(stop, "interrupt")
            with suppress(KeyboardInterrupt):  # asked again: then the run is told again, more firmly
                while isinstance(handed.get(), Event):
                    pass
                over = True
        worker.join()
