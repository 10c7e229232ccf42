"""One run on its way into the history: its record before anything connects, then its results, then its end."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from pssh.errors import HistoryError
from pssh.history import spooled
from pssh.history.codec import pack
from pssh.history.disk import Forced
from pssh.history.marks import Marks
from pssh.history.records import Again, KeptHost
from pssh.history.spooled import Budget, Spool
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.report import Report, Run

NOTHING = Reply(exit_code=0)  # in the place of an end that is kept elsewhere


class Place(Protocol):
    """The history, as the keeper of one of its runs sees it."""

    path: Path
    database: sqlite3.Connection

    def writing(self) -> AbstractContextManager[None]: ...

    def told(self) -> AbstractContextManager[None]: ...

    def forget(self, now: float) -> None: ...


class Keeper:
    """What is called while a run goes on, in one thread at a time."""

    def __init__(self, history: Place, number: int, marks: Marks) -> None:
        self.number = number
        self.trouble: HistoryError | None = None  # why no more could be stored
        self._history, self._marks = history, marks
        self._disk = Forced(Path(f"{history.path}-wal"), marks.force)
        self._writer: Writer | None = None
        self._unstored: list[Result] = []
        self.spool = Budget()  # where what results do not hold is kept, once the run has begun
        self._spool = Spool(self.spool)

    @property
    def name(self) -> str:
        """The run's number as people name it."""
        return f"r{self.number}"

    @property
    def marks(self) -> Path:
        """The file in which workers mark a host before its command leaves."""
        return self._marks.path

    @property
    def unstored(self) -> list[str]:
        """The hosts whose results could not be stored."""
        return [result.host for result in self._unstored]

    def begin(
        self, run: Run, hosts: Sequence[KeptHost], again: Again, first: int = 0, *, unmarked: bool = False
    ) -> None:
        """Store what the run is, and forget what is too old; `first` is the run that it repeats a part of.

        `unmarked`: its engine marks no host before a command leaves. Raises HistoryError; then nothing may connect.
        """
        with self._history.told():
            self._marks.fill(len(hosts), unknown=unmarked)
            about = replace(run, hosts=())
            values = (first or self.number, run.started, len(hosts), pack(about), pack(hosts), pack(again), self.number)
            with self._history.writing():
                self._history.database.execute(
                    "update runs set state = 'running', first = ?, started = ?, hosts = ?, about = ?, targets = ?,"
                    " again = ? where number = ?",
                    values,
                )
            self._history.forget(run.started)
        options = again.options
        path = spooled.path_of(self._history.path.parent, self.name)
        self.spool = Budget(str(path), options.max_output, options.max_output_run)
        self._spool = Spool(self.spool)
        self._writer = Writer(self._history.database, self.number, run.text)

    def spill(self, result: Result, less: Reply | Failure) -> Reply | Failure:
        """Return the end that a result is cut to; what is left out of it is kept beside, as far as there is room."""
        return spooled.spilled(self._spool, result.job_id, result.end, less)

    def keep(self, results: Iterable[Result]) -> None:
        """Store results, all in one transaction; they may be shown once this returns.

        Where it fails, `trouble` says why, and they wait for the end of the run, when it is tried once more.
        """
        self._unstored += results
        if not self.trouble:
            self._store()

    def _store(self) -> None:
        assert self._writer is not None
        try:
            with self._history.told(), self._history.writing():
                for result in self._unstored:
                    self._writer.add(result)
        except HistoryError as error:
            self.trouble = self.trouble or error
            self._writer.forget()
        else:
            self._unstored.clear()
            self._disk.soon()

    def end(self, report: Report) -> None:
        """Store how the run ended, with what could not be stored before; where that fails, `trouble` says why.

        Then the run counts as interrupted, so that it has a row for every host.
        """
        if self._unstored:
            self._store()
        if self._unstored:
            return
        values = (report.seconds, report.stopped, report.exit_code, report.spread, self.number)
        try:
            with self._history.told(), self._history.writing():
                self._history.database.execute(
                    "update runs set state = 'ended', seconds = ?, stopped = ?, exit = ?, spread = ? where number = ?",
                    values,
                )
        except HistoryError as error:
            self.trouble = self.trouble or error
        else:
            self._disk.last()
            self._marks.remove()
            spooled.settle(self._history.path.parent, self.name)

    def close(self) -> None:
        """Let go of the run: one that did not begin gives its number back, one that did not end is settled later."""
        if self._writer is None:
            with self._history.told(), self._history.writing():
                self._history.database.execute("delete from runs where number = ?", (self.number,))
            self._marks.remove()
        self._marks.close()


class Writer:
    """Puts results of one run into a transaction that is open; equal ends are stored once."""

    def __init__(self, database: sqlite3.Connection, number: int, text: str) -> None:
        self._database, self._number, self._text = database, number, text
        self._ends: dict[bytes, int] = {}
        found = database.execute("select max(number) from ends where run = ?", (number,)).fetchone()[0]
        self._next = 0 if found is None else found + 1

    def add(self, result: Result) -> None:
        end = self._end(pack(result.end))
        operation = "" if result.operation == self._text else result.operation
        about = pack(replace(result, end=NOTHING, operation=operation))
        changed = None if result.changed is None else int(result.changed)
        self._database.execute(
            "insert or replace into results values (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._number, result.job_id, result.status, result.state, result.cause, changed, end, about),
        )

    def forget(self) -> None:
        """Forget which ends are stored: the transaction they were in came to nothing."""
        self._ends.clear()

    def _end(self, data: bytes) -> int:
        digest = blake2b(data, digest_size=16).digest()
        if digest not in self._ends:
            self._database.execute("insert into ends values (?, ?, ?)", (self._number, self._next, data))
            self._ends[digest] = self._next
            self._next += 1
        return self._ends[digest]
