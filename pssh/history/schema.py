"""The tables of the history, and how a file becomes one: opened safely, or moved aside if it cannot be read.

A commit is written to the log of SQLite (WAL) and handed to the kernel; it then outlives a `kill -9` at any moment. It
is not forced to the disk each time (`synchronous=NORMAL`): that costs 1 to 20 ms a commit, as much as a host, and what
it adds is for a power cut alone. After one the file is whole, and the last second or so of a run may be missing
(`disk.py`).

Why the check at opening looks at the size alone: a whole check reads the whole file, which is seconds for a large one,
and finds no hole in a value that fills pages of its own. A file that was cut is shorter than its first page says.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pssh.errors import HistoryError
from pssh.history.place import open_file

VERSION = 1
_APPLICATION = 0x70737368  # "pssh"
_PATIENCE = 10.0  # seconds for another process to end what it writes
_TABLES = """
create table runs (
    number integer primary key, first integer not null, state text not null, counts integer not null,
    started real not null, hosts integer not null default 0, about blob, targets blob, again blob,
    seconds real, stopped text not null default '', exit integer, spread real
);
create table results (
    run integer not null, job integer not null, status text not null, state text not null, cause text not null,
    changed integer, end integer not null, about blob not null,
    primary key (run, job)
) without rowid;
create table ends (run integer not null, number integer not null, data blob not null, primary key (run, number))
    without rowid;
"""


def connect(path: Path) -> tuple[sqlite3.Connection, str]:
    """Return the open history, and a notice if the file there could not be read and was moved aside.

    Raises HistoryError for a file that is not ours, or of a newer version.
    """
    os.close(open_file(path))
    try:
        return _open(path), ""
    except sqlite3.DatabaseError as error:
        if not _damaged(error):
            raise HistoryError(f"The history `{path}` cannot be opened: {error}", hint=_HINT) from None
    aside = _aside(path)
    os.close(open_file(path))
    with told(path):
        from pssh.history.salvage import salvage  # which hardly any start needs

        database = _open(path)
        runs = salvage(aside, database)
    kept = f"{runs:,} runs of it were saved" if runs else "a new one is begun"
    return database, f"The history could not be read, and {kept}; the old one is `{aside}`"


_HINT = "`--no-history` runs without it, `PSSH_STATE` names another folder"


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Raise what SQLite raises as HistoryError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise HistoryError(f"The history `{path}` failed: {error}", hint=_HINT) from None


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _settle(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _settle(database: sqlite3.Connection, path: Path) -> None:
    version = _number(database, "user_version")
    if version > VERSION:
        hint = "`PSSH_STATE` names another folder"
        raise HistoryError(f"The history `{path}` is of a newer version of pssh", hint=hint)
    if not version:
        database.execute("pragma auto_vacuum=incremental")
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=normal")
    database.execute("pragma cell_size_check=on")
    if not version:
        _create(database)
    if _cut(database, path):
        raise sqlite3.DatabaseError("the file is not as long as it says")


def _create(database: sqlite3.Connection) -> None:
    database.execute("begin immediate")
    if not _number(database, "user_version"):  # else another process was first
        for statement in filter(str.strip, _TABLES.split(";")):
            database.execute(statement)
        database.execute(f"pragma application_id={_APPLICATION}")
        database.execute(f"pragma user_version={VERSION}")
    database.execute("commit")


def _cut(database: sqlite3.Connection, path: Path) -> bool:
    size, page = path.stat().st_size, _number(database, "page_size")
    log = Path(f"{path}-wal")
    whole = size == page * _number(database, "page_count")
    return not whole and not (log.exists() and log.stat().st_size)


def _number(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"pragma {name}").fetchone()[0])


def _damaged(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _aside(path: Path) -> Path:
    """Move the file and what belongs to it out of the way, and return where it went."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}-{os.getpid()}")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside
