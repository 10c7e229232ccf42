"""The history as a file: runs begin in it, get their results, and end; what was left behind by a dead run is settled.

Promises: a run has its number and its record before any connection; a result is stored before it is shown; a run of
which no process is alive is marked `interrupted` when the history is next opened, and each host that had no result gets
one that says only what is known (`not-started` or `end-unknown`). Nothing else is ever changed afterwards.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_config_path, user_state_path

from pssh.history import schema, spooled
from pssh.history.codec import unpack
from pssh.history.keeper import Keeper, Writer
from pssh.history.marks import Left, Marks, forget, left
from pssh.history.place import secure, state_folder
from pssh.history.records import KeptHost
from pssh.history.retention import SYSTEM, USUAL, Retention, retention
from pssh.model.outcome import Failure, Result, status_of

_DAY = 86400.0
_GIVEN_BACK = 1000  # pages of 4 KiB that a run gives back to the system at most: it is not to start slowly
FILE = "history.db"


class History:
    """One open history."""

    def __init__(self, folder: Path, kept: Retention = USUAL) -> None:
        """Open the history in this folder, made if there is none, and settle what dead runs left; raises HistoryError.

        `kept` says when runs are forgotten, once a new one has begun.
        """
        secure(folder)
        self.folder, self.path = folder, folder / FILE
        self._kept = kept
        self.database, self.notice = schema.connect(self.path)
        try:
            with self.told():
                self._settle()
        except BaseException:
            self.database.close()
            raise

    @classmethod
    def usual(cls, environ: Mapping[str, str] = os.environ) -> "History":
        """Open the history of this user; raises HistoryError, and ConfigError for what is said of it."""
        kept = retention(environ, (SYSTEM, user_config_path("pssh") / "config.toml"))
        return cls(state_folder(environ, user_state_path("pssh")), kept)

    def close(self) -> None:
        self.database.close()

    def allot(self, *, counts: bool = True, now: float | None = None) -> Keeper:
        """Return the keeper of a new run, which has a number from now on; without `counts` it is never `last`."""
        with self.told(), self.writing():
            highest = self.database.execute("select max(number) from runs").fetchone()[0]
            number = (highest or 0) + 1
            marks = Marks(self.folder, f"r{number}")
            spooled.remove(self.folder, f"r{number}")  # of a run of the same number, in a history that is gone
            values = (number, number, counts, time.time() if now is None else now)
            self.database.execute(
                "insert into runs (number, first, state, counts, started) values (?, ?, 'preparing', ?, ?)", values
            )
        return Keeper(self, number, marks)

    def forget(self, now: float) -> None:
        """Forget what is older than is kept; never the newest run, so that no number is given twice."""
        with self.told():
            newest = self.database.execute("select max(number) from runs").fetchone()[0] or 0
            oldest = now - self._kept.days * _DAY if self._kept.days else 0.0
            rows = self.database.execute(
                "select number from runs where number < ? and state in ('ended', 'interrupted')"
                " and (number <= ? or started < ?)",
                (newest, newest - (self._kept.keep or newest), oldest),
            ).fetchall()
            if not rows:
                return
            with self.writing():
                for table, column in (("results", "run"), ("ends", "run"), ("runs", "number")):
                    self.database.executemany(f"delete from {table} where {column} = ?", rows)
            for (number,) in rows:
                forget(self.folder, f"r{number}")
                spooled.remove(self.folder, f"r{number}")
            self.database.executescript(
                f"pragma incremental_vacuum({_GIVEN_BACK})"
            )  # which `execute` leaves after a page

    def told(self) -> AbstractContextManager[None]:
        """Raise what SQLite raises as HistoryError."""
        return schema.told(self.path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Do all that is written inside at once, or nothing of it."""
        self.database.execute("begin immediate")
        try:
            yield
            self.database.execute("commit")
        except BaseException:
            if self.database.in_transaction:  # SQLite has ended it itself at some errors
                self.database.execute("rollback")
            raise

    def _settle(self) -> None:
        """Settle the runs that are said to go on, and of which nobody is alive."""
        for (number,) in self._open():
            if marks := left(self.folder, f"r{number}"):
                try:
                    with self.writing():
                        if (number,) in self._open():  # else it ended meanwhile
                            self._interrupted(number, marks)
                    forget(self.folder, f"r{number}")
                    spooled.settle(self.folder, f"r{number}")
                finally:
                    marks.close()

    def _open(self) -> list[Any]:
        return self.database.execute("select number from runs where state in ('preparing', 'running')").fetchall()

    def _interrupted(self, number: int, marks: Left) -> None:
        row = self.database.execute("select state, targets from runs where number = ?", (number,))
        state, targets = row.fetchone()
        if state == "preparing":
            self.database.execute("delete from runs where number = ?", (number,))
            return
        known = {job for (job,) in self.database.execute("select job from results where run = ?", (number,))}
        writer = Writer(self.database, number, "")
        try:
            hosts = unpack(targets, list[KeptHost])
        except (ValueError, TypeError):  # a damaged record must not keep all others from being opened
            hosts = []
        for job, host in enumerate(hosts):
            if job not in known:
                writer.add(_unfinished(job, host, begun=marks.begun(job)))
        self.database.execute("update runs set state = 'interrupted' where number = ?", (number,))


def _unfinished(job: int, host: KeptHost, *, begun: bool) -> Result:
    """Return the result of a host that had none when its run was ended from outside."""
    if begun:
        said = "pssh itself was ended before the answer was stored"
        end = Failure(stage="worker", kind="died", message=said)
    else:
        said = "pssh itself was ended before the command was sent"
        end = Failure(stage="stop", kind="interrupt", message=said)
    status, state = status_of(end, started=begun)
    return Result(
        job_id=job, host=host.name, operation="", status=status, state=state, end=end, seconds={}, wave=host.wave
    )
