"""What was decided about each job, and what came of it, on disk: a small SQLite file beside the history.

Promises: each time a job is due is answered once, also where a timer and a loop ask at the same moment, and never
without a record of the answer, wherever a process is killed; a run is on record before it begins, and one whose process
is gone is marked `interrupted` when its lock is next taken. The folder is 0700 and the file 0600 from the call that
makes them; what belongs to another user, or is a link, is refused.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from platformdirs import user_state_path

from pssh.errors import PsshError
from pssh.history.place import state_folder
from pssh.schedule.decide import Skip

_KEEP = 1_000  # answers per job
_SCHEMA = """
create table if not exists jobs (
    path text primary key, name text not null, last real not null, paused text not null default ''
);
create table if not exists answers (
    id integer primary key, path text not null, due real not null, first real not null, decided real not null,
    what text not null, reason text not null, detail text not null default '', run text not null default '',
    status text not null default '', code integer, seconds real, hosts integer, until real
);
create index if not exists answers_of on answers (path, id);
pragma user_version = 1;
"""


class StateError(PsshError):
    """The record of the jobs cannot be kept; nothing is run without it."""

    exit_code = 1


class Job(Struct, frozen=True):
    """A job as it is known."""

    last: datetime  # the newest time that was answered, or when the job was first seen
    paused: str = ""  # by whom and since when


class Answer(Struct, frozen=True, kw_only=True):
    """What became of one time at which a job was due, or of a run by hand."""

    id: int
    due: datetime
    first: datetime  # of the times that this one answer is for
    decided: datetime
    what: str  # "run" or "skipped"
    reason: str  # "due", "catch-up", "now", "resume"; of a skip "overlap", "missed", ...
    detail: str = ""
    run: str = ""  # "r42" in the history
    status: str = ""  # of a run: "ok", or the worst word; "interrupted"; empty while it goes on
    code: int | None = None
    seconds: float | None = None
    hosts: int | None = None
    until: datetime | None = None

    @property
    def word(self) -> str:
        """How it went, in one word."""
        return f"skipped rule/{self.reason}" if self.what == "skipped" else self.status or "running"


def folder_of(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what is kept between runs."""
    return state_folder(environ, user_state_path("pssh"))


def secured(folder: Path) -> Path:
    """Return the folder, made 0700 if there is none; raises StateError for one that is not ours alone."""
    try:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            missing.mkdir(0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise StateError(f"The folder `{folder}` cannot be made: {error.strerror}", hint=_HINT) from None
    if not stat.S_ISDIR(status.st_mode):
        raise StateError(f"The folder `{folder}` is refused: it is a link or no folder", hint=_HINT)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise StateError(f"The folder `{folder}` is refused: others may write to it", hint=_HINT)
    return folder


_HINT = "`PSSH_STATE` names another folder"


class State:
    """The open record."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = secured(folder or folder_of())
        self.path = self.folder / "jobs.db"
        with self._told():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            opened = os.open(self.path, flags, 0o600)
            status = os.fstat(opened)
            os.close(opened)
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise StateError(f"The record `{self.path}` is refused: others may write to it", hint=_HINT)
            self._database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            if self._database.execute("pragma user_version").fetchone()[0] > 1:
                raise StateError(f"The record `{self.path}` was written by a newer pssh")
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"The record `{self.path}` cannot be kept: {error}", hint=_HINT) from None
        except OSError as error:
            raise StateError(f"The record `{self.path}` cannot be kept: {error.strerror}", hint=_HINT) from None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep all that is recorded inside, or nothing of it."""
        with self._told():
            self._database.execute("begin immediate")
        try:
            yield
            with self._told():
                self._database.execute("commit")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("rollback")
            raise

    def job(self, path: Path, name: str, now: datetime) -> Job:
        """Return what is known of a job; one that is seen for the first time was never due before now."""
        with self._told():  # asked every second by a loop: what is known already is not written again
            known = self._database.execute(
                "select last, paused, name from jobs where path = ?", (str(path),)
            ).fetchone()
            if known and known[2] == name:
                return Job(_when(known[0]), known[1])
            self._database.execute(
                "insert into jobs (path, name, last) values (?, ?, ?) on conflict (path) do update set name = ?",
                (str(path), name, now.timestamp(), name),
            )
            row = self._database.execute("select last, paused from jobs where path = ?", (str(path),)).fetchone()
        return Job(_when(row[0]), row[1])

    def look(self, path: Path) -> Job | None:
        """Return what is known of a job, without making it known."""
        with self._told():
            row = self._database.execute("select last, paused from jobs where path = ?", (str(path),)).fetchone()
        return Job(_when(row[0]), row[1]) if row else None

    def answer(self, path: Path, at: datetime) -> bool:
        """Take the answer for what is due `at` on; False if somebody else has given one."""
        with self._told():
            done = self._database.execute(
                "update jobs set last = ? where path = ? and last < ?", (at.timestamp(), str(path), at.timestamp())
            )
        return done.rowcount == 1

    def skipped(self, path: Path, skip: Skip, now: datetime) -> None:
        values = (str(path), skip.at.timestamp(), skip.first.timestamp(), now.timestamp(), skip.reason, skip.detail)
        with self._told():
            self._database.execute(
                "insert into answers (path, due, first, decided, what, reason, detail)"
                " values (?, ?, ?, ?, 'skipped', ?, ?)",
                values,
            )

    def begun(
        self, path: Path, at: datetime, reason: str, until: datetime | None, now: datetime, status: str = ""
    ) -> int:
        """Put a run on record and return its number here; `status` is `waiting` for one that is to begin."""
        closes = until and until.timestamp()
        values = (str(path), at.timestamp(), at.timestamp(), now.timestamp(), reason, closes, status)
        with self._told():
            done = self._database.execute(
                "insert into answers (path, due, first, decided, what, reason, until, status)"
                " values (?, ?, ?, ?, 'run', ?, ?, ?)",
                values,
            )
            self._database.execute(
                "delete from answers where path = ? and id <= (select max(id) from answers where path = ?) - ?",
                (str(path), str(path), _KEEP),
            )
        return done.lastrowid or 0

    def ended(self, number: int, status: str, code: int, *, seconds: float, hosts: int, run: str = "") -> None:
        with self._told():
            self._database.execute(
                "update answers set status = ?, code = ?, seconds = ?, hosts = ?, run = ? where id = ?",
                (status, code, seconds, hosts, run, number),
            )

    def gone_on(self, number: int, until: datetime | None, now: datetime) -> None:
        """A run that was waiting begins."""
        with self._told():
            self._database.execute(
                "update answers set status = '', until = ?, decided = ? where id = ?",
                (until and until.timestamp(), now.timestamp(), number),
            )

    def dropped(self, number: int) -> None:
        """A run that was waiting is not to begin."""
        with self._told():
            self._database.execute("delete from answers where id = ?", (number,))

    def settle(self, path: Path, status: str = "") -> int:
        """Mark runs that never ended, or are `waiting`, as interrupted, and return how many.

        The caller holds the lock without which nobody runs, or waits.
        """
        with self._told():
            done = self._database.execute(
                "update answers set status = 'interrupted' where path = ? and what = 'run' and status = ?",
                (str(path), status),
            )
        return done.rowcount

    def open(self, path: Path) -> bool:
        """Whether a run of it is on record that has not ended."""
        with self._told():
            said = "select 1 from answers where path = ? and what = 'run' and status = '' limit 1"
            return self._database.execute(said, (str(path),)).fetchone() is not None

    def pause(self, path: Path, by: str) -> None:
        """Run the job at none of its times until it is resumed: with an empty `by`."""
        with self._told():
            self._database.execute("update jobs set paused = ? where path = ?", (by, str(path)))

    def answers(self, path: Path, most: int = 20) -> list[Answer]:
        """Return the newest answers, the newest first."""
        with self._told():
            rows = self._database.execute(
                "select id, due, first, decided, what, reason, detail, run, status, code, seconds, hosts, until"
                " from answers where path = ? order by id desc limit ?",
                (str(path), most),
            ).fetchall()
        return [_answer(row) for row in rows]

    def known(self) -> list[tuple[Path, str]]:
        """Return path and name of every job that was seen."""
        with self._told():
            rows = self._database.execute("select path, name from jobs order by name, path").fetchall()
        return [(Path(path), name) for path, name in rows]

    def forget(self, path: Path) -> None:
        with self._told():
            self._database.execute("delete from jobs where path = ?", (str(path),))
            self._database.execute("delete from answers where path = ?", (str(path),))


def _answer(row: tuple[Any, ...]) -> Answer:
    fields: dict[str, Any] = dict(zip(Answer.__struct_fields__, row, strict=True))
    for name in ("due", "first", "decided", "until"):
        value = fields[name]
        fields[name] = None if value is None else _when(float(value))
    return Answer(**fields)


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
