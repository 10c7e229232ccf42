"""Who hears a run: the history first, then every reporter that can still write, one event at a time.

With the first result that arrives, events are held until the loop has no more of them: so many results are stored in
one transaction, and only then is any of them shown. That costs no time, because nobody could be shown more by then.
"""

import asyncio
import errno
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from pssh.errors import HistoryError
from pssh.model.event import Event, JobEnded, Notice, RunEnded, Tick
from pssh.model.names import fold
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.report import Report
from pssh.report.base import Reporter

_TOGETHER = 256  # results that wait to be stored at most


class Stop(Protocol):
    """Starts nothing more; with `finish` what runs may."""

    def __call__(self, cause: str, *, finish: bool) -> None: ...


class Keeps(Protocol):
    """Who keeps a run: each result before it is shown."""

    trouble: HistoryError | None

    @property
    def unstored(self) -> list[str]: ...

    def spill(self, result: Result, less: Reply | Failure, /) -> Reply | Failure: ...

    def keep(self, results: Sequence[Result], /) -> None: ...

    def end(self, report: Report, /) -> None: ...


async def kept(events: AsyncGenerator[Event, None], keeper: Keeps, stop: Stop) -> AsyncGenerator[Event, None]:
    """Yield the events once what they bring is stored, each by itself; raises HistoryError at the end."""
    told = False
    async with aclosing(events) as happening:
        async for event in happening:
            if isinstance(event, JobEnded):
                keeper.keep([event.result])
            elif isinstance(event, RunEnded):
                keeper.end(event.report)
            if keeper.trouble and not told:
                told = True
                stop("history", finish=True)
            yield event
    unstored(keeper)


def unstored(keeper: Keeps) -> None:
    """Raise HistoryError, with the hosts whose results are not stored, if any could not be."""
    if keeper.trouble:
        left = f"; not stored: {fold(keeper.unstored)}" if keeper.unstored else ""
        raise HistoryError(f"{keeper.trouble.message}{left}", hint=keeper.trouble.hint)


class Audience:
    """The reporters that still listen. One that cannot write is dropped, and from then on nothing new is started.

    The history comes first: with the first result, events are held until the loop has no more of them, then stored
    together and passed on in their order.
    """

    def __init__(self, reporters: Sequence[Reporter], stop: Stop, keeper: Keeps | None = None) -> None:
        self.trouble: OSError | None = None
        self.bug: BaseException | None = None  # what a reporter raised where nobody would hear of it
        self._reporters = list(reporters)
        self._stop = stop
        self._keeper = keeper
        self._held: list[Event] = []
        self._told = False  # to start nothing new, because the history failed
        self._task = asyncio.current_task()
        self._quiet = False  # nothing has happened since the last look

    def on(self, event: Event) -> None:
        self._quiet = False
        if self._keeper is None or not (self._held or isinstance(event, JobEnded | RunEnded)):
            self._pass_on(event)
            return
        if not self._held:
            asyncio.get_running_loop().call_soon(self._due)
        self._held.append(event)
        if isinstance(event, RunEnded) or len(self._held) >= _TOGETHER:
            self._store(self._keeper)

    def _due(self) -> None:
        try:
            if self._keeper is not None:
                self._store(self._keeper)
        except BaseException as error:  # noqa: BLE001  a callback of the loop has nobody to raise it to
            self.bug = error
            if self._task is not None:
                self._task.cancel()

    def _store(self, keeper: Keeps) -> None:
        """Store what is held, then pass it on."""
        held, self._held = self._held, []
        if results := [event.result for event in held if isinstance(event, JobEnded)]:
            keeper.keep(results)
        for event in held:
            if isinstance(event, RunEnded):
                keeper.end(event.report)
        if keeper.trouble and not self._told:
            self._told = True
            self._stop("history", finish=True)
            self._pass_on(Notice("The history cannot be written, so nothing more is started; what runs may finish"))
        for event in held:
            self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        for reporter in tuple(self._reporters):
            try:
                reporter.on(event)
            except OSError as error:
                self._reporters.remove(reporter)
                unread = error.errno == errno.EPIPE  # a reader that went away has seen enough: `| head`
                self._stop("unread" if unread else "unwritten", finish=True)
                if not unread:
                    self.trouble = self.trouble or error

    def look(self) -> None:
        """Say that time has passed, if nothing else was said since the last look."""
        if self._quiet:
            self.on(Tick())
        self._quiet = True
